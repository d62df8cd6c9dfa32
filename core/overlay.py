"""Several runs in one picture: their curves in one colour each, and where their configurations differ."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from core.config import BOOKKEEPING
from core.files import read_json
from core.runs import RunFolder

MOST_POINTS = 500
SMOOTHING = 0.6
UNDECIDED = "decided when it starts"


@dataclass(frozen=True)
class OverlaidRun:
    """A run as it is laid over others: its id, its colour, the news of its series (`core.series`), and how a person calls it."""

    name: str
    colour: str
    news: Mapping[str, Any]
    short_name: str


def smooth(values: Sequence[float], weight: float = SMOOTHING) -> list[float]:
    """Return the debiased exponential moving average, as the live figure draws it."""
    total, left, smoothed = 0.0, 1.0, []
    for value in values:
        total, left = weight * total + (1 - weight) * value, left * weight
        smoothed.append(total / (1 - left))
    return smoothed


def loss_overlay(runs: Sequence[OverlaidRun]) -> go.Figure:
    """Draw each run's smoothed loss over its steps."""
    figure = go.Figure()
    for run in runs:
        steps = run.news["steps"]
        # Every n-th of a smoothed line hides nothing that the line shows, as long as its end is there.
        stride = max(1, -(-len(steps["step"]) // MOST_POINTS))
        kept = sorted({*range(0, len(steps["step"]), stride), *range(len(steps["step"]))[-1:]})
        losses = smooth(steps["loss"])
        x, y = [steps["step"][place] for place in kept], [round(losses[place], 6) for place in kept]
        figure.add_scatter(x=x, y=y, name=run.short_name, mode=_mode(x), line={"color": run.colour, "width": 2.4})
    return _laid_out(figure, runs)


def evaluation_overlay(runs: Sequence[OverlaidRun]) -> go.Figure:
    """Draw each run's evaluation, its untouched model's figure as a dashed line, and its best as a star."""
    figure = go.Figure()
    for run in runs:
        curve = curve_of(run.news["evaluations"])
        x, y = [event["step"] for event in curve], [event["value"] for event in curve]
        figure.add_scatter(x=x, y=y, name=run.short_name, mode="lines+markers", line={"color": run.colour, "width": 2.4})
        reach = max([*x, *run.news["steps"]["step"][-1:], 1])
        shared = {"showlegend": False, "name": run.short_name}
        for event in [event for event in curve if event["untouched"]][-1:]:
            line = {"color": run.colour, "width": 1.4, "dash": "dash"}
            figure.add_scatter(x=[0, reach], y=[event["value"]] * 2, mode="lines", line=line, opacity=0.6, **shared)
        for event in [event for event in curve if event["best"]][-1:]:
            star = {"symbol": "star", "size": 14, "color": "#eab308", "line": {"color": run.colour, "width": 1.2}}
            figure.add_scatter(x=[event["step"]], y=[event["value"]], mode="markers", marker=star, **shared)
    return _laid_out(figure, runs)


def curve_of(evaluations: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the yardstick's evaluations, those of as many pairs as the newest, in the order of their steps."""
    known = [event for event in evaluations if event["value"] is not None]
    # The person's own held-out rows count only where there is no yardstick.
    known.sort(key=lambda event: (str(event["data"]).startswith("own/"), event["step"]))
    yardstick = [event for event in known if event["data"] == known[0]["data"]]
    same = [event for event in yardstick if event["pairs"] == yardstick[-1]["pairs"]]
    return sorted(same, key=lambda event: int(event["step"]))


def evaluation_title(runs: Sequence[OverlaidRun]) -> str:
    """Say what the evaluations measure, and where they cannot be compared."""
    curves = [curve[-1] for run in runs if (curve := curve_of(run.news["evaluations"]))]
    measured = sorted({(str(event["data"]).replace("/", " "), str(event["figure"]).replace("_", " ")) for event in curves})
    if not measured:
        return "Evaluation"
    if len(measured) > 1:
        return f"Evaluation on different data, not to be compared: {'; '.join(f'{data}, {figure}' for data, figure in measured)}"
    sizes = sorted({int(event["pairs"]) for event in curves})
    return f"{measured[0][1].capitalize()}, {measured[0][0]} · {' or '.join(f'{size:,}' for size in sizes)} pairs"


def settings_of(run: RunFolder) -> dict[str, Any]:
    """Return the values that a run used, or what was asked of one that has not started; nested ones by dotted names."""
    settings = run.resolved().get("settings")
    if settings:
        values = {name: setting["value"] for name, setting in settings.items()}
    else:
        asked = read_json(run.path / "config.json") or {}
        values = {name: UNDECIDED if value is None else value for name, value in asked.items() if name not in BOOKKEEPING}
    return _flat(values)


def _flat(values: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= {f"{name}.{inner}": each for inner, each in _flat(value).items()}
        else:
            flat[name] = value
    return flat


def differences(settings: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[Any]]]:
    """Return the names whose values differ, each with its value in every run; None where a run has no such setting."""
    names = dict.fromkeys(name for each in settings for name in each)
    rows = [(name, [each.get(name) for each in settings]) for name in names]
    return [(name, values) for name, values in rows if any(value != values[0] for value in values)]


def _mode(x: Sequence[Any]) -> str:
    return "lines" if len(x) > 1 else "markers"


def _laid_out(figure: go.Figure, runs: Sequence[OverlaidRun]) -> go.Figure:
    figure.update_layout(
        template="none",
        showlegend=True,
        hovermode="x unified",
        margin={"l": 52, "r": 14, "t": 8, "b": 38},
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        # A zoom stays while points come in, and goes with the choice.
        uirevision=" ".join(run.name for run in runs),
    )
    return figure.update_xaxes(title={"text": "step", "standoff": 6}, rangemode="tozero").update_yaxes(automargin=True)
