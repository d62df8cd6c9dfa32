"""A piece of HTML with plotly figures in it: whoever writes it puts each figure's JSON beside its place."""

import json
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
import plotly.graph_objects as go

from ui.live import HEAD

FIGURES_SCRIPT = (Path(__file__).parent / "figures.js").read_text(encoding="utf-8")
SCRIPT = FIGURES_SCRIPT + (Path(__file__).parent / "drawn.js").read_text(encoding="utf-8")


def build_drawn(elem_id: str) -> gr.HTML:
    """Lay out a place for HTML with figures; its event `choose` tells the settings of a pressed button."""
    return gr.HTML(
        value="",
        html_template='<div class="drawn"></div>',
        js_on_load=SCRIPT,
        head=HEAD,
        apply_default_css=False,
        elem_id=elem_id,
    )


def figure_place(figure: go.Figure | Mapping[str, Any], height: int, label: str) -> str:
    """Return the place of a figure, for whoever sees it and whoever has it read out."""
    told = escape(figure.to_json() if isinstance(figure, go.Figure) else json.dumps(figure), quote=True)
    return f'<div role="img" aria-label="{escape(label, quote=True)}" style="height:{height}px" data-figure="{told}"></div>'
