"""Cross-encoder against bi-encoder, on the Evaluate tab: seconds and quality of both for the same pairs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr

from core.config import RunConfig, build_config
from core.errors import ConfigError
from core.run_store import list_runs
from ui.data_requests import data_config
from ui.html import hint
from ui.job_view import build_job_view
from ui.model_events import ask_job, shown_model
from ui.page import QUIET, Page
from ui.studio import Studio, bound


@dataclass(frozen=True)
class RaceBlock:
    """The block's components."""

    encoder: gr.Dropdown
    start: gr.Button
    raced: gr.HTML


def build_race(studio: Studio) -> RaceBlock:
    """Lay out the block."""
    gr.HTML(
        hint(
            "A cross-encoder reads both texts at once and mostly judges better from the same data, "
            "but n texts make n(n − 1)/2 pairs to read; a bi-encoder reads n texts once."
        )
    )
    encoder = gr.Dropdown(
        encoder_choices(studio),
        value=None,
        label="Cross-encoder",
        info="A run of Augmented SBERT or Margins makes one",
        allow_custom_value=True,
    )
    with gr.Row():
        start = gr.Button("Race it against the shown model", variant="primary", size="sm", scale=0, min_width=280)
    raced = build_job_view(studio, "raced-view")
    return RaceBlock(encoder, start, raced)


def encoder_choices(studio: Studio) -> list[tuple[str, str]]:
    """Return the finished runs that are cross-encoders, newest first."""
    found = list_runs(studio.runs_dir, ("cross-encoder",))
    return [(f"Your run {run.id}", f"run:{run.id}") for run, status in found if status.has_model]


def wire_race(studio: Studio, page: Page, race: RaceBlock) -> None:
    """Wire the button, and list the cross-encoders when the field is entered: one may have been trained meanwhile."""
    race.encoder.focus(bound(list_encoders, studio), None, race.encoder, **QUIET)
    race.start.click(bound(start_race, studio), [page.recipe, page.yours, page.run, race.encoder], race.raced, **QUIET)


def list_encoders(studio: Studio) -> Any:
    """Return the cross-encoders as they are now."""
    return gr.update(choices=encoder_choices(studio))


def start_race(studio: Studio, recipe: str, yours: Mapping[str, Any], run: str | None, encoder: str | None) -> dict[str, Any]:
    """Ask for the race of a cross-encoder and the model of the shown run, or the form's base model before there is one."""

    def asked() -> RunConfig:
        if not encoder:
            raise ConfigError("", "Choose a cross-encoder first; the recipe Augmented SBERT trains one.")
        studio.check_paths({"teacher": encoder})
        tuned = shown_model(studio, run)
        if tuned:
            return build_config({"kind": "race", "base_model": tuned, "teacher": encoder})
        values = data_config(studio, recipe, yours, "", "race").model_dump()
        return build_config(values | {"teacher": encoder})

    return ask_job(studio, asked)
