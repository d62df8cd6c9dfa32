"""Embeddings become places on a plane."""

import numpy as np
import pytest

from core.projection import principal_plane, rotate_onto, unit_size

RANDOM = np.random.default_rng(7)
SPREAD = RANDOM.normal(size=(30, 8)) * np.array([9, 5, 1, 1, 1, 1, 1, 1]) + 3


def test_axes_are_those_of_a_singular_value_decomposition() -> None:
    plane = principal_plane(SPREAD)
    centred = SPREAD - SPREAD.mean(axis=0)
    _, values, axes = np.linalg.svd(centred, full_matrices=False)
    np.testing.assert_allclose(plane.explained, (values**2 / (values**2).sum())[:2])
    np.testing.assert_allclose(np.abs((plane.axes * axes[:2]).sum(axis=1)), 1)
    np.testing.assert_allclose(plane.axes @ plane.axes.T, np.eye(2), atol=1e-12)


def test_places_lie_around_the_origin_at_size_one_with_the_wider_axis_first() -> None:
    plane = principal_plane(SPREAD)
    places = plane.place(SPREAD)
    np.testing.assert_allclose(places.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose((places**2).sum(axis=1).mean(), 1)
    np.testing.assert_allclose(places.var(axis=0) * plane.size**2 / SPREAD.var(axis=0).sum(), plane.explained)
    assert plane.explained[0] > plane.explained[1] > 0.1


def test_text_that_did_not_move_keeps_its_place() -> None:
    before = SPREAD + RANDOM.normal(size=SPREAD.shape)
    before[4] = SPREAD[4]
    first, last = principal_plane(SPREAD).place(np.stack([before, SPREAD]))
    np.testing.assert_allclose(first[4], last[4], atol=1e-12)
    assert np.abs(first[5] - last[5]).max() > 1e-3


def test_flat_embeddings_keep_how_their_distances_stand_to_each_other() -> None:
    flat = np.zeros((10, 5))
    flat[:, :2] = RANDOM.normal(size=(10, 2))
    plane = principal_plane(flat)
    places = plane.place(flat)
    for one, other in ((0, 7), (2, 3)):
        np.testing.assert_allclose(
            np.linalg.norm(places[one] - places[other]) * plane.size, np.linalg.norm(flat[one] - flat[other])
        )
    np.testing.assert_allclose(plane.explained.sum(), 1)


def test_order_of_the_texts_does_not_turn_the_picture() -> None:
    order = RANDOM.permutation(len(SPREAD))
    mixed = principal_plane(SPREAD[order]).place(SPREAD[order])
    np.testing.assert_allclose(mixed, principal_plane(SPREAD).place(SPREAD)[order], atol=1e-9)


def test_embeddings_upside_down_give_the_same_axes() -> None:
    np.testing.assert_allclose(principal_plane(-SPREAD).axes, principal_plane(SPREAD).axes, atol=1e-9)


@pytest.mark.parametrize(
    "vectors",
    [np.ones((1, 4)), np.ones((5, 4), np.float32), np.full((5, 1), 2.0)],
    ids=["one text", "all alike", "one dimension"],
)
def test_what_has_no_spread_lies_at_the_origin(vectors: np.ndarray) -> None:
    plane = principal_plane(vectors)
    np.testing.assert_allclose(plane.place(vectors), np.zeros((len(vectors), 2)), atol=1e-6)
    np.testing.assert_allclose(plane.explained, 0, atol=1e-6)


def test_embeddings_on_a_line_have_no_second_axis() -> None:
    line = np.arange(6.0)[:, None] * np.array([[1.0, 2.0, 2.0]])
    plane = principal_plane(line)
    places = plane.place(line)
    np.testing.assert_allclose(places[:, 1], 0)
    np.testing.assert_allclose(places[:, 0] * plane.size, 3 * (np.arange(6) - 2.5))
    np.testing.assert_allclose(plane.explained, [1, 0])


@pytest.mark.parametrize("mirror", [1, -1])
def test_a_turned_and_mirrored_map_is_laid_back_onto_the_first(mirror: int) -> None:
    places = RANDOM.normal(size=(20, 2))
    turn = np.array([[np.cos(2.1), -np.sin(2.1)], [np.sin(2.1), np.cos(2.1)]]) @ np.diag([1, mirror])
    np.testing.assert_allclose(rotate_onto(places @ turn + 5, places), places, atol=1e-12)


def test_laying_onto_does_not_change_the_size() -> None:
    places = RANDOM.normal(size=(20, 2))
    turned = rotate_onto(3 * places, places)
    np.testing.assert_allclose(turned - turned.mean(axis=0), 3 * (places - places.mean(axis=0)), atol=1e-12)


def test_unit_size_is_one_about_the_origin() -> None:
    places = unit_size(4 * RANDOM.normal(size=(20, 2)) + 7)
    np.testing.assert_allclose(places.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose((places**2).sum(axis=1).mean(), 1)
    np.testing.assert_allclose(unit_size(np.full((3, 2), 7.0)), 0)
