"""The card of compared models: one table that can be sorted, the best of each column marked, and quality against speed."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from core.comparison import COLUMNS, HIGH, ColumnSpec, best_rows
from core.trade_figures import compare_figure
from ui.drawn import figure_place
from ui.html import model_label
from ui.speed_card import busy_line, line, where

CHART_HEIGHT = 380
# Unless a row of them has one, these columns are left out.
OPTIONAL = frozenset({"held_out", "classes", "training"})
FIGURES = {
    "mrr_10": "MRR@10",
    "accuracy": "triplet accuracy",
    "spearman_cosine": "Spearman of cosines and scores",
}


def compare_card(answer: Mapping[str, Any]) -> str:
    """Return the card of an answer of `core.comparing`."""
    rows = sorted(answer["rows"], key=lambda row: (row.get("spearman") is None, -(row.get("spearman") or 0)))
    columns = [spec for spec in COLUMNS.values() if spec.id not in OPTIONAL or any(row.get(spec.id) is not None for row in rows)]
    figure = compare_figure(rows)
    drawn = ""
    if figure:
        reading = "Up is better, right is faster (each step of the axis is a factor): the upper right corner is what one wants."
        place = figure_place(figure, CHART_HEIGHT, "Spearman by texts a second")
        drawn = f"<h3>Quality against speed</h3>{place}{line(reading)}"
    return (
        f'<div class="card"><h3>{len(rows)} models compared</h3><p><b>{escape(verdict_line(answer, rows))}</b></p>'
        f"{compare_table(rows, columns)}{_readings(columns, answer)}{line(about(answer))}{busy_line(answer)}{drawn}</div>"
    )


def verdict_line(answer: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    """Say which model has the best Spearman, and whether that is more than chance."""
    closest = answer["closest"]
    if closest is None:
        best = next((row for row in rows if row.get("spearman") is not None), None)
        return f"Best Spearman: {best['label']}, {best['spearman']:.4f}." if best else "No model has a score."
    interval = f"{closest['difference']:+.4f}, 95 % interval {closest['low']:+.4f} to {closest['high']:+.4f}"
    if closest["verdict"] == "same":
        return f"No real difference at the top: {closest['best']} is ahead of {closest['second']} by {interval}."
    return f"Best Spearman: {closest['best']}, better than the next one, {closest['second']} ({interval})."


def compare_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[ColumnSpec]) -> str:
    """Return the table; pressing a heading sorts it in the browser."""
    head = _head("Model", "", "ascending") + "".join(
        _head(spec.title, "number", "descending" if spec.better == HIGH else "ascending", spec.reading) for spec in columns
    )
    best = {spec.id: best_rows(rows, spec.id) for spec in columns}
    body = "".join(
        f"<tr>{_name_cell(row)}{''.join(_cell(row, spec, is_best=place in best[spec.id]) for spec in columns)}</tr>"
        for place, row in enumerate(rows)
    )
    return (
        '<div class="scroll"><table class="facts sortable" aria-label="Compared models; press a heading to sort">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _head(title: str, css: str, first: str, reading: str = "") -> str:
    """Return a heading; Spearman is what the rows are sorted by at first."""
    sorted_by = ' aria-sort="descending"' if title == "Spearman" else ""
    return (
        f'<th class="{css}" data-first="{first}"{sorted_by}><button type="button" class="sort" '
        f'title="{escape(reading, quote=True)}">{escape(title)}</button></th>'
    )


def _name_cell(row: Mapping[str, Any]) -> str:
    notes = f'<div class="quoted">{escape(_made_by(row))}</div>' if _made_by(row) else ""
    if row.get("same_as"):
        notes += f'<div class="quoted">the same weights as {escape(row["same_as"])}</div>'
    if row["fault"]:
        notes += f'<div class="fall">{escape(row["fault"])}</div>'
    return f'<td data-value="{escape(row["label"], quote=True)}" class="model"><b>{model_label(row)}</b>{notes}</td>'


def _made_by(row: Mapping[str, Any]) -> str:
    """Return what a run was made with: recipe, loss, and what it began from."""
    if not row.get("base"):
        return ""
    return f"{row['recipe']}, loss {row['loss']}, from {row['base']}"


def _cell(row: Mapping[str, Any], spec: ColumnSpec, *, is_best: bool) -> str:
    value = row.get(spec.id)
    if value is None:
        return '<td class="number">–</td>'
    said = format(value, spec.written)
    return f'<td class="number" data-value="{value}">{_best(said) if is_best else said}</td>'


def _best(said: str) -> str:
    # Beside the colour a word: not everybody sees the colour.
    return f'<b class="rise">{said}</b><div class="chosen">best</div>'


def _readings(columns: Sequence[ColumnSpec], answer: Mapping[str, Any]) -> str:
    lines = "".join(f"<li><b>{escape(spec.title)}</b>: {escape(_reading(spec, answer))}</li>" for spec in columns)
    return f'<details data-name="readings"><summary>How to read each column</summary><ul class="notes">{lines}</ul></details>'


def _reading(spec: ColumnSpec, answer: Mapping[str, Any]) -> str:
    held = answer["held_out"]
    if spec.id != "held_out" or not held:
        return spec.reading
    named = FIGURES.get(held["figure"], held["figure"])
    return f"{named} on {held['rows']:,} {held['shape']} held out from {held['found']}; only runs that held out the very same"


def about(answer: Mapping[str, Any]) -> str:
    """Say what all models were measured on, and where."""
    small = (
        " That is the small sample, on which only a large difference can be told from chance."
        if answer["data"].startswith("sample/")
        else ""
    )
    return (
        f"Spearman and Pearson of cosines on {answer['pairs']:,} pairs of {answer['found']}, in fp32; a score that is stored is "
        f"read, not computed again.{small} Speed was timed {where(answer)}. Press a heading to sort; a dash: not known."
    )
