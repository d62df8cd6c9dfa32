"""The Runs tab: every run, what it takes on the disk, and what can be done with the chosen one."""

import functools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from core.disk_use import MOST_REMEMBERED, disk_use, free_checkpoints, last_changes, megabytes, why_not_free
from core.errors import StudioError, one_sentence
from core.files import read_json
from core.launching import ensure_supervisor
from core.queue import Queue, has_checkpoint, ran_out_of_memory, resume, why_not_resume
from core.run_store import delete_run, list_runs
from core.runs import RunFolder, Status, spearman_of
from core.uploads import list_uploads
from ui.experiment_view import ExperimentsBlock, build_experiments
from ui.html import empty, hint
from ui.share import ShareBlock, build_share
from ui.studio import Studio

COLUMNS = ["Run", "State", "Recipe", "Model and data", "Spearman", "Took", "On disk"]
RESUME, RESUME_HALF, FREE = "Resume", "Resume with half the batch", "Free its checkpoints"


@dataclass(frozen=True)
class RunsTab:
    """The tab's components."""

    table: gr.Dataframe
    total: gr.HTML
    chosen: gr.Textbox
    open: gr.Button
    resume: gr.Button
    duplicate: gr.Button
    free: gr.Button
    delete: gr.Button
    really: gr.Button
    why: gr.HTML
    share: ShareBlock
    experiments: ExperimentsBlock

    def choice_outputs(self) -> list[Any]:
        """Return what `show_choice` writes to."""
        return [self.total, self.open, self.resume, self.duplicate, self.free, self.delete, self.why]


def build_runs_tab(studio: Studio) -> RunsTab:
    """Lay out the tab."""
    gr.HTML(hint("Every run is a folder on disk; a closed page or a restarted app loses none. Click a row to choose it."))
    table = gr.Dataframe(
        headers=COLUMNS,
        interactive=False,
        wrap=True,
        show_label=False,
        # Its own Copy would hand formulas that lie in names to a table's program.
        buttons=["fullscreen"],
        max_height=420,
        elem_id="runs-table",
        column_widths=["23%", "14%", "13%", "15%", "16%", "8%", "11%"],
    )
    total = gr.HTML()
    chosen = gr.Textbox(label="Chosen run", interactive=False, placeholder="Click a row above")
    with gr.Row():
        open_button = gr.Button("Open", variant="primary", interactive=False, min_width=110)
        again = gr.Button(RESUME, interactive=False, min_width=110)
        duplicate = gr.Button("Duplicate", interactive=False, min_width=110)
        free = gr.Button(FREE, interactive=False, min_width=110)
        delete = gr.Button("Delete", interactive=False, min_width=110)
        really = gr.Button("Really delete", variant="stop", visible=False, min_width=110)
    why = gr.HTML(elem_id="why-not")
    share = build_share(studio)
    experiments = build_experiments(studio)
    return RunsTab(table, total, chosen, open_button, again, duplicate, free, delete, really, why, share, experiments)


def runs_table(studio: Studio, queue: Queue) -> list[list[str]]:
    """Return every training run, newest first; the scores are Spearman of the cosines."""
    uploads = {upload.data: upload.name for upload in list_uploads(studio.runs_dir)}
    return [_row(run, status, queue, uploads) for run, status in list_runs(studio.runs_dir)]


def _row(run: RunFolder, status: Status, queue: Queue, uploads: Mapping[str, str]) -> list[str]:
    recipe, model, data, scores = _of_ended(run, last_changes(run)) if status.is_final else _asked_and_scored(run)
    seconds = f"{(status.finished or time.time()) - status.started:.0f} s" if status.started else ""
    place = queue.place(run.id)
    return [
        run.id,
        f"queued, {place} of {len(queue.waiting)}" if place else f"{status.state}{', from a file' if status.opened_from else ''}",
        recipe,
        f"{model} on {uploads.get(data, data)}",
        scores,
        seconds,
        megabytes(disk_use(run, status).total_bytes),
    ]


def _asked_and_scored(run: RunFolder) -> tuple[str, str, str, str]:
    """Return a run's recipe, its model, the id of its data, and what the yardstick said before and after."""
    config = read_json(run.path / "config.json") or {}
    (data_before, before), (data_after, after) = run.yardstick("before"), run.yardstick("after")
    data = data_before or data_after
    scores = f"{_score(before)} → {_score(after)} on {data.replace('/', ' ')}" if data else ""
    return str(config.get("recipe") or "own settings"), str(config.get("base_model", "")), str(config.get("data", "")), scores


@functools.lru_cache(maxsize=MOST_REMEMBERED)
def _of_ended(run: RunFolder, _changes: tuple[int, ...]) -> tuple[str, str, str, str]:
    return _asked_and_scored(run)


