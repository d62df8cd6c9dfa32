"""Right answers that a batch would push away: counted pair by pair, and met in batches that are all listed or drawn."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from core.false_negatives import class_conflicts, false_negative_conflicts, false_negative_share


def random_pairs(seed: int, rows: int, anchors: int, positives: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "anchor": [f"a{draw}" for draw in rng.integers(0, anchors, rows)],
            "positive": [f"p{draw}" for draw in rng.integers(0, positives, rows)],
        }
    )


def conflicts_of(pairs: pd.DataFrame) -> list[set[int]]:
    """List, for each row, the other rows whose positive is a positive of its anchor."""
    right: dict[str, set[str]] = {}
    for row in pairs.itertuples():
        right.setdefault(row.anchor, set()).add(row.positive)
    return [
        {other for other, positive in enumerate(pairs["positive"]) if other != row and positive in right[anchor]}
        for row, anchor in enumerate(pairs["anchor"])
    ]


@pytest.mark.parametrize("seed", range(20))
def test_conflicts_are_those_counted_pair_by_pair(seed: int) -> None:
    pairs = random_pairs(seed, 40, 15, 12)
    counted = [len(conflicts) for conflicts in conflicts_of(pairs)]
    assert false_negative_conflicts(pairs) == {count: counted.count(count) for count in sorted(set(counted))}


def test_case_and_outer_spaces_make_no_other_text() -> None:
    pairs = pd.DataFrame({"anchor": ["A cat", "a cat "], "positive": ["It sits.", "It purrs."]})
    assert false_negative_conflicts(pairs) == {1: 2}


def test_pairs_that_share_nothing_have_no_conflicts() -> None:
    assert false_negative_conflicts(random_pairs(0, 2, 1, 1).head(0)) == {}
    lone = pd.DataFrame({"anchor": ["a", "b"], "positive": ["c", "d"]})
    assert false_negative_conflicts(lone) == {0: 2}
    assert false_negative_share({0: 2}, 2) == 0.0


@pytest.mark.parametrize("batch_size", [1, 2, 3, 5, 8, 9, 64])
@pytest.mark.parametrize("seed", range(4))
def test_share_is_that_of_all_batches_there_are(batch_size: int, seed: int) -> None:
    pairs = random_pairs(seed, 8, 4, 5)
    conflicts = conflicts_of(pairs)
    batches = list(combinations(range(8), min(batch_size, 8)))
    met = [bool(conflicts[row] & set(batch)) for batch in batches for row in batch]
    share = false_negative_share(false_negative_conflicts(pairs), batch_size)
    assert share == pytest.approx(sum(met) / len(met), abs=1e-12)


def test_share_is_that_of_drawn_batches() -> None:
    pairs = random_pairs(1, 300, 120, 200)
    conflicts = conflicts_of(pairs)
    table = np.zeros((300, 300), dtype=bool)
    for row, others in enumerate(conflicts):
        table[row, list(others)] = True
    rng = np.random.default_rng(0)
    shares = []
    for _ in range(3000):
        batch = rng.permutation(300)[:32]
        shares.append(table[np.ix_(batch, batch)].any(axis=1).mean())
    error = np.std(shares) / len(shares) ** 0.5
    share = false_negative_share(false_negative_conflicts(pairs), 32)
    assert 0.1 < share < 0.9
    assert abs(share - np.mean(shares)) < 5 * error


def test_share_of_a_million_rows_is_exact_enough_and_grows_with_the_batch() -> None:
    conflicts = {0: 400_000, 1: 600_000}
    shares = [false_negative_share(conflicts, batch_size) for batch_size in (2, 32, 1024, 1_000_000)]
    # One conflict among n - 1 others is in the batch with probability (b - 1) / (n - 1).
    assert shares == pytest.approx([0.6 * (size - 1) / 999_999 for size in (2, 32, 1024, 1_000_000)], abs=1e-8)


def test_batch_of_nothing_meets_nothing() -> None:
    assert false_negative_share({}, 32) == 0.0
    assert false_negative_share({3: 4}, 1) == 0.0
    assert false_negative_share({3: 4}, 4) == 1.0


def test_texts_of_a_class_conflict_with_all_others_of_it() -> None:
    assert class_conflicts(pd.Series(["a", "a", "b", "a", "c"])) == {2: 3, 0: 2}
