"""How long a person waits for the first rows of a large file, and how much memory the worker takes for the size of SNLI.

python -m tests.benchmarks.data_scale [--data-dir DIR]

Rows are generated: 100,000 pairs are uploaded through the page, 550,000 NLI rows are named by their path.
"""

import argparse
import json
import platform
import statistics
import sys
import tempfile
import threading
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page

from core.errors import one_sentence
from core.files import read_json
from core.run_store import iter_runs
from tests.conftest import end_supervisor
from tests.real_app import CHROMIUM, RealApp, chromium, open_page, open_tab

REPEATS = 3
PAIRS, NLI_ROWS = 100_000, 550_000
WORDS = 20_000
VIEW = "document.querySelector('#data-view .job-view')"
LOOK_SECONDS = 0.02


def sentences(count: int, rng: np.random.Generator) -> list[str]:
    """Return distinct sentences of 6 to 16 made-up words, frequent ones more often, about as long as SNLI's."""
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    words = ["".join(rng.choice(letters, length)) for length in rng.integers(2, 9, WORDS)]
    drawn = np.minimum(rng.zipf(1.3, (count, 16)) - 1, WORDS - 1)
    lengths = rng.integers(6, 17, count)
    return [
        f"{' '.join(words[word] for word in row[:length])} {number}"
        for number, (row, length) in enumerate(zip(drawn, lengths, strict=True))
    ]


def write_pairs(path: Path, rng: np.random.Generator) -> None:
    """Write pairs as CSV."""
    texts = sentences(2 * PAIRS, rng)
    lines = (f"{texts[place]},{texts[place + 1]}\n" for place in range(0, 2 * PAIRS, 2))
    path.write_text("anchor,positive\n" + "".join(lines))


def write_nli(path: Path, rng: np.random.Generator) -> None:
    """Write NLI rows as CSV: three hypotheses a premise, as SNLI has."""
    texts = sentences(NLI_ROWS + NLI_ROWS // 3 + 1, rng)
    premises, hypotheses = texts[: NLI_ROWS // 3 + 1], texts[NLI_ROWS // 3 + 1 :]
    labels = ("entailment", "neutral", "contradiction")
    lines = (f"{premises[row // 3]},{hypotheses[row]},{labels[row % 3]}\n" for row in range(NLI_ROWS))
    path.write_text("premise,hypothesis,label\n" + "".join(lines))


class MemoryWatch:
    """Looks at the memory of its own of every preparing worker, fifty times a second, and keeps the most that was seen."""

    def __init__(self, runs_dir: Path) -> None:
        self._runs_dir = runs_dir
        self._over = threading.Event()
        self.most_mb = 0.0
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> "MemoryWatch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            for run in iter_runs(self._runs_dir / ".prepared"):
                status = read_json(run.path / "status.json") or {}
                if status.get("pid") and status.get("state") == "loading":
                    self.most_mb = max(self.most_mb, own_mb(int(status["pid"])))


def own_mb(pid: int) -> float:
    """Return a process's own memory in MB, without the pages that it shares with the supervisor; 0 for one that is gone."""
    try:
        return float(psutil.Process(pid).memory_full_info().uss) / 2**20
    except psutil.Error:
        return 0.0


def wait_for_text(page: Page, text: str, seconds: float) -> None:
    page.wait_for_function(f"{VIEW}.innerText.includes({json.dumps(text)})", polling=20, timeout=seconds * 1000)


def measure_once(folder: Path, data_dir: Path | None) -> tuple[list[str], dict[str, float]]:
    """Start the app, upload the pairs, then name the NLI rows by their path; each is measured to what the page shows."""
    runs_dir = Path(tempfile.mkdtemp(dir=folder))
    app = RealApp(runs_dir, data_dir)
    figures = {}
    try:
        with chromium() as browser:
            page = open_page(browser, app.url, [])
            open_tab(page, "Data")
            wait_for_text(page, "positive-pairs", 60)
            page.wait_for_timeout(8000)  # the supervisor loads its libraries meanwhile
            began = time.monotonic()
            page.set_input_files("#upload input[type=file], input[type=file]", folder / "pairs.csv")
            wait_for_text(page, "The first 20 examples", 60)
            wait_for_text(page, "checking the rest", 30)
            figures["preview_100k_s"] = time.monotonic() - began
            wait_for_text(page, "from 100,000 rows", 90)
            figures["whole_100k_s"] = time.monotonic() - began
            with MemoryWatch(runs_dir) as watch:
                began = time.monotonic()
                page.get_by_text("From the Hugging Face Hub").click()
                page.get_by_label("A file on this machine").fill(str(folder / "nli.csv"))
                page.keyboard.press("Enter")
                page.get_by_role("button", name="Use", exact=True).first.click()
                wait_for_text(page, "from 550,000 rows", 240)
                figures["whole_550k_s"] = time.monotonic() - began
            figures["worker_own_mb"] = watch.most_mb
            figures["web_rss_mb"] = psutil.Process(app.process.pid).memory_info().rss / 1e6
            figures["page_characters"] = float(page.evaluate(f"{VIEW}.innerText.length"))
    finally:
        app.kill()
        end_supervisor(runs_dir)
    return app.command, figures


def main() -> int:
    """Repeat everything three times and print one line of JSON with medians and samples."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path)
    data_dir: Path | None = parser.parse_args().data_dir
    if CHROMIUM is None:
        print("No chromium: apt-get install chromium.", file=sys.stderr)
        return 1
    samples: dict[str, list[float]] = {}
    commands: list[str] = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        folder, rng = Path(place), np.random.default_rng(42)
        write_pairs(folder / "pairs.csv", rng)
        write_nli(folder / "nli.csv", rng)
        for _ in range(REPEATS):
            try:
                command, figures = measure_once(folder, data_dir.resolve() if data_dir else None)
            except (AssertionError, PlaywrightError) as error:
                print(f"A part could not run: {one_sentence(error)}", file=sys.stderr)
                return 1
            commands.append(" ".join(command))
            for name, value in figures.items():
                samples.setdefault(name, []).append(round(value, 3))
    machine = {
        "cores": psutil.cpu_count(),
        "python": platform.python_version(),
        "pandas": version("pandas"),
        "pyarrow": version("pyarrow"),
    }
    medians: dict[str, Any] = {name: statistics.median(values) for name, values in samples.items()}
    print(json.dumps(medians | {"samples": samples, "commands": commands, "machine": machine}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
