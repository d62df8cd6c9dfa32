"""What quick work found, as plotly figures of plain lists: cosines as heat maps, points, and the cost of comparing all texts."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

# Pale to dark: a dark cell is a large cosine on a light page and on a dark one, and marks with a white edge show on both.
SCALE = ((0.0, "#eef2ff"), (0.5, "#818cf8"), (1.0, "#312e81"))
MARKS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "positive": ("circle", "#f59e0b"),
        "hard-negative": ("diamond", "#14b8a6"),
        "struck-out": ("square", "#94a3b8"),
        "false-negative": ("x", "#ef4444"),
    }
)
BI_COLOUR, CROSS_COLOUR, LINE = "#0d9488", "#f59e0b", "rgba(128,128,128,0.8)"
MOST_NUMBERED, MOST_NAMED, NAME_CHARACTERS = 12, 16, 26
DURATIONS: Mapping[float, str] = MappingProxyType(
    {1e-3: "1 ms", 1.0: "1 s", 60.0: "1 minute", 3600.0: "1 hour", 86_400.0: "1 day", 31_557_600.0: "1 year"}
)


def matrix_figure(
    cosines: Sequence[Sequence[float | None]],
    texts: tuple[Sequence[str], Sequence[str]],
    marks: Sequence[Mapping[str, Any]] = (),
    shares: Sequence[float] | None = None,
    lowest: float | None = None,
) -> dict[str, Any]:
    """Draw cosines as a heat map, with marks on cells, or with its numbers where it has 12 columns at most.

    Args:
        cosines: (rows, columns); None is left blank.
        texts: of the rows and of the columns; they show under the pointer, and beside up to 16 rows.
        marks: each with a `kind` of `MARKS` and its `cells`, (row, column).
        shares: each row's share on its positive, 0..1, shown under the pointer.
        lowest: where the colours begin, so that two pictures compare; None is the smallest cosine, or 0.
    """
    rows, columns = (_numbered(each, len(texts[0])) for each in texts)
    known = [value for row in cosines for value in row if value is not None]
    data: list[dict[str, Any]] = [
        {
            "type": "heatmap",
            "x": columns,
            "y": rows,
            "z": [list(row) for row in cosines],
            "zmin": min([0.0, *known]) if lowest is None else lowest,
            "zmax": 1,
            "colorscale": [list(step) for step in SCALE],
            "colorbar": {"thickness": 10, "outlinewidth": 0, "title": {"text": "cosine", "side": "right"}},
            "xgap": 1,
            "ygap": 1,
            "hoverongaps": False,
            **({"customdata": [[share] * len(columns) for share in shares]} if shares else {}),
            "hovertemplate": "%{y}<br>%{x}<br>cosine %{z:.2f}"
            + ("<br>the row's share on its positive: %{customdata:.2f}" if shares else "")
            + "<extra></extra>",
            **({"texttemplate": "%{z:.2f}"} if not marks and len(columns) <= MOST_NUMBERED else {}),
        }
    ]
    data += [_marks(mark, rows, columns) for mark in marks if mark["cells"]]
    plain = {"showgrid": False, "showline": False, "type": "category", "fixedrange": True}
    # Ranges are given: for marks plotly would leave a margin.
    layout = {
        "xaxis": {**plain, **_ticks(columns, len(rows), named=False), "side": "top", "range": [-0.5, len(columns) - 0.5]},
        "yaxis": {**plain, **_ticks(rows, len(rows), named=len(rows) <= MOST_NAMED), "range": [len(rows) - 0.5, -0.5]}
        | {"automargin": True},
        "margin": {"l": 24, "r": 8, "t": 24, "b": 8},
        "showlegend": False,
    }
    return {"data": data, "layout": layout}


def _numbered(texts: Sequence[str], rows: int) -> list[str]:
    """Return texts with the numbers of their rows in front; a second text of a row is its hard negative."""
    return [
        f"{place + 1}: {_plain(text)}" if place < rows else f"hard negative {place - rows + 1}: {_plain(text)}"
        for place, text in enumerate(texts)
    ]


def _plain(text: str) -> str:
    """Return a text that plotly does not read as tags."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _ticks(labels: Sequence[str], rows: int, *, named: bool) -> dict[str, Any]:
    """Write numbers along an axis, every fourth of many, or the beginnings of texts."""
    step = 1 if len(labels) <= 2 * MOST_NAMED else 4
    places = range(0, len(labels), step)
    words = [_beginning(labels[place]) if named else str(place % rows + 1) for place in places]
    return {"tickmode": "array", "tickvals": list(places), "ticktext": words, "tickangle": 0}


