"""Rows that hang together by equal texts, and the part of them that is held out: by groups, never by row."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from core.examples import text_keys

MOST_HELD_OUT = 1000


@dataclass(frozen=True)
class HeldOut:
    """Which rows are held out, (rows,) bool, and why they are fewer than asked for, if they are."""

    mask: np.ndarray
    note: str = ""


def connected_groups(columns: Sequence[np.ndarray]) -> np.ndarray:
    """Return each row's group, (rows,) numbered from 0: rows that share a key in any column are in one, and so on in a chain.

    Args:
        columns: one array of keys, (rows,), for each text column.
    """
    rows = len(columns[0])
    _, keys = np.unique(np.concatenate(columns), return_inverse=True)
    edges = (np.tile(np.arange(rows), len(columns)), rows + keys)
    size = rows + (int(keys.max()) + 1 if len(keys) else 0)
    graph = coo_matrix((np.ones(len(keys), dtype=np.int8), edges), shape=(size, size))
    groups: np.ndarray = connected_components(graph, directed=False)[1]
    return groups[:rows]


def hold_out(frame: pd.DataFrame, text_columns: Sequence[str], share: float, seed: int) -> HeldOut:
    """Choose whole groups of rows at random until `share` of all rows, at most 1,000, are held out.

    A group that would take more than is still wanted stays in training, so that one text which everything hangs on
    cannot empty it.
    """
    wanted = min(MOST_HELD_OUT, int(share * len(frame)))
    mask = np.zeros(len(frame), dtype=bool)
    if not wanted:
        return HeldOut(mask, "" if share == 0 else f"{len(frame)} rows are too few to hold a part out")
    groups = connected_groups([text_keys(frame[column]) for column in text_columns])
    sizes = np.bincount(groups)
    chosen, taken = np.zeros(len(sizes), dtype=bool), 0
    for group in np.random.default_rng(seed).permutation(len(sizes)):
        if taken + sizes[group] <= wanted:
            chosen[group] = True
            taken += int(sizes[group])
        if taken == wanted:
            break
    note = "" if taken * 2 >= wanted else f"{taken} rows in place of {wanted}: the others hang together by equal texts"
    return HeldOut(chosen[groups], note)
