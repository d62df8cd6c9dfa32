"""Experiments on the page: several runs as one table, and as one chart where a setting varies."""

from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from core.errors import RunError
from core.experiment_plans import VARY_EXAMPLE
from core.experiment_table import DELETED, ExperimentTable, Row, experiment_table
from core.experiments import list_experiments
from core.recipes import RECIPES
from ui.drawn import figure_place
from ui.html import empty, hint, problem
from ui.job_view import SCRIPT, TEMPLATE
from ui.live import HEAD
from ui.studio import Studio, served

VARY_FIELDS = (
    "batch_size", "learning_rate", "epochs", "loss_params.scale", "max_seq_length", "warmup", "seed", "weight_decay",
)  # fmt: skip
SIZES = (("Instant (two minutes)", "instant"), ("Laptop (much longer)", "laptop"), ("Book (a GPU and the Hub)", "book"))
MEASURE = "pearson_cosine"
CHART_HEIGHT = 300
# From this ratio of the largest to the smallest value on, equal steps of an axis are equal factors.
LOG_SPREAD = 8
LINE, UNTOUCHED = "#6366f1", "#94a3b8"


@dataclass(frozen=True)
class ExperimentsBlock:
    """The components; the value of `view` is `{"experiment": id}`."""

    size: gr.Radio
    seed: gr.Number
    run_chapter: gr.Button
    field: gr.Dropdown
    values: gr.Textbox
    vary: gr.Button
    chosen: gr.Dropdown
    view: gr.HTML


def build_experiments(studio: Studio) -> ExperimentsBlock:
    """Lay out the two questions that several runs answer together, and what came of them."""
    with gr.Accordion("Run the chapter", open=False):
        gr.HTML(hint("Queues the chapter's methods at one size with one seed, and puts their scores into one table."))
        with gr.Row():
            size = gr.Radio(list(SIZES), value="instant", label="Size", scale=3)
            seed = gr.Number(value=42, label="Seed", precision=0, minimum=0, scale=1, min_width=120)
            run_chapter = gr.Button("Run the chapter", variant="primary", scale=1)
    with gr.Accordion("Vary one thing", open=False):
        said = "Trains the recipe above, with your settings, once for each value, and draws its score against the value."
        example = f"The book's own question: {RECIPES[VARY_EXAMPLE.recipe].title} with batches of {_example_values()}."
        gr.HTML(hint(f"{said} {example}"))
        with gr.Row():
            field = gr.Dropdown(list(VARY_FIELDS), value=VARY_EXAMPLE.field, label="Setting", scale=2)
            values = gr.Textbox(_example_values(), label="Values", info="Two to six, with commas between", scale=3)
            vary = gr.Button("Vary it", variant="primary", scale=1)
    # Custom values are let through: an open page may name an experiment that this session never listed.
    chosen = gr.Dropdown([], label="Experiment", allow_custom_value=True)
    view = gr.HTML(
        value={},
        html_template=TEMPLATE,
        js_on_load=SCRIPT,
        head=HEAD,
        server_functions=[served(news_of_job, studio)],
        apply_default_css=False,
        elem_id="experiment-view",
    )
    return ExperimentsBlock(size, seed, run_chapter, field, values, vary, chosen, view)


def _example_values() -> str:
    return ", ".join(map(str, VARY_EXAMPLE.values))


def experiment_choices(studio: Studio) -> list[tuple[str, str]]:
    """Return the experiments for a dropdown, newest first; the part of the id that tells two alike apart is shown."""
    return [(f"{each.title} · {each.id[:15]}", each.id) for each in list_experiments(studio.places)]


def news_of_job(studio: Studio, asked: list[Any]) -> dict[str, Any]:
    """Answer the script of every view that pulls, which calls this name: [value, mark of the view it shows] -> what is new."""
    value, mark = dict(asked[0] or {}), str(asked[1])
    name = str(value.get("experiment") or "")
    try:
        table = experiment_table(name, studio.places) if name else None
    except RunError as error:
        return {"html": problem(str(error)), "mark": f"gone {name}", "final": True, "working": None}
    if table is None:
        nothing = empty("No experiment yet: run the chapter, or vary one thing.")
        return {"html": nothing, "mark": "nothing", "final": True, "working": None}
    # Seconds go on by themselves; a table drawn anew each second would close what is open and drop what is hovered over.
    rows = [(row.state, row.before, row.after, row.note, row.book) for row in table.rows]
    answer: dict[str, Any] = {"mark": repr((name, rows)), "final": table.is_final, "working": None}
    if not table.is_final:
        answer["working"] = working_line(studio, table)
    if answer["mark"] != mark:
        answer["html"] = experiment_html(table)
    return answer


def working_line(studio: Studio, table: ExperimentTable) -> dict[str, Any]:
    """Return how far an experiment has come: a line, and the share of its rows that is done, 0..1."""
    done, count = sum(row.is_final for row in table.rows), len(table.rows)
    # What waits was queued later than what goes on.
    going = next((row for row in table.rows if not row.is_final and not row.state.startswith("queued")), None)
    if going is None:
        return {"text": f"{done} of {count} done; the next one waits for its turn…", "share": done / count}
    told = f", {table.seconds:.0f} s so far" if table.seconds else ""
    step, total = _steps(studio, going) if going.state.startswith("training") else (0, 1)
    at = f" (step {step:,} of {total:,})" if step else ""
    return {"text": f"{done} of {count} done{told}; {going.label}: {going.state}{at}…", "share": (done + step / total) / count}


