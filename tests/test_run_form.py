"""The form: what the person set stays theirs, all else follows recipe and machine."""

import dataclasses
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from core.config import build_config
from core.errors import ConfigError
from core.recipes import RECIPES, recipe_config
from core.settings import settle
from ui.data_requests import request_data
from ui.form_events import choose_recipe, edit_form, form_answer
from ui.launch import serves_others
from ui.run_form import FORM_KEYS, FormState, change_form, plan_line, settings_table, start_config, start_form
from ui.studio import Studio

RECIPE = "quick-demo"


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return Studio(tmp_path, None)


def change(studio: Studio, form: FormState, recipe: str = RECIPE, **widgets: Any) -> FormState:
    """Change some widgets by hand, the others showing what they were told."""
    told = form.shown | widgets
    return change_form(studio, recipe, form.yours, form.shown, [told[key] for key in FORM_KEYS])


def setting(form: FormState, key: str) -> tuple[Any, str]:
    return form.settled[key].value, form.settled[key].origin


@pytest.mark.parametrize("recipe", RECIPES)
def test_form_begins_as_the_recipe_fills_it(studio: Studio, recipe: str) -> None:
    form = start_form(studio, recipe)
    assert (form.fault, form.yours, form.config) == ("", {}, recipe_config(recipe))
    assert form.shown["learning_rate"] == recipe_config(recipe).learning_rate
    assert set(form.shown) == set(FORM_KEYS)


def test_size_of_a_recipe_fills_the_form(studio: Studio) -> None:
    form = start_form(studio, "softmax@laptop")
    assert form.config is not None and form.config.base_model == "all-minilm-l6-v2"
    assert setting(form, "batch_size") == (64, "recipe")


def test_plan_of_a_chain_says_what_comes_before_and_after(studio: Studio) -> None:
    form = start_form(studio, "augmented-sbert@instant")
    assert "First: a cross-encoder from all-minilm-l6-v2" in plan_line(studio, "augmented-sbert@instant", form)
    form = start_form(studio, "domain-adaptation@laptop")
    assert "Then: Multiple negatives ranking" in plan_line(studio, "domain-adaptation@laptop", form)


def test_one_silver_setting_leaves_the_recipes_others(studio: Studio) -> None:
    recipe = "augmented-sbert@instant"
    form = change(studio, start_form(studio, recipe), recipe, **{"silver.gold_only": True})
    assert form.config is not None and form.config.silver is not None
    assert (form.config.silver.gold_only, form.config.silver.amount) == (True, 2_000)


def test_prompts_of_the_catalogue_are_shown_and_one_can_be_changed(studio: Studio) -> None:
    form = change(studio, start_form(studio, RECIPE), **{"prompts.query": "query: "})
    assert form.config is not None and form.config.prompts == {"query": "query: "}
    assert form.shown["prompts.query"] == "query: "


@pytest.mark.parametrize("recipe", RECIPES)
def test_form_that_nobody_touched_stays_the_recipe(studio: Studio, recipe: str) -> None:
    form = start_form(studio, recipe)
    assert change(studio, form, recipe) == form


def test_changed_widget_is_yours(studio: Studio) -> None:
    form = change(studio, start_form(studio, RECIPE), batch_size=8)
    assert (form.yours, setting(form, "batch_size"), form.shown["batch_size"]) == ({"batch_size": 8}, (8, "yours"), 8)
    assert setting(form, "learning_rate") == (3e-3, "recipe")


def test_changed_widget_stays_yours_when_another_one_changes(studio: Studio) -> None:
    form = change(studio, change(studio, start_form(studio, RECIPE), batch_size=8), seed=7)
    assert form.yours == {"batch_size": 8, "seed": 7}
    assert form.config is not None
    assert form.config.yours == ("batch_size", "seed")


@pytest.mark.parametrize("empty", [None, ""])
def test_emptied_widget_goes_back_to_the_recipe(studio: Studio, empty: str | None) -> None:
    form = change(studio, start_form(studio, RECIPE), batch_size=8)
    form = change(studio, form, batch_size=empty)
    assert (form.yours, setting(form, "batch_size"), form.shown["batch_size"]) == ({}, (32, "recipe"), 32)


def test_emptied_widget_that_no_recipe_fills_stays_empty(studio: Studio) -> None:
    form = change(studio, start_form(studio, RECIPE), max_steps=5)
    assert setting(form, "max_steps") == (5, "yours")
    assert setting(change(studio, form, max_steps=None), "max_steps") == (None, "automatic")


def test_invalid_number_is_a_sentence_and_stays_yours(studio: Studio) -> None:
    form = change(studio, start_form(studio, RECIPE), batch_size=0)
    assert form.fault.startswith("batch_size: ")
    assert "whole number from 1" in form.fault
    assert (form.yours, form.config, form.shown["batch_size"]) == ({"batch_size": 0}, None, 0)


def test_invalid_number_can_be_mended(studio: Studio) -> None:
    form = change(studio, start_form(studio, RECIPE), learning_rate=1e-3)
    form = change(studio, change(studio, form, batch_size=0), batch_size=16)
    assert (form.fault, form.yours) == ("", {"learning_rate": 1e-3, "batch_size": 16})


def test_base_model_of_another_kind_drops_the_recipes_learning_rate(studio: Studio) -> None:
    form = change(studio, start_form(studio, RECIPE), base_model="all-minilm-l6-v2")
    assert (setting(form, "learning_rate"), form.shown["learning_rate"]) == ((2e-5, "automatic"), 2e-5)
    assert form.yours == {"base_model": "all-minilm-l6-v2"}


