"""Whose a run is where strangers share one studio: each visitor has a runs folder of their own inside the studio's.

Every name that a page sends is looked up in the visitor's own folder, so that nothing of anybody else can be named at all. The
folder is called by the SHA-256 of a token that the server made and only the visitor's browser holds.
"""

import hashlib
import re
import secrets
from pathlib import Path

from core.errors import RunError

VISITORS = ".visitors"
TOKEN = re.compile(r"[0-9a-f]{32}")
OWNER = re.compile(r"[0-9a-f]{64}")
# Whose page has no token yet: nothing is ever kept for it.
NOBODY = "0" * 64


def new_token() -> str:
    """Return a visitor's token: 128 random bits as 32 hex digits."""
    return secrets.token_hex(16)


def owner_of(token: object) -> str:
    """Return what the disk says in place of a token: its SHA-256, 64 hex digits; `NOBODY` for what is no token."""
    if not isinstance(token, str) or not TOKEN.fullmatch(token):
        return NOBODY
    return hashlib.sha256(token.encode()).hexdigest()


def shelf_of(studio_dir: Path, owner: str) -> Path:
    """Return the runs folder of an owner inside the studio's, or the studio's own for ""; it need not exist yet.

    Raises:
        RunError: this is no owner.
    """
    if not owner:
        return studio_dir
    if not OWNER.fullmatch(owner):
        raise RunError("This is no visitor of the studio; reload the page.")
    return studio_dir / VISITORS / owner


def owner_of_shelf(runs_dir: Path) -> str:
    """Return whose a runs folder is, or "" for the studio's own."""
    return runs_dir.name if runs_dir.parent.name == VISITORS else ""


def studio_of(runs_dir: Path) -> Path:
    """Return the studio's folder, which has the supervisor and the desk, for its own runs folder or a visitor's."""
    return runs_dir.parent.parent if owner_of_shelf(runs_dir) else runs_dir


def shelves(studio_dir: Path) -> list[Path]:
    """Return the studio's own runs folder and those of its visitors."""
    visitors = studio_dir / VISITORS
    found = sorted(path for path in visitors.iterdir() if OWNER.fullmatch(path.name)) if visitors.is_dir() else []
    return [studio_dir, *found]
