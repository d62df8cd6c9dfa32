"""The Data tab in a real Chromium: a person brings a file, sees what the loss will see, and is told what is wrong."""

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Page

from core.launching import ensure_supervisor
from core.run_store import iter_runs, list_runs
from tests.conftest import end_supervisor, wait_for, write_small_data
from tests.real_app import CHROMIUM, RealApp, load, open_tab, press

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: apt-get install chromium"),
]
VIEW = "document.querySelector('#data-view .job-view')"


@pytest.fixture(scope="module")
def runs_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("runs")
    ensure_supervisor(folder)
    yield folder
    end_supervisor(folder)


@pytest.fixture(scope="module")
def app(runs_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealApp]:
    """One app for all."""
    started = RealApp(runs_dir, write_small_data(tmp_path_factory.mktemp("data") / "data"))
    yield started
    started.kill()


@pytest.fixture
def page(app: RealApp, tab: tuple[Page, list[str]], request: pytest.FixtureRequest) -> Iterator[Page]:
    """The Data tab as the test before has left it, as a person finds it who does one thing after the other."""
    opened, complaints = tab
    complaints.clear()
    failed, is_good = request.session.testsfailed, False
    try:
        if not opened.url.startswith(app.url):
            afresh(opened, app)
        open_tab(opened, "Data")
        yield opened
        is_good = request.session.testsfailed == failed and not complaints
    finally:
        if not is_good:
            opened.goto("about:blank")
    assert not complaints


def afresh(page: Page, app: RealApp) -> None:
    load(page, app.url)
    open_tab(page, "Data")
    says(page, "960 positive-pairs")


def says(page: Page, text: str, view: str = VIEW) -> None:
    try:
        page.wait_for_function(f"{view}.innerText.includes({json.dumps(text)})", timeout=30_000, polling=50)
    except Exception as error:
        raise AssertionError(f"{text!r} is not in {page.evaluate(view + '.innerText')[:600]!r}") from error


def upload(page: Page, path: Path, content: str | bytes) -> None:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    page.set_input_files("#upload input[type=file], input[type=file]", path)


def unfold(page: Page, name: str) -> None:
    block = page.locator("button.label-wrap").filter(has_text=name).locator("visible=true").first
    if "open" not in (block.get_attribute("class") or "").split():
        block.click()


def pairs(count: int) -> str:
    return "Frage;Antwort\n" + "".join(f"How is number {n} asked?;So is number {n} answered.\n" for n in range(count))


def rows_shown(page: Page) -> list[list[str]]:
    script = f"[...{VIEW}.querySelectorAll('.preview tbody tr')].map(r => [...r.cells].map(c => c.innerText))"
    shown: list[list[str]] = page.evaluate(script)
    return shown


def test_uploaded_file_is_shown_as_the_loss_will_see_it_and_trained_on(page: Page, runs_dir: Path, tmp_path: Path) -> None:
    upload(page, tmp_path / "fragen.csv", pairs(400))
    says(page, "360 positive-pairs from 400 rows of fragen.csv")
    says(page, "40 rows are held out of training")
    prepared = max((runs_dir / ".prepared").glob("*/examples.parquet"), key=lambda path: path.stat().st_mtime)
    assert rows_shown(page) == pd.read_parquet(prepared).head(20).to_numpy().tolist()
    assert page.evaluate(f"{VIEW}.querySelectorAll('.js-plotly-plot .bars path').length") > 0
    open_tab(page, "Train")
    page.wait_for_function("document.querySelector('.plan').textContent.includes('Your file as positive-pairs')")
    press(page, "Start training")
    page.wait_for_function("document.querySelector('#live-figure .says').textContent.startsWith('Done')", timeout=90_000)
    run = list_runs(runs_dir)[0][0]
    assert run.resolved()["data"]["folder"] == prepared.parent.name, "trainer and preview read one file"
    open_tab(page, "Evaluate")
    page.wait_for_selector("text=Your own held-out part: 40 positive-pairs from fragen.csv")


