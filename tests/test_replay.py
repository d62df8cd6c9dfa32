"""A run from elsewhere: it plays as it did where it was made, and a file that could do harm leaves nothing behind."""

import io
import json
import pickle
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from core import explore_answers
from core.__main__ import main
from core.base_models import kind_of, model_folder
from core.errors import ModelError, RunError
from core.explore_answers import films_of, space_json
from core.files import read_json
from core.model_card import model_card
from core.queue import why_not_resume
from core.recipes import recipe_config
from core.replay import open_bundle
from core.run_log import RunLog
from core.run_store import create_run, list_runs
from core.runs import RunFolder
from core.series import FollowedRun
from core.settings import override
from core.sharing import why_no_script, write_bundle
from core.spaces import run_space
from core.supervisor import Supervisor
from core.unpacking import MOST_DIRECTORY_BYTES
from core.visitors import VISITORS
from tests.shared_runs import HOME, STATIC, contents, ended_run
from tests.small_films import ask_directly

Files = dict[str, bytes]


@pytest.fixture(autouse=True)
def desk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explore_answers, "ask_desk", ask_directly)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A runs folder that no run was made in."""
    return tmp_path / "elsewhere"


@pytest.fixture
def files(runs_dir: Path) -> Files:
    """What lies in an honest run's folder, but for what its worker printed."""
    found = contents(ended_run(runs_dir).path)
    del found["log.txt"]
    return found


def zipped(path: Path, files: Files, prefix: str = "") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        for name, content in files.items():
            packed.writestr(f"{prefix}{name}", content)
    return path


def series_of(run: RunFolder) -> dict[str, Any]:
    followed = FollowedRun(run.events_path)
    followed.read_on(5)
    return followed.news(0, 0)


def curves_of(run: RunFolder) -> list[Any]:
    return [series_of(run)[name] for name in ("steps", "evaluations", "measures", "histogram", "now")]


def film_told(run: RunFolder) -> list[Any]:
    """Return all that the map shows of a run, but for what it is called and when its files were written."""
    asked = {"run": run.id}
    (film,) = films_of(run.runs_dir, asked)
    space = space_json(run.runs_dir, asked, run_space(run.path))
    told = json.loads(json.dumps([film, space]))
    return [{key: value for key, value in each.items() if key not in ("id", "title", "mark")} for each in told]


def refused(elsewhere: Path, path: Path) -> str:
    """Return the one sentence or two of a refusal, after which nothing is left among the runs."""
    with pytest.raises(RunError) as fault:
        open_bundle(path, elsewhere)
    assert not elsewhere.exists() or not list(elsewhere.iterdir())
    said = str(fault.value)
    assert said.startswith(f"{path.name} cannot be opened. ") and len(said) <= 300 and said.endswith((".", "…"))
    return said


def test_trained_run_plays_elsewhere_as_it_did_where_it_was_made(runs_dir: Path, elsewhere: Path, tmp_path: Path) -> None:
    from core.models import load_model
    from core.training import train

    run = create_run(runs_dir, override(recipe_config("quick-demo"), {"max_steps": 4}), None)
    train(RunLog(run))
    bundle = write_bundle(run, tmp_path / "b.zip")
    assert "repro/repro.py" in zipfile.ZipFile(bundle).namelist()
    opened = open_bundle(bundle, elsewhere)
    assert opened.id != run.id
    assert series_of(opened) == series_of(run)
    assert film_told(opened) == film_told(run)
    assert opened.scores("before") == run.scores("before") and opened.scores("after") == run.scores("after")
    before, after = (load_model(f"run:{each.id}", each.runs_dir, "cpu").encode(["A cat.", "It rains."]) for each in (run, opened))
    assert np.array_equal(before, after)


