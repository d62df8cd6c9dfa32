"""Pictures of what a loss pulls and pushes: every arrow is minus the gradient of the loss's own formula."""

from collections.abc import Callable, Mapping, Sequence
from math import atan2, cos, sin
from typing import Any

import numpy as np

from core.loss_formulas import Floats
from core.loss_scene_texts import Text
from core.loss_scenes import SCENES, Scene

COLOURS = ("#6366f1", "#0d9488", "#ef4444", "#f59e0b")
PART_COLOURS = ("#f59e0b", "#8b5cf6")
QUIET = "rgba(128,128,128,0.35)"
LINE = "rgba(128,128,128,0.75)"
LONGEST_ARROW = 0.5
SHORTEST_SHARE = 0.1
STEP = 1e-6
NO_GRADIENT = 1e-6
LABEL_PIXELS = 9


def loss_picture(loss_id: str, parameters: Mapping[str, float] | None = None) -> dict[str, Any] | None:
    """Draw a few texts in the plane and where the loss moves each, as a plotly figure of `data` and `layout`.

    Args:
        loss_id: a loss of the catalogue, or "matryoshka".
        parameters: the loss's own, such as scale or margin; those left out stand at their defaults.

    Returns:
        The figure, of plain lists and numbers; None for a loss that has no picture.
    """
    if loss_id not in SCENES:
        return None
    scene, given = SCENES[loss_id], dict(parameters or {})
    places = scene_places(scene)
    pulls = [pulls_of(scene, part, places, given) for part in scene.parts.values()]
    longest = max(float(np.linalg.norm(pull[:, :2], axis=1).max()) for pull in pulls)
    shown = [pull[:, :2] * (LONGEST_ARROW / longest) if longest > NO_GRADIENT else 0 * pull[:, :2] for pull in pulls]
    notes = [*_labels(scene), *_link_labels(scene, places), *_arrows(scene, places, shown), _value(scene.loss(places, **given))]
    return {"data": [*_lines(scene, places), *_points(scene), *_part_legend(scene)], "layout": _layout(notes)}


def picture_caption(loss_id: str) -> str:
    """Return one sentence on how to read a loss's picture; nothing for a loss that has none."""
    return SCENES[loss_id].caption if loss_id in SCENES else ""


def scene_places(scene: Scene) -> Floats:
    """Return the embeddings of a scene, (texts, dim)."""
    return np.array([text.place for text in scene.texts])


def pulls_of(scene: Scene, part: Callable[..., float], places: Floats, parameters: Mapping[str, float]) -> Floats:
    """Return minus the gradient of a part of the loss for each text, (texts, dim), by central differences; 0 for a fixed one."""
    pulls = np.zeros_like(places)
    for index in np.ndindex(places.shape):
        step = np.zeros_like(places)
        step[index] = STEP
        pulls[index] = (part(places - step, **parameters) - part(places + step, **parameters)) / (2 * STEP)
    pulls[[text.fixed for text in scene.texts]] = 0
    return pulls


def _lines(scene: Scene, places: Floats) -> list[dict[str, Any]]:
    """Draw what belongs together as lines, and what belongs apart as dots; None lifts the pen between two links."""
    traces = []
    for apart, style in ((True, {"dash": "dot", "width": 1, "color": QUIET}), (False, {"width": 1.3, "color": LINE})):
        ends = [(link.first, link.second) for link in scene.links if link.apart == apart]
        x, y = (
            [value for one, two in ends for value in (_at(places, one, axis), _at(places, two, axis), None)] for axis in (0, 1)
        )
        traces.append(
            {"type": "scatter", "mode": "lines", "x": x, "y": y, "line": style, "hoverinfo": "skip", "showlegend": False}
        )
    return traces


def _points(scene: Scene) -> list[dict[str, Any]]:
    """Draw the texts, one trace a group."""
    traces = []
    for number, group in enumerate(dict.fromkeys(text.group for text in scene.texts)):
        members = [text for text in scene.texts if text.group == group]
        colour, symbol = COLOURS[number], "circle-open" if members[0].hollow else "circle"
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": group,
                "x": [text.place[0] for text in members],
                "y": [text.place[1] for text in members],
                "text": [text.text for text in members],
                "marker": {"size": 8, "color": colour, "symbol": symbol, "line": {"width": 1.6, "color": colour}},
                "hovertemplate": "%{text}<extra></extra>",
            }
        )
    return traces