def test_bad_file_is_told_and_what_was_there_stays(page: Page, tmp_path: Path) -> None:
    upload(page, tmp_path / "good.csv", pairs(200))
    says(page, "rows of good.csv")
    upload(page, tmp_path / "bad.csv", b"PK\x03\x04" + b"x" * 500)
    page.wait_for_selector(".toast-wrap >> text=bad.csv is a zip archive")
    says(page, "rows of good.csv")
    upload(page, tmp_path / "labels.csv", "premise,hypothesis,label\na man,a person,0\na dog,an animal,perhaps\n")
    says(page, "labels.csv, row 2, column label: the label 'perhaps' is not known")
    choose(page, "Data", "Your file: good.csv")
    says(page, "rows of good.csv")


def choose(page: Page, label: str, option: str) -> None:
    page.get_by_label(label, exact=True).first.click()
    page.get_by_role("option", name=option, exact=True).first.click()


def test_columns_are_corrected_by_hand(page: Page, tmp_path: Path) -> None:
    rows = [(f"title {n} of a text", f"body {n} of the text", f"comment {n} on it") for n in range(60)]
    upload(page, tmp_path / "three.csv", pd.DataFrame(rows, columns=["headline", "story", "remark"]).to_csv(index=False))
    says(page, "54 positive-pairs from 60 rows of three.csv")
    says(page, "columns are guessed: headline as anchor")
    unfold(page, "Columns and rows: which is what")
    choose(page, "The rows are", "Triplets: anchor, positive, negative")
    says(page, "54 triplets from 60 rows of three.csv, negatives given")
    choose(page, "The rows are", "Pairs that belong together")
    says(page, "54 positive-pairs from 60 rows of three.csv")
    choose(page, "Positive", "remark")
    page.wait_for_function(f"{VIEW}.querySelector('.preview tbody tr')?.cells[1].innerText.startsWith('comment')", timeout=20_000)


def test_shape_is_chosen_with_one_click_and_brings_its_loss(page: Page) -> None:
    choose(page, "Data", "SNLI")
    says(page, "20 positive-pairs from 40 rows of snli/train.csv")
    page.get_by_text("Shapes: 8 possible").click()
    page.locator("#data-view tr", has_text="scored-pairs").get_by_role("button", name="Use").click()
    says(page, "40 scored-pairs from 40 rows")
    page.get_by_label("0.5", exact=True).first.check()
    says(page, "0.5\n")
    page.locator("#data-view tr", has_text="unlabelled-pairs").get_by_role("button", name="Look").click()
    says(page, "360 unlabelled-pairs from 40 rows")
    open_tab(page, "Train")
    page.wait_for_function("document.querySelector('.plan').textContent.includes('Cosine similarity')")


def test_doctor_names_a_fault_and_mends_it(page: Page, tmp_path: Path) -> None:
    upload(page, tmp_path / "twice.csv", pairs(200) + "How is number 7 asked?;So is number 7 answered.\n" * 3)
    says(page, "3 rows say again what an earlier row said (1.5 %)")
    page.locator("#data-view .finding", has_text="say again").get_by_role("button", name="Fix").click()
    says(page, "3 left out: the fix drop-duplicates")
    page.wait_for_function(f"!{VIEW}.innerText.includes('say again')")
    page.locator("#data-view").get_by_role("button", name="Undo").click()
    says(page, "3 rows say again what an earlier row said")


def test_file_that_gives_nothing_keeps_every_way_out(page: Page, tmp_path: Path) -> None:
    upload(
        page,
        tmp_path / "short.csv",
        "anchor,positive\n" + "".join(f"word{n},answer {n} to it\n" for n in range(40)) + "a b,c d\n",
    )
    says(page, "40 rows have a text of a single word")
    page.locator("#data-view .finding", has_text="single word").get_by_role("button", name="Fix").click()
    says(page, "gives 1 positive-pairs; training needs 2 or more")
    says(page, "These rows can also become")
    page.locator("#data-view").get_by_role("button", name="Undo").click()
    says(page, "40 rows have a text of a single word")


def test_own_file_stays_when_another_recipe_is_chosen_and_is_listed_after_a_reload(page: Page, tmp_path: Path) -> None:
    upload(page, tmp_path / "mine.csv", pairs(100))
    says(page, "rows of mine.csv")
    choose(page, "Recipe", "MNR with hard negatives")
    page.wait_for_function("document.body.innerText.includes('wrong in meaning')")
    says(page, "rows of mine.csv")
    page.reload()
    open_tab(page, "Data")
    says(page, "960 positive-pairs")
    choose(page, "Data", "Your file: mine.csv")
    says(page, "rows of mine.csv")


