"""The Runs tab: every run, to open or to delete."""

import time
from dataclasses import dataclass
from typing import Any

import gradio as gr
import pandas as pd

from core.errors import StudioError, one_sentence
from core.files import read_json
from core.runs import RunFolder, Status, delete_run, list_runs
from ui.experiment_view import ExperimentsBlock, build_experiments
from ui.html import hint
from ui.studio import Studio

COLUMNS = ["Run", "State", "Recipe", "Model and data", "Measured on", "Spearman", "Took"]


@dataclass(frozen=True)
class RunsTab:
    """The tab's components."""

    table: gr.Dataframe
    chosen: gr.Textbox
    open: gr.Button
    delete: gr.Button
    really: gr.Button
    experiments: ExperimentsBlock


def build_runs_tab(studio: Studio) -> RunsTab:
    """Lay out the tab."""
    gr.HTML(hint("Every run is a folder on disk; a closed page or a restarted app loses none. Click a row to choose it."))
    table = gr.Dataframe(
        headers=COLUMNS,
        interactive=False,
        wrap=True,
        show_label=False,
        max_height=420,
        elem_id="runs-table",
        column_widths=["26%", "10%", "13%", "16%", "12%", "14%", "9%"],
    )
    with gr.Row():
        chosen = gr.Textbox(label="Chosen run", interactive=False, placeholder="Click a row above", scale=3)
        open_button = gr.Button("Open", variant="primary", interactive=False, scale=1)
        delete = gr.Button("Delete", interactive=False, scale=1)
        really = gr.Button("Really delete", variant="stop", visible=False, scale=1)
    return RunsTab(table, chosen, open_button, delete, really, build_experiments(studio))


def runs_table(studio: Studio) -> pd.DataFrame:
    """Return every training run, newest first; the scores are Spearman of the cosines."""
    rows = [_row(run, status) for run, status in list_runs(studio.runs_dir)]
    return pd.DataFrame(rows, columns=COLUMNS)


def _row(run: RunFolder, status: Status) -> list[str]:
    config = read_json(run.path / "config.json") or {}
    data = run.yardstick("before")[0] or run.yardstick("after")[0]
    seconds = f"{(status.finished or time.time()) - status.started:.0f} s" if status.started else ""
    model_and_data = f"{config.get('base_model', '')} on {config.get('data', '')}"
    spearman = " → ".join(map(_score, (run.spearman("before"), run.spearman("after")))) if data else ""
    return [
        run.id,
        status.state,
        str(config.get("recipe") or "own settings"),
        model_and_data,
        data.replace("/", " "),
        spearman,
        seconds,
    ]


def _score(figure: float | None) -> str:
    return f"{figure:.4f}" if figure is not None else "–"


def choose_row(event: gr.SelectData) -> tuple[Any, ...]:
    """Take the run of a clicked row and make its buttons work."""
    # The row as it is shown: the table may be sorted.
    name = str(event.row_value[0])
    return name, gr.update(interactive=True), gr.update(visible=True, interactive=True), gr.update(visible=False)


def ask_again() -> tuple[Any, Any]:
    """Put a second button in the first one's place: what is deleted is gone."""
    return gr.update(visible=False), gr.update(visible=True)


def delete_chosen(studio: Studio, name: str) -> tuple[Any, ...]:
    """Delete the chosen run and show what is left.

    Raises:
        gr.Error: a worker still has it.
    """
    run = studio.run(name)
    try:
        if run is not None:
            delete_run(run)
            studio.followed.forget(run.events_path)
    except StudioError as error:
        raise gr.Error(one_sentence(error), print_exception=False) from None
    nothing = gr.update(interactive=False)
    return runs_table(studio), "", nothing, gr.update(visible=True, interactive=False), gr.update(visible=False)
