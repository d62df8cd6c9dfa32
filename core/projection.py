"""From embeddings to places on a plane."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class MapPlaces:
    """Places (texts, 2) before and after on the same axes, and each axis's share of the later variance, 0..1."""

    before: np.ndarray
    after: np.ndarray
    explained: np.ndarray


def project_before_after(before: np.ndarray, after: np.ndarray) -> MapPlaces:
    """Lay two sets of embeddings, (texts, dim) each, on the principal axes of the later one.

    Both use the mean and the axes of `after`, so that a text which did not move keeps its place. An axis
    that does not exist (one text, or all texts alike) is all zeros.
    """
    centre = after.mean(axis=0)
    _, singular, axes = np.linalg.svd(after - centre, full_matrices=False)
    plane = np.zeros((2, after.shape[1]), dtype=after.dtype)
    plane[: len(axes[:2])] = axes[:2]
    # The sign of an axis is arbitrary: fix it, so that the same run gives the same picture.
    plane *= np.where(plane[np.arange(2), np.abs(plane).argmax(axis=1)] < 0, -1, 1)[:, None]
    variance = singular**2
    explained = np.zeros(2)
    explained[: len(variance[:2])] = variance[:2] / max(float(variance.sum()), 1e-12)
    return MapPlaces((before - centre) @ plane.T, (after - centre) @ plane.T, explained)
