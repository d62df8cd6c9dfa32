"""Which text gets which prompt, and where prompts come from."""

from pathlib import Path

import pytest

from core.examples import EXAMPLE_COLUMNS, ROLES, VALUE_ROLES
from core.model_choice import PlainModel
from core.prompts import column_prompts, library_prompts, prompt_for, prompts_of, role_of, saved_prompts
from tests.small_models import queue_run, write_sentence_model

PROMPTS = {"query": "query: ", "passage": "passage: "}


@pytest.mark.parametrize(
    ("columns", "prompted"),
    [
        (("anchor", "positive", "negative"), {"anchor": "query: ", "positive": "passage: ", "negative": "passage: "}),
        (("sentence1", "sentence2", "score"), {"sentence1": "query: ", "sentence2": "query: "}),
        (("text", "label"), {"text": "query: "}),
        (("damaged", "original"), {"damaged": "query: "}),
        (("anchor", "positive", "negative_1", "negative_2"), dict.fromkeys(["positive", "negative_1", "negative_2"], "passage: ")
         | {"anchor": "query: "}),
    ],
)  # fmt: skip
def test_columns_get_the_prompt_of_their_role(columns: tuple[str, ...], prompted: dict[str, str]) -> None:
    assert column_prompts(columns, PROMPTS) == prompted
    assert column_prompts(columns, {}) == {}


def test_every_text_column_but_the_decoders_has_a_role() -> None:
    columns = {column for shape in (*EXAMPLE_COLUMNS.values(), *ROLES.values()) for column in shape}
    assert {column for column in columns if role_of(column) is None} == {"original"} | (columns & VALUE_ROLES)


def test_prompt_of_one_role_alone_leaves_the_other_without() -> None:
    assert prompt_for("positive", {"query": "q: "}) == ""
    assert library_prompts({"query": "q: "}) == {"query": "q: ", "document": "", "passage": ""}


def test_chosen_prompts_win_over_the_catalogues(tmp_path: Path) -> None:
    assert prompts_of(PlainModel("e5-small-v2")) == PROMPTS
    assert prompts_of(PlainModel("hub:intfloat/e5-small-v2")) == PROMPTS
    assert prompts_of(PlainModel("e5-small-v2", prompts={"query": "find: "})) == {"query": "find: "}
    assert prompts_of(PlainModel("e5-small-v2", prompts={})) == {}
    assert prompts_of(PlainModel("bge-small-en-v1.5")) == {}
    assert prompts_of(PlainModel("all-minilm-l6-v2")) == {}


def test_saved_prompts_are_read_by_any_of_the_librarys_names(tmp_path: Path) -> None:
    folder = write_sentence_model(tmp_path / "own", prompts={"query": "q: ", "document": "d: ", "other": "o: "})
    assert prompts_of(PlainModel(str(folder))) == {"query": "q: ", "passage": "d: "}
    named = write_sentence_model(tmp_path / "named", prompts={"sts": "compare: ", "query": ""}, default_prompt_name="sts")
    assert saved_prompts(named) == {"query": "compare: "}
    assert saved_prompts(tmp_path / "nothing") == {}


def test_run_that_is_yet_to_be_made_has_the_prompts_it_will_be_trained_with(runs_dir: Path) -> None:
    first = queue_run(runs_dir, "e5-small-v2")
    assert prompts_of(PlainModel(f"run:{first.id}"), runs_dir) == PROMPTS
    second = queue_run(runs_dir, f"run:{first.id}", prompts={"query": "find: "})
    assert prompts_of(PlainModel(f"run:{second.id}"), runs_dir) == {"query": "find: "}
