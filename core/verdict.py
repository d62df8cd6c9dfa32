"""Is the trained model better, and is that more than chance: paired bootstrap over the scored rows. Needs numpy alone.

Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapters 8 and 13 (percentile interval); rows are drawn as pairs
of before and after, since both models judged the same ones.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from core.files import read_json, write_json

DRAWS, SEED, LOW, HIGH = 2_000, 0, 0.025, 0.975
# Of more rows than 15,000 fewer draws are taken, so that a verdict takes seconds and not minutes.
MOST_DRAWN, FEWEST_DRAWS = 30_000_000, 200
CELLS_AT_ONCE = 500_000
FEWEST_ROWS, LEAST_SPREAD = 3, 1e-7
FIGURE_NAMES: Mapping[str, str] = MappingProxyType(
    {"spearman_cosine": "Spearman", "pearson_cosine": "Pearson", "mrr_10": "MRR@10", "accuracy": "triplet accuracy"}
)


@dataclass(frozen=True)
class Interval:
    """A figure before and after, their difference, and the 95 % interval `low`..`high` of that difference."""

    before: float
    after: float
    difference: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """Return "better" or "worse" where the interval leaves out 0, else "same"."""
        if self.low > 0:
            return "better"
        return "worse" if self.high < 0 else "same"


def draws_for(rows: int) -> int:
    """Return how many times so many rows are drawn anew: 2,000, fewer from 15,000 rows on."""
    return max(FEWEST_DRAWS, min(DRAWS, MOST_DRAWN // max(1, rows)))


def drawn_counts(rows: int, draws: int) -> Iterator[np.ndarray]:
    """Yield how often each row is drawn, some draws at a time as (draws, rows); the same ones for everybody."""
    generator, at_once = np.random.default_rng(SEED), max(1, CELLS_AT_ONCE // rows)
    for start in range(0, draws, at_once):
        size = min(at_once, draws - start)
        places = generator.integers(0, rows, (size, rows)) + rows * np.arange(size)[:, None]
        yield np.bincount(places.ravel(), minlength=size * rows).reshape(size, rows).astype(float)


def correlation_intervals(gold: Sequence[float], before: Sequence[float], after: Sequence[float]) -> dict[str, Interval]:
    """Return the intervals of `spearman_cosine` and `pearson_cosine`, with ranks reckoned anew in every draw.

    None of both where a column is constant or no number.

    Args:
        gold: (rows,), what people say.
        before: (rows,), the untouched model's cosines.
        after: (rows,), the trained model's.
    """
    columns = [np.asarray(column, float) for column in (gold, before, after)]
    rows = len(columns[0])
    if rows < FEWEST_ROWS or any(not np.isfinite(column).all() or np.std(column) <= LEAST_SPREAD for column in columns):
        return {}
    groups = [_Groups(column) for column in columns]
    centred = [column - column.mean() for column in columns]
    drawn: dict[str, list[np.ndarray]] = {"spearman_cosine": [], "pearson_cosine": []}
    for counts in drawn_counts(rows, draws_for(rows)):
        drawn["spearman_cosine"].append(_correlations(counts, [group.ranks(counts) for group in groups]))
        drawn["pearson_cosine"].append(_correlations(counts, centred))
    once = np.ones((1, rows))
    whole = {
        "spearman_cosine": _correlations(once, [group.ranks(once) for group in groups])[0],
        "pearson_cosine": _correlations(once, centred)[0],
    }
    return {name: _interval(whole[name], np.concatenate(parts)) for name, parts in drawn.items()}


class _Groups:
    """A column's equal values in order, from which the average ranks of any draw follow without sorting it again."""

    def __init__(self, column: np.ndarray) -> None:
        _, self._group, sizes = np.unique(column, return_inverse=True, return_counts=True)
        self._order = np.argsort(column, kind="stable")
        self._starts = np.concatenate(([0], np.cumsum(sizes)[:-1]))

    def ranks(self, counts: np.ndarray) -> np.ndarray:
        """Return each row's average rank in each draw, (draws, rows), less half the rows: a shift moves no correlation."""
        sizes = np.add.reduceat(counts[:, self._order], self._starts, axis=1)
        middles = np.cumsum(sizes, axis=1) - sizes / 2 - counts.shape[1] / 2
        ranks: np.ndarray = middles[:, self._group]
        return ranks


def _correlations(counts: np.ndarray, columns: Sequence[np.ndarray]) -> np.ndarray:
    """Return the correlations of gold with before and with after in each draw, (draws, 2); NaN where a draw is constant."""
    total = counts.sum(axis=1)
    weighted = [counts * column for column in columns]
    means = [each.sum(axis=1) / total for each in weighted]

    def covariance(one: int, two: int) -> np.ndarray:
        both: np.ndarray = (weighted[one] * columns[two]).sum(axis=1) / total - means[one] * means[two]
        return both

    spread = [np.sqrt(np.maximum(covariance(place, place), 0)) for place in range(3)]
    # A draw of one value alone spreads by what rounding leaves.
    spread = [np.where(each > LEAST_SPREAD, each, np.nan) for each in spread]
    return np.stack([covariance(0, side) / (spread[0] * spread[side]) for side in (1, 2)], axis=1)


