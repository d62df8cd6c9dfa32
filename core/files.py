"""How small files are written and read: replaced as a whole, so that a reader never sees half of one."""

import hashlib
import json
import os
import threading
import time
from pathlib import Path
from typing import Any

REPLACE_PATIENCE_SECONDS = 1.0


def replace_file(path: Path, content: bytes) -> None:
    """Write `content` beside `path`, sync it to the disk and move it into place.

    Nothing is left behind, and the old file stays as it was, when the write fails.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        with beside.open("wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        _move_into_place(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def _move_into_place(source: Path, target: Path) -> None:
    deadline = time.monotonic() + REPLACE_PATIENCE_SECONDS
    while True:
        try:
            source.replace(target)
            return
        except PermissionError:
            # Windows refuses while a reader holds the target open.
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def write_json(path: Path, value: object) -> None:
    """Replace `path` with `value` as JSON; NaN is refused, since no other reader of JSON takes it."""
    replace_file(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False).encode())


def read_json(path: Path) -> Any:
    """Return the JSON in `path`, or None where there is no readable file or no whole JSON in it."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError, ValueError):
        return None


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
