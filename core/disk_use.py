"""How much of the disk runs take, and how the checkpoints of one that has ended are given back."""

import functools
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from core.errors import RunError
from core.locks import lock
from core.runs import RunFolder, Status

MEGABYTE = 1e6
CHECKPOINTS = "checkpoints"
MOST_REMEMBERED = 4096
# Whatever is told of a run that has ended, its size too, changes one of these.
MARKED = ("status.json", "scores", CHECKPOINTS, "snapshots", "model", ".")


@dataclass(frozen=True)
class DiskUse:
    """Bytes on the disk: of the whole folder, and of its checkpoints alone."""

    total_bytes: int = 0
    checkpoint_bytes: int = 0


def disk_use(run: RunFolder, status: Status) -> DiskUse:
    """Return what a run takes; one that has ended is walked through again only when its folder changed."""
    return _remembered(run.path, last_changes(run)) if status.is_final else _measure(run.path)


def last_changes(run: RunFolder) -> tuple[int, ...]:
    """Return when the parts of a run's folder were changed, in nanoseconds; as long as they are the same, so is an ended run."""
    return tuple(changed_ns(run.path / name) for name in MARKED)


def changed_ns(path: Path) -> int:
    """Return when a file or a folder was last changed, in nanoseconds; 0 where it is not there."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


@functools.lru_cache(maxsize=MOST_REMEMBERED)
def _remembered(path: Path, _changes: tuple[int, ...]) -> DiskUse:
    return _measure(path)


def _measure(path: Path) -> DiskUse:
    return DiskUse(_bytes_in(path), _bytes_in(path / CHECKPOINTS))


def _bytes_in(folder: Path | str) -> int:
    """Return the bytes of all files in a folder; what goes away meanwhile counts nothing, and links are not followed."""
    total = 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    total += (
                        _bytes_in(entry.path)
                        if entry.is_dir(follow_symlinks=False)
                        else entry.stat(follow_symlinks=False).st_size
                    )
                except OSError:
                    continue
    except OSError:
        return total
    return total


def megabytes(count: int) -> str:
    """Say a number of bytes as a person reads it: "< 0.1 MB", "0.4 MB", "23 MB", "1,240 MB"."""
    size = count / MEGABYTE
    if 0 < size < 0.1:
        return "< 0.1 MB"
    return f"{size:,.0f} MB" if size >= 10 else f"{size:.1f} MB"


def why_not_free(run: RunFolder, status: Status | None) -> str:
    """Return why a run's checkpoints cannot be removed, or nothing where they can."""
    if status is None:
        return "It was deleted."
    if not status.is_final:
        return f"It is {status.state} and needs them."
    return "" if disk_use(run, status).checkpoint_bytes else "It has none."


def free_checkpoints(run: RunFolder) -> int:
    """Remove what a run that has ended would be resumed from, and return how many bytes that gave back; its model stays.

    Raises:
        RunError: it still goes on or waits, it has none, or they cannot be removed.
    """
    status = run.status()
    why_not = why_not_free(run, status)
    if status is None or why_not:
        raise RunError(f"The checkpoints of run {run.id} cannot be removed. {why_not}")
    count = disk_use(run, status).checkpoint_bytes
    held = lock(run.path)
    if held is None:
        raise RunError(f"The checkpoints of run {run.id} cannot be removed. It is just going on.")
    folder = run.path / CHECKPOINTS
    gone = run.path / f".{CHECKPOINTS}.freed"
    try:
        # Out of sight first: half a checkpoint must never be gone on from.
        folder.replace(gone)
        folder.mkdir()
        shutil.rmtree(gone)
    except OSError as error:
        raise RunError(
            f"The checkpoints of run {run.id} cannot be removed ({error.strerror}); close what uses them and try again."
        ) from None
    finally:
        held.close()
    return count
