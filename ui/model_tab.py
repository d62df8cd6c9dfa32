"""The Model tab: what training starts from."""

from dataclasses import dataclass
from html import escape

import gradio as gr

from core.base_models import BASE_MODELS
from core.runs import list_runs
from ui.html import hint
from ui.studio import Studio


@dataclass(frozen=True)
class ModelTab:
    """The tab's components."""

    base_model: gr.Dropdown
    max_seq_length: gr.Number


def build_model_tab(studio: Studio) -> ModelTab:
    """Lay out the tab."""
    gr.HTML(
        hint("A base model turns a text into a vector. Training moves those vectors, so that what belongs together lies close.")
    )
    with gr.Row():
        base_model = gr.Dropdown(
            model_choices(studio),
            label="Base model",
            info="One of the catalogue, a run of yours that has finished, or a folder",
            allow_custom_value=True,
            scale=3,
        )
        max_seq_length = gr.Number(
            label="Maximum length", info="Tokens a text; empty: the model's own", precision=0, minimum=4, scale=1
        )
    gr.HTML(catalogue_table())
    return ModelTab(base_model, max_seq_length)


def model_choices(studio: Studio) -> list[tuple[str, str]]:
    """Return the catalogue, then the finished runs, newest first."""
    catalogue = [
        (f"{spec.title} ({spec.kind}, {spec.parameters / 1e6:.1f} M parameters)", spec.id) for spec in BASE_MODELS.values()
    ]
    runs = [(f"Your run {run.id}", f"run:{run.id}") for run, status in list_runs(studio.runs_dir) if status.has_model]
    return catalogue + runs


def catalogue_table() -> str:
    """Return what is known of each model in the catalogue."""
    rows = "".join(
        f"<tr><td><b>{escape(spec.title)}</b> <code>{spec.id}</code><br>{escape(spec.good_for)}</td><td>{spec.kind}</td>"
        f'<td class="number">{spec.parameters / 1e6:.1f} M</td><td class="number">{spec.dimension}</td>'
        f'<td class="number">{spec.max_seq_length}</td><td class="number">{spec.size_mb} MB</td>'
        f"<td>{escape(spec.licence)}</td></tr>"
        for spec in BASE_MODELS.values()
    )
    head = (
        "<tr><th>Model</th><th>Kind</th><th class='number'>Parameters</th><th class='number'>Dimension</th>"
        "<th class='number'>Tokens</th><th class='number'>On disk</th><th>Licence</th></tr>"
    )
    return f'<div class="scroll"><table class="facts"><thead>{head}</thead><tbody>{rows}</tbody></table></div>'
