"""Who pushes whom: for an anchor of a batch, how hard each candidate pulls or pushes it, and the arrows that show it.

The gradient of softmax cross-entropy with respect to an anchor's cosines is scale × (p − 1) at its positive and scale × p at
every other candidate, p their softmax: what the positive pulls with is what all others together push with.
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.batch_view import SHOWN_CHARACTERS, short

MOST_ANCHORS, MOST_ARROWS = 12, 14
# Arrows as thick as their share: one trace a thickness.
THICKNESS = ((0.3, 9), (0.12, 6), (0.04, 3.5), (0.0, 1.4))
PULLS, PUSHES, HARD, RIGHT = "#0d9488", "#ef4444", "#f59e0b", "#8b5cf6"
KINDS: Mapping[str, tuple[str, str]] = {
    "positive": ("its positive: pulls", PULLS),
    "negative": ("another row's text: pushes", PUSHES),
    "hard-negative": ("its own hard negative: pushes", HARD),
    "false-negative": ("a right answer that pushes all the same", RIGHT),
}
Floats = NDArray[np.float64]


def pushes_of(
    texts: tuple[Sequence[str], Sequence[str]], cosines: Floats, softmax: Floats, right: NDArray[np.bool_]
) -> list[dict[str, Any]]:
    """Return for up to 12 anchors which candidates move them most, as JSON values.

    Args:
        texts: of the n anchors and the m candidates, the first n of which are the anchors' own positives.
        cosines: of anchors and candidates, (n, m).
        softmax: the candidates' shares by row, (n, m), 0..1.
        right: candidates that are right answers for an anchor besides its own, (n, m).

    `share` is a candidate's part of all pulling and pushing of its anchor, 0..1: they sum to 1 over all candidates.
    """
    anchors, candidates = texts
    rows = len(anchors)
    found = []
    for row in range(min(rows, MOST_ANCHORS)):
        force = softmax[row].copy()
        force[row] = 1 - force[row]
        whole = float(force.sum())
        order = np.argsort(-force, kind="stable")[:MOST_ARROWS].tolist()
        if row not in order:
            order[-1] = row
        arrows = [
            {
                "text": short(candidates[place]),
                "cosine": round(float(cosines[row, place]), 3),
                "share": round(float(force[place]) / whole, 4) if whole > 0 else 0.0,
                "kind": _kind(row, place, rows, bool(right[row, place])),
            }
            for place in order
        ]
        found.append({"anchor": short(anchors[row]), "arrows": arrows})
    return found


def _kind(row: int, place: int, rows: int, is_right: bool) -> str:
    if place == row:
        return "positive"
    if is_right:
        return "false-negative"
    return "hard-negative" if place % rows == row else "negative"


def pushes_figure(pushes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Draw an anchor in the middle, its candidates as far from it as 1 minus their cosine, arrows as thick as their share.

    A list chooses the anchor. The direction means nothing: the positive is at the top, the rest go round by share.
    """
    data: list[dict[str, Any]] = []
    buttons = []
    spans = []
    for push in pushes:
        traces = _traces(push)
        spans.append((len(data), len(data) + len(traces)))
        data += traces
    for number, (push, (start, end)) in enumerate(zip(pushes, spans, strict=True)):
        for trace in data[start:end]:
            trace["visible"] = number == 0
        label = push["anchor"] if len(push["anchor"]) <= SHOWN_CHARACTERS // 2 else f"{push['anchor'][: SHOWN_CHARACTERS // 2]}…"
        visible = [start <= place < end for place in range(len(data))]
        buttons.append({"label": f"{number + 1}  {label}", "method": "restyle", "args": ["visible", visible]})
    reach = max([0.3, *(1 - arrow["cosine"] for push in pushes for arrow in push["arrows"])]) * 1.12
    axis = {"range": [-reach, reach], "visible": False}
    menu = {"buttons": buttons, "x": 0, "xanchor": "left", "y": 1.12, "yanchor": "top", "bgcolor": "#e2e8f0"}
    return {
        "data": data,
        "layout": {
            "xaxis": axis,
            "yaxis": axis | {"scaleanchor": "x"},
            "margin": {"l": 10, "r": 10, "t": 50, "b": 10},
            "updatemenus": [menu | {"font": {"color": "#111"}}],
            "showlegend": False,
            "hovermode": "closest",
        },
    }


def _traces(push: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return an anchor's arrows by kind and thickness, and its candidates as points."""
    ordered = sorted(push["arrows"], key=lambda arrow: (arrow["kind"] != "positive", -arrow["share"]))
    turn = 2 * np.pi / max(1, len(ordered))
    ends = [
        ((1 - arrow["cosine"]) * float(np.sin(number * turn)), (1 - arrow["cosine"]) * float(np.cos(number * turn)))
        for number, arrow in enumerate(ordered)
    ]
    lines: dict[tuple[str, float], tuple[list[float | None], list[float | None]]] = {}
    for arrow, (x, y) in zip(ordered, ends, strict=True):
        width = next(width for least, width in THICKNESS if arrow["share"] >= least)
        xs, ys = lines.setdefault((arrow["kind"], width), ([], []))
        xs += [0.0, x, None]
        ys += [0.0, y, None]
    traces: list[dict[str, Any]] = [
        {"type": "scatter", "mode": "lines", "x": xs, "y": ys, "line": {"color": KINDS[kind][1], "width": width}}
        | {"hoverinfo": "skip"}
        for (kind, width), (xs, ys) in lines.items()
    ]
    said = [
        f"{escape(arrow['text'])}<br>{KINDS[arrow['kind']][0]}<br>"
        f"cosine {arrow['cosine']:.2f}, {100 * arrow['share']:.1f} % of what moves it"
        for arrow in ordered
    ]
    colours = [KINDS[arrow["kind"]][1] for arrow in ordered]
    points = {"x": [x for x, _ in ends], "y": [y for _, y in ends], "marker": {"size": 11, "color": colours}}
    traces.append({"type": "scatter", "mode": "markers", **points, "text": said, "hovertemplate": "%{text}<extra></extra>"})
    middle = {"x": [0], "y": [0], "marker": {"size": 16, "color": "#4f46e5"}, "text": [escape(push["anchor"])]}
    traces.append({"type": "scatter", "mode": "markers", **middle, "hovertemplate": "%{text}<extra></extra>"})
    return traces
