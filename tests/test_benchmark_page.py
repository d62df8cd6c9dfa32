"""The block of the benchmark: what can be chosen, what is said of it, what is asked for, and the cards."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from core.benchmark_tasks import BENCHMARKS
from core.config import build_config
from core.files import read_json
from core.run_store import create_run
from core.runs import RunFolder
from tests.small_models import write_sentence_model
from tests.test_main import fault_of
from ui.benchmark import CHOOSE, about_choice, ask_scores, ask_time, task_choices
from ui.benchmark_card import benchmark_card
from ui.measured_cards import MEASURED_CARDS
from ui.studio import Studio

BANKING = "Banking77Classification"
BEFORE: dict[str, Any] = {
    "name": "untouched:x", "label": "untouched <i>", "fault": "", "main_score": 0.6, "texts": 7_690, "evaluation_seconds": 1.5,
    "figures": {"accuracy": 0.6, "f1": 0.59, "odd_figure": 0.1}, "experiments": [0.6, 0.61, 0.59],
    "parts": [{"split": "test", "subset": "default", "main_score": 0.6}],
    "versions": {"sentence-transformers": "6.2.0", "torch": "2.13"},
}  # fmt: skip
AFTER = BEFORE | {
    "name": "run:x", "label": "tuned <u>", "main_score": 0.65, "figures": {"accuracy": 0.65, "f1": 0.58, "odd_figure": 0.2},
    "experiments": [0.65, 0.6, 0.65], "evaluation_seconds": 1.25,
}  # fmt: skip
ANSWER: dict[str, Any] = {
    "task": "benchmark", "name": BANKING, "kind": "Classification", "main": "accuracy", "splits": ["test"], "subsets": [],
    "of_subsets": 1, "found": "<b>mine</b>.csv", "data_mark": "x", "mteb": "2.26.24", "book": {"accuracy": 0.4926, "f1": 0.4908},
    "models": [BEFORE, AFTER],
}  # fmt: skip


@pytest.fixture
def studio(runs_dir: Path, small_data: Path, monkeypatch: pytest.MonkeyPatch) -> Studio:
    monkeypatch.setattr("ui.model_events.ensure_supervisor", lambda _: None)
    return Studio(runs_dir, small_data)


def finished_run(studio: Studio) -> RunFolder:
    run = create_run(studio.runs_dir, build_config({"base_model": "static-minilm"}), None)
    (run.path / "model").mkdir()
    write_sentence_model(run.path / "model")
    run.set_status(state="done", has_model=True)
    return run


def cells(html: str) -> list[str]:
    return [re.sub("<[^>]*>", " ", cell).strip() for cell in re.findall(r'<td class="number[^>]*>(.*?)</td>', html)]


def test_tasks_whose_rows_are_here_come_first_and_say_so(studio: Studio) -> None:
    choices = task_choices(studio)
    assert choices[0] == ("STSBenchmark, validation part (in your data folder)", "STSBenchmark:validation")
    assert {value for _, value in choices} == set(BENCHMARKS)
    assert not any("data folder" in title for title, _ in choices[1:])


def test_choice_is_explained_in_a_line(studio: Studio) -> None:
    assert CHOOSE in about_choice(studio, None) and CHOOSE in about_choice(studio, "  ")
    here = about_choice(studio, "STSBenchmark:validation")
    assert "1,500 validation pairs" in here and "no network is needed" in here
    assert "tick “From the Hub”" in about_choice(studio, "SICK-R")
    other = about_choice(studio, "NanoSciFactRetrieval")
    assert "NanoSciFactRetrieval: not in the list; mteb is asked whether it knows it.</b> Its data are not in your" in other
    assert "cannot be a task of MTEB" in about_choice(studio, "<script>")
    assert "<script>" not in about_choice(studio, "<script>")


def test_measure_asks_for_both_models_of_the_run(studio: Studio) -> None:
    run = finished_run(studio)
    value = ask_scores(studio, run.id, "STSBenchmark:validation", False)
    config = read_json(studio.runs_dir / value["kind"] / value["name"] / "config.json") or {}
    assert (config["kind"], config["task"]) == ("measure", "benchmark")
    assert config["models"] == [f"untouched:{run.id}", f"run:{run.id}"]
    assert config["task_settings"]["name"] == "STSBenchmark:validation" and "online" not in config["task_settings"]
    timed = ask_time(studio, run.id, "STSBenchmark:validation", True)
    settings = (read_json(studio.runs_dir / timed["kind"] / timed["name"] / "config.json") or {})["task_settings"]
    assert (settings["online"], settings["only"]) == (1.0, "time")


def test_measure_waits_for_no_estimate_that_the_view_shows(studio: Studio) -> None:
    run = finished_run(studio)
    timed = ask_time(studio, run.id, "STSBenchmark:validation", False)
    estimate = RunFolder(studio.runs_dir / timed["kind"] / timed["name"])
    value = ask_scores(studio, run.id, "STSBenchmark:validation", False, timed)
    assert estimate.is_cancelled() and not RunFolder(studio.runs_dir / value["kind"] / value["name"]).is_cancelled()
    ask_scores(studio, run.id, "STSBenchmark:validation", False, value)
    assert not RunFolder(studio.runs_dir / value["kind"] / value["name"]).is_cancelled(), "nor ends what was measured"


@pytest.mark.parametrize(
    ("task", "part"),
    [(None, "Choose a task first"), ("", "Choose a task first"), ("a b", "cannot be a task"), (BANKING, "no model yet")],
)
def test_what_cannot_be_asked_is_said(task: str | None, part: str, studio: Studio) -> None:
    unfinished = create_run(studio.runs_dir, build_config({}), None)
    for ask in (ask_time, ask_scores):
        assert part in ask(studio, unfinished.id, task, False)["fault"]


def test_expected_time_is_measured_anew_at_each_press(studio: Studio) -> None:
    run = finished_run(studio)
    job = RunFolder(studio.runs_dir / ".measured" / ask_time(studio, run.id, "STSBenchmark:validation", False)["name"])
    (job.path / "measured.json").write_text(json.dumps({"task": "benchmark"}))
    job.set_status(state="done")
    ask_time(studio, run.id, "STSBenchmark:validation", False)
    status = job.status()
    assert status is not None and status.state == "queued"


def test_card_shows_both_models_the_difference_and_the_book() -> None:
    card = MEASURED_CARDS["benchmark"](ANSWER)
    difference, other = "+0.0500   no more than draws differ", "−0.0100   lower"
    assert cells(card) == ["0.6000", "0.6500", difference, "0.4926", "0.5900", "0.5800", other, "0.4908"]
    said = "Accuracy: 0.6000 before, 0.6500 after, +0.0500: no more than draws differ. The tuned model is ahead in 2 of 3 draws."
    assert said in card and "A model can gain on STSB and lose here" in card
    assert 'class="rise"' not in card and '<span class="fall">−0.0100' in card
    for said in ("mteb 2.26.24", "7,690 texts", "1.5 s and 1.2 s", "sentence-transformers 6.2.0", "The book’s figures"):
        assert said in card
    assert "<b>mine" not in card and "<i>untouched" not in card and "<u>" not in card


@pytest.mark.parametrize(
    ("change", "words", "css"),
    [
        ([0.05, 0.06, 0.04], "better", "rise"),
        ([-0.05, -0.06, -0.04], "worse", "fall"),
        # Ahead in each draw, but not by more than draws differ; no draw of another size; the same figures.
        ([0.01, 0.05, 0.09], "no more than draws differ", ""),
        ([0.0, 0.0, 0.0], "no more than draws differ", ""),
        # Too few draws to know how much they differ.
        ([0.05, 0.05], "higher", "rise"),
        ([], "higher", "rise"),
    ],
)
def test_better_or_worse_is_said_only_beyond_the_spread_of_paired_draws(change: list[float], words: str, css: str) -> None:
    draws = [0.5, 0.6, 0.7][: len(change)]
    told = {"experiments": [*map(sum, zip(draws, change, strict=True))]}
    # The figure is the mean of the draws.
    told["main_score"] = BEFORE["main_score"] + (sum(change) / len(change) if change else 0.05)
    told["figures"] = AFTER["figures"] | {ANSWER["main"]: told["main_score"]}
    card = benchmark_card(ANSWER | {"models": [BEFORE | {"experiments": draws}, AFTER | told]})
    by = f"{told['main_score'] - BEFORE['main_score']:+.4f}".replace("-", "−")
    assert f"{by}: {words}." in card and f'<span class="{css}">{by}</span>' in card
    assert ("twice as large as it varies" in card) == (len(change) > 2)
    assert f'<span class="origin" style="white-space: nowrap">{words}</span>' in card


def test_one_figure_is_only_called_higher_lower_or_the_same() -> None:
    before = BEFORE | {"experiments": [], "main_score": 0.7, "figures": {"cosine_spearman": 0.7}}
    for value, words in ((0.71, "+0.0100: higher"), (0.69, "−0.0100: lower"), (0.70001, "+0.0000: the same")):
        after = before | {"name": "run:x", "label": "tuned", "main_score": value, "figures": {"cosine_spearman": value}}
        answer = ANSWER | {"kind": "STS", "main": "cosine_spearman", "models": [before, after], "book": {}}
        card = benchmark_card(answer)
        assert f"{words}." in card and "better on" not in card and "gain on STSB" not in card
        assert "only higher or lower can be said" in card


def test_fault_of_one_model_leaves_the_others_figures() -> None:
    broken = {"name": "run:x", "label": "tuned", "fault": "The model <b> gives no numbers."}
    card = benchmark_card(ANSWER | {"models": [BEFORE, broken]})
    assert "The model &lt;b&gt; gives no numbers." in card
    assert cells(card)[:4] == ["0.6000", "–", "–", "0.4926"]
    assert "Accuracy 0.6000, untouched &lt;i&gt;." in card


def test_task_with_figures_of_its_own_is_shown_by_its_main_one_and_by_its_parts() -> None:
    parts = [{"split": split, "subset": "en", "main_score": 0.3} for split in ("validation", "test")]
    model = BEFORE | {"figures": {"odd_figure": 0.3}, "main_score": 0.3, "parts": parts, "experiments": []}
    answer = ANSWER | {"main": "odd_figure", "models": [model], "book": {}, "splits": ["validation", "test"], "subsets": ["en"],
                       "of_subsets": 51, "kind": "Retrieval"}  # fmt: skip
    card = benchmark_card(answer)
    assert "validation and test part, en of 51 languages" in card
    assert "odd figure 0.3000" in card and cells(card) == ["0.3000"]
    assert "<li>validation, en: 0.3000</li><li>test, en: 0.3000</li>" in card


def test_expected_time_is_said_before_the_start() -> None:
    told = {
        "name": BANKING,
        "splits": ["test"],
        "subsets": [],
        "of_subsets": 1,
        "only": "time",
        "texts": 7_690,
        "device": "2 CPU cores",
    }
    models = [{"label": "<i>", "seconds": 0.0, "kept": True}, {"label": "tuned", "seconds": 74.6, "kept": False}]
    card = benchmark_card(told | {"models": models})
    assert (
        "About 75 s here." in card
        and "&lt;i&gt;: measured before; tuned: 75 s" in card
        and "64 of the task’s 7,690 texts" in card
    )
    assert "Measured before" in benchmark_card(told | {"texts": 0, "models": models[:1]})


def test_command_line_refuses_what_cannot_be_a_task(runs_dir: Path) -> None:
    assert "cannot be a task of MTEB" in fault_of("score", "static-minilm", "--on", "mteb:a b", "--runs-dir", str(runs_dir))
