"""What a supervisor says of itself in its runs folder: that it is there, or that it is about to leave."""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.files import read_json, write_json
from core.processes import is_alive, start_time

NOTE = ".supervisor.json"
Note = Mapping[str, Any]


def tell_supervisor(runs_dir: Path, *, leaves: bool = False) -> None:
    """Say that this process looks after a runs folder, or that it is about to leave it and nobody may rely on it any more."""
    told = {"pid": os.getpid(), "started": start_time(os.getpid()), "leaves": leaves, "told": time.time_ns()}
    write_json(runs_dir / NOTE, told)


def is_looked_after(runs_dir: Path) -> bool:
    """Tell whether a supervisor is at work in a runs folder, and stays."""
    return stays(note_of(runs_dir))


def note_of(runs_dir: Path) -> Note:
    """Return what a runs folder's supervisor said last; nothing where there was none."""
    known = read_json(runs_dir / NOTE)
    return known if isinstance(known, dict) else {}


def stays(note: Note) -> bool:
    """Tell whether who wrote a note is at work, and does not leave."""
    return not note.get("leaves") and is_alive(note.get("pid"), note.get("started"))
