"""The Train tab: the handful of numbers that matter, the three buttons, and the live figure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from core.chains import asked_chain, create_chain
from core.config import CHOICES, range_of
from core.errors import StudioError, is_disk_full, one_sentence
from core.launching import ensure_supervisor
from core.recipe_runs import Chain
from core.recipes import split_size
from core.runs import RunFolder
from core.zerogpu import SAYS, is_zerogpu
from ui.drawn import build_drawn
from ui.html import hint
from ui.live import build_live_figure
from ui.overlay import build_overlay
from ui.run_form import nested, start_config
from ui.studio import Studio

LABELS = {
    "epochs": "Epochs",
    "batch_size": "Batch size",
    "learning_rate": "Learning rate",
    "seed": "Seed",
    "time_budget_seconds": "Or seconds",
    "max_steps": "Steps at most",
    "gradient_accumulation": "Accumulated batches",
    "warmup": "Warm-up",
    "weight_decay": "Weight decay",
    "eval_every": "Evaluate every … steps",
    "log_every": "Log every … steps",
    "eval_batch_size": "Evaluation batch size",
    "max_grad_norm": "Clip gradients at",
    "save_every": "Checkpoint every … steps",
    "early_stopping": "Stop after … worse",
    "scheduler": "Scheduler",
    "precision": "Precision",
    "sampler": "Batches",
    "best_by": "Keep the best by",
}
MAIN_NUMBERS = ("epochs", "time_budget_seconds", "batch_size", "learning_rate", "seed")
MORE_NUMBERS = (
    "max_steps", "gradient_accumulation", "warmup", "weight_decay", "max_grad_norm",
    "eval_every", "log_every", "eval_batch_size", "early_stopping", "save_every",
)  # fmt: skip
WHOLE_NUMBERS = {
    "batch_size", "seed", "max_steps", "gradient_accumulation", "eval_every", "log_every", "eval_batch_size", "early_stopping",
    "save_every",
}  # fmt: skip


@dataclass(frozen=True)
class TrainTab:
    """The tab's components; `settings` maps a setting's name to its widget."""

    plan: gr.HTML
    memory: gr.HTML
    start: gr.Button
    stop: gr.Button
    cancel: gr.Button
    settings: dict[str, Any]
    table: gr.HTML
    stages: gr.HTML
    live: gr.HTML


def build_train_tab(studio: Studio) -> TrainTab:
    """Lay out the tab."""
    plan = gr.HTML()
    memory = gr.HTML(elem_id="memory")
    settings: dict[str, Any] = {}
    with gr.Row():
        for key in MAIN_NUMBERS:
            settings[key] = _number(key)
    with gr.Accordion("More settings, and whose choice each value is", open=False):
        with gr.Row():
            for key in MORE_NUMBERS:
                settings[key] = _number(key)
        with gr.Row():
            for key in ("scheduler", "precision", "sampler", "best_by"):
                settings[key] = gr.Dropdown(list(CHOICES[key]), label=LABELS[key])
        with gr.Row():
            settings["gradient_checkpointing"] = gr.Checkbox(
                label="Reckon activations again in place of keeping them",
                info="A third slower, far less memory; transformers only",
            )
            settings["snapshots"] = gr.Checkbox(label="Keep the map's texts before and after", info="For the Explore tab")
        table = gr.HTML()
    if is_zerogpu():
        gr.HTML(hint(SAYS))
    with gr.Row():
        start = gr.Button("Start training", variant="primary", scale=3, elem_id="start-training")
        stop = gr.Button("Stop", interactive=False, scale=1)
        cancel = gr.Button("Cancel", variant="stop", interactive=False, scale=1)
    stages = build_drawn("stages")
    live = build_live_figure(studio)
    build_overlay(studio)
    return TrainTab(plan, memory, start, stop, cancel, settings, table, stages, live)


def _number(key: str) -> gr.Number:
    text = "" if key == "seed" else range_of(key)
    precision = 0 if key in WHOLE_NUMBERS else None
    return gr.Number(label=LABELS[key], info=text or "repeats every random choice", precision=precision, min_width=130)


def asked_runs(studio: Studio, recipe: str, yours: dict[str, Any]) -> Chain:
    """Return what the form asks for, a run or a chain of them.

    Raises:
        StudioError: the settings do not fit together.
    """
    # The form's own check first: it knows what the page may not name.
    start_config(studio, recipe, yours)
    return asked_chain(*split_size(recipe), nested(yours), studio.places)


def start_training(studio: Studio, recipe: str, yours: dict[str, Any]) -> str:
    """Queue what the form says, a run or a chain of them, and return the first one's id.

    Raises:
        gr.Error: the settings do not fit together, or the run cannot be written.
    """
    try:
        run = create_chain(studio.runs_dir, asked_runs(studio, recipe, yours), studio.data_dir)[0]
        ensure_supervisor(studio.runs_dir)
    except StudioError as error:
        raise gr.Error(one_sentence(error), print_exception=False) from None
    return run.id


def stop_training(studio: Studio, name: str | None) -> None:
    """Ask the run to end after its step in progress; asked again, without scoring."""
    _ask(studio, name, RunFolder.request_stop)


def cancel_training(studio: Studio, name: str | None) -> None:
    """Ask the supervisor to end the run's process."""
    _ask(studio, name, RunFolder.request_cancel)


def _ask(studio: Studio, name: str | None, request: Callable[[RunFolder], None]) -> None:
    run = studio.run(name)
    if run is None:
        return
    try:
        request(run)
        ensure_supervisor(studio.runs_dir)
    except StudioError as error:
        raise gr.Error(one_sentence(error), print_exception=False) from None
    except OSError as error:
        reason = "the disk is full" if is_disk_full(error) else "its folder cannot be written"
        raise gr.Error(f"The run could not be told: {reason}. Free some space and press again.", print_exception=False) from None
