"""Embeddings become places on a plane."""

import numpy as np

from core.projection import project_before_after

RANDOM = np.random.default_rng(7)
AFTER = RANDOM.normal(size=(30, 8)) * np.array([9, 5, 1, 1, 1, 1, 1, 1])


def test_text_that_did_not_move_keeps_its_place() -> None:
    before = AFTER + RANDOM.normal(size=AFTER.shape)
    before[4] = AFTER[4]
    places = project_before_after(before, AFTER)
    np.testing.assert_allclose(places.before[4], places.after[4], atol=1e-12)
    assert np.abs(places.before[5] - places.after[5]).max() > 1e-3


def test_later_places_lie_around_the_origin_with_the_wider_axis_first() -> None:
    places = project_before_after(AFTER, AFTER)
    np.testing.assert_allclose(places.after.mean(axis=0), 0, atol=1e-12)
    spread = places.after.std(axis=0)
    assert spread[0] > spread[1] > 0


def test_axes_hold_their_share_of_the_variance() -> None:
    places = project_before_after(AFTER, AFTER)
    whole = AFTER.var(axis=0).sum()
    np.testing.assert_allclose(places.explained, places.after.var(axis=0) / whole)
    assert 0.5 < places.explained.sum() < 1


def test_flat_embeddings_keep_their_distances() -> None:
    flat = np.zeros((10, 5))
    flat[:, :2] = RANDOM.normal(size=(10, 2))
    places = project_before_after(flat, flat)
    np.testing.assert_allclose(np.linalg.norm(places.after[0] - places.after[7]), np.linalg.norm(flat[0] - flat[7]))
    np.testing.assert_allclose(places.explained.sum(), 1.0)


def test_order_of_the_texts_does_not_turn_the_picture() -> None:
    order = RANDOM.permutation(len(AFTER))
    straight, mixed = project_before_after(AFTER, AFTER), project_before_after(AFTER[order], AFTER[order])
    np.testing.assert_allclose(mixed.after, straight.after[order], atol=1e-9)


def test_one_text_lies_at_the_origin() -> None:
    places = project_before_after(np.ones((1, 4)), np.full((1, 4), 2.0))
    assert places.before.shape == (1, 2)
    np.testing.assert_allclose(places.after, 0)
    np.testing.assert_allclose(places.explained, 0)


def test_texts_all_alike_lie_at_the_origin() -> None:
    same = np.ones((5, 4), dtype=np.float32)
    places = project_before_after(same, same)
    np.testing.assert_allclose(places.after, 0, atol=1e-6)
    np.testing.assert_allclose(places.explained, 0, atol=1e-6)


def test_embeddings_of_one_dimension_have_no_second_axis() -> None:
    line = np.arange(6.0)[:, None]
    places = project_before_after(line, line)
    np.testing.assert_allclose(places.after[:, 1], 0)
    np.testing.assert_allclose(places.after[:, 0], line[:, 0] - 2.5)
