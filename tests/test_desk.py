"""The desk, for real: a process of its own that answers, dies, hangs and ends."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import AuthenticationError
from multiprocessing.connection import answer_challenge
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest

from core.desk_client import (
    BUSY,
    DESK,
    HOST,
    NOTE,
    WANTED,
    _exchange,
    as_connection,
    ask_desk,
    pack_array,
    unpack_array,
    wake_desk,
)  # fmt: skip
from core.desk_keeper import DeskKeeper
from core.errors import DataError, MachineError, ModelError, StudioError
from core.files import read_json
from core.index_texts import TEXTS, VECTORS
from core.locks import lock
from core.measuring import ANSWER
from core.processes import is_alive
from core.recipes import recipe_config
from core.run_store import create_run
from core.runs import RunFolder
from core.settings import override
from tests.conftest import end_supervisor, wait_for
from tests.test_indexing import asked, indexed

ROOT = Path(__file__).parent.parent
QUESTION = "an animal asleep in the warm straw"
FEW = 4


@pytest.fixture(scope="module")
def warm_runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A runs folder whose supervisor has its libraries loaded, and whose desk runs."""
    folder = tmp_path_factory.mktemp("desk") / "runs"
    folder.mkdir()
    embed(folder)
    yield folder
    end_supervisor(folder)


@pytest.fixture(scope="module")
def texts(warm_runs: Path) -> RunFolder:
    """Texts of the sample, ready to be searched by two models."""
    return read_by_a_worker(warm_runs, ("static-minilm", "static-random"), most=400)


def read_by_a_worker(runs_dir: Path, models: tuple[str, ...], **settings: float) -> RunFolder:
    run = asked(runs_dir, models, **settings)
    assert wait_for(run, lambda status: status.is_final).state == "done"
    return run


def embed(runs_dir: Path, *given: str, model: str = "static-minilm", seconds: float = 30.0, **values: Any) -> np.ndarray:
    return unpack_array(ask_desk(runs_dir, "embed", {"model": model, "texts": given or [QUESTION], **values}, seconds)["vectors"])


def search(run: RunFolder, query: str = QUESTION, **values: Any) -> dict[str, Any]:
    return ask_desk(run.runs_dir, "search", {"index": run.id, "query": query, **values})


def desk_process(runs_dir: Path) -> psutil.Process:
    return psutil.Process(read_json(runs_dir / DESK / NOTE)["pid"])


def wait_until(wanted: Any, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not wanted():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.02)


def test_numbers_come_back_as_they_were_sent() -> None:
    vectors = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
    np.testing.assert_array_equal(unpack_array(json.loads(json.dumps(pack_array(vectors)))), vectors)
    np.testing.assert_array_equal(unpack_array(pack_array(vectors.T)), vectors.T)


def test_embeddings_are_the_library_s(warm_runs: Path) -> None:
    from core.models import build_static_minilm

    given = [f"Sentence number {number} is about ships." for number in range(20)]
    expected = build_static_minilm("cpu").encode(given, normalize_embeddings=True)
    np.testing.assert_allclose(embed(warm_runs, *given), expected, atol=1e-6)


def test_query_and_passage_get_their_own_prompt(warm_runs: Path, tmp_path: Path) -> None:
    from core.model_parts import set_prompts
    from core.models import build_static_minilm

    model = build_static_minilm("cpu")
    set_prompts(model, {"query": "question: ", "passage": "an answer about ships: "})
    model.save_pretrained(str(tmp_path), create_model_card=False)
    for role, prompt in (("query", "question: "), ("passage", "an answer about ships: ")):
        expected = model.encode([f"{prompt}{QUESTION}"], prompt="", normalize_embeddings=True)
        np.testing.assert_allclose(embed(warm_runs, model=str(tmp_path), role=role), expected, atol=1e-6)


