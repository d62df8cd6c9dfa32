"""What rows become: every shape of every kind, by slow references and over many seeds."""

from collections import Counter
from itertools import product

import numpy as np
import pandas as pd
import pytest

from core.conversions import CONVERSIONS, Choices, class_numbers, convert, delete_words, shapes_from
from core.errors import ConfigError
from core.examples import EXAMPLE_COLUMNS, ROLES, VALUE_ROLES, text_keys, text_roles
from core.recombination import count_recombined

NLI = pd.DataFrame(
    [
        ("p1", "e1a", 0), ("p1", "e1b", 0), ("p1", "e1c", 0), ("p1", "n1", 1), ("p1", "c1a", 2), ("p1", "c1b", 2),
        ("p2", "e2", 0), ("p3", "c3", 2),
    ],
    columns=["premise", "hypothesis", "label"],
)  # fmt: skip
SCORED = pd.DataFrame(
    [("a one", "b one", 1.0), ("a two", "b two", 0.6), ("a three", "b three", 0.59), ("a one", "b two", 0.0)],
    columns=["sentence1", "sentence2", "score"],
)
PAIRS = pd.DataFrame({"anchor": ["q1", "q2", "q1"], "positive": ["d1", "d2", "d3"]})
GIVEN = pd.DataFrame({"anchor": ["q1", "q2"], "positive": ["d1", "d2"], "negative": ["x1", "x2"]})
LABELLED = pd.DataFrame({"text": ["t1", "t2", "t3", "t4", "t5"], "label": ["sad", "glad", "sad", "sad", "mad"]})
TEXTS = pd.DataFrame({"text": ["one two three", "four", "one two three"]})
FRAMES = {
    "nli": NLI, "scored": SCORED, "pairs": PAIRS, "given-triplets": GIVEN, "labelled": LABELLED, "texts": TEXTS,
}  # fmt: skip


def tuples(frame: pd.DataFrame) -> list[tuple[object, ...]]:
    return list(frame.itertuples(index=False, name=None))


@pytest.mark.parametrize(("kind", "shape"), CONVERSIONS)
def test_every_conversion_gives_the_columns_of_its_shape_in_order_and_numbers_its_rows_anew(kind: str, shape: str) -> None:
    odd = FRAMES[kind].iloc[::-1]
    examples = convert(odd, kind, shape)
    assert tuple(examples.columns) == EXAMPLE_COLUMNS[shape]
    assert examples.index.equals(pd.RangeIndex(len(examples)))
    assert not examples.isna().any().any()


@pytest.mark.parametrize(("kind", "shape"), CONVERSIONS)
def test_conversion_leaves_the_rows_as_they_were(kind: str, shape: str) -> None:
    rows, before = FRAMES[kind], FRAMES[kind].copy(deep=True)
    examples = convert(rows, kind, shape)
    for column in examples:
        examples[column] = 0 if column in VALUE_ROLES else "written over"
    pd.testing.assert_frame_equal(rows, before)


@pytest.mark.parametrize(("kind", "shape"), CONVERSIONS)
def test_conversion_of_no_rows_gives_no_examples(kind: str, shape: str) -> None:
    examples = convert(FRAMES[kind].head(0), kind, shape)
    assert (tuple(examples.columns), len(examples)) == (EXAMPLE_COLUMNS[shape], 0)


@pytest.mark.parametrize(("kind", "shape"), CONVERSIONS)
def test_same_seed_gives_the_same_examples(kind: str, shape: str) -> None:
    first, second = (convert(FRAMES[kind], kind, shape, Choices(seed=5)) for _ in range(2))
    pd.testing.assert_frame_equal(first, second)


def test_first_shape_of_a_kind_is_what_its_rows_are_by_nature() -> None:
    by_nature = {kind: shapes_from(kind)[0] for kind in ROLES}
    assert by_nature == {
        "nli": "class-pairs", "scored": "scored-pairs", "pairs": "positive-pairs", "given-triplets": "triplets",
        "labelled": "labelled-texts", "texts": "plain-texts",
    }  # fmt: skip


@pytest.mark.parametrize("kind", ROLES)
def test_whatever_gives_positive_pairs_gives_triplets_and_no_shape_is_named_twice(kind: str) -> None:
    shapes = shapes_from(kind)
    assert ("positive-pairs" in shapes) == ("triplets" in shapes)
    assert len(set(shapes)) == len(shapes)


def test_text_columns_leave_out_labels_and_scores() -> None:
    assert text_roles("nli") == ("premise", "hypothesis")
    assert text_roles("scored-pairs") == ("sentence1", "sentence2")
    assert text_roles("labelled-texts") == ("text",)
    assert text_roles("damaged-pairs") == ("damaged", "original")


def test_texts_have_one_number_where_only_case_and_outer_spaces_differ() -> None:
    first, same, other = text_keys(pd.Series(["A cat.", "  a CAT. ", "A cat"]))
    assert first == same != other


