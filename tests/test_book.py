"""The book's scores: shown as the book's own, and beside a run only where it is the same training on as many rows."""

from pathlib import Path
from typing import Any

import pytest

from core.book import rows_of_the_book, short_of_the_book
from core.experiment_plans import CHAPTER, Experiment, Member, Plan
from core.experiment_table import Row, experiment_table
from core.experiments import start, start_chapter
from core.files import write_json
from core.places import Places
from core.recipes import RECIPES, recipe_chain

STSB = "stsb/validation"


@pytest.fixture
def places(runs_dir: Path, small_data: Path) -> Places:
    return Places(small_data, runs_dir)


def folder_of(places: Places) -> Path:
    assert places.runs_dir is not None
    return places.runs_dir


def rows_by_label(name: str, places: Places) -> dict[str, Row]:
    return {row.label: row for row in experiment_table(name, places).rows}


def test_each_book_run_wants_the_books_rows() -> None:
    wanted = {
        (recipe, config.kind): rows_of_the_book(config)
        for recipe, spec in RECIPES.items() if "book" in spec.sizes and spec.book
        for config in recipe_chain(recipe, "book")
    }  # fmt: skip
    assert wanted.pop(("augmented-sbert", "cross-encoder")) == 10_000
    # Two texts a row.
    assert wanted.pop(("tsdae", "train")) == 25_000
    assert set(wanted.values()) == {50_000}


def test_run_of_another_size_is_not_measured_against_the_books_rows() -> None:
    assert short_of_the_book(recipe_chain("mnr", "laptop")[0], 10) == ""


def test_book_run_with_fewer_rows_says_so_at_its_start() -> None:
    softmax, silver = recipe_chain("softmax", "book")[0], recipe_chain("augmented-sbert", "book")[1]
    assert short_of_the_book(softmax, 6691).startswith("6,691 rows were found, and the book's run had 50,000")
    assert short_of_the_book(softmax, 50_000) == ""
    # A pair that stands there twice is dropped, in the book's run too.
    assert short_of_the_book(silver, 49_900) == ""
    assert short_of_the_book(silver, 40_000)


def start_a_book(places: Places, monkeypatch: pytest.MonkeyPatch, **yours: Any) -> str:
    """Queue the ladder of book size as if the model and the rows were here."""
    monkeypatch.setattr("core.experiments._check_is_here", lambda _config, _places: None)
    set_by_hand = yours | {"yours": tuple(yours)}
    chains = tuple(tuple(config.model_copy(update=set_by_hand) for config in recipe_chain(recipe, "book")) for recipe in CHAPTER)
    members = tuple(Member(RECIPES[recipe].title, (), recipe, RECIPES[recipe].book) for recipe in CHAPTER)
    return start(Plan(Experiment("20250101-000000-chapter-abcdef", "The chapter", "chapter", "book", members), chains), places).id


def resolve(places: Places, run: str, rows: int, dropped: int = 0) -> None:
    write_json(folder_of(places) / run / "resolved.json", {"data": {"rows": rows, "dropped": {"a reason": dropped}}})


def test_books_score_stands_beside_a_run_with_the_books_rows_only(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    name = start_a_book(places, monkeypatch, seed=7)
    rows = rows_by_label(name, places)
    # Before a run has read its rows nobody knows.
    assert {row.book for row in rows.values()} == {None}
    resolve(places, rows["Softmax"].run, 49_990, dropped=10)
    resolve(places, rows["MNR"].run, 6691)
    rows = rows_by_label(name, places)
    assert (rows["Softmax"].book, rows["Softmax"].note) == (0.598, "")
    assert rows["MNR"].book is None
    assert rows["MNR"].note == short_of_the_book(recipe_chain("mnr", "book")[0], 6691)


def test_silver_pairs_count_among_the_books_rows(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    name = start_a_book(places, monkeypatch)
    run = rows_by_label(name, places)["Augmented SBERT"].run
    resolve(places, run, 10_000)
    assert rows_by_label(name, places)["Augmented SBERT"].book is None
    (folder_of(places) / run / "silver").mkdir()
    write_json(folder_of(places) / run / "silver" / "silver.json", {"gold": 10_000, "silver": 39_998})
    assert rows_by_label(name, places)["Augmented SBERT"].book == 0.71


@pytest.mark.parametrize(("yours", "data"), [({"max_steps": 5}, STSB), ({}, "sample/validation")])
def test_books_score_is_left_out_beside_another_training_or_another_yardstick(
    places: Places, monkeypatch: pytest.MonkeyPatch, yours: dict[str, Any], data: str
) -> None:
    name = start_a_book(places, monkeypatch, **yours)
    run = rows_by_label(name, places)["Softmax"].run
    resolve(places, run, 50_000)
    score = {"data": data, "figures": {"pearson_cosine": 0.5, "spearman_cosine": 0.5}}
    write_json(folder_of(places) / run / "scores" / "a.before.json", score)
    row = rows_by_label(name, places)["Softmax"]
    assert row.book is None and row.note


def test_other_sizes_show_the_books_score_as_the_books_own(places: Places) -> None:
    experiment = start_chapter("instant", {"data": "snli"}, places)
    table = experiment_table(experiment.id, places)
    assert table.rows[0].book == 0.598
    assert "the book's own" in table.notes[0] and "no target" in table.notes[0]
    assert "bert-base-uncased" in table.notes[0] and "50,000 rows" in table.notes[0]
    assert any(note.startswith("TSDAE has no size instant") for note in table.notes)
