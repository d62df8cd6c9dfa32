"""UMAP on a plane, McInnes et al. 2018, arXiv:1802.03426; loaded by the desk process alone, which does one thing at a time.

Neighbours are found exactly and handed over, which removes the slowest part of a first fit. A film begins each frame where the
last one ended and lets it go only as far as neighbours have changed: that neither invents structure nor boils.
"""

import threading
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.neighbours import Nearest, shared
from core.projection import principal_plane, rotate_onto, unit_size

SEED, EPOCHS_FIRST, EPOCHS_NEXT, LEAST_RATE = 42, 200, 50, 0.03
# From so many texts on a first frame gets fewer epochs. Measured on 5,000 of SNLI: neighbour recall .0891 in place of .0892,
# trustworthiness .728 in place of .730, three quarters of the time.
MANY_TEXTS, EPOCHS_OF_MANY = 3_000, 150
FEWEST_TEXTS = 5
# Embeddings that differ by less in every dimension are one place, and a map's axis that is shorter is none.
ALIKE = 1e-6
# Under numba's own threading layer two fits at once end the whole process.
_LOCK = threading.Lock()


@dataclass(frozen=True)
class UmapChoice:
    """How a map is drawn: the number of neighbours that a text is held by, 2..100; how close points may lie, 0..1."""

    neighbours: int = 15
    min_dist: float = 0.1


def umap_film(
    frames: np.ndarray, choice: UmapChoice, known: np.ndarray | None = None, nearest: Nearest | None = None
) -> np.ndarray:
    """Return places (frames, texts, 2) of size 1; those of the first frames may be `known` from an earlier call.

    `nearest` are the frames' own, for `choice.neighbours` at least, where somebody else needs them as well. A first frame starts
    from its principal axes; each later one from the places before, turned back onto them at the end.
    """
    with _LOCK:
        return _umap_film(frames, choice, known, nearest or Nearest(frames, choice.neighbours))


def warm_up() -> None:
    """Compile what a first fit needs, on a few made-up texts."""
    made_up = np.random.default_rng(SEED).normal(size=(60, 16)).astype(np.float32)
    made_up /= np.linalg.norm(made_up, axis=1, keepdims=True)
    umap_film(made_up[None], UmapChoice())


def _umap_film(frames: np.ndarray, choice: UmapChoice, known: np.ndarray | None, nearest: Nearest) -> np.ndarray:
    done = [] if known is None else list(known)
    before = nearest.of(len(done) - 1, choice.neighbours)[0] if done else None
    for number, vectors in enumerate(frames[len(done) :], len(done)):
        if len(vectors) < FEWEST_TEXTS or np.ptp(vectors, axis=0).max() < ALIKE:
            before = None
            done.append(principal_plane(vectors).place(vectors))
            continue
        near, cosines = nearest.of(number, choice.neighbours)
        if not done:
            start = principal_plane(vectors).place(vectors) * 10
            epochs = EPOCHS_FIRST if len(vectors) < MANY_TEXTS else EPOCHS_OF_MANY
            placed = unit_size(_fit(vectors, (near, cosines), choice, start, epochs, 1.0))
        else:
            kept = float(shared(near, before).mean()) if before is not None else 0.0
            jaccard = kept / (2 - kept)
            rate = max(LEAST_RATE, (1 - jaccard) ** 2)
            placed = unit_size(_fit(vectors, (near, cosines), choice, done[-1] * 10, EPOCHS_NEXT, rate))
            placed = rotate_onto(placed, done[-1])
        done.append(placed)
        before = near
    return np.stack(done)


def _fit(
    vectors: np.ndarray, near: tuple[np.ndarray, np.ndarray], choice: UmapChoice, start: np.ndarray, epochs: int, rate: float
) -> np.ndarray:
    with warnings.catch_warnings():
        # It says that its other half needs TensorFlow.
        warnings.simplefilter("ignore")
        import umap  # noqa: PLC0415  it takes seconds, and only the desk ever does it

    # UMAP stretches both axes to one length: one on which all lie alike would become NaN.
    by_chance = np.random.default_rng(SEED).normal(size=start.shape)
    start = np.where(np.ptp(start, axis=0) < ALIKE, by_chance, start)
    rows = np.arange(len(vectors))[:, None]
    # UMAP counts a text among its own neighbours; distances under 0 by rounding would break it.
    indices = np.concatenate([rows, near[0]], axis=1)
    distances = np.concatenate([np.zeros((len(vectors), 1)), (1 - near[1]).clip(0)], axis=1).astype(np.float32)
    knn: tuple[Any, ...] = (indices, distances, None)
    model = umap.UMAP(
        n_neighbors=indices.shape[1],
        min_dist=choice.min_dist,
        metric="cosine",
        init=start.astype(np.float32),
        n_epochs=epochs,
        learning_rate=rate,
        precomputed_knn=knn,
        random_state=SEED,
        n_jobs=1,
    )
    with warnings.catch_warnings():
        # That neighbours which are handed over leave no transform, and a seed one thread: both are meant.
        warnings.simplefilter("ignore")
        placed: np.ndarray = np.asarray(model.fit_transform(vectors))
    return placed
