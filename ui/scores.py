"""The Scores block of the Evaluate tab: a run's scores with their pictures, and the same for any other scored pairs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from core.config import TRAINING_KINDS, RunConfig
from core.data_catalogue import DATA_SETS
from core.errors import ConfigError, DataError
from core.examples import SCORED_ROWS
from core.jobs import fetched_names
from core.sources import is_here, peek
from core.uploads import list_uploads
from ui.data_requests import cancel_job
from ui.data_tab import split_choices
from ui.drawn import FIGURES_SCRIPT
from ui.html import hint
from ui.job_view import build_job_view
from ui.live import HEAD
from ui.measuring import measure_config, models_of_run
from ui.model_events import ask_job
from ui.page import QUIET, Page
from ui.pairs_view import pair_at, pairs_of
from ui.studio import Studio, bound, served

# More than that would take a transformer on a laptop many minutes; `core.pair_scores` says so where it cuts.
MOST_PAIRS = 20_000
TEST_PART = "stsb/test"
SCRIPT = FIGURES_SCRIPT + (Path(__file__).parent / "scores.js").read_text(encoding="utf-8")
WHAT_FOR = (
    "The test part of STSB is for the report: score it once, at the end, when nothing will be changed any more. Whoever chooses "
    "recipes or settings by it makes its figures too good, so choose by the validation part above. Any other scored pairs that "
    "are here can be scored as well: a file of yours, or a part of a data set."
)
JOINT = "This run made a cross-encoder, which gives scores and no embeddings; choose a run that trained an embedding model."


@dataclass(frozen=True)
class ScoresBlock:
    """The block's components; `scores` shows what `ui.evaluate_tab.scores_table` returns."""

    scores: gr.HTML
    data: gr.Dropdown
    start: gr.Button
    scored: gr.HTML


def build_scores(studio: Studio) -> ScoresBlock:
    """Lay out the block."""
    scores = gr.HTML(
        value="",
        html_template='<div class="drawn"></div>',
        js_on_load=SCRIPT,
        head=HEAD,
        server_functions=[served(pairs_of, studio), served(pair_at, studio)],
        apply_default_css=False,
        elem_id="scores-view",
    )
    with gr.Accordion("Score the test part, or other scored pairs", open=False):
        gr.HTML(hint(WHAT_FOR))
        data = gr.Dropdown(
            scored_choices(studio),
            value=TEST_PART,
            label="Pairs",
            info="Both models of the shown run are scored on them, before and after",
            elem_id="scored-pairs",
        )
        with gr.Row():
            start = gr.Button(title_of_start(TEST_PART), size="sm", scale=0, min_width=200)
        scored = build_job_view(studio, "pairs-view")
    return ScoresBlock(scores, data, start, scored)


def title_of_start(chosen: str | None) -> str:
    """Return what the button says for a choice of pairs."""
    return "Score the test part" if str(chosen).endswith("/test") else "Score these pairs"


def scored_choices(studio: Studio) -> list[tuple[str, str]]:
    """Return the scored pairs that can be chosen, as "<data>/<split>": STSB's parts first, then what else is here."""
    named = [
        (f"{spec.title}: {split}", f"{spec.id}/{split}")
        for spec in sorted(DATA_SETS.values(), key=lambda spec: spec.id != "stsb")
        for split in sorted(spec.splits, reverse=True)
        if spec.splits[split] == SCORED_ROWS and (spec.id == "stsb" or is_here(spec.id, split, studio.places))
    ]
    here = [(title if is_here(*_parts(value), studio.places) else f"{title} (not here)", value) for title, value in named]
    uploads = [(f"Your file: {upload.name}", f"{upload.data}/train") for upload in list_uploads(studio.runs_dir)]
    fetched = [
        (f"Hub: {name.removeprefix('hub:')}, {split}", f"{name}/{split}")
        for name in fetched_names(studio.runs_dir)
        for split in split_choices(studio, name)
    ]
    return here + [choice for choice in uploads + fetched if _has_scores(studio, choice[1])]


def _parts(chosen: str) -> tuple[str, str]:
    data, _, split = chosen.rpartition("/")
    return data, split


def _has_scores(studio: Studio, chosen: str) -> bool:
    try:
        return peek(*_parts(chosen), studio.places).kind == SCORED_ROWS
    except (DataError, OSError):
        return False


def wire_scores(studio: Studio, page: Page, block: ScoresBlock) -> None:
    """Wire the button, and list the pairs when the field is entered: a file may have been uploaded meanwhile."""
    block.data.focus(bound(list_scored, studio), None, block.data, **QUIET)
    block.data.change(lambda chosen: gr.update(value=title_of_start(chosen)), block.data, block.start, **QUIET)
    block.start.click(bound(start_scoring, studio), [page.run, block.data], block.scored, **QUIET)
    # No button of this view asks for anything else than to cancel.
    block.scored.choose(bound(cancel_job, studio), block.scored, None, **QUIET)


def list_scored(studio: Studio) -> Any:
    """Return the scored pairs as they are now."""
    return gr.update(choices=scored_choices(studio))


def start_scoring(studio: Studio, run: str | None, chosen: str | None) -> dict[str, Any]:
    """Ask for the shown run's two models on the chosen pairs; the answer is the view's value, or the fault."""

    def asked() -> RunConfig:
        data, split = _parts(str(chosen or ""))
        if not data:
            raise ConfigError("", "Choose the pairs to score on first.")
        studio.check_paths({"data": data})
        models = models_of_run(studio, run)
        folder = studio.run(run)
        if folder is not None and folder.config().kind != TRAINING_KINDS[0]:
            raise ConfigError("", JOINT)
        return measure_config("pairs", models, {"data": data, "split": split, "max_rows": MOST_PAIRS})

    return ask_job(studio, asked)
