"""The supervisor's side of the desk: it is started when somebody wants it, and told whether other work goes on."""

import os
import time
from pathlib import Path

from core.desk_client import BUSY, DESK, NOTE, WANTED
from core.files import write_json
from core.processes import Child, fork_child, spawn_detached, start_time

# Who wants it says so until it listens; one who has gone away wants nothing.
WANTED_SECONDS = 5.0
# So that one which dies at once is not started ten times a second.
RESTART_SECONDS = 1.0


class DeskKeeper:
    """Keeps at most one desk for a runs folder; the desk ends by itself, after idle minutes or with the supervisor."""

    def __init__(self, runs_dir: Path, fork: bool) -> None:
        self.runs_dir = runs_dir
        self.folder = runs_dir / DESK
        self.fork = fork
        self.child: Child | None = None
        self._not_before = 0.0

    def look(self, broken: str, busy: bool) -> None:
        """Bury a desk that has ended, start one that is wanted, and tell it whether a run has the cores.

        `broken` is the fault where the libraries cannot be loaded: then whoever wants it is told so.
        """
        if self.child is not None and self.child.poll() is not None:
            self.child = None
        if self.child is None and self.is_wanted() and time.monotonic() > self._not_before:
            self._not_before = time.monotonic() + RESTART_SECONDS
            if broken:
                mine = os.getpid()
                write_json(self.folder / NOTE, {"fault": broken, "pid": mine, "started": start_time(mine)})
            else:
                self._start()
        if self.child is not None and (self.folder / BUSY).exists() != busy:
            (self.folder / BUSY).touch() if busy else (self.folder / BUSY).unlink()

    def is_wanted(self) -> bool:
        """Tell whether somebody has asked for the desk within the last seconds."""
        try:
            return abs(time.time() - (self.folder / WANTED).stat().st_mtime) < WANTED_SECONDS
        except FileNotFoundError:
            return False

    def _start(self) -> None:
        if self.fork:
            from core import desk  # noqa: PLC0415  the supervisor has to serve before torch is there

            self.child = fork_child(lambda: desk.main(self.runs_dir))
        else:
            self.child = spawn_detached(["-m", "core.desk", str(self.runs_dir)], self.folder / "log.txt")
