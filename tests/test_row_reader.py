"""Chunks become clean rows: labels and scores are read in many spellings, and what cannot be read names its row."""

import pyarrow as pa
import pytest

from core.errors import DataError
from core.row_reader import RowReader
from tests.small_tables import text_table

NLI = {"premise": "p", "hypothesis": "h", "label": "l"}
SCORED = {"sentence1": "a", "sentence2": "b", "score": "s"}


def row_number(index: int) -> int:
    return index + 1


def nli_labels(labels: list[str | None]) -> list[int]:
    texts: list[str | None] = ["text"] * len(labels)
    return RowReader(NLI, "a.csv").read(text_table(p=texts, h=texts, l=labels), row_number)["label"].to_pylist()


def scores_of(scores: list[str | None]) -> list[float]:
    texts: list[str | None] = ["text"] * len(scores)
    return RowReader(SCORED, "a.csv").read(text_table(a=texts, b=texts, s=scores), row_number)["score"].to_pylist()


def test_nli_labels_are_words_and_numbers() -> None:
    assert nli_labels(["entailment", " Neutral ", "CONTRADICTION", "0", "1", "2.0"]) == [0, 1, 2, 0, 1, 2]


def test_rows_without_a_label_are_left_out_and_counted() -> None:
    reader = RowReader(NLI, "a.csv")
    labels = ["-1", "-1.0", "-", "", None, "1"]
    texts: list[str | None] = ["t"] * len(labels)
    assert len(reader.read(text_table(p=texts, h=texts, l=labels), row_number)) == 1
    assert reader.dropped == {"no label": 5}


def test_unknown_label_names_file_row_and_column_and_shows_no_whole_text() -> None:
    with pytest.raises(DataError, match=r"^a\.csv, row 2, column l: the label 'a secret' is not known") as caught:
        nli_labels(["0", "a secret"])
    assert len(str(caught.value)) <= 300
    with pytest.raises(DataError) as caught:
        nli_labels(["word " * 1000])
    assert str(caught.value).count("word") < 10


def test_row_is_named_by_its_number_in_the_file() -> None:
    with pytest.raises(DataError, match="row 5002, column l"):
        RowReader(NLI, "a.csv").read(text_table(p=["a", "b"], h=["a", "b"], l=["0", "?"]), lambda index: 5001 + index)


def test_scores_are_numbers_in_many_spellings() -> None:
    assert scores_of(["1", " 0.5 ", "0,5", ".5", "5.", "1e-1", "+1", "True", "false"]) == [1, 0.5, 0.5, 0.5, 5, 0.1, 1, 1, 0]


@pytest.mark.parametrize("score", [None, "", "  ", "high", "nan", "NaN", "inf", "1,000.5", "1 2", "²", "٣"])
def test_score_that_is_no_number_names_file_row_and_column(score: str | None) -> None:
    with pytest.raises(DataError, match=r"^a\.csv, row 2, column s: the score is empty or no number"):
        scores_of(["1", score])


@pytest.mark.parametrize("scores", [[-1.0, 1.0], [0.0, 101.0], [0.0, float("inf")]])
def test_scores_outside_of_every_range_are_refused(scores: list[float]) -> None:
    with pytest.raises(DataError, match=r"^a\.csv, column s: scores go from .* write them from 0 to 1, 5, 10 or 100"):
        RowReader(SCORED, "a.csv").scale(pa.chunked_array([scores]))


@pytest.mark.parametrize(("high", "notes"), [(1.0, ()), (5.0, ("scores divided by 5",)), (80.0, ("scores divided by 100",))])
def test_scores_are_scaled_to_one(high: float, notes: tuple[str, ...]) -> None:
    scaled, said = RowReader(SCORED, "a.csv").scale(pa.chunked_array([[0.0, high]]))
    assert (scaled.to_pylist()[1], said) == (0.8 if high == 80 else 1.0, notes)


def test_white_space_around_texts_goes_and_empty_texts_are_counted() -> None:
    reader = RowReader({"anchor": "a", "positive": "b"}, "a.csv")
    rows = reader.read(text_table(a=[" x\n", " ", None], b=["y", "y", "y"]), row_number)
    assert (rows.to_pylist(), reader.dropped) == ([{"anchor": "x", "positive": "y"}], {"an empty text": 2})


def test_class_names_stay_as_they_are_and_topics_come_along() -> None:
    chunk = text_table(Topic=["x", None], text=["a", "b"], label=["Good", "7"])
    rows = RowReader({"text": "text", "label": "label"}, "a.csv").read(chunk, row_number)
    assert (rows["label"].to_pylist(), rows["topic"].to_pylist()) == (["Good", "7"], ["x", ""])


@pytest.mark.parametrize("columns", [NLI, SCORED, {"text": "p"}])
def test_chunk_without_rows_gives_none(columns: dict[str, str]) -> None:
    assert len(RowReader(columns, "a.csv").read(text_table(**{name: [] for name in columns.values()}), row_number)) == 0
