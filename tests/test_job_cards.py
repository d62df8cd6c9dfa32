"""The views of quick work: pure functions from what lies in the folder to HTML with figures."""

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from core.files import write_json
from core.job_figures import how_long, matrix_figure, points_figure, race_figure
from core.runs import RunFolder, Status
from ui.job_cards import CARDS, look_card, moved_most, nearest_pair, race_card, tried_card
from ui.job_view import job_view

TEXTS = ["A <b>bold</b> text", "another & one", "a third"]
BEFORE = [[1.0, 0.5, 0.1], [0.5, 1.0, 0.4], [0.1, 0.4, 1.0]]
AFTER = [[1.0, 0.6, -0.5], [0.6, 1.0, 0.3], [-0.5, 0.3, 1.0]]
TRIED = {"texts": TEXTS, "model": "static-minilm", "against": "run:<me>", "before": BEFORE, "after": AFTER, "seconds": 0.1}
MATRIX = {
    "row_title": "anchors", "column_title": "positives", "rows": TEXTS, "columns": TEXTS, "cosines": BEFORE,
    "marks": [
        {"kind": "positive", "name": "own positive", "cells": [[0, 0], [1, 1], [2, 2]]},
        {"kind": "false-negative", "name": "false negative: a right answer", "cells": []},
    ],
    "unmarked": "another row's text",
}  # fmt: skip
LOOK = {
    "title": "MNR", "model": "static-minilm", "rows": 3, "examples": 9, "shape": "positive-pairs", "found": "<mine>.csv",
    "sampled": "at random", "notes": [], "sentences": ["A <sentence>."], "shares": [0.5, 0.25, 0.75], "mean_loss": 1.0,
    "hardest": [{"row": 2, "texts": {"Anchor": TEXTS[0]}, "numbers": {"Share": 0.25}}],
}  # fmt: skip
POINTS = {
    "x_title": "Score", "y_title": "Cosine", "x": [0.1, 0.9], "y": [0.3, 0.8], "texts": ["<a> | b", "c | d"],
    "line": [[0, 0], [1, 1]],
}  # fmt: skip
RACE = {
    "pairs": 200, "found": "stsb", "device": "2 CPU cores",
    "bi": {"model": "static-minilm", "seconds": 0.001, "spearman": 0.6},
    "cross": {"model": "run:judge", "seconds": 0.01, "spearman": 0.9},
    "curve": [{"texts": n, "bi": n * 0.0012, "cross": n * (n - 1) * 0.005} for n in (10, 100, 1000, 10_000, 100_000)],
}  # fmt: skip


def figures_of(html: str) -> list[dict[str, Any]]:
    return [json.loads(unescape(told)) for told in re.findall(r'data-figure="([^"]*)"', html)]


def test_matrices_stand_side_by_side_on_one_scale_with_their_numbers() -> None:
    first, second = figures_of(tried_card(TRIED))
    assert first["data"][0]["z"] == BEFORE and second["data"][0]["z"] == AFTER
    assert first["data"][0]["zmin"] == second["data"][0]["zmin"] == -0.5
    assert "texttemplate" in first["data"][0]
    assert len(figures_of(tried_card(TRIED | {"after": None, "against": None}))) == 1


def test_many_texts_are_drawn_without_numbers() -> None:
    many = [[1.0] * 13 for _ in range(13)]
    figure = matrix_figure(many, ([str(n) for n in range(13)],) * 2)
    assert "texttemplate" not in figure["data"][0]


def test_equal_texts_stay_two_rows() -> None:
    labels = matrix_figure(BEFORE, (["same"] * 3, ["same"] * 3))["data"][0]["y"]
    assert len(set(labels)) == 3


def test_pair_that_moved_most_is_named() -> None:
    assert moved_most(TEXTS, BEFORE, AFTER) == (
        "Moved most: 1 “A <b>bold</b> text” and 3 “a third” came apart, from 0.10 to -0.50."
    )
    assert moved_most(TEXTS, BEFORE, BEFORE).startswith("No pair has moved")
    assert nearest_pair(TEXTS, BEFORE).startswith("Most alike: 1 “A <b>bold</b> text” and 2 “another & one”, at 0.50.")
    assert nearest_pair(TEXTS[:2], BEFORE).endswith("cosine 0.50.")


@pytest.mark.parametrize(
    "html",
    [tried_card(TRIED), look_card(LOOK | {"matrix": MATRIX}), look_card(LOOK | {"points": POINTS}), race_card(RACE)],
    ids=["tried", "matrix", "points", "race"],
)
def test_every_text_from_outside_is_escaped(html: str) -> None:
    assert not re.search(r"<(b>bold|me>|mine>|sentence>|a>)", html)
    for figure in figures_of(html):
        assert not re.search(r"<(b>bold|a>)", json.dumps(figure)), "plotly reads tags in labels"


def test_marks_lie_on_their_cells_and_the_legend_names_those_that_are_there() -> None:
    html = look_card(LOOK | {"matrix": MATRIX})
    heat, marks = figures_of(html)[0]["data"]
    assert (marks["x"], marks["y"]) == (heat["x"], heat["y"])
    assert heat["customdata"][1] == [0.25] * 3
    assert "own positive" in html and "false negative" not in html
    assert '<td class="number">2</td>' in html


def test_hard_negatives_are_numbered_as_their_rows() -> None:
    figure = matrix_figure([row + row for row in BEFORE], (TEXTS, TEXTS + TEXTS))
    assert figure["data"][0]["x"][3] == "hard negative 1: A &lt;b&gt;bold&lt;/b&gt; text"
    assert figure["layout"]["xaxis"]["ticktext"] == ["1", "2", "3", "1", "2", "3"]


def test_line_of_points_is_left_out_where_nothing_is_wanted() -> None:
    assert len(points_figure(POINTS)["data"]) == 2
    assert len(points_figure(POINTS | {"line": []})["data"]) == 1


def test_race_says_what_ten_thousand_texts_cost() -> None:
    html = race_card(RACE)
    assert "10,000 texts, each with each: 12 s against 6 days." in html
    assert "0.600" in html and "0.900" in html
    assert race_figure(RACE["curve"])["layout"]["yaxis"]["type"] == "log"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.0304, "0.03 s"), (4.21, "4.2 s"), (12, "12 s"), (100, "2 minutes"), (7200, "2 hours"), (345_600, "4 days"),
     (70_000_000, "2 years"), (437_775_483_000, "13,872 years")],
)  # fmt: skip
def test_seconds_are_said_as_a_person_would(seconds: float, said: str) -> None:
    assert how_long(seconds) == said


def test_view_of_a_folder_is_chosen_by_its_kind(tmp_path: Path) -> None:
    for kind, answer in ((".tried", TRIED), (".looked", LOOK | {"matrix": MATRIX}), (".raced", RACE)):
        run = RunFolder(tmp_path / kind / "0123")
        run.path.mkdir(parents=True)
        status = Status("done", 1, 0.0, "Compared 3 texts")
        assert "Compared 3 texts" in job_view(run, status, {}), "nothing there: the last word of the work"
        write_json(run.path / CARDS[kind][0], answer)
        assert 'class="card"' in job_view(run, status, {})
