"""The processes, for real: a supervisor, its workers, and what becomes of a run when one of them dies."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from core import launching
from core.config import RunConfig
from core.files import read_json
from core.launching import ensure_supervisor
from core.locks import lock
from core.preloading import Libraries
from core.processes import is_alive, start_time
from core.recipes import recipe_config
from core.run_store import create_run, delete_run
from core.runs import RunFolder, Status
from core.settings import override
from core.supervisor import Supervisor
from core.supervisor_note import is_looked_after, tell_supervisor
from tests.conftest import wait_for

SHORT = {"max_steps": 4, "eval_every": 2, "snapshots": False}
LONG = {"epochs": 900, "eval_every": 100_000}


def demo(**changes: object) -> RunConfig:
    return override(recipe_config("quick-demo"), changes)


def queue(runs_dir: Path, **changes: object) -> RunFolder:
    run = create_run(runs_dir, demo(**changes), None)
    ensure_supervisor(runs_dir)
    return run


def in_training(run: RunFolder) -> Status:
    return wait_for(run, lambda status: status.state == "training")


def wait_until(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.02)


def ended(run: RunFolder, seconds: float = 60.0) -> Status:
    return wait_for(run, lambda status: status.is_final, seconds)


def test_runs_take_their_turn_and_end_with_a_model(warm_runs: Path) -> None:
    first, second = queue(warm_runs, **SHORT), queue(warm_runs, **SHORT)
    one, two = ended(first), ended(second)
    assert (one.state, two.state) == ("done", "done")
    assert two.started is not None and one.finished is not None and two.started >= one.finished
    assert one.has_model and (first.path / "model" / "model.safetensors").is_file()
    assert not is_alive(one.pid, one.pid_started), "a worker ends with its run, and its memory with it"


def test_stop_ends_training_and_keeps_scores_and_model(warm_runs: Path) -> None:
    run = queue(warm_runs, **LONG)
    in_training(run)
    time.sleep(0.5)
    run.request_stop()
    status = ended(run, 20)
    assert (status.state, status.has_model) == ("stopped", True)
    assert "spearman_cosine" in run.scores("after")["sample/validation"]


def test_stop_pressed_twice_skips_the_scoring(warm_runs: Path) -> None:
    run = queue(warm_runs, **LONG)
    in_training(run)
    run.request_stop()
    run.request_stop()
    status = ended(run, 20)
    assert (status.state, status.has_model) == ("stopped", True)
    assert run.scores("after") == {}


def test_cancel_ends_a_working_process_and_keeps_nothing(warm_runs: Path) -> None:
    run = queue(warm_runs, **LONG)
    working = in_training(run)
    run.request_cancel()
    status = ended(run, 4)
    assert (status.state, status.has_model) == ("stopped", False)
    assert not is_alive(working.pid, working.pid_started)


def test_cancel_kills_a_worker_that_does_not_hear_term(warm_runs: Path) -> None:
    run = queue(warm_runs, **LONG)
    working = in_training(run)
    assert working.pid is not None
    os.kill(working.pid, signal.SIGSTOP)
    run.request_cancel()
    assert ended(run, 8).state == "stopped"
    assert not is_alive(working.pid, working.pid_started)


def test_cancel_takes_a_waiting_run_out_of_the_queue(warm_runs: Path) -> None:
    long_run, waiting = queue(warm_runs, **LONG), queue(warm_runs, **SHORT)
    in_training(long_run)
    waiting.request_cancel()
    assert ended(waiting, 5).detail == "Cancelled before it began."
    long_run.request_cancel()
    ended(long_run, 8)


def test_killed_worker_shows_as_interrupted_with_its_signal(warm_runs: Path) -> None:
    run = queue(warm_runs, **LONG)
    working = in_training(run)
    assert working.pid is not None
    os.kill(working.pid, signal.SIGKILL)
    status = ended(run, 5)
    assert status.state == "interrupted"
    assert "signal SIGKILL" in status.error["message"]


def test_deleted_run_does_not_block_the_queue(warm_runs: Path) -> None:
    gone = queue(warm_runs, **SHORT)
    ended(gone)
    delete_run(gone)
    assert ended(queue(warm_runs, **SHORT)).state == "done"


def test_second_supervisor_leaves_at_once(warm_runs: Path) -> None:
    ensure_supervisor(warm_runs)
    ended(queue(warm_runs, **SHORT))
    before = read_json(warm_runs / ".supervisor.json")
    result = subprocess.run([sys.executable, "-m", "core.supervisor", str(warm_runs)], timeout=30, check=False)
    assert result.returncode == 0
    assert read_json(warm_runs / ".supervisor.json") == before


def test_run_that_comes_while_a_supervisor_leaves_is_done_by_the_next_one(runs_dir: Path) -> None:
    held = lock(runs_dir)
    assert held is not None
    # This process is the one that leaves: it lives, and still has the folder.
    tell_supervisor(runs_dir, leaves=True)
    run = queue(runs_dir, **SHORT)
    time.sleep(1)
    assert launching._started[runs_dir][0].poll() is None and not is_looked_after(runs_dir), "it waits"
    held.close()
    assert ended(run, 90).state == "done"


def test_supervisor_whose_minute_is_over_stays_where_a_run_has_come(runs_dir: Path) -> None:
    supervisor = Supervisor(runs_dir, fork=False)
    supervisor.stay()
    assert is_looked_after(runs_dir)
    assert supervisor.may_leave() and not is_looked_after(runs_dir)
    create_run(runs_dir, demo(**SHORT), None)
    assert not supervisor.may_leave()
    supervisor.stay()
    assert is_looked_after(runs_dir)


def test_supervisor_that_could_not_look_before_it_leaves_says_that_it_stays(
    runs_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    supervisor = Supervisor(runs_dir, fork=False)
    with monkeypatch.context() as patch:
        patch.setattr(supervisor, "open_runs", lambda: list((runs_dir / "gone").iterdir()))
        with pytest.raises(FileNotFoundError):
            supervisor.may_leave()
    supervisor.stay()
    assert is_looked_after(runs_dir)


def test_one_that_this_process_started_is_not_relied_on_once_it_leaves(runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[SimpleNamespace] = []

    def spawn(*_: Any) -> SimpleNamespace:
        started.append(SimpleNamespace(pid=os.getpid(), poll=lambda: None))
        return started[-1]

    monkeypatch.setattr(launching, "spawn_detached", spawn)
    # It stays after all and then leaves once more: whoever was started in between has found it staying, and is gone soon.
    for leaves, expected in ((None, 1), (None, 1), (False, 1), (True, 2), (None, 2), (False, 2), (True, 3)):
        if leaves is not None:
            tell_supervisor(runs_dir, leaves=leaves)
        ensure_supervisor(runs_dir)
        assert len(started) == expected


def test_run_survives_its_supervisor_and_the_next_one_follows_it(runs_dir: Path) -> None:
    run = queue(runs_dir, max_steps=60, eval_every=100_000, snapshots=False)
    working = in_training(run)
    assert working.pid is not None
    # It stands still meanwhile: a run that would last until the next supervisor is there takes a minute on a slow machine.
    os.kill(working.pid, signal.SIGSTOP)
    before = read_json(runs_dir / ".supervisor.json")
    os.kill(before["pid"], signal.SIGKILL)
    psutil.wait_procs([psutil.Process(before["pid"])], timeout=3)
    assert is_alive(working.pid, working.pid_started)

    def another_serves() -> bool:
        # As every open page does: one that has just ended may still be taken for alive.
        ensure_supervisor(runs_dir)
        return read_json(runs_dir / ".supervisor.json") != before

    wait_until(another_serves)
    os.kill(working.pid, signal.SIGCONT)
    status = ended(run)
    assert (status.state, status.pid) == ("done", working.pid)
    assert ended(queue(runs_dir, **SHORT)).state == "done", "the lock went with the supervisor, not with the worker"


def test_spawned_worker_does_the_same(runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDIO_SPAWN", "1")
    run = queue(runs_dir, **SHORT)
    assert ended(run, 90).state == "done"


def test_full_disk_at_a_checkpoint_fails_with_a_sentence_and_loses_nothing(runs_dir: Path) -> None:
    run = create_run(runs_dir, demo(**SHORT), None)
    limit = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (8_000_000,) * 2);"
    work = "from pathlib import Path; from core.worker import main; sys.exit(main(Path(sys.argv[1])))"
    code = subprocess.run([sys.executable, "-c", limit + work, str(run.path)], timeout=120, check=False).returncode
    status = run.status()
    assert code == 1 and status is not None and status.state == "failed"
    assert status.error["kind"] == "diskfull" and "free some space" in status.error["message"]
    assert "sample/validation" in run.scores("before")
    assert not [path for path in run.path.rglob("*") if path.name.endswith(".part")]


def test_fork_of_the_loaded_libraries_finds_no_thread_and_cuda_untouched() -> None:
    script = (
        "import os, sys, time; from core.preloading import PRELOADED, Libraries\n"
        "libraries = Libraries(PRELOADED)\n"
        "libraries.load_beside()\n"
        "while not libraries.are_ready(): time.sleep(0.1)\n"
        "import torch\n"
        "pid = os.fork()\n"
        "if pid == 0: os._exit(int(torch.cuda.is_initialized() or torch.cuda._is_in_bad_fork()))\n"
        # OpenBLAS ends its own threads before a fork; whatever else there were is there still.
        "print(*(open(f'/proc/self/task/{task}/comm').read().strip() for task in os.listdir('/proc/self/task')))\n"
        "sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))"
    )
    found = subprocess.run([sys.executable, "-c", script], timeout=120, check=False, capture_output=True, text=True)
    assert found.returncode == 0 and len(found.stdout.split()) == 1, found


def test_libraries_are_not_ready_before_the_thread_that_loads_them_is_gone() -> None:
    libraries, may_end = Libraries(["json"]), threading.Event()

    def load() -> None:
        libraries.load()
        may_end.wait(30)

    thread = threading.Thread(target=load)
    thread.start()
    wait_until(libraries._loaded.is_set)
    assert not libraries.are_ready()
    may_end.set()
    wait_until(libraries.are_ready, 5)
    thread.join()


def test_library_that_cannot_be_loaded_is_named() -> None:
    libraries = Libraries(["json", "no_such_library"])
    assert not libraries.are_ready()
    with pytest.raises(ModuleNotFoundError):
        libraries.load()
    assert libraries.are_ready() and "(no_such_library)" in libraries.broken


def test_pid_used_again_is_not_taken_for_the_old_process() -> None:
    started = start_time(os.getpid())
    assert started is not None
    assert is_alive(os.getpid(), started)
    assert not is_alive(os.getpid(), started - 100)
