"""What a run tells while it goes on: numbered JSON lines, appended by one writer, read by anybody."""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar


@dataclass(frozen=True)
class StateEvent:
    """The run entered a state; `detail` says more in a sentence."""

    type: ClassVar[str] = "state"
    state: str
    detail: str = ""


@dataclass(frozen=True)
class ProgressEvent:
    """A phase before or after training has done `done` of `total`."""

    type: ClassVar[str] = "progress"
    phase: str
    done: int
    total: int


@dataclass(frozen=True)
class StepEvent:
    """One or more optimizer steps up to `step`: mean, least and greatest loss; rates are examples and tokens a second.

    `padding` is the share of the tokens read that only fill up a batch, 0..1.
    """

    type: ClassVar[str] = "step"
    step: int
    total_steps: int
    epoch: float
    loss: float
    loss_min: float
    loss_max: float
    learning_rate: float
    grad_norm: float | None
    examples_per_second: float
    seconds_left: float
    steps: int = 1
    tokens_per_second: float | None = None
    padding: float | None = None


@dataclass(frozen=True)
class EvaluationEvent:
    """Figures on an evaluation set after `step`; `untouched` marks the model before its first step, `best` the best so far.

    `pairs` is how many were scored: a curve of 300 of 1,500 pairs has an untouched figure of the same 300.
    """

    type: ClassVar[str] = "evaluation"
    step: int
    data: str
    pairs: int
    figures: dict[str, float] = field(default_factory=dict)
    untouched: bool = False
    precision: str = "fp32"
    best: bool = False
    of_pairs: int = 0


@dataclass(frozen=True)
class MeasureEvent:
    """What the space looks like after `step`, in the measures of `core.measures`; histograms count cosines from -1 to 1."""

    type: ClassVar[str] = "measure"
    step: int
    alignment: float | None
    uniformity: float
    random_cosine: float
    auc: float | None
    positives: list[int] = field(default_factory=list)
    negatives: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class SnapshotEvent:
    """The embeddings of `texts` probe texts after `step` are kept, which took `seconds`."""

    type: ClassVar[str] = "snapshot"
    step: int
    texts: int
    seconds: float


@dataclass(frozen=True)
class NoticeEvent:
    """A line for the page's log."""

    type: ClassVar[str] = "notice"
    text: str


Event = StateEvent | ProgressEvent | StepEvent | EvaluationEvent | MeasureEvent | SnapshotEvent | NoticeEvent


class EventWriter:
    """Append events to a run's file; numbers go on where an earlier writer stopped."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._close_broken_line()
        self._number = max((event["n"] for event in read_events(path)), default=0)

    def _close_broken_line(self) -> None:
        """End a line that a killed writer left half done, so that the next one starts on its own."""
        if not self._path.is_file() or not self._path.stat().st_size:
            return
        with self._path.open("rb+") as file:
            file.seek(-1, 2)
            if file.read(1) != b"\n":
                file.write(b"\n")

    def write(self, event: Event) -> None:
        """Append one event as one whole line."""
        self._number += 1
        line = {"n": self._number, "t": round(time.time(), 3), "type": event.type} | asdict(event)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n")


def read_events(path: Path, offset: int = 0) -> Iterator[dict[str, Any]]:
    """Yield the events from a byte offset on; a line that is not whole or no JSON is passed over."""
    events, _ = events_from(path, offset)
    yield from events


def events_from(path: Path, offset: int, most_bytes: int = -1) -> tuple[list[dict[str, Any]], int]:
    """Return the whole lines after `offset` as events, and the offset behind the last of them.

    With `most_bytes` that much is read at once, or else everything where not even one line is so short.
    """
    try:
        with path.open("rb") as file:
            file.seek(offset)
            chunk = file.read(most_bytes)
            if len(chunk) == most_bytes and b"\n" not in chunk:
                chunk += file.read()
    except FileNotFoundError:
        return [], offset
    whole, newline, _rest = chunk.rpartition(b"\n")
    events = [event for line in whole.split(b"\n") if (event := _parse(line)) is not None]
    return events, offset + len(whole) + len(newline)


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "type" in event and "n" in event else None