def test_held_out_part_is_switched_off_with_a_warning(page: Page, tmp_path: Path) -> None:
    upload(page, tmp_path / "part.csv", pairs(200))
    says(page, "rows of part.csv")
    says(page, "20 rows are held out")
    page.get_by_label("Hold a part out").first.uncheck()
    says(page, "nobody can tell whether the model gets better")
    page.locator("#data-view").get_by_role("button", name="Hold out a part").click()
    says(page, "20 rows are held out")


def test_negatives_stand_side_by_side_with_their_cosines(page: Page) -> None:
    choose(page, "Data", "SNLI")
    says(page, "rows of snli/train.csv")
    press(page, "Compare random, semi-hard and hard negatives")
    view = "document.querySelector('#negatives-view .job-view')"
    says(page, "The same anchors with each kind of negative", view)
    assert page.evaluate(f"{view}.querySelectorAll('tbody tr').length") == 8
    assert page.evaluate(f"{view}.querySelectorAll('b.cosine').length") >= 16
    before = page.evaluate(f"{view}.querySelector('.threshold-share').textContent")
    page.evaluate(
        f"(s => {{ s.value = 0.5; s.dispatchEvent(new Event('input', {{bubbles: true}})); }})({view}.querySelector('.threshold'))"
    )
    assert page.evaluate(f"{view}.querySelector('.threshold-at').textContent") == "0.50"
    assert float(page.evaluate(f"{view}.querySelector('.threshold-share').textContent").split()[0]) >= float(before.split()[0])


def test_texts_of_a_file_are_shown_as_texts(page: Page, tmp_path: Path) -> None:
    hostile = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'
    upload(
        page,
        tmp_path / "hostile.csv",
        pairs(60).replace("Frage", hostile.replace(";", "")).replace("How is number 3 asked?", hostile),
    )
    says(page, "rows of hostile.csv")
    page.wait_for_timeout(500)
    assert page.evaluate("window.hacked === undefined")


def test_get_says_in_time_that_there_is_no_network(page: Page, app: RealApp) -> None:
    afresh(page, app)
    unfold(page, "From the Hugging Face Hub")
    page.get_by_role("button", name="Get STSB").click()
    page.wait_for_function(
        "document.querySelector('#fetching .job-view').innerText.includes('does not answer; check the network')", timeout=8000
    )


def test_data_that_is_not_here_can_be_got_from_where_it_is_missed(page: Page, app: RealApp) -> None:
    afresh(page, app)
    choose(page, "Data", "Quora duplicates (not here)")
    says(page, "Quora duplicates is not here. Get it from the Hub with the button")
    page.locator("#data-view").get_by_role("button", name="Get it from the Hub").click()
    page.wait_for_function("document.querySelector('#fetching .job-view').innerText.includes('does not answer')", timeout=8000)
    says(page, "Quora duplicates is not here")


def test_path_of_a_file_is_used_where_the_app_runs(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "here.tsv"
    path.write_text("anchor\tpositive\n" + "".join(f"a {n}\tb {n}\n" for n in range(50)))
    unfold(page, "From the Hugging Face Hub")
    box = page.get_by_label("A file on this machine")
    box.fill(str(tmp_path))
    box.press("Enter")
    page.wait_for_selector(".toast-wrap >> text=is a folder; name a file in it")
    box.fill(str(path))
    box.press("Enter")
    says(page, "45 positive-pairs from 50 rows")


def test_long_preparation_can_be_cancelled_and_asked_for_again(page: Page, runs_dir: Path, tmp_path: Path) -> None:
    path = tmp_path / "big.csv"
    path.write_text("anchor,positive\n" + "".join(f"question {n} of many,answer {n} to it\n" for n in range(400_000)))
    unfold(page, "From the Hugging Face Hub")
    page.get_by_label("A file on this machine").fill(str(path))
    page.get_by_label("A file on this machine").press("Enter")
    says(page, "checking the rest")
    page.locator("#data-view").get_by_role("button", name="Cancel").click()
    says(page, "Cancelled; nothing was kept.")
    job = max((runs_dir / ".prepared").iterdir(), key=lambda folder: folder.stat().st_mtime)
    assert not (job / "report.json").exists()
    wait_for_no_worker(runs_dir)


def wait_for_no_worker(runs_dir: Path) -> None:
    for run in iter_runs(runs_dir / ".prepared"):
        wait_for(run, lambda status: status.is_final, 10)
