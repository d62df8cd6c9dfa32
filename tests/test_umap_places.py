"""UMAP's film: what is known stays, the same texts give the same picture, and nothing odd breaks it.

What the desk answers by UMAP is here as well: each process that fits one compiles for half a minute first.
"""

import time
from pathlib import Path

import numpy as np
import pytest

from core.desk_client import BUSY, DESK
from core.errors import MachineError
from core.neighbours import trustworthiness
from core.umap_places import UmapChoice, umap_film
from tests.small_films import INDEX, add_frame, film_run, made_up_film, on_sphere
from tests.test_explore import PROBES, asked, check_deleted_meanwhile, places_of, read_space, typed

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


def test_umap_leaves_the_frames_before_a_new_one_where_they_were(runs_dir: Path) -> None:
    run = film_run(runs_dir, FRAMES[:2], (0, 3))
    before = places_of(asked(runs_dir, run=run.id, method="umap"))
    add_frame(run, 9, FRAMES[2])
    after = places_of(asked(runs_dir, run=run.id, method="umap"))
    np.testing.assert_array_equal(after[:2], before)
    other = places_of(asked(runs_dir, run=run.id, method="umap", neighbours=5, min_dist=0.5))
    assert np.abs(other - after).max() > 0.05, "each choice has a film of its own"


def test_umap_reckons_a_step_again_whose_embeddings_were_written_again(runs_dir: Path) -> None:
    run = film_run(runs_dir, FRAMES[:2], (0, 3))
    before = places_of(asked(runs_dir, run=run.id, method="umap"))
    time.sleep(0.01)
    add_frame(run, 3, FRAMES[2])
    after = places_of(asked(runs_dir, run=run.id, method="umap"))
    np.testing.assert_array_equal(after[0], before[0])
    assert np.abs(after[1] - before[1]).max() > 0.01


def test_on_a_umap_a_typed_text_lies_among_its_nearest(runs_dir: Path) -> None:
    read_space(runs_dir, 1)
    shown = places_of(asked(runs_dir, index=INDEX, method="umap"))[0]
    side = typed(runs_dir, PROBES[7], method="umap")["sides"][0]
    assert side["rows"][0][0] == 7
    near = shown[side["rows"][0]]
    assert (near.min(axis=0) <= side["places"][0]).all() and (side["places"][0] <= near.max(axis=0)).all()
    assert np.linalg.norm(side["places"][0] - shown[7]) < 0.5


def test_umap_is_refused_while_a_run_trains_unless_it_lies_ready(runs_dir: Path) -> None:
    run = film_run(runs_dir, FRAMES[:2, :8], (0, 3))
    (runs_dir / DESK).mkdir()
    (runs_dir / DESK / BUSY).touch()
    with pytest.raises(MachineError, match="UMAP waits"):
        asked(runs_dir, run=run.id, method="umap")
    assert asked(runs_dir, run=run.id)["method"] == "pca"
    (runs_dir / DESK / BUSY).unlink()
    ready = asked(runs_dir, run=run.id, method="umap")
    (runs_dir / DESK / BUSY).touch()
    assert asked(runs_dir, run=run.id, method="umap")["places"] == ready["places"]


def test_a_run_that_is_deleted_while_umap_reckons_is_one_sentence(runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_deleted_meanwhile(runs_dir, "umap", monkeypatch)
