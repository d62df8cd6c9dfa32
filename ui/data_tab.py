"""The Data tab: what is trained on, as the loss will see it."""

from dataclasses import dataclass
from html import escape

import gradio as gr

from core.config import RunConfig
from core.data_catalogue import DATA_SETS, data_parts
from core.errors import StudioError, one_sentence
from core.prepare import prepare
from core.sources import is_here
from ui.html import hint, problem
from ui.html import table as html_table
from ui.studio import Studio

PREVIEW_ROWS = 12
PREVIEW_CHARACTERS = 240


@dataclass(frozen=True)
class DataTab:
    """The tab's components."""

    data: gr.Radio
    preview: gr.HTML


def build_data_tab(studio: Studio) -> DataTab:
    """Lay out the tab."""
    gr.HTML(hint("Training needs pairs: texts that belong together, and texts that do not. Below stands what the loss will get."))
    data = gr.Radio(data_choices(studio), label="Data")
    preview = gr.HTML()
    return DataTab(data, preview)


def data_choices(studio: Studio) -> list[tuple[str, str]]:
    """Return the data sets, each saying whether it is on this machine."""
    ids = ["sample", "snli", "mnli", "snli+mnli", "stsb"]
    return [(_title(name) + ("" if is_here(name, "train", studio.data_dir) else " (not here)"), name) for name in ids]


def _title(name: str) -> str:
    return " + ".join(DATA_SETS[part].title for part in data_parts(name))


def preview_data(studio: Studio, config: RunConfig) -> str:
    """Return where the rows are from, what came of them, and the first examples of the prepared file."""
    specs = [DATA_SETS[name] for name in data_parts(config.data) if name in DATA_SETS]
    lines = (f"{escape(spec.what)} {escape(spec.source)}; licence: {escape(spec.licence)}." for spec in specs)
    about = "".join(f"<p><b>{escape(spec.title)}.</b> {line}</p>" for spec, line in zip(specs, lines, strict=True))
    about = f'<div class="card">{about}</div>'
    if not is_here(config.data, config.split, studio.data_dir):
        return about + problem(_missing(studio, config))
    try:
        prepared = prepare(config, studio.data_dir, studio.runs_dir)
        examples = prepared.frame()
    except (StudioError, OSError) as error:
        return about + problem(one_sentence(error))
    report = prepared.report
    dropped = "".join(f", {count:,} left out for {why}" for why, count in report["dropped"].items())
    notes = "".join(f"; {note}" for note in report["notes"])
    count = f"{report['examples']:,} {prepared.shape} from {report['rows']:,} rows of {report['found']}{dropped}{notes}."
    rows = [[_cell(value) for value in row] for row in examples.head(PREVIEW_ROWS).itertuples(index=False)]
    return about + f'<p class="hint"><b>{escape(count)}</b></p>' + html_table(list(examples.columns), rows)


def _cell(value: object) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= PREVIEW_CHARACTERS else text[:PREVIEW_CHARACTERS] + "…"


def _missing(studio: Studio, config: RunConfig) -> str:
    where = f"looked in {studio.data_dir}" if studio.data_dir else "no data folder is set"
    return (
        f"{config.data} is not in your data folder ({where}); put {data_parts(config.data)[0]}/{config.split}.csv there, start "
        "with --data-dir, or choose the sample. A run would still look in the Hub's cache."
    )