def test_base_model_of_another_kind_keeps_a_learning_rate_set_by_hand(studio: Studio) -> None:
    form = change(studio, start_form(studio, RECIPE), learning_rate=1e-4)
    form = change(studio, form, base_model="all-minilm-l6-v2")
    assert setting(form, "learning_rate") == (1e-4, "yours")


def test_base_model_that_is_not_here_is_a_sentence(studio: Studio) -> None:
    form = change(studio, start_form(studio, RECIPE), base_model="run:none")
    assert "there is no run none; choose the id of a finished run" in form.fault


def test_another_loss_takes_negatives_and_scale_away(studio: Studio) -> None:
    form = change(studio, start_form(studio, RECIPE), negatives="hard", **{"loss_params.scale": 10})
    assert set(form.yours) == {"negatives", "loss_params.scale"}
    form = change(studio, form, loss="softmax")
    assert (form.fault, form.yours, form.shown["loss_params.scale"]) == ("", {"loss": "softmax"}, None)
    assert setting(form, "examples") == ("class-pairs", "automatic")


def test_scale_reaches_the_configuration(studio: Studio) -> None:
    form = start_form(studio, RECIPE)
    assert form.shown["loss_params.scale"] == 20.0
    form = change(studio, form, **{"loss_params.scale": 50})
    assert start_config(studio, RECIPE, form.yours).loss_params == {"scale": 50.0}
    assert form.shown["loss_params.scale"] == 50.0


def test_switched_off_snapshots_are_yours(studio: Studio) -> None:
    form = change(studio, start_form(studio, RECIPE), snapshots=False)
    assert setting(form, "snapshots") == (False, "yours")


def test_settings_table_says_whose_choice_a_value_is(studio: Studio) -> None:
    table = settings_table(change(studio, start_form(studio, RECIPE), batch_size=17), "measured here")
    row = next(row for row in table.split("<tr>") if "<code>batch_size</code>" in row)
    assert "<td>17</td>" in row
    assert ">yours<" in row


def test_plan_escapes_what_the_person_wrote(studio: Studio) -> None:
    form = change(studio, start_form(studio, RECIPE), data="file:<script>alert(1)<b>.csv")
    assert form.fault == ""
    assert "&lt;script&gt;" in plan_line(studio, RECIPE, form)
    assert "<script>" not in plan_line(studio, RECIPE, form) + settings_table(form, "why")


def test_faulty_form_has_no_plan(studio: Studio) -> None:
    assert plan_line(studio, RECIPE, change(studio, start_form(studio, RECIPE), epochs=-1)) == ""


@pytest.mark.parametrize(
    "setting",
    [
        {"data": "file:/etc/passwd"},
        {"data": "sample+file:/etc/passwd"},
        {"base_model": "/srv/models/mine"},
        {"mining.judge": "/srv/judge"},
        {"mining.model": ".."},
        {"teacher": "/srv/t"},
        {"silver.judge": "judge"},
        {"base_model": "owner/name"},
    ],
)
def test_files_of_the_machine_cannot_be_named_where_others_look(studio: Studio, setting: dict[str, str]) -> None:
    hosted = dataclasses.replace(studio, serves_others=True)
    with pytest.raises(ConfigError, match="of this machine cannot be named here"):
        start_config(hosted, RECIPE, setting)
    assert "of this machine cannot be named here" in request_data(hosted, RECIPE, setting, "", {})["fault"]


@pytest.mark.parametrize(
    ("name", "others"), [("127.0.0.1", False), ("localhost", False), ("0.0.0.0", True), ("192.168.0.4", True)]
)
def test_page_knows_whether_others_can_open_it(monkeypatch: pytest.MonkeyPatch, name: str, others: bool) -> None:
    monkeypatch.setenv("GRADIO_SERVER_NAME", name)
    assert serves_others() is others


def test_recipe_keeps_rows_of_the_persons_own(studio: Studio, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("anchor,positive\na b,c d\ne f,g h\n")
    kept = {"data": f"file:{path}", "fixes": ["drop-one-word"]}
    form = start_form(studio, "mnr-hard-negatives", kept)
    assert form.config is not None and (form.config.data, form.config.fixes) == (f"file:{path}", ("drop-one-word",))
    assert choose_recipe(studio, "mnr", kept | {"batch_size": 8})[0] == kept
    assert choose_recipe(studio, "mnr", {"data": "snli"})[0] == {}


def test_loss_that_needs_a_teacher_shows_where_to_name_one(studio: Studio) -> None:
    form = change(studio, start_form(studio, RECIPE), loss="margin-mse")
    assert "name one, as run:<id> or a folder" in form.fault
    answer = form_answer(studio, RECIPE, form, {})
    assert answer[-len(FORM_KEYS) :][FORM_KEYS.index("teacher")]["visible"] is True


def test_prompts_of_a_hub_model_are_those_of_its_catalogue_entry(studio: Studio) -> None:
    config = build_config({"base_model": "hub:intfloat/e5-small-v2"})
    assert settle(config, "sentence", studio.machine, runs_dir=studio.runs_dir)["prompts"].value["query"] == "query: "


def test_page_that_the_server_has_forgotten_is_told_so_and_a_form_that_did_not_fit_can_be_edited(studio: Studio) -> None:
    told = [start_form(studio, RECIPE).shown[key] for key in FORM_KEYS]
    with pytest.raises(gr.Error, match="has forgotten it; reload it"):
        edit_form(studio, RECIPE, {}, None, *told)
    # Nothing is filled in there, and that is not the same.
    unfit = start_form(studio, RECIPE, {"batch_size": 0})
    assert unfit.fault and unfit.shown == {}
    assert edit_form(studio, RECIPE, unfit.yours, unfit.shown, *told)[1]["batch_size"] == 32
