"""The block of the further measures: what can be chosen, what is said of it, what is asked for, and the card."""

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from core.config import build_config
from core.files import read_json
from core.run_store import create_run
from core.runs import RunFolder
from core.uploads import take_in
from ui.fitting import about_choice, default_choice, fitting_choices, start_fitting
from ui.fitting_card import fitting_card
from ui.measured_cards import MEASURED_CARDS
from ui.studio import Studio

FIGURE = {"id": "accuracy", "values": [0.5, 0.75], "difference": 0.25, "low": 0.1, "high": 0.4, "verdict": "better"}
ANSWER: dict[str, Any] = {
    "task": "fitting", "data": "sample", "split": "reviews", "found": "<b>mine</b>.csv", "kind": "labelled", "rows": 2_000,
    "of_rows": 3_000, "seed": 42,
    "models": [
        {"name": "untouched:x", "label": "untouched <i>", "seen": False, "fault": "", "seconds": 1.0, "texts": 2_000},
        {"name": "run:x", "label": "tuned <u>", "seen": True, "fault": "", "seconds": 1.0, "texts": 2_000},
    ],
    "measures": [
        {"id": "neighbours", "left_out": "", "about": "2,000 texts", "figures": [FIGURE]},
        {"id": "silhouette", "left_out": "every text has a label of its own", "about": "", "figures": []},
    ],
}  # fmt: skip


@pytest.fixture
def studio(runs_dir: Path) -> Studio:
    return Studio(runs_dir, None)


def upload(studio: Studio, folder: Path, frame: pd.DataFrame) -> str:
    path = folder / "mine.csv"
    frame.to_csv(path, index=False)
    return take_in(path, "mine.csv", studio.runs_dir).data


def finished_run(studio: Studio, **values: Any) -> RunFolder:
    run = create_run(studio.runs_dir, build_config(values), None)
    run.set_status(state="done", has_model=True)
    return run


def test_what_is_here_can_be_chosen_the_persons_own_included(studio: Studio, tmp_path: Path, small_data: Path) -> None:
    frame = pd.DataFrame({"anchor": ["a b", "c d"], "positive": ["e f g", "h i j"]})
    data = upload(studio, tmp_path, frame)
    choices = fitting_choices(studio, None)
    assert [value for _, value in choices] == ["sample/train", "sample/reviews", "sample/validation", f"{data}/train"]
    assert ("Your file: mine.csv", f"{data}/train") in choices
    assert default_choice(choices) == "sample/reviews"
    own = small_data / "own.csv"
    frame.to_csv(own, index=False)
    run = finished_run(studio, data=f"file:{own}")
    assert (("This run's rows: own.csv", f"file:{own}/train")) in fitting_choices(studio, run.id)
    there = Studio(studio.runs_dir, small_data)
    assert {"snli/train", "stsb/validation", "stsb/train"} <= {value for _, value in fitting_choices(there, None)}


def test_best_data_that_is_here_is_chosen_first() -> None:
    assert default_choice([("a", "sample/reviews"), ("b", "snli/validation"), ("c", "banking77/test")]) == "banking77/test"
    assert default_choice([("a", "snli/train")]) == "snli/train"
    assert default_choice([]) is None


def test_choice_says_what_will_be_measured_and_whether_the_rows_were_seen(studio: Studio, tmp_path: Path) -> None:
    run = finished_run(studio)
    said = about_choice(studio, "sample/train", run.id)
    assert "Triplet accuracy" in said and "Retrieval" in said and "has seen these rows" in said
    said = about_choice(studio, "sample/reviews", run.id)
    assert "Silhouette" in said and "has seen" not in said and "Logistic" not in said
    texts = upload(studio, tmp_path, pd.DataFrame({"text": ["one text", "another text", "a third <b>text</b>"]}))
    assert "nothing can be measured" in about_choice(studio, f"{texts}/train", run.id)
    assert "Choose what to measure on" in about_choice(studio, None, None)
    assert "not here any more" in about_choice(studio, f"upload:{'0' * 64}/train", None)


