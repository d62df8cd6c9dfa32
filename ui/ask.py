"""Ask it, on the Evaluate tab: the person's own texts, a question, and what the untouched and the tuned model find."""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from core.config import LONGEST_TEXT, RunConfig
from core.data_catalogue import DATA_SETS
from core.desk_client import ask_desk, check_texts, wake_desk
from core.errors import ConfigError, DataError, StudioError, one_sentence
from core.files import read_json
from core.index_texts import MOST_INDEXED, text_columns
from core.jobs import fetched_names
from core.measuring import ANSWER
from core.sources import fetched_folder, is_here, peek
from core.uploads import list_uploads, take_in
from ui.ask_card import answers_card
from ui.data_requests import cancel_job, data_config
from ui.html import empty, hint, problem
from ui.job_view import build_job_view, open_job
from ui.measuring import measure_config, models_of_run
from ui.model_events import ask_job, shown_model
from ui.page import QUIET, Page
from ui.studio import Studio, bound

SHOWN_TEXTS, AT_FIRST = 10, 1000
EVERY_COLUMN = ("Every column of texts", "")
NOT_READY = "Press Get ready first: there are no texts to ask about yet."
NOTHING_ASKED = "Nothing is asked yet. Get texts ready above, then type what you look for and press Enter."


@dataclass(frozen=True)
class AskBlock:
    """The block's components."""

    source: gr.Dropdown
    column: gr.Dropdown
    most: gr.Number
    pasted: gr.Textbox
    start: gr.Button
    ready: gr.HTML
    query: gr.Textbox
    ask: gr.Button
    answer: gr.HTML


def build_ask(studio: Studio) -> AskBlock:
    """Lay out the block."""
    gr.HTML(
        hint(
            "Search texts by meaning, with the model that the shown run began with and with the one it made: does the tuned one "
            "put better answers on top? Without a finished run, the base model of the Model tab is asked alone."
        )
    )
    with gr.Row():
        sources = source_choices(studio)
        source = gr.Dropdown(sources, value=sources[0][1], label="Texts", info="Data sets here, and your files", scale=3)
        column = gr.Dropdown([EVERY_COLUMN], value="", label="Column", info="Each text counts once", scale=2, min_width=160)
        most = gr.Number(
            AT_FIRST, label="Texts at most", info=f"From the top, {MOST_INDEXED:,} at most", precision=0, minimum=1,
            maximum=MOST_INDEXED, scale=1, min_width=160,
        )  # fmt: skip
    pasted = gr.Textbox(
        label="Or paste texts",
        info="One a line; they are kept as a file of yours and taken in place of the choice above",
        placeholder="How do I reset my password?\nThe parcel came damaged.",
        lines=3,
        max_lines=10,
    )
    with gr.Row():
        start = gr.Button("Get ready", variant="primary", size="sm", scale=0, min_width=200)
    ready = build_job_view(studio, "index-view")
    query = gr.Textbox(label="Your question", placeholder="Type what you look for", info=f"{LONGEST_TEXT:,} characters at most")
    with gr.Row():
        ask = gr.Button("Ask", variant="primary", size="sm", scale=0, min_width=200)
    answer = gr.HTML(empty(NOTHING_ASKED), elem_id="asked-view")
    return AskBlock(source, column, most, pasted, start, ready, query, ask, answer)


def source_choices(studio: Studio) -> list[tuple[str, str]]:
    """Return the data on this machine as (title, "split data"): a split's name holds no blank."""
    found = [
        (f"{spec.title}, {split}", f"{split} {name}")
        for name, spec in DATA_SETS.items()
        for split in spec.splits
        if is_here(name, split, studio.places)
    ]
    found += [(f"Your file: {upload.name}", f"train {upload.data}") for upload in list_uploads(studio.runs_dir)]
    for name in fetched_names(studio.runs_dir):
        about = read_json(fetched_folder(studio.runs_dir, name) / "about.json") or {}
        found += [(f"Hub: {name.removeprefix('hub:')}, {split}", f"{split} {name}") for split in about.get("splits", ["train"])]
    return found


def wire_ask(studio: Studio, page: Page, block: AskBlock) -> None:
    """Wire the block; its lists are read again when their fields are entered: a file may have come meanwhile."""
    block.source.focus(bound(list_sources, studio), None, block.source, **QUIET)
    block.source.input(bound(list_columns, studio), block.source, block.column, **QUIET)
    asked = [page.recipe, page.yours, page.run, block.source, block.column, block.most, block.pasted]
    got = block.start.click(bound(get_ready, studio), asked, block.ready, **QUIET)
    got.then(lambda: empty(NOTHING_ASKED), None, block.answer, **QUIET)
    block.ready.choose(bound(cancel_job, studio), block.ready, None, **QUIET)
    block.ready.ended(bound(prepare_to_answer, studio), None, None, **QUIET)
    # The first question waits for a process to start: here, and only here, the page shows that it waits.
    shown: dict[str, Any] = QUIET | {"show_progress": "minimal"}
    for event in (block.query.submit, block.ask.click):
        event(bound(ask_question, studio), [block.ready, block.query], block.answer, **shown)


