"""Columns: guessed from names and content, and chosen by hand."""

import pytest

from core.columns import check_columns, guess_columns, kind_of_columns
from core.errors import ConfigError, DataError
from core.examples import ROLES
from tests.small_tables import text_table


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
    guess = guess_columns(text_table(**{name: ["0.5", "0.1"] for name in have}), "a.csv")
    assert guess == dict(zip(roles.split(), have, strict=True))


def test_case_and_spaces_of_names_are_forgiven() -> None:
    head = text_table(**{" Premise ": ["a"], "HYPOTHESIS": ["b"], "Gold Label": ["0"]})
    assert guess_columns(head, "a.csv") == {"premise": " Premise ", "hypothesis": "HYPOTHESIS", "label": "Gold Label"}


def test_similarity_score_may_be_called_label() -> None:
    assert guess_columns(text_table(sentence1=["a"], sentence2=["b"], label=["2.5"]), "a.csv")["score"] == "label"


def test_words_of_nli_beside_two_sentences_are_labels() -> None:
    head = text_table(sentence1=["a", "b"], sentence2=["c", "d"], label=["neutral", "entailment"])
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
        ([["a b", "b a"], ["c", "d"], ["e f", "f e"]], {"anchor": "c0", "positive": "c2"}),
    ],
)
def test_columns_without_known_names_are_guessed_by_what_they_hold(columns: list[list[str]], guess: dict[str, str]) -> None:
    assert guess_columns(text_table(**{f"c{number}": values for number, values in enumerate(columns)}), "a.csv") == guess


def test_table_of_numbers_has_no_texts() -> None:
    with pytest.raises(DataError, match=r"a\.csv has no column of texts \(columns: x, y\)"):
        guess_columns(text_table(x=["1", "2"], y=["3", "4"]), "a.csv")


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


@pytest.mark.parametrize("name", ["id", "ticket_id", "Nr", "c9"])
def test_numbers_of_rows_are_no_scores(name: str) -> None:
    texts = {"question": [f"what is {n} about" for n in range(80)], "reply": [f"it is about {n}" for n in range(80)]}
    head = text_table(**{name: [str(n) for n in range(80)]}, **{f"the {key}": values for key, values in texts.items()})
    assert guess_columns(head, "a.csv") == {"anchor": "the question", "positive": "the reply"}


def test_stars_are_the_label_and_the_number_of_the_review_is_not() -> None:
    head = text_table(
        review_id=[str(1000 + n) for n in range(40)],
        stars=[str(1 + n % 5) for n in range(40)],
        words=[f"words {n} here" for n in range(40)],
    )
    assert guess_columns(head, "a.csv") == {"text": "words", "label": "stars"}


def test_dates_and_names_beside_the_texts_are_passed_over() -> None:
    head = text_table(
        created_at=[f"2024-01-{n:02}" for n in range(1, 21)],
        author=[f"anna {n}" for n in range(20)],
        body=[f"this is the long text number {n} of all" for n in range(20)],
        reaction=[f"and this is the long answer number {n} to it" for n in range(20)],
    )
    assert guess_columns(head, "a.csv") == {"anchor": "body", "positive": "reaction"}
