"""The Evaluate tab's table: STSB's ten figures, accuracy on labelled texts, a cross-encoder's two."""

from pathlib import Path

import pytest

from core.config import build_config
from core.evaluation import SIMILARITIES
from core.files import write_json
from core.runs import RunFolder, create_run
from ui.evaluate_tab import scores_table
from ui.studio import Studio

TEN = {f"{figure}_{name}": 0.6 for figure in ("pearson", "spearman") for name in (*SIMILARITIES, "max")}


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return Studio(tmp_path, None)


def write(run: RunFolder, data: str, which: str, figures: dict[str, float]) -> None:
    record = {"data": data, "figures": figures, "pairs": 7, "found": "a <file>"}
    write_json(run.path / "scores" / f"{data.replace('/', '-')}.{which}.json", record)


def test_accuracy_stands_after_the_yardstick_with_its_difference(studio: Studio) -> None:
    run = create_run(studio.runs_dir, build_config({}), None)
    for which, accuracy in (("before", 0.8), ("after", 0.85)):
        write(run, "stsb/validation", which, TEN)
        write(run, "banking77/test", which, {"accuracy": accuracy, "accuracy_std": 0.01})
    table = scores_table(studio, run.id)
    assert table.index("stsb validation") < table.index("Accuracy on banking77 test")
    assert "0.8000" in table and "0.8500" in table and "a <file>" not in table
    assert run.yardstick("after")[0] == "stsb/validation"


def test_accuracy_before_training_shows_without_an_after(studio: Studio) -> None:
    run = create_run(studio.runs_dir, build_config({}), None)
    write(run, "stsb/validation", "before", TEN)
    write(run, "banking77/test", "before", {"accuracy": 0.8, "accuracy_std": 0.01})
    assert "0.8000" in scores_table(studio, run.id)


def test_cross_encoder_shows_its_two_figures(studio: Studio) -> None:
    run = create_run(studio.runs_dir, build_config({}), None)
    write(run, "stsb/validation", "after", {"pearson": 0.71, "spearman": 0.72})
    table = scores_table(studio, run.id)
    assert "Cross-encoder on stsb validation" in table and "0.7100" in table
