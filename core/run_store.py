"""The runs folder: how a run is made in it, found by its id, listed and removed."""

import os
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from core.config import TRAINING_KINDS, RunConfig
from core.errors import RunError, is_disk_full
from core.files import read_json, write_json
from core.hosting import LIMITS, check_work
from core.runs import RUN_ID, RunFolder, Status
from core.visitors import owner_of, owner_of_shelf, shelf_of


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
    is_visitors = bool(owner_of_shelf(runs_dir))
    listed = list_runs(runs_dir, (*TRAINING_KINDS, "score")) if is_visitors else []
    if sum(not status.is_final for _, status in listed) >= LIMITS.open_runs:
        raise RunError(f"{LIMITS.open_runs} of your runs wait or go on, the most on this shared studio; wait for one to end.")
    # A visitor's run has a name that nobody can guess.
    name = secrets.token_hex(16) if is_visitors else f"{clock}-{config.recipe or config.loss}-{secrets.token_hex(3)}"
    return create_folder(runs_dir / name, config, data_dir, by_hand)


def create_folder(path: Path, config: RunConfig, data_dir: Path | None, by_hand: bool = False) -> RunFolder:
    """Make a folder of queued work.

    Raises:
        ConfigError: a visitor of a shared studio may not ask for it.
        RunError: it cannot be written.
    """
    runs_dir = RunFolder(path).runs_dir
    check_work(config, runs_dir)
    # Filled beside its place: nobody may find a run that has no status yet.
    beside = path.with_name(f".{path.name}.{secrets.token_hex(3)}.part")
    try:
        for folder in (
            ("control", "scores", "snapshots", "checkpoints") if config.kind in (*TRAINING_KINDS, "score") else ("control",)
        ):
            (beside / folder).mkdir(parents=True)
        write_json(beside / "config.json", config.model_dump(mode="json"))
        # Its place in the queue is that of now: on a busy machine the lines above take a second, in which others queue theirs.
        status = Status(
            state="queued",
            rank=time.time_ns(),
            created=time.time(),
            detail="Waits to be started by hand." if by_hand else "",
            data_dir=str(data_dir) if data_dir else None,
            after=config.after,
            by_hand=by_hand,
            owner=owner_of_shelf(runs_dir),
        )
        write_json(beside / "status.json", asdict(status))
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


def open_owned(studio_dir: Path, name: str, token: str) -> RunFolder:
    """Return a visitor's own run by its whole id; nobody else's, and nothing of the studio's own folder.

    Raises:
        RunError: there is none; another visitor's gives the same answer.
    """
    owner = owner_of(token)
    run = RunFolder(shelf_of(studio_dir, owner) / name) if RUN_ID.fullmatch(name) else None
    status = run.status() if run else None
    if run is None or status is None or status.owner != owner:
        raise RunError("There is no such run of yours; see the Runs tab.")
    return run


def iter_runs(runs_dir: Path) -> Iterator[RunFolder]:
    """Yield every run folder, in the order of their names, which is that of their making."""
    if runs_dir.is_dir():
        for path in sorted(runs_dir.iterdir()):
            if not path.name.startswith(".") and (path / "status.json").is_file():
                yield RunFolder(path)


def list_runs(runs_dir: Path, kinds: tuple[str, ...] = TRAINING_KINDS) -> list[tuple[RunFolder, Status]]:
    """Return the readable runs of some kinds with their status, newest first."""
    try:
        with os.scandir(runs_dir) as entries:
            names = sorted(entry.name for entry in entries if not entry.name.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        return []
    known = (_look_at(runs_dir, name) for name in names)
    listed = [(each.run, each.status) for each in known if each is not None and each.kind in kinds]
    # Names hold the second only: runs of one chain are told apart by their place in the queue.
    return sorted(listed, key=lambda one: (one[1].created, one[1].rank), reverse=True)


@dataclass(frozen=True)
class _Known:
    """What was read of a run, and of which file."""

    mark: tuple[int, int, int]
    run: RunFolder
    status: Status
    kind: str


# Many pages look at all runs every second; a status is replaced as a whole, so what it says is read once of each file.
_known: dict[str, _Known] = {}
MOST_KNOWN = 4096


def _look_at(runs_dir: Path, name: str) -> _Known | None:
    """Return a run's status and what kind of work it is, or None where one of the two cannot be read."""
    path = f"{runs_dir}/{name}"
    try:
        facts = os.stat(f"{path}/status.json")  # noqa: PTH116  to make a path of parts takes longer than to look
    except (FileNotFoundError, NotADirectoryError):
        return None
    mark = (facts.st_ino, facts.st_mtime_ns, facts.st_size)
    if (known := _known.get(path)) is not None and known.mark == mark:
        return known
    run = RunFolder(runs_dir / name)
    status, config = run.status(), read_json(run.path / "config.json")
    if status is None or not isinstance(config, dict):
        return None
    if len(_known) >= MOST_KNOWN:
        _known.clear()
    known = _known[path] = _Known(mark, run, status, str(config.get("kind")))
    return known


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
