"""The Scores block in a real Chromium: pictures come, a click on a point reads its pair, other pairs are scored by a button."""

import contextlib
import os
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from core.launching import ensure_supervisor
from core.recipes import recipe_config
from core.run_store import create_run
from core.runs import RunFolder
from core.settings import override
from tests import ready
from tests.conftest import wait_for
from tests.real_app import CHROMIUM, free_port, press

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: apt-get install chromium"),
]
SHORT = {"data": "snli", "max_steps": 3, "batch_size": 8, "eval_every": 3, "best_by": "last", "snapshots": False}
# Where a point of a trace lies on the screen, and which pair it is.
POINT = """([place, trace, point]) => {
  const plot = document.querySelector(`${place} .pair-scatter [data-figure]`);
  const layout = plot._fullLayout, drawn = plot.data[trace];
  plot.scrollIntoView({block: 'center'});
  const box = plot.getBoundingClientRect(), end = trace ? trace + 1 : '', x = layout[`xaxis${end}`], y = layout[`yaxis${end}`];
  return [box.x + x._offset + x.d2p(drawn.x[point]), box.y + y._offset + y.d2p(drawn.y[point]), drawn.customdata[point]];
}"""


@pytest.fixture
def trained(warm_dir: Path, small_data: Path) -> RunFolder:
    run = create_run(warm_dir, override(recipe_config("mnr"), SHORT), small_data)
    ensure_supervisor(warm_dir)
    assert wait_for(run, lambda status: status.is_final).state == "done"
    return run


@pytest.fixture
def url(trained: RunFolder, small_data: Path) -> Iterator[str]:
    """A page with the block alone; Gradio in this process would leave sockets behind."""
    port = free_port()
    nowhere, given = Path(os.devnull), [str(trained.runs_dir), str(small_data), trained.id, str(port)]
    page = ready.start("tests.scores_page", given, os.environ, nowhere, nowhere)
    address, deadline = f"http://127.0.0.1:{port}", time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=5):
            break
        time.sleep(0.1)
    yield address
    page.kill()
    page.wait(10)


def click_point(page: Page, place: str, trace: int, point: int) -> int:
    page.wait_for_function(f"Boolean(document.querySelector('{place} .pair-scatter [data-figure]')?._fullLayout?.xaxis2?.d2p)")
    x, y, row = page.evaluate(POINT, [place, trace, point])
    page.mouse.move(x, y)
    # Plotly looks for the point under the pointer a moment after it has come.
    page.wait_for_selector(f"{place} .pair-scatter .hovertext")
    page.mouse.click(x, y)
    page.wait_for_selector(f"{place} .pair-line .plan")
    return int(row)


def test_pairs_are_read_by_clicks_and_other_pairs_scored_by_the_button(url: str, browser: Browser) -> None:
    complaints: list[str] = []
    with contextlib.closing(browser.new_page(viewport={"width": 1200, "height": 900})) as page:
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(url, wait_until="load")
        page.wait_for_selector("#scores-view >> text=On STSB validation, 12 pairs")
        click_point(page, "#scores-view", 1, 11)
        assert "A horse runs." in page.locator("#scores-view .pair-line").inner_text()
        page.get_by_text("Score the test part, or other scored pairs").click()
        page.get_by_label("Pairs", exact=True).click()
        page.get_by_role("option", name="Sample: validation").click()
        press(page, "Score these pairs")
        page.wait_for_selector("#pairs-view >> text=the sample's validation part, 400 pairs", timeout=60_000)
        click_point(page, "#pairs-view", 0, 7)
        told = page.locator("#pairs-view .pair-line").inner_text()
        assert "before training: cosine" in told and "after training: cosine" in told
        # What came beside it has left the run's own pair alone.
        assert "A horse runs." in page.locator("#scores-view .pair-line").inner_text()
    assert complaints == []
