"""What tests share: a runs folder of their own, a small data folder, and supervisors that end with the test."""

import gc
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest

from core import launching
from core.files import read_json
from core.jobs import JOB_FOLDERS
from core.launching import ensure_supervisor
from core.processes import KEEP_BLOCKS, is_alive, spawn_detached
from core.run_store import iter_runs
from core.runs import RunFolder, Status
from tests import ready

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
OF_THE_SUPERVISOR = (".lock", ".desk", ".supervisor.json", ".supervisor.log", ".machine.json")


def pytest_configure() -> None:
    # Tests run beside each other; threads of two that wait for each other's cores take longer than one thread each.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    # Read when a process starts: what the tests start beside each other trains as a worker of the studio does.
    os.environ.update(KEEP_BLOCKS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.environ.get("STUDIO_DATA_DIR"):
        return
    skip = pytest.mark.skip(reason="STUDIO_DATA_DIR is not set: no real data here")
    for item in items:
        if "real_data" in item.keywords:
            item.add_marker(skip)


def pytest_collection_finish() -> None:
    # The libraries' million objects stay: each training's end would look through all of them for garbage, for a second.
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    terminalreporter.write_line(f"{len(skipped)} tests were skipped")


@pytest.fixture(scope="session", autouse=True)
def ready_processes() -> Iterator[None]:
    """Have supervisors, pages and commands forked from loaded libraries; `cold` has them started really."""
    with pytest.MonkeyPatch.context() as patch:
        supervisors, pages = ready.ReadySupervisors(), ready.Ready(ready.PAGE)
        patch.setattr(launching, "spawn_detached", supervisors.spawn)
        patch.setattr(ready, "pages", pages)
        yield
        supervisors.end()
        pages.end()


@pytest.fixture
def cold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a supervisor started as the app starts it, and an app as a person does."""
    monkeypatch.setattr(launching, "spawn_detached", spawn_detached)
    monkeypatch.setattr(ready, "pages", None)


@pytest.fixture
def data_dir() -> Path:
    """The real data; only for tests marked `real_data`."""
    return Path(os.environ["STUDIO_DATA_DIR"]).resolve()


@pytest.fixture
def runs_dir(tmp_path: Path) -> Iterator[Path]:
    """A runs folder whose supervisor and workers are gone after the test."""
    folder = tmp_path / "runs"
    folder.mkdir()
    yield folder
    end_supervisor(folder)


@pytest.fixture(scope="session")
def warm_runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A runs folder whose supervisor loads its libraries once for all tests: that takes longer than most of what it then does."""
    folder = tmp_path_factory.mktemp("warm")
    ensure_supervisor(folder)
    yield folder
    end_supervisor(folder)


@pytest.fixture
def warm_dir(warm_runs: Path) -> Iterator[Path]:
    """The same folder, empty, and emptied after the test."""
    with emptied(warm_runs):
        yield warm_runs


@pytest.fixture(scope="module")
def warm_module(warm_runs: Path) -> Iterator[Path]:
    """The same folder, emptied after the module."""
    with emptied(warm_runs):
        yield warm_runs


@contextmanager
def emptied(runs_dir: Path) -> Iterator[None]:
    """End whatever works or waits in a runs folder, and remove all but what its supervisor keeps there: before and after."""
    empty(runs_dir)
    yield
    empty(runs_dir)


def empty(runs_dir: Path) -> None:
    runs = [run for place in ("", *JOB_FOLDERS) for run in iter_runs(runs_dir / place)]
    going = [run for run in runs if (status := run.status()) is not None and not status.is_final]
    for run in going:
        ensure_supervisor(runs_dir)
        run.request_cancel()
    for run in going:
        wait_for(run, lambda status: status.is_final, 30)
    for run in runs:
        # A process that has told its end may not be gone.
        while (status := run.status()) is not None and is_alive(status.pid, status.pid_started):
            time.sleep(0.02)
    for path in runs_dir.iterdir():
        if path.name not in OF_THE_SUPERVISOR:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One Chromium for all tests of a module; each of them closes, or opens afresh, what it has opened."""
    from tests.real_app import chromium

    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def tab(browser: Any) -> tuple[Any, list[str]]:
    """A page for all tests of a module, each of which loads the app in it afresh, and what it has complained of."""
    from tests.real_app import watched_page

    complaints: list[str] = []
    return watched_page(browser, complaints), complaints


def end_supervisor(folder: Path) -> None:
    known = read_json(folder / ".supervisor.json")
    # A test may have said that it is one itself.
    if known and known["pid"] != os.getpid() and psutil.pid_exists(known["pid"]):
        process = psutil.Process(known["pid"])
        for each in [process, *process.children(recursive=True)]:
            each.kill()
        process.wait(5)


@pytest.fixture
def small_data(tmp_path: Path) -> Path:
    """A data folder with 40 NLI rows and 12 scored pairs."""
    return write_small_data(tmp_path / "data")


def write_small_data(folder: Path) -> Path:
    (folder / "snli").mkdir(parents=True)
    (folder / "stsb").mkdir()
    subjects = ["cat", "dog", "bird", "horse", "child", "singer", "baker", "farmer", "pilot", "nurse"]
    rows = []
    for subject in subjects:
        premise = f"A {subject} walks slowly along the river."
        rows += [
            (premise, f"The {subject} is near water.", "entailment"),
            (premise, f"There is a {subject} outside.", "entailment"),
            (premise, f"The {subject} is going home.", "neutral"),
            (premise, f"The {subject} sleeps on a mountain.", "contradiction"),
        ]
    pd.DataFrame(rows, columns=["premise", "hypothesis", "label"]).to_csv(folder / "snli" / "train.csv", index=False)
    pairs = [(f"A {a} runs.", f"A {b} runs.", 5.0 if a == b else 1.0) for a in subjects[:4] for b in subjects[:3]]
    frame = pd.DataFrame(pairs, columns=["sentence1", "sentence2", "label"])
    frame.to_csv(folder / "stsb" / "validation.csv", index=False)
    frame.to_csv(folder / "stsb" / "train.csv", index=False)
    return folder


def wait_for(run: RunFolder, wanted: Callable[[Status], bool], seconds: float = 60.0) -> Status:
    """Wait until a run's status is as wanted, and fail with what it was instead."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        status = run.status()
        if status is not None and wanted(status):
            return status
        time.sleep(0.02)
    raise AssertionError(f"still {run.status()} after {seconds} s; log: {run.last_log_lines(20)}")


class Unwatched:
    """Work that nobody is told of, and nobody stops."""

    def progress(self, phase: str, done: int, total: int) -> None:
        return

    def raise_if_stopped(self) -> None:
        return
