"""Faults that a run has to survive, each really done: a worker killed in any phase, many starts in a row, a clock set back."""

import os
import signal
import threading
import time
from pathlib import Path

import psutil
import pytest

from core import events as event_module
from core.config import build_config
from core.events import EventWriter, NoticeEvent, StepEvent, read_events
from core.files import read_json
from core.launching import ensure_supervisor
from core.processes import is_alive
from core.queue import resume, why_not_resume
from core.run_store import create_run
from core.runs import WORKING_STATES, RunFolder
from core.series import FollowedRun
from tests.conftest import wait_for
from tests.test_supervisor import SHORT, demo, ended, queue

# Long enough that every phase can be met, with a checkpoint to go on from after a moment.
KILLED = {"max_steps": 40, "eval_every": 20, "save_every": 10, "batch_size": 8}
TRIES = 6
TOGETHER = 10


def killed_in(runs_dir: Path, phase: str) -> RunFolder:
    """Start runs until the worker of one was met, and killed, in that phase; the shortest take milliseconds."""
    for _ in range(TRIES):
        run = queue(runs_dir, **KILLED)
        while (status := run.status()) is not None and not status.is_final:
            if status.state == phase and status.pid is not None:
                os.kill(status.pid, signal.SIGKILL)
                break
            time.sleep(0.0005)
        if ended(run).state == "interrupted":
            return run
    pytest.fail(f"no run was met while it was {phase}")


@pytest.mark.parametrize("phase", WORKING_STATES)
def test_worker_killed_in_any_phase_is_interrupted_and_the_queue_goes_on(warm_runs: Path, phase: str) -> None:
    run = killed_in(warm_runs, phase)
    status = run.status()
    assert status is not None and "SIGKILL" in status.error["message"]
    numbers = [event["n"] for event in read_events(run.events_path)]
    assert numbers == sorted(set(numbers))
    if phase in ("evaluating", "saving"):
        assert why_not_resume(run, status) == "", "the checkpoint of step 30 is there"
        resume(run)
        again = ended(run)
        assert (again.state, again.has_model) == ("done", True)
    else:
        assert ended(queue(warm_runs, max_steps=2)).state == "done"


def test_two_hundred_starts_leave_no_process_and_no_open_file(warm_runs: Path) -> None:
    # Each fails before it loads a model, so that what is counted is the supervisor's own work.
    config = build_config(
        {"kind": "score", "base_model": "run:20200101-000000-gone-000000", "data": "sample", "split": "validation"}
    )
    ended(queue(warm_runs, max_steps=2), 120)
    supervisor = psutil.Process(read_json(warm_runs / ".supervisor.json")["pid"])

    def run_some(count: int) -> None:
        # A few at a time: a supervisor reads on each look whatever waits.
        for _ in range(count // TOGETHER):
            runs = [create_run(warm_runs, config, None) for _ in range(TOGETHER)]
            assert {ended(run, 120).state for run in runs} == {"failed"}
        deadline = time.monotonic() + 10
        while supervisor.children() and time.monotonic() < deadline:
            time.sleep(0.05)

    def open_files() -> int:
        # One that it reads just now is open at one look and not at the next.
        looks = []
        for _ in range(20):
            looks.append(supervisor.num_fds())
            time.sleep(0.02)
        return min(looks)

    run_some(TOGETHER)
    files = open_files()
    run_some(200)
    assert open_files() == files
    assert supervisor.children() == []


def test_two_starts_at_once_share_one_supervisor_and_take_turns(runs_dir: Path) -> None:
    started: list[RunFolder] = []

    def start() -> None:
        started.append(create_run(runs_dir, demo(**SHORT), None))
        ensure_supervisor(runs_dir)

    threads = [threading.Thread(target=start) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first, second = sorted((ended(run) for run in started), key=lambda status: status.started or 0)
    assert (first.state, second.state) == ("done", "done")
    assert first.finished is not None and second.started is not None and second.started >= first.finished
    assert is_alive(*(read_json(runs_dir / ".supervisor.json")[key] for key in ("pid", "started")))


def test_clock_set_back_loses_no_event_and_no_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = EventWriter(tmp_path / "events.jsonl")
    now = [1_000_000.0]
    monkeypatch.setattr(event_module.time, "time", lambda: now[0])
    for step, clock in ((1, 1_000_000.0), (2, 1_000_001.0), (3, 990_000.0), (4, 990_001.0)):
        now[0] = clock
        writer.write(StepEvent(step, 4, step / 4, 1.0, 1.0, 1.0, 1e-3, 0.1, 10.0, 1.0))
    writer.write(NoticeEvent("done"))
    followed = FollowedRun(tmp_path / "events.jsonl")
    followed.read_on()
    assert [step["step"] for step in followed.steps] == [1, 2, 3, 4]
    assert [event["n"] for event in read_events(tmp_path / "events.jsonl")] == [1, 2, 3, 4, 5]


def test_folder_deleted_under_a_working_run_ends_its_worker(warm_dir: Path) -> None:
    run = queue(warm_dir, epochs=900, eval_every=100_000)
    working = wait_for(run, lambda status: status.state == "training")
    run.path.replace(warm_dir / ".gone")
    deadline = time.monotonic() + 20
    while is_alive(working.pid, working.pid_started):
        assert time.monotonic() < deadline, "the worker trains on for nobody"
        time.sleep(0.1)
