"""The Data tab: where rows come from, which column is what, and the prepared file as the loss will see it."""

from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from core.columns import kind_of_columns
from core.config import RunConfig
from core.data_catalogue import DATA_SETS, YARDSTICKS, data_parts
from core.errors import StudioError
from core.examples import ROLES
from core.files import read_json
from core.hub import what_to_get
from core.jobs import fetched_names
from core.sources import fetched_folder, is_here, peek
from core.uploads import list_uploads
from ui.data_view import KIND_NAMES, NEGATIVE_NAMES
from ui.html import hint
from ui.job_view import build_job_view
from ui.model_tab import model_choices
from ui.studio import Studio

GET = {"stsb": ("Get STSB", ("stsb",)), "nli": ("Get NLI", ("snli", "mnli"))}
MOST_COLUMNS = 3


@dataclass(frozen=True)
class DataTab:
    """The tab's components; `columns` are the dropdowns that say which column is what."""

    data: gr.Dropdown
    split: gr.Dropdown
    upload: gr.UploadButton
    path: gr.Textbox
    hub: tuple[gr.Textbox, gr.Textbox, gr.Textbox, gr.Textbox]
    get_hub: gr.Button
    gets: dict[str, gr.Button]
    fetching: gr.HTML
    about: gr.HTML
    row_kind: gr.Dropdown
    columns: tuple[gr.Dropdown, ...]
    settings: dict[str, Any]
    view: gr.HTML
    compare: gr.Button
    compared: gr.HTML


def build_data_tab(studio: Studio) -> DataTab:
    """Lay out the tab."""
    gr.HTML(hint("Training needs pairs: texts that belong together, and texts that do not. Below stands what the loss will get."))
    with gr.Row(equal_height=True):
        data = gr.Dropdown(data_choices(studio), label="Data", allow_custom_value=True, scale=4)
        split = gr.Dropdown(["train"], label="Split", allow_custom_value=True, scale=2, min_width=120)
        upload = gr.UploadButton("Upload your own file", scale=2, min_width=150, elem_id="upload")
    about = gr.HTML(elem_id="about-data")
    with gr.Accordion("From the Hugging Face Hub, or a file on this machine", open=False):
        gets = _lay_out_gets()
        with gr.Row():
            hub = (
                gr.Textbox(label="Hub data set", placeholder="owner/name", scale=3),
                gr.Textbox(label="Configuration", placeholder="if it has several", scale=2, min_width=120),
                gr.Textbox(label="Split", value="train", scale=1, min_width=90),
                gr.Textbox(label="Revision", placeholder="main", scale=1, min_width=90),
            )
            get_hub = gr.Button("Get it", scale=1, min_width=90)
        path = gr.Textbox(
            label="A file on this machine",
            placeholder="/path/to/pairs.csv, then Enter",
            submit_btn="Use",
            visible=not studio.serves_others,
        )
    fetching = build_job_view(studio, "fetching")
    settings: dict[str, Any] = {}
    with gr.Accordion("Columns and rows: which is what", open=False):
        with gr.Row():
            kinds = [(title, kind) for kind, title in KIND_NAMES.items()]
            row_kind = gr.Dropdown(kinds, label="The rows are", scale=3, elem_id="row-kind")
            columns = tuple(
                gr.Dropdown([], label=f"Column {number}", scale=2, min_width=120) for number in range(1, MOST_COLUMNS + 1)
            )
        settings["max_rows"] = gr.Number(label="Rows at most", info="From the top; empty: all", precision=0, minimum=2)
    settings |= _lay_out_shaping(studio)
    view = build_job_view(studio, "data-view")
    compare = gr.Button("Compare random, semi-hard and hard negatives", size="sm")
    compared = build_job_view(studio, "negatives-view")
    return DataTab(
        data, split, upload, path, hub, get_hub, gets, fetching, about, row_kind, columns, settings, view, compare, compared
    )  # fmt: skip


def _lay_out_gets() -> dict[str, gr.Button]:
    buttons = {}
    with gr.Row():
        for key, (title, names) in GET.items():
            with gr.Column(min_width=260):
                buttons[key] = gr.Button(title, size="sm")
                gr.HTML("".join(hint(what_to_get(name)) for name in names))
    return buttons


