"""The events of a run from elsewhere, line by line: each of a type that a run writes, with what belongs to it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import TypeAdapter, ValidationError

from core.bundle_told import LARGEST, damaged, read_told
from core.errors import RunError
from core.events import EvaluationEvent, Event, MeasureEvent, NoticeEvent, ProgressEvent, SnapshotEvent, StateEvent, StepEvent

MOST_EVENTS, LONGEST_LINE, MOST_BINS = 500_000, 2**16, 400
EVENTS: Mapping[str, TypeAdapter[Event]] = MappingProxyType(
    {
        each.type: TypeAdapter(each)
        for each in (StateEvent, ProgressEvent, StepEvent, EvaluationEvent, MeasureEvent, SnapshotEvent, NoticeEvent)
    }
)


def read_told_events(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the events of a run from elsewhere, in order; a line that is none is passed over, as everywhere.

    Raises:
        RunError: a line says what no run does, or there are too many.
    """
    last = 0
    with path.open("rb") as file:
        for count in range(MOST_EVENTS + 1):
            line = file.readline(LONGEST_LINE + 1)
            if not line:
                return
            if count == MOST_EVENTS or len(line) > LONGEST_LINE:
                raise RunError("Its events.jsonl is longer than that of any run; make the bundle again.")
            event = _read_event(line)
            if event is None:
                continue
            if event["n"] <= last:
                raise damaged(path.name)
            last = event["n"]
            yield event


def _read_event(line: bytes) -> dict[str, Any] | None:
    try:
        event = read_told(line, "events.jsonl")
    except RunError:
        # What a killed worker left half written.
        return None
    if not isinstance(event, dict) or event.get("type") not in EVENTS:
        raise damaged("events.jsonl")
    head = {"n": event.get("n"), "t": event.get("t"), "type": event["type"]}
    if type(head["n"]) is not int or not 0 < head["n"] <= LARGEST or not isinstance(head["t"], int | float):
        raise damaged("events.jsonl")
    try:
        told = EVENTS[event["type"]].validate_json(line, strict=True)
    except ValidationError:
        raise damaged("events.jsonl") from None
    values = told.__dict__
    if not _is_sane(values):
        raise damaged("events.jsonl")
    return head | values


def _is_sane(values: Mapping[str, Any]) -> bool:
    steps = [values.get(name, 1) for name in ("steps", "total_steps")]
    counts = [values.get(name, 0) for name in ("step", "pairs", "of_pairs", "done", "total", "texts")]
    bins = [values.get(name, []) for name in ("positives", "negatives")]
    return min(steps) >= 1 and min(counts) >= 0 and max(*steps, *counts) <= LARGEST and max(map(len, bins)) <= MOST_BINS