def test_class_pairs_keep_every_row_and_its_label() -> None:
    assert tuples(convert(NLI, "nli", "class-pairs")) == tuples(NLI)


def test_only_an_entailment_scores_one() -> None:
    assert convert(NLI, "nli", "scored-pairs")["score"].tolist() == [1, 1, 1, 0, 0, 0, 1, 0]


def test_neutral_pairs_score_what_is_chosen() -> None:
    scores = convert(NLI, "nli", "scored-pairs", Choices(neutral_score=0.5))["score"]
    assert scores.tolist() == [1, 1, 1, 0.5, 0, 0, 1, 0]


def test_positive_pairs_are_the_entailments_alone() -> None:
    assert convert(NLI, "nli", "positive-pairs")["positive"].tolist() == ["e1a", "e1b", "e1c", "e2"]


def test_hard_negative_contradicts_the_same_premise_and_contradictions_take_turns() -> None:
    assert tuples(convert(NLI, "nli", "triplets")) == [("p1", "e1a", "c1a"), ("p1", "e1b", "c1b"), ("p1", "e1c", "c1a")]


def test_scored_pairs_stay_as_they_are() -> None:
    assert tuples(convert(SCORED, "scored", "scored-pairs")) == tuples(SCORED)


@pytest.mark.parametrize(("threshold", "alike"), [(0.6, [1, 1, 0, 0]), (0.59, [1, 1, 1, 0]), (1.0, [1, 0, 0, 0])])
def test_scored_pairs_are_alike_and_positive_from_the_threshold_on(threshold: float, alike: list[int]) -> None:
    choices = Choices(score_threshold=threshold)
    assert convert(SCORED, "scored", "class-pairs", choices)["label"].tolist() == alike
    positives = convert(SCORED, "scored", "positive-pairs", choices)
    assert positives["anchor"].tolist() == [text for text, one in zip(SCORED["sentence1"], alike, strict=True) if one]


def test_given_triplets_become_pairs_side_by_side_with_scores_one_and_zero() -> None:
    assert tuples(convert(GIVEN, "given-triplets", "scored-pairs")) == [
        ("q1", "d1", 1), ("q1", "x1", 0), ("q2", "d2", 1), ("q2", "x2", 0),
    ]  # fmt: skip


def test_given_triplets_keep_their_order_whatever_their_index_is() -> None:
    odd = GIVEN.set_axis([7, 7], axis=0)
    assert convert(odd, "given-triplets", "scored-pairs")["score"].tolist() == [1, 0, 1, 0]
    assert convert(GIVEN.iloc[::-1], "given-triplets", "scored-pairs")["sentence1"].tolist() == ["q2", "q2", "q1", "q1"]


def test_given_triplets_keep_their_negative_or_leave_it_out() -> None:
    assert tuples(convert(GIVEN, "given-triplets", "triplets")) == tuples(GIVEN)
    assert tuples(convert(GIVEN, "given-triplets", "positive-pairs")) == tuples(GIVEN[["anchor", "positive"]])


def test_classes_are_numbered_in_the_order_of_their_names() -> None:
    assert convert(LABELLED, "labelled", "labelled-texts")["label"].tolist() == [2, 0, 2, 2, 1]


def test_numbers_of_classes_do_not_depend_on_the_order_of_the_rows() -> None:
    labels = pd.Series(["b", "a", "ü", "Z", "10", "9", "a", "b"])
    by_name = dict(zip(labels, class_numbers(labels), strict=True))
    assert sorted(by_name, key=lambda name: by_name[name]) == sorted(set(labels))
    for seed in range(5):
        mixed = labels.sample(frac=1, random_state=seed)
        assert [by_name[name] for name in mixed] == class_numbers(mixed).tolist()


@pytest.mark.parametrize("seed", range(20))
def test_labelled_pairs_share_the_class_and_differ_in_text(seed: int) -> None:
    rng = np.random.default_rng(seed)
    texts = [f"t{number}" for number in rng.integers(0, 40, 60)]
    rows = pd.DataFrame({"text": texts, "label": [f"c{rng.integers(0, 6)}" for _ in texts]})
    pairs = convert(rows, "labelled", "positive-pairs", Choices(seed=seed))
    said = set(tuples(rows))
    labels = sorted(set(rows["label"]))
    assert len(pairs)
    for anchor, positive in tuples(pairs):
        assert anchor != positive
        assert any({(anchor, label), (positive, label)} <= said for label in labels)


def test_each_labelled_text_serves_once_and_a_lone_one_not_at_all() -> None:
    pairs = convert(LABELLED, "labelled", "positive-pairs")
    assert pairs["anchor"].tolist() == ["t1", "t3", "t4"]
    assert sorted(pairs["positive"]) == ["t1", "t3", "t4"]


def test_labelled_pairs_follow_the_seed() -> None:
    rows = pd.DataFrame({"text": [f"t{number}" for number in range(30)], "label": ["a"] * 30})
    partners = {tuple(convert(rows, "labelled", "positive-pairs", Choices(seed=seed))["positive"]) for seed in range(5)}
    assert len(partners) == 5


