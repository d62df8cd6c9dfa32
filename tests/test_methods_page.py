"""Model, Loss and chains in a real Chromium: a size is chosen, sentences are tried, a batch is looked at, a chain is followed."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from core.run_store import list_runs
from tests.conftest import write_small_data
from tests.real_app import CHROMIUM, RealApp, load, open_tab, press

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def app(warm_module: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealApp]:
    started = RealApp(warm_module, write_small_data(tmp_path_factory.mktemp("data") / "data"))
    yield started
    started.kill()


@pytest.fixture
def page(app: RealApp, tab: tuple[Page, list[str]]) -> Iterator[Page]:
    opened, complaints = tab
    complaints.clear()
    yield load(opened, app.url)
    assert not complaints


def shows(page: Page, text: str, place: str = "body", seconds: float = 40) -> None:
    script = f"document.querySelector({json.dumps(place)}).innerText.includes({json.dumps(text)})"
    try:
        page.wait_for_function(script, timeout=1000 * seconds, polling=50)
    except Exception as error:
        seen = page.evaluate(f"document.querySelector({json.dumps(place)}).innerText")
        raise AssertionError(f"{text!r} is not in {seen[:700]!r}") from error


def choose(page: Page, label: str, title: str) -> None:
    page.get_by_label(label, exact=True).first.click()
    page.get_by_role("option", name=title, exact=True).first.click()


def test_recipe_offers_its_sizes_and_says_why_one_is_missing(page: Page) -> None:
    choose(page, "Recipe", "TSDAE")
    shows(page, "a static model averages word vectors", "#size")
    assert page.locator("#size label").all_inner_texts() == ["Laptop (minutes)", "Book (a GPU and the Hub)"]
    open_tab(page, "Loss")
    shows(page, "Denoising auto-encoder", "#loss-card")
    shows(page, "what is left", "body")
    assert page.evaluate("document.querySelectorAll('#loss-card .js-plotly-plot .scatterlayer .point').length") > 3


def test_typed_sentences_are_compared_and_a_batch_is_shown_with_its_positives(page: Page) -> None:
    page.get_by_role("button", name="Try it: how alike are these for the model?").click()
    press(page, "Compare them")
    shows(page, "static-minilm, untouched", "#tried-view")
    cells = page.evaluate("[...document.querySelectorAll('#tried-view .js-plotly-plot text')].map(text => text.textContent)")
    assert cells.count("1.00") == 3
    open_tab(page, "Loss")
    press(page, "Show what the loss sees in a real batch")
    shows(page, "The 5 hardest rows of the batch", "#looked-view")
    assert page.evaluate("document.querySelectorAll('#looked-view .js-plotly-plot image, #looked-view .hm').length") > 0


def test_losses_that_do_not_fit_are_no_choice_and_say_why(page: Page) -> None:
    open_tab(page, "Loss")
    shows(page, "losses do not fit, and why", "#other-losses")
    page.locator("#other-losses summary").click()
    shows(page, "has no dropout", "#other-losses")
    assert page.get_by_role("radio", name="SimCSE").count() == 0
    assert page.get_by_role("radio", name="CoSENT").count() == 1


def test_chain_is_queued_followed_to_its_second_run_and_shows_its_stages(page: Page, warm_module: Path) -> None:
    choose(page, "Recipe", "Augmented SBERT")
    open_tab(page, "Data")
    choose(page, "Data", "SNLI")
    rows = page.get_by_label("Rows at most", exact=True).first
    page.get_by_role("button", name="Columns and rows: which is what").click()
    rows.fill("24")
    rows.press("Tab")
    open_tab(page, "Train")
    shows(page, "First: a cross-encoder")
    press(page, "Start training")
    shows(page, "Gold and silver teach a bi-encoder", "#stages", 60)
    shows(page, "silver scored pairs", "#stages", 120)
    page.wait_for_function("document.querySelectorAll('#stages li.done').length === 4", timeout=120_000, polling=100)
    first, second = sorted(list_runs(warm_module), key=lambda one: one[1].rank)
    assert second[1].after == first[0].id
    assert (first[0].config().kind, second[0].config().kind) == ("cross-encoder", "train")
    assert page.evaluate("document.querySelectorAll('#stages table tbody tr').length") > 3