def _score(figures: Mapping[str, float]) -> str:
    figure = spearman_of(figures)
    return f"{figure:.4f}" if figure is not None else "–"


def total_line(studio: Studio) -> str:
    """Say what all runs take together, and how much of it could be given back."""
    uses = [disk_use(run, status) for run, status in list_runs(studio.runs_dir)]
    if not uses:
        return empty("No run yet. Start one on the Train tab, or open one from a file below: it stands here from then on.")
    total, kept = sum(use.total_bytes for use in uses), sum(use.checkpoint_bytes for use in uses)
    checkpoints = f", {megabytes(kept)} of it checkpoints" if kept else ""
    return hint(f"{len(uses)} {'run takes' if len(uses) == 1 else 'runs take'} {megabytes(total)} on disk{checkpoints}.")


def choose_row(event: gr.SelectData) -> str:
    """Take the run of a clicked row, as it is shown: the table may be sorted."""
    return str(event.row_value[0])


def show_choice(studio: Studio, name: str) -> tuple[Any, ...]:
    """Make the buttons work that make sense for the chosen run, and say why the others do not."""
    run = studio.run(name)
    status = run.status() if run else None
    total = total_line(studio)
    if run is None or status is None:
        off = gr.update(interactive=False)
        return total, off, off | {"value": RESUME}, off, off | {"value": FREE}, off, ""
    reasons = why_not(run, status)
    resume_title = RESUME_HALF if ran_out_of_memory(status) else RESUME
    use = disk_use(run, status)
    size = f" ({megabytes(use.checkpoint_bytes)})" if use.checkpoint_bytes else ""
    return (
        total,
        gr.update(interactive=True),
        gr.update(value=resume_title, interactive=not reasons["Resume"]),
        gr.update(interactive=True),
        gr.update(value=f"{FREE}{size}", interactive=not reasons["Free"]),
        gr.update(interactive=not reasons["Delete"]),
        reasons_html(run, status, reasons),
    )


def why_not(run: RunFolder, status: Status) -> dict[str, str]:
    """Return for each button that may be off why it is, or nothing where it works."""
    working = f"It is {status.state}; press Cancel on the Train tab first." if status.is_working else ""
    return {"Resume": why_not_resume(run, status), "Free": why_not_free(run, status), "Delete": working}


def reasons_html(run: RunFolder, status: Status, reasons: Mapping[str, str]) -> str:
    """Return the reasons as lines, and what a press would cost."""
    names = {"Resume": RESUME, "Free": FREE, "Delete": "Delete"}
    lines = [f"{names[key]}: {reason}" for key, reason in reasons.items() if reason]
    if not reasons["Free"] and not reasons["Resume"] and has_checkpoint(run):
        lines.append(f"{FREE}: the run can then no longer be resumed.")
    if not reasons["Resume"] and ran_out_of_memory(status):
        lines.append(f"{RESUME_HALF}: memory ran out; a step takes half the examples and adds up twice the batches.")
    return "".join(f'<div class="hint">{escape(line)}</div>' for line in lines)


def ask_again() -> tuple[Any, Any]:
    """Put a second button in the first one's place: what is deleted is gone."""
    return gr.update(visible=False), gr.update(visible=True)


def ask_anew() -> tuple[Any, Any]:
    """Put the first button back: another run was chosen, or the chosen one is gone."""
    return gr.update(visible=True), gr.update(visible=False)


def delete_chosen(studio: Studio, name: str) -> str:
    """Delete the chosen run; nothing is chosen afterwards.

    Raises:
        gr.Error: a worker still has it.
    """

    def delete(run: RunFolder) -> None:
        delete_run(run)
        studio.followed.forget(run.events_path)

    _do(studio, name, delete)
    return ""


def resume_chosen(studio: Studio, name: str) -> tuple[str, Any]:
    """Queue the chosen run again, with half the batch where memory ran out, and show it on the Train tab.

    Raises:
        gr.Error: it cannot be resumed.
    """

    def again(run: RunFolder) -> None:
        status = run.status()
        resume(run, halve_batch=status is not None and ran_out_of_memory(status))
        ensure_supervisor(studio.runs_dir)

    _do(studio, name, again)
    return name, gr.Tabs(selected="train")


def free_chosen(studio: Studio, name: str) -> None:
    """Remove the chosen run's checkpoints.

    Raises:
        gr.Error: it still needs them.
    """
    _do(studio, name, lambda run: gr.Info(f"{megabytes(free_checkpoints(run))} are free again."))


def _do(studio: Studio, name: str, what: Callable[[RunFolder], object]) -> None:
    run = studio.run(name)
    try:
        if run is not None:
            what(run)
    except StudioError as error:
        raise gr.Error(one_sentence(error), print_exception=False) from None
