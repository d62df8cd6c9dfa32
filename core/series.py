"""A run's events as a page follows them: read once, kept thin, handed out from where the page stopped."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import Any

from core.events import events_from
from core.runs import SPEARMAN
from core.worker_use import WorkersInUse

MOST_POINTS = 2000
MOST_EVALUATIONS = 500
MOST_LINES = 300
MOST_FOLLOWED = 50
# A page that opens a long run is answered in between: one look may take this long, in pieces of so many bytes.
LOOK_SECONDS = 0.015
PIECE_BYTES = 1 << 16
STEP_FIELDS = (
    "n", "step", "epoch", "loss", "loss_min", "loss_max", "learning_rate", "grad_norm", "examples_per_second", "seconds_left",
    "total_steps", "steps", "tokens_per_second", "padding",
)  # fmt: skip
DRAWN_FIELDS = (*(name for name in STEP_FIELDS if name not in ("n", "seconds_left", "padding")), "seconds", "grad_norm_max")
EVALUATION_FIELDS = ("n", "step", "data", "pairs", "of_pairs", "untouched", "precision", "best")
MEASURE_FIELDS = ("n", "step", "alignment", "uniformity", "random_cosine", "auc")


class RunClock:
    """Seconds of training since the first step event; a clock that is set back and the time between two turns count nothing."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._last: float | None = None

    def pause(self) -> None:
        """Stop until the next step: a run that is resumed goes on where it stopped."""
        self._last = None

    def step(self, time_of_event: float) -> float:
        """Go on to a step event and return its seconds."""
        self._seconds = self.at(time_of_event)
        self._last = time_of_event
        return self._seconds

    def at(self, time_of_event: float) -> float:
        """Return the seconds of another event."""
        return round(self._seconds + (max(0.0, time_of_event - self._last) if self._last is not None else 0.0), 3)


class FollowedRun:
    """One run's events, thinned: when a series is too long, neighbours merge, keeping least and greatest loss.

    `generation` counts what changed behind the newest event; whoever drew an earlier generation has to draw anew.
    """

    def __init__(self, events_path: Path) -> None:
        self._path = events_path
        self._offset = 0
        self._clock = RunClock()
        self.generation = 0
        self.last_number = 0
        # How much of the file has been read, 0..1.
        self.share_read = 1.0
        self.steps: list[dict[str, Any]] = []
        self.evaluations: list[dict[str, Any]] = []
        self.measures: list[dict[str, Any]] = []
        self.histogram: dict[str, Any] | None = None
        self.lines: list[dict[str, Any]] = []
        self.progress: dict[str, Any] | None = None

    def read_on(self, seconds: float = LOOK_SECONDS) -> None:
        """Take in what was appended since the last call, for about so long; `share_read` is 1 when that was everything."""
        size = self._path.stat().st_size if self._path.is_file() else 0
        if size < self._offset:
            self.__init__(self._path)  # type: ignore[misc]  # the file is another one: start over
        deadline = time.monotonic() + seconds
        while True:
            before = self._offset
            events, self._offset = events_from(self._path, before, PIECE_BYTES)
            for event in events:
                self._take(event)
            if self._offset == before or time.monotonic() > deadline:
                break
        # What is left when nothing was taken is half a line, which its writer still has to end.
        self.share_read = self._offset / size if before != self._offset < size else 1.0

    def _take(self, event: dict[str, Any]) -> None:
        self.last_number = event["n"]
        match event["type"]:
            case "step":
                self._take_step(event)
                self.progress = None
            case "evaluation":
                self._put(self.evaluations, self._placed(shown_evaluation(event), event), _place_of_evaluation)
                self.progress = None
            case "measure":
                measure = {name: event.get(name) for name in MEASURE_FIELDS}
                self._put(self.measures, self._placed(measure, event), lambda each: each["step"])
                self.histogram = {name: event.get(name) or [] for name in ("n", "step", "positives", "negatives")}
            case "progress":
                self.progress = event
            case "state" | "notice":
                if event["type"] == "state":
                    self._clock.pause()
                self.lines = [*self.lines, event][-MOST_LINES:]
                self.progress = None

    def _take_step(self, event: dict[str, Any]) -> None:
        step = {name: event.get(name) for name in STEP_FIELDS}
        first = event["step"] - event.get("steps", 1)
        if self.steps and self.steps[-1]["step"] > first:
            # Resumed from an earlier checkpoint: these steps are done again.
            self.steps = [each for each in self.steps if each["step"] <= first]
            self.generation += 1
        self.steps.append(step | {"seconds": self._clock.step(event.get("t", 0.0)), "grad_norm_max": step["grad_norm"]})
        if len(self.steps) > MOST_POINTS:
            self.steps = _merge_neighbours(self.steps)
            self.generation += 1

    def _placed(self, shown: dict[str, Any], event: Mapping[str, Any]) -> dict[str, Any]:
        """Say where on each x axis something lies that was looked at between two steps."""
        epoch = self.steps[-1]["epoch"] if self.steps and event["step"] else 0.0
        return shown | {"epoch": epoch, "seconds": self._clock.at(event.get("t", 0.0)) if event["step"] else 0.0}

    def _put(self, kept: list[dict[str, Any]], shown: dict[str, Any], place: Callable[[Any], Hashable]) -> None:
        """Add what was measured; after a resumption it takes the place of what was measured there before."""
        again = next((index for index, each in enumerate(kept) if place(each) == place(shown)), None)
        if again is not None:
            del kept[again]
            self.generation += 1
        kept.append(shown)
        if len(kept) > MOST_EVALUATIONS:
            kept[:] = _every_second(kept)
            self.generation += 1

    def news(self, drawn: int, generation: int) -> dict[str, Any]:
        """Return what came after event number `drawn`, or everything when the page drew another generation.

        While a long run is still being read (`share_read` under 1), everything is not sent yet.
        """
        anew = drawn == 0 or generation != self.generation or drawn > self.last_number
        whole = anew and self.share_read == 1.0
        if anew and not whole:
            return FollowedRun(self._path).news(0, 0) | {"whole": False, "reading": True, "share_read": self.share_read}
        since = 0 if whole else drawn
        histogram = self.histogram if self.histogram and self.histogram["n"] > since else None
        return {
            "whole": whole,
            "reading": False,
            "generation": self.generation,
            "last": self.last_number,
            "share_read": self.share_read,
            "steps": _columns([step for step in self.steps if step["n"] > since]),
            "now": self.steps[-1] if self.steps else None,
            "evaluations": [event for event in self.evaluations if event["n"] > since],
            "measures": [event for event in self.measures if event["n"] > since],
            "histogram": histogram,
            "lines": [event for event in self.lines if event["n"] > since],
            "progress": self.progress,
        }


