"""The Evaluate tab's table: STSB's ten figures, accuracy on labelled texts, a cross-encoder's two."""

from pathlib import Path

import pytest

from core.config import build_config
from core.evaluation import SIMILARITIES
from core.files import write_json
from core.run_store import create_run
from core.runs import RunFolder
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


def test_verdicts_stand_on_top_the_own_part_first_then_tables_then_pairs(studio: Studio) -> None:
    run = create_run(studio.runs_dir, build_config({}), None)
    pairs = {"cosines": [0.1, 0.2, 0.3], "gold": [0.0, 0.5, 1.0]}
    for which in ("before", "after"):
        for data, figures in (("stsb/validation", TEN), ("own/held-out", {"spearman_cosine": 0.5})):
            record = {"data": data, "figures": figures, "pairs": 3, "found": "x", **pairs}
            write_json(run.path / "scores" / f"{data.replace('/', '-')}.{which}.json", record)
    for data, sentence in (("stsb-validation", "On <STSB>: better."), ("own-held-out", "On your own: worse.")):
        verdict = {"verdict": "better", "sentence": sentence, "others": [], "draws": 2000}
        write_json(run.path / "scores" / f"{data}.verdict.json", verdict)
    html = scores_table(studio, run.id)
    places = [html.index(words) for words in (
        "On your own: worse.", "On &lt;STSB&gt;: better.", "Your own held-out part", "stsb validation: 3 pairs", "own/held-out",
    )]  # fmt: skip
    assert places == sorted(places) and html.count("data-pairs=") == 2


def test_verdict_waits_for_the_score_that_it_is_about(studio: Studio) -> None:
    run = create_run(studio.runs_dir, build_config({}), None)
    write(run, "stsb/validation", "before", TEN)
    stale = {"verdict": "better", "sentence": "Of an earlier turn.", "others": [], "draws": 2000}
    write_json(run.path / "scores" / "stsb-validation.verdict.json", stale)
    assert "Of an earlier turn." not in scores_table(studio, run.id)


def test_record_of_an_older_kind_shows_its_figures_without_pairs(studio: Studio) -> None:
    run = create_run(studio.runs_dir, build_config({}), None)
    for which in ("before", "after"):
        write(run, "stsb/validation", which, TEN)
    html = scores_table(studio, run.id)
    assert "0.6000" in html and "data-pairs" not in html and "Is it better?" not in html


def test_held_out_figures_that_mean_nothing_say_so(studio: Studio) -> None:
    run = create_run(studio.runs_dir, build_config({}), None)
    record = {
        "data": "own/held-out",
        "figures": {"spearman_cosine": 0.0},
        "pairs": 3,
        "note": "All held-out scores are the same.",
    }
    write_json(run.path / "scores" / "own-held-out.before.json", record)
    assert "All held-out scores are the same." in scores_table(studio, run.id)
