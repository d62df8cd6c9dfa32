"""The worker's side of a run folder: it alone writes the state and the events, and looks for STOP."""

import contextlib
import threading
import time
from pathlib import Path
from typing import Protocol

from core.errors import RunError
from core.events import Event, EventWriter, ProgressEvent, StateEvent
from core.places import Places
from core.runs import RunFolder

LOOK_SECONDS = 0.2


class Stopped(Exception):  # noqa: N818  not an error: somebody pressed Stop
    """Raised out of a long phase when the person asked to end it."""


class Work(Protocol):
    """Who is told how far the work is, and may ask for its end; a `RunLog` is one."""

    def progress(self, phase: str, done: int, total: int) -> None:
        """Take note of how far a phase is."""

    def raise_if_stopped(self) -> None:
        """Leave if somebody pressed Stop."""


class RunLog:
    """Writes a run's state and events; safe to use from the heartbeat's thread as well.

    Of processes that train together only the one that leads `speaks`; the others write nothing and hear no wish. `seconds` is how
    long the work may take from now on, where its process will not live longer.
    """

    def __init__(self, run: RunFolder, speaks: bool = True, seconds: float | None = None) -> None:
        self.run = run
        self.speaks = speaks
        self.seconds = seconds
        self.has_stepped = False
        self.began = time.monotonic()
        self._events = EventWriter(run.events_path) if speaks else None
        self._lock = threading.Lock()
        self._looked_at = 0.0
        self._wish: str | None = None

    @property
    def places(self) -> Places:
        """Where the run's rows are looked for: in the data folder that it was started with, and in its runs folder."""
        status = self.run.status()
        return Places(Path(status.data_dir) if status and status.data_dir else None, self.run.runs_dir)

    def set_status(self, **changes: object) -> None:
        """Change fields of `status.json`."""
        if self.speaks:
            with self._lock:
                self.run.set_status(**changes)

    def write(self, event: Event) -> None:
        """Append an event."""
        if self._events:
            with self._lock:
                self._events.write(event)

    def enter(self, state: str, detail: str = "") -> None:
        """Go on to the next state, in `status.json` and among the events."""
        self.set_status(state=state, detail=detail, heartbeat=time.time())
        self.write(StateEvent(state, detail))

    def end(self, state: str, detail: str, **changes: object) -> None:
        """Write the last state; the status counts, so a full disk may cost the event only."""
        with contextlib.suppress(OSError):
            self.write(StateEvent(state, detail))
        self.set_status(state=state, detail=detail, finished=time.time(), **changes)

    def progress(self, phase: str, done: int, total: int) -> None:
        """Tell how far a phase outside training has come."""
        self.write(ProgressEvent(phase, done, total))

    def stop_wish(self) -> str | None:
        """Return None, "stop" or "skip-scoring"; the disk is asked at most every 0.2 s.

        Raises:
            RunError: the folder was deleted meanwhile; nobody would see what comes of the run.
        """
        now = time.monotonic()
        if self.speaks and now - self._looked_at >= LOOK_SECONDS:
            self._looked_at = now
            self._wish = self.run.stop_wish()
            if self.run.is_gone():
                raise RunError(f"Run {self.run.id} was deleted while it went on.")
        return self._wish

    def raise_if_stopped(self) -> None:
        """Leave what comes before the first step.

        Raises:
            Stopped: Stop was pressed.
        """
        if self.stop_wish():
            raise Stopped

    def raise_if_skipped(self) -> None:
        """Leave a scoring that the person does not want to wait for.

        Raises:
            Stopped: Stop was pressed a second time.
        """
        if self.stop_wish() == "skip-scoring":
            raise Stopped
