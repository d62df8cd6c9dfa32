"""From click to map in a real Chromium, against the real app."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from core.launching import ensure_supervisor
from core.recipes import recipe_config
from core.run_store import create_run, list_runs
from core.runs import RunFolder
from core.settings import override
from tests.conftest import end_supervisor, wait_for
from tests.real_app import (
    CHROMIUM,
    SAYS,
    TABS,
    RealApp,
    load,
    open_page,
    open_tab,
    plotted,
    press,
    wait_until_says,
)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: apt-get install chromium"),
]
MAP = "document.querySelector('#map [data-part=plot]')"


@pytest.fixture(scope="module")
def runs_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("browser")
    ensure_supervisor(folder)
    yield folder
    end_supervisor(folder)


@pytest.fixture(scope="module")
def started_app(runs_dir: Path) -> Iterator[RealApp]:
    started = RealApp(runs_dir)
    yield started
    started.kill()


@pytest.fixture
def app(started_app: RealApp) -> RealApp:
    """The app, started again where the test before has killed it."""
    if started_app.process.poll() is not None:
        started_app.start()
    return started_app


@pytest.fixture
def complaints(tab: tuple[Page, list[str]]) -> list[str]:
    return tab[1]


@pytest.fixture
def page(app: RealApp, tab: tuple[Page, list[str]]) -> Iterator[Page]:
    opened, complaints = tab
    complaints.clear()
    yield load(opened, app.url)
    # What the test has left is not asked for any more.
    opened.goto("about:blank")


@pytest.fixture
def two_runs(runs_dir: Path) -> list[RunFolder]:
    """Two short runs that have ended before the page is opened."""
    short = {"max_steps": 12, "eval_every": 6, "snapshots": False}
    runs = [create_run(runs_dir, override(recipe_config("quick-demo"), short | {"learning_rate": rate}), None)
            for rate in (1e-3, 5e-3)]  # fmt: skip
    for run in runs:
        wait_for(run, lambda status: status.is_final)
    return runs


def start_long_run(page: Page) -> None:
    open_tab(page, "Train")
    page.get_by_label("Epochs", exact=True).first.fill("900")
    page.keyboard.press("Tab")
    page.wait_for_function("document.querySelector('.plan').textContent.includes('900 epochs')")
    press(page, "Start training")
    wait_until_says(page, "Training")


def map_points(page: Page, column: int) -> list[tuple[float, float]]:
    """Return the places of one side of the map: 0 before, 1 after."""
    axis = "x" if column == 0 else "x2"
    script = f"{MAP}.data.filter(t => (t.xaxis || 'x') === '{axis}').flatMap(t => Array.from(t.x || [], (x, i) => [x, t.y[i]]))"
    return [(float(x), float(y)) for x, y in page.evaluate(script)]


def check_map(page: Page) -> None:
    open_tab(page, "Explore")
    page.wait_for_function(f"({MAP}?.data || []).length > 0", timeout=60_000)
    page.locator("#map [data-choice=shows][value=both]").check()
    page.wait_for_function(f"{MAP}.data.some(t => t.xaxis === 'x2')")
    sides = [map_points(page, column) for column in (0, 1)]
    for places in sides:
        assert len(set(places)) >= 200
        for values in zip(*places, strict=True):
            assert max(values) - min(values) > 0.05, "all points on one spot"
    assert sides[0] != sides[1], "training moves the texts"
    picture = Image.open(io.BytesIO(page.locator("#map [data-part=plot]").screenshot())).convert("RGB")
    colours = np.asarray(picture).reshape(-1, 3)
    inked = (colours.max(axis=1).astype(int) - colours.min(axis=1) > 60).reshape(picture.height, picture.width)
    places = np.argwhere(inked)
    assert (np.ptp(places, axis=0) > 150).all() and inked.sum() > 3000, "points are spread over the screen too"


def check_scores(page: Page) -> None:
    open_tab(page, "Evaluate")
    page.wait_for_selector("text=sample validation: 400 pairs")
    # The table follows the run's folder once a second.
    page.locator("table.facts:visible td.rise, table.facts:visible td.fall").first.wait_for(timeout=5000)
    rows = page.locator("table.facts:visible").filter(has_text="Manhattan").first.locator("tbody tr").all_inner_texts()
    assert [row.split("\t")[0] for row in rows] == ["Cosine", "Dot", "Manhattan", "Euclidean", "Best of the four"]
    assert all(len(row.split("\t")) == 7 and "–" not in row for row in rows), "before, after and difference, twice"


def test_from_click_to_map_and_back_after_a_restart(
    app: RealApp, runs_dir: Path, browser: Browser, page: Page, complaints: list[str]
) -> None:
    # A first visit is led: each of the three clicks opens its tab, and the next one is lit.
    steps = page.locator(".first-steps button")
    steps.first.click()
    wait_until_says(page, "Training")
    assert steps.nth(1).get_attribute("aria-disabled") == "true"
    page.reload()
    open_tab(page, "Train")
    second = open_page(browser, app.url, complaints)
    open_tab(second, "Train")
    for each in (page, second):
        wait_until_says(each, "Done")
        loss, curve, untouched = plotted(each, "loss"), plotted(each, "evaluation"), plotted(each, "evaluation", 1)
        assert len(loss) > 5 and loss[-1] < loss[0] / 2, "the whole curve is there, and it falls"
        assert len(curve) > 3 and max(curve) > untouched[0] == curve[0], "the line starts at the dashed one and rises past it"
        assert each.evaluate("document.querySelector('[data-plot=evaluation]').data[1].line.dash") == "dash"
    title = page.locator("[data-title=evaluation]").inner_text()
    assert "sample validation" in title, "what is measured is named for what it is"
    for place, name in ((1, "Evaluate"), (2, "Explore")):
        # They follow the run's folder once a second.
        steps.nth(place).and_(page.locator(".next")).wait_for()
        steps.nth(place).click()
        assert page.get_by_role("tab", name=name, exact=True).first.get_attribute("aria-selected") == "true"
    check_scores(page)
    check_map(page)
    assert not complaints
    second.close()
    page.goto("about:blank")
    app.kill()
    app.start()
    load(page, app.url)
    page.wait_for_function("[...document.querySelectorAll('.first-steps i')].every(step => step.textContent === '✓')")
    check_scores(page)
    check_map(page)
    open_tab(page, "Runs")
    name = list_runs(runs_dir)[0][0].id
    page.locator("#runs-table").get_by_text(name).locator("visible=true").first.wait_for()
    assert not complaints


def test_stop_is_heard_within_three_seconds_and_keeps_the_model(page: Page, runs_dir: Path, complaints: list[str]) -> None:
    start_long_run(page)
    page.wait_for_function("document.querySelector('[data-plot=loss]').data[0].x.length > 3")
    page.evaluate("window.Plotly.relayout(document.querySelector('[data-plot=loss]'), {'xaxis.range': [1, 3]})")
    seen = len(plotted(page, "loss"))
    page.wait_for_function(f"document.querySelector('[data-plot=loss]').data[0].x.length > {seen + 3}")
    zoom = page.evaluate("document.querySelector('[data-plot=loss]').layout.xaxis.range")
    assert zoom == [1, 3], "the zoom stays while points come in"
    press(page, "Stop")
    page.wait_for_function(f"/Stopp/.test({SAYS})", timeout=3000)
    wait_until_says(page, "Stopped")
    status = list_runs(runs_dir)[0][1]
    assert (status.state, status.has_model) == ("stopped", True)
    assert not complaints


def test_cancel_ends_the_run_and_keeps_no_model(page: Page, runs_dir: Path) -> None:
    start_long_run(page)
    press(page, "Cancel")
    wait_until_says(page, "Stopped", 6)
    status = list_runs(runs_dir)[0][1]
    assert (status.state, status.has_model) == ("stopped", False)


def test_wrong_setting_is_told_on_the_page_and_starts_nothing(page: Page, runs_dir: Path, complaints: list[str]) -> None:
    before = [run.id for run, _ in list_runs(runs_dir)]
    open_tab(page, "Train")
    page.get_by_label("Batch size", exact=True).first.fill("0")
    page.keyboard.press("Tab")
    page.wait_for_selector("text=batch_size: '0' cannot be used; choose a whole number from 1 to")
    press(page, "Start training")
    page.wait_for_selector(".toast-wrap >> text=batch_size")
    assert [run.id for run, _ in list_runs(runs_dir)] == before and not complaints


def test_every_tab_opens_and_the_web_process_holds_no_torch(app: RealApp, page: Page, complaints: list[str]) -> None:
    assert [tab.inner_text().strip() for tab in page.get_by_role("tab").all()] == list(TABS)
    for name in TABS:
        open_tab(page, name)
        page.wait_for_timeout(300)
    mapped = Path(f"/proc/{app.process.pid}/maps").read_text()
    assert "libtorch" not in mapped and "llvmlite" not in mapped and "sklearn" not in mapped
    assert not complaints


def test_two_runs_are_laid_over_each_other(two_runs: list[RunFolder], page: Page, complaints: list[str]) -> None:
    runs = two_runs
    open_tab(page, "Train")
    page.get_by_text("Lay runs over each other").click()
    field = page.locator("#lay-over input")
    for run in runs:
        field.click()
        page.get_by_role("option").filter(has_text=run.id[-6:]).click()
    drawn = "document.querySelector('#overlay [data-part=loss]')?.data ?? []"
    page.wait_for_function(f"({drawn}).filter(curve => curve.x.length > 2).length === 2")
    colours = page.evaluate(f"({drawn}).map(curve => curve.line.color)")
    assert len(set(colours)) == 2
    differences = page.locator("#overlay .differences").inner_text()
    assert "learning_rate" in differences and "0.001" in differences and "0.005" in differences
    assert "batch_size" not in differences
    assert not complaints


def test_killed_app_leaves_the_run_going(page: Page, app: RealApp, runs_dir: Path) -> None:
    open_tab(page, "Train")
    page.get_by_label("Epochs", exact=True).first.fill("3")
    page.keyboard.press("Tab")
    page.wait_for_function("document.querySelector('.plan').textContent.includes('3 epochs')")
    press(page, "Start training")
    wait_until_says(page, "Training")
    away = page.locator("#news .away")
    assert not away.is_visible()
    app.kill()
    away.wait_for()
    assert wait_for(list_runs(runs_dir)[0][0], lambda status: status.is_final).state == "done"
    app.start()
    away.wait_for(state="hidden")
