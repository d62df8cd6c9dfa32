"""How sure a difference of two models is: a paired bootstrap over the rows that both were measured on. Loads no torch.

What a measure keeps of its rows (`Kept`) is enough to work its figures out again for rows drawn with replacement:
`means`, one value a row for figures that are means; `ranked`, cosine and label of pairs, for what depends on a threshold or an
order; `classes`, the right label and the one that was found.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from core.verdict import drawn_counts, draws_for

TAIL_PERCENT = 2.5
Kept = Mapping[str, Any]
Figures = dict[str, np.ndarray]


def intervals(before: Mapping[str, Kept], after: Mapping[str, Kept]) -> dict[str, tuple[float, float]]:
    """Return the 95 % interval of after − before of each figure that rows were kept for, from the draws of `verdict`.

    Each draw takes the same rows for both models, thresholds found again in it (Efron and Tibshirani 1993, chapter 13).

    Args:
        before: what the first model's measure kept of its rows, by the names of `STATISTICS`.
        after: the same of the second model, of the same rows.
    """
    found: dict[str, tuple[float, float]] = {}
    for kept, figures_of in STATISTICS.items():
        if kept not in before or kept not in after:
            continue
        differences: dict[str, list[np.ndarray]] = {}
        rows = len(next(iter(before[kept].values())))
        for counts in drawn_counts(rows, draws_for(rows)):
            first, second = figures_of(before[kept], counts), figures_of(after[kept], counts)
            for name in first.keys() & second.keys():
                differences.setdefault(name, []).append(second[name] - first[name])
        for name, parts in differences.items():
            low, high = np.percentile(np.concatenate(parts), [TAIL_PERCENT, 100 - TAIL_PERCENT])
            found[name] = float(low), float(high)
    return found


def mean_figures(kept: Kept, counts: np.ndarray) -> Figures:
    """Return the mean of each figure's rows, (draws,), where `counts`, (draws, rows), says how often a row is taken."""
    total = counts.sum(axis=1)
    return {name: counts @ np.asarray(values, dtype=np.float64) / total for name, values in kept.items()}


def ranked_figures(kept: Kept, counts: np.ndarray) -> Figures:
    """Return `ap`, `f1` and `accuracy` of pairs ordered by their scores, each (draws,), 0..1.

    A threshold can lie between two different scores only; so pairs of one score are let in together.
    """
    scores, labels = np.asarray(kept["scores"]), np.asarray(kept["labels"])
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    ends = np.append(ordered[1:] != ordered[:-1], True)
    drawn, alike = counts[:, order], labels[order] == 1
    hits = np.cumsum(drawn * alike, axis=1)[:, ends].astype(np.float64)
    taken = np.cumsum(drawn, axis=1)[:, ends].astype(np.float64)
    positives, total = hits[:, -1:], taken[:, -1:]
    precision = hits / np.maximum(taken, 1)
    gained = np.diff(hits, axis=1, prepend=0)
    wrong_left = (total - positives) - (taken - hits)
    accuracy = np.maximum((hits + wrong_left).max(axis=1), (total - positives)[:, 0]) / total[:, 0]
    return {
        "ap": (precision * gained).sum(axis=1) / np.maximum(positives[:, 0], 1),
        "f1": (2 * hits / (taken + positives).clip(1)).max(axis=1),
        "accuracy": accuracy,
    }


def class_figures(kept: Kept, counts: np.ndarray) -> Figures:
    """Return `accuracy` and `macro_f1` of found labels, each (draws,), 0..1; a label that nobody has or finds is left out."""
    gold, found = np.asarray(kept["gold"]), np.asarray(kept["found"])
    classes = np.union1d(gold, found)
    is_gold, is_found = gold[:, None] == classes, found[:, None] == classes
    hits, wanted, said = counts @ (is_gold & is_found), counts @ is_gold, counts @ is_found
    there = (wanted + said) > 0
    scores = np.where(there, 2 * hits / np.maximum(wanted + said, 1), 0.0)
    return {"accuracy": hits.sum(axis=1) / counts.sum(axis=1), "macro_f1": scores.sum(axis=1) / there.sum(axis=1)}


STATISTICS: Mapping[str, Callable[[Kept, np.ndarray], Figures]] = MappingProxyType(
    {"means": mean_figures, "ranked": ranked_figures, "classes": class_figures}
)
