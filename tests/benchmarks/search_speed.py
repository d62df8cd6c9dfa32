"""How long a question takes: 100,000 texts searched with two models by the real desk, asked as the page asks.

python -m tests.benchmarks.search_speed [--data-dir DIR] [--texts 100000]
"""

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from core.config import build_config
from core.desk_client import DESK, NOTE, ask_desk
from core.errors import StudioError, one_sentence
from core.files import read_json
from core.index_texts import MOST_INDEXED
from core.jobs import ask
from core.launching import ensure_supervisor
from core.measuring import ANSWER
from core.places import Places
from core.recipes import recipe_config
from core.run_store import create_run
from core.runs import RunFolder
from core.settings import override
from core.uploads import take_in
from tests.conftest import end_supervisor, wait_for

WARM_UP, QUESTIONS = 5, 30
WORDS = (
    "river", "violin", "harbour", "kitchen", "mountain", "engine", "letter", "garden", "winter", "market", "doctor", "window",
)  # fmt: skip


def sentence(number: int) -> str:
    """Return a text of its own for each number below a million."""
    words = [WORDS[number // 12**place % 12] for place in range(6)]
    return f"A {words[0]} and a {words[1]} by the {words[2]}, where the {words[3]} meets the {words[4]} and the {words[5]}."


def get_ready(runs_dir: Path, count: int) -> RunFolder:
    """Train a model for a few steps and have the texts read by it and by the one it began with."""
    run = create_run(runs_dir, override(recipe_config("quick-demo"), {"max_steps": 4}), None)
    ensure_supervisor(runs_dir)
    assert wait_for(run, lambda status: status.is_final, 120).has_model
    path = runs_dir / "texts.jsonl"
    path.write_text("".join(json.dumps({"text": sentence(number)}) + "\n" for number in range(count)))
    data = take_in(path, "texts.jsonl", runs_dir).data
    values = {"kind": "measure", "task": "index", "models": (f"untouched:{run.id}", f"run:{run.id}"), "data": data}
    index = ask(build_config(values | {"task_settings": {"most": count}}), Places(None, runs_dir))
    status = wait_for(index, lambda status: status.is_final, 200)
    assert status.state == "done", status.error
    return index


def ask_often(index: RunFolder) -> dict[str, list[float]]:
    """Return milliseconds from asking to the answer, and those of them that the desk itself took."""
    samples: dict[str, list[float]] = {"ask_ms": [], "desk_ms": []}
    for number in range(WARM_UP + QUESTIONS):
        began = time.perf_counter()
        found = ask_desk(index.runs_dir, "search", {"index": index.id, "query": f"{sentence(number)} Where is it?"})
        took = time.perf_counter() - began
        if number >= WARM_UP:
            samples["ask_ms"].append(round(1000 * took, 2))
            samples["desk_ms"].append(round(1000 * found["seconds"], 2))
    return samples


def measure(runs_dir: Path, count: int) -> dict[str, Any]:
    """Measure everything once, in a runs folder of its own."""
    index = get_ready(runs_dir, count)
    answer = read_json(index.path / ANSWER)
    load = os.getloadavg()[0]
    began = time.perf_counter()
    ask_desk(runs_dir, "search", {"index": index.id, "query": "the first one waits for the desk to start"})
    first = time.perf_counter() - began
    desk = psutil.Process(read_json(runs_dir / DESK / NOTE)["pid"])
    used = sum(desk.cpu_times()[:2])
    samples = ask_often(index)
    used = sum(desk.cpu_times()[:2]) - used
    return {name: statistics.median(values) for name, values in samples.items()} | {
        "first_ms": round(1000 * first, 1),
        "texts": answer["texts"],
        "dimension": answer["models"][0]["dimension"],
        "found": answer["found"],
        "read_seconds": [model["seconds"] for model in answer["models"]],
        # What the desk worked for one question, however many others wanted the cores.
        "desk_cpu_ms": round(1000 * used / (WARM_UP + QUESTIONS), 1),
        "desk_own_mb": round(desk.memory_full_info().uss / 1e6),
        "load": [round(load, 2), round(os.getloadavg()[0], 2)],
        "samples": samples,
    }


def main() -> int:
    """Print one line of JSON with medians and samples."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, help="not needed: the texts are made up")
    parser.add_argument("--texts", type=int, default=MOST_INDEXED)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        runs_dir = Path(folder)
        try:
            figures = measure(runs_dir, given.texts)
        except (StudioError, AssertionError) as error:
            print(f"A part could not run: {one_sentence(error)}", file=sys.stderr)
            return 1
        finally:
            end_supervisor(runs_dir)
    machine = {"cores": psutil.cpu_count(), "python": platform.python_version(), "torch": version("torch")}
    print(json.dumps(figures | {"machine": machine, "commands": ["ask_desk(runs_dir, 'search', {...}) x 30, after 5"]}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
