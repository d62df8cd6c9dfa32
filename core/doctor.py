"""The data doctor: what is wrong with rows before a minute is spent on them, and what can be done about it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from core.examples import LABELLED_ROWS, NLI_LABELS, NLI_ROWS, ROLES, SCORED_ROWS, text_keys, text_roles
from core.near_duplicates import UNSPACED, near_duplicate_groups

MOST_COMPARED_TEXTS = 100_000
SCORES_DISAGREE_FROM = 0.2
SKEWED_FROM = 5.0
EXAMPLE_CHARACTERS = 160


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: how many of how many, an example, and the fix's name in `core.doctor_fixes`, if there is one."""

    id: str
    text: str
    count: int
    total: int
    example: tuple[str, ...] = ()
    fix: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as the report holds it."""
        return asdict(self)


@dataclass(frozen=True)
class Patient:
    """Rows as the doctor sees them: `keys` numbers texts so that equal ones are equal, `outside` are the evaluation's keys."""

    frame: pd.DataFrame
    kind: str
    outside: np.ndarray
    outside_name: str
    keys: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def texts(self) -> tuple[str, ...]:
        """The columns that hold texts."""
        return text_roles(self.kind)

    @property
    def value(self) -> str | None:
        """The column that says something of the texts, if there is one."""
        return next((role for role in ROLES[self.kind] if role not in self.texts), None)

    def without(self, gone: np.ndarray) -> "Patient":
        """Return the rows that are left."""
        keys = {column: keys[~gone] for column, keys in self.keys.items()}
        return Patient(self.frame[~gone].reset_index(drop=True), self.kind, self.outside, self.outside_name, keys)

    def example(self, mask: np.ndarray) -> tuple[str, ...]:
        """Return the first row of a mask in words."""
        row = self.frame.iloc[int(mask.argmax())]
        return tuple(_as_words(self, column, row[column]) for column in ROLES[self.kind])


def admit(frame: pd.DataFrame, kind: str, outside: Sequence[pd.Series], outside_name: str) -> Patient:
    """Number the texts of rows and of the evaluation set."""
    keys = {column: text_keys(frame[column]) for column in text_roles(kind)}
    beyond = np.unique(np.concatenate([text_keys(texts) for texts in outside])) if outside else np.empty(0, dtype=np.uint64)
    return Patient(frame, kind, beyond, outside_name, keys)


def _as_words(patient: Patient, column: str, value: Any) -> str:
    if column == "label" and patient.kind == NLI_ROWS:
        return NLI_LABELS[int(value)]
    text = f"{value:.3g}" if isinstance(value, float) else str(value)
    return text if len(text) <= EXAMPLE_CHARACTERS else text[:EXAMPLE_CHARACTERS] + "…"


def one_word(patient: Patient) -> np.ndarray:
    """Mark rows with a text of a single word, (rows,) bool."""
    several = rf"\s|[{UNSPACED}]"
    lone = [~patient.frame[column].str.contains(several, regex=True).to_numpy(dtype=bool) for column in patient.texts]
    marked: np.ndarray = np.logical_or.reduce(lone)
    return marked


def duplicates(patient: Patient) -> np.ndarray:
    """Mark rows that say again what an earlier one said, label or score included."""
    again: np.ndarray = _said(patient, patient.keys).duplicated().to_numpy()
    return again


def _said(patient: Patient, keys: Mapping[str, np.ndarray]) -> pd.Series:
    """Number rows by what they say, (rows,): equal keys and an equal label or score have equal numbers."""
    table = pd.DataFrame(dict(keys))
    if patient.value:
        table = table.assign(value=patient.frame[patient.value].to_numpy())
    return table.groupby(list(table), sort=False).ngroup()


def near_duplicates(patient: Patient) -> np.ndarray:
    """Mark rows that nearly say again what an earlier one said: text by text in its groups of near duplicates.

    Exact repeats of the first such row are not marked; those of a marked row are, or they would stay when it goes.
    """
    return _nearly_again(patient, _near_keys(patient)[0])


def _nearly_again(patient: Patient, keys: Mapping[str, np.ndarray]) -> np.ndarray:
    exact = _said(patient, patient.keys)
    near: np.ndarray = (exact != exact.groupby(_said(patient, keys), sort=False).transform("first")).to_numpy()
    return near