def test_opened_run_has_ended_and_says_where_it_is_from(runs_dir: Path, elsewhere: Path, tmp_path: Path) -> None:
    run = ended_run(runs_dir)
    opened = open_bundle(write_bundle(run, tmp_path / "theirs.zip"), elsewhere)
    status = opened.status()
    assert status is not None
    assert (status.state, status.has_model, status.opened_from, status.pid) == ("done", True, "theirs.zip", None)
    assert status.started is not None and status.finished is not None
    assert status.finished - status.started == pytest.approx(12.0)
    assert status.detail == "Opened from theirs.zip. Finished 4 steps; saved in place."
    assert [each.id for each, _ in list_runs(elsewhere)] == [opened.id]
    assert why_not_resume(opened, status)
    assert "came from elsewhere" in why_no_script(opened)


def test_no_worker_starts_for_it(files: Files, elsewhere: Path, tmp_path: Path) -> None:
    status = json.loads(files["status.json"])
    files["status.json"] = json.dumps(status | {"state": "queued", "rank": 1, "pid": 1, "by_hand": False}).encode()
    opened = open_bundle(zipped(tmp_path / "b.zip", files), elsewhere)
    told = opened.status()
    assert told is not None and told.state == "interrupted" and "had not ended" in told.detail
    supervisor = Supervisor(elsewhere, fork=False)
    supervisor.libraries.load()
    assert supervisor.open_runs() == []
    supervisor.tick()
    assert not supervisor.children and opened.status() == told


def test_its_model_is_a_base_model_like_any(files: Files, elsewhere: Path, tmp_path: Path) -> None:
    opened = open_bundle(zipped(tmp_path / "b.zip", files), elsewhere)
    assert kind_of(f"run:{opened.id}", elsewhere) == "static"
    assert model_folder(f"run:{opened.id}", elsewhere) == opened.path / "model"
    assert "Opened" not in model_card(opened)


def test_without_its_model_it_still_plays(files: Files, elsewhere: Path, tmp_path: Path) -> None:
    files = {name: content for name, content in files.items() if not name.startswith("model/")}
    opened = open_bundle(zipped(tmp_path / "b.zip", files), elsewhere)
    status = opened.status()
    assert status is not None and not status.has_model
    assert series_of(opened)["steps"]["step"] == [1, 2, 3, 4]
    with pytest.raises(ModelError):
        kind_of(f"run:{opened.id}", elsewhere)


@pytest.mark.parametrize("prefix", ["", "20261128-100000-mnr-abcdef/"])
def test_folder_of_a_run_opens_zipped_and_as_it_is(runs_dir: Path, elsewhere: Path, tmp_path: Path, prefix: str) -> None:
    run = ended_run(runs_dir)
    (run.path / "checkpoints" / "latest").mkdir()
    (run.path / "checkpoints" / "latest" / "optimizer.pt").write_bytes(pickle.dumps({}))
    packed = zipped(tmp_path / "b.zip", contents(run.path) | {"control/STOP": b""}, prefix)
    for source in (packed, run.path):
        opened = open_bundle(source, elsewhere)
        assert curves_of(opened) == curves_of(run)
        assert not (opened.path / "log.txt").exists() and not list((opened.path / "checkpoints").iterdir())
        assert not list((opened.path / "control").iterdir())


def test_opened_twice_it_is_two_runs(files: Files, elsewhere: Path, tmp_path: Path) -> None:
    path = zipped(tmp_path / "b.zip", files)
    assert len({open_bundle(path, elsewhere).id for _ in range(2)}) == 2


def test_places_of_the_other_machine_are_taken_out(runs_dir: Path, elsewhere: Path) -> None:
    run = ended_run(runs_dir, data=f"file:{HOME}/deep/pairs.csv", base_model="/etc/deep/model")
    opened = open_bundle(run.path, elsewhere)
    said = "".join((opened.path / name).read_text() for name in ("config.json", "resolved.json", "status.json", "events.jsonl"))
    assert (opened.config().data, opened.config().base_model) == ("file:pairs.csv", "model")
    assert "somebody" not in said and "/etc" not in said and "deep" not in said


