"""The Explore tab in a real Chromium, against the real app, its desk and runs that were really trained."""

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from core.launching import ensure_supervisor
from core.recipes import recipe_config
from core.run_store import create_run
from core.runs import RunFolder
from core.settings import override
from core.spaces import Space, run_space, snapshot_steps
from tests.conftest import end_supervisor, wait_for
from tests.map_page import (
    PLOT,
    check_spread,
    choose,
    draw_lasso,
    extent,
    loneliest,
    painted,
    points,
    press_point,
    told,
    wait_for_map,
)
from tests.real_app import CHROMIUM, RealApp, open_page, open_tab

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: apt-get install chromium"),
]
DRAWN = f"document.querySelector('{PLOT}')"
SIDE = ".explorer [data-part=side]"


@pytest.fixture(scope="module")
def runs_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("explore")
    yield folder
    end_supervisor(folder)


@pytest.fixture(scope="module")
def started_runs(runs_dir: Path) -> list[RunFolder]:
    """Two runs that watch the same texts, the second one the newest; they train while the app starts."""
    ensure_supervisor(runs_dir)
    return [train(runs_dir, learning_rate=rate) for rate in (1e-3, 5e-3)]


@pytest.fixture(scope="module")
def app(runs_dir: Path, started_runs: list[RunFolder]) -> Iterator[RealApp]:
    started = RealApp(runs_dir)
    yield started
    started.kill()


@pytest.fixture(scope="module")
def runs(started_runs: list[RunFolder], app: RealApp) -> list[RunFolder]:
    for run in started_runs:
        assert wait_for(run, lambda status: status.is_final, 120).state == "done"
    return started_runs


def train(runs_dir: Path, **settings: float) -> RunFolder:
    return create_run(runs_dir, override(recipe_config("quick-demo"), {"max_steps": 40, **settings}), None)


def open_map(browser: Browser, app: RealApp) -> tuple[Page, list[str]]:
    complaints: list[str] = []
    page = open_page(browser, app.url, complaints)
    open_tab(page, "Explore")
    wait_for_map(page)
    return page, complaints


def wait_for_step(page: Page, start: str) -> None:
    page.wait_for_function(f"document.querySelector('.explorer [data-part=step]').textContent.startsWith('{start}')")


def check_film(page: Page, space: Space) -> None:
    """The film opens at the model that was kept; from the first frame it is played to the last."""
    steps, slider = space.steps, page.locator(".explorer [data-part=slider]")
    # Which one that is hangs on how often this machine had the time to evaluate.
    wait_for_step(page, f"Step {steps[space.kept]} of {steps[-1]}")
    assert slider.input_value() == str(space.kept)
    slider.fill(str(len(steps) - 1))
    wait_for_step(page, f"Step {steps[-1]} of {steps[-1]}")
    last = points(page)
    slider.fill("0")
    wait_for_step(page, f"Step 0 of {steps[-1]}")
    first = points(page)
    assert np.abs(last - first).max() > 20, "training moves the texts"
    page.locator(".explorer [data-act=play]").click()
    wait_for_step(page, f"Step {steps[-1]} of {steps[-1]}")
    page.wait_for_function("document.querySelector('.explorer [data-act=play]').textContent.includes('Play')")
    assert slider.input_value() == str(len(steps) - 1)
    np.testing.assert_allclose(points(page), last, atol=0.01)
    assert "neighbours changed" in told(page, "told")


def check_card(page: Page, texts: list[str]) -> None:
    row = loneliest(points(page))
    press_point(page, row)
    page.wait_for_selector(f"{SIDE} .quote")
    assert page.locator(f"{SIDE} .quote").inner_text() == texts[row]
    lists = page.locator(f"{SIDE} .two ol")
    for place in (0, 1):
        near = lists.nth(place).locator("button.text").all_inner_texts()
        assert len(near) == len(set(near)) == 10
        assert texts[row] not in near
        assert set(near) <= set(texts)
    page.locator(f"{SIDE} [data-act=back]").click()


def check_typed(page: Page, text: str) -> None:
    page.locator(".explorer [data-part=typed]").fill(f"{text}\nA violin plays in the empty hall.")
    page.get_by_role("button", name="Put on the map").click()
    page.wait_for_selector(f"{SIDE} >> text=Cosine of the two", timeout=60_000)
    assert page.locator(f"{SIDE} .two").first.locator("ol").first.locator("button.text").first.inner_text() == text
    own = page.evaluate(f"Array.from({DRAWN}._fullData.find(each => each.marker?.symbol === 'diamond').x)")
    assert len(own) == 2


