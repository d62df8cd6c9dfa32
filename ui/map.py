"""The map: a `gr.HTML` whose script asks for one run's figure."""

import json
from pathlib import Path
from typing import Any

import gradio as gr

from core.figures import map_figure
from core.files import read_json
from ui.live import HEAD
from ui.studio import Studio, bound

GROUPINGS = ("topic", "part")
SCRIPT = (Path(__file__).parent / "map.js").read_text(encoding="utf-8")
TEMPLATE = '<div class="says hint"></div><div class="map-plot" hidden></div>'


def build_map(studio: Studio) -> gr.HTML:
    """Lay out the map; its value is `{"run": id, "colour_by": grouping}`."""
    return gr.HTML(
        value={},
        html_template=TEMPLATE,
        js_on_load=SCRIPT,
        head=HEAD,
        server_functions=[bound(map_of_run, studio)],
        apply_default_css=False,
        elem_id="map",
    )


def map_of_run(studio: Studio, asked: list[Any]) -> dict[str, Any]:
    """Answer the map's script: [run id, grouping] -> the figure as one JSON string, or why there is none yet."""
    name, colour_by = str(asked[0] or ""), str(asked[1])
    if not name:
        return {"says": "No run yet. Start one on the Train tab: its texts appear here, before and after."}
    run = studio.run(name)
    status = run.status() if run else None
    if run is None or status is None:
        return {"says": "This run was deleted; choose another one above."}
    places = read_json(run.path / "snapshots" / "pca.json")
    if places is None:
        return {"says": _why_no_map(status.is_final, run.config().snapshots)}
    colour_by = colour_by if colour_by in GROUPINGS else GROUPINGS[0]
    share = 100 * sum(places["explained"])
    says = (
        f"{len(places['texts'])} sentences of the sample, before and after {places['last_step']} steps, on the two main axes "
        f"of the trained space, which hold {share:.0f} % of its variance. Hover to read; click a name to hide it."
    )
    return {"says": says, "figure": json.dumps(map_figure(places, colour_by).to_plotly_json(), default=list)}


def _why_no_map(is_final: bool, snapshots: bool) -> str:
    if not snapshots:
        return "This run kept no snapshots. Switch them on under More settings and start again."
    if is_final:
        return "This run ended before there was a trained model to draw."
    return "The map is drawn when the run has ended."
