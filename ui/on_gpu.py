"""What Start training does: it queues the run, or on a ZeroGPU Space trains it inside the visitor's own event."""

import contextlib
from collections.abc import Iterator
from typing import Any

import gradio as gr

from core.chains import create_chain
from core.errors import StudioError, one_sentence
from core.zerogpu import is_zerogpu, train_all
from ui.page import MAY_FAIL, QUIET, Page
from ui.studio import Studio, bound
from ui.train_tab import asked_runs, start_training

# One after the other: Gradio's queue is the queue here, and shows each visitor their place in it.
ON_GPU: dict[str, Any] = QUIET | {
    "queue": True, "concurrency_id": "gpu", "concurrency_limit": 1, "show_progress": "minimal",
}  # fmt: skip


def wire_start(studio: Studio, page: Page, edited: Any) -> Any:
    """Wire what follows once the form is as the person has it; return the event whose success is a run that was made."""
    form = [page.recipe, page.yours]
    if not is_zerogpu():
        return edited.success(bound(start_training, studio), form, page.run, **MAY_FAIL)
    # What is wrong with the form is said at once, and not after the others' runs.
    checked = edited.success(bound(check_training, studio), form, None, **MAY_FAIL)
    return checked.success(bound(train_on_gpu, studio), form, page.run, **ON_GPU)


def check_training(studio: Studio, recipe: str, yours: dict[str, Any]) -> None:
    """Refuse what could not be started.

    Raises:
        gr.Error: the settings do not fit together.
    """
    try:
        asked_runs(studio, recipe, yours)
    except StudioError as error:
        raise gr.Error(one_sentence(error), print_exception=False) from None


def train_on_gpu(studio: Studio, recipe: str, yours: dict[str, Any]) -> Iterator[Any]:
    """Make what the form says, no supervisor's to start, train it here, and yield each run's id as it begins.

    Raises:
        gr.Error: the run cannot be written, or no GPU was lent.
    """
    try:
        runs = create_chain(studio.runs_dir, asked_runs(studio, recipe, yours), studio.data_dir, by_hand=True)
        shown = ""
        with contextlib.closing(train_all(runs)) as training:
            for name in training:
                # The person may look at another run meanwhile.
                yield gr.skip() if name == shown else name
                shown = name
    except StudioError as error:
        raise gr.Error(one_sentence(error), print_exception=False) from None
