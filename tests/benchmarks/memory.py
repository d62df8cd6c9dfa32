"""How far the memory reckoned before a run is from what its worker then takes, on three models.

python -m tests.benchmarks.memory --data-dir DATA
"""

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from core.estimate import Estimate, estimate
from core.files import read_json, write_json
from core.model_facts import read_facts
from core.prepared import PREPARED
from core.run_store import iter_runs
from core.runs import RunFolder
from tests.conftest import end_supervisor
from tests.ready import ROOT

LONGEST_SECONDS = 150
TICK_SECONDS = 0.02
ROWS = 6000
CASES: tuple[dict[str, Any], ...] = (
    {"base_model": "static-minilm", "loss": "mnr", "batch_size": 1024, "max_steps": 4},
    {"base_model": "all-minilm-l6-v2", "loss": "mnr", "batch_size": 32, "max_steps": 4},
    {"base_model": "minilm-from-nothing", "loss": "mnr", "batch_size": 64, "max_steps": 4},
    {"base_model": "all-minilm-l6-v2", "loss": "cached-mnr", "batch_size": 128, "max_steps": 3},
    {"base_model": "all-minilm-l6-v2", "loss": "denoising", "batch_size": 16, "max_steps": 4},
)


@dataclass(frozen=True)
class Measured:
    """One run: what was reckoned, and the most that its worker's process held, in bytes."""

    command: list[str]
    estimated: Estimate
    measured: int


def largest_resident_set(pid: int) -> int:
    """Return the largest resident set of a live process in bytes, 0 for one that is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), 0)


def train_and_watch(command: list[str], runs_dir: Path) -> tuple[RunFolder, int]:
    """Run a command that trains one run in an empty runs folder, and return the run and its worker's peak in bytes."""
    peak, began = 0, time.monotonic()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and time.monotonic() - began < LONGEST_SECONDS:
        status = next((run.status() for run in iter_runs(runs_dir)), None)
        if status is not None and status.pid:
            peak = max(peak, largest_resident_set(status.pid))
        time.sleep(TICK_SECONDS)
    process.kill()
    _, said = process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {said[-400:]}")
    return next(iter_runs(runs_dir)), peak


def measure(case: dict[str, Any], data_dir: Path) -> Measured:
    """Train one case through the command line, and reckon from what its run wrote down."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        runs_dir, asked, rows = Path(folder) / "runs", Path(folder) / "asked.json", Path(folder) / "data"
        rows.mkdir()
        # Without STSB beside it the sample is scored: the peak is a training step's, and scoring takes most of the time.
        (rows / "snli").symlink_to(data_dir / "snli", target_is_directory=True)
        write_json(asked, case | {"data": "snli", "max_rows": ROWS, "eval_every": case["max_steps"]})
        command = [sys.executable, "-m", "core", "train", str(asked), "--runs-dir", str(runs_dir), "--data-dir", str(rows)]
        try:
            run, peak = train_and_watch(command, runs_dir)
            return Measured(command, reckon(run), peak)
        finally:
            end_supervisor(runs_dir)


def reckon(run: RunFolder) -> Estimate:
    """Reckon a finished run's memory from its settled values and the report of its examples."""
    config, resolved = run.config(), run.resolved()
    settings = {name: setting["value"] for name, setting in resolved["settings"].items()}
    report = read_json(run.runs_dir / PREPARED / resolved["data"]["folder"] / "report.json")
    device = resolved["machine"]["device"]
    return estimate(config, settings, read_facts(config.base_model, run.runs_dir), report, device, run.runs_dir)


def main() -> int:
    """Measure every case once and print one line of JSON: reckoned, measured, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    data_dir: Path = parser.parse_args().data_dir.resolve()
    found = []
    for case in CASES:
        try:
            one = measure(case, data_dir)
        except (RuntimeError, OSError) as error:
            print(f"A part could not run: {error}", file=sys.stderr)
            return 1
        figures = {"estimate_mb": round(one.estimated.peak_bytes / 1e6), "measured_mb": round(one.measured / 1e6)}
        found.append(case | figures | {"ratio": round(one.estimated.peak_bytes / max(1, one.measured), 3)})
        print(found[-1], file=sys.stderr)
    machine = {"cores": psutil.cpu_count(), "python": platform.python_version(), "torch": version("torch")}
    print(json.dumps({"runs": found, "machine": machine}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
