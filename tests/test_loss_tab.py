"""The Loss tab and the choosers above the form: what is offered, what is hidden, and why something is not there."""

from contextlib import AbstractContextManager
from html import escape
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.config import build_config
from core.data_catalogue import DATA_SETS
from core.examples import ROLES
from core.loss_entries import MATRYOSHKA
from core.losses import LOSSES, losses_for, why_not
from core.recipes import RECIPES, recipe_config
from core.run_store import create_run
from ui.form_events import SIZE_TITLES, _loss_choices, form_answer, is_static, name_recipe, teaches
from ui.loss_tab import (
    PARAMETER_LABELS,
    build_loss_tab,
    describe_loss,
    fitting_losses,
    needs,
    other_losses,
    parameter_widgets,
)
from ui.run_form import FORM_KEYS, PARAMETERS, change_form, start_form
from ui.studio import Studio


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return Studio(tmp_path, None)


def config_of(loss: str, **values: Any) -> Any:
    needed = {"teacher": "run:somebody"} if LOSSES[loss].teacher == "cross-encoder" else {}
    return build_config({"loss": loss} | needed | values)


def shown_for(loss: str) -> dict[str, Any]:
    defaults = {parameter.name: parameter.default for parameter in LOSSES[loss].parameters}
    return {f"loss_params.{name}": defaults.get(name) for name in PARAMETERS} | {"teacher": None}


@pytest.mark.parametrize("loss", LOSSES)
def test_card_says_what_a_loss_does_its_formula_and_where_it_is_from(loss: str) -> None:
    card, spec = describe_loss(config_of(loss)), LOSSES[loss]
    for text in (spec.title, spec.what_it_does, spec.formula, spec.when, spec.paper, needs(spec)):
        assert escape(text) in card
    assert MATRYOSHKA.title not in card


def test_card_of_what_goes_around_a_loss_stands_below_it() -> None:
    card = describe_loss(config_of("mnr", matryoshka=(64, 32)))
    assert card.index(LOSSES["mnr"].title) < card.index(MATRYOSHKA.title)


def test_needs_name_the_examples_and_who_teaches() -> None:
    assert needs(LOSSES["mnr"]) == "positive-pairs or triplets"
    assert needs(LOSSES["mse"]) == "plain-texts, and a model that teaches"
    assert needs(LOSSES["margin-mse"]).endswith(", and a cross-encoder that teaches")


@pytest.mark.parametrize(("kind", "static"), list(product(ROLES, (False, True))))
def test_radio_and_table_share_the_losses_between_them(kind: str, static: bool) -> None:
    offered, table = dict(map(reversed, fitting_losses(kind, static))), other_losses(kind, static)  # type: ignore[arg-type]
    assert list(offered) == [spec.id for spec in losses_for(kind, static)]
    for spec in LOSSES.values():
        assert (f"<b>{spec.title}</b>" in table) is (spec.id not in offered)
    assert f"{len(LOSSES) - len(offered)} losses do not fit" in table


def test_rows_that_nobody_knows_yet_leave_every_loss_to_choose() -> None:
    assert len(fitting_losses(None, static=True)) == len(LOSSES)
    assert other_losses(None, static=True) == ""


@pytest.mark.parametrize("loss", LOSSES)
def test_numbers_of_a_loss_are_shown_with_their_ranges_and_others_hidden(loss: str) -> None:
    updates = parameter_widgets(config_of(loss), shown_for(loss))
    known = {parameter.name: parameter for parameter in LOSSES[loss].parameters}
    assert set(updates) == {*(f"loss_params.{name}" for name in PARAMETERS), "teacher"}
    for name in PARAMETERS:
        update = updates[f"loss_params.{name}"]
        assert update["visible"] is (name in known)
        if name in known:
            assert update["value"] == known[name].default
            assert update["info"].endswith(f"from {known[name].low:g} to {known[name].high:g}")
        else:
            assert update["value"] is None


@pytest.mark.parametrize("loss", LOSSES)
def test_teacher_is_asked_for_where_there_is_one(loss: str) -> None:
    update = parameter_widgets(config_of(loss), shown_for(loss))["teacher"]
    assert update["visible"] is bool(LOSSES[loss].teacher)
    if LOSSES[loss].teacher == "cross-encoder":
        assert "cross-encoder" in update["info"]


def test_every_number_has_a_label() -> None:
    assert set(PARAMETER_LABELS) == set(PARAMETERS)


class Widget(AbstractContextManager[None]):
    """Stands for a gradio component or row: it knows what it was built with."""

    def __init__(self, choices: Any = None, **settings: Any) -> None:
        self.choices = choices

    def __exit__(self, *_: object) -> None:
        return


