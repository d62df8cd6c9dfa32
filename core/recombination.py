"""New pairs out of the texts of gold pairs, for a cross-encoder to score (Augmented SBERT)."""

import numpy as np
import pandas as pd

RECOMBINED_FOR_EACH = 10


def recombine(rows: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Recombine the first and second texts of gold pairs, ten new pairs for each row at most, none of them a gold pair.

    The chapter's Augmented SBERT: a cross-encoder then gives them silver labels (Thakur et al. 2021, arXiv:2010.08240, sec. 3).
    """
    firsts, seconds, taken = _recombinable(rows)
    wide = len(seconds)
    possible = len(firsts) * wide - len(taken)
    wanted = min(RECOMBINED_FOR_EACH * len(rows), possible)
    rng = np.random.default_rng(seed)
    found = np.empty(0, dtype=np.int64)
    if wanted * 2 > possible:
        # Nearly all there are: draw from the list itself.
        found = rng.permutation(np.setdiff1d(np.arange(len(firsts) * wide), taken))[:wanted]
    while len(found) < wanted:
        drawn = np.setdiff1d(rng.integers(0, len(firsts) * wide, 2 * wanted), taken)
        found = rng.permutation(np.union1d(found, drawn))[:wanted]
    return pd.DataFrame({"sentence1": firsts[found // wide], "sentence2": seconds[found % wide]}).astype("str")


def count_recombined(rows: pd.DataFrame) -> int:
    """Return how many pairs `recombine` makes, without making them."""
    firsts, seconds, taken = _recombinable(rows)
    return min(RECOMBINED_FOR_EACH * len(rows), len(firsts) * len(seconds) - len(taken))


def _recombinable(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the distinct first and second texts, and by place (first * seconds + second) what is gold or a text with itself."""
    first, second = rows.columns[:2]
    (left, firsts), (right, seconds) = pd.factorize(rows[first]), pd.factorize(rows[second])
    places = pd.Index(seconds).get_indexer(firsts)
    itself = np.flatnonzero(places >= 0)
    gold = left.astype(np.int64) * len(seconds) + right
    return firsts.to_numpy(), seconds.to_numpy(), np.unique(np.concatenate([gold, itself * len(seconds) + places[itself]]))
