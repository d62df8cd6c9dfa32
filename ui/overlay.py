"""Runs laid over each other: their losses and evaluations in one colour each, and where their configurations differ."""

import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from core.figures import PALETTE
from core.files import read_json
from core.overlay import OverlaidRun, differences, evaluation_overlay, evaluation_title, loss_overlay, settings_of
from core.run_store import list_runs
from core.runs import RunFolder
from ui.drawn import FIGURES_SCRIPT
from ui.html import hint
from ui.live import HEAD
from ui.studio import Studio, bound, served

MOST_RUNS = 4
LONGEST_VALUE = 80
SCRIPT = FIGURES_SCRIPT + (Path(__file__).parent / "overlay.js").read_text(encoding="utf-8")
TEMPLATE = """
<div class="overlaid" hidden>
  <div class="charts">
    <div class="chart"><h4>Training loss, smoothed</h4>
      <div class="plot" role="img" aria-label="Training loss of the chosen runs" data-part="loss"></div></div>
    <div class="chart"><h4 data-title="overlay">Evaluation</h4>
      <div class="plot" role="img" aria-label="Evaluation of the chosen runs" data-part="evaluation"></div></div>
  </div>
</div>
<div class="differences" aria-live="polite"></div>
"""
NOTHING = "Choose two runs or more: their curves come in one colour each, and below them where their configurations differ."


def build_overlay(studio: Studio) -> gr.Accordion:
    """Lay out and wire the block; it needs nothing of the rest of the page."""
    block = gr.Accordion("Lay runs over each other", open=False)
    with block:
        runs = gr.Dropdown(
            [], value=[], label="Lay over", info=f"Up to {MOST_RUNS} runs; they may still be going on", multiselect=True,
            max_choices=MOST_RUNS, elem_id="lay-over",
        )  # fmt: skip
        figure = gr.HTML(
            value={}, html_template=TEMPLATE, js_on_load=SCRIPT, head=HEAD, server_functions=[served(news_of_overlay, studio)],
            apply_default_css=False, elem_id="overlay",
        )  # fmt: skip
    quiet: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    runs.focus(bound(list_choices, studio), None, runs, **quiet)
    runs.change(choose_colours, [runs, figure], figure, **quiet)
    return block


def list_choices(studio: Studio) -> Any:
    """Return the runs as they are now, newest first."""
    return gr.update(choices=[(_label(studio, run, status.state), run.id) for run, status in list_runs(studio.runs_dir)])


def _label(studio: Studio, run: RunFolder, state: str) -> str:
    config = read_json(run.path / "config.json") or {}
    what = "cross-encoder" if config.get("kind") == "cross-encoder" else config.get("loss", "")
    return f"{studio.called(run.id)} · {what} · {state}"


def choose_colours(chosen: Sequence[str], shown: Mapping[str, int] | None) -> dict[str, int]:
    """Give each chosen run a colour, 0 to 3: it keeps the one that it has, a new one takes the first that is free."""
    named, had = list(chosen or [])[:MOST_RUNS], shown or {}
    colours = {name: had[name] for name in named if name in had}
    for name in named:
        if name not in colours:
            colours[name] = next(colour for colour in range(MOST_RUNS) if colour not in colours.values())
    return {name: colours[name] for name in named}


def news_of_overlay(studio: Studio, asked: list[Any]) -> dict[str, Any]:
    """Answer the script: [value, mark of what it shows] -> the figures and the table, where anything changed."""
    value, mark = asked[0] or {}, str(asked[1])
    colours = {str(name): int(colour) % MOST_RUNS for name, colour in list(value.items())[:MOST_RUNS]}
    found = {name: (run, status) for name in colours if (run := studio.run(name)) and (status := run.status())}
    news = {name: studio.followed.news(run.events_path, 0, 0) for name, (run, _) in found.items()}
    resolved = {name: settings_of(run) for name, (run, _) in found.items()}
    final = all(status.is_final for _, status in found.values()) and not any(each["reading"] for each in news.values())
    seen = repr([(name, colours[name], news[name]["last"], len(resolved[name])) for name in found])
    if seen == mark:
        return {"mark": seen, "final": final}
    runs = [OverlaidRun(name, PALETTE[colours[name]], news[name], studio.called(name)) for name in found]
    return {
        "mark": seen,
        "final": final,
        "loss": json.loads(loss_overlay(runs).to_json()) if runs else None,
        "evaluation": json.loads(evaluation_overlay(runs).to_json()) if runs else None,
        "title": evaluation_title(runs),
        "html": differences_table(runs, [resolved[run.name] for run in runs]) if runs else hint(NOTHING),
    }


def differences_table(runs: Sequence[OverlaidRun], settings: Sequence[Mapping[str, Any]]) -> str:
    """Return where the runs' configurations differ, a column a run under its colour."""
    rows = differences(settings)
    swatch = '<span class="swatch" style="background:{}"></span>'
    head = "".join(f'<th title="{escape(run.name)}">{swatch.format(run.colour)}{escape(run.short_name)}</th>' for run in runs)
    body = "".join(
        f"<tr><td><code>{escape(name)}</code></td>{''.join(f'<td>{escape(_text(value))}</td>' for value in values)}</tr>"
        for name, values in rows
    )
    if len(runs) < 2:
        return hint("Choose a second run to see where the two differ.")
    if not rows:
        return hint("These runs have the same configuration.")
    return (
        f'<div class="scroll"><table class="facts"><thead><tr><th>Where they differ</th>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        value = ", ".join(map(str, value)) or "none"
    told = f"{value:g}" if isinstance(value, float) else str(value)
    return told if len(told) <= LONGEST_VALUE else f"{told[:LONGEST_VALUE]}…"