def _part_legend(scene: Scene) -> list[dict[str, Any]]:
    if len(scene.parts) == 1:
        return []
    return [
        {"type": "scatter", "mode": "lines", "name": name, "x": [None], "y": [None], "line": {"width": 2, "color": colour}}
        for name, colour in zip(scene.parts, PART_COLOURS, strict=False)
    ]


def _arrows(scene: Scene, places: Floats, shown: Sequence[Floats]) -> list[dict[str, Any]]:
    """Draw the arrows that are long enough to have a direction, in the colour of the text's group, or of the loss's part."""
    groups = list(dict.fromkeys(text.group for text in scene.texts))
    arrows = []
    for part, pulls in enumerate(shown):
        for row, (text, pull) in enumerate(zip(scene.texts, pulls, strict=True)):
            if np.linalg.norm(pull) < SHORTEST_SHARE * LONGEST_ARROW:
                continue
            colour = COLOURS[groups.index(text.group)] if len(shown) == 1 else PART_COLOURS[part]
            tail, head = places[row, :2], places[row, :2] + pull
            arrows.append(_arrow(tail, head, colour) | {"name": str(row)})
    return arrows


def _arrow(tail: Floats, head: Floats, colour: str) -> dict[str, Any]:
    ends = {"ax": float(tail[0]), "ay": float(tail[1]), "x": float(head[0]), "y": float(head[1])}
    axes = {"xref": "x", "yref": "y", "axref": "x", "ayref": "y"}
    return (
        ends | axes | {"text": "", "showarrow": True, "arrowhead": 2, "arrowsize": 0.85, "arrowwidth": 1.8, "arrowcolor": colour}
    )


def _labels(scene: Scene) -> list[dict[str, Any]]:
    """Write each text's label on its outer side, away from the arrows, which mostly run along the circle."""
    return [_label(text) for text in scene.texts if text.label]


def _label(text: Text) -> dict[str, Any]:
    x, y = text.place[:2]
    angle = atan2(y, x)
    across, up = cos(angle), sin(angle)
    return {
        "x": x,
        "y": y,
        "text": text.label,
        "showarrow": False,
        "xshift": LABEL_PIXELS * across,
        "yshift": LABEL_PIXELS * up,
        "xanchor": "center" if abs(across) < 0.3 else "left" if across > 0 else "right",
        "yanchor": "middle" if abs(up) < 0.75 else "bottom" if up > 0 else "top",
    }


def _link_labels(scene: Scene, places: Floats) -> list[dict[str, Any]]:
    return [
        {
            "x": (_at(places, link.first, 0) + _at(places, link.second, 0)) / 2.6,
            "y": (_at(places, link.first, 1) + _at(places, link.second, 1)) / 2.6,
            "text": link.label,
            "showarrow": False,
        }
        for link in scene.links
        if link.label
    ]


def _value(loss: float) -> dict[str, Any]:
    corner = {"x": 0, "y": 0, "xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "bottom"}
    return corner | {"text": f"loss {loss:.2g}", "showarrow": False, "opacity": 0.75}


def _layout(notes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    axis = {"showgrid": False, "zeroline": False, "showticklabels": False, "showline": False, "fixedrange": True}
    circle = {"type": "circle", "x0": -1, "x1": 1, "y0": -1, "y1": 1, "layer": "below", "line": {"color": QUIET, "width": 1}}
    return {
        "height": 250,
        "margin": {"l": 6, "r": 6, "t": 6, "b": 6},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "xaxis": axis | {"range": [-1.3, 1.3], "scaleanchor": "y"},
        "yaxis": axis | {"range": [-1.3, 1.3]},
        "shapes": [circle],
        "annotations": list(notes),
        "legend": {"orientation": "h", "x": 0.5, "xanchor": "center", "y": -0.02, "yanchor": "top"},
    }


def _at(places: Floats, row: int, axis: int) -> float:
    return float(places[row, axis])