def list_sources(studio: Studio) -> Any:
    """Return the data as it is now."""
    return gr.update(choices=source_choices(studio))


def list_columns(studio: Studio, source: str) -> Any:
    """Return the columns of texts that a choice of data has, as guessed."""
    split, _, data = str(source).partition(" ")
    try:
        studio.check_paths({"data": data})
        columns = text_columns(peek(data, split, studio.places).guess)
    except (StudioError, OSError):
        # Get ready says what is wrong.
        columns = []
    return gr.update(choices=[EVERY_COLUMN, *((column, column) for column in columns)], value="")


def get_ready(studio: Studio, recipe: str, yours: Mapping[str, Any], run: str | None, *wanted: Any) -> dict[str, Any]:
    """Ask for texts to be read by both models of the shown run, or by the form's base model where it has none.

    `wanted` are the values of source, column, most and pasted.
    """

    def asked() -> RunConfig:
        # A cross-encoder gives no embeddings to search by.
        tuned = shown_model(studio, run)
        models = models_of_run(studio, run) if tuned else (data_config(studio, recipe, yours, "", "measure").base_model,)
        return measure_config("index", models, wanted_texts(studio, *wanted))

    return ask_job(studio, asked)


def wanted_texts(
    studio: Studio, source: str | None, column: str | None, most: float | None, pasted: str | None
) -> dict[str, Any]:
    """Return the fields of a configuration that say which texts are wanted; pasted ones go before chosen ones.

    Raises:
        ConfigError: none are, or they are not this page's to read.
        DataError: pasted ones cannot be kept.
    """
    if (pasted or "").strip():
        settings: dict[str, str | float] = {"most": MOST_INDEXED, "column": "text"}
        return {"data": keep_pasted(studio, str(pasted)), "split": "train", "task_settings": settings}
    split, _, data = str(source or "").partition(" ")
    if not data:
        raise ConfigError("", "Choose texts, or paste some.")
    studio.check_paths({"data": data})
    return {"data": data, "split": split, "task_settings": {"most": most or AT_FIRST, "column": column or ""}}


def keep_pasted(studio: Studio, pasted: str) -> str:
    """Keep pasted lines as an uploaded file, and return what a configuration calls it.

    Raises:
        DataError: they cannot be kept.
    """
    lines = [line.strip() for line in pasted.splitlines() if line.strip()]
    if len(lines) > MOST_INDEXED:
        raise DataError(f"{len(lines):,} lines are too many to paste; {MOST_INDEXED:,} are the most.")
    with tempfile.TemporaryDirectory() as folder:
        # As JSON: in a table of cells a comma in a text would divide it.
        path = Path(folder) / "pasted.jsonl"
        path.write_text("".join(json.dumps({"text": line}) + "\n" for line in lines), encoding="utf-8")
        return take_in(path, f"{len(lines):,} pasted texts.jsonl", studio.runs_dir).data


def prepare_to_answer(studio: Studio) -> None:
    """Have the process started that will be asked; where that fails, the first question says so."""
    try:
        wake_desk(studio.runs_dir)
    except (StudioError, OSError):
        return


def ask_question(studio: Studio, value: Mapping[str, Any], query: str) -> str:
    """Return the texts nearest to a question, or in one sentence why there are none."""
    try:
        check_texts([query or ""])
        wanted = {"index": ready_index(studio, value), "query": query.strip(), "top": SHOWN_TEXTS}
        return answers_card(ask_desk(studio.runs_dir, "search", wanted))
    except (StudioError, OSError) as error:
        return problem(one_sentence(error))


def ready_index(studio: Studio, value: Mapping[str, Any]) -> str:
    """Return the name of the folder of texts that the view shows.

    Raises:
        DataError: there are none, or they are still being read.
    """
    run = open_job(studio, value or {})
    status = run.status() if run else None
    if run is None or status is None:
        raise DataError(NOT_READY)
    if not status.is_final:
        raise DataError("The texts are still being read; ask again when the line above is gone.")
    if not (run.path / ANSWER).is_file():
        raise DataError("The texts were not read to the end; see above why, then press Get ready again.")
    return run.id
