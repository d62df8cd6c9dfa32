"""The run folder: how it is made, read, changed and removed. Everything that a run is lies in it."""

import dataclasses
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.config import TRAINING_KINDS, RunConfig, build_config
from core.errors import RunError, is_disk_full
from core.files import read_json, replace_file, write_json

STARTING_STATES = ("loading", "baseline")
WORKING_STATES = (*STARTING_STATES, "training", "evaluating", "saving")
# The data id of a score on the held-out part of the person's own rows.
HELD_OUT = "own/held-out"
# Of cosines, or of a cross-encoder's scores.
SPEARMAN = frozenset({"spearman_cosine", "spearman"})
FINAL_STATES = ("done", "stopped", "failed", "interrupted", "skipped")
RUN_ID = re.compile(r"[0-9a-z][0-9a-z-]{3,79}")


@dataclass(frozen=True)
class Status:
    """What `status.json` says. Times are seconds since 1970; `rank` orders the queue, lowest first; `after` is waited for.

    What is started `by_hand` is no supervisor's to start.
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

    def spearman(self, which: str) -> float | None:
        """Return the yardstick's Spearman: of cosines, or of a cross-encoder's scores; None before it is scored."""
        _, figures = self.yardstick(which)
        return figures.get("spearman_cosine", figures.get("spearman"))

    def last_log_lines(self, count: int = 8) -> list[str]:
        """Return the end of what the worker printed."""
        try:
            with self.log_path.open("rb") as file:
                file.seek(max(0, self.log_path.stat().st_size - 8192))
                lines = file.read().decode(errors="replace").splitlines()
        except FileNotFoundError:
            return []
        return [line for line in lines if line.strip()][-count:]


def ensure_runs_dir(runs_dir: Path) -> Path:
    """Make the runs folder and try to write in it.

    Raises:
        RunError: it cannot be written; the message says what to do.
    """
    probe = runs_dir / f".probe-{secrets.token_hex(4)}"
    try:
        runs_dir.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        reason = "the disk is full" if is_disk_full(error) else error.strerror or "it cannot be used"
        raise RunError(
            f"The runs folder {str(runs_dir)[-120:]} cannot be written: {reason}. Choose another with --runs-dir."
        ) from None
    return runs_dir.resolve()


def create_run(runs_dir: Path, config: RunConfig, data_dir: Path | None, by_hand: bool = False) -> RunFolder:
    """Make a queued run; the supervisor takes it from there.

    Raises:
        RunError: the folder cannot be written.
    """
    clock = time.strftime("%Y%m%d-%H%M%S", time.localtime())
    name = f"{clock}-{config.recipe or config.loss}-{secrets.token_hex(3)}"
    return create_folder(runs_dir / name, config, data_dir, by_hand)


def create_folder(path: Path, config: RunConfig, data_dir: Path | None, by_hand: bool = False) -> RunFolder:
    """Make a folder of queued work.

    Raises:
        RunError: it cannot be written.
    """
    # Filled beside its place: nobody may find a run that has no status yet.
    beside = path.with_name(f".{path.name}.{secrets.token_hex(3)}.part")
    status = Status(
        state="queued",
        rank=time.time_ns(),
        created=time.time(),
        detail="Waits to be started by hand." if by_hand else "",
        data_dir=str(data_dir) if data_dir else None,
        after=config.after,
        by_hand=by_hand,
    )
    try:
        for folder in (
            ("control", "scores", "snapshots", "checkpoints") if config.kind in (*TRAINING_KINDS, "score") else ("control",)
        ):
            (beside / folder).mkdir(parents=True)
        write_json(beside / "config.json", config.model_dump(mode="json"))
        write_json(beside / "status.json", dataclasses.asdict(status))
        beside.replace(path)
    except OSError as error:
        shutil.rmtree(beside, ignore_errors=True)
        if path.is_dir():
            # Somebody else was first with the same work.
            return RunFolder(path)
        reason = "the disk is full: free some space" if is_disk_full(error) else f"{error.strerror}: choose another folder"
        raise RunError(f"The run cannot be written in {str(path.parent)[-120:]}; {reason}.") from None
    return RunFolder(path)


def open_run(runs_dir: Path, name: str) -> RunFolder:
    """Return the run of that id, or the only one whose id begins or ends so.

    Raises:
        RunError: there is none, or more than one.
    """
    if RUN_ID.fullmatch(name):
        if (runs_dir / name / "status.json").is_file():
            return RunFolder(runs_dir / name)
        alike = [run for run in iter_runs(runs_dir) if run.id.startswith(name) or run.id.endswith(name)]
        if len(alike) == 1:
            return alike[0]
        if alike:
            raise RunError(f"'{name[:60]}' fits {len(alike)} runs; write more of the id.")
    raise RunError(f"There is no run '{name[:60]}'; see python -m core list runs, or the Runs tab.")


def iter_runs(runs_dir: Path) -> Iterator[RunFolder]:
    """Yield every run folder, in the order of their names, which is that of their making."""
    if runs_dir.is_dir():
        for path in sorted(runs_dir.iterdir()):
            if not path.name.startswith(".") and (path / "status.json").is_file():
                yield RunFolder(path)


def list_runs(runs_dir: Path, kinds: tuple[str, ...] = TRAINING_KINDS) -> list[tuple[RunFolder, Status]]:
    """Return the readable runs of some kinds with their status, newest first."""
    listed = []
    for run in iter_runs(runs_dir):
        status, config = run.status(), read_json(run.path / "config.json")
        if status is not None and isinstance(config, dict) and config.get("kind") in kinds:
            listed.append((run, status))
    # Names hold the second only: runs of one chain are told apart by their place in the queue.
    return sorted(listed, key=lambda one: (one[1].created, one[1].rank), reverse=True)


def delete_run(run: RunFolder) -> None:
    """Remove a run that no worker has.

    Raises:
        RunError: a worker has it, or its files cannot be removed.
    """
    status = run.status()
    if status is not None and status.is_working:
        raise RunError(f"Run {run.id} is still {status.state}; press Cancel first, then delete it.")
    # Out of sight first: a reader never meets a half-removed run.
    gone = run.path.with_name(f".{run.id}.deleted")
    try:
        run.path.replace(gone)
        shutil.rmtree(gone)
    except FileNotFoundError:
        return
    except OSError as error:
        raise RunError(f"Run {run.id} cannot be deleted ({error.strerror}); close what uses its files and try again.") from None