def test_run_after_another_does_not_wait_for_it(files: Files, elsewhere: Path, tmp_path: Path) -> None:
    files["config.json"] = json.dumps(json.loads(files["config.json"]) | {"after": "20261128-100000-mnr-abcdef"}).encode()
    opened = open_bundle(zipped(tmp_path / "b.zip", files), elsewhere)
    status = opened.status()
    assert opened.config().after is None and status is not None and status.after is None


def test_places_of_umap_are_taken_along_and_count_as_young(files: Files, elsewhere: Path, tmp_path: Path) -> None:
    out = io.BytesIO()
    np.savez(out, places=np.zeros((3, 40, 2), np.float32), steps=np.array([0, 2, 4]))
    opened = open_bundle(zipped(tmp_path / "b.zip", files | {"snapshots/umap-15-0.1.npz": out.getvalue()}), elsewhere)
    folder = opened.path / "snapshots"
    times = [path.stat().st_mtime_ns for path in folder.glob("step-*.npy")]
    assert max(times) <= (folder / "umap-15-0.1.npz").stat().st_mtime_ns


def test_visitor_of_a_shared_studio_opens_it_as_their_own(files: Files, tmp_path: Path) -> None:
    owner = "ab" * 32
    shelf = tmp_path / "studio" / VISITORS / owner
    opened = open_bundle(zipped(tmp_path / "b.zip", files), shelf)
    status = opened.status()
    assert status is not None and status.owner == owner and len(opened.id) == 32


# Each takes an honest run's files and makes something of them that nobody may be harmed by.
def with_json(name: str, **changes: Any) -> Callable[[Files], Files]:
    return lambda files: files | {name: json.dumps(json.loads(files[name]) | changes).encode()}


def with_file(name: str, content: bytes) -> Callable[[Files], Files]:
    return lambda files: files | {name: content}


def without(name: str) -> Callable[[Files], Files]:
    return lambda files: {each: content for each, content in files.items() if each != name}


def npy(array: np.ndarray, allow_pickle: bool = False) -> bytes:
    out = io.BytesIO()
    np.save(out, array, allow_pickle=allow_pickle)
    return out.getvalue()


