"""The Model tab: what training starts from, how it reads texts, and what it makes of yours before it is trained."""

from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from core.base_models import BASE_MODELS, is_here
from core.config import CHOICES
from core.model_catalogue import BaseModelSpec
from core.run_store import list_runs
from core.runs import short_name
from ui.html import hint
from ui.job_view import build_job_view
from ui.studio import Studio

KIND_WORDS = {
    "static": "static: word vectors, averaged",
    "sentence": "sentence embeddings, ready",
    "pretrained": "language model, not yet for sentences",
    "random": "fresh random weights",
}
POOLING_TITLES = {
    "mean": "Mean of all tokens",
    "cls": "The first token (CLS)",
    "max": "Greatest of each dimension",
    "mean_sqrt_len_tokens": "Sum over square root of the length",
    "weightedmean": "Mean, later tokens weigh more",
    "lasttoken": "The last token",
}
SHOWN_TRY = "\n".join(
    (
        "The quarterly report is due on Friday.",
        "We have to hand in the numbers by the end of the week.",
        "The cat sleeps on the report.",
    )
)


@dataclass(frozen=True)
class ModelTab:
    """The tab's components; `settings` maps a setting's name to its widget."""

    base_model: gr.Dropdown
    get: gr.Button
    fetching: gr.HTML
    about: gr.HTML
    settings: dict[str, Any]
    texts: gr.Textbox
    try_it: gr.Button
    tried: gr.HTML


def build_model_tab(studio: Studio) -> ModelTab:
    """Lay out the tab."""
    gr.HTML(
        hint("A base model turns a text into a vector. Training moves those vectors, so that what belongs together lies close.")
    )
    settings: dict[str, Any] = {}
    with gr.Row(equal_height=True):
        base_model = gr.Dropdown(
            model_choices(studio),
            label="Base model",
            info="One of the catalogue, a run of yours, a folder, or hub:owner/name",
            allow_custom_value=True,
            scale=4,
        )
        settings["max_seq_length"] = gr.Number(
            label="Maximum length", info="Tokens a text; empty: the model's own", precision=0, minimum=4, scale=1, min_width=150
        )
        get = gr.Button("Get it from the Hub", visible=False, scale=1, min_width=140)
    about = gr.HTML(elem_id="about-model")
    fetching = build_job_view(studio, "fetching-model")
    with gr.Accordion("How texts become vectors, and what is trained", open=False):
        settings |= _lay_out_reading()
    with gr.Accordion("Try it: how alike are these for the model?", open=False):
        texts = gr.Textbox(SHOWN_TRY, label="Sentences", info="One a line, 2 to 64", lines=4, max_lines=12)
        try_it = gr.Button("Compare them", size="sm")
        tried = build_job_view(studio, "tried-view")
    with gr.Accordion("The catalogue", open=False):
        gr.HTML(catalogue_table(studio))
    return ModelTab(base_model, get, fetching, about, settings, texts, try_it, tried)


def _lay_out_reading() -> dict[str, Any]:
    settings: dict[str, Any] = {}
    with gr.Row():
        titles = [("The model's own", "")] + [(POOLING_TITLES[name], name) for name in CHOICES["pooling"]]
        settings["pooling"] = gr.Dropdown(titles, label="Pooling", info="One vector out of a text's tokens", min_width=200)
        settings["frozen_layers"] = gr.Number(
            label="Frozen layers", info="From the bottom, word vectors too", precision=0, minimum=0, min_width=130
        )
        settings["lora_rank"] = gr.Number(
            label="LoRA rank", info="Empty: all weights are trained", precision=0, minimum=1, min_width=130
        )
        settings["matryoshka"] = gr.Textbox(
            label="Matryoshka", info="Shorter sizes that must serve too", placeholder="256, 128, 64", min_width=170
        )
    with gr.Row():
        settings["prompts.query"] = gr.Textbox(
            label="Query prompt", info="Stands before anchors, first and typed texts", placeholder="query: "
        )
        settings["prompts.passage"] = gr.Textbox(
            label="Passage prompt", info="Stands before positives and negatives", placeholder="passage: "
        )
    return settings


def model_choices(studio: Studio, kinds: tuple[str, ...] = ("train",)) -> list[tuple[str, str]]:
    """Return the catalogue, each entry saying whether it is on this machine, then the finished runs, newest first.

    A cross-encoder's run is left out unless `kinds` names it: it gives no embeddings.
    """
    specs = BASE_MODELS.values()
    missing = {spec.id: "" if is_here(spec.id, studio.runs_dir) else " (not here)" for spec in specs}
    catalogue = [(_title(spec) + missing[spec.id], spec.id) for spec in specs]
    return catalogue + run_choices(studio, kinds)


def run_choices(studio: Studio, kinds: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return the finished runs of some kinds that have a model, newest first."""
    made = [run.id for run, status in list_runs(studio.runs_dir, kinds) if status.has_model]
    return [(f"Your run {short_name(name, studio.runs_dir)}", f"run:{name}") for name in made]


def _title(spec: BaseModelSpec) -> str:
    return f"{spec.title} ({spec.kind}, {spec.parameters / 1e6:.1f} M parameters)"


def catalogue_table(studio: Studio) -> str:
    """Return what is known of each model in the catalogue."""
    rows = "".join(
        f"<tr><td><b>{escape(spec.title)}</b> <code>{spec.id}</code><br>{escape(spec.good_for)}</td>"
        f"<td>{escape(KIND_WORDS[spec.kind])}</td>"
        f'<td class="number">{spec.parameters / 1e6:.1f} M</td><td class="number">{spec.dimension}</td>'
        f'<td class="number">{spec.max_seq_length:,}</td><td class="number">{spec.size_mb} MB</td>'
        f"<td>{escape(spec.licence)}</td><td>{'here' if is_here(spec.id, studio.runs_dir) else 'on the Hub'}</td></tr>"
        for spec in BASE_MODELS.values()
    )
    head = (
        "<tr><th>Model</th><th>Kind</th><th class='number'>Parameters</th><th class='number'>Dimension</th>"
        "<th class='number'>Tokens</th><th class='number'>On disk</th><th>Licence</th><th>Where</th></tr>"
    )
    table = f'<table class="facts catalogue"><thead>{head}</thead><tbody>{rows}</tbody></table>'
    # On a narrow page it scrolls, for the keyboard too.
    return f'<div class="scroll" tabindex="0" role="region" aria-label="The catalogue of base models">{table}</div>'


def about_model(base_model: str) -> str:
    """Say what a model of the catalogue is good for and what stands before its texts; nothing of any other."""
    spec = BASE_MODELS.get(base_model)
    if spec is None:
        return ""
    prompts = "; ".join(f"{role} “{text}”" for role, text in spec.prompts.items())
    before = f" · prompts: {prompts}" if prompts else ""
    facts = f"{KIND_WORDS[spec.kind]} · {spec.dimension} dimensions · {spec.size_mb} MB · {spec.licence} · {spec.source}{before}"
    return f'<div class="about"><p>{escape(spec.good_for)} <span class="facts-line">{escape(facts)}</span></p></div>'
