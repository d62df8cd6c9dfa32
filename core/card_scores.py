"""What a model card says of scores: before and after on every data set, the verdict with its interval, and what fell."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from core.card_words import code, number, prose, table
from core.files import read_json
from core.runs import HELD_OUT, RunFolder
from core.verdict import FIGURE_NAMES, Interval, about, read_verdict, said

# Of the ten figures on scored pairs, those that the studio shows everywhere.
SHOWN = ("pearson_cosine", "spearman_cosine")
CHOSEN_ON = "The step that was kept was chosen by its figure on {of}, which makes that score a little too good."


@dataclass(frozen=True)
class Measured:
    """One data set's scores: what they are of in words, figures before and after, and intervals where rows were compared."""

    data: str
    of: str
    before: Mapping[str, float]
    after: Mapping[str, float]
    intervals: Mapping[str, Interval]

    def figures(self) -> list[str]:
        """Return which figures are shown, in order."""
        names = list(dict.fromkeys([*self.before, *self.after]))
        return [name for name in names if name in SHOWN] or names

    def called(self, figure: str) -> str:
        """Return a figure's name as a card shows it; only of a person's own triplets the accuracy is one of triplets."""
        if figure == "accuracy" and self.data != HELD_OUT:
            return figure
        return FIGURE_NAMES.get(figure) or code(figure)


def measured_of(run: RunFolder) -> list[Measured]:
    """Return the scores of a run, by data set."""
    records = {which: dict(_records(run, which)) for which in ("before", "after")}
    found = []
    for data in dict.fromkeys([*records["before"], *records["after"]]):
        before, after = (records[which].get(data, {}) for which in ("before", "after"))
        intervals = _intervals(read_verdict(run.path, data))
        found.append(Measured(data, _of(after or before), _figures(before), _figures(after), intervals))
    return found


def _of(record: Mapping[str, Any]) -> str:
    """Say what a score is of; labelled texts that were told apart are no pairs."""
    if "protocol" in record:
        return f"{str(record['data']).replace('/', ' ')}, {record.get('pairs', 0):,} texts"
    return about(record)


def _records(run: RunFolder, which: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted((run.path / "scores").glob(f"*.{which}.json")):
        record = read_json(path)
        if isinstance(record, dict) and "data" in record:
            yield str(record["data"]), record


def _figures(record: Mapping[str, Any]) -> dict[str, float]:
    found = (record.get("figures") or {}).items()
    return {str(name): float(value) for name, value in found if isinstance(value, int | float) and math.isfinite(value)}


def _intervals(verdict: Mapping[str, Any] | None) -> dict[str, Interval]:
    return {name: Interval(**values) for name, values in (verdict or {}).get("intervals", {}).items()}


def score_lines(measured: list[Measured], chosen_by: str) -> list[str]:
    """Return the section on scores; `chosen_by` is the setting that decided about the step that was kept."""
    if not measured:
        return ["Nothing was scored, so nothing is known of how good this model is."]
    rows = [row for one in measured for row in _rows(one)]
    lines = table(("measured on", "figure", "before", "after", "95 % interval of the difference"), rows)
    lines += ["", "Before is the model that training began with. All figures are computed in fp32."]
    if chosen_by in (*SHOWN, "held_out"):
        own = chosen_by == "held_out"
        of = next((one.of for one in measured if (one.data == HELD_OUT) == own), None)
        lines += [CHOSEN_ON.format(of=prose(of))] if of else []
    remarks = [*_fallen(measured), *_unscored(measured)]
    return [*lines, "", *remarks] if remarks else lines


def _rows(one: Measured) -> Iterator[list[str]]:
    for name in one.figures():
        before, after, interval = one.before.get(name), one.after.get(name), one.intervals.get(name)
        told = f"{interval.verdict}: {_signed(interval.low)} to {_signed(interval.high)}" if interval else "not known"
        yield [prose(one.of), one.called(name), *("–" if each is None else number(each) for each in (before, after)), told]


def _signed(value: float) -> str:
    return number(value) if value < 0 else f"+{number(value)}"


def _fallen(measured: list[Measured]) -> list[str]:
    """Say of each figure that fell that it did, and whether that is more than chance."""
    lines = []
    for one in measured:
        for name in one.figures():
            before, after = one.before.get(name), one.after.get(name)
            if before is None or after is None or after >= before:
                continue
            interval = one.intervals.get(name)
            how = f" ({said(name, interval).rstrip('.')})" if interval else ""
            fell = f"{one.called(name)} on {prose(one.of)}, from {number(before)} to {number(after)}"
            lines.append(f"- **Fell:** {fell}{how}.")
    return lines


def _unscored(measured: list[Measured]) -> list[str]:
    missing = [one for one in measured if one.before and not one.after]
    return [f"- Not scored after training: {prose(one.of)}." for one in missing]
