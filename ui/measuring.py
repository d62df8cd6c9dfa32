"""Asking for a measure from the page: of the shown run's model and the one it began with, or of chosen models."""

from collections.abc import Mapping, Sequence
from typing import Any

from core.config import RunConfig, build_config
from core.errors import ConfigError
from core.measuring import RUN, UNTOUCHED
from ui.model_events import ask_job
from ui.studio import Studio

NO_MODEL = "This run has no model yet; choose a finished one above, or train one."


def models_of_run(studio: Studio, run: str | None) -> tuple[str, ...]:
    """Return the names of what a run began with and of what it made.

    Raises:
        ConfigError: it has no model.
    """
    folder = studio.run(run) if run else None
    status = folder.status() if folder else None
    if folder is None or status is None or not status.has_model:
        raise ConfigError("", NO_MODEL)
    return f"{UNTOUCHED}{folder.id}", f"{RUN}{folder.id}"


def ask_measure(studio: Studio, task: str, run: str | None, **values: Any) -> dict[str, Any]:
    """Ask for a measure of a run's two models; return the value of the view that follows it, or its fault."""
    return ask_job(studio, lambda: measure_config(task, models_of_run(studio, run), values))


def measure_config(task: str, models: Sequence[str], values: Mapping[str, Any]) -> RunConfig:
    """Return the configuration of a measure; `values` are further fields, such as `data` and `task_settings`."""
    return build_config({"kind": "measure", "task": task, "models": tuple(models), **values})
