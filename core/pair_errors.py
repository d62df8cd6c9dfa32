"""Where cosines and gold scores disagree: how far each pair stands from its place, and which are worst. Needs numpy alone."""

from collections.abc import Sequence

import numpy as np

WORST, BANDS = 20, 5


def average_ranks(values: Sequence[float]) -> np.ndarray:
    """Return the ranks 1..n of values, (n,); equal values share the mean of theirs."""
    _, group, sizes = np.unique(np.asarray(values, float), return_inverse=True, return_counts=True)
    ranks: np.ndarray = (np.cumsum(sizes) - (sizes - 1) / 2)[group]
    return ranks


def places_off(gold: Sequence[float], cosines: Sequence[float]) -> np.ndarray:
    """Return how far each pair's rank by cosine lies from its rank by gold score, as a share of all pairs, −1..1.

    Above 0 the model finds the pair more alike than people do. Ranks and not the cosine itself: a model whose cosines all lie
    between .5 and 1 can order pairs perfectly, and order is what Spearman measures; it falls with the squares of these.
    """
    off: np.ndarray = (average_ranks(cosines) - average_ranks(gold)) / max(1, len(gold) - 1)
    return off


def worst_pairs(off: np.ndarray, count: int = WORST) -> list[int]:
    """Return the rows that are farthest off, farthest first."""
    return [int(row) for row in np.argsort(-np.abs(off), kind="stable")[:count]]


def gold_bands(gold: Sequence[float]) -> np.ndarray:
    """Return the fifth of the scale 0..1 that each gold score lies in, 0 to 4; 1 lies in the last."""
    # A score such as 3 of 5 is 0.6 only nearly: rounded first, it begins its band.
    bands: np.ndarray = np.minimum(np.floor(np.round(np.asarray(gold, float) * BANDS, 6)), BANDS - 1).astype(int)
    return bands
