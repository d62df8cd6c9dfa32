"""How long a person waits: to the page, to the first loss point, to the end of the quick demo.

python -m tests.benchmarks.startup [--data-dir DIR]
"""

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import Error as PlaywrightError

from core.errors import one_sentence
from core.events import read_events
from core.runs import RunFolder
from tests.conftest import end_supervisor
from tests.ready import ROOT
from tests.real_app import CHROMIUM, TABS, RealApp, chromium, open_page, open_tab, press, wait_until_says

REPEATS = 3
FIRST_POINT = "((document.querySelector('[data-plot=loss]').data || [])[0] || {x: []}).x.length > 0"


def train(runs_dir: Path, data_dir: Path | None, recipe: str, *settings: str) -> tuple[list[str], dict[str, Any]]:
    """Train through the command line, and return the command and its line of JSON."""
    command = [sys.executable, "-m", "core", "train", recipe, "--runs-dir", str(runs_dir)]
    command += ["--data-dir", str(data_dir)] if data_dir else []
    for setting in settings:
        command += ["--set", setting]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=150, check=True)
    return command, json.loads(result.stdout.splitlines()[-1])


def measure_page(runs_dir: Path, data_dir: Path | None) -> tuple[list[str], dict[str, float]]:
    """Start the app, open every tab, press Start training and wait for the end."""
    app = RealApp(runs_dir, data_dir)
    try:
        with chromium() as browser:
            page = open_page(browser, app.url, [])
            train(runs_dir, data_dir, "quick-demo", "max_steps=2")  # the supervisor is warm after it
            open_tab(page, "Train")
            page.wait_for_timeout(2500)
            began = time.monotonic()
            press(page, "Start training")
            wait_until_says(page, "Training")
            page.wait_for_function(FIRST_POINT, polling=20, timeout=60_000)
            first_loss = time.monotonic() - began
            wait_until_says(page, "Done")
            done = time.monotonic() - began
            for tab in TABS:
                open_tab(page, tab)
                page.wait_for_timeout(700)
            memory = psutil.Process(app.process.pid).memory_info().rss / 1e6
    finally:
        app.kill()
    return app.command, {
        "seconds_to_page": app.seconds_to_page, "web_rss_mb": memory, "click_to_first_loss_s": first_loss, "quick_demo_s": done,
    }  # fmt: skip


def measure_epoch(runs_dir: Path, data_dir: Path) -> tuple[list[str], float]:
    """Train one epoch of MNR over all NLI rows, and return the seconds from the start of training to its last step."""
    command, result = train(runs_dir, data_dir, "mnr", "best_by=last", "eval_every=1000000")
    events = list(read_events(RunFolder(runs_dir / result["run"]).events_path))
    began = next(event["t"] for event in events if event["type"] == "state" and event["state"] == "training")
    last = next(event["t"] for event in events if event["type"] == "step" and event["step"] == event["total_steps"])
    return command, last - began


def measure_once(data_dir: Path | None) -> tuple[list[list[str]], dict[str, float]]:
    """Measure every part once, in a runs folder of its own."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        runs_dir = Path(folder)
        try:
            command, figures = measure_page(runs_dir, data_dir)
            commands = [command]
            if data_dir and all((data_dir / name).is_dir() for name in ("snli", "mnli")):
                command, figures["static_epoch_s"] = measure_epoch(runs_dir, data_dir)
                commands.append(command)
        finally:
            end_supervisor(runs_dir)
    return commands, figures


def main() -> int:
    """Repeat everything three times and print one line of JSON with medians and samples."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path)
    data_dir: Path | None = parser.parse_args().data_dir
    if CHROMIUM is None:
        print("No chromium: apt-get install chromium.", file=sys.stderr)
        return 1
    samples: dict[str, list[float]] = {}
    commands: list[list[str]] = []
    for _ in range(REPEATS):
        try:
            ran, figures = measure_once(data_dir.resolve() if data_dir else None)
        except (subprocess.SubprocessError, AssertionError, PlaywrightError) as error:
            print(f"A part could not run: {one_sentence(error)}", file=sys.stderr)
            return 1
        commands += ran
        for name, value in figures.items():
            samples.setdefault(name, []).append(round(value, 3))
    machine = {"cores": psutil.cpu_count(), "python": platform.python_version(), "torch": version("torch")}
    medians = {name: statistics.median(values) for name, values in samples.items()}
    print(json.dumps(medians | {"samples": samples, "commands": [" ".join(each) for each in commands], "machine": machine}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
