"""The run folder: how it is read and changed. Everything that a run is lies in it."""

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.config import RunConfig, build_config
from core.errors import RunError
from core.files import read_json, replace_file, write_json

STARTING_STATES = ("loading", "baseline")
WORKING_STATES = (*STARTING_STATES, "training", "evaluating", "saving")
# The data id of a score on the held-out part of the person's own rows.
HELD_OUT = "own/held-out"
# Of cosines, or of a cross-encoder's scores.
SPEARMAN = frozenset({"spearman_cosine", "spearman"})
FINAL_STATES = ("done", "stopped", "failed", "interrupted", "skipped")
RUN_ID = re.compile(r"[0-9a-z][0-9a-z-]{3,79}")
CLOCKED_ID = re.compile(r"\d{8}-\d{6}-(?P<made_by>.+)-(?P<mark>[0-9a-f]+)")
VISITORS_ID = re.compile(r"[0-9a-f]{32}")


def short_name(run_id: str, runs_dir: Path | None = None) -> str:
    """Return what a person reads for a run's id: what it was made by and six digits, such as "mnr 71b98e".

    The id of a visitor's run tells nothing of it: its recipe is looked up where `runs_dir` says in which folder.
    """
    clocked = CLOCKED_ID.fullmatch(run_id)
    if clocked:
        return f"{clocked['made_by']} {clocked['mark']}"
    if not VISITORS_ID.fullmatch(run_id):
        return run_id
    config = (read_json(runs_dir / run_id / "config.json") if runs_dir else None) or {}
    made_by = config.get("recipe") or "own settings" if runs_dir else ""
    return f"{made_by} {run_id[:6]}".strip()


def spearman_of(figures: Mapping[str, float]) -> float | None:
    """Return a yardstick's Spearman: of cosines, or of a cross-encoder's scores; None where there are no figures."""
    return figures.get("spearman_cosine", figures.get("spearman"))


@dataclass(frozen=True)
class Status:
    """What `status.json` says. Times are seconds since 1970; `rank` orders the queue, lowest first; `after` is waited for.

    What is started `by_hand` is no supervisor's to start. `owner` is the SHA-256 of a visitor's token, where visitors share.
    `opened_from` names the file of a run that came from elsewhere.
    """

    state: str
    rank: int
    created: float
    detail: str = ""
    started: float | None = None
    finished: float | None = None
    heartbeat: float | None = None
    pid: int | None = None
    pid_started: float | None = None
    data_dir: str | None = None
    has_model: bool = False
    after: str | None = None
    by_hand: bool = False
    owner: str = ""
    opened_from: str = ""
    error: dict[str, Any] = field(default_factory=dict)

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen to the run by itself."""
        return self.state in FINAL_STATES

    @property
    def is_working(self) -> bool:
        """Whether a worker has it."""
        return self.state in WORKING_STATES


@dataclass(frozen=True)
class RunFolder:
    """One run on the disk."""

    path: Path

    @property
    def id(self) -> str:
        """The run's name, which is its folder's."""
        return self.path.name

    @property
    def runs_dir(self) -> Path:
        """The runs folder that it belongs to; jobs such as preparing lie one folder deeper, in a hidden one."""
        parent = self.path.parent
        return parent.parent if parent.name.startswith(".") else parent

    @property
    def events_path(self) -> Path:
        """The file of everything that was shown live."""
        return self.path / "events.jsonl"

    @property
    def log_path(self) -> Path:
        """The file of what the worker printed."""
        return self.path / "log.txt"

    def config(self) -> RunConfig:
        """Return what was asked.

        Raises:
            RunError: the folder is gone or its config.json is broken.
        """
        values = read_json(self.path / "config.json")
        if not isinstance(values, dict):
            raise RunError(f"Run {self.id} has no readable config.json; it was deleted or damaged. Start it again.")
        return build_config(values)

    def resolved(self) -> dict[str, Any]:
        """Return what was used, or nothing before that is known."""
        return read_json(self.path / "resolved.json") or {}

    def status(self) -> Status | None:
        """Return the state, or None where the folder is gone or holds none."""
        values = read_json(self.path / "status.json")
        if not isinstance(values, dict):
            return None
        known = {each.name for each in dataclasses.fields(Status)}
        try:
            return Status(**{key: value for key, value in values.items() if key in known})
        except TypeError:
            return None

    def is_gone(self) -> bool:
        """Tell whether somebody deleted the folder."""
        return not (self.path / "status.json").exists()

    def set_status(self, **changes: object) -> None:
        """Replace `status.json` with some fields changed; a run whose folder is gone is left alone."""
        status = self.status()
        if status is not None:
            write_json(self.path / "status.json", dataclasses.asdict(status) | changes)

    def request_stop(self) -> None:
        """Ask the worker to end after the step in progress; asked twice, it skips the scoring too."""
        stop = self.path / "control" / "STOP"
        replace_file(stop, b"skip-scoring" if stop.is_file() else b"")

    def request_cancel(self) -> None:
        """Ask the supervisor to end the worker's process."""
        replace_file(self.path / "control" / "CANCEL", b"")

    def stop_wish(self) -> str | None:
        """Return None, "stop" or "skip-scoring"."""
        try:
            return (self.path / "control" / "STOP").read_text() or "stop"
        except FileNotFoundError:
            return None

    def forget_wishes(self) -> None:
        """Take back what was asked of an earlier turn."""
        for wish in ("STOP", "CANCEL"):
            (self.path / "control" / wish).unlink(missing_ok=True)

    def is_cancelled(self) -> bool:
        """Tell whether somebody asked to end the process."""
        return (self.path / "control" / "CANCEL").exists()

    def scores(self, which: str) -> dict[str, dict[str, float]]:
        """Return the figures by data set, for `which` = "before" or "after"."""
        found = {}
        for path in sorted((self.path / "scores").glob(f"*.{which}.json")):
            score = read_json(path)
            if isinstance(score, dict):
                found[str(score["data"])] = dict(score["figures"])
        return found

    def score_seconds(self, which: str) -> dict[str, float]:
        """Return the seconds that each score took, by data set."""
        scores = (read_json(path) for path in (self.path / "scores").glob(f"*.{which}.json"))
        return {str(score["data"]): float(score.get("seconds") or 0) for score in scores if isinstance(score, dict)}

    def yardstick(self, which: str) -> tuple[str, dict[str, float]]:
        """Return the data and figures of the evaluation set that runs are compared by, or nothing before it is scored."""
        scores = self.scores(which).items()
        found = ((data, figures) for data, figures in scores if data != HELD_OUT and SPEARMAN & figures.keys())
        return next(found, ("", {}))

    def last_log_lines(self, count: int = 8) -> list[str]:
        """Return the end of what the worker printed."""
        try:
            with self.log_path.open("rb") as file:
                file.seek(max(0, self.log_path.stat().st_size - 8192))
                lines = file.read().decode(errors="replace").splitlines()
        except FileNotFoundError:
            return []
        return [line for line in lines if line.strip()][-count:]