def _lay_out_shaping(studio: Studio) -> dict[str, Any]:
    """Lay out what decides how rows become examples."""
    settings: dict[str, Any] = {}
    with gr.Row():
        settings["negatives"] = gr.Radio(
            [(title, name) for name, title in NEGATIVE_NAMES.items()],
            label="Negatives",
            info="What the anchor has to tell its positive from; the batch's other positives are there in any case",
            scale=3,
        )
        settings["neutral_score"] = gr.Radio(
            [("0, as in the chapter", 0.0), ("0.5", 0.5)],
            label="Score of a neutral pair",
            info="Entailment is 1, contradiction 0",
        )
        settings["score_threshold"] = gr.Slider(
            0.05, 1, step=0.05, label="Positive from", info="Scores at or above are positive pairs"
        )
        settings["holdout"] = gr.Checkbox(
            label="Hold a part out", info="A tenth of your rows, 1,000 at most", scale=0, min_width=210
        )
    with gr.Accordion("How negatives are mined", open=False, visible=False) as settings_box, gr.Row():
        models = model_choices(studio)
        settings["mining.model"] = gr.Dropdown(
            models, label="Mined with", info="Empty: the base model", value=None, allow_custom_value=True, min_width=200
        )
        settings["mining.rank_from"] = gr.Number(
            label="From rank", info="Nearer ones may be right answers", precision=0, min_width=110
        )
        settings["mining.rank_to"] = gr.Number(label="To rank", precision=0, min_width=110)
        settings["mining.margin"] = gr.Number(label="Margin", info="Below the positive, as a share", step=0.01, min_width=110)
        settings["mining.ceiling"] = gr.Number(label="Ceiling", info="Above: taken for a positive", step=0.01, min_width=110)
        settings["mining.judge"] = gr.Textbox(label="Judge", info="run:<id> or folder of a cross-encoder", min_width=180)
    settings["mining"] = settings_box
    with (
        gr.Accordion("Silver pairs: a cross-encoder scores what nobody has scored", open=True, visible=False) as silver_box,
        gr.Row(),
    ):
        settings["silver.pairs"] = gr.Dropdown(
            [("The rows after the gold ones", "given"), ("Gold texts paired anew", "recombined"), ("The nearest texts", "top-k")],
            label="Unlabelled pairs",
            info="The first “Rows at most” rows are gold",
            min_width=220,
        )
        settings["silver.amount"] = gr.Number(label="Silver pairs at most", precision=0, minimum=1, min_width=150)
        settings["silver.cut"] = gr.Number(label="Cut at", info="Empty: soft scores 0 to 1", step=0.05, min_width=120)
        settings["silver.gold_only"] = gr.Checkbox(label="Gold alone", info="To see what silver adds", min_width=150)
    settings["silver"] = silver_box
    return settings


def data_choices(studio: Studio) -> list[tuple[str, str]]:
    """Return the catalogue, each entry saying whether it is on this machine, then the person's own."""
    names = ["sample", "snli", "mnli", "snli+mnli", *(name for name in DATA_SETS if name not in ("sample", "snli", "mnli"))]
    catalogue = [(title_of(name) + ("" if is_here(name, "train", studio.places) else " (not here)"), name) for name in names]
    uploads = [(f"Your file: {upload.name}", upload.data) for upload in list_uploads(studio.runs_dir)]
    return catalogue + uploads + [(f"Hub: {name.removeprefix('hub:')}", name) for name in fetched_names(studio.runs_dir)]


def title_of(name: str) -> str:
    """Return the title of a catalogue entry, or of several joined by +."""
    return " + ".join(DATA_SETS[part].title for part in data_parts(name))


def split_choices(studio: Studio, data: str) -> list[str]:
    """Return the splits that may be trained on."""
    first = data_parts(data)[0]
    if first in DATA_SETS:
        return [split for split in DATA_SETS[first].splits if (first, split) not in YARDSTICKS]
    about = read_json(fetched_folder(studio.runs_dir, first) / "about.json") or {} if first.startswith("hub:") else {}
    return list(about.get("splits", ["train"]))


def about_data(config: RunConfig) -> str:
    """Return where the rows are from, their columns, size and licence."""
    specs = [DATA_SETS[name] for name in data_parts(config.data) if name in DATA_SETS]
    lines = "".join(
        f"<p><b>{escape(spec.title)}.</b> {escape(spec.what)} <span class='facts-line'>{escape(', '.join(spec.columns))} · "
        f"{escape(spec.size)} · {escape(spec.source)} · licence: {escape(spec.licence)}</span></p>"
        for spec in specs
    )
    return f'<div class="about">{lines}</div>' if lines else ""


def column_widgets(studio: Studio, config: RunConfig) -> list[Any]:
    """Return updates for the kind of rows and the column dropdowns: as chosen, else as guessed from the file."""
    try:
        seen = peek(data_parts(config.data)[0], config.split, studio.places)
    except (StudioError, OSError):
        return [gr.update(value=None, interactive=False)] + [gr.update(visible=False)] * MOST_COLUMNS
    columns = config.columns or seen.guess
    kind = kind_of_columns(columns)
    roles = ROLES[kind]
    shown: list[Any] = [gr.update(value=kind, interactive=True)]
    for place in range(MOST_COLUMNS):
        if place < len(roles):
            shown.append(
                gr.update(choices=list(seen.have), value=columns[roles[place]], label=roles[place].capitalize(), visible=True)
            )
        else:
            shown.append(gr.update(visible=False, value=None))
    return shown


def choose_columns(kind: str, *chosen: str | None) -> dict[str, str]:
    """Return the choice of columns as a configuration holds it.

    Raises:
        gr.Error: a column is still open.
    """
    roles = ROLES[kind]
    columns = {role: column for role, column in zip(roles, chosen, strict=False) if column}
    if len(columns) < len(roles):
        missing = ", ".join(role for role in roles if role not in columns)
        raise gr.Error(f"Choose a column for: {missing}.", print_exception=False)
    return columns
