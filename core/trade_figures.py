"""What is traded against quality, as plotly figures of plain lists: bytes a text, and texts a second."""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from core.bytes_choice import BINARY, FLOAT32, INT8, PRECISIONS
from core.figures import PALETTE

COLOURS: Mapping[str, str] = MappingProxyType({FLOAT32: "#6366f1", INT8: "#0d9488", BINARY: "#f59e0b"})
SYMBOLS: Mapping[str, str] = MappingProxyType({FLOAT32: "circle", INT8: "diamond", BINARY: "square"})
# The last model is the one that the card is about; others stand behind it.
DASHES = ("solid", "dot", "dash")
LABEL_CHARACTERS = 32


def bytes_figure(models: Sequence[Mapping[str, Any]], heads: Sequence[str]) -> dict[str, Any]:
    """Draw Spearman against bytes a text, a line for each model and precision; sizes that were not trained for are hollow.

    Args:
        models: each with `rows` of `core.fewer_bytes`; the last one's lines are solid.
        heads: what each model is called in the legend.
    """
    data = []
    for place, model in enumerate(models):
        behind = len(models) - 1 - place
        for precision in PRECISIONS:
            rows = sorted((row for row in model["rows"] if row["precision"] == precision), key=lambda row: row["bytes"])
            rows = [row for row in rows if row["spearman"] is not None]
            if rows:
                data.append(_bytes_line(rows, precision, heads[place], DASHES[min(behind, len(DASHES) - 1)]))
    sizes = sorted({row["bytes"] for model in models for row in model["rows"]})
    layout = {
        "xaxis": {"type": "log", "title": {"text": "bytes a text", "standoff": 6}} | byte_ticks(sizes),
        "yaxis": {"title": {"text": "Spearman", "standoff": 8}, "automargin": True, "tickformat": ".2f"},
        "margin": {"l": 56, "r": 12, "t": 8, "b": 44},
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    }
    return {"data": data, "layout": layout}


def _bytes_line(rows: Sequence[Mapping[str, Any]], precision: str, head: str, dash: str) -> dict[str, Any]:
    symbol = SYMBOLS[precision]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": f"{head}, {precision}",
        "x": [row["bytes"] for row in rows],
        "y": [row["spearman"] for row in rows],
        "text": [f"{row['dimensions']} dimensions{'' if row['trained'] else ', not trained for it'}" for row in rows],
        "line": {"color": COLOURS[precision], "width": 2.2 if dash == "solid" else 1.4, "dash": dash},
        "marker": {"symbol": [symbol if row["trained"] else f"{symbol}-open" for row in rows], "size": 9},
        "hovertemplate": f"{_plain(head)}, {precision}<br>%{{text}}<br>%{{x:,}} bytes: %{{y:.4f}}<extra></extra>",
    }


def byte_ticks(sizes: Sequence[int]) -> dict[str, Any]:
    """Return the ticks of an axis of bytes: powers of two that the sizes lie between, every other one of many."""
    if not sizes:
        return {}
    first, last = math.floor(math.log2(max(1, sizes[0]))), math.ceil(math.log2(sizes[-1]))
    powers = range(first, last + 1, 2 if last - first > 8 else 1)
    return {"tickvals": [2**power for power in powers], "ticktext": [f"{2**power:,}" for power in powers]}


def compare_figure(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Draw Spearman against texts a second, a named point for each model; None where fewer than two have both figures."""
    known = [row for row in rows if row.get("spearman") is not None and row.get("speed")]
    if len(known) < 2:
        return None
    names = [_plain(short_label(row["label"])) for row in known]
    data = [
        {
            "type": "scatter",
            "mode": "markers+text",
            "x": [row["speed"] for row in known],
            "y": [row["spearman"] for row in known],
            "text": names,
            "textposition": label_sides([(row["speed"], row["spearman"]) for row in known]),
            "cliponaxis": False,
            "customdata": [_plain(row["label"]) for row in known],
            "marker": {"size": 11, "color": [PALETTE[place % len(PALETTE)] for place in range(len(known))]},
            "hovertemplate": "%{customdata}<br>%{x:,.0f} texts a second, Spearman %{y:.4f}<extra></extra>",
        }
    ]
    layout = {
        "xaxis": {"type": "log", "title": {"text": "texts a second", "standoff": 6}} | speed_ticks(known),
        "yaxis": {"title": {"text": "Spearman", "standoff": 8}, "automargin": True} | _room([row["spearman"] for row in known]),
        "margin": {"l": 56, "r": 16, "t": 12, "b": 44},
        "showlegend": False,
    }
    return {"data": data, "layout": layout}


def speed_ticks(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a logarithmic axis of 1, 2 and 5 times powers of ten, with half a decade of room for names on either side."""
    low, high = (math.log10(each(row["speed"] for row in rows)) for each in (min, max))
    reach = [low - 0.35, high + 0.35]
    steps = (1, 2, 5) if reach[1] - reach[0] < 2.5 else (1,)
    ticks = [step * 10**power for power in range(math.floor(reach[0]), math.ceil(reach[1]) + 1) for step in steps]
    return {"range": reach, "tickvals": ticks, "ticktext": [f"{tick:,g}" for tick in ticks]}


def _room(values: Sequence[float]) -> dict[str, Any]:
    """Return a range with room for names above and below."""
    low, high = min(values), max(values)
    margin = max(0.18 * (high - low), 0.004)
    return {"range": [low - margin, high + margin]}


def label_sides(points: Sequence[tuple[float, float]]) -> list[str]:
    """Return where each point's name stands: on the side that its nearest neighbour is not on.

    Args:
        points: texts a second, above 0, and Spearman.
    """
    wide = max(math.log10(x) for x, _ in points) - min(math.log10(x) for x, _ in points) or 1.0
    high = max(y for _, y in points) - min(y for _, y in points) or 1.0
    placed = [(math.log10(x) / wide, y / high, turn) for turn, (x, y) in enumerate(points)]
    sides = []
    for mine in placed:
        # Of two at one height the later one counts as the higher.
        _, height, turn = min((each for each in placed if each is not mine), key=lambda each: math.dist(mine[:2], each[:2]))
        sides.append("top center" if (mine[1], mine[2]) > (height, turn) else "bottom center")
    return sides


def short_label(label: str) -> str:
    """Return a name that fits beside a point: a folder by the end of its path."""
    return label if len(label) <= LABEL_CHARACTERS else f"…{label[-LABEL_CHARACTERS + 1 :]}"


def _plain(text: str) -> str:
    """Return a text that plotly does not read as tags, nor as a place for a number."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("%{", "%&#123;")
