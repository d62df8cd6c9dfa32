"""Handlers of the Model, Loss and Evaluate tabs, called as the page calls them: what is asked for, and what is refused."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from core.base_models import BASE_MODELS
from core.config import RunConfig, build_config
from core.jobs import FETCHING
from core.quick_jobs import LOOKED, RACED, TRIED
from core.recipes import RECIPES
from core.run_store import create_run
from core.runs import RunFolder, short_name
from ui.job_view import open_job
from ui.model_events import can_be_fetched, get_model, list_models, look_at_batch, shown_model, try_texts
from ui.model_tab import model_choices
from ui.race import encoder_choices, list_encoders, start_race
from ui.studio import Studio

RECIPE, TEXTS = "quick-demo", "A cat runs.\n\n  A dog sleeps.  \n"


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Studio:
    monkeypatch.setattr("ui.model_events.ensure_supervisor", lambda runs_dir: None)
    return Studio(tmp_path, None)


@pytest.fixture
def hosted(studio: Studio) -> Studio:
    return dataclasses.replace(studio, serves_others=True)


def finished(studio: Studio, has_model: bool = True, **values: Any) -> RunFolder:
    """Return a run that has ended; its model is an empty folder's worth of one."""
    run = create_run(studio.runs_dir, build_config(values), None)
    run.set_status(state="done" if has_model else "failed", has_model=has_model, finished=1.0)
    if has_model:
        (run.path / "model").mkdir()
        (run.path / "model" / "modules.json").write_text('[{"path": "", "type": "sentence_transformers.models.StaticEmbedding"}]')
        (run.path / "model" / "model.safetensors").write_bytes(b"x")
    return run


def cross_encoder(studio: Studio, has_model: bool = True) -> RunFolder:
    return finished(studio, has_model, kind="cross-encoder", base_model="all-minilm-l6-v2")


def asked(studio: Studio, value: dict[str, Any], kind: str) -> RunConfig:
    """Return the configuration of the queued job that a view's value names."""
    assert value.get("fault") is None, value
    assert value["kind"] == kind
    run = open_job(studio, value)
    assert run is not None
    status = run.status()
    assert status is not None and status.state == "queued"
    return run.config()


@pytest.mark.parametrize("name", BASE_MODELS)
def test_only_a_model_of_the_hub_that_is_not_here_can_be_fetched(studio: Studio, name: str, monkeypatch: Any) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(studio.runs_dir / "no-cache"))
    assert can_be_fetched(studio, name) is (BASE_MODELS[name].hub_id is not None)


@pytest.mark.parametrize(
    ("name", "can"),
    [("hub:owner/name", True), ("owner/name@v1", True), ("run:nobody", False), ("", False), ("no such model", False),
     ("../../etc", False)],
)  # fmt: skip
def test_other_names_can_be_fetched_where_they_are_of_the_hub(studio: Studio, name: str, can: bool) -> None:
    assert can_be_fetched(studio, name) is can


def test_getting_a_model_is_queued_under_its_name(studio: Studio) -> None:
    config = asked(studio, get_model(studio, "hub:owner/name"), FETCHING)
    assert (config.kind, config.base_model) == ("fetch-model", "hub:owner/name")


def test_base_models_on_offer_give_embeddings(studio: Studio) -> None:
    bi, cross = finished(studio), cross_encoder(studio)
    finished(studio, has_model=False)
    offered = [value for _, value in model_choices(studio)]
    assert offered == [*BASE_MODELS, f"run:{bi.id}"]
    assert [value for _, value in list_models(studio)["choices"]] == offered
    assert f"run:{cross.id}" in [value for _, value in model_choices(studio, ("train", "cross-encoder"))]


def test_typed_texts_are_tried_by_the_forms_model(studio: Studio) -> None:
    config = asked(studio, try_texts(studio, RECIPE, {"prompts.query": "query: "}, None, TEXTS), TRIED)
    assert config.texts == ("A cat runs.", "A dog sleeps.")
    assert (config.kind, config.base_model, config.mining.model) == ("try", "static-minilm", None)
    assert config.prompts == {"query": "query: "}


def test_texts_are_compared_with_the_model_of_the_shown_run(studio: Studio) -> None:
    run = finished(studio)
    assert asked(studio, try_texts(studio, RECIPE, {}, run.id, TEXTS), TRIED).mining.model == f"run:{run.id}"


@pytest.mark.parametrize("typed", ["", "one alone", " \n\n one \n"])
def test_one_text_alone_is_a_sentence(studio: Studio, typed: str) -> None:
    assert try_texts(studio, RECIPE, {}, None, typed) == {"fault": "Type two sentences or more, one a line."}


def test_too_many_or_too_long_texts_are_a_sentence(studio: Studio) -> None:
    assert "type 64 at most" in try_texts(studio, RECIPE, {}, None, "\n".join(map(str, range(65))))["fault"]
    assert "type 2,000 at most" in try_texts(studio, RECIPE, {}, None, "a\n" + "b" * 2001)["fault"]


