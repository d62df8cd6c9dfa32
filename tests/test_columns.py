"""Columns: guessed from names and content, chosen by hand, and read into clean rows."""

import pyarrow as pa
import pytest

from core.columns import RowReader, check_columns, guess_columns, kind_of_columns
from core.errors import ConfigError, DataError
from core.examples import ROLES

NLI = {"premise": "p", "hypothesis": "h", "label": "l"}
SCORED = {"sentence1": "a", "sentence2": "b", "score": "s"}


def table(**columns: list[str | None]) -> pa.Table:
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})


def row_number(index: int) -> int:
    return index + 1


def nli_labels(labels: list[str | None]) -> list[int]:
    texts: list[str | None] = ["text"] * len(labels)
    return RowReader(NLI, "a.csv").read(table(p=texts, h=texts, l=labels), row_number)["label"].to_pylist()


def scores_of(scores: list[str | None]) -> list[float]:
    texts: list[str | None] = ["text"] * len(scores)
    return RowReader(SCORED, "a.csv").read(table(a=texts, b=texts, s=scores), row_number)["score"].to_pylist()


@pytest.mark.parametrize("kind", ROLES)
def test_roles_tell_the_kind_in_any_order(kind: str) -> None:
    assert kind_of_columns({role: role for role in reversed(ROLES[kind])}) == kind


def test_roles_that_make_no_rows_are_refused() -> None:
    with pytest.raises(ConfigError, match="these roles make no rows together: anchor, label"):
        kind_of_columns({"anchor": "a", "label": "b"})


@pytest.mark.parametrize(
    ("header", "roles"),
    [
        ("premise hypothesis label", "premise hypothesis label"),
        ("gold_label hypothesis premise", "label hypothesis premise"),
        ("query answer hard_negative", "anchor positive negative"),
        ("sentence1 sentence2 score", "sentence1 sentence2 score"),
        ("question1 question2 is_duplicate", "sentence1 sentence2 score"),
        ("title passage", "anchor positive"),
        ("text label", "text label"),
    ],
)
def test_columns_are_guessed_by_their_names(header: str, roles: str) -> None:
    have = header.split()
    guess = guess_columns(table(**{name: ["0.5", "0.1"] for name in have}), "a.csv")
    assert guess == dict(zip(roles.split(), have, strict=True))


def test_case_and_spaces_of_names_are_forgiven() -> None:
    head = table(**{" Premise ": ["a"], "HYPOTHESIS": ["b"], "Gold Label": ["0"]})
    assert guess_columns(head, "a.csv") == {"premise": " Premise ", "hypothesis": "HYPOTHESIS", "label": "Gold Label"}


def test_similarity_score_may_be_called_label() -> None:
    assert guess_columns(table(sentence1=["a"], sentence2=["b"], label=["2.5"]), "a.csv")["score"] == "label"


def test_words_of_nli_beside_two_sentences_are_labels() -> None:
    head = table(sentence1=["a", "b"], sentence2=["c", "d"], label=["neutral", "entailment"])
    assert guess_columns(head, "a.csv") == {"premise": "sentence1", "hypothesis": "sentence2", "label": "label"}


@pytest.mark.parametrize(
    ("columns", "guess"),
    [
        ([["a b", "c d"]], {"text": "c0"}),
        ([["a b", "c d"], ["e f", "g h"]], {"anchor": "c0", "positive": "c1"}),
        ([["0,5", "1"], ["e f", "g h"], ["i j", "k l"]], {"sentence1": "c1", "sentence2": "c2", "score": "c0"}),
        ([["a b", "c"], ["e f", "g"], ["0", "1"]], {"sentence1": "c0", "sentence2": "c1", "score": "c2"}),
        ([["a", "b", "c"], ["d", "e", "f"], ["0", "1", "2"]], {"premise": "c0", "hypothesis": "c1", "label": "c2"}),
        ([["good", "bad", "good", "bad"], ["a b", "c d", "e f", "g h"]], {"text": "c1", "label": "c0"}),
        ([["a", "b"], ["c", "d"], ["e", "f"]], {"anchor": "c0", "positive": "c1", "negative": "c2"}),
    ],
)
def test_columns_without_known_names_are_guessed_by_what_they_hold(columns: list[list[str]], guess: dict[str, str]) -> None:
    assert guess_columns(table(**{f"c{number}": values for number, values in enumerate(columns)}), "a.csv") == guess


def test_table_of_numbers_has_no_texts() -> None:
    with pytest.raises(DataError, match=r"a\.csv has no column of texts \(columns: x, y\)"):
        guess_columns(table(x=["1", "2"], y=["3", "4"]), "a.csv")


def test_chosen_columns_are_found_without_regard_to_case() -> None:
    assert check_columns({"text": "my text"}, ["My Text", "other"], "a.csv") == {"text": "My Text"}


def test_column_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(DataError, match=r"^a\.csv has no column titel; it has title, body: choose one of these as text\.$"):
        check_columns({"text": "titel"}, ["title", "body"], "a.csv")


def test_one_column_for_two_roles_is_refused() -> None:
    with pytest.raises(ConfigError, match="chosen twice"):
        check_columns({"anchor": "a", "positive": "A"}, ["a", "b"], "a.csv")


def test_refusal_stays_short_whatever_the_names() -> None:
    with pytest.raises(DataError) as caught:
        check_columns({"r" * 500: "x" * 500}, ["y" * 500] * 50, "a.csv")
    assert len(str(caught.value)) <= 300


def test_nli_labels_are_words_and_numbers() -> None:
    assert nli_labels(["entailment", " Neutral ", "CONTRADICTION", "0", "1", "2.0"]) == [0, 1, 2, 0, 1, 2]


def test_rows_without_a_label_are_left_out_and_counted() -> None:
    reader = RowReader(NLI, "a.csv")
    labels = ["-1", "-1.0", "-", "", None, "1"]
    texts: list[str | None] = ["t"] * len(labels)
    assert len(reader.read(table(p=texts, h=texts, l=labels), row_number)) == 1
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
        RowReader(NLI, "a.csv").read(table(p=["a", "b"], h=["a", "b"], l=["0", "?"]), lambda index: 5001 + index)


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
    rows = reader.read(table(a=[" x\n", " ", None], b=["y", "y", "y"]), row_number)
    assert (rows.to_pylist(), reader.dropped) == ([{"anchor": "x", "positive": "y"}], {"an empty text": 2})


def test_class_names_stay_as_they_are_and_topics_come_along() -> None:
    chunk = table(Topic=["x", None], text=["a", "b"], label=["Good", "7"])
    rows = RowReader({"text": "text", "label": "label"}, "a.csv").read(chunk, row_number)
    assert (rows["label"].to_pylist(), rows["topic"].to_pylist()) == (["Good", "7"], ["x", ""])


@pytest.mark.parametrize("columns", [NLI, SCORED, {"text": "p"}])
def test_chunk_without_rows_gives_none(columns: dict[str, str]) -> None:
    assert len(RowReader(columns, "a.csv").read(table(**{name: [] for name in columns.values()}), row_number)) == 0