def test_search_finds_what_comparing_all_finds_and_knows_the_other_rank(texts: RunFolder, warm_runs: Path) -> None:
    written = pd.read_parquet(texts.path / TEXTS)["text"]
    orders = []
    for file, name in zip(VECTORS, ("static-minilm", "static-random"), strict=True):
        orders.append(np.argsort(-(np.load(texts.path / file) @ embed(warm_runs, model=name)[0])).tolist())
    found = search(texts, top=7)
    assert found["texts"] == 400
    for place, column in enumerate(found["columns"]):
        assert [hit["row"] for hit in column["hits"]] == orders[place][:7]
        assert [hit["text"] for hit in column["hits"]] == written[orders[place][:7]].tolist()
        other = [orders[1 - place].index(hit["row"]) + 1 for hit in column["hits"]]
        assert [hit["other"] for hit in column["hits"]] == [rank if rank <= 100 else None for rank in other]
        best = (
            np.load(texts.path / VECTORS[place])[orders[place][0]]
            @ embed(warm_runs, model=("static-minilm", "static-random")[place])[0]
        )
        assert column["hits"][0]["cosine"] == pytest.approx(float(best), abs=1e-4)


def test_one_model_alone_is_one_column(warm_runs: Path) -> None:
    run = read_by_a_worker(warm_runs, ("static-minilm",), most=5)
    assert [len(column["hits"]) for column in search(run)["columns"]] == [5]


