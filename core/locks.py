"""One holder a folder: a runs folder's supervisor, a run's worker."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from core.errors import MachineError

LOOK_SECONDS = 0.02


def lock(folder: Path) -> IO[str] | None:
    """Take a folder's lock for as long as the file stays open, or return None where another holds it.

    Raises:
        MachineError: the file system has no locks.
    """
    file = (folder / ".lock").open("a")
    try:
        _lock_at_once(file)
    except (BlockingIOError, PermissionError):
        file.close()
        return None
    except OSError:
        file.close()
        raise MachineError(f"{folder} lies on a disk without file locks; choose a local folder with --runs-dir.") from None
    return file


def lock_soon(folder: Path, seconds: float, has_other: Callable[[], bool] = lambda: False) -> IO[str] | None:
    """Take a folder's lock as soon as its holder lets go; None where it does not in time, or where `has_other` says so."""
    deadline = time.monotonic() + seconds
    while (held := lock(folder)) is None and time.monotonic() < deadline and not has_other():
        time.sleep(LOOK_SECONDS)
    return held


def _lock_at_once(file: IO[str]) -> None:
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415  Windows alone has it

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl  # noqa: PLC0415  and all others have this

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