def npz(**arrays: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def safetensors(**tensors: Any) -> bytes:
    """Return weights whose head says what it likes, with 16 bytes behind it."""
    head = json.dumps(tensors).encode()
    return struct.pack("<Q", len(head)) + head + bytes(16)


def huge_array() -> bytes:
    """Return the head of an array of four terabytes."""
    head = b"{'descr': '<f4', 'fortran_order': False, 'shape': (40, 25000000000), }"
    head += b" " * (64 - (10 + len(head) + 1) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head


def event(**said: Any) -> bytes:
    return json.dumps({"n": 1, "t": 0.0, "type": "notice", "text": "x"} | said).encode() + b"\n"


DEEP = b"[" * 100_000 + b"]" * 100_000
PROBES, FRAME, PLACES = "snapshots/probes.json", "snapshots/step-00000000.npy", "snapshots/umap-15-0.1.npz"
WEIGHTS, MODULES, SCORE = "model/model.safetensors", "model/modules.json", "scores/sample-validation.after.json"
HOSTILE: dict[str, tuple[Callable[[Files], Files], str]] = {
    "a name above the folder": (with_file("../evil.json", b"{}"), "lies outside"),
    "a name above, further in": (with_file("scores/../../evil.json", b"{}"), "lies outside"),
    "an absolute name": (with_file("/etc/evil.json", b"{}"), "lies outside"),
    "a name of a drive": (with_file("C:\\evil.json", b"{}"), "lies outside"),
    "a name with the other slash": (with_file("scores\\..\\evil.json", b"{}"), "lies outside"),
    "a pickle of weights": (with_file("model/pytorch_model.bin", pickle.dumps({})), "a pickle"),
    "a pickle among the snapshots": (with_file("snapshots/x.pkl", pickle.dumps({})), "a pickle"),
    "a name that no run has": (with_file("model/modeling.py", b"import os"), "which no run has"),
    "a page of its own": (with_file("snapshots/index.html", b"<script>"), "which no run has"),
    "names that differ in case": (with_file("Config.json", b"{}"), "which no run has"),
    "no settings": (without("config.json"), "has no config.json"),
    "no status": (without("status.json"), "has no status.json"),
    "no events": (without("events.jsonl"), "has no events.jsonl"),
    "no texts for its embeddings": (without(PROBES), "has no probes.json"),
    "settings of another kind": (with_json("config.json", kind="fetch"), "config.json"),
    "settings that nobody knows": (with_json("config.json", evil=1), "config.json"),
    "a recipe that is a path": (with_json("config.json", recipe="../../evil"), "config.json"),
    "settings that are a list": (with_file("config.json", b"[1]"), "config.json"),
    "settings of many levels": (with_file("config.json", DEEP), "config.json"),
    "settings that are too large": (with_file("config.json", b" " * 2**19), "unfolds to more"),
    "a state that is none": (with_json("status.json", state="owned"), "status.json"),
    "a time that is none": (with_file("status.json", b'{"state": "done", "started": 1e999}'), "status.json"),
    "facts of the wrong kind": (with_json("resolved.json", settings={"seed": 42}), "resolved.json"),
    "rows that lie elsewhere": (
        with_json("resolved.json", data={"rows": 1, "examples": 1, "shape": "x", "folder": "../../etc"}), "resolved.json",
    ),
    "a held-out part that lies elsewhere": (with_json("scores/own-held-out.after.json", folder="../x"), "own-held-out"),
    "a score that is no number": (with_file(SCORE, b'{"data": "sample/validation", "figures": {"a": NaN}}'), "sample-validation"),
    "a score of something else": (with_json(SCORE, data="../../evil"), "sample-validation"),
    "a score of some figures alone": (with_json(SCORE, figures={"spearman_cosine": 0.5}), "sample-validation"),
    "a score before that the page could not show": (
        with_file(SCORE.replace("after", "before"), b'{"data": "sample/validation", "figures": {"a": 0.5}}'), "scores of sample",
    ),
    "a score after without what is before": (with_json(SCORE, figures={"a": 0.5}), "scores of sample"),
    "a verdict of draws that are none": (with_json("scores/own-held-out.verdict.json", draws="many"), "own-held-out"),
    "cosines without their gold": (with_json(SCORE, gold=[0.5]), "sample-validation"),
    "a verdict of words": (with_json("scores/own-held-out.verdict.json", intervals={"a": {"low": "x"}}), "own-held-out"),
    "an event of no type": (with_file("events.jsonl", event(type="evil")), "events.jsonl"),
    "an event of the wrong kind": (with_file("events.jsonl", event(text={"html": "<b>"})), "events.jsonl"),
    "events that count backwards": (with_file("events.jsonl", event(n=2) + event(n=1)), "events.jsonl"),
    "a step of no steps": (
        with_file("events.jsonl", event(
            type="step", step=1, total_steps=1, epoch=0, loss=0, loss_min=0, loss_max=0, learning_rate=0, grad_norm=None,
            examples_per_second=0, seconds_left=0, steps=0,
        )),
        "events.jsonl",
    ),
    "a line without an end": (with_file("events.jsonl", event(text="x" * 2**17)), "events.jsonl"),
    "pairs of texts that are not there": (with_json(PROBES, pairs=[[0, 99_999, 1.0]]), "probes.json"),
    "groups of other texts": (with_json(PROBES, groups={"label": ["a"]}), "probes.json"),
    "embeddings that are pickles": (with_file(FRAME, npy(np.array([{}] * 40, object), True)), "step-00000000"),
    "embeddings of other texts": (with_file(FRAME, npy(np.zeros((3, 8), np.float32))), "step-00000000"),
    "embeddings of another kind": (with_file(FRAME, npy(np.zeros((40, 8)))), "step-00000000"),
    "embeddings that are no numbers": (with_file(FRAME, npy(np.full((40, 8), np.nan, np.float32))), "step-00000000"),
    "embeddings of four terabytes": (with_file(FRAME, huge_array()), "step-00000000"),
    "embeddings with more behind them": (with_file(FRAME, npy(np.zeros((40, 8), np.float32)) + b"more"), "step-00000000"),
    "places that are no zip": (with_file(PLACES, b"PK nothing"), "umap-15"),
    "places with a third array": (
        with_file(PLACES, npz(places=np.zeros((1, 40, 2), np.float32), steps=np.zeros(1, int), more=np.zeros(1))), "umap-15",
    ),
    "places of another shape": (
        with_file(PLACES, npz(places=np.zeros((1, 40, 3), np.float32), steps=np.zeros(1, int))), "umap-15",
    ),
    "weights that are no safetensors": (with_file(WEIGHTS, b"\x80\x04." * 10), "model.safetensors"),
    "weights with a head of a gigabyte": (with_file(WEIGHTS, struct.pack("<Q", 2**30) + bytes(64)), "model.safetensors"),
    "weights that lie over each other": (
        with_file(WEIGHTS, safetensors(
            a={"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}, b={"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
        )),
        "model.safetensors",
    ),
    "weights that lie outside": (
        with_file(WEIGHTS, safetensors(a={"dtype": "F32", "shape": [400], "data_offsets": [0, 1600]})), "model.safetensors",
    ),
    "weights of a shape they have not": (
        with_file(WEIGHTS, safetensors(a={"dtype": "F32", "shape": [2], "data_offsets": [0, 16]})), "model.safetensors",
    ),
    "a model without weights": (without(WEIGHTS), "safetensors"),
    "a model without modules": (without(MODULES), "modules.json"),
    "a module of somebody's": (
        with_file(MODULES, json.dumps([{"path": "", "type": "evil.Module"}]).encode()), "module that is not read",
    ),
    "a module that lies elsewhere": (
        with_file(MODULES, json.dumps([{"path": "../../..", "type": STATIC}]).encode()), "module that is not read",
    ),
    "a model with code": (
        with_file("model/config.json", json.dumps({"auto_map": {"AutoModel": "x--y.Z"}}).encode()), "auto_map",
    ),
    "a tokenizer of another's files": (
        with_file("model/tokenizer_config.json", json.dumps({"vocab_file": "/etc/passwd"}).encode()), "vocab_file",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_zip_is_refused_and_leaves_nothing(files: Files, elsewhere: Path, tmp_path: Path, case: str) -> None:
    change, said = HOSTILE[case]
    assert said in refused(elsewhere, zipped(tmp_path / "b.zip", change(files)))
    assert not list(tmp_path.glob("**/evil*"))


def test_zip_with_a_link_is_refused(files: Files, elsewhere: Path, tmp_path: Path) -> None:
    path = zipped(tmp_path / "b.zip", files)
    with zipfile.ZipFile(path, "a") as packed:
        entry = zipfile.ZipInfo("adjusted.json")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        packed.writestr(entry, "/etc/passwd")
    assert "a link" in refused(elsewhere, path)


def test_folder_with_a_link_is_refused(runs_dir: Path, elsewhere: Path) -> None:
    run = ended_run(runs_dir)
    (run.path / "adjusted.json").symlink_to("/etc/hostname")
    assert "a link" in refused(elsewhere, run.path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_zip_with_a_name_twice_is_refused(files: Files, elsewhere: Path, tmp_path: Path) -> None:
    path = zipped(tmp_path / "b.zip", files)
    with zipfile.ZipFile(path, "a") as packed:
        packed.writestr("config.json", "{}")
    assert "the same name" in refused(elsewhere, path)


def test_bomb_ends_before_it_fills_the_disk(files: Files, elsewhere: Path, tmp_path: Path) -> None:
    path = tmp_path / "b.zip"
    files = without("model/model.safetensors")(files)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
        with packed.open("model/model.safetensors", "w") as out:
            for _ in range(100):
                out.write(bytes(2**20))
    assert path.stat().st_size < 3_000_000
    assert "unfolds to more" in refused(elsewhere, path)


def test_size_that_the_zip_says_is_not_believed(files: Files, elsewhere: Path, tmp_path: Path) -> None:
    size = 2**19 + 12_345
    path = zipped(tmp_path / "b.zip", with_file("config.json", b" " * size)(files))
    content = path.read_bytes()
    # In the list of files and before the file itself: 16 bytes in place of half a megabyte.
    assert content.count(struct.pack("<L", size)) == 2
    path.write_bytes(content.replace(struct.pack("<L", size), struct.pack("<L", 16)))
    refused(elsewhere, path)


def test_too_many_files_are_refused_before_they_are_listed(files: Files, elsewhere: Path, tmp_path: Path) -> None:
    many = {f"scores/{number:05d}.{'x' * 80}.after.json": b"{}" for number in range(2_000)}
    path = zipped(tmp_path / "b.zip", files | many)
    assert path.stat().st_size > MOST_DIRECTORY_BYTES
    assert "more than 600 files" in refused(elsewhere, path)


@pytest.mark.parametrize("content", [b"", b"PK\x05\x06", b"no zip at all" * 100])
def test_what_is_no_zip_is_refused(elsewhere: Path, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "b.zip"
    path.write_bytes(content)
    assert "no zip" in refused(elsewhere, path)


def test_damaged_and_encrypted_zips_are_refused(files: Files, elsewhere: Path, tmp_path: Path) -> None:
    path = zipped(tmp_path / "b.zip", files)
    content = bytearray(path.read_bytes())
    half = len(content) // 2
    path.write_bytes(content[:half])
    refused(elsewhere, path)
    content[half : half + 200] = bytes(200)
    path.write_bytes(content)
    refused(elsewhere, path)
    content = bytearray(zipped(path, files).read_bytes())
    at = content.index(b"PK\x01\x02") + 8
    content[at] |= 1
    path.write_bytes(content)
    assert "encrypted" in refused(elsewhere, path)


def test_half_a_line_of_a_killed_worker_is_passed_over(files: Files, elsewhere: Path, tmp_path: Path) -> None:
    files["events.jsonl"] += b'{"n": 99, "t": 1.0, "ty'
    opened = open_bundle(zipped(tmp_path / "b.zip", files), elsewhere)
    assert series_of(opened)["steps"]["step"] == [1, 2, 3, 4]


def test_commands_take_a_run_from_one_folder_to_another(
    runs_dir: Path, elsewhere: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, out = ended_run(runs_dir), tmp_path / "F.zip"
    assert main(["export", run.id, "--out", str(out), "--without-film", "--runs-dir", str(runs_dir)]) == 0
    assert "There is no script in it" in capsys.readouterr().out
    assert main(["open", str(out), "--json", "--runs-dir", str(elsewhere)]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["state"], said["has_model"], said["opened_from"]) == ("done", True, "F.zip")
    assert read_json(elsewhere / said["run"] / "config.json") == read_json(run.path / "config.json")


def test_command_refuses_what_is_not_there(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["open", "F.zip", "--runs-dir", str(elsewhere)]) == 2
    assert capsys.readouterr() == ("", "There is no file F.zip; check the path.\n")


def test_weights_of_the_library_pass(files: Files, elsewhere: Path, tmp_path: Path) -> None:
    weights = save({"embedding.weight": np.ones((30_522, 4), np.float16), "more": np.zeros((0, 2), np.float32)})
    assert open_bundle(zipped(tmp_path / "b.zip", files | {WEIGHTS: weights}), elsewhere).path.is_dir()