def _near_keys(patient: Patient) -> tuple[dict[str, np.ndarray], list[list[str]], int]:
    """Return keys by group of near duplicates, the groups' texts (largest first), and how many texts were compared."""
    stacked = np.concatenate(list(patient.keys.values()))
    distinct, first = np.unique(stacked, return_index=True)
    texts = pd.concat([patient.frame[column] for column in patient.texts], ignore_index=True)
    # In the order of the file; past the limit the rest is not compared, and the report says so.
    chosen = np.sort(first)[:MOST_COMPARED_TEXTS]
    groups = near_duplicate_groups(texts.iloc[chosen].tolist())
    order = np.argsort(groups, kind="stable")
    sizes = np.bincount(groups)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    named = dict(zip(stacked[chosen].tolist(), stacked[chosen[order[starts[groups]]]].tolist(), strict=True))
    stands_for = np.array([named.get(key, key) for key in distinct.tolist()], dtype=np.uint64)
    keys = {column: stands_for[np.searchsorted(distinct, keys)] for column, keys in patient.keys.items()}
    large = [group for group in np.argsort(-sizes, kind="stable") if sizes[group] > 1]
    members = [texts.iloc[chosen[order[starts[group] : starts[group] + sizes[group]]]].tolist() for group in large]
    return keys, members, len(chosen)


def contradicting(patient: Patient) -> np.ndarray:
    """Mark rows whose very texts stand elsewhere with another label, or with a score that differs by more than 0.2."""
    if patient.value is None:
        return np.zeros(len(patient.frame), dtype=bool)
    table = pd.DataFrame(dict(patient.keys)).assign(value=patient.frame[patient.value].to_numpy())
    grouped = table.groupby(list(patient.keys), sort=False)["value"]
    if patient.kind == SCORED_ROWS:
        return (grouped.transform("max") - grouped.transform("min") > SCORES_DISAGREE_FROM).to_numpy()
    return (grouped.transform("nunique") > 1).to_numpy()


def overlap(patient: Patient) -> np.ndarray:
    """Mark rows that share a text with the evaluation set."""
    shared: np.ndarray = np.logical_or.reduce([np.isin(keys, patient.outside) for keys in patient.keys.values()])
    return shared


SIGNS: Mapping[str, Callable[[Patient], np.ndarray]] = MappingProxyType(
    {
        "drop-one-word": one_word,
        "drop-duplicates": duplicates,
        "drop-near-duplicates": near_duplicates,
        "drop-contradicting": contradicting,
        "drop-overlap": overlap,
    }
)
SAYS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "drop-one-word": ("one-word", "rows have a text of a single word, which says little"),
        "drop-duplicates": ("duplicates", "rows say again what an earlier row said"),
        "drop-contradicting": ("contradicting", "rows say two things of the same texts"),
        "drop-overlap": ("overlap", "rows share a text with {outside}: the score will look better than it is"),
    }
)


def mend(patient: Patient, fixes: Sequence[str]) -> tuple[Patient, dict[str, int]]:
    """Make the fixes in order; return what is left and how many rows each took."""
    taken = {}
    for fix in fixes:
        gone = SIGNS[fix](patient)
        if gone.any():
            taken[f"the fix {fix}"] = int(gone.sum())
            patient = patient.without(gone)
    return patient, taken


def examine(patient: Patient) -> list[Finding]:
    """Return what is wrong with the rows, worst first."""
    total, found = len(patient.frame), []
    for fix, (name, says) in SAYS.items():
        mask = SIGNS[fix](patient)
        if mask.any():
            text = says.format(outside=patient.outside_name)
            found.append(Finding(name, text, int(mask.sum()), total, patient.example(mask), fix))
    found += _examine_near(patient)
    found += _examine_classes(patient)
    return sorted(found, key=lambda finding: -finding.count / max(1, finding.total))


def _examine_near(patient: Patient) -> list[Finding]:
    keys, groups, compared = _near_keys(patient)
    if not groups:
        return []
    rows = int(_nearly_again(patient, keys).sum())
    texts = sum(map(len, groups))
    limit = f" (of the first {compared:,} texts)" if compared == MOST_COMPARED_TEXTS else ""
    repeated = f"; {rows:,} of the rows only repeat an earlier one in such words" if rows else ""
    text = f"texts in {len(groups):,} groups say nearly the same{limit}{repeated}"
    example = tuple(_as_words(patient, "text", one) for one in groups[0][:3])
    return [Finding("near-duplicates", text, texts, compared, example, "drop-near-duplicates" if rows else None)]


def _examine_classes(patient: Patient) -> list[Finding]:
    if patient.kind not in (LABELLED_ROWS, NLI_ROWS):
        return []
    counts = patient.frame["label"].value_counts()
    if len(counts) < 2 or counts.max() < SKEWED_FROM * counts.min():
        return []
    names = [_as_words(patient, "label", label) for label in (counts.index[0], counts.index[-1])]
    text = (
        f"rows are of class {names[0]}, the largest, and {counts.min():,} of {names[1]}, the smallest: "
        "it will learn the large one best"
    )
    return [Finding("skew", text, int(counts.max()), len(patient.frame))]
