"""The Loss tab: what pulls and what pushes, which losses fit the rows at hand, and what the loss sees."""

from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from core.config import TRAINING_KINDS, RunConfig
from core.loss_entries import MATRYOSHKA
from core.loss_pictures import loss_picture, picture_caption
from core.loss_spec import LossSpec
from core.losses import LOSSES, loss_spec, losses_for, why_not
from ui.drawn import build_drawn, figure_place
from ui.html import hint
from ui.job_view import build_job_view
from ui.model_tab import model_choices
from ui.run_form import PARAMETERS
from ui.studio import Studio

PARAMETER_LABELS = {
    "scale": "Scale",
    "margin": "Margin",
    "mini_batch_size": "Piece",
    "temperature": "Temperature",
    "triplet_margin": "Margin",
    "masked_share": "Hidden share",
}
PICTURE_HEIGHT = 260


@dataclass(frozen=True)
class LossTab:
    """The tab's components; `settings` maps a setting's name to its widget."""

    loss: gr.Radio
    settings: dict[str, Any]
    what: gr.HTML
    others: gr.HTML
    look: gr.Button
    looked: gr.HTML


def build_loss_tab(studio: Studio) -> LossTab:
    """Lay out the tab."""
    gr.HTML(hint("A loss says what a good space is: which texts it pulls together, and which it pushes apart."))
    loss = gr.Radio(
        [(spec.title, spec.id) for spec in LOSSES.values()], label="Loss", info="Those that fit the rows and the model"
    )
    what = build_drawn("loss-card")
    settings: dict[str, Any] = {}
    with gr.Row():
        for name in PARAMETERS:
            settings[f"loss_params.{name}"] = gr.Number(label=PARAMETER_LABELS[name], min_width=150, visible=False)
        settings["teacher"] = gr.Dropdown(
            model_choices(studio, TRAINING_KINDS), label="Teacher", allow_custom_value=True, visible=False, min_width=240, scale=2
        )
    others = gr.HTML(elem_id="other-losses")
    look = gr.Button("Show what the loss sees in a real batch", size="sm")
    looked = build_job_view(studio, "looked-view")
    return LossTab(loss, settings, what, others, look, looked)


def describe_loss(config: RunConfig) -> str:
    """Return what a loss does, its formula, where it is from, and its picture; what goes around it as well."""
    spec = loss_spec(config.loss)
    around = _card(MATRYOSHKA, dict(config.loss_params)) if config.matryoshka else ""
    return _card(spec, dict(config.loss_params)) + around


def _card(spec: LossSpec, parameters: dict[str, float]) -> str:
    rows = {"What it does": spec.what_it_does, "When to use it": spec.when, "Needs": needs(spec), "Paper": spec.paper}
    lines = "".join(f"<tr><th>{name}</th><td>{escape(text)}</td></tr>" for name, text in rows.items() if text)
    formula = f"<tr><th>Formula</th><td><code>{escape(spec.formula)}</code></td></tr>"
    text = f'<div><h3>{escape(spec.title)}</h3><table class="facts">{lines}{formula}</table></div>'
    figure = loss_picture(spec.id, parameters)
    if figure is None:
        return f'<div class="card">{text}</div>'
    caption = picture_caption(spec.id)
    place = figure_place(figure, PICTURE_HEIGHT, caption)
    return f'<div class="card beside">{text}<figure>{place}<figcaption>{escape(caption)}</figcaption></figure></div>'


def needs(spec: LossSpec) -> str:
    """Say which examples a loss takes, and what else."""
    teacher = {"model": ", and a model that teaches", "cross-encoder": ", and a cross-encoder that teaches"}
    return " or ".join(spec.shapes) + teacher.get(spec.teacher, "")


def fitting_losses(row_kind: str | None, static: bool) -> list[tuple[str, str]]:
    """Return the choices of the radio: the losses that can be trained on these rows and this model."""
    specs = LOSSES.values() if row_kind is None else losses_for(row_kind, static)
    return [(spec.title, spec.id) for spec in specs]


def other_losses(row_kind: str | None, static: bool) -> str:
    """Return the losses that do not fit, each with the reason and the way to it."""
    reasons = {spec.title: why_not(spec, row_kind, static) for spec in LOSSES.values()} if row_kind else {}
    rows = "".join(f"<tr><td><b>{escape(title)}</b></td><td>{escape(why)}</td></tr>" for title, why in reasons.items() if why)
    if not rows:
        return ""
    count = sum(map(bool, reasons.values()))
    return (
        f'<details class="part"><summary>{count} losses do not fit, and why</summary>'
        f'<div class="scroll"><table class="facts"><tbody>{rows}</tbody></table></div></details>'
    )


def parameter_widgets(config: RunConfig, shown: dict[str, Any]) -> dict[str, Any]:
    """Return updates for the loss's own numbers: those that it has, with their ranges."""
    spec = loss_spec(config.loss)
    known = {parameter.name: parameter for parameter in spec.parameters}
    updates: dict[str, Any] = {}
    for name in PARAMETERS:
        key, parameter = f"loss_params.{name}", known.get(name)
        if parameter is None:
            updates[key] = gr.update(value=None, visible=False)
            continue
        info = f"{parameter.meaning}; from {parameter.low:g} to {parameter.high:g}"
        updates[key] = gr.update(value=shown[key], visible=True, info=info, precision=0 if parameter.whole else None)
    who = {"model": "The model that it learns from", "cross-encoder": "run:<id> of a cross-encoder, or its folder"}
    updates["teacher"] = gr.update(value=shown["teacher"], visible=bool(spec.teacher), info=who.get(spec.teacher))
    return updates
