"""What a shared studio does with its visitors' work by itself: a run that takes too long is stopped, and old work is removed."""

import contextlib
import json
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from core.errors import RunError
from core.files import read_json
from core.hosting import LIMITS
from core.run_store import delete_run, iter_runs
from core.runs import RunFolder, Status
from core.sources import UPLOADS
from core.visitors import owner_of_shelf, shelves

EVERY_SECONDS = 300.0
LEFTOVERS = (".experiments", ".scores", ".fetched", ".models")


class Sweeper:
    """Looks after the visitors' folders of one studio."""

    def __init__(self, studio_dir: Path) -> None:
        self.studio_dir = studio_dir
        self._swept = time.monotonic() - EVERY_SECONDS

    def look(self, open_runs: Iterable[tuple[RunFolder, Status]]) -> None:
        """Stop, keeping what is trained, every run whose time is over; now and then remove what is old."""
        now = time.time()
        for run, status in open_runs:
            took = now - (status.started or now) if owner_of_shelf(run.runs_dir) and status.is_working else 0.0
            if took > LIMITS.seconds and not run.stop_wish():
                run.request_stop()
        if time.monotonic() - self._swept > EVERY_SECONDS:
            self._swept = time.monotonic()
            for shelf in shelves(self.studio_dir)[1:]:
                # What somebody deletes at the same time is gone as well.
                with contextlib.suppress(OSError, RunError):
                    sweep(shelf, now)


def sweep(shelf: Path, now: float) -> None:
    """Remove a visitor's runs and work that ended more than a day before `now`, and the files that no run names any more."""
    _sweep_work(shelf, now)
    named = json.dumps([read_json(run.path / "config.json") for run in iter_runs(shelf)])
    for path in (path for folder in (UPLOADS, *LEFTOVERS) for path in (shelf / folder).glob("*")):
        about = read_json(path / "about.json") if path.is_dir() else None
        if is_old(path.stat().st_mtime, now) and str((about or {}).get("data", path.stem)) not in named:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    if not any(path.is_file() for path in shelf.rglob("*")) and is_old(shelf.stat().st_mtime, now):
        shutil.rmtree(shelf)


def _sweep_work(shelf: Path, now: float) -> None:
    for folder in ("", *(path.name for path in shelf.iterdir() if path.is_dir() and path.name.startswith("."))):
        for run in iter_runs(shelf / folder):
            status = run.status()
            if status is not None and status.is_final and is_old(status.finished or status.created, now):
                delete_run(run)


def is_old(when: float, now: float) -> bool:
    """Tell whether a moment, in seconds since 1970, is past the hours that a visitor's work is kept."""
    return now - when > LIMITS.hours * 3600
