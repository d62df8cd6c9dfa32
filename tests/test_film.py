"""What is told of each frame, reckoned again by hand."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from core import film
from core.film import movement, recall_on_map, tell_frames, way
from core.measures import measure_space
from core.neighbours import nearest_by_cosine, trustworthiness
from core.projection import principal_plane
from tests.small_films import made_up_film, on_sphere, probe_json

FRAMES = made_up_film(3, 48)
PLACES = principal_plane(FRAMES[-1]).place(FRAMES)
PAIRS = [(int(first), int(second), float(gold)) for first, second, gold in probe_json(48)["pairs"]]
GROUPS = {"label": [f"group {row % 4}" for row in range(48)], "half": ["a"] * 24 + ["b"] * 24}


def near_sets(vectors: np.ndarray) -> list[set[int]]:
    order = np.argsort(-(vectors @ vectors.T), axis=1)
    return [set([other for other in near if other != row][:10]) for row, near in enumerate(order.tolist())]


def test_each_frame_is_told_as_by_hand() -> None:
    told = tell_frames(FRAMES, PLACES, PAIRS, GROUPS)
    near = [near_sets(vectors) for vectors in FRAMES]
    changed = np.mean([1 - len(one & other) / 10 for one, other in zip(near[0], near[1], strict=True)])
    same = np.mean([[GROUPS["half"][other] == GROUPS["half"][row] for other in own] for row, own in enumerate(near[2])])
    assert [frame["changed"] for frame in told[:2]] == [0.0, pytest.approx(changed, abs=1e-5)]
    assert told[2]["purity"] == {"label": 1.0, "half": pytest.approx(same, abs=1e-5)}
    assert told[0]["moved"] == 0.0
    assert told[1]["moved"] == pytest.approx(way(PLACES[0], PLACES[1]), abs=1e-5)
    assert [frame["trustworthiness"] for frame in told] == [
        pytest.approx(trustworthiness(vectors, places), abs=1e-5) for vectors, places in zip(FRAMES, PLACES, strict=True)
    ]
    assert told[0]["purity"]["label"] < told[1]["purity"]["label"] <= told[2]["purity"]["label"]
    json.dumps(told, allow_nan=False)


def test_space_is_measured_on_the_pairs_that_belong_together() -> None:
    pairs = [(0, 4, 1.0), (1, 5, 0.8), (2, 6, 0.9), (0, 1, 0.0), (3, 7, 0.5)]
    told = tell_frames(FRAMES[-1:], PLACES[-1:], pairs, {})[0]["space"]
    first, second = FRAMES[-1][[0, 1, 2, 0, 1, 2]], FRAMES[-1][[4, 5, 6, 6, 4, 5]]
    expected = asdict(measure_space(first, second, np.array([1.0, 1, 1, 0, 0, 0])))
    assert told == {key: pytest.approx(value, abs=1e-5) for key, value in expected.items()}
    assert sum(told["positives"]) == sum(told["negatives"]) == 3


@pytest.mark.parametrize("pairs", [[], [(0, 4, 1.0)], [(0, 1, 0.0), (1, 2, 0.3)]])
def test_without_two_pairs_that_belong_together_no_space_is_told(pairs: list[tuple[int, int, float]]) -> None:
    assert tell_frames(FRAMES, PLACES, pairs, GROUPS)[0]["space"] == {}


def test_frames_that_stand_still_have_not_changed_or_moved() -> None:
    told = tell_frames(FRAMES[[1, 1]], PLACES[[1, 1]], PAIRS, GROUPS)[1]
    assert (told["changed"], told["moved"]) == (0, 0)


def test_growing_alone_is_no_way() -> None:
    assert way(PLACES[1], 5 * PLACES[1] + 3) == pytest.approx(0, abs=1e-12)
    assert way(PLACES[1], -PLACES[1]) > 1


def test_movement_is_one_minus_the_cosine_of_before_and_after() -> None:
    before = on_sphere(np.array([[1.0, 0], [1, 0], [1, 0]]))
    after = on_sphere(np.array([[1.0, 0], [0, 1], [-1, 0]]))
    np.testing.assert_allclose(movement(before, after), [0, 1, 2], atol=1e-6)
    assert movement(before, np.ones((3, 5), np.float32)).tolist() == [0, 0, 0]


def test_recall_is_one_where_the_map_holds_the_whole_space() -> None:
    angles = np.sort(np.random.default_rng(5).uniform(0, 1.5, 30))
    arc = on_sphere(np.stack([np.cos(angles), np.sin(angles)], axis=1))
    assert recall_on_map(nearest_by_cosine(arc)[0], arc).tolist() == [1.0] * 30
    near = [set(np.argsort(np.linalg.norm(PLACES[2] - place, axis=1))[1:11].tolist()) for place in PLACES[2]]
    expected = [len(one & other) / 10 for one, other in zip(near_sets(FRAMES[2]), near, strict=True)]
    np.testing.assert_allclose(recall_on_map(nearest_by_cosine(FRAMES[2])[0], PLACES[2]), expected)


def test_of_many_texts_a_seeded_part_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = tell_frames(FRAMES, PLACES, [], {})
    monkeypatch.setattr(film, "TRUSTED_TEXTS", 25)
    part, again = (tell_frames(FRAMES, PLACES, [], {})[0]["trustworthiness"] for _ in range(2))
    assert part == again
    assert part != whole[0]["trustworthiness"]


@pytest.mark.parametrize("texts", [1, 2, 3])
def test_few_texts_are_told_of_without_a_word_of_nan(texts: int) -> None:
    told = tell_frames(FRAMES[:, :texts], PLACES[:, :texts], [], {"label": ["a"] * texts})
    json.dumps(told, allow_nan=False)
    assert told[1]["changed"] == 0


def test_texts_all_alike_are_told_of_without_a_word_of_nan() -> None:
    alike = np.tile(FRAMES[:, :1], (1, 12, 1))
    json.dumps(tell_frames(alike, np.zeros((3, 12, 2)), [(0, 1, 1.0), (2, 3, 1.0)], {"label": ["a"] * 12}), allow_nan=False)