def _steps(studio: Studio, row: Row) -> tuple[int, int]:
    run = studio.run(row.run)
    steps = studio.followed.news(run.events_path, 0, 0)["steps"] if run else {"step": []}
    return (int(steps["step"][-1]), max(1, int(steps["total_steps"][-1]))) if steps["step"] else (0, 1)


def experiment_html(table: ExperimentTable) -> str:
    """Return an experiment as the page shows it: its chart where a setting varies, its table, and what has to be said."""
    figure = vary_figure(table)
    label = f"Pearson of cosines against {table.experiment.field}"
    chart = f'<div class="chart">{figure_place(figure, CHART_HEIGHT, label)}</div>' if figure else ""
    took = f" {table.seconds:.0f} seconds from the first start to the last end." if table.is_final and table.seconds else ""
    measured = sorted({row.data for row in table.rows if row.data})
    on = f"Pearson and Spearman of cosines on {' and '.join(measured).replace('/', ' ')}." if measured else ""
    notes = "".join(hint(note) for note in (f"{on}{took}".strip(), *table.notes) if note)
    return f'<div class="card"><h3>{escape(table.experiment.title)}</h3>{chart}{experiment_rows(table)}</div><div>{notes}</div>'


def experiment_rows(table: ExperimentTable) -> str:
    """Return the table itself; the best score is marked, and a row that is not done says how far it is."""
    of_chapter = table.experiment.kind == "chapter"
    heads = [("Method" if of_chapter else str(table.experiment.field), ""), *([("Book's score", "number")] if of_chapter else [])]
    heads += [("Untouched", "number"), ("Pearson", "number"), ("Spearman", "number"), ("Seconds", "number"), ("State", "")]
    head = "".join(f"<th class='{css}'>{escape(name)}</th>" for name, css in heads)
    best = table.best
    body = "".join(_row(row, is_best=row is best, of_chapter=of_chapter) for row in table.rows)
    return f'<div class="scroll"><table class="facts"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _row(row: Row, *, is_best: bool, of_chapter: bool) -> str:
    name = escape(row.label) + ('&nbsp;<span class="chosen">best</span>' if is_best else "")
    cells = [f'<td title="{escape(row.run, quote=True)}">{name}</td>']
    if of_chapter:
        cells.append(_number("–" if row.book is None else f"{row.book:.3f}"))
    cells.append(_number(_figure(row.before, MEASURE)))
    after, before = row.after.get(MEASURE), row.before.get(MEASURE)
    css = "" if after is None or before is None else "rise" if after > before else "fall"
    cells += [_number(_figure(row.after, MEASURE), css), _number(_figure(row.after, "spearman_cosine"))]
    cells.append(_number(f"{row.seconds:.1f}" if row.is_final and row.seconds is not None else "–"))
    note = f'<div class="quoted">{escape(row.note)}</div>' if row.note else ""
    state = "its run was deleted" if row.state == DELETED else row.state
    cells.append(f"<td>{escape(state)}{note}</td>")
    return f"<tr{' class=main' if is_best else ''}>{''.join(cells)}</tr>"


def _number(text: str, css: str = "") -> str:
    return f'<td class="number {css}">{text}</td>'


def _figure(figures: Any, name: str) -> str:
    return f"{figures[name]:.4f}" if name in figures else "–"


def vary_figure(table: ExperimentTable) -> dict[str, Any] | None:
    """Return the chart of score against value as a plotly figure, or None before there is a score to draw.

    Numbers that spread over more than a factor of eight stand on a logarithmic axis, all other values side by side.
    """
    rows = [row for row in table.rows if row.after]
    if table.experiment.kind != "vary" or not rows:
        return None
    numeric, logarithmic = _axis_kind([row.value for row in table.rows])
    rows = sorted(rows, key=lambda row: row.value) if numeric else rows
    places = [row.value if logarithmic else row.label for row in rows]
    line = {"x": places, "y": [row.after[MEASURE] for row in rows], "name": "trained", "line": {"color": LINE, "width": 2.4}}
    line |= {"mode": "lines+markers" if numeric else "markers", "marker": {"size": 9, "color": LINE}}
    untouched = {"x": places, "y": [row.before.get(MEASURE) for row in rows], "name": "untouched model", "mode": "lines"}
    untouched |= {"line": {"color": UNTOUCHED, "width": 1.6, "dash": "dash"}}
    title = {"title": {"text": table.experiment.field, "standoff": 6}, "automargin": True}
    ticks = {"tickvals": places, "ticktext": [row.label for row in rows]}
    axis = title | ({"type": "log"} | ticks if logarithmic else {"type": "category"})
    layout = {"height": CHART_HEIGHT, "margin": {"l": 60, "r": 14, "t": 26, "b": 44}, "xaxis": axis}
    layout |= {"yaxis": {"title": {"text": "Pearson of cosines"}, "tickformat": ".4~g"}}
    layout |= {"legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}}
    return {"data": [{"type": "scatter", **trace} for trace in (line, untouched)], "layout": layout}


def _axis_kind(values: list[Any]) -> tuple[bool, bool]:
    """Tell whether all values are numbers, and whether they need a logarithmic axis."""
    if not all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
        return False, False
    return True, min(values) > 0 and max(values) / min(values) > LOG_SPREAD
