"""UMAP's film: what is known stays, the same texts give the same picture, and nothing odd breaks it."""

import numpy as np
import pytest

from core.neighbours import trustworthiness
from core.umap_places import UmapChoice, umap_film
from tests.small_films import made_up_film, on_sphere

FRAMES = made_up_film(3, 60, groups=2)
CHOICE = UmapChoice()


@pytest.fixture(scope="module")
def film() -> np.ndarray:
    return umap_film(FRAMES, CHOICE)


def test_every_frame_is_of_size_one_about_the_origin(film: np.ndarray) -> None:
    assert film.shape == (3, 60, 2)
    np.testing.assert_allclose(film.mean(axis=1), 0, atol=1e-5)
    np.testing.assert_allclose((film**2).sum(axis=2).mean(axis=1), 1, atol=1e-5)


def test_the_same_texts_give_the_same_film(film: np.ndarray) -> None:
    np.testing.assert_array_equal(umap_film(FRAMES, CHOICE), film)


def test_known_frames_stay_and_the_rest_is_as_if_made_at_once(film: np.ndarray) -> None:
    grown = umap_film(FRAMES, CHOICE, film[:2])
    np.testing.assert_array_equal(grown[:2], film[:2])
    np.testing.assert_allclose(grown[2], film[2], atol=1e-6)
    np.testing.assert_array_equal(umap_film(FRAMES, CHOICE, film), film)


def test_two_groups_apart_in_the_space_are_apart_on_the_map(film: np.ndarray) -> None:
    one, other = film[-1][::2], film[-1][1::2]
    gap = np.linalg.norm(one[:, None] - other[None], axis=2).min()
    within = max(np.linalg.norm(half - half.mean(axis=0), axis=1).mean() for half in (one, other))
    assert gap > within
    assert trustworthiness(FRAMES[-1], film[-1]) > 0.85


def test_a_frame_without_a_change_hardly_moves(film: np.ndarray) -> None:
    still, changed = umap_film(FRAMES[[0, 0]], CHOICE, film[:1]), film
    ways = [float(np.linalg.norm(frames[1] - frames[0], axis=1).mean()) for frames in (still, changed)]
    assert ways[0] < ways[1] / 2


def test_choices_change_the_picture(film: np.ndarray) -> None:
    for choice in (UmapChoice(5), UmapChoice(min_dist=0.9)):
        other = umap_film(FRAMES[:1], choice)
        assert np.abs(other[0] - film[0]).max() > 0.05


@pytest.mark.parametrize("texts", [1, 2, 4, 5, 8])
def test_few_texts_have_places(texts: int) -> None:
    places = umap_film(FRAMES[:2, :texts], CHOICE)
    assert places.shape == (2, texts, 2)
    assert np.isfinite(places).all()
    if texts > 1:
        assert np.ptp(places[0], axis=0).max() > 0.1


def test_texts_all_alike_lie_on_one_place_and_come_apart_again() -> None:
    alike = np.tile(FRAMES[:1, :1], (1, 60, 1))
    places = umap_film(np.concatenate([alike, FRAMES[1:2]]), CHOICE)
    np.testing.assert_allclose(places[0], 0, atol=1e-6)
    assert np.isfinite(places).all()
    np.testing.assert_allclose((places[1] ** 2).sum(axis=1).mean(), 1, atol=1e-5)


def test_two_texts_many_times_each_are_no_error() -> None:
    twice = np.repeat(FRAMES[-1:, :2], 15, axis=1)
    assert np.isfinite(umap_film(twice, CHOICE)).all()


def test_embeddings_of_two_dimensions_are_no_error() -> None:
    angles = np.linspace(0, 1, 30)
    arc = on_sphere(np.stack([np.cos(angles), np.sin(angles)], axis=1))
    assert np.isfinite(umap_film(arc[None], CHOICE)).all()
