"""False negatives in a batch: right answers that a loss with in-batch negatives would push away."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from core.examples import text_keys


def false_negative_conflicts(pairs: pd.DataFrame) -> dict[int, int]:
    """Count, for each pair, the others whose positive is a positive of its anchor too; return {conflicts: pairs with so many}.

    In a batch with such a pair, a loss with in-batch negatives pushes a right answer away.
    """
    anchors, positives = pd.factorize(text_keys(pairs["anchor"]))[0], pd.factorize(text_keys(pairs["positive"]))[0]
    stands = np.bincount(positives)
    distinct = pd.DataFrame({"anchor": anchors, "positive": positives}).drop_duplicates()
    by_anchor = np.bincount(distinct["anchor"], weights=stands[distinct["positive"]])
    conflicts = by_anchor[anchors].astype(np.int64) - 1
    return _counted(conflicts)


def class_conflicts(labels: pd.Series) -> dict[int, int]:
    """Count, for each labelled anchor, the other rows of its class: {conflicts: rows with so many}."""
    return _counted(labels.groupby(labels).transform("size").to_numpy(dtype=np.int64) - 1)


def _counted(conflicts: np.ndarray) -> dict[int, int]:
    values, counts = np.unique(conflicts, return_counts=True)
    return {int(value): int(count) for value, count in zip(values, counts, strict=True)}


def false_negative_share(conflicts: Mapping[int, int], batch_size: int) -> float:
    """Return the expected share of rows, 0..1, that meet at least one of their conflicts in a batch drawn at random.

    Exact: the batch's other rows are drawn without replacement, so none of c conflicts is among them with probability
    C(n - 1 - c, b - 1) / C(n - 1, b - 1).
    """
    rows = sum(conflicts.values())
    others = min(batch_size, rows) - 1
    if others < 1:
        return 0.0

    def log_choose(total: int, taken: int) -> float:
        return math.lgamma(total + 1) - math.lgamma(taken + 1) - math.lgamma(total - taken + 1)

    share = 0.0
    for conflict, count in conflicts.items():
        left = rows - 1 - conflict
        spared = math.exp(log_choose(left, others) - log_choose(rows - 1, others)) if left >= others else 0.0
        share += count / rows * (1.0 - spared)
    return share


def right_answers(
    anchors: Sequence[str], candidates: Sequence[str], pairs: pd.DataFrame, classes: Mapping[str, str] | None = None
) -> np.ndarray:
    """Tell which candidates are right for which anchors, (anchors, candidates) bool; its own one, at the same place, is not.

    Right is what is the anchor's own text, a positive of an equal anchor anywhere in `pairs`, or, where texts have `classes`,
    of the anchor's class. Equal texts may differ in case and outer spaces.
    """
    rows, columns = text_keys(pd.Series(list(anchors), dtype="object")), text_keys(pd.Series(list(candidates), dtype="object"))
    known = pd.DataFrame({"anchor": text_keys(pairs["anchor"]), "positive": text_keys(pairs["positive"])})
    positives = known[known["anchor"].isin(rows)].groupby("anchor")["positive"].agg(list).to_dict()
    right = np.stack([np.isin(columns, [key, *positives.get(key, [])]) for key in rows])
    if classes is not None:
        of_row, of_column = ([classes.get(text) for text in texts] for texts in (anchors, candidates))
        right |= np.array([[one is not None and one == other for other in of_column] for one in of_row])
    np.fill_diagonal(right, False)
    return right
