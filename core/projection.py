"""From embeddings to places on a plane: one plane for all frames of a film, so that only what moved moves."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Plane:
    """The two principal axes of some embeddings: `centre` (dim,), `axes` (2, dim) at unit length, and what they hold.

    `explained` is each axis's share of the variance, 0..1; `size` the root of the mean squared distance from the centre on it.
    """

    centre: np.ndarray
    axes: np.ndarray
    explained: np.ndarray
    size: float

    def place(self, vectors: np.ndarray) -> np.ndarray:
        """Return where embeddings (..., dim) lie, (..., 2), in units of the size; linear, so it invents nothing."""
        placed: np.ndarray = (vectors - self.centre) @ self.axes.T
        return placed / self.size if self.size > 0 else placed


def principal_plane(vectors: np.ndarray) -> Plane:
    """Return the plane in which embeddings, (texts, dim), are spread out most.

    An axis that does not exist (one text, or all texts alike) is all zeros.
    """
    centre = vectors.mean(axis=0, dtype=np.float64)
    centred = vectors - centre
    # The axes are those of the covariance: of 20,000 texts that takes a hundredth of what a singular value decomposition does.
    variances, found = np.linalg.eigh(centred.T @ centred / len(vectors))
    order = np.argsort(variances)[::-1][:2]
    whole = float(variances.clip(0).sum())
    explained, axes = np.zeros(2), np.zeros((2, vectors.shape[1]))
    if whole > 0:
        explained[: len(order)] = variances[order].clip(0) / whole
        axes[: len(order)] = found[:, order].T
    axes[explained <= 1e-12] = 0.0
    # The sign of an axis is arbitrary: fix it, so that the same run gives the same picture.
    axes *= np.where(axes[np.arange(2), np.abs(axes).argmax(axis=1)] < 0, -1, 1)[:, None]
    return Plane(centre, axes, explained, float(np.sqrt(explained.sum() * whole)))


def rotate_onto(places: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Turn and mirror places, (texts, 2), about their middle until they lie as near the reference's as can be, without scaling.

    Schönemann 1966, "A generalized solution of the orthogonal Procrustes problem". With scaling a film would shrink to a dot.
    """
    middle, aim = places.mean(axis=0), reference.mean(axis=0)
    left, _, right = np.linalg.svd((places - middle).T @ (reference - aim))
    turned: np.ndarray = (places - middle) @ (left @ right) + aim
    return turned


def unit_size(places: np.ndarray) -> np.ndarray:
    """Return places (texts, 2) about the origin, their mean squared distance from it 1; all alike stay at the origin."""
    centred = places - places.mean(axis=0)
    size = float(np.sqrt((centred**2).sum(axis=1).mean()))
    unit: np.ndarray = centred / size if size > 0 else centred
    return unit