@pytest.mark.parametrize(
    "choice", [None, "", "nowhere/train", "sample/nothing", f"upload:{'0' * 64}/train", "file:/no.csv/train"]
)
def test_choice_that_is_not_here_is_one_sentence(studio: Studio, choice: str | None) -> None:
    answer = start_fitting(studio, choice, finished_run(studio).id)
    assert set(answer) == {"fault"} and len(answer["fault"]) < 300


def test_run_without_a_model_is_refused(studio: Studio) -> None:
    assert "no model" in start_fitting(studio, "sample/reviews", None)["fault"]
    assert "no model" in start_fitting(studio, "sample/reviews", create_run(studio.runs_dir, build_config({}), None).id)["fault"]


def test_files_of_the_machine_are_not_for_visitors(runs_dir: Path) -> None:
    served = Studio(runs_dir, None, serves_others=True)
    assert "upload yours" in start_fitting(served, "file:/etc/passwd/train", None)["fault"]
    assert "upload yours" in about_choice(served, "file:/etc/passwd/train", None)


def test_columns_corrected_for_the_run_are_those_that_are_read(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = pd.DataFrame({"one": [f"text {n}" for n in range(12)], "two": [f"more text {n}" for n in range(12)]})
    data = upload(studio, tmp_path, frame)
    run = finished_run(studio, data=data, columns={"anchor": "two", "positive": "one"})
    asked: dict[str, Any] = {}
    monkeypatch.setattr("ui.fitting.ask_measure", lambda _studio, _task, _run, **values: asked.update(values) or {})
    start_fitting(studio, f"{data}/train", run.id)
    assert asked["task_settings"]["columns"] == '{"anchor": "two", "positive": "one"}'
    start_fitting(studio, "sample/reviews", run.id)
    assert asked["task_settings"]["columns"] == "{}"


def test_card_names_figures_verdicts_and_what_was_measured() -> None:
    html = fitting_card(ANSWER)
    assert "On Sample reviews, better: kNN accuracy." in html
    assert "2,000 of 3,000 rows" in html and "fp32" in html
    assert '<span class="rise">+0.2500</span>' in html and "+0.100 to +0.400" in html
    assert "Silhouette is left out: every text has a label of its own." in html
    assert "tuned &lt;u&gt; has seen these rows" in html
    assert not re.search(r"<(i>$|u>|b>mine)", html)
    assert MEASURED_CARDS["fitting"] is fitting_card


def test_card_colours_no_difference_that_may_be_chance() -> None:
    figure = FIGURE | {"low": -0.1, "verdict": "no real difference"}
    html = fitting_card(ANSWER | {"measures": [ANSWER["measures"][0] | {"figures": [figure]}]})
    assert "rise" not in html and "fall" not in html and "no real difference: kNN accuracy" in html
    bare = {"id": "accuracy", "values": [0.5, 0.75], "difference": 0.25}
    html = fitting_card(ANSWER | {"measures": [ANSWER["measures"][0] | {"figures": [bare]}]})
    assert "+0.2500" in html and "rise" not in html and "no difference with an interval" in html


def test_card_shows_a_models_fault_beside_the_other_ones_figures() -> None:
    broken = {"name": "run:x", "label": "tuned x", "seen": False, "fault": "It gives no <numbers>."}
    figure = {"id": "accuracy", "values": [0.5, None], "difference": None}
    html = fitting_card(
        ANSWER | {"models": [ANSWER["models"][0], broken], "measures": [ANSWER["measures"][0] | {"figures": [figure]}]}
    )
    assert "It gives no &lt;numbers&gt;." in html and "0.5000" in html and "–" in html


def test_worker_answers_what_the_page_asked(warm_dir: Path) -> None:
    studio = Studio(warm_dir, None)
    from core.models import build_static_random
    from tests.conftest import wait_for

    run = finished_run(studio)
    build_static_random("cpu", 42).save(str(run.path / "model"), create_model_card=False)
    value = start_fitting(studio, "sample/reviews", run.id)
    job = RunFolder(studio.runs_dir / value["kind"] / value["name"])
    status = wait_for(job, lambda status: status.is_final)
    assert status.state == "done", status.error
    html = fitting_card(read_json(job.path / "measured.json"))
    assert "before" in html and "kNN accuracy" in html and run.id in html