def test_teachers_are_offered_cross_encoders_too(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    # A page of gradio's own leaves sockets open.
    names = ("HTML", "Radio", "Row", "Number", "Dropdown", "Button")
    monkeypatch.setattr("ui.loss_tab.gr", SimpleNamespace(**dict.fromkeys(names, Widget)))
    run = create_run(studio.runs_dir, build_config({"kind": "cross-encoder", "base_model": "all-minilm-l6-v2"}), None)
    run.set_status(state="done", has_model=True)
    tab = build_loss_tab(studio)
    assert f"run:{run.id}" in [value for _, value in tab.settings["teacher"].choices]
    assert set(tab.settings) == {*(f"loss_params.{name}" for name in PARAMETERS), "teacher"}


@pytest.mark.parametrize(("method", "size"), [(recipe, size) for recipe in RECIPES for size in (*SIZE_TITLES, None)])
def test_recipe_is_named_at_the_size_or_at_its_first(method: str, size: str | None) -> None:
    spec = RECIPES[method]
    name, update = name_recipe(method, size)
    expected = size if size in spec.sizes else spec.sizes[0]
    assert (name, update["value"]) == (f"{method}@{expected}", expected)
    assert [value for _, value in update["choices"]] == list(spec.sizes)
    for missing, why in spec.why_not.items():
        assert why in update["info"] and missing in update["info"]
    assert teaches(name).startswith(spec.teaches)


def test_loss_that_does_not_fit_stays_among_the_choices(studio: Studio) -> None:
    config = build_config({"data": "banking77", "loss": "softmax"})
    choices = _loss_choices(studio, config, "softmax")["loss"]["choices"]
    assert choices[-1] == (LOSSES["softmax"].title, "softmax")
    assert [value for _, value in choices[:-1]] == [spec.id for spec in losses_for("labelled", static=True)]


@pytest.mark.parametrize("data", DATA_SETS)
def test_losses_on_offer_fit_the_chosen_rows(studio: Studio, data: str) -> None:
    config = build_config({"kind": "prepare", "data": data, "base_model": "all-minilm-l6-v2"})
    kind = next(iter(DATA_SETS[data].splits.values()))
    update = _loss_choices(studio, config, config.loss)["loss"]
    assert all(not why_not(LOSSES[loss], kind, static=False) for _, loss in update["choices"])
    assert update["value"] == config.loss


def test_without_rows_the_losses_stay_as_they_were(studio: Studio) -> None:
    assert _loss_choices(studio, None, "mnr") == {}


def test_static_model_is_told_and_a_missing_one_is_none(studio: Studio) -> None:
    assert is_static(studio, build_config({"base_model": "static-minilm"}))
    assert not is_static(studio, build_config({"base_model": "all-minilm-l6-v2"}))
    assert not is_static(studio, build_config({"base_model": "run:nobody"}))


@pytest.mark.parametrize("recipe", RECIPES)
def test_answer_of_the_form_fills_every_widget(studio: Studio, recipe: str) -> None:
    form = start_form(studio, recipe)
    answer = form_answer(studio, recipe, form, {})
    widgets = dict(zip(FORM_KEYS, answer[-len(FORM_KEYS) :], strict=True))
    assert widgets["loss"]["value"] == recipe_config(recipe).loss
    assert answer[:2] == (form.yours, form.shown)


@pytest.mark.parametrize("rows", ["anchor,positive\na b,c d\ne f,g h\n", None])
def test_rows_of_the_persons_own_are_answered_before_they_are_prepared(studio: Studio, tmp_path: Path, rows: str | None) -> None:
    path = tmp_path / "mine.csv"
    if rows:
        path.write_text(rows)
    form = start_form(studio, "mnr", {"data": f"file:{path}"})
    assert form.fault == ""
    assert form_answer(studio, "mnr", form, {})[0] == {"data": f"file:{path}"}


def test_fault_says_so_and_leaves_the_loss_that_was_chosen(studio: Studio) -> None:
    recipe = "quick-demo"
    form = start_form(studio, recipe)
    told = form.shown | {"loss": "denoising"}
    faulty = change_form(studio, recipe, form.yours, form.shown, [told[key] for key in FORM_KEYS])
    assert "cannot train a static model" in faulty.fault
    answer = form_answer(studio, recipe, faulty, told)
    loss = dict(zip(FORM_KEYS, answer[-len(FORM_KEYS) :], strict=True))["loss"]
    assert "denoising" in [value for _, value in loss["choices"]]
    assert "value" not in loss