def test_plain_texts_hold_every_text_once_in_the_order_of_first_appearance() -> None:
    assert convert(NLI, "nli", "plain-texts")["text"].tolist() == [
        "p1", "e1a", "e1b", "e1c", "n1", "c1a", "c1b", "p2", "e2", "p3", "c3",
    ]  # fmt: skip
    assert convert(TEXTS, "texts", "plain-texts")["text"].tolist() == ["one two three", "four"]


def test_plain_texts_take_no_labels_and_no_topics() -> None:
    assert convert(LABELLED, "labelled", "plain-texts")["text"].tolist() == LABELLED["text"].tolist()
    assert convert(NLI.assign(topic="cats"), "nli", "plain-texts").equals(convert(NLI, "nli", "plain-texts"))


def test_damaged_texts_keep_a_word_at_least_and_their_words_in_order() -> None:
    rng = np.random.default_rng(0)
    for words, _ in product(range(1, 8), range(100)):
        text = [f"w{number}" for number in range(words)]
        kept = delete_words(" ".join(text), rng).split()
        assert kept
        assert kept == sorted(kept)
        assert set(kept) <= set(text)
    assert delete_words("", rng) == ""


def test_damage_deletes_about_sixty_percent_of_the_words() -> None:
    rows = pd.DataFrame({"text": [" ".join(f"w{row}-{word}" for word in range(40)) for row in range(200)]})
    pairs = convert(rows, "texts", "damaged-pairs")
    assert pairs["original"].tolist() == rows["text"].tolist()
    kept = pairs["damaged"].str.split().str.len().sum() / 8000
    # Five standard deviations of 8,000 draws.
    assert abs(kept - 0.4) < 5 * (0.4 * 0.6 / 8000) ** 0.5


def test_lone_kept_word_is_any_of_the_words() -> None:
    rng = np.random.default_rng(3)
    alone = Counter(text for _ in range(2000) if " " not in (text := delete_words("a b c", rng)))
    assert min(alone["a"], alone["b"], alone["c"]) > 0.8 * max(alone.values())


def test_recombined_pairs_are_ten_times_as_many_none_gold_and_none_twice() -> None:
    rows = pd.DataFrame({"anchor": [f"a{n}" for n in range(50)], "positive": [f"b{n}" for n in range(50)]})
    pairs = tuples(convert(rows, "pairs", "unlabelled-pairs"))
    assert len(pairs) == 500
    assert len(set(pairs)) == 500
    assert not set(pairs) & set(tuples(rows))
    assert {first for first, _ in pairs} == set(rows["anchor"])


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("gold", [0.05, 0.3, 0.45, 0.55, 0.9, 0.98, 1.0])
def test_recombined_pairs_are_never_gold_also_when_nearly_all_are(gold: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    every = np.array([(f"a{first}", f"b{second}") for first in range(15) for second in range(12)])
    kept = every[rng.permutation(len(every))[: max(2, round(gold * len(every)))]]
    rows = pd.DataFrame(kept, columns=["sentence1", "sentence2"]).assign(score=1.0)
    possible = set(product(rows["sentence1"], rows["sentence2"])) - set(tuples(rows[["sentence1", "sentence2"]]))
    pairs = tuples(convert(rows, "scored", "unlabelled-pairs", Choices(seed=seed)))
    assert len(pairs) == len(set(pairs)) == min(10 * len(rows), len(possible))
    assert set(pairs) <= possible


def test_recombined_pairs_are_drawn_evenly() -> None:
    rows = pd.DataFrame({"anchor": [f"a{n}" for n in range(60)], "positive": [f"b{n}" for n in range(60)]})
    drawn = pd.concat([convert(rows, "pairs", "unlabelled-pairs", Choices(seed=seed)) for seed in range(20)])
    # Each of 60 texts stands in 200 pairs of 12,000 on average; five standard deviations.
    for column in ("sentence1", "sentence2"):
        assert (drawn[column].value_counts() - 200).abs().max() < 5 * 200**0.5


def test_impossible_shape_names_the_possible_ones() -> None:
    with pytest.raises(ConfigError, match="texts rows cannot become triplets; they can become plain-texts, damaged-pairs"):
        convert(TEXTS, "texts", "triplets")


def test_pair_that_is_called_both_things_gives_no_triplet() -> None:
    rows = pd.DataFrame({"premise": ["p", "p"], "hypothesis": ["h", "h"], "label": [0, 2]})
    assert convert(rows, "nli", "triplets").empty


def test_recombined_pair_is_never_a_text_with_itself() -> None:
    rows = pd.DataFrame({"anchor": ["a", "b", "c", "d"], "positive": ["b", "c", "d", "a"]})
    pairs = convert(rows, "pairs", "unlabelled-pairs")
    assert len(pairs) == count_recombined(rows) == 16 - 4 - 4
    assert (pairs["sentence1"] != pairs["sentence2"]).all()
