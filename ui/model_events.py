"""What happens on the Model and Loss tabs beside their forms: a model is fetched, texts are tried, a batch is looked at."""

from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr

from core.base_models import is_here
from core.config import RunConfig, build_config
from core.errors import ConfigError, StudioError, one_sentence
from core.hub_models import hub_model
from core.jobs import ask
from core.launching import ensure_supervisor
from ui.data_requests import data_config, job_value
from ui.model_tab import model_choices
from ui.page import QUIET, Page
from ui.studio import Studio, bound


def wire_model(studio: Studio, page: Page) -> None:
    """Wire the tab's own events."""
    model, form = page.model, [page.recipe, page.yours]
    model.get.click(bound(get_model, studio), [model.base_model], model.fetching, **QUIET)
    model.fetching.ended(bound(list_models, studio), None, model.base_model, **QUIET)
    model.try_it.click(bound(try_texts, studio), [*form, page.run, model.texts], model.tried, **QUIET)
    page.loss.look.click(bound(look_at_batch, studio), form, page.loss.looked, **QUIET)


def can_be_fetched(studio: Studio, base_model: str) -> bool:
    """Tell whether a name is a model of the Hub that is not on this machine."""
    return hub_model(base_model) is not None and not is_here(base_model, studio.runs_dir)


def get_model(studio: Studio, base_model: str) -> dict[str, Any]:
    """Ask for a model of the Hub; the answer is the view's value."""
    return ask_job(studio, lambda: build_config({"kind": "fetch-model", "base_model": base_model}))


def list_models(studio: Studio) -> Any:
    """Return the models as they are now."""
    return gr.update(choices=model_choices(studio))


def try_texts(studio: Studio, recipe: str, yours: Mapping[str, Any], run: str | None, typed: str) -> dict[str, Any]:
    """Ask for the cosines of typed texts: of the base model, and of the run that is shown where it has a model."""

    def asked() -> RunConfig:
        texts = [line.strip() for line in typed.splitlines() if line.strip()]
        if len(texts) < 2:
            raise ConfigError("", "Type two sentences or more, one a line.")
        config = data_config(studio, recipe, yours, "", "try")
        mining = config.mining.model_dump() | {"model": shown_model(studio, run)}
        return build_config(config.model_dump() | {"texts": texts, "mining": mining})

    return ask_job(studio, asked)


def shown_model(studio: Studio, run: str | None) -> str | None:
    """Return the model of the run that is shown, where it has one that gives embeddings."""
    shown = studio.run(run)
    status = shown.status() if shown else None
    return f"run:{shown.id}" if shown and status and status.has_model and shown.config().kind == "train" else None


def look_at_batch(studio: Studio, recipe: str, yours: Mapping[str, Any]) -> dict[str, Any]:
    """Ask what the loss sees in the first batch of the form's examples."""
    return ask_job(studio, lambda: data_config(studio, recipe, yours, "", "look"))


def ask_job(studio: Studio, asked: Callable[[], RunConfig]) -> dict[str, Any]:
    """Ask for the work that a configuration describes; the answer is the view's value, or the fault."""
    try:
        config = asked()
        for model in (config.base_model, *config.models):
            studio.check_paths({"base_model": model})
        run = ask(config, studio.places)
        ensure_supervisor(studio.runs_dir)
        return job_value(run)
    except (StudioError, OSError) as error:
        return {"fault": one_sentence(error)}
