"""Scored pairs as plotly figures of plain lists: gold against predicted, and cosines by gold band, before and after."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from core.pair_errors import BANDS, gold_bands, places_off, worst_pairs

# Grey to red shows on a light page and on a dark one, and says which points are worth a click.
ERROR_SCALE = ((0.0, "#94a3b8"), (0.35, "#818cf8"), (0.65, "#f59e0b"), (1.0, "#dc2626"))
FARTHEST_SHOWN = 0.6
GRID, BEFORE_COLOUR, AFTER_COLOUR = "rgba(128,128,128,0.22)", "#94a3b8", "#6366f1"
MOST_POINTS, BIN_WIDTH = 4_000, 0.05
Cosines = Mapping[str, Sequence[float]]


def scatter_figure(gold: Sequence[float], sides: Cosines, top: float) -> dict[str, Any]:
    """Draw gold against cosine, a panel a side on the same axes, coloured by how far off each pair's place is.

    Args:
        gold: (pairs,), 0..1.
        sides: the cosines by the panel's title, each (pairs,); one or two.
        top: the end of the scale that the gold scores are shown on, 5 for STSB.

    A point's `customdata` is its pair's row. Of more than 4,000 pairs a seeded part is drawn, and the worst of all.
    """
    data, layout = [], _two_panels(list(sides), {"title": {"text": f"gold score, 0 to {top:g}", "standoff": 6}})
    low = min(0.0, *(min(cosines) for cosines in sides.values()))
    for number, cosines in enumerate(sides.values()):
        off = places_off(gold, cosines)
        rows = _drawn_rows(off)
        data.append(
            {
                "type": "scattergl",
                "mode": "markers",
                "xaxis": f"x{number + 1 if number else ''}",
                "yaxis": f"y{number + 1 if number else ''}",
                "x": [round(gold[row] * top, 3) for row in rows],
                "y": [round(cosines[row], 4) for row in rows],
                "customdata": rows,
                "marker": {
                    "size": 6,
                    "opacity": 0.75,
                    "color": [round(abs(float(off[row])), 3) for row in rows],
                    "coloraxis": "coloraxis",
                },
                # Rounded here, as in the line below it: the browser would round what was rounded for drawing.
                "text": [_hover(gold[row] * top, cosines[row], float(off[row])) for row in rows],
                "hovertemplate": "%{text}<extra></extra>",
            }
        )
    for name in [key for key in layout if key.startswith("yaxis")]:
        layout[name] |= {"range": [low - 0.04, 1.04], "title": {"text": "cosine" if name == "yaxis" else "", "standoff": 4}}
    for name in [key for key in layout if key.startswith("xaxis")]:
        layout[name] |= {"range": [-0.04 * top, 1.04 * top]}
    bar = {"title": {"text": "places off", "side": "right"}, "thickness": 10, "outlinewidth": 0, "tickformat": ".0%"}
    scale = [list(step) for step in ERROR_SCALE]
    layout["coloraxis"] = {"colorscale": scale, "cmin": 0, "cmax": FARTHEST_SHOWN, "colorbar": bar}
    return {"data": data, "layout": layout}


def _hover(gold: float, cosine: float, off: float) -> str:
    return f"gold {gold:.2f}, cosine {cosine:.2f}<br>{round(100 * abs(off))} % of all places off"


def _drawn_rows(off: np.ndarray) -> list[int]:
    if len(off) <= MOST_POINTS:
        return list(range(len(off)))
    some = np.random.default_rng(0).permutation(len(off))[:MOST_POINTS]
    return sorted({*some.tolist(), *worst_pairs(off)})


def _two_panels(titles: Sequence[str], x_axis: Mapping[str, Any]) -> dict[str, Any]:
    """Lay out one or two panels that share their scale, each under its title."""
    layout: dict[str, Any] = {
        "showlegend": False,
        "hovermode": "closest",
        # A label takes its point's colour, on which no one colour of letters can be read.
        "hoverlabel": {"bgcolor": "#1e293b", "bordercolor": "#475569", "font": {"color": "#f8fafc"}},
        "margin": {"l": 48, "r": 12, "t": 30, "b": 44},
        "annotations": [],
    }
    width = (1 - 0.05 * (len(titles) - 1)) / len(titles)
    for number, title in enumerate(titles):
        suffix, left = str(number + 1) if number else "", number * (width + 0.05)
        shared = {"matches": "y"} if number else {}
        layout[f"xaxis{suffix}"] = {"domain": [left, left + width], "anchor": f"y{suffix}", "gridcolor": GRID, **x_axis}
        layout[f"xaxis{suffix}"] |= {"matches": "x", "zeroline": False} if number else {}
        layout[f"yaxis{suffix}"] = {"anchor": f"x{suffix}", "gridcolor": GRID, "zeroline": False, **shared}
        layout["annotations"].append(
            {
                "text": f"<b>{title}</b>",
                "x": left,
                "y": 1.0,
                "xref": "paper",
                "yref": "paper",
                "xanchor": "left",
                "yanchor": "bottom",
            }
            | {"showarrow": False, "yshift": 6, "font": {"size": 12.5}}
        )
    return layout


def band_names(top: float) -> list[str]:
    """Return the names of the gold bands from the lowest: "0 to 1" ... on a scale of 5, "0 to .2" ... on one of 1."""
    step = top / BANDS
    return [f"{_short(place * step)} to {_short((place + 1) * step)}" for place in range(BANDS)]


def _short(number: float) -> str:
    return f"{round(number, 2):g}".replace("0.", ".") if number else "0"


def band_figure(gold: Sequence[float], sides: Cosines, top: float) -> dict[str, Any]:
    """Draw the histogram of cosines of each gold band, the highest band on top, the sides over each other in a band.

    Args:
        gold: (pairs,), 0..1.
        sides: the cosines by their name in the legend, each (pairs,); one or two, the trained model's last.
        top: the end of the scale that the bands are named on.
    """
    bands, names = gold_bands(gold), band_names(top)
    filled = [band for band in range(BANDS) if (bands == band).any()]
    edges = _edges(sides)
    data: list[dict[str, Any]] = []
    layout: dict[str, Any] = {
        "barmode": "overlay",
        "bargap": 0.06,
        "hoverlabel": {"bgcolor": "#1e293b", "bordercolor": "#475569", "font": {"color": "#f8fafc"}},
        "margin": {"l": 124, "r": 12, "t": 8, "b": 44},
        "legend": {"orientation": "h", "y": 1.0, "yanchor": "bottom"},
        "xaxis": {"range": [edges[0], edges[-1]], "anchor": "y", "title": {"text": "cosine", "standoff": 6}, "gridcolor": GRID},
        "annotations": [],
    }
    height = 1 / len(filled)
    for place, band in enumerate(filled):
        suffix, members = str(place + 1) if place else "", np.flatnonzero(bands == band)
        layout[f"yaxis{suffix}"] = {"domain": [place * height, (place + 0.86) * height], "showticklabels": False}
        layout[f"yaxis{suffix}"] |= {"showgrid": False, "zeroline": False, "rangemode": "tozero", "fixedrange": True}
        medians = []
        for number, (name, cosines) in enumerate(sides.items()):
            values = np.asarray(cosines, float)[members]
            shares = np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0] / len(members)
            is_last = number == len(sides) - 1
            data.append(
                {
                    "type": "bar",
                    "name": name,
                    "legendgroup": name,
                    "showlegend": place == 0,
                    "x": [round(float(edge) + BIN_WIDTH / 2, 3) for edge in edges[:-1]],
                    "y": [round(float(share), 4) for share in shares],
                    "yaxis": f"y{suffix}",
                    "marker": {"color": AFTER_COLOUR if is_last else BEFORE_COLOUR},
                    "opacity": 0.72 if is_last else 0.8,
                    "hovertemplate": f"{name}, gold {names[band]}<br>cosine about %{{x:.2f}}: %{{y:.0%}} of them<extra></extra>",
                }
            )
            medians.append(f"{np.median(values):.2f}")
        layout["annotations"].append(_band_label(names[band], len(members), medians, (place + 0.43) * height))
    return {"data": data, "layout": layout}


def _edges(sides: Cosines) -> np.ndarray:
    """Return the bins' edges: from 0, or from below the least cosine, to 1."""
    least = min(min(cosines) for cosines in sides.values())
    first = min(0.0, np.floor(least / BIN_WIDTH) * BIN_WIDTH)
    edges: np.ndarray = np.round(np.arange(first, 1 + BIN_WIDTH / 2, BIN_WIDTH), 6)
    return edges


def _band_label(name: str, count: int, medians: Sequence[str], height: float) -> dict[str, Any]:
    text = f"<b>gold {name}</b><br>{count:,} pairs<br>median {' → '.join(medians)}"
    place = {"xref": "paper", "yref": "paper", "x": 0, "y": height, "xanchor": "right", "yanchor": "middle", "xshift": -6}
    return {"text": text, "showarrow": False, "align": "right", "font": {"size": 10.5}, **place}