def test_wrong_setting_of_the_form_is_a_sentence(studio: Studio) -> None:
    for fault in (
        try_texts(studio, RECIPE, {"base_model": "run:nobody"}, None, TEXTS)["fault"],
        look_at_batch(studio, RECIPE, {"base_model": "run:nobody"})["fault"],
        start_race(studio, RECIPE, {"base_model": "run:nobody"}, None, "run:x")["fault"],
    ):
        assert fault.startswith("base_model: there is no run nobody")


def test_shown_model_is_that_of_a_finished_bi_encoder_alone(studio: Studio) -> None:
    run = finished(studio)
    assert shown_model(studio, run.id) == f"run:{run.id}"
    for other in (None, "", "nobody-here", finished(studio, has_model=False).id, cross_encoder(studio).id):
        assert shown_model(studio, other) is None


@pytest.mark.parametrize("recipe", RECIPES)
def test_batch_of_each_recipe_can_be_looked_at(studio: Studio, recipe: str) -> None:
    config = asked(studio, look_at_batch(studio, recipe, {"batch_size": 12, "data": "sample"} | _reviews(recipe)), LOOKED)
    assert (config.kind, config.loss, config.batch_size) == ("look", look_loss(recipe), 12)


def _reviews(recipe: str) -> dict[str, str]:
    return {"split": "reviews"} if recipe == "label-space" else {}


def look_loss(recipe: str) -> str:
    from core.recipes import recipe_config

    return recipe_config(recipe).loss


def test_batch_that_training_would_refuse_is_a_sentence(studio: Studio) -> None:
    assert "2 examples or more" in look_at_batch(studio, RECIPE, {"batch_size": 1})["fault"]


def test_race_is_between_the_shown_run_and_the_chosen_cross_encoder(studio: Studio) -> None:
    bi, cross = finished(studio), cross_encoder(studio)
    config = asked(studio, start_race(studio, RECIPE, {}, bi.id, f"run:{cross.id}"), RACED)
    assert (config.kind, config.base_model, config.teacher) == ("race", f"run:{bi.id}", f"run:{cross.id}")


def test_race_before_any_run_takes_the_forms_model(studio: Studio) -> None:
    cross = cross_encoder(studio)
    config = asked(studio, start_race(studio, RECIPE, {"base_model": "all-minilm-l6-v2"}, cross.id, f"run:{cross.id}"), RACED)
    assert config.base_model == "all-minilm-l6-v2"


@pytest.mark.parametrize("encoder", [None, ""])
def test_race_without_a_cross_encoder_says_where_one_comes_from(studio: Studio, encoder: str | None) -> None:
    assert "the recipe Augmented SBERT trains one" in start_race(studio, RECIPE, {}, None, encoder)["fault"]


def test_cross_encoders_on_offer_have_a_model(studio: Studio) -> None:
    finished(studio)
    cross_encoder(studio, has_model=False)
    run = cross_encoder(studio)
    assert encoder_choices(studio) == [(f"Your run {short_name(run.id)}", f"run:{run.id}")]
    update, missing = list_encoders(studio)
    assert [value for _, value in update["choices"]] == [f"run:{run.id}"] and not missing["visible"]


def test_without_a_cross_encoder_the_tab_says_what_to_do_next(studio: Studio) -> None:
    cross_encoder(studio, has_model=False)
    update, missing = list_encoders(studio)
    assert update["choices"] == [] and missing["visible"]


def test_same_question_is_asked_once(studio: Studio) -> None:
    assert try_texts(studio, RECIPE, {}, None, TEXTS) == try_texts(studio, RECIPE, {"batch_size": 9}, None, TEXTS)
    assert try_texts(studio, RECIPE, {}, None, TEXTS) != try_texts(studio, RECIPE, {}, None, TEXTS + "More.")


def test_work_that_begins_anew_is_looked_at_anew(studio: Studio) -> None:
    first = try_texts(studio, RECIPE, {}, None, TEXTS)
    RunFolder(studio.runs_dir / first["kind"] / first["name"]).set_status(state="stopped")
    again = try_texts(studio, RECIPE, {}, None, TEXTS)
    assert again["name"] == first["name"] and again != first, "a view whose value stays the same would show the old end"


def test_folders_of_the_machine_cannot_be_named_where_others_look(hosted: Studio) -> None:
    faults = [
        try_texts(hosted, RECIPE, {"base_model": "/srv/models/mine"}, None, TEXTS),
        look_at_batch(hosted, RECIPE, {"base_model": "/srv/models/mine"}),
        get_model(hosted, "/srv/models/mine"),
        start_race(hosted, RECIPE, {}, None, "/srv/judge"),
    ]
    for fault in faults:
        assert "folders of this machine cannot be named here" in fault["fault"]
