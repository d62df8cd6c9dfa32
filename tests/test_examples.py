import pandas as pd
import pytest

from core.errors import ConfigError
from core.examples import convert, shapes_from

NLI = pd.DataFrame(
    [
        ("p1", "e1a", 0), ("p1", "e1b", 0), ("p1", "e1c", 0), ("p1", "n1", 1), ("p1", "c1a", 2), ("p1", "c1b", 2),
        ("p2", "e2", 0), ("p3", "c3", 2),
    ],
    columns=["premise", "hypothesis", "label"],
)  # fmt: skip


def test_class_pairs_keep_every_row_and_its_label() -> None:
    pairs = convert(NLI, "nli", "class-pairs")
    assert list(pairs.columns) == ["sentence1", "sentence2", "label"]
    assert pairs["label"].tolist() == NLI["label"].tolist()


def test_only_an_entailment_scores_one() -> None:
    assert convert(NLI, "nli", "scored-pairs")["score"].tolist() == [1, 1, 1, 0, 0, 0, 1, 0]


def test_positive_pairs_are_the_entailments_alone() -> None:
    assert convert(NLI, "nli", "positive-pairs")["positive"].tolist() == ["e1a", "e1b", "e1c", "e2"]


def test_hard_negative_contradicts_the_same_premise_and_contradictions_take_turns() -> None:
    triplets = convert(NLI, "nli", "triplets")
    assert list(map(tuple, triplets.to_numpy())) == [("p1", "e1a", "c1a"), ("p1", "e1b", "c1b"), ("p1", "e1c", "c1a")]


def test_conversion_leaves_the_rows_as_they_were() -> None:
    before = NLI.copy()
    for shape in shapes_from("nli"):
        convert(NLI, "nli", shape)
    pd.testing.assert_frame_equal(NLI, before)


def test_impossible_shape_names_the_possible_ones() -> None:
    with pytest.raises(ConfigError, match="scored rows cannot become triplets; they can become scored-pairs"):
        convert(NLI, "scored", "triplets")
