"""The bundle: what is in it, what never is, and how it is written; and the command."""

import json
import zipfile
from pathlib import Path

import pytest

from core import explore_answers, sharing
from core.__main__ import main
from core.config import build_config
from core.errors import DataError, ModelError, RunError
from core.files import read_json, write_json
from core.model_card import model_card
from core.run_store import create_run
from core.sharing import bundle_name, why_no_script, write_bundle
from tests.shared_runs import HOME, SECRET_TEXT, contents, ended_run, write_static_model
from tests.small_films import ask_directly

KEPT = {
    "config.json", "resolved.json", "status.json", "events.jsonl", "model/model.safetensors", "model/modules.json",
    "model/tokenizer.json", "model/config_sentence_transformers.json", "model/README.md",
    *(f"scores/sample-validation.{which}.json" for which in ("before", "after", "verdict")),
    *(f"scores/own-held-out.{which}.json" for which in ("before", "after", "verdict")),
}  # fmt: skip
FILM = {"film.html", "snapshots/probes.json", *(f"snapshots/step-{step:08d}.npy" for step in (0, 2, 4))}


@pytest.fixture(autouse=True)
def desk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explore_answers, "ask_desk", ask_directly)


def unzipped(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as packed:
        assert packed.testzip() is None
        return {name: packed.read(name) for name in packed.namelist()}


def test_bundle_holds_what_a_run_is_and_weights_are_stored(runs_dir: Path, tmp_path: Path) -> None:
    run = ended_run(runs_dir)
    out = write_bundle(run, tmp_path / "b.zip")
    found = unzipped(out)
    assert set(found) == KEPT | FILM
    assert found["model/README.md"].decode() == model_card(run)
    assert found["model/model.safetensors"] == (run.path / "model" / "model.safetensors").read_bytes()
    kinds = {entry.filename: entry.compress_type for entry in zipfile.ZipFile(out).infolist()}
    assert kinds["model/model.safetensors"] == zipfile.ZIP_STORED
    assert kinds["film.html"] == zipfile.ZIP_DEFLATED
    assert SECRET_TEXT in found["film.html"].decode()
    assert [path.name for path in tmp_path.iterdir() if path.name != "runs"] == ["b.zip"], "nothing is left beside it"


def test_without_the_film_no_text_of_a_held_out_row_goes_along(runs_dir: Path, tmp_path: Path) -> None:
    found = unzipped(write_bundle(ended_run(runs_dir), tmp_path / "b.zip", with_film=False))
    assert set(found) == KEPT
    assert not [name for name, content in found.items() if SECRET_TEXT.encode() in content or b"of the film" in content]


def test_run_that_kept_no_snapshots_is_taken_away_without_a_film(runs_dir: Path, tmp_path: Path) -> None:
    run = ended_run(runs_dir)
    for path in (run.path / "snapshots").iterdir():
        path.unlink()
    assert set(unzipped(write_bundle(run, tmp_path / "b.zip"))) == KEPT


def test_nothing_in_it_names_a_place_of_this_machine(runs_dir: Path, tmp_path: Path) -> None:
    base = write_static_model(tmp_path / "deep" / "own-model")
    run = ended_run(runs_dir, data=f"file:{HOME}/deep/my pairs.csv", base_model=str(base))
    write_json(run.path / "adjusted.json", {"batch_size": {"value": 8, "why": f"{HOME}/x was full"}})
    write_json(run.path / "model" / "config.json", {"_name_or_path": str(base), "model_type": "bert"})
    run.set_status(error={"kind": "memory", "message": f"{run.path}/checkpoints is full", "log": [f"{HOME}/secret"]})
    found = unzipped(write_bundle(run, tmp_path / "b.zip"))
    for name, content in found.items():
        for said in (HOME.encode(), str(tmp_path).encode()):
            assert said not in content, (name, said)
        # Nor a part of one; plotly and the vocabulary have words of their own.
        if not name.endswith((".npy", "safetensors", "tokenizer.json", "film.html")):
            for said in (b"somebody", b"private", b"/runs/", b"deep"):
                assert said not in content, (name, said)
    assert json.loads(found["config.json"])["base_model"] == "own-model"
    assert json.loads(found["config.json"])["data"] == "file:my pairs.csv"
    assert "Base model own-model, data file:my pairs.csv" in found["events.jsonl"].decode()
    assert {"data_dir", "pid", "owner"}.isdisjoint(json.loads(found["status.json"]))
    assert "log.txt" not in found


def test_prompts_and_catalogue_names_go_out_as_they_are(runs_dir: Path, tmp_path: Path) -> None:
    run = ended_run(runs_dir, prompts={"query": "/ask/it: "}, base_model="hub:owner/name@v1")
    change = read_json(run.path / "config.json") | {"prompts": {"query": "/ask/it: "}}
    write_json(run.path / "config.json", change)
    found = unzipped(write_bundle(run, tmp_path / "b.zip", with_film=False))
    config = json.loads(found["config.json"])
    assert (config["prompts"], config["base_model"]) == ({"query": "/ask/it: "}, "hub:owner/name@v1")


def test_same_run_gives_the_same_bytes(runs_dir: Path, tmp_path: Path) -> None:
    run = ended_run(runs_dir)
    first, second = (write_bundle(run, tmp_path / f"{name}.zip").read_bytes() for name in "ab")
    assert first == second


def test_links_and_strange_files_stay_behind(runs_dir: Path, tmp_path: Path) -> None:
    run = ended_run(runs_dir)
    (tmp_path / "secret.json").write_text("{}")
    (run.path / "scores" / "linked.before.json").symlink_to(tmp_path / "secret.json")
    (run.path / "model" / "training_args.bin").write_bytes(b"pickle")
    (run.path / "checkpoints" / "latest").mkdir()
    (run.path / "checkpoints" / "latest" / "optimizer.pt").write_bytes(b"pickle")
    assert set(unzipped(write_bundle(run, tmp_path / "b.zip"))) == KEPT | FILM


def test_earlier_bundle_stays_where_a_new_one_cannot_be_written(
    runs_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, out = ended_run(runs_dir), tmp_path / "b.zip"
    before = write_bundle(run, out).read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sharing, "_put", full)
    with pytest.raises(RunError, match="the disk is full"):
        write_bundle(run, out)
    assert out.read_bytes() == before and len(list(tmp_path.glob("*b.zip*"))) == 1


def test_desk_that_cannot_draw_the_film_leaves_no_file(runs_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> dict[str, object]:
        raise DataError("Some embeddings are no numbers.")

    monkeypatch.setattr(explore_answers, "ask_desk", broken)
    with pytest.raises(DataError):
        write_bundle(ended_run(runs_dir), tmp_path / "b.zip")
    assert not list(tmp_path.glob("*b.zip*"))


def test_run_without_a_model_is_refused(runs_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="has no model to take away"):
        write_bundle(create_run(runs_dir, build_config({}), None), tmp_path / "b.zip")


def test_run_whose_examples_are_gone_has_no_script_and_says_why(runs_dir: Path) -> None:
    assert why_no_script(ended_run(runs_dir))


def test_command_writes_the_bundle_and_says_what_is_in_it(
    runs_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, out = ended_run(runs_dir), tmp_path / "F.zip"
    assert main(["export", run.id, "--out", str(out), "--without-film", "--json", "--runs-dir", str(runs_dir)]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said == {"run": run.id, "file": str(out), "bytes": out.stat().st_size, "film": False, "script": False}
    assert set(unzipped(out)) == KEPT


@pytest.mark.parametrize("given", [("--out", "/nowhere/F.zip"), ()])
def test_command_refuses_in_one_sentence(runs_dir: Path, given: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    run = ended_run(runs_dir) if given else create_run(runs_dir, build_config({}), None)
    assert main(["export", run.id, *given, "--without-film", "--runs-dir", str(runs_dir)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert ("cannot be written" if given else "has no model to take away") in said


def test_bundle_is_called_by_its_run(runs_dir: Path) -> None:
    run = ended_run(runs_dir)
    assert bundle_name(run) == f"{run.id}.zip"
    assert contents(run.path)
