"""Rows that hang together by equal texts, against a naive union-find; the held-out part shares no text with training."""

import numpy as np
import pandas as pd
import pytest

from core.examples import text_keys
from core.groups import connected_groups, hold_out


def naive_groups(columns: list[list[int]]) -> list[int]:
    """Join rows pair by pair until nothing changes."""
    rows = list(zip(*columns, strict=True))
    group = list(range(len(rows)))
    changed = True
    while changed:
        changed = False
        for first in range(len(rows)):
            for second in range(first):
                if set(rows[first]) & set(rows[second]) and group[first] != group[second]:
                    group[first] = group[second] = min(group[first], group[second])
                    changed = True
    return group


def partition(groups: list[int]) -> set[frozenset[int]]:
    return {frozenset(row for row, own in enumerate(groups) if own == group) for group in groups}


def texts_of(frame: pd.DataFrame, columns: list[str]) -> set[int]:
    return {int(key) for column in columns for key in text_keys(frame[column])}


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("width", [1, 2, 3])
def test_groups_are_those_of_a_naive_union_find(width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    columns = [rng.integers(0, 60, 40) for _ in range(width)]
    groups = connected_groups(columns)
    assert partition(groups.tolist()) == partition(naive_groups([column.tolist() for column in columns]))
    assert set(groups.tolist()) == set(range(groups.max() + 1))


def test_chain_of_rows_is_one_group_also_across_columns() -> None:
    first, second = np.array([1, 2, 9, 3]), np.array([2, 3, 8, 1])
    assert connected_groups([first, second]).tolist() == [0, 0, 1, 0]


def test_no_rows_have_no_groups() -> None:
    assert connected_groups([np.array([], dtype=np.uint64)]).tolist() == []


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
def test_no_text_stands_on_both_sides_and_no_more_is_held_out_than_asked(share: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    draw = lambda: [("Text", "text ", "TEXT")[rng.integers(3)] + f"{rng.integers(0, 300)}" for _ in range(200)]  # noqa: E731
    frame = pd.DataFrame({"anchor": draw(), "positive": draw()})
    mask = hold_out(frame, ["anchor", "positive"], share, seed).mask
    assert 0 < mask.sum() <= share * len(frame)
    held, kept = (texts_of(frame[side], ["anchor", "positive"]) for side in (mask, ~mask))
    assert not held & kept


def test_case_and_outer_spaces_do_not_bring_a_text_to_the_other_side() -> None:
    frame = pd.DataFrame(
        {"text": [f"{'A' if turn else 'a'} text {number}" + " " * turn for number in range(50) for turn in (0, 1)]}
    )
    mask = hold_out(frame, ["text"], 0.1, 3).mask
    assert mask.sum() == 10
    assert (mask[::2] == mask[1::2]).all()


def test_rows_that_hang_by_nothing_are_held_out_to_the_share() -> None:
    frame = pd.DataFrame({"text": [f"t{number}" for number in range(500)]})
    part = hold_out(frame, ["text"], 0.1, 1)
    assert (part.mask.sum(), part.note) == (50, "")


def test_no_more_than_a_thousand_rows_are_held_out() -> None:
    frame = pd.DataFrame({"text": [f"t{number}" for number in range(30_000)]})
    assert hold_out(frame, ["text"], 0.1, 1).mask.sum() == 1000


def test_same_seed_holds_out_the_same_part_and_another_seed_another() -> None:
    frame = pd.DataFrame({"text": [f"t{number % 170}" for number in range(200)]})
    first, again, other = (hold_out(frame, ["text"], 0.1, seed).mask for seed in (4, 4, 5))
    assert (first == again).all()
    assert (first != other).any()


def test_one_giant_group_stays_in_training_and_leaves_a_note() -> None:
    frame = pd.DataFrame(
        {"anchor": ["the same question"] * 90 + [f"q{n}" for n in range(10)], "positive": [f"d{n}" for n in range(100)]}
    )
    part = hold_out(frame, ["anchor", "positive"], 0.1, 0)
    assert (part.mask[:90].sum(), part.mask[90:].sum(), part.note) == (0, 10, "")
    part = hold_out(frame.head(92), ["anchor", "positive"], 0.1, 0)
    assert (part.mask.sum(), part.note) == (2, "2 rows in place of 9: the others hang together by equal texts")
    part = hold_out(frame.head(90), ["anchor", "positive"], 0.1, 0)
    assert (part.mask.any(), part.note) == (False, "0 rows in place of 9: the others hang together by equal texts")


def test_too_few_rows_leave_a_note_and_a_share_of_nothing_leaves_none() -> None:
    frame = pd.DataFrame({"text": ["one", "two", "three"]})
    assert hold_out(frame, ["text"], 0.1, 0).note == "3 rows are too few to hold a part out"
    part = hold_out(frame, ["text"], 0.0, 0)
    assert (part.mask.tolist(), part.note) == ([False] * 3, "")
