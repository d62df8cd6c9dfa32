"""The held-out part's figures, against slow versions of what they say."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.config import build_config
from core.held_out import (
    CONSTANT_COSINES,
    CONSTANT_GOLD,
    can_be_scored,
    correlations,
    held_out_record,
    reciprocal_rank,
    score_held_out,
    triplet_accuracy,
)
from core.models import load_model
from core.places import Places
from core.prepare import prepare
from tests.conftest import Unwatched


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_reciprocal_rank_passes_over_other_right_answers() -> None:
    frame = pd.DataFrame({"anchor": ["q1", "q1", "q2"], "positive": ["a", "b", "c"]}).astype("str")
    places = {"q1": [1.0, 0.0], "q2": [0.0, 1.0], "a": [1.0, 0.1], "b": [1.0, 0.5], "c": [1.0, 0.4]}
    vectors = {column: unit(np.array([places[text] for text in frame[column]])) for column in frame}
    # q1 with a: first. q1 with b: a is right too, c stands before it: second. q2 with c: b stands before it: second.
    assert reciprocal_rank(frame, vectors).figures["mrr_10"] == pytest.approx((1 + 1 / 2 + 1 / 2) / 3)


def test_reciprocal_rank_equals_sorting_by_hand_on_random_vectors() -> None:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"anchor": [f"q{n}" for n in range(60)], "positive": [f"p{n}" for n in range(60)]}).astype("str")
    vectors = {column: unit(rng.normal(size=(60, 5))) for column in frame}
    total = 0.0
    for row in range(60):
        order = sorted(range(60), key=lambda other: -float(vectors["anchor"][row] @ vectors["positive"][other]))
        rank = order.index(row) + 1
        total += 1 / rank if rank <= 10 else 0
    assert reciprocal_rank(frame, vectors).figures["mrr_10"] == pytest.approx(total / 60)


def test_triplet_accuracy_counts_nearer_positives() -> None:
    vectors = {"anchor": np.eye(2), "positive": np.eye(2), "negative": np.eye(2)[::-1]}
    assert triplet_accuracy(pd.DataFrame(), vectors).figures == {"accuracy": 1.0}
    turned = vectors | {"positive": np.eye(2)[::-1], "negative": np.eye(2)}
    assert triplet_accuracy(pd.DataFrame(), turned).figures == {"accuracy": 0.0}
    assert triplet_accuracy(pd.DataFrame(), turned).values == {"per_example": {"accuracy": [0.0, 0.0]}}


@pytest.mark.parametrize(
    ("scores", "second", "why"),
    [([1, 1, 1], np.random.default_rng(0).normal(size=(3, 3)), CONSTANT_GOLD), ([0, 0.5, 1], np.eye(3), CONSTANT_COSINES)],
)
def test_correlations_that_are_none_say_why_in_a_sentence(scores: list[float], second: np.ndarray, why: str) -> None:
    found = correlations(pd.DataFrame({"score": scores}), {"sentence1": np.eye(3), "sentence2": unit(second)})
    assert found.figures == {"pearson_cosine": 0.0, "spearman_cosine": 0.0}
    assert found.values["note"] == why


def test_values_of_single_examples_make_the_figure() -> None:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"anchor": [f"q{n}" for n in range(30)], "positive": [f"p{n}" for n in range(30)]}).astype("str")
    found = reciprocal_rank(frame, {column: unit(rng.normal(size=(30, 5))) for column in frame})
    assert np.mean(found.values["per_example"]["mrr_10"]) == pytest.approx(found.figures["mrr_10"], abs=1e-6)


def test_own_pairs_are_scored_and_other_answers_are_harder_than_few(tmp_path: Path, runs_dir: Path) -> None:
    path = tmp_path / "mine.csv"
    animals = ["otter", "falcon", "badger", "salmon", "beetle", "heron", "marten", "viper", "lynx", "raven"]
    lines = [f"the {one} number {n} sleeps,a {one} with the number {n} is resting\n" for n in range(10) for one in animals]
    path.write_text("anchor,positive\n" + "".join(lines))
    prepared = prepare(build_config({"data": f"file:{path}"}), Places(None, runs_dir), Unwatched())
    assert can_be_scored(prepared)
    score = score_held_out(load_model("static-minilm", runs_dir, "cpu"), prepared, 32)
    assert 0.5 < score.figures["mrr_10"] <= 1
    record = held_out_record(prepared, score, 0.0)
    assert len(record["per_example"]["mrr_10"]) == record["pairs"] == len(prepared.held_out())
    assert "otter" not in json.dumps(record)


def test_sample_has_no_held_out_part_to_score(runs_dir: Path) -> None:
    assert not can_be_scored(prepare(build_config({}), Places(None, runs_dir), Unwatched()))
