"""Measures of the space, each against the formula written out as loops over 50 vectors."""

import math
from dataclasses import fields
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pytest

from core.errors import DataError, DivergenceError
from core.evaluation import default_evaluation_set
from core.events import MeasureEvent
from core.measures import BINS, MEASURES, NEGATIVE_TO, POSITIVE_FROM, UNIFORMITY_TEXTS, SpaceMeasures, measure_space
from core.model_choice import PlainModel
from core.models import load_model
from core.places import Places

RANDOM = np.random.default_rng(11)
# 25 pairs are 50 texts, of any length, none of them around the origin: cosines of all sizes.
FIRST = RANDOM.normal(0.4, 1, (25, 8)) * RANDOM.uniform(0.1, 30, (25, 1))
SECOND = FIRST + RANDOM.normal(0.4, 6, (25, 8))
GOLD = RANDOM.choice([0.0, 0.1, NEGATIVE_TO, 0.5, POSITIVE_FROM, 0.9, 1.0], 25)
MEASURED = measure_space(FIRST, SECOND, GOLD)


def cosine_of(left: np.ndarray, right: np.ndarray) -> float:
    dot = sum(float(x) * float(y) for x, y in zip(left, right, strict=True))
    return dot / (math.hypot(*left) * math.hypot(*right))


def squared_distance(left: np.ndarray, right: np.ndarray) -> float:
    on_sphere = [[float(x) / math.hypot(*text) for x in text] for text in (left, right)]
    return sum((x - y) ** 2 for x, y in zip(*on_sphere, strict=True))


def pairs_of(is_wanted: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(FIRST[i], SECOND[i]) for i in range(len(GOLD)) if is_wanted[i]]


def on_plane(*degrees: float) -> np.ndarray:
    return np.array([[math.cos(math.radians(degree)), math.sin(math.radians(degree))] for degree in degrees])


def test_alignment_is_the_mean_squared_distance_of_positives() -> None:
    distances = [squared_distance(*pair) for pair in pairs_of(GOLD >= POSITIVE_FROM)]
    assert len(distances) > 5
    assert MEASURED.alignment == pytest.approx(sum(distances) / len(distances), rel=1e-9)


def test_uniformity_is_the_log_of_the_mean_gaussian_potential() -> None:
    potentials = [math.exp(-2 * squared_distance(*two)) for two in combinations([*FIRST, *SECOND], 2)]
    assert len(potentials) == 50 * 49 / 2
    assert MEASURED.uniformity == pytest.approx(math.log(sum(potentials) / len(potentials)), abs=1e-6)


def test_random_cosine_is_the_mean_over_all_pairs_of_texts() -> None:
    cosines = [cosine_of(*two) for two in combinations([*FIRST, *SECOND], 2)]
    assert MEASURED.random_cosine == pytest.approx(sum(cosines) / len(cosines), rel=1e-9)


def test_auc_counts_the_positives_above_each_negative() -> None:
    positives, negatives = pairs_of(GOLD >= POSITIVE_FROM), pairs_of(GOLD <= NEGATIVE_TO)
    above = [cosine_of(*positive) > cosine_of(*negative) for positive, negative in product(positives, negatives)]
    assert 0 < sum(above) < len(above)
    assert MEASURED.auc == pytest.approx(sum(above) / len(above), rel=1e-12)


def test_auc_counts_a_tie_as_half() -> None:
    second = on_plane(60, 30, 60, 60, 0, 90)
    measured = measure_space(on_plane(0, 0, 0, 0, 0, 0), second, np.array([1.0, 1.0, 0.0, 0.0, 0.5, 0.0]))
    # 60 degrees ties with two negatives and beats one; 30 degrees beats all three; what has no clear gold does not count.
    assert measured.auc == (0.5 + 0.5 + 1 + 3) / 6


def test_auc_knows_order_from_its_reverse() -> None:
    here, near, far = on_plane(0, 0), on_plane(10, 20), on_plane(80, 90)
    gold = np.array([1.0, 1.0, 0.0, 0.0])
    assert measure_space(np.concatenate([here, here]), np.concatenate([near, far]), gold).auc == 1
    assert measure_space(np.concatenate([here, here]), np.concatenate([far, near]), gold).auc == 0


def test_histograms_count_the_cosines_of_each_class() -> None:
    for counts, is_wanted in ((MEASURED.positives, GOLD >= POSITIVE_FROM), (MEASURED.negatives, GOLD <= NEGATIVE_TO)):
        expected = [0] * BINS
        for pair in pairs_of(is_wanted):
            expected[math.floor((cosine_of(*pair) + 1) / 2 * BINS)] += 1
        assert counts == expected
        assert sum(counts) == is_wanted.sum() < len(GOLD)


def test_cosines_of_exactly_one_and_minus_one_fall_into_the_last_and_the_first_bin() -> None:
    # Rounding puts the cosine of a text with itself a little above 1 for some of these.
    texts = RANDOM.normal(size=(200, 384)).astype(np.float32)
    measured = measure_space(np.concatenate([texts, texts]), np.concatenate([texts, -texts]), np.repeat([1.0, 0.0], 200))
    assert measured.positives == [0] * (BINS - 1) + [200]
    assert measured.negatives == [200] + [0] * (BINS - 1)


def test_length_of_an_embedding_makes_no_difference() -> None:
    scaled = measure_space(FIRST * 1e-20, SECOND * np.linspace(1e-3, 1e30, 25)[:, None], GOLD)
    for name in ("alignment", "uniformity", "random_cosine", "auc"):
        assert getattr(scaled, name) == pytest.approx(getattr(MEASURED, name), rel=1e-6)


