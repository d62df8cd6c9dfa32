"""More measures, on the Evaluate tab: whatever the chosen rows can tell of the shown run's model and the one it began with."""

from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from core.data_catalogue import DATA_SETS, is_own
from core.errors import ConfigError, StudioError, one_sentence
from core.files import read_json
from core.fitting_choice import fitting_settings, has_seen, kind_of_rows, reference_split
from core.fitting_kinds import MOST_ROWS, fitting_specs
from core.jobs import fetched_names
from core.measuring import RUN
from core.runs import RunFolder
from core.sources import fetched_folder, is_here
from core.uploads import list_uploads
from ui.data_requests import cancel_job
from ui.data_view import KIND_NAMES
from ui.fitting_card import title_of_data
from ui.html import hint, problem
from ui.job_view import build_job_view
from ui.measuring import ask_measure
from ui.page import QUIET, Page
from ui.studio import Studio, bound

FIRST_CHOICES = ("banking77/test", "snli/validation", "sample/reviews")
# STSB's test part is for the last look, behind a button of its own.
NOT_HERE = frozenset({("stsb", "test")})


@dataclass(frozen=True)
class FittingBlock:
    """The block's components."""

    rows: gr.Dropdown
    about: gr.HTML
    start: gr.Button
    measured: gr.HTML


def build_fitting(studio: Studio) -> FittingBlock:
    """Lay out the block."""
    gr.HTML(
        hint(
            "Is the model better at what you need it for? Choose rows, and everything that they can tell is measured: of the "
            "model that the run began with, and of the one that it made."
        )
    )
    choices = fitting_choices(studio, None)
    chosen = default_choice(choices)
    rows = gr.Dropdown(choices, value=chosen, label="Measured on", info="What is on this machine")
    about = gr.HTML(about_choice(studio, chosen, None))
    with gr.Row():
        start = gr.Button("Measure", variant="primary", size="sm", scale=0, min_width=200)
    return FittingBlock(rows, about, start, build_job_view(studio, "fitting-view"))


def wire_fitting(studio: Studio, page: Page, block: FittingBlock) -> None:
    """Wire the button, say at each choice what will be measured, and list the rows anew when the field is entered."""
    chosen = [block.rows, page.run]
    block.rows.focus(bound(list_fitting, studio), page.run, block.rows, **QUIET)
    block.rows.input(bound(about_choice, studio), chosen, block.about, **QUIET)
    page.run.change(bound(about_choice, studio), chosen, block.about, **QUIET)
    block.start.click(bound(start_fitting, studio), chosen, block.measured, **QUIET)
    block.measured.choose(bound(cancel_job, studio), block.measured, None, **QUIET)


def fitting_choices(studio: Studio, run: str | None) -> list[tuple[str, str]]:
    """Return the rows that are here, as (title, data/split): the catalogue's, what was fetched and uploaded, the run's own."""
    found = [
        (title_of_data(name, split), f"{name}/{split}")
        for name, spec in DATA_SETS.items()
        for split in spec.splits
        if (name, split) not in NOT_HERE and is_here(name, split, studio.places)
    ]
    found += [(f"Your file: {upload.name}", f"{upload.data}/train") for upload in list_uploads(studio.runs_dir)]
    for name in fetched_names(studio.runs_dir):
        about = read_json(fetched_folder(studio.runs_dir, name) / "about.json") or {}
        found += [(f"Hub: {title_of_data(name, split)}", f"{name}/{split}") for split in about.get("splits", ["train"])]
    config = _config(studio.run(run))
    if config and is_own(config["data"]):
        own = f"{config['data']}/{config['split']}"
        if own not in {value for _, value in found} and is_here(config["data"], config["split"], studio.places):
            found.append((f"This run's rows: {title_of_data(config['data'], config['split'])}", own))
    return found


def default_choice(choices: list[tuple[str, str]]) -> str | None:
    """Return what is measured on if nobody chooses."""
    values = [value for _, value in choices]
    return next((value for value in FIRST_CHOICES if value in values), values[0] if values else None)


def list_fitting(studio: Studio, run: str | None) -> Any:
    """Return the rows as they are now."""
    return gr.update(choices=fitting_choices(studio, run))


def _config(run: RunFolder | None) -> dict[str, Any] | None:
    config = read_json(run.path / "config.json") if run else None
    return config if isinstance(config, dict) else None


def _split_choice(choice: str | None) -> tuple[str, str]:
    data, _, split = (choice or "").rpartition("/")
    if not data:
        raise ConfigError("", "Choose what to measure on first.")
    return data, split


def _columns(studio: Studio, run: str | None, data: str, split: str) -> dict[str, str]:
    """Return the columns as they were corrected for the shown run, where it was trained on these rows."""
    config = _config(studio.run(run)) or {}
    return dict(config.get("columns") or {}) if (config.get("data"), config.get("split")) == (data, split) else {}


def about_choice(studio: Studio, choice: str | None, run: str | None) -> str:
    """Return what will be measured on the chosen rows, and whether the shown run's model has seen them."""
    try:
        data, split = _split_choice(choice)
        studio.check_paths({"data": data})
        kind = kind_of_rows(data, split, studio.places, _columns(studio, run, data, split))
        reference = reference_split(data, split, studio.places)
    except (StudioError, OSError) as error:
        return problem(one_sentence(error))
    specs = fitting_specs(kind, reference is not None)
    if not specs:
        return problem(
            f"{KIND_NAMES[kind]}: nothing says which of them belong together, so nothing can be measured; choose others."
        )
    measures = "".join(f"<li><b>{escape(spec.title)}</b>: {escape(spec.kinds[kind])}.</li>" for spec in specs)
    seen = run is not None and has_seen(f"{RUN}{run}", data, split, studio.places)
    warning = (
        '<div class="warning">The model has seen these rows: the shown run was trained on them, so its figures will say how well '
        "they were learnt, not how well it does on new texts.</div>"
    )
    return (
        f'<div class="hint">{escape(KIND_NAMES[kind])}. On up to {MOST_ROWS:,} rows, before and after training:</div>'
        f'<ul class="notes">{measures}</ul>{warning if seen else ""}'
    )


def start_fitting(studio: Studio, choice: str | None, run: str | None) -> dict[str, Any]:
    """Ask for the measures; the answer is the view's value, or the fault."""
    try:
        data, split = _split_choice(choice)
        studio.check_paths({"data": data})
        settings = fitting_settings(data, split, studio.places, _columns(studio, run, data, split))
    except (StudioError, OSError) as error:
        return {"fault": one_sentence(error)}
    return ask_measure(studio, "fitting", run, data=data, split=split, task_settings=settings)
