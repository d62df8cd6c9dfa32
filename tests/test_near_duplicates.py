"""Near duplicates, against the exact Jaccard index of all pairs."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.near_duplicates import near_duplicate_groups
from tests.test_groups import partition

ROOT = Path(__file__).parent.parent


def grams(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[place : place + 3]) for place in range(len(words) - 2)} or {tuple(words)}


def exact_groups(texts: list[str]) -> list[int]:
    """Compare all pairs, and join those whose Jaccard index is 0.8 or more."""
    sets = [grams(text) for text in texts]
    group = list(range(len(texts)))
    for first in range(len(texts)):
        for second in range(first):
            if len(sets[first] & sets[second]) >= 0.8 * len(sets[first] | sets[second]) and group[first] != group[second]:
                old, new = group[first], group[second]
                group = [new if own == old else own for own in group]
    return group


def planted(seed: int, originals: int = 250) -> list[str]:
    """Make texts of random words, and after every other one some that differ a little, from alike to not alike any more."""
    rng = np.random.default_rng(seed)
    texts = []
    for number in range(originals):
        words = [f"word{draw}" for draw in rng.integers(0, 400, rng.integers(3, 60))]
        texts.append(" ".join(words))
        for _ in range(rng.integers(1, 4) if number % 2 else 0):
            changed = list(words)
            for place in rng.integers(0, len(words), rng.integers(0, 3)):
                changed[place] = "changed"
            texts.append(", ".join(changed).upper() + "!")
    return [texts[place] for place in rng.permutation(len(texts))]


@pytest.mark.parametrize("seed", range(4))
def test_groups_are_those_of_the_exact_index_of_all_pairs(seed: int) -> None:
    texts = planted(seed)
    expected = partition(exact_groups(texts))
    assert 30 < sum(len(group) > 1 for group in expected) < len(expected)
    groups = near_duplicate_groups(texts)
    assert partition(groups.tolist()) == expected
    assert set(groups.tolist()) == set(range(groups.max() + 1))


def test_pairs_at_the_limit_are_found_nearly_always_and_below_it_never() -> None:
    rng = np.random.default_rng(0)
    texts = []
    for number in range(500):
        # 46 words: 44 grams. Cut words at the end: of 44 grams 36 are left (0.818), or 35 (0.795).
        words = [f"w{number}-{draw}".replace("-", "x") for draw in rng.permutation(46)]
        texts += [" ".join(words), " ".join(words[: 38 if number % 2 else 37])]
    groups = near_duplicate_groups(texts).reshape(-1, 2)
    found = groups[:, 0] == groups[:, 1]
    assert not found[::2].any()
    assert found[1::2].mean() >= 0.98


def test_case_and_punctuation_are_forgiven_and_the_order_of_words_is_not() -> None:
    texts = ["The cat sat on the mat.", "the cat sat, on the MAT", "on the mat the cat sat and", "The cat sat on the mat."]
    groups = near_duplicate_groups(texts).tolist()
    assert groups[0] == groups[1] == groups[3] != groups[2]


def test_short_texts_are_alike_only_when_their_words_are() -> None:
    assert near_duplicate_groups(["Good.", "good", "bad", "good day", "day good"]).tolist() == [0, 0, 1, 2, 3]


def test_texts_without_words_are_like_themselves_only() -> None:
    assert near_duplicate_groups(["😀", "😢", "?", "😀"]).tolist() == [0, 1, 2, 0]


def test_no_texts_have_no_groups() -> None:
    assert near_duplicate_groups([]).tolist() == []
    assert near_duplicate_groups(["one"]).tolist() == [0]


def test_same_groups_in_another_process_with_another_hash_seed() -> None:
    texts = planted(9)
    code = (
        "import json, sys; from core.near_duplicates import near_duplicate_groups as groups; "
        "print(json.dumps(groups(json.load(sys.stdin)).tolist()))"
    )
    for seed in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": seed}
        result = subprocess.run(
            [sys.executable, "-c", code],
            input=json.dumps(texts),
            env=environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        assert json.loads(result.stdout) == near_duplicate_groups(texts).tolist()


def test_thousands_of_texts_from_one_mould_are_one_group_and_take_seconds() -> None:
    mould = [f"word{number}" for number in range(40)]
    texts = [" ".join([*mould[:20], f"order{number}", *mould[20:]]) for number in range(20_000)]
    began = time.monotonic()
    groups = near_duplicate_groups(texts)
    assert time.monotonic() - began < 10
    assert groups.max() == 0


@pytest.mark.real_data
def test_hundred_thousand_texts_take_twenty_seconds_at_most(data_dir: Path) -> None:
    snli = pd.read_csv(data_dir / "snli" / "train.csv")
    texts = pd.unique(pd.concat([snli["premise"], snli["hypothesis"]])).tolist()
    words = np.array(sorted({word for text in texts for word in text.split()}), dtype=object)
    rng = np.random.default_rng(0)
    lengths = rng.integers(5, 25, 100_000 - len(texts))
    drawn = np.split(words[rng.integers(0, len(words), lengths.sum())], np.cumsum(lengths)[:-1])
    texts += [" ".join(each) for each in drawn]
    assert len(texts) == 100_000
    began = time.monotonic()
    groups = near_duplicate_groups(texts)
    assert time.monotonic() - began < 20
    assert 0 < groups.max() < len(texts) - 1