def test_half_precision_gives_nearly_the_same() -> None:
    half = measure_space(FIRST.astype(np.float16), SECOND.astype(np.float16), GOLD)
    assert half.alignment == pytest.approx(MEASURED.alignment, rel=1e-2)
    assert half.uniformity == pytest.approx(MEASURED.uniformity, rel=1e-2)


# Where there are more than are looked at, a text drawn twice would show as a pair at distance 0.
@pytest.mark.parametrize("pairs", [300, 3 * UNIFORMITY_TEXTS // 4])
def test_even_spread_is_near_the_best_uniformity(pairs: int) -> None:
    texts = RANDOM.normal(size=(2, pairs, 384))
    measured = measure_space(texts[0], texts[1], np.ones(pairs))
    assert -4 < measured.uniformity < -3.965
    assert abs(measured.random_cosine) < 0.01


def test_seed_decides_which_texts_count_where_there_are_many() -> None:
    texts = RANDOM.normal(0.3, 1, (2, UNIFORMITY_TEXTS, 4)).astype(np.float32)
    gold = RANDOM.random(UNIFORMITY_TEXTS)
    one, again, other = (measure_space(*texts, gold, seed=seed) for seed in (1, 1, 2))
    assert one == again
    assert one.uniformity != other.uniformity
    assert one.uniformity == pytest.approx(other.uniformity, abs=0.1)
    assert one.random_cosine == other.random_cosine


def test_embeddings_handed_in_are_left_as_they_were() -> None:
    first, second = FIRST.copy(), SECOND.copy()
    measure_space(first, second, GOLD)
    np.testing.assert_array_equal(first, FIRST)
    np.testing.assert_array_equal(second, SECOND)


def test_what_has_no_pair_is_not_there() -> None:
    only_negatives = measure_space(FIRST, SECOND, np.zeros(25))
    assert only_negatives.alignment is None
    assert only_negatives.auc is None
    assert sum(only_negatives.positives) == 0
    assert sum(only_negatives.negatives) == 25
    only_positives = measure_space(FIRST, SECOND, np.ones(25))
    assert only_positives.alignment is not None
    assert only_positives.auc is None


def test_one_pair_is_enough() -> None:
    measured = measure_space(on_plane(0), on_plane(60), np.array([1.0]))
    assert measured.random_cosine == pytest.approx(0.5)
    assert measured.alignment == pytest.approx(1.0)
    assert measured.uniformity == pytest.approx(-2.0)


def test_no_pair_is_refused() -> None:
    with pytest.raises(DataError, match="no pairs"):
        measure_space(FIRST[:0], SECOND[:0], GOLD[:0])


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
def test_embedding_that_is_no_number_is_divergence(broken: float) -> None:
    second = SECOND.copy()
    second[3, 2] = broken
    with pytest.raises(DivergenceError, match="learning rate"):
        measure_space(FIRST, second, GOLD)


def test_same_direction_for_all_has_collapsed() -> None:
    centre = RANDOM.normal(size=384)
    # As far apart as in a real collapse: MiniLM trained with positives only has a mean cosine of .99998 after 20 steps.
    spread = centre + RANDOM.normal(0, 0.004, (2, 100, 384))
    measured = measure_space(spread[0] * 5, spread[1], np.tile([1.0, 0.0], 50))
    assert 0.99995 < measured.random_cosine < 0.99999
    assert measured.has_collapsed
    assert measured.uniformity == pytest.approx(0, abs=1e-3)


def test_same_embedding_for_all_has_collapsed() -> None:
    same = np.full((40, 16), 0.37, dtype=np.float32)
    measured = measure_space(same, same, np.tile([1.0, 0.0], 20))
    assert measured.has_collapsed
    assert measured.alignment == 0
    assert measured.auc == 0.5
    assert measured.uniformity == pytest.approx(0, abs=1e-6)


def test_zero_embedding_for_all_has_collapsed() -> None:
    zeros = np.zeros((40, 16), dtype=np.float32)
    assert measure_space(zeros, zeros, np.ones(40)).has_collapsed


def test_two_opposite_spots_are_no_collapse() -> None:
    assert not measure_space(np.ones((20, 4)), -np.ones((20, 4)), np.zeros(20)).has_collapsed


@pytest.mark.parametrize(
    ("name", "pooling"),
    [
        ("static-minilm", None),
        ("static-random", None),
        ("all-minilm-l6-v2", None),
        ("minilm-from-nothing", None),
        # The nearest to a collapse that a model with something to learn from was found to be.
        ("minilm-from-nothing", "cls"),
    ],
)
def test_no_model_has_collapsed_before_its_first_step(runs_dir: Path, name: str, pooling: str | None) -> None:
    pairs = default_evaluation_set(Places())
    model = load_model(PlainModel(name, pooling=pooling), runs_dir, "cpu")
    first, second = (model.encode(texts[:100], show_progress_bar=False) for texts in (pairs.sentences1, pairs.sentences2))
    measured = measure_space(first, second, np.array(pairs.gold[:100]))
    assert not measured.has_collapsed
    assert measured.auc is not None
    assert measured.auc > 0.6


def test_every_measure_of_the_event_has_a_reading() -> None:
    shown = {field.name for field in fields(SpaceMeasures)}
    assert shown == {field.name for field in fields(MeasureEvent)} - {"step"}
    assert set(MEASURES) == shown - {"positives", "negatives"} | {"histogram"}
    assert all(reading.endswith(".") and "better" in reading for _, reading in MEASURES.values())
