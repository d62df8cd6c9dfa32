"""Experiments on the page: the table, the chart, and what the buttons do."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from core.experiment_plans import Experiment, Member
from core.experiment_table import ExperimentTable, Row
from core.experiments import list_experiments
from core.run_store import list_runs
from ui.experiment_events import cancel_experiment, run_chapter, show_experiments, vary_one
from ui.experiment_view import experiment_html, news_of_job, vary_figure
from ui.studio import Studio

SCORES = {"pearson_cosine": 0.7, "spearman_cosine": 0.69}


@pytest.fixture
def studio(runs_dir: Path, small_data: Path, monkeypatch: pytest.MonkeyPatch) -> Studio:
    monkeypatch.setattr("ui.experiment_events.ensure_supervisor", lambda _runs_dir: None)
    return Studio(runs_dir, small_data)


def row(value: Any, pearson: float | None = None, **changes: Any) -> Row:
    after = {"pearson_cosine": pearson, "spearman_cosine": pearson - 0.01} if pearson is not None else {}
    return replace(Row(str(value), "done", True, f"run-{value}", value, "stsb/validation", SCORES, after), **changes)


def table_of(*rows: Row, kind: str = "vary") -> ExperimentTable:
    members = tuple(Member(each.label, (each.run,), each.value) for each in rows)
    experiment = Experiment("20250101-000000-vary-abcdef", "<MNR>: batch_size", kind, "instant", members, "mnr", "batch_size")
    return ExperimentTable(experiment, rows, 12.0, ())


def test_best_score_is_marked_and_texts_are_escaped() -> None:
    html = experiment_html(table_of(row(8, 0.6), row(32, 0.8, note="a <b> note")))
    assert html.count('<span class="chosen">best</span>') == 1
    assert html.index("0.8000") > html.index('class="chosen">best') > html.index("0.6000")
    assert "&lt;MNR&gt;" in html and "a &lt;b&gt; note" in html
    assert "fall" in html and "rise" in html


def test_row_that_goes_on_says_where_it_is_and_a_deleted_one_that_it_was() -> None:
    going = row(8, state="training", is_final=False, seconds=3.0)
    html = experiment_html(table_of(going, row(32, state="deleted", before={}, data="")))
    assert "training" in html and "its run was deleted" in html
    assert "3.0" not in html


def test_books_score_has_a_column_in_the_chapters_table_only() -> None:
    rows = (row("softmax", 0.6, book=0.598), row("mnr", 0.8))
    assert '<td class="number ">0.598</td>' in experiment_html(table_of(*rows, kind="chapter"))
    assert "Book&#x27;s score" not in experiment_html(table_of(*rows))


@pytest.mark.parametrize(
    ("values", "axis"),
    [
        ((8, 32, 512), "log"),
        ((1e-5, 1e-3), "log"),
        ((8, 16, 64), "category"),
        ((0, 0.1), "category"),
        (("cls", "mean"), "category"),
    ],
)
def test_axis_is_logarithmic_where_numbers_spread_far(values: tuple[Any, ...], axis: str) -> None:
    figure = vary_figure(table_of(*(row(value, 0.5) for value in values)))
    assert figure is not None and figure["layout"]["xaxis"]["type"] == axis


def test_chart_has_a_point_a_score_in_the_order_of_numbers_and_a_dashed_untouched_line() -> None:
    figure = vary_figure(table_of(row(512, 0.8), row(8, 0.6), row(64)))
    assert figure is not None
    trained, untouched = figure["data"]
    assert (trained["x"], trained["y"]) == ([8, 512], [0.6, 0.8])
    assert (untouched["y"], untouched["line"]["dash"]) == ([0.7, 0.7], "dash")


def test_no_chart_before_there_is_a_score_or_for_the_chapter() -> None:
    assert vary_figure(table_of(row(8), row(32))) is None
    assert vary_figure(table_of(row(8, 0.5), row(32, 0.5), kind="chapter")) is None


def test_ladder_that_lacks_its_rows_is_told_on_the_page(studio: Studio) -> None:
    with pytest.raises(gr.Error, match="mnli/train is not here"):
        run_chapter(studio, "instant", 5)
    assert list_runs(studio.runs_dir) == []


def test_press_varies_the_forms_recipe_with_the_persons_settings(studio: Studio) -> None:
    dropdown, value = vary_one(studio, "mnr@instant", {"data": "snli", "loss_params.scale": 10.0}, "batch_size", "4, 8")
    configs = [run.config() for run, _ in reversed(list_runs(studio.runs_dir))]
    assert [(config.batch_size, config.loss_params, config.data) for config in configs] == [
        (4, {"scale": 10.0}, "snli"), (8, {"scale": 10.0}, "snli"),
    ]  # fmt: skip
    assert dropdown["value"] == value["experiment"] == list_experiments(studio.places)[0].id
    assert show_experiments(studio, None)[1] == value


@pytest.mark.parametrize("values", ["", "8", "8, 0", "8, x"])
def test_wrong_values_are_told_on_the_page(studio: Studio, values: str) -> None:
    with pytest.raises(gr.Error, match="batch_size"):
        vary_one(studio, "mnr@instant", {"data": "snli"}, "batch_size", values)


def test_view_is_sent_where_it_changed_only(studio: Studio) -> None:
    assert news_of_job(studio, [{}, ""])["final"]
    assert "There is no experiment" in news_of_job(studio, [{"experiment": "gone-away"}, ""])["html"]
    _, value = vary_one(studio, "mnr@instant", {"data": "snli"}, "batch_size", "4, 8")
    news = news_of_job(studio, [value, ""])
    assert "batch_size" in news["html"] and not news["final"]
    assert news["working"] == {"text": "0 of 2 done; the next one waits for its turn…", "share": 0.0}
    assert "html" not in news_of_job(studio, [value, news["mark"]])


def test_working_line_names_the_run_that_goes_on(studio: Studio) -> None:
    _, value = vary_one(studio, "mnr@instant", {"data": "snli"}, "batch_size", "4, 8")
    first = list_runs(studio.runs_dir)[-1][0]
    first.set_status(state="training", started=1.0)
    assert "4: training" in news_of_job(studio, [value, ""])["working"]["text"]


def test_cancel_ends_every_run_that_is_left(studio: Studio) -> None:
    _, value = vary_one(studio, "mnr@instant", {"data": "snli"}, "batch_size", "4, 8")
    runs = [run for run, _ in list_runs(studio.runs_dir)]
    runs[0].set_status(state="done")
    cancel_experiment(studio, value)
    assert [run.is_cancelled() for run in runs] == [False, True]
