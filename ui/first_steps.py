"""The first visit: three buttons that lead from Start training over the scores to the map, one of them lit at a time."""

from pathlib import Path

import gradio as gr

from core.run_store import list_runs
from ui.studio import Studio

SCRIPT = (Path(__file__).parent / "first_steps.js").read_text(encoding="utf-8")
GONE, START, WAIT, DONE = "", "start", "wait", "done"


def build_first_steps() -> gr.HTML:
    """Lay out the steps; the value says how far the first run is."""
    return gr.HTML(
        value=GONE,
        html_template='<nav aria-label="First steps"><ol class="first-steps"></ol></nav>',
        js_on_load=SCRIPT,
        apply_default_css=False,
        elem_id="first-steps",
    )


def how_far(studio: Studio) -> str:
    """Return how far the only run, or the only chain, is; whoever has started a second one needs no leading."""
    listed = list_runs(studio.runs_dir)
    if sum(status.after is None for _, status in listed) > 1:
        return GONE
    if not listed:
        return START
    status = listed[0][1]
    if not all(each.is_final for _, each in listed):
        return WAIT
    return DONE if status.has_model else START
