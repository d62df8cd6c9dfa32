"""A run's events as a page follows them: read once, kept thin, handed out from where the page stopped."""

import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

from core.events import events_from

MOST_POINTS = 2000
MOST_LINES = 300
MOST_FOLLOWED = 50
STEP_FIELDS = (
    "n", "step", "epoch", "loss", "loss_min", "loss_max", "learning_rate", "grad_norm", "examples_per_second", "seconds_left",
    "total_steps", "steps", "t",
)  # fmt: skip


class FollowedRun:
    """One run's events, thinned: when a series is too long, neighbours merge, keeping least and greatest loss.

    `generation` counts the mergers; whoever drew an earlier generation has to draw anew.
    """

    def __init__(self, events_path: Path) -> None:
        self._path = events_path
        self._offset = 0
        self.generation = 0
        self.last_number = 0
        self.steps: list[dict[str, Any]] = []
        self.evaluations: list[dict[str, Any]] = []
        self.lines: list[dict[str, Any]] = []
        self.progress: dict[str, Any] | None = None

    def read_on(self) -> None:
        """Take in what was appended since the last call."""
        if self._path.is_file() and self._path.stat().st_size < self._offset:
            self.__init__(self._path)  # type: ignore[misc]  # the file is another one: start over
        events, self._offset = events_from(self._path, self._offset)
        for event in events:
            self._take(event)

    def _take(self, event: dict[str, Any]) -> None:
        self.last_number = event["n"]
        match event["type"]:
            case "step":
                self.steps.append({name: event.get(name) for name in STEP_FIELDS})
                if len(self.steps) > MOST_POINTS:
                    self.steps = _merge_neighbours(self.steps)
                    self.generation += 1
            case "evaluation":
                self.evaluations.append(event)
                self.progress = None
            case "progress":
                self.progress = event
            case "state" | "notice":
                self.lines = [*self.lines, event][-MOST_LINES:]
                self.progress = None

    def news(self, drawn: int, generation: int) -> dict[str, Any]:
        """Return what came after event number `drawn`, or everything when the page drew another generation."""
        whole = drawn == 0 or generation != self.generation or drawn > self.last_number
        since = 0 if whole else drawn
        return {
            "whole": whole,
            "generation": self.generation,
            "last": self.last_number,
            "steps": _columns([step for step in self.steps if step["n"] > since]),
            "evaluations": [event for event in self.evaluations if event["n"] > since],
            "lines": [event for event in self.lines if event["n"] > since],
            "progress": self.progress,
        }


def _columns(steps: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {name: [step[name] for step in steps] for name in STEP_FIELDS}


def _merge_neighbours(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    merged = [_merge(steps[i], steps[i + 1]) for i in range(0, len(steps) - 1, 2)]
    return merged + steps[len(merged) * 2 :]


def _merge(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    count = first["steps"] + second["steps"]
    return second | {
        "steps": count,
        "loss": (first["loss"] * first["steps"] + second["loss"] * second["steps"]) / count,
        "loss_min": min(first["loss_min"], second["loss_min"]),
        "loss_max": max(first["loss_max"], second["loss_max"]),
    }


class FollowedRuns:
    """The runs that pages follow right now, the least recently asked dropped beyond 50."""

    def __init__(self) -> None:
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