def shown_evaluation(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return an evaluation with the one figure that its curve shows: a Spearman, else the first one."""
    figures = event.get("figures") or {}
    figure = next((name for name in figures if name in SPEARMAN), next(iter(figures), ""))
    return {name: event.get(name) for name in EVALUATION_FIELDS} | {"figure": figure, "value": figures.get(figure)}


def _place_of_evaluation(event: Mapping[str, Any]) -> Hashable:
    return tuple(event[name] for name in ("data", "pairs", "step", "untouched", "precision"))


def _every_second(kept: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Drop every second one, but no untouched model's, no set's best and no newest."""
    best = {event["data"]: event["n"] for event in kept if event.get("best")}
    newest = {event.get("data"): event["n"] for event in kept}
    stay = {*best.values(), *newest.values()}
    # Sets that are evaluated in turn would lose all of one of them: count each by itself.
    counts: dict[Any, int] = {}
    left = []
    for event in kept:
        counts[event.get("data")] = counts.get(event.get("data"), 0) + 1
        if counts[event.get("data")] % 2 or event["n"] in stay or event.get("untouched"):
            left.append(event)
    return left


def _columns(steps: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {name: [step[name] for step in steps] for name in DRAWN_FIELDS}


def _merge_neighbours(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    merged = [_merge(steps[i], steps[i + 1]) for i in range(0, len(steps) - 1, 2)]
    return merged + steps[len(merged) * 2 :]


def _merge(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    count = first["steps"] + second["steps"]
    # An overflow under fp16 has no norm.
    known = [step for step in (first, second) if step["grad_norm"] is not None]
    counted = sum(step["steps"] for step in known)
    return second | {
        "steps": count,
        "loss": (first["loss"] * first["steps"] + second["loss"] * second["steps"]) / count,
        "loss_min": min(first["loss_min"], second["loss_min"]),
        "loss_max": max(first["loss_max"], second["loss_max"]),
        "grad_norm": sum(step["grad_norm"] * step["steps"] for step in known) / counted if known else None,
        "grad_norm_max": max((step["grad_norm_max"] for step in known), default=None),
    }


class FollowedRuns:
    """The runs that pages follow right now, the least recently asked dropped beyond 50; `workers` are their processes."""

    def __init__(self) -> None:
        self.workers = WorkersInUse()
        self._runs: OrderedDict[Path, FollowedRun] = OrderedDict()
        self._lock = threading.Lock()

    def news(self, events_path: Path, drawn: int, generation: int) -> dict[str, Any]:
        """Read a run on and return what a page has not drawn yet; one page at a time, for the series change underneath."""
        with self._lock:
            followed = self._runs.pop(events_path, None) or FollowedRun(events_path)
            self._runs[events_path] = followed
            while len(self._runs) > MOST_FOLLOWED:
                self._runs.popitem(last=False)
            followed.read_on()
            return followed.news(drawn, generation)

    def forget(self, events_path: Path) -> None:
        """Drop a run that was deleted."""
        with self._lock:
            self._runs.pop(events_path, None)
