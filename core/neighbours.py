"""Who lies next to whom: in the space, on the map, and how much of that changed. Exact, by numpy alone."""

import numpy as np

NEIGHBOURS = 10
ROWS_AT_ONCE = 2_000


def nearest_by_cosine(vectors: np.ndarray, count: int = NEIGHBOURS) -> tuple[np.ndarray, np.ndarray]:
    """Return each text's nearest other texts, (texts, count) int, nearest first, and their cosines, (texts, count).

    `vectors` are (texts, dim) at unit length; each has `count` neighbours, or all others where they are fewer.
    """
    count = min(count, len(vectors) - 1)
    rows, cosines = [], []
    for start in range(0, len(vectors), ROWS_AT_ONCE):
        part = vectors[start : start + ROWS_AT_ONCE] @ vectors.T
        part[np.arange(len(part)), start + np.arange(len(part))] = -np.inf
        found = _largest(part, count)
        rows.append(found)
        cosines.append(np.take_along_axis(part, found, axis=1))
    return np.concatenate(rows), np.concatenate(cosines)


class Nearest:
    """The nearest texts in each of several frames, (frames, texts, dim) at unit length, worked out once for all who ask."""

    def __init__(self, frames: np.ndarray, count: int) -> None:
        self.frames, self._count = frames, max(count, NEIGHBOURS)
        self._known: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def of(self, frame: int, count: int = NEIGHBOURS) -> tuple[np.ndarray, np.ndarray]:
        """Return what `nearest_by_cosine` finds in a frame, for at most as many neighbours as were said at first."""
        if frame not in self._known:
            self._known[frame] = nearest_by_cosine(self.frames[frame], self._count)
        rows, cosines = self._known[frame]
        return rows[:, :count], cosines[:, :count]


def nearest_on_map(places: np.ndarray, count: int = NEIGHBOURS) -> np.ndarray:
    """Return each text's nearest other texts on the plane, (texts, count) int; `places` are (texts, 2)."""
    count = min(count, len(places) - 1)
    squares = (places**2).sum(axis=1)
    rows = []
    for start in range(0, len(places), ROWS_AT_ONCE):
        part = places[start : start + ROWS_AT_ONCE]
        near = 2 * part @ places.T - squares[None, :]
        near[np.arange(len(part)), start + np.arange(len(part))] = -np.inf
        rows.append(_largest(near, count))
    return np.concatenate(rows)


def _largest(values: np.ndarray, count: int) -> np.ndarray:
    """Return the columns of each row's largest values, the largest first."""
    some = np.argpartition(values, -count, axis=1)[:, values.shape[1] - count :]
    order = np.argsort(-np.take_along_axis(values, some, axis=1), axis=1, kind="stable")
    return np.take_along_axis(some, order, axis=1)


def shared(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return for each text the share of its neighbours that both lists have, (texts,), 0..1; lists are (texts, count)."""
    count = min(first.shape[1], second.shape[1])
    if not count:
        # Of a single text there is nothing that could have changed.
        return np.ones(len(first))
    both = (first[:, :count, None] == second[:, None, :count]).any(axis=2)
    share: np.ndarray = both.mean(axis=1)
    return share


def purity(neighbours: np.ndarray, groups: np.ndarray) -> float:
    """Return the share of neighbours that are of their text's own group, 0..1; `groups` are (texts,)."""
    return float((groups[neighbours] == groups[:, None]).mean()) if neighbours.size else 1.0


def trustworthiness(vectors: np.ndarray, places: np.ndarray, count: int = NEIGHBOURS) -> float:
    """Return how far neighbours on the map are neighbours in the space, 0..1; 1 where no stranger has come near.

    Venna and Kaski 2001, "Neighborhood preservation in nonlinear projection methods", equation 1: strangers count by their rank
    by cosine. `vectors` are (texts, dim) at unit length, `places` (texts, 2). For a few thousand texts: all cosines are made.
    """
    texts = len(vectors)
    count = min(count, (texts - 1) // 2)
    if count < 1:
        return 1.0
    cosines = vectors @ vectors.T
    near = np.take_along_axis(cosines, nearest_on_map(places, count), axis=1)
    np.fill_diagonal(cosines, -np.inf)
    # A neighbour's rank is the number of texts nearer than it; to sort them all would take five times as long.
    too_far = np.stack([(cosines > near[:, [place]]).sum(axis=1) for place in range(count)]) + 1 - count
    worst = texts * count * (2 * texts - 3 * count - 1) / 2
    return float(1 - too_far.clip(0).sum() / worst)
