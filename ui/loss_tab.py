"""The Loss tab: what pulls and what pushes."""

from dataclasses import dataclass
from html import escape

import gradio as gr

from core.config import RunConfig
from core.losses import LOSSES, loss_spec
from ui.html import hint


@dataclass(frozen=True)
class LossTab:
    """The tab's components."""

    loss: gr.Radio
    scale: gr.Number
    what: gr.HTML


def build_loss_tab() -> LossTab:
    """Lay out the tab."""
    gr.HTML(hint("A loss says what a good space is: which texts it pulls together, and which it pushes apart."))
    loss = gr.Radio([(spec.title, spec.id) for spec in LOSSES.values()], label="Loss")
    what = gr.HTML()
    scale = gr.Number(label="Scale", info="1 / temperature, from 0.1 to 200: higher is sharper")
    return LossTab(loss, scale, what)


def describe_loss(config: RunConfig) -> str:
    """Return what a loss does, its formula, and where it is from."""
    spec = loss_spec(config.loss)
    rows = {
        "What it does": spec.what_it_does,
        "When to use it": spec.when,
        "Needs": " or ".join(spec.shapes),
        "Paper": spec.paper,
    }
    lines = "".join(f"<tr><th>{name}</th><td>{escape(text)}</td></tr>" for name, text in rows.items())
    formula = f"<tr><th>Formula</th><td><code>{escape(spec.formula)}</code></td></tr>"
    return f'<div class="card"><h3>{escape(spec.title)}</h3><table class="facts">{lines}{formula}</table></div>'
