"""The Explore tab: which texts are shown, which runs beside them, and the explorer."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from ui.explorer import MOST_BESIDE, build_explorer
from ui.html import hint
from ui.studio import Studio

PROBES = ""
THE_PROBES = ("The run's probe texts: the film", PROBES)
ABOUT = (
    "Each point is a text; near on the map is mostly near in meaning, as the model sees it. Play the film to watch training move "
    "them. Texts of your own that were made ready under Evaluate, Ask it, can be walked through as well."
)


@dataclass(frozen=True)
class ExploreTab:
    """The tab's components; the map's value is `{"run": id, "beside": [ids], "index": folder's name}`."""

    texts: gr.Dropdown
    beside: gr.Dropdown
    map: gr.HTML


def build_explore_tab(studio: Studio) -> ExploreTab:
    """Lay out the tab."""
    gr.HTML(hint(ABOUT))
    with gr.Row():
        texts = gr.Dropdown(
            [THE_PROBES], value=PROBES, label="Texts", elem_id="map-texts", allow_custom_value=True,
            info="The probes are watched all through training; other texts before and after it",
        )  # fmt: skip
        beside = gr.Dropdown(
            [], value=[], label="Beside it", multiselect=True, max_choices=MOST_BESIDE, elem_id="map-beside",
            info="Up to three other runs that watched the same texts: a race on one slider",
        )  # fmt: skip
    return ExploreTab(texts, beside, build_explorer(studio))


def map_value(run: str | None, texts: str | None, beside: list[str] | None, seen: str = "") -> dict[str, Any]:
    """Return the map's value; only probes of several runs can be laid side by side."""
    others = [name for name in beside or [] if name != run] if not texts else []
    return {"run": run, "index": texts or None, "beside": others, "seen": seen}
