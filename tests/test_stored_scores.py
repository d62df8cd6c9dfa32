"""What is stored of a model: read where it is of these very weights and rows, and left out elsewhere."""

import time
from pathlib import Path
from typing import Any

import pytest

from core.comparison import compare_values
from core.files import write_json
from core.places import Places
from core.runs import RunFolder
from core.stored_scores import share_held_out, stored_classes, stored_of
from tests.compared_models import compared, finished, static
from tests.small_models import write_sentence_model


@pytest.fixture(autouse=True)
def short_timing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.comparing.TIMED_SECONDS", 0.02)


def keep_held_out(run: RunFolder, folder: str, value: float) -> None:
    record = {"data": "own/held-out", "figures": {"mrr_10": value}, "pairs": 12, "shape": "positive-pairs", "found": "mine.csv"}
    write_json(run.path / "scores" / "own-held-out.after.json", record | {"folder": folder})


def test_held_out_figures_are_shown_only_where_the_held_out_part_is_the_same(runs_dir: Path) -> None:
    places, model = Places(None, runs_dir), static()
    runs = [finished(runs_dir, model) for _ in range(3)]
    for run, folder, value in zip(runs, ("one", "one", "two"), (0.4, 0.6, 0.9), strict=True):
        keep_held_out(run, folder, value)
    answer = compared(places, *(f"run:{run.id}" for run in runs))
    assert [row["held_out"] for row in answer["rows"]] == [0.4, 0.6, None]
    assert answer["held_out"] == {"figure": "mrr_10", "shape": "positive-pairs", "rows": 12, "found": "mine.csv"}
    # In two folders lie the same rows.
    for folder in ("one", "two"):
        (runs_dir / ".prepared" / folder).mkdir(parents=True)
        (runs_dir / ".prepared" / folder / "held-out.parquet").write_bytes(b"rows")
    marks = [stored_of(f"run:{run.id}", places)["held_out"] for run in runs]
    assert share_held_out(marks) == marks[2]["mark"] and share_held_out([marks[0], None]) == ""


def test_accuracy_on_banking77_is_read_from_the_benchmark_and_else_from_the_run(runs_dir: Path, tmp_path: Path) -> None:
    places, run = Places(None, runs_dir), finished(runs_dir, static())
    name = f"run:{run.id}"
    assert stored_classes(name, places) is None
    write_json(run.path / "scores" / "banking77-test.after.json", {"data": "banking77/test", "figures": {"accuracy": 0.7}})
    assert stored_classes(name, places) == 0.7
    first = compare_values((name, "static-minilm"), places)["task_settings"]["stored"]

    def benchmark(folder: str, score: float, when: float, model: str = name, **more: Any) -> None:
        (runs_dir / ".measured" / folder).mkdir(parents=True)
        models = [{"name": model, "main_score": score, "fault": ""}]
        answer = {"task": "benchmark", "name": "Banking77Classification", "splits": ["test"], "models": models, "measured": when}
        write_json(runs_dir / ".measured" / folder / "measured.json", answer | more)

    now = time.time() + 60
    benchmark("a", 0.8, now)
    benchmark("b", 0.81, now + 1)
    benchmark("c", 0.1, now + 2, name="STS12")
    benchmark("d", 0.2, now + 2, splits=["train"])
    assert stored_classes(name, places) == 0.81
    assert compare_values((name, "static-minilm"), places)["task_settings"]["stored"] != first
    # A folder's weights were written after it was measured.
    folder = str(write_sentence_model(tmp_path / "later"))
    benchmark("e", 0.9, 100.0, folder)
    assert stored_classes(folder, places) is None
