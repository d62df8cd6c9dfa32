"""Cross-encoder against bi-encoder, on the Evaluate tab: seconds and quality of both for the same pairs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr

from core.config import RunConfig, build_config
from core.errors import ConfigError
from ui.data_requests import cancel_job, data_config
from ui.html import empty, hint
from ui.job_view import build_job_view
from ui.model_events import ask_job, shown_model
from ui.model_tab import run_choices
from ui.page import QUIET, Page
from ui.studio import Studio, bound

MISSING = (
    "No cross-encoder yet. To make one, choose the recipe Augmented SBERT at the top of the page and press Start training on the "
    "Train tab; it learns from STSB, which the Data tab gets where it is not here. Once it is trained, race it against your "
    "model here, in quality and in seconds."
)


@dataclass(frozen=True)
class RaceBlock:
    """The block's components."""

    missing: gr.HTML
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
    choices = encoder_choices(studio)
    missing = gr.HTML(empty(MISSING), visible=not choices)
    encoder = gr.Dropdown(
        choices,
        value=None,
        label="Cross-encoder",
        info="A run of Augmented SBERT or Margins makes one",
        allow_custom_value=True,
    )
    with gr.Row():
        start = gr.Button("Race it against the shown model", variant="primary", size="sm", scale=0, min_width=280)
    raced = build_job_view(studio, "raced-view")
    return RaceBlock(missing, encoder, start, raced)


def encoder_choices(studio: Studio) -> list[tuple[str, str]]:
    """Return the finished runs that are cross-encoders, newest first."""
    return run_choices(studio, ("cross-encoder",))


def wire_race(studio: Studio, page: Page, race: RaceBlock) -> None:
    """Wire the button, and list the cross-encoders when the field is entered or another run is shown: one may be new."""
    for event in (race.encoder.focus, page.run.change):
        event(bound(list_encoders, studio), None, [race.encoder, race.missing], **QUIET)
    race.start.click(bound(start_race, studio), [page.recipe, page.yours, page.run, race.encoder], race.raced, **QUIET)
    race.raced.choose(bound(cancel_job, studio), race.raced, None, **QUIET)


def list_encoders(studio: Studio) -> tuple[Any, Any]:
    """Return the cross-encoders as they are now; where there are none, the line that says how to get one is shown."""
    choices = encoder_choices(studio)
    return gr.update(choices=choices), gr.update(visible=not choices)


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
