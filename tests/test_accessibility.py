"""The page for those who use no mouse or see no colours: axe-core on every tab, and the main path by keyboard alone."""

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest
from playwright.sync_api import Page

from core.launching import ensure_supervisor
from core.recipes import recipe_config
from core.run_store import create_run, list_runs
from core.runs import RunFolder
from core.settings import override
from tests.conftest import wait_for
from tests.map_page import PLOT, points, wait_for_map
from tests.real_app import CHROMIUM, TABS, RealApp, load, open_tab, wait_until_says

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: apt-get install chromium"),
]
AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
ASK = """async only => {
  const found = await axe.run(document, {resultTypes: ['violations'], ...only.length ? {runOnly: only} : {}});
  return found.violations.filter(each => ['serious', 'critical'].includes(each.impact)).map(
    each => `${each.impact} ${each.id}: ${each.nodes.length} times, first ${each.nodes[0].html.slice(0, 300)}`);
}"""
# What other colours and another width can break; the rest is the same on both pages.
OF_THE_LOOK = ["color-contrast", "scrollable-region-focusable"]
TALL, NARROW = {"width": 1440, "height": 1200}, {"width": 820, "height": 1200}
FOCUSED = "document.activeElement"
# A dropdown shows it around its whole box.
IS_SEEN = f"""(() => [{FOCUSED}, {FOCUSED}.closest('.wrap')].filter(Boolean).some(node => {{
  const style = getComputedStyle(node);
  return style.outlineStyle !== 'none' || style.boxShadow !== 'none';
}}))()"""


@pytest.fixture(scope="module")
def run(warm_module: Path) -> RunFolder:
    """A short run; it trains while the app starts."""
    ensure_supervisor(warm_module)
    return create_run(warm_module, override(recipe_config("quick-demo"), {"max_steps": 12, "eval_every": 6}), None)


@pytest.fixture(scope="module")
def app(warm_module: Path, run: RunFolder) -> Iterator[RealApp]:
    started = RealApp(warm_module)
    yield started
    started.kill()


@pytest.fixture
def page(app: RealApp, run: RunFolder, tab: tuple[Page, list[str]]) -> Page:
    assert wait_for(run, lambda status: status.is_final, 120).state == "done"
    return tab[0]


def see_all(page: Page) -> None:
    """Open every block of the tab that is shown, and wait for what is drawn."""
    page.evaluate("""() => {
      for (const closed of document.querySelectorAll('button.label-wrap:not(.open)')) if (closed.offsetWidth) closed.click();
      for (const closed of document.querySelectorAll('details')) if (closed.offsetWidth) closed.open = true;
    }""")
    page.wait_for_timeout(400)


def serious(page: Page, app: RealApp, theme: str, only: list[str]) -> list[str]:
    """Return what axe-core finds serious or critical on each tab, and tabs that scroll sideways."""
    load(page, f"{app.url}?__theme={theme}")
    page.evaluate(AXE)
    found = []
    for name in TABS:
        open_tab(page, name)
        if name == "Explore":
            wait_for_map(page)
        see_all(page)
        found += [f"{name}: {line}" for line in page.evaluate(ASK, only)]
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        found += [f"{name} scrolls sideways by {wide} pixels"] if wide > 0 else []
    return found


def test_axe_finds_nothing_serious_on_any_tab(page: Page, app: RealApp) -> None:
    page.set_viewport_size(TALL)
    assert serious(page, app, "light", []) == []


def test_nor_in_the_dark_on_a_narrow_page_and_nothing_is_cut_off(page: Page, app: RealApp) -> None:
    page.set_viewport_size(NARROW)
    assert serious(page, app, "dark", OF_THE_LOOK) == []


def test_all_parts_of_evaluate_are_in_sight_on_a_narrow_page(page: Page, app: RealApp) -> None:
    page.set_viewport_size(NARROW)
    open_tab(load(page, app.url), "Evaluate")
    parts = page.locator("#evaluate-parts").get_by_role("tab").locator("visible=true").all_inner_texts()
    assert (len(parts), parts[-1]) == (7, "Cross-encoder"), "none lies in a menu"


def tab_to(page: Page, wanted: str, most: int = 60) -> None:
    """Press Tab until the script says that the right thing has the focus, and see that the focus is to be seen."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate(f"(node => {wanted})({FOCUSED})"):
            assert page.evaluate(IS_SEEN), "whoever has the keyboard alone sees where they are"
            return
    raise AssertionError(f"{wanted} is not reached by {most} presses of Tab")


def test_a_run_is_started_stopped_and_walked_through_by_keyboard_alone(page: Page, app: RealApp, run: RunFolder) -> None:
    page.set_viewport_size(TALL)
    load(page, app.url)
    tab_to(page, "node.closest('.block')?.textContent.includes('Fills in every tab')")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Escape")
    tab_to(page, "node.role === 'tab' && node.textContent.trim() === 'Train'")
    page.keyboard.press("Enter")
    tab_to(page, "node.closest('label, .block')?.textContent.includes('Epochs')")
    page.keyboard.press("Control+a")
    page.keyboard.type("900")
    tab_to(page, "node.id === 'start-training'")
    page.keyboard.press("Enter")
    wait_until_says(page, "Training")
    tab_to(page, "node.textContent.trim() === 'Stop'")
    page.keyboard.press("Enter")
    wait_until_says(page, "Stopped")
    newest, status = list_runs(run.runs_dir)[0]
    assert newest.id != run.id and (status.state, status.has_model) == ("stopped", True)


def test_the_map_is_walked_by_keyboard_alone(page: Page, app: RealApp) -> None:
    page.set_viewport_size(TALL)
    load(page, app.url)
    tab_to(page, "node.role === 'tab' && node.textContent.trim() === 'Explore'")
    page.keyboard.press("Enter")
    wait_for_map(page)
    tab_to(page, "node.matches('.map-plot')")
    page.keyboard.press("ArrowRight")
    quote = page.locator(".explorer .quote")
    first = quote.inner_text()
    chosen = "document.querySelector('.explorer [data-part=side]').dataset.chosen"
    at = int(page.evaluate(chosen))
    page.keyboard.press("ArrowRight")
    second = int(page.evaluate(chosen))
    assert quote.inner_text() != first and points(page)[second][0] > points(page)[at][0], "the arrow goes to the right"
    assert page.evaluate(f"{FOCUSED}.matches('{PLOT}')"), "and the map keeps the focus"
    page.keyboard.press("Escape")
    assert quote.count() == 0
    tab_to(page, "node.dataset.act === 'play'")
    tab_to(page, "node.dataset.part === 'slider'")
    # A run that was stopped at once has two frames, and no "of" behind its step.
    page.keyboard.press("Home")
    page.wait_for_function("/^Step 0( |$)/.test(document.querySelector('.explorer [data-part=step]').textContent)")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("!/^Step 0( |$)/.test(document.querySelector('.explorer [data-part=step]').textContent)")
