"""Pure data to plotly figures."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

# Twelve that can be told apart on a light page and on a dark one: no two are nearer than .15 in OKLab, where near twins are .05.
PALETTE = (
    "#6366f1", "#0d9488", "#f59e0b", "#ef4444", "#a21caf", "#60a5fa",
    "#84cc16", "#92400e", "#f0abfc", "#475569", "#2dd4bf", "#d946ef",
)  # fmt: skip
MOST_BARS = 40


def bar_figure(names: Sequence[Any], counts: Sequence[int], x_title: str, mark: float | None = None) -> go.Figure:
    """Draw counts as bars; `mark` is a place on the x axis that a dashed line stands at."""
    figure = go.Figure(
        go.Bar(x=list(names), y=list(counts), marker={"color": PALETTE[0]}, hovertemplate="%{x}: %{y:,}<extra></extra>")
    )
    if mark is not None:
        figure.add_vline(x=mark, line={"dash": "dash", "width": 1.6, "color": "#ef4444"})
    figure.update_layout(template="none", bargap=0.08, showlegend=False, height=210, margin={"l": 48, "r": 12, "t": 8, "b": 44})
    figure.update_xaxes(title={"text": x_title, "standoff": 6}, automargin=True)
    return figure


def label_figure(labels: Mapping[str, int], names: Sequence[str]) -> go.Figure:
    """Draw how many examples each class has, the largest forty by name."""
    shown = sorted(labels.items(), key=lambda item: -item[1])[:MOST_BARS]
    titles = [names[int(label)] if int(label) < len(names) else label for label, _ in shown]
    figure = bar_figure([title[:24] for title in titles], [count for _, count in shown], "class")
    return figure.update_xaxes(type="category", tickangle=0 if len(shown) < 5 else -40)


def score_figure(bins: Sequence[int]) -> go.Figure:
    """Draw the histogram of scores 0..1."""
    width = 1 / len(bins)
    return bar_figure([round((place + 0.5) * width, 3) for place in range(len(bins))], bins, "score")


def length_figure(lengths: Mapping[str, int], limit: int | None) -> go.Figure:
    """Draw the histogram of lengths in tokens, with a line where texts are cut off."""
    places = sorted(map(int, lengths))
    reach = max([*places, 1])
    width = max(1, -(-reach // MOST_BARS))
    bins: dict[int, int] = {}
    for place in places:
        bins[place // width] = bins.get(place // width, 0) + lengths[str(place)]
    x = [(place + 0.5) * width if width > 1 else place for place in bins]
    figure = bar_figure(x, list(bins.values()), "tokens a text", limit if limit is not None and limit <= 1.3 * reach else None)
    return figure.update_xaxes(dtick=1 if len(x) < 8 else None)


def spread_figure(spread: Mapping[str, Sequence[int]]) -> go.Figure:
    """Draw histograms of scores 0..1 over each other, each as shares of its own pairs."""
    figure = go.Figure()
    for place, (name, bins) in enumerate(spread.items()):
        width, total = 1 / len(bins), max(1, sum(bins))
        x = [round((bin_ + 0.5) * width, 3) for bin_ in range(len(bins))]
        shares = [round(count / total, 4) for count in bins]
        figure.add_bar(x=x, y=shares, name=name, marker={"color": PALETTE[place]}, opacity=0.7)
    figure.update_layout(template="none", barmode="overlay", bargap=0.08, margin={"l": 44, "r": 8, "t": 8, "b": 40})
    figure.update_layout(legend={"orientation": "h", "y": 1.0, "yanchor": "bottom"})
    return figure.update_xaxes(title={"text": "score", "standoff": 4}).update_yaxes(tickformat=".0%")
