"""Compare, on the Evaluate tab: any models side by side in one table, and quality against speed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from core.base_models import BASE_MODELS, called, is_here
from core.comparison import MOST, chapter_runs, chosen_names, compare_values, last_runs
from core.config import RunConfig
from core.errors import StudioError, one_sentence
from core.hub_models import fetched_models
from core.measuring import RUN, UNTOUCHED, measured_model, title_of_model
from core.runs import short_name
from ui.data_requests import cancel_job
from ui.html import hint, problem
from ui.job_view import SCRIPT, TEMPLATE, news_of_job
from ui.live import HEAD
from ui.measuring import measure_config, models_of_run
from ui.model_events import ask_job
from ui.model_tab import model_choices
from ui.page import QUIET, Page
from ui.studio import Studio, bound, served

SORTING = (Path(__file__).parent / "sorting.js").read_text(encoding="utf-8")
LOOK = """
button.sort {font: inherit; color: inherit; background: none; border: none; padding: 0; cursor: pointer; white-space: nowrap}
button.sort:hover {text-decoration: underline}
button.sort:focus-visible {outline: 2px solid #6366f1; outline-offset: 2px; border-radius: 2px}
th[aria-sort=ascending] button.sort::after {content: " ▲"; font-size: .7em}
th[aria-sort=descending] button.sort::after {content: " ▼"; font-size: .7em}
td.model {min-width: 190px; overflow-wrap: anywhere}
td .chosen {line-height: 1}
"""
NO_RUNS = "No run has made a model yet; train one on the Train tab, or choose models from the list."
NO_CHAPTER = "The chapter's ladder has made no model here yet; press Run the chapter on the Runs tab."
OF_CHAPTER = "The chapter's models are chosen. Their own table, with the book's scores beside them, is on the Runs tab."


@dataclass(frozen=True)
class CompareBlock:
    """The block's components."""

    models: gr.Dropdown
    with_base: gr.Button
    last: gr.Button
    chapter: gr.Button
    said: gr.HTML
    start: gr.Button
    compared: gr.HTML


def build_compare(studio: Studio) -> CompareBlock:
    """Lay out the block."""
    gr.HTML(
        hint(
            "Which model to take? Choose some, your runs or others, and see quality, speed and size in one table. "
            "The first time a model is scored here it reads every pair; from then on its score is stored."
        )
    )
    models = gr.Dropdown(
        compare_choices(studio, None),
        value=[],
        multiselect=True,
        allow_custom_value=True,
        label="Models",
        info=f"2 to {MOST}: runs, models that are here, or type a folder or a Hub id",
        elem_id="compared-models",
    )
    with gr.Row():
        with_base = gr.Button("This run and its base", size="sm", scale=0, min_width=160)
        last = gr.Button("The last five runs", size="sm", scale=0, min_width=160)
        chapter = gr.Button("The chapter's runs", size="sm", scale=0, min_width=160)
        start = gr.Button("Compare", variant="primary", size="sm", scale=0, min_width=160)
    said = gr.HTML()
    compared = gr.HTML(
        value={},
        html_template=TEMPLATE,
        css_template=LOOK,
        js_on_load=SCRIPT + SORTING,
        head=HEAD,
        server_functions=[served(news_of_job, studio)],
        apply_default_css=False,
        elem_id="compare-view",
    )
    return CompareBlock(models, with_base, last, chapter, said, start, compared)


def wire_compare(studio: Studio, page: Page, block: CompareBlock) -> None:
    """Wire the presets and the button, and list the models anew when the field is entered: a run may have ended meanwhile."""
    chosen = [block.models, block.said]
    block.models.focus(bound(list_compared, studio), page.run, block.models, **QUIET)
    block.with_base.click(bound(choose_with_base, studio), page.run, chosen, **QUIET)
    block.last.click(bound(choose_last, studio), page.run, chosen, **QUIET)
    block.chapter.click(bound(choose_chapter, studio), page.run, chosen, **QUIET)
    block.start.click(bound(start_compare, studio), block.models, block.compared, **QUIET)
    block.compared.choose(bound(cancel_job, studio), block.compared, None, **QUIET)


def compare_choices(studio: Studio, run: str | None) -> list[tuple[str, str]]:
    """Return what can be compared, as (title, name): the shown run's base, the runs, and every other model that is here."""
    untouched = f"{UNTOUCHED}{run}" if run and studio.run(run) else ""
    found = [(_title(studio, untouched), untouched)] if untouched else []
    titles = {value: title for title, value in model_choices(studio)}
    found += [(title, name) for name, title in titles.items() if name.startswith(RUN)]
    found += [(spec.title, name) for name, spec in BASE_MODELS.items() if is_here(name, studio.runs_dir)]
    return found + [(f"Hub: {name}", name) for name in fetched_models(studio.runs_dir)]


def _title(studio: Studio, name: str) -> str:
    """Return what an untouched model is called; of a run that was deleted meanwhile its name."""
    try:
        base_model = measured_model(name, studio.places).choice.base_model
        run = short_name(name.removeprefix(UNTOUCHED), studio.runs_dir)
        return f"What {run} began with: {called(title_of_model(base_model, studio.places))}"
    except StudioError:
        return name


def list_compared(studio: Studio, run: str | None) -> Any:
    """Return the models as they are now."""
    return gr.update(choices=compare_choices(studio, run))


def choose_with_base(studio: Studio, run: str | None) -> tuple[Any, str]:
    """Choose the shown run's model and what it began with."""
    try:
        return _chosen(studio, run, models_of_run(studio, run), "")
    except StudioError as error:
        return gr.skip(), problem(one_sentence(error))


def choose_last(studio: Studio, run: str | None) -> tuple[Any, str]:
    """Choose the newest five models that were trained here."""
    names = last_runs(studio.places)
    return _chosen(studio, run, names, "" if names else problem(NO_RUNS))


def choose_chapter(studio: Studio, run: str | None) -> tuple[Any, str]:
    """Choose the models of the newest ladder of the chapter."""
    names = chapter_runs(studio.places)
    return _chosen(studio, run, names, hint(OF_CHAPTER) if names else problem(NO_CHAPTER))


def _chosen(studio: Studio, run: str | None, names: Sequence[str], said: str) -> tuple[Any, str]:
    if not names:
        return gr.skip(), said
    return gr.update(choices=compare_choices(studio, run), value=list(names)), said


def start_compare(studio: Studio, names: Sequence[str] | None) -> Mapping[str, Any]:
    """Ask for the comparison of chosen models; the answer is the view's value."""

    def asked() -> RunConfig:
        chosen = chosen_names(names or ())
        # Before anything looks whether a folder is there: that too is not everybody's to know.
        for name in chosen:
            studio.check_paths({"base_model": name})
        values = compare_values(chosen, studio.places)
        return measure_config("compare", values.pop("models"), values)

    return ask_job(studio, asked)
