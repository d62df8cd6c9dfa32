"""One holder a folder: a runs folder's supervisor, a run's worker."""

import sys
from pathlib import Path
from typing import IO

from core.errors import MachineError


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


def _lock_at_once(file: IO[str]) -> None:
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415  Windows alone has it

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl  # noqa: PLC0415  and all others have this

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
