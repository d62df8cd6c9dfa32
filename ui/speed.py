"""Speed and size, on the Evaluate tab: what the shown run's model costs, and how much of its quality fewer bytes keep."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from core.bytes_choice import bytes_settings
from core.errors import StudioError, one_sentence
from ui.data_requests import cancel_job
from ui.html import hint
from ui.job_view import build_job_view
from ui.measuring import ask_measure, models_of_run
from ui.page import QUIET, Page
from ui.studio import Studio, bound


@dataclass(frozen=True)
class SpeedBlock:
    """The block's components."""

    time: gr.Button
    timed: gr.HTML
    sizes: gr.Textbox
    shrink: gr.Button
    shrunk: gr.HTML


def build_speed(studio: Studio) -> SpeedBlock:
    """Lay out the block."""
    gr.HTML(
        hint(
            "What does the model cost? Its speed and size on this machine, of the model that the run began with and of the one "
            "it made; about 10 seconds each. Let other work end first: seconds are measured anew at each press."
        )
    )
    with gr.Row():
        time = gr.Button("Measure speed", variant="primary", size="sm", scale=0, min_width=200)
    timed = build_job_view(studio, "speed-view")
    gr.HTML(
        hint(
            "How small may embeddings be? Fewer dimensions and fewer bits a dimension make a search index smaller and faster; "
            "here is what that costs in quality."
        )
    )
    sizes = gr.Textbox(
        label="Dimensions",
        info="Empty: those that the run trained for (Matryoshka), else 384 to 32",
        placeholder="256, 128, 64",
    )
    with gr.Row():
        shrink = gr.Button("Quality against bytes", variant="primary", size="sm", scale=0, min_width=200)
    shrunk = build_job_view(studio, "bytes-view")
    return SpeedBlock(time, timed, sizes, shrink, shrunk)


def wire_speed(studio: Studio, page: Page, block: SpeedBlock) -> None:
    """Wire both buttons, and the Cancel of both views."""
    block.time.click(bound(start_timing, studio), page.run, block.timed, **QUIET)
    asked = [page.run, block.sizes]
    for event in (block.shrink.click, block.sizes.submit):
        event(bound(start_shrinking, studio), asked, block.shrunk, **QUIET)
    for view in (block.timed, block.shrunk):
        view.choose(bound(cancel_job, studio), view, None, **QUIET)


def start_timing(studio: Studio, run: str | None) -> dict[str, Any]:
    """Ask for the speed of a run's two models; the answer is the view's value."""
    return ask_measure(studio, "speed", run)


def start_shrinking(studio: Studio, run: str | None, sizes: str | None) -> dict[str, Any]:
    """Ask for the quality of a run's two models at fewer bytes; the answer is the view's value."""
    try:
        settings = bytes_settings(models_of_run(studio, run), sizes or "", studio.places)
    except (StudioError, OSError) as error:
        return {"fault": one_sentence(error)}
    return ask_measure(studio, "bytes", run, data="stsb", split="validation", task_settings=settings)
