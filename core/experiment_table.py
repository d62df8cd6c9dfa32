"""What came of an experiment so far, one row for each of its runs, or chain of runs."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.book import rows_found, why_not_beside
from core.errors import one_sentence
from core.experiment_plans import CHAPTER, Experiment, Member
from core.experiments import read_experiment
from core.listing import run_seconds
from core.places import Places
from core.recipe_runs import BOOK_BASE, BOOK_ROWS
from core.recipes import RECIPES
from core.runs import HELD_OUT, RunFolder, Status

DELETED = "deleted"
OF_THE_BOOK = (
    f"The book's scores are the book's own: Pearson of cosines on STSB's validation part, got with {BOOK_BASE} (the fine-tuning "
    f"with MiniLM) and {BOOK_ROWS:,} rows of MNLI. These runs have other models and other rows, so they are no target here."
)
BESIDE_THE_BOOK = (
    "The book's score stands beside a run from the book's base model that read as many rows, {rows:,}; "
    "not every setting is the book's."
)


@dataclass(frozen=True)
class Row:
    """One member as it stands: scores are -1..1 by name of the figure, `seconds` those of its runs without the time they waited.

    `before` is the untouched model's, `after` the last run's, both on `data`; `run` is the last run's id, `note` what has to
    be said of the row.
    """

    label: str
    state: str
    is_final: bool
    run: str
    value: Any = None
    data: str = ""
    before: Mapping[str, float] = field(default_factory=dict)
    after: Mapping[str, float] = field(default_factory=dict)
    book: float | None = None
    seconds: float | None = None
    rows: int | None = None
    note: str = ""


@dataclass(frozen=True)
class ExperimentTable:
    """An experiment's rows; `seconds` from the first start to the last end, or until now."""

    experiment: Experiment
    rows: tuple[Row, ...]
    seconds: float | None
    notes: tuple[str, ...]

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen by itself."""
        return all(row.is_final for row in self.rows)

    @property
    def best(self) -> Row | None:
        """The row with the highest Pearson of cosines, where two rows or more can be compared."""
        scored = [row for row in self.rows if row.after]
        if len(scored) < 2 or len({row.data for row in scored}) > 1:
            return None
        return max(scored, key=lambda row: row.after["pearson_cosine"])

    def as_json(self) -> dict[str, Any]:
        """Return the table as the command line prints it."""
        about = {name: getattr(self.experiment, name) for name in ("id", "title", "kind", "size", "recipe", "field")}
        return about | {"rows": [_as_json(row) for row in self.rows], "seconds": self.seconds, "notes": list(self.notes)}


def _as_json(row: Row) -> dict[str, Any]:
    return {
        "label": row.label,
        "state": row.state,
        "data": row.data,
        "baseline": dict(row.before),
        "scores": dict(row.after),
        "book's score": row.book,
        "seconds": row.seconds,
        "rows": row.rows,
        "run": row.run,
        "note": row.note,
    }


def experiment_table(name: str, places: Places) -> ExperimentTable:
    """Read an experiment's runs as they are now; one that was deleted meanwhile is a row that says so.

    Raises:
        RunError: there is no such experiment.
    """
    experiment = read_experiment(name, places)
    assert places.runs_dir is not None
    chains = [[RunFolder(places.runs_dir / run) for run in member.runs] for member in experiment.members]
    statuses = [[run.status() for run in chain] for chain in chains]
    rows = tuple(_row(*each, experiment) for each in zip(experiment.members, chains, statuses, strict=True))
    known = [status for chain in statuses for status in chain if status is not None]
    return ExperimentTable(experiment, rows, _from_first_to_last(known), _notes(experiment))


def _row(member: Member, chain: Sequence[RunFolder], statuses: Sequence[Status | None], experiment: Experiment) -> Row:
    last, known = chain[-1], [status for status in statuses if status is not None]
    # A book's score is shown as such beside runs of other sizes; in the book's own it would be read as what has to come out.
    book = None if experiment.size == "book" else member.book
    if statuses[-1] is None:
        return Row(member.label, DELETED, is_final=True, run=last.id, value=member.value, book=book)
    told = _telling(known)
    data, before, after = _scores(chain)
    note = _fault(told)
    if experiment.size == "book" and member.book is not None:
        why = why_not_beside(last)
        book = None if why else member.book
        note = note or (why if rows_found(last) is not None else "")
    return Row(
        label=member.label,
        state=_state(told, statuses),
        is_final=all(status.is_final for status in known),
        run=last.id,
        value=member.value,
        data=data,
        before=before,
        after=after,
        book=book,
        seconds=_seconds(statuses),
        rows=rows_found(last),
        note=note,
    )


def _telling(statuses: Sequence[Status]) -> Status:
    """Return the status of a chain that says where it stands: of the run that goes on, or failed, or else of the last."""
    going = next((status for status in statuses if not status.is_final), None)
    if going is not None or statuses[-1].state != "skipped":
        return going or statuses[-1]
    return next((status for status in statuses if status.state not in ("done", "skipped")), statuses[-1])


def _state(told: Status, statuses: Sequence[Status | None]) -> str:
    place = statuses.index(told) + 1
    return f"{told.state}, run {place} of {len(statuses)}" if not told.is_final and len(statuses) > 1 else told.state


def _fault(told: Status) -> str:
    if told.error.get("message"):
        return one_sentence(ValueError(told.error["message"]))
    return told.detail if told.state == "skipped" or (told.state == "stopped" and not told.has_model) else ""


def _scores(chain: Sequence[RunFolder]) -> tuple[str, dict[str, float], dict[str, float]]:
    """Return the yardstick, its figures for the untouched model, and those for what the last run has made.

    A chain's first model that was scored is its untouched one: a cross-encoder before it has no cosines, and a run after it
    starts from what was trained already.
    """
    untouched = (scored for run in chain if (scored := _similarity(run, "before"))[0])
    data, before = next(untouched, ("", {}))
    measured, after = _similarity(chain[-1], "after")
    return data or measured, before, after


def _similarity(run: RunFolder, which: str) -> tuple[str, dict[str, float]]:
    scored = run.scores(which).items()
    found = [(data, figures) for data, figures in scored if data != HELD_OUT and "pearson_cosine" in figures]
    return next(iter(found), ("", {}))


def _seconds(statuses: Sequence[Status | None]) -> float | None:
    """Return how long the runs of a chain took together; None before the first began, or where one is not there any more."""
    taken = [run_seconds(status) if status else None for status in statuses]
    if None in statuses or not any(taken):
        return None
    return round(sum(seconds for seconds in taken if seconds), 1)


def _from_first_to_last(statuses: Sequence[Status]) -> float | None:
    began = [status.started for status in statuses if status.started is not None]
    if not began:
        return None
    going = any(not status.is_final for status in statuses)
    ended = time.time() if going else max(status.finished or 0.0 for status in statuses)
    return round(max(0.0, ended - min(began)), 1)


def _notes(experiment: Experiment) -> tuple[str, ...]:
    if experiment.kind != "chapter":
        return ()
    about = BESIDE_THE_BOOK.format(rows=BOOK_ROWS) if experiment.size == "book" else OF_THE_BOOK
    missing = (RECIPES[recipe] for recipe in CHAPTER if experiment.size not in RECIPES[recipe].sizes)
    return (about, *(f"{spec.title} has no size {experiment.size}: {spec.why_not[experiment.size]}." for spec in missing))
