"""Taking a run away on the Runs tab, and opening one from a file: what the handlers answer, and a real Chromium."""

import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import gradio as gr
import pytest
from gradio.utils import get_upload_folder
from playwright.sync_api import Browser

from core import explore_answers
from core.config import build_config
from core.queue import read_queue
from core.run_store import create_run, list_runs
from core.series import FollowedRun
from core.sharing import write_bundle
from tests.fake_hub import OWNER, TOKEN, FakeHub, fake_hub
from tests.real_app import CHROMIUM, RealApp, downloaded, open_page, press
from tests.shared_runs import SECRET_TEXT, contents, ended_run
from tests.small_films import ask_directly
from ui.runs_tab import runs_table
from ui.share import NOT_CHOSEN, WITHOUT_MODEL, make_bundle, open_upload, show_share
from ui.studio import Studio


@pytest.fixture
def studio(runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Studio:
    monkeypatch.setattr(explore_answers, "ask_desk", ask_directly)
    return Studio(runs_dir, None)


def test_nothing_can_be_taken_away_before_a_run_is_chosen(studio: Studio) -> None:
    about, *switches, make, download, use = show_share(studio, "")
    assert NOT_CHOSEN in about
    assert not any(each["interactive"] for each in (*switches, make))
    assert not download["visible"] and not use["visible"]


def test_run_without_a_model_says_so(studio: Studio) -> None:
    about, *_, make, _, use = show_share(studio, create_run(studio.runs_dir, build_config({}), None).id)
    assert WITHOUT_MODEL in about and not make["interactive"] and not use["visible"]


def test_chosen_run_shows_the_lines_that_use_its_model(studio: Studio) -> None:
    about, film, script, make, _, use = show_share(studio, ended_run(studio.runs_dir, prompts={"query": "ask: "}).id)
    assert film["interactive"] and make["interactive"]
    assert not script["interactive"] and not script["value"] and "Without the script: " in about
    assert use["visible"] and len(use["value"].splitlines()) == 3 and "encode_query" in use["value"]


def test_bundle_lies_where_gradio_serves_files_and_nowhere_else(studio: Studio) -> None:
    run = ended_run(studio.runs_dir)
    before = set(contents(studio.runs_dir))
    offered = make_bundle(studio, run.id, False, False)
    path = Path(offered["value"])
    assert offered["visible"] and offered["label"].startswith("Download (")
    assert path.name == f"{run.id}.zip" and Path(get_upload_folder()) in path.parents
    assert set(contents(studio.runs_dir)) == before
    with zipfile.ZipFile(path) as packed:
        assert not [name for name in packed.namelist() if SECRET_TEXT.encode() in packed.read(name)]
    shutil.rmtree(path.parent)


def test_deleted_run_cannot_be_taken_away(studio: Studio) -> None:
    with pytest.raises(gr.Error, match="is gone"):
        make_bundle(studio, "20261128-100000-mnr-abcdef", True, True)


def test_upload_is_opened_chosen_and_removed(studio: Studio, tmp_path: Path) -> None:
    path = write_bundle(ended_run(tmp_path / "there"), tmp_path / "theirs.zip")
    name = open_upload(studio, str(path))
    assert [run.id for run, _ in list_runs(studio.runs_dir)] == [name]
    assert not path.exists()
    assert [row[1] for row in runs_table(studio, read_queue(studio.runs_dir))] == ["done, from a file"]


def test_upload_that_is_no_run_is_refused_and_removed(studio: Studio, tmp_path: Path) -> None:
    path = tmp_path / "photo.zip"
    path.write_bytes(b"no zip")
    with pytest.raises(gr.Error, match=r"photo\.zip cannot be opened"):
        open_upload(studio, str(path))
    assert not path.exists() and list_runs(studio.runs_dir) == []


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """A Hub where this machine's user is signed in."""
    with fake_hub() as started:
        monkeypatch.setenv("HF_ENDPOINT", started.url)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield started


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: apt-get install chromium")
def test_run_is_downloaded_opened_again_and_pushed_on_the_page(
    runs_dir: Path, browser: Browser, tmp_path: Path, hub: FakeHub
) -> None:
    run = ended_run(runs_dir)
    app = RealApp(runs_dir)
    try:
        page = open_page(browser, app.url, complaints := [])
        saved = downloaded(page, run.id, tmp_path)
        page.get_by_label("Repository on the Hub").fill(f"{OWNER}/pushed")
        press(page, "Push to the Hub")
        page.locator("#pushed").get_by_text(f"On the Hub, private: {hub.url}/{OWNER}/pushed").wait_for()
        assert hub.repositories[f"{OWNER}/pushed"].private and hub.tokens_seen() == {TOKEN}
        assert saved.name == f"{run.id}.zip" and zipfile.ZipFile(saved).testzip() is None
        with page.expect_file_chooser() as choosing:
            press(page, "Open a run from a file")
        choosing.value.set_files(saved)
        page.locator("#runs-table").get_by_text("done, from a file").locator("visible=true").first.wait_for()
        opened = next(each for each, status in list_runs(runs_dir) if status.opened_from == saved.name)
        followed = FollowedRun(opened.events_path)
        followed.read_on()
        assert [step["step"] for step in followed.steps] == [1, 2, 3, 4]
        assert not complaints
    finally:
        app.kill()
