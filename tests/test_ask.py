"""The block "Ask it": which texts are asked for, by which models, and how the answer and each fault read."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest

from core.config import LONGEST_TEXT, build_config
from core.desk_client import DESK, NOTE
from core.files import read_json
from core.index_texts import TEXTS
from core.recipes import recipe_config
from core.run_store import create_run, delete_run
from core.runs import RunFolder, short_name
from core.settings import override
from tests.conftest import end_supervisor, wait_for
from ui.ask import (
    NOT_READY,
    ask_question,
    get_ready,
    keep_pasted,
    list_columns,
    source_choices,
)
from ui.ask_card import answers_card, moved_mark
from ui.data_requests import cancel_job
from ui.studio import Studio

DEMO = "quick-demo@instant"


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A studio whose supervisor has its libraries loaded, as the page starts it."""
    folder = tmp_path_factory.mktemp("ask") / "runs"
    folder.mkdir()
    yield Studio(folder, None)
    end_supervisor(folder)


@pytest.fixture(scope="module")
def trained(studio: Studio) -> str:
    """A finished run of the quick demo, cut short."""
    run = create_run(studio.runs_dir, override(recipe_config("quick-demo"), {"max_steps": 4}), None)
    get_ready(studio, DEMO, {}, None, "train sample", "", 3, "")
    assert wait_for(run, lambda status: status.is_final).has_model
    return run.id


def ready(studio: Studio, run: str | None, *wanted: Any) -> dict[str, Any]:
    value = get_ready(studio, DEMO, {}, run, *wanted)
    assert "fault" not in value, value
    status = wait_for(folder_of(studio, value), lambda status: status.is_final)
    assert status.state == "done", status.error
    return value


def folder_of(studio: Studio, value: dict[str, Any]) -> RunFolder:
    return RunFolder(studio.runs_dir / value["kind"] / value["name"])


def words_of(html: str) -> str:
    return " ".join(re.sub("<[^>]+>", " ", html).split())


def test_data_on_this_machine_can_be_chosen_part_by_part(studio: Studio, small_data: Path) -> None:
    here = [value for _, value in source_choices(Studio(studio.runs_dir, small_data))]
    assert {"train sample", "reviews sample", "validation sample", "train snli", "train stsb", "validation stsb"} <= set(here)
    assert not any(value.endswith((" mnli", " quora")) for value in here)


def test_columns_of_texts_are_offered_and_labels_are_not(studio: Studio) -> None:
    def offered(source: str) -> list[str]:
        return [value for _, value in list_columns(studio, source)["choices"]]

    assert offered("train sample") == ["", "premise", "hypothesis"]
    assert offered("reviews sample") == ["", "text"]
    assert offered("train upload:" + "0" * 64) == [""]


def test_both_models_of_the_shown_run_are_asked_side_by_side(studio: Studio, trained: str) -> None:
    value = ready(studio, trained, "train sample", "", 200, "")
    card = ask_question(studio, value, "a small animal that spins threads")
    named = (f"untouched:{trained}", "untouched static-minilm"), (f"run:{trained}", f"tuned {short_name(trained)}")
    assert all(f'<h4><bdi title="{name}">{label}</bdi></h4>' in card for name, label in named)
    assert card.count("<tr><td") == 20
    assert "The nearest of 200 texts" in card


def test_without_a_run_the_base_model_of_the_form_is_asked_alone(studio: Studio) -> None:
    value = ready(studio, None, "train sample", "premise", 50, "")
    assert folder_of(studio, value).config().models == ("static-minilm",)
    card = ask_question(studio, value, "a small animal that spins threads")
    assert card.count("<h4>") == 1
    assert "↑" not in card and "same" not in card


def test_pasted_lines_go_before_the_choice_and_commas_do_not_divide_them(studio: Studio) -> None:
    lines = 'The parcel came late, and damaged.\n\n  12\n"Quoted", he said.\nThe parcel came late, and damaged.'
    value = ready(studio, None, "train sample", "premise", 1, lines)
    kept = pd.read_parquet(folder_of(studio, value).path / TEXTS)["text"].tolist()
    assert kept == ["The parcel came late, and damaged.", "12", '"Quoted", he said.']
    assert ("Your file: 4 pasted texts.jsonl", f"train {keep_pasted(studio, lines)}") in source_choices(studio)


def test_texts_that_look_like_html_are_shown_as_texts(studio: Studio) -> None:
    value = ready(studio, None, "", "", None, "<img src=x onerror=alert(1)>\nA plain text.")
    card = ask_question(studio, value, "<script>alert(2)</script>")
    assert "&lt;img src=x" in card
    assert "<img" not in card and "<script" not in card