def check_zoom_and_search(page: Page, texts: list[str]) -> None:
    whole = page.evaluate(f"{DRAWN}._fullLayout.xaxis.range")
    page.locator(PLOT).hover()
    page.mouse.wheel(0, -300)
    # Plotly gathers the turns of a wheel.
    page.wait_for_timeout(400)
    zoom = page.evaluate(f"{DRAWN}._fullLayout.xaxis.range")
    assert zoom[1] - zoom[0] < 0.95 * (whole[1] - whole[0])
    word = max(texts, key=len).split()[1].lower()
    fits = [text for text in texts if word in text.lower()]
    page.locator(".explorer [data-part=words]").fill(word)
    page.wait_for_selector(f"{SIDE} >> text={len(fits)} texts with these words")
    assert page.locator(f"{SIDE} button.text").all_inner_texts() == fits[:50]
    faded = page.evaluate(f"{DRAWN}._fullData.find(t => t.hovertemplate).marker.opacity.map(one => one < 0.5)")
    assert [not one for one in faded] == [word in text.lower() for text in texts]
    assert page.evaluate(f"{DRAWN}._fullLayout.xaxis.range") == pytest.approx(zoom), "the zoom stays"
    page.locator(".explorer [data-part=words]").fill("")
    page.locator(f"{PLOT} [data-title='Reset axes']").click(force=True)
    page.wait_for_function(f"Math.abs({DRAWN}._fullLayout.xaxis.range[0] - {whole[0]}) < 0.01")


def check_lasso(page: Page, folder: Path) -> None:
    """Go round the texts on the left half of the plot."""
    places = points(page)
    middle = float(np.sort(places[:, 0])[len(places) // 2 - 1 : len(places) // 2 + 1].mean())
    low, high = places.min(axis=0) - 12, places.max(axis=0) + 12
    draw_lasso(page, np.array([low, [middle, low[1]], [middle, high[1]], [low[0], high[1]]]))
    inside = int((places[:, 0] < middle).sum())
    page.wait_for_selector(f"{SIDE} >> text=texts in the lasso")
    held = int(page.locator(f"{SIDE} h4").first.inner_text().split()[0])
    assert abs(held - inside) <= 2, "but for a text under the line"
    with page.expect_download() as download:
        page.locator(f"{SIDE} [data-act=save]").click()
    download.value.save_as(folder / "map.csv")
    with (folder / "map.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == held
    assert [row["text"] for row in rows][:3] == page.locator(f"{SIDE} ol button.text").all_inner_texts()[:3]
    assert set(rows[0]) >= {"topic", "part", "x_before", "y_after", "cluster", "movement"}


def test_film_is_watched_asked_and_cut_out(app: RealApp, runs: list[RunFolder], browser: Browser, tmp_path: Path) -> None:
    space = run_space(runs[-1].path)
    page, complaints = open_map(browser, app)
    check_spread(page)
    check_film(page, space)
    check_card(page, space.texts)
    check_typed(page, space.texts[0])
    check_zoom_and_search(page, space.texts)
    check_lasso(page, tmp_path)
    assert complaints == []
    page.close()


def test_before_and_after_umap_and_a_race(app: RealApp, runs: list[RunFolder], browser: Browser) -> None:
    page, complaints = open_map(browser, app)
    kept = page.evaluate(f"Array.from({DRAWN}._fullData.find(t => t.hovertemplate).x)")
    choose(page, "shows", "both")
    panels = page.evaluate(f"{DRAWN}._fullData.filter(t => t.hovertemplate).map(t => Array.from(t.x))")
    assert len(panels) == 2
    np.testing.assert_allclose(panels[1], kept, err_msg="the film's last frame is the map")
    assert np.abs(np.array(panels[0]) - kept).max() > 0.05
    choose(page, "shows", "film")
    field = page.locator("#map-beside input")
    field.click()
    page.get_by_role("option").filter(has_text=runs[0].id[-6:]).click()
    page.wait_for_function(f"{DRAWN}._fullData.filter(t => t.hovertemplate).length === 2", timeout=30_000)
    for panel in (0, 1):
        assert extent(points(page, panel)) > 50
    assert len(page.evaluate(f"{DRAWN}.layout.annotations")) == 2
    choose(page, "method", "umap")
    page.wait_for_function("document.querySelector('.explorer [data-part=told]').textContent.includes('UMAP:')", timeout=120_000)
    assert extent(points(page)) > 50
    moved = page.evaluate(f"Array.from({DRAWN}._fullData.find(t => t.hovertemplate).x)")
    assert np.abs(np.array(moved) - kept).max() > 0.3
    assert len(painted(page)) > 1000
    assert complaints == []
    page.close()


def test_map_grows_while_the_run_goes_on(app: RealApp, runs: list[RunFolder], runs_dir: Path, browser: Browser) -> None:
    run = train(runs_dir, max_steps=20_000, epochs=900.0)
    try:
        wait_for(run, lambda status: status.state == "training", 60)
        page, complaints = open_map(browser, app)
        most = "Number(document.querySelector('.explorer [data-part=slider]').max)"
        seen = page.evaluate(most)
        page.wait_for_function(f"{most} > {seen}", timeout=60_000)
        assert page.locator(".explorer [data-part=slider]").input_value() == str(page.evaluate(most)), "it shows the newest"
        assert "the run goes on" in told(page, "says")
        assert len(snapshot_steps(run.path / "snapshots")) > seen
        assert complaints == []
        page.close()
    finally:
        run.request_cancel()
        wait_for(run, lambda status: status.is_final, 30)
