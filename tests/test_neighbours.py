"""Neighbours in the space and on the map, against plain sorting and scikit-learn."""

import numpy as np
import pytest

from core import neighbours
from core.neighbours import Nearest, nearest_by_cosine, nearest_on_map, purity, shared, trustworthiness
from tests.small_films import on_sphere

RANDOM = np.random.default_rng(3)
VECTORS = on_sphere(RANDOM.normal(size=(70, 12)))
PLACES = RANDOM.normal(size=(70, 2))


def sorted_by_cosine(vectors: np.ndarray, row: int) -> list[int]:
    others = [other for other in range(len(vectors)) if other != row]
    return sorted(others, key=lambda other: -float(vectors[row] @ vectors[other]))


@pytest.mark.parametrize("rows_at_once", [2000, 16])
def test_nearest_by_cosine_are_those_of_a_full_sort(rows_at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "ROWS_AT_ONCE", rows_at_once)
    rows, cosines = nearest_by_cosine(VECTORS, 7)
    assert rows.tolist() == [sorted_by_cosine(VECTORS, row)[:7] for row in range(len(VECTORS))]
    np.testing.assert_allclose(cosines, np.take_along_axis(VECTORS @ VECTORS.T, rows, axis=1), atol=1e-6)
    assert (np.diff(cosines, axis=1) <= 0).all()


@pytest.mark.parametrize("rows_at_once", [2000, 16])
def test_nearest_on_the_map_are_those_of_a_full_sort(rows_at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "ROWS_AT_ONCE", rows_at_once)
    distances = np.linalg.norm(PLACES[:, None] - PLACES[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    assert nearest_on_map(PLACES, 7).tolist() == np.argsort(distances, axis=1)[:, :7].tolist()


@pytest.mark.parametrize("texts", [1, 2, 5])
def test_few_texts_have_all_others_as_neighbours(texts: int) -> None:
    rows, cosines = nearest_by_cosine(VECTORS[:texts])
    assert rows.shape == cosines.shape == nearest_on_map(PLACES[:texts]).shape == (texts, texts - 1)
    for row, near in enumerate(rows.tolist()):
        assert sorted([row, *near]) == list(range(texts))


def test_no_text_is_its_own_neighbour_where_all_are_alike() -> None:
    rows, _ = nearest_by_cosine(np.tile(VECTORS[:1], (30, 1)))
    assert not (rows == np.arange(30)[:, None]).any()
    assert not (nearest_on_map(np.zeros((30, 2))) == np.arange(30)[:, None]).any()


def test_shared_is_the_share_of_neighbours_in_both_lists() -> None:
    first, second = np.array([[1, 2, 3, 4], [0, 2, 3, 4]]), np.array([[4, 3, 9, 8], [5, 6, 7, 8]])
    assert shared(first, second).tolist() == [0.5, 0.0]
    assert shared(first, first).tolist() == [1.0, 1.0]
    assert shared(first[:, :2], second).tolist() == [0.0, 0.0], "lists are compared at the shorter length"
    assert shared(np.empty((1, 0), int), np.empty((1, 0), int)).tolist() == [1.0]


def test_purity_is_the_share_of_neighbours_of_the_own_group() -> None:
    near, groups = np.array([[1, 2], [0, 2], [0, 1]]), np.array([0, 0, 1])
    assert purity(near, groups) == pytest.approx(2 / 6)
    assert purity(near, np.zeros(3)) == 1.0
    assert purity(np.empty((1, 0), int), np.zeros(1)) == 1.0


@pytest.mark.parametrize(("texts", "count"), [(70, 10), (70, 3), (24, 10), (9, 4)])
def test_trustworthiness_is_that_of_scikit_learn(texts: int, count: int) -> None:
    from sklearn.manifold import trustworthiness as of_sklearn

    vectors, places = VECTORS[:texts], PLACES[:texts]
    expected = of_sklearn(vectors, places, n_neighbors=count, metric="cosine")
    assert trustworthiness(vectors, places, count) == pytest.approx(expected, abs=1e-9)


def test_a_map_that_is_the_space_can_be_trusted_wholly() -> None:
    circle = on_sphere(RANDOM.normal(size=(40, 2)))
    assert trustworthiness(circle, circle) == 1.0


@pytest.mark.parametrize("texts", [1, 2])
def test_one_and_two_texts_have_nothing_to_mistrust(texts: int) -> None:
    assert trustworthiness(VECTORS[:texts], PLACES[:texts]) == 1.0


def test_neighbours_of_a_frame_are_worked_out_once_and_cut_to_the_number_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    nearest = Nearest(np.stack([VECTORS, VECTORS[::-1]]), 15)
    rows, cosines = nearest.of(1, 15)
    monkeypatch.setattr("core.neighbours.nearest_by_cosine", None)
    np.testing.assert_array_equal(nearest.of(1)[0], rows[:, :10])
    np.testing.assert_array_equal(nearest.of(1)[1], cosines[:, :10])
    monkeypatch.undo()
    for found, expected in zip(nearest.of(0), nearest_by_cosine(VECTORS), strict=True):
        np.testing.assert_array_equal(found, expected)
