"""What tests share: a runs folder of their own, a small data folder, and supervisors that end with the test."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import psutil
import pytest

from core.files import read_json
from core.runs import RunFolder, Status

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"


def pytest_configure() -> None:
    # Tests run beside each other; threads of two that wait for each other's cores take longer than one thread each.
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.environ.get("STUDIO_DATA_DIR"):
        return
    skip = pytest.mark.skip(reason="STUDIO_DATA_DIR is not set: no real data here")
    for item in items:
        if "real_data" in item.keywords:
            item.add_marker(skip)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    terminalreporter.write_line(f"{len(skipped)} tests were skipped")


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


def end_supervisor(folder: Path) -> None:
    known = read_json(folder / ".supervisor.json")
    if known and psutil.pid_exists(known["pid"]):
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