@pytest.mark.parametrize(
    ("request_name", "values", "said"),
    [
        ("embed", {"model": "static-minilm", "texts": []}, "Type something first"),
        ("embed", {"model": "static-minilm", "texts": ["a"] * 65}, "64 at most"),
        ("embed", {"model": "static-minilm", "texts": ["a" * 2001]}, "2,001 characters and 2,000 are the most"),
        ("embed", {"model": "static-minilm", "texts": ["a" * (1 << 20)]}, "too long to be asked at once"),
        ("embed", {"model": "static-minilm", "texts": ["a"], "role": "label"}, "no role of a text"),
        ("embed", {"model": "run:20200101-000000-mnr-abcdef", "texts": ["a"]}, "there is no run"),
        ("search", {"index": "../../etc", "query": "a"}, "not at hand any more"),
        ("search", {"index": "0" * 32, "query": "a"}, "not at hand any more"),
        ("delete", {}, "is none of embed"),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_is_one_sentence(warm_runs: Path, request_name: str, values: dict[str, Any], said: str) -> None:
    with pytest.raises(StudioError, match=said) as caught:
        ask_desk(warm_runs, request_name, values)
    assert len(str(caught.value)) <= 300
    assert "\n" not in str(caught.value)


def test_two_hundred_questions_leave_no_handle_and_no_process(texts: RunFolder, warm_runs: Path) -> None:
    search(texts)
    mine, desk = psutil.Process(), desk_process(warm_runs)
    before = (mine.num_fds(), desk.num_fds(), desk.num_threads())
    processes = len(mine.children(recursive=True))
    for number in range(200):
        search(texts, f"{QUESTION} {number}")
    after = (mine.num_fds(), desk.num_fds(), desk.num_threads())
    # Torch starts a thread more where no other work goes on; a leak would be one a question.
    assert all(now <= then + FEW for now, then in zip(after, before, strict=True)) and desk.children() == []
    assert len(mine.children(recursive=True)) <= processes
    assert desk_process(warm_runs).pid == desk.pid


def test_killed_desk_is_followed_by_another_that_answers(texts: RunFolder, warm_runs: Path) -> None:
    search(texts)
    killed = desk_process(warm_runs)
    killed.kill()
    assert search(texts)["texts"] == 400
    assert desk_process(warm_runs).pid != killed.pid
    assert not killed.is_running() or killed.status() == psutil.STATUS_ZOMBIE


def test_desk_that_dies_over_a_question_is_asked_once_more_and_then_it_is_said(warm_runs: Path) -> None:
    embed(warm_runs)
    over, killed = threading.Event(), []

    def kill_each() -> None:
        """Hold each desk as soon as it listens, and kill it when the question has come."""
        while not over.wait(0.005):
            note = read_json(warm_runs / DESK / NOTE) or {}
            if note.get("pid") not in (None, *killed):
                os.kill(note["pid"], signal.SIGSTOP)
                time.sleep(0.3)
                os.kill(note["pid"], signal.SIGKILL)
                killed.append(note["pid"])

    desk_process(warm_runs).suspend()
    killer = threading.Thread(target=kill_each)
    killer.start()
    try:
        with pytest.raises(MachineError, match="ended twice over this one"):
            # It takes longer to load than the killer takes to come.
            embed(warm_runs, model="minilm-from-nothing")
    finally:
        over.set()
        killer.join()
    assert len(killed) == 2
    assert embed(warm_runs).shape == (1, 384)


def test_slow_desk_is_given_up_in_one_sentence(warm_runs: Path) -> None:
    embed(warm_runs)
    desk = desk_process(warm_runs)
    desk.suspend()
    try:
        with pytest.raises(MachineError, match="No answer came within 1 s"):
            embed(warm_runs, seconds=1.0)
    finally:
        desk.resume()
    assert embed(warm_runs).shape == (1, 384)


def test_note_is_for_this_user_only_and_a_wrong_key_is_sent_away(warm_runs: Path) -> None:
    embed(warm_runs)
    path = warm_runs / DESK / NOTE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    note = read_json(path)
    with as_connection(socket.create_connection((HOST, note["port"]))) as stranger, pytest.raises(AuthenticationError):
        answer_challenge(stranger, b"no key")
    with socket.create_connection((HOST, note["port"])) as stranger:
        stranger.sendall(b"\xff\xff\xff\xff GET / HTTP/1.1\r\n\r\n")
    assert embed(warm_runs).shape == (1, 384)
    assert desk_process(warm_runs).pid == note["pid"]


def test_silent_stranger_does_not_hold_the_desk(warm_runs: Path) -> None:
    embed(warm_runs)
    with socket.create_connection((HOST, read_json(warm_runs / DESK / NOTE)["port"])):
        assert embed(warm_runs, seconds=9.0).shape == (1, 384)


def test_no_text_comes_into_a_log_even_where_the_studio_is_wrong(texts: RunFolder, warm_runs: Path) -> None:
    search(texts, "xylophone serenade")
    with pytest.raises(StudioError, match="fault of the studio's own"):
        ask_desk(warm_runs, "search", {"index": texts.id, "query": "xylophone serenade", "top": "xylophone"})
    logs = [path.read_text() for path in warm_runs.rglob("*") if path.suffix in (".txt", ".log") or path.name.endswith(".log")]
    assert any("ValueError" in log and "desk_requests.py" in log for log in logs)
    assert not any("xylophone" in log for log in logs)


def test_training_run_takes_the_cores_from_the_desk_and_gives_them_back(texts: RunFolder, warm_runs: Path) -> None:
    embed(warm_runs)
    busy = warm_runs / DESK / BUSY
    wait_until(lambda: not busy.exists())
    run = create_run(warm_runs, override(recipe_config("quick-demo"), {"epochs": 900, "eval_every": 100_000}), None)
    wait_for(run, lambda status: status.state == "training")
    wait_until(busy.exists)
    assert search(texts)["texts"] == 400
    run.request_cancel()
    wait_until(lambda: not busy.exists())


def test_two_models_are_kept_and_the_one_used_last_longest(runs_dir: Path) -> None:
    from core.desk_shelf import Shelf

    shelf = Shelf(runs_dir)
    first = shelf.model("static-minilm")
    assert shelf.model("static-random") is not first
    assert shelf.model("static-minilm") is first
    third = shelf.model("minilm-from-nothing")
    assert shelf.model("static-minilm") is first
    assert shelf.model("minilm-from-nothing") is third
    assert len(shelf._models) == 2


def test_changed_and_deleted_models_are_never_answered_from_memory(runs_dir: Path, tmp_path: Path) -> None:
    import torch

    from core.desk_requests import Deadline, search
    from core.desk_shelf import Shelf
    from core.models import build_static_minilm

    model, folder = build_static_minilm("cpu"), tmp_path / "mine"
    model.save_pretrained(str(folder), create_model_card=False)
    run = asked(runs_dir, (str(folder),), most=10)
    indexed(run)
    shelf, values = Shelf(runs_dir), {"index": run.id, "query": QUESTION}
    kept = shelf.model(str(folder))
    assert len(search(shelf, values, Deadline(9))["columns"][0]["hits"]) == 10
    with torch.no_grad():
        model[0].embedding.weight.mul_(-1)
    model.save_pretrained(str(folder), create_model_card=False)
    with pytest.raises(ModelError, match="another model than the one that read these texts; press Get ready again"):
        search(shelf, values, Deadline(9))
    assert shelf.model(str(folder)) is not kept
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    with pytest.raises(ModelError):
        search(shelf, values, Deadline(9))


def test_texts_that_are_gone_are_not_answered_from_memory(runs_dir: Path) -> None:
    from core.desk_shelf import Shelf

    run = asked(runs_dir, most=5)
    indexed(run)
    shelf = Shelf(runs_dir)
    assert shelf.index(run.id) is shelf.index(run.id)
    (run.path / ANSWER).unlink()
    with pytest.raises(DataError, match="press Get ready again"):
        shelf.index(run.id)


def test_request_looks_at_the_clock_between_texts(runs_dir: Path) -> None:
    from core.desk_requests import embed
    from core.desk_shelf import Deadline, Shelf

    with pytest.raises(MachineError, match="took more than 0 s"):
        embed(Shelf(runs_dir), {"model": "static-minilm", "texts": ["a"]}, Deadline(0.0))


def test_broken_libraries_are_told_to_whoever_asks(runs_dir: Path) -> None:
    keeper = DeskKeeper(runs_dir, fork=True)
    keeper.folder.mkdir()
    (keeper.folder / WANTED).touch()
    keeper.look("The libraries cannot be loaded (torch); run pip install.", busy=False)
    with pytest.raises(MachineError, match="libraries cannot be loaded"):
        embed(runs_dir)
    assert keeper.child is None


def test_desk_is_not_started_for_one_who_has_gone(runs_dir: Path) -> None:
    keeper = DeskKeeper(runs_dir, fork=True)
    keeper.look("", busy=False)
    keeper.folder.mkdir()
    (keeper.folder / WANTED).touch()
    os.utime(keeper.folder / WANTED, (time.time() - 60,) * 2)
    keeper.look("", busy=False)
    assert keeper.child is None


def hang(*_: Any) -> dict[str, Any]:
    time.sleep(60)
    return {}


def test_one_folder_has_one_desk(warm_runs: Path) -> None:
    embed(warm_runs)
    assert lock(warm_runs / DESK) is None


def test_idle_desk_ends_and_takes_its_note_along(runs_dir: Path) -> None:
    from core.desk import Desk

    (runs_dir / DESK).mkdir()
    serving = threading.Thread(target=Desk(runs_dir, idle_seconds=1.5).serve)
    serving.start()
    wait_until((runs_dir / DESK / NOTE).exists)
    assert embed(runs_dir).shape == (1, 384)
    assert (runs_dir / DESK / NOTE).exists()
    serving.join(20)
    assert not serving.is_alive()
    assert not (runs_dir / DESK / NOTE).exists()


def test_question_is_answered_while_a_map_is_worked_out(runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from core import desk

    begun, over, usual = threading.Event(), threading.Event(), desk._handler

    def draw(*_: Any) -> dict[str, Any]:
        begun.set()
        return {"waited": over.wait(20)}

    monkeypatch.setattr(desk, "_handler", lambda name: draw if name == "film" else usual(name))
    (runs_dir / DESK).mkdir()
    serving = threading.Thread(target=desk.Desk(runs_dir, idle_seconds=1.0).serve)
    serving.start()
    wait_until((runs_dir / DESK / NOTE).exists)
    with ThreadPoolExecutor(1) as others:
        drawn = others.submit(ask_desk, runs_dir, "film", {"method": "umap"})
        assert begun.wait(10)
        assert embed(runs_dir).shape == (1, 384) and not drawn.done()
        over.set()
        assert drawn.result(10) == {"waited": True}
    serving.join(20)


def test_hanging_request_ends_the_desk(runs_dir: Path) -> None:
    code = (
        "import pathlib, sys, core.desk as desk; desk.GRACE_SECONDS = 0.2; desk.LOOK_SECONDS = 0.1; "
        "desk.REQUESTS = {'hang': ('tests.test_desk', 'hang')}; desk.main(pathlib.Path(sys.argv[1]))"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(runs_dir)], cwd=ROOT)
    wait_until((runs_dir / DESK / NOTE).exists, 60)
    message = json.dumps({"request": "hang", "values": {}, "seconds": 0.1}).encode()
    with pytest.raises((EOFError, ConnectionError)):
        _exchange(read_json(runs_dir / DESK / NOTE), message, time.monotonic() + 30)
    assert process.wait(5) == 70


def test_spawned_desk_answers_and_ends_with_its_supervisor(runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDIO_SPAWN", "1")
    wake_desk(runs_dir)
    assert embed(runs_dir).shape == (1, 384)
    note = read_json(runs_dir / DESK / NOTE)
    assert psutil.Process(note["pid"]).cmdline()[1:3] == ["-m", "core.desk"]
    psutil.Process(read_json(runs_dir / ".supervisor.json")["pid"]).kill()
    wait_until(lambda: not is_alive(note["pid"], note["started"]))