def mean_interval(before: Sequence[float], after: Sequence[float]) -> Interval | None:
    """Return the interval of a mean over rows, such as MRR or accuracy; None for fewer than 3 rows.

    A row's own value is drawn as it is: the other rows that it was ranked among stay.
    """
    first, second = np.asarray(before, float), np.asarray(after, float)
    if len(first) < FEWEST_ROWS:
        return None
    values = np.stack([first, second], axis=1)
    drawn = [counts @ values / len(first) for counts in drawn_counts(len(first), draws_for(len(first)))]
    return _interval(values.mean(axis=0), np.concatenate(drawn))


def _interval(whole: np.ndarray, drawn: np.ndarray) -> Interval:
    (before, after), differences = whole, drawn[:, 1] - drawn[:, 0]
    low, high = np.quantile(differences[np.isfinite(differences)], (LOW, HIGH))
    return Interval(*(round(float(value), 6) for value in (before, after, after - before, low, high)))


def judge(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any] | None:
    """Compare two score records of the same rows; None where they are of others, or hold no values of single rows.

    Args:
        before: the untouched model's record, with `cosines` and `gold`, or with `per_example` by figure.
        after: the trained model's.

    Returns:
        `verdict` ("better", "worse" or "same"), `sentence`, `intervals` by figure, the first of which decides.
    """
    began = time.monotonic()
    if any(before.get(key) != after.get(key) for key in ("data", "data_sha256", "folder", "pairs")):
        return None
    intervals = _intervals(before, after)
    if not intervals:
        return None
    name, first = next(iter(intervals.items()))
    return {
        "data": after["data"],
        "pairs": after["pairs"],
        "draws": draws_for(int(after["pairs"])),
        "verdict": first.verdict,
        "sentence": f"On {about(after)}: {said(name, first)}",
        "others": [said(other, interval) for other, interval in list(intervals.items())[1:]],
        "intervals": {name: asdict(interval) for name, interval in intervals.items()},
        "seconds": round(time.monotonic() - began, 3),
    }


def _intervals(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Interval]:
    if before.get("cosines") and after.get("cosines") and after.get("gold"):
        return correlation_intervals(after["gold"], before["cosines"], after["cosines"])
    found = {
        name: mean_interval(values, after["per_example"][name])
        for name, values in (before.get("per_example") or {}).items()
        if name in (after.get("per_example") or {})
    }
    return {name: interval for name, interval in found.items() if interval is not None}


def about(record: Mapping[str, Any]) -> str:
    """Say what a score was measured on: "STSB validation, 1,500 pairs"."""
    data, _, split = str(record["data"]).rpartition("/")
    pairs, rows = int(record.get("pairs", 0)), str(record.get("shape", "pairs")).replace("-", " ")
    if data == "own":
        return f"your own held-out part, {pairs:,} {rows}"
    names = {"stsb": f"STSB {split}", "sample": f"the sample's {split} part"}
    own = data.startswith(("file:", "upload:", "hub:"))
    return f"{names.get(data) or (str(record.get('found', ''))[-80:] if own else f'{data[:40]} {split}')}, {pairs:,} pairs"


def said(name: str, interval: Interval) -> str:
    """Say a verdict: "better by +.021 Spearman, 95 % interval +.015 to +.027."."""
    difference, low, high = _numbers(interval)
    called = FIGURE_NAMES.get(name, name)
    if interval.verdict == "same":
        return f"no real difference: {called} {difference}, 95 % interval {low} to {high}."
    return f"{interval.verdict} by {difference} {called}, 95 % interval {low} to {high}."


def _numbers(interval: Interval) -> list[str]:
    """Write the difference and its ends, with as many digits as a real difference needs to show as one."""
    values, digits = (interval.difference, interval.low, interval.high), 3
    while interval.verdict != "same" and digits < 6 and any(abs(value) < 0.5 * 10**-digits for value in values):
        digits += 1
    return [_signed(value, digits) for value in values]


def _signed(value: float, digits: int) -> str:
    told = f"{abs(value):.{digits}f}".removeprefix("0")
    if not told.strip(".0"):
        return told
    return f"{'−' if value < 0 else '+'}{told}"


def write_verdict(run_path: Path, data: str) -> dict[str, Any] | None:
    """Judge a run's scores on a data set and keep the verdict beside them, as `scores/<data>.verdict.json`."""
    stem = run_path / "scores" / data.replace("/", "-")
    before, after = (read_json(stem.with_name(f"{stem.name}.{which}.json")) for which in ("before", "after"))
    verdict = judge(before, after) if before and after else None
    if verdict is not None:
        write_json(stem.with_name(f"{stem.name}.verdict.json"), verdict)
    return verdict


def read_verdict(run_path: Path, data: str) -> dict[str, Any] | None:
    """Return the verdict on a data set, or None before there is one."""
    verdict: dict[str, Any] | None = read_json(run_path / "scores" / f"{data.replace('/', '-')}.verdict.json")
    return verdict


def forget_verdicts(run_path: Path) -> None:
    """Remove the verdicts of an earlier turn: they are of other weights."""
    for path in (run_path / "scores").glob("*.verdict.json"):
        path.unlink()