@pytest.mark.parametrize(
    ("query", "said"),
    [("", "Type something first"), ("   ", "Type something first"), (None, "Type something first"),
     ("a" * (LONGEST_TEXT + 1), "2,001 characters and 2,000 are the most")],
)  # fmt: skip
def test_empty_and_endless_questions_are_one_sentence(studio: Studio, query: str | None, said: str) -> None:
    answer = ask_question(studio, {}, query)  # type: ignore[arg-type]
    assert 'class="problem"' in answer
    assert said in answer


def test_question_without_texts_says_what_to_press(studio: Studio) -> None:
    for value in ({}, None, {"kind": ".measured", "name": "0" * 32}, {"kind": "..", "name": "etc"}, {"fault": "none"}):
        assert NOT_READY in ask_question(studio, value, "anything")  # type: ignore[arg-type]


def test_question_while_texts_are_read_or_after_a_cancel_says_so(studio: Studio, tmp_path: Path) -> None:
    # No supervisor looks after this folder.
    alone = Studio(tmp_path, None)
    config = build_config({"kind": "measure", "task": "index", "models": ("static-minilm",)})
    from core.jobs import ask

    run = ask(config, alone.places)
    value = {"kind": run.path.parent.name, "name": run.id}
    assert "still being read" in ask_question(alone, value, "anything")
    cancel_job(alone, value)
    assert run.is_cancelled()
    run.set_status(state="stopped", finished=time.time())
    assert "press Get ready again" in ask_question(alone, value, "anything")


def test_faults_of_asking_are_one_sentence(studio: Studio) -> None:
    def fault(*wanted: Any) -> str:
        return str(get_ready(studio, DEMO, {}, None, *wanted)["fault"])

    assert fault("", "", 10, " \n ") == "Choose texts, or paste some."
    assert "not known" in fault("train nonsense", "", 10, "")
    others = Studio(studio.runs_dir, None, serves_others=True)
    assert "upload yours" in str(get_ready(others, DEMO, {}, None, "train file:/etc/passwd", "", 10, "")["fault"])


def test_model_that_was_deleted_meanwhile_is_one_sentence(studio: Studio) -> None:
    run = create_run(studio.runs_dir, override(recipe_config("quick-demo"), {"max_steps": 2}), None)
    assert wait_for(run, lambda status: status.is_final).has_model
    value = ready(studio, run.id, "reviews sample", "", 20, "")
    assert "<h4>" in ask_question(studio, value, "good food")
    delete_run(run)
    answer = words_of(ask_question(studio, value, "good food"))
    assert "There is no run" in answer and run.id in answer
    assert "good food" not in answer


def test_desk_that_was_killed_answers_the_next_question(studio: Studio) -> None:
    value = ready(studio, None, "reviews sample", "", 20, "")
    assert "<h4>" in ask_question(studio, value, "good food")
    psutil.Process(read_json(studio.runs_dir / DESK / NOTE)["pid"]).kill()
    assert "<h4>" in ask_question(studio, value, "good food")


@pytest.mark.parametrize(
    ("rank", "other", "place", "said", "css"),
    [
        (1, 14, 1, "↑ from 14", "rise"), (3, 2, 1, "↓ from 2", "fall"), (4, None, 1, "new", "rise"), (2, 2, 1, "same", ""),
        (1, 14, 0, "↓ to 14", "fall"), (3, 2, 0, "↑ to 2", "rise"), (4, None, 0, "gone", "fall"),
    ],
)  # fmt: skip
def test_arrows_say_where_training_has_moved_a_text(rank: int, other: int | None, place: int, said: str, css: str) -> None:
    mark = moved_mark(rank, other, place)
    assert words_of(mark) == said
    assert f'class="{css}"' in mark or not css


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ([1, 2, 3], [1, 2, 3], "Training has changed no rank here: both models give the same 3 in the same order."),
        ([1, 2, 3], [3, 2, 1], "The same 3 texts in another order"),
        ([1, 2, 3], [3, 4, 5], "The two lists share 1 of their first 3 texts."),
    ],
)
def test_summary_counts_what_both_have_on_top(before: list[int], after: list[int], said: str) -> None:
    columns = [
        {"name": label, "label": label, "hits": [{"row": row, "cosine": 0.5, "other": 1, "text": "a"} for row in rows]}
        for label, rows in (("one", before), ("two", after))
    ]
    assert said in answers_card({"columns": columns, "texts": 9, "seconds": 0.01})