def _beginning(label: str) -> str:
    return label if len(label) <= NAME_CHARACTERS else f"{label[: NAME_CHARACTERS - 1].rsplit('&', 1)[0]}…"


def _marks(mark: Mapping[str, Any], rows: Sequence[str], columns: Sequence[str]) -> dict[str, Any]:
    symbol, colour = MARKS[mark["kind"]]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": mark["name"],
        "x": [columns[column] for _, column in mark["cells"]],
        "y": [rows[row] for row, _ in mark["cells"]],
        "marker": {
            "symbol": symbol,
            "color": colour,
            "size": 11 if mark["kind"] == "struck-out" else 7,
            "line": {"color": "white", "width": 1},
        },
        "hoverinfo": "skip",
    }


def points_figure(points: Mapping[str, Any]) -> dict[str, Any]:
    """Draw one point a row of a batch, and the line on which they would lie if all were as wanted."""
    data: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "mode": "markers",
            "x": list(points["x"]),
            "y": list(points["y"]),
            "text": [_plain(text).replace(" | ", "<br>") for text in points["texts"]],
            "marker": {"size": 8, "color": "#6366f1", "opacity": 0.5, "line": {"color": "white", "width": 0.5}},
            "hovertemplate": "%{text}<br>%{x}, %{y:.2f}<extra></extra>",
        }
    ]
    if points["line"]:
        x, y = zip(*points["line"], strict=True)
        line = {"type": "scatter", "mode": "lines", "x": list(x), "y": list(y), "line": {"dash": "dash", "color": LINE}}
        data.append({**line, "hoverinfo": "skip"})
    layout = {
        "xaxis": {"title": {"text": points["x_title"], "standoff": 6}, "automargin": True},
        "yaxis": {"title": {"text": points["y_title"], "standoff": 6}, "automargin": True},
        "margin": {"l": 48, "r": 12, "t": 8, "b": 44},
        "showlegend": False,
    }
    return {"data": data, "layout": layout}


def race_figure(curve: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """Draw the seconds that comparing all of n texts takes, for both models, on logarithmic axes."""
    counts = [row["texts"] for row in curve]
    data = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": name,
            "x": counts,
            "y": [row[key] for row in curve],
            "text": [how_long(row[key]) for row in curve],
            "line": {"color": colour, "width": 2.2},
            "marker": {"symbol": symbol, "size": 8},
            "hovertemplate": f"{name}<br>%{{x:,}} texts: %{{text}}<extra></extra>",
        }
        for key, name, colour, symbol in (
            ("bi", "Bi-encoder", BI_COLOUR, "circle"),
            ("cross", "Cross-encoder", CROSS_COLOUR, "diamond"),
        )
    ]
    layout = {
        "xaxis": {
            "type": "log",
            "tickvals": counts,
            "ticktext": [f"{count:,}" for count in counts],
            "title": {"text": "texts, each compared with each", "standoff": 6},
        },
        "yaxis": {"type": "log", "tickvals": list(DURATIONS), "ticktext": list(DURATIONS.values()), "automargin": True},
        "margin": {"l": 60, "r": 12, "t": 8, "b": 44},
        "legend": {"orientation": "h", "y": 1.08},
    }
    return {"data": data, "layout": layout}


def how_long(seconds: float) -> str:
    """Say seconds as a person would: "0.03 s", "12 s", "7 minutes", "4 days", "2 years"."""
    if seconds < 90:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    for size, below, words in ((60, 5400, "minutes"), (3600, 129_600, "hours"), (86_400, 63_115_200, "days")):
        if seconds < below:
            return f"{seconds / size:.0f} {words}"
    return f"{seconds / 31_557_600:,.0f} years"
