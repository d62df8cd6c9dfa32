"""A model pushed to the Hub: the real library against a Hub on this machine; what arrives, what never does, and the faults."""

import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import pytest

from core import publishing, sharing
from core.__main__ import main
from core.config import build_config
from core.errors import ConfigError, ModelError, RunError, StudioError
from core.model_card import model_card
from core.publishing import check_repository, machine_token, publish
from core.run_store import create_run
from core.runs import RunFolder
from tests.fake_hub import OWNER, TOKEN, FakeHub, Repository, fake_hub
from tests.shared_runs import HOME, SECRET_TEXT, contents, ended_run, texts_of_the_film

NAME = f"{OWNER}/reviews-minilm"
TRAINING_TEXT = "A training sentence that is nobody else's."
MODEL = {"README.md", "config_sentence_transformers.json", "model.safetensors", "modules.json", "tokenizer.json"}
# The library hands an open file to its client, which would like it named otherwise.
pytestmark = pytest.mark.filterwarnings("ignore:.*to upload raw bytes.*:DeprecationWarning")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with fake_hub() as started:
        monkeypatch.setenv("HF_ENDPOINT", started.url)
        # How a film is drawn is tried in test_sharing; here it is a page of its texts.
        monkeypatch.setattr(sharing, "saved_page", lambda *_: "\n".join(texts_of_the_film()))
        yield started
        huggingface_hub.close_session()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run with texts of its training rows in every place where one could lie; pushing changes nothing of it."""
    made = ended_run(tmp_path_factory.mktemp("runs"))
    for place in ("log.txt", "checkpoints/latest.json", "model/notes.txt", "examples.parquet", "repro/repro.py"):
        (made.path / place).parent.mkdir(exist_ok=True)
        (made.path / place).write_text(f"{TRAINING_TEXT} {HOME}")
    return made


def test_new_repository_is_private_and_has_card_and_weights_in_one_commit(hub: FakeHub, run: RunFolder) -> None:
    said: list[str] = []
    done = publish(run, f" {NAME} ", TOKEN, progress=said.append)
    kept = hub.repositories[NAME]
    assert (done.url, done.is_private, done.files) == (f"{hub.url}/{NAME}", True, 5)
    assert (kept.private, kept.commits, set(kept.files)) == (True, [f"Contrastive Studio: {run.id}"], MODEL)
    for name in MODEL - {"README.md"}:
        assert kept.files[name] == (run.path / "model" / name).read_bytes()
    assert done.bytes == sum(map(len, kept.files.values()))
    assert len(hub.uploaded) == 2, "weights and tokenizer went as large files, each once"
    card = kept.files["README.md"].decode()
    assert f'SentenceTransformer("{NAME}")' in card
    assert card.replace(NAME, "model") == model_card(run)
    assert [one.partition(",")[0] for one in said] == ["Writing the card", "Asking the Hub", "Sending 5 files"]


def test_no_text_of_the_data_and_no_place_of_the_machine_arrives(hub: FakeHub, run: RunFolder) -> None:
    publish(run, NAME, TOKEN)
    for text in (TRAINING_TEXT, SECRET_TEXT, "of the film", HOME, str(run.runs_dir)):
        assert text.encode() not in hub.received(), text


def test_film_comes_along_when_it_is_asked_for(hub: FakeHub, run: RunFolder) -> None:
    publish(run, NAME, TOKEN, with_film=True)
    assert set(hub.repositories[NAME].files) == MODEL | {"film.html"}
    assert SECRET_TEXT.encode() in hub.repositories[NAME].files["film.html"]
    assert TRAINING_TEXT.encode() not in hub.received()


def test_film_that_is_not_there_is_told_and_nothing_is_sent(hub: FakeHub, runs_dir: Path) -> None:
    run = ended_run(runs_dir)
    shutil.rmtree(run.path / "snapshots")
    with pytest.raises(RunError, match="kept no film; push it without one"):
        publish(run, NAME, TOKEN, with_film=True)
    assert not hub.asked


def test_token_is_in_no_file_and_no_output_and_no_other_is_sent(
    hub: FakeHub, run: RunFolder, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_ofThisMachine")
    publish(run, NAME, TOKEN, with_film=True)
    hub.faults = {"/commit/": 403}
    with pytest.raises(RunError):
        publish(run, NAME, TOKEN)
    assert not [name for name, content in contents(run.runs_dir).items() if TOKEN.encode() in content]
    assert TOKEN not in "".join(capfd.readouterr())
    assert hub.tokens_seen() == {TOKEN} and TOKEN.encode() not in hub.received()


def test_files_that_are_there_already_stay(hub: FakeHub, run: RunFolder) -> None:
    hub.repositories[NAME] = Repository(True, {"mine.txt": b"mine", "README.md": b"old"}, ["first"])
    publish(run, NAME, TOKEN)
    kept = hub.repositories[NAME]
    assert len(kept.commits) == 2 and set(kept.files) == MODEL | {"mine.txt"}
    assert kept.files["mine.txt"] == b"mine" and kept.files["README.md"] != b"old"


def test_public_repository_gets_nothing_unless_public_was_asked(hub: FakeHub, run: RunFolder) -> None:
    hub.repositories[NAME] = Repository(False)
    with pytest.raises(RunError, match="is on the Hub and public, and private was asked"):
        publish(run, NAME, TOKEN)
    assert not hub.received() and not hub.repositories[NAME].commits
    assert not publish(run, NAME, TOKEN, private=False).is_private
    assert set(hub.repositories[NAME].files) == MODEL


def test_private_repository_stays_private_and_says_so(hub: FakeHub, run: RunFolder) -> None:
    hub.repositories[NAME] = Repository(True)
    assert publish(run, NAME, TOKEN, private=False).is_private and hub.repositories[NAME].private
    assert not publish(run, f"{OWNER}/shown", TOKEN, private=False).is_private


def test_repository_that_somebody_makes_public_meanwhile_gets_nothing(hub: FakeHub, run: RunFolder) -> None:
    def make_it(path: str) -> None:
        if path == "/api/repos/create":
            hub.repositories[NAME] = Repository(False)

    hub.before = make_it
    with pytest.raises(RunError, match="the name is taken"):
        publish(run, NAME, TOKEN)
    assert not hub.received()


@pytest.mark.parametrize(
    ("where", "status", "says"),
    [
        ("/api/models/", 401, "does not know the token any more; sign in again"),
        ("/api/repos/create", 403, "may not write there"),
        ("/api/repos/create", 400, "not today"),
        ("/api/repos/create", 429, "asked too often"),
        ("/info/lfs/", 403, "may not write there"),
        ("/lfs/[0-9a-f]", 403, "may not write there"),
        ("/commit/", 500, "a fault of its own (500)"),
        ("/commit/", 0, "broke off"),
        ("/validate-yaml", 400, "does not take it: Invalid metadata"),
    ],
)
def test_fault_of_the_hub_is_one_sentence_without_the_token(
    hub: FakeHub, run: RunFolder, where: str, status: int, says: str
) -> None:
    hub.faults = {where: status}
    with pytest.raises(StudioError) as caught:
        publish(run, NAME, TOKEN)
    said = str(caught.value)
    assert says in said and len(said) <= 300 and "\n" not in said and said.endswith(".")
    assert TOKEN not in said and caught.value.__cause__ is None
    assert not any(one.commits for one in hub.repositories.values())


@pytest.mark.parametrize("taken", [Repository(True), Repository(False), None])
def test_somebody_elses_name_is_refused(hub: FakeHub, run: RunFolder, taken: Repository | None) -> None:
    if taken is not None:
        hub.repositories["bob/theirs"] = taken
    with pytest.raises(RunError, match=r"may not write there|the name is taken"):
        publish(run, "bob/theirs", TOKEN, private=False)
    assert not hub.received()


def test_hub_that_falls_silent_is_given_up(hub: FakeHub, run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    asleep = threading.Event()
    hub.before = lambda path: asleep.wait(10) and None if path == "/api/repos/create" else None
    monkeypatch.setattr(publishing, "PATIENCE_SECONDS", 0.3)
    with pytest.raises(RunError, match=r"the connection to the Hub broke off \(ReadTimeout\)"):
        publish(run, NAME, TOKEN)
    asleep.set()


def test_without_a_network_nothing_is_tried(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(RunError, match="does not answer; check the network and push again"):
        publish(run, NAME, TOKEN)


def test_offline_machine_asks_nobody(hub: FakeHub, run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(RunError, match="HF_HUB_OFFLINE is set"):
        publish(run, NAME, TOKEN)
    assert not hub.asked


@pytest.mark.parametrize(
    "name",
    ["", "ada", "ada/", "/model", "ada/b/c", "ada/a--b", "ada/a..b", "ada/x.git", "-ada/x", "ada/x-", "ada/né", "../x", "a b/c",
     "ada/x\n", f"ada/{'x' * 97}", "https://huggingface.co/ada/x", "<b>/x"],
)  # fmt: skip
def test_name_that_the_hub_would_not_take_is_refused_before_it_is_asked(hub: FakeHub, run: RunFolder, name: str) -> None:
    if name.strip() != name:
        assert check_repository(name) == name.strip()
        return
    with pytest.raises(ConfigError, match="is no name of a repository; write owner/name"):
        publish(run, name, TOKEN)
    assert not hub.asked


@pytest.mark.parametrize("name", ["ada/x", "Ada_L/all-MiniLM-L6.v2_tuned", f"a/{'x' * 96}"])
def test_name_that_the_library_takes_is_taken(name: str) -> None:
    huggingface_hub.utils.validate_repo_id(name)
    assert check_repository(name) == name


def test_run_without_a_model_is_refused(hub: FakeHub, runs_dir: Path) -> None:
    with pytest.raises(ModelError, match="has no model to take away"):
        publish(create_run(runs_dir, build_config({}), None), NAME, TOKEN)
    assert not hub.asked


def nobody_signed_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "none"))


def test_machine_where_nobody_is_signed_in_says_how(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    nobody_signed_in(monkeypatch, tmp_path)
    with pytest.raises(RunError, match="run hf auth login in a terminal"):
        machine_token()
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert machine_token() == TOKEN


def test_command_pushes_with_the_machines_token(
    hub: FakeHub, run: RunFolder, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    asked = ["publish", run.id, "--to", NAME, "--runs-dir", str(run.runs_dir)]
    assert main([*asked, "--json"]) == 0
    out, err = capfd.readouterr()
    said = json.loads(out)
    assert (said["run"], said["url"], said["private"], said["files"]) == (run.id, f"{hub.url}/{NAME}", True, 5)
    assert main([*asked, "--public"]) == 0
    assert capfd.readouterr().out == f"It is at {hub.url}/{NAME}, private.\n"
    assert TOKEN not in out + err and "Sending 5 files" in err


def test_command_refuses_in_one_sentence(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nobody_signed_in(monkeypatch, tmp_path)
    for to, says in (("nowhere", "is no name of a repository"), (NAME, "run hf auth login")):
        assert main(["publish", run.id, "--to", to, "--runs-dir", str(run.runs_dir)]) == 2
        said = capsys.readouterr()
        assert says in said.err and said.err.count("\n") == 1 and not said.out
