"""A run's files out of a zip, or out of a folder, into a folder of our own: only names that a run has, and never too much.

Nothing that the file says of itself is believed: bytes are counted as they come.
"""

import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from core.bundle_names import MEGABYTE, MOST_BYTES, MOST_FILES, PASSED_OVER, PICKLE, most_bytes
from core.errors import RunError

CHUNK = MEGABYTE
# A zip's list of its files: read before any of it is kept in memory.
MOST_DIRECTORY_BYTES = 2**18
END, END_64, LOCATOR_64 = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
END_BYTES, END_64_BYTES, LOCATOR_64_BYTES = 22, 56, 20
# Curves and scores shrink to a tenth; what unfolds to far more is no run.
MOST_TIMES, ON_TOP_BYTES = 20, 64 * MEGABYTE
ENCRYPTED = 0x1
KINDS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@dataclass(frozen=True)
class Member:
    """One file to take: its name in the run's folder, and how it is opened."""

    name: str
    open: Callable[[], IO[bytes]]


def take_from(source: Path, target: Path, most: int = MOST_BYTES) -> None:
    """Copy a run's files out of a zip or a folder into `target`, in the order of their names, `most` bytes in all.

    Raises:
        RunError: it holds what no run has, what could run code, or too much; or it is damaged.
    """
    if source.is_dir():
        _take(_members_of_folder(source), target, most)
        return
    try:
        _check_directory(source)
        with zipfile.ZipFile(source) as packed:
            most = min(most, MOST_TIMES * source.stat().st_size + ON_TOP_BYTES)
            _take(_members_of_zip(packed), target, most)
    except (zipfile.BadZipFile, zlib.error, EOFError, struct.error, NotImplementedError, UnicodeDecodeError, ValueError):
        raise RunError("It is no zip, or a damaged one; save or download it again.") from None


def _check_directory(source: Path) -> None:
    """Refuse a zip whose list of files is long, before it is read: each of its lines would become an object."""
    with source.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - END_BYTES - LOCATOR_64_BYTES - END_64_BYTES))
        tail = file.read()
    end = tail[-END_BYTES:]
    # With a comment behind it, another end could be found than this one.
    if len(end) < END_BYTES or not end.startswith(END) or end[-2:] != b"\0\0":
        raise zipfile.BadZipFile
    sizes = [struct.unpack("<L", end[12:16])[0]]
    if tail[-END_BYTES - LOCATOR_64_BYTES :].startswith(LOCATOR_64):
        end_64 = tail[: -END_BYTES - LOCATOR_64_BYTES][-END_64_BYTES:]
        if not end_64.startswith(END_64):
            raise zipfile.BadZipFile
        sizes = [struct.unpack("<Q", end_64[40:48])[0]]
    if max(sizes) > MOST_DIRECTORY_BYTES:
        raise too_many()


def too_many() -> RunError:
    """Return the refusal of what holds more files than a run has."""
    return RunError(f"It holds more than {MOST_FILES} files, which no run does; choose a run's bundle.")


def _members_of_zip(packed: zipfile.ZipFile) -> list[Member]:
    entries = packed.infolist()
    if len(entries) > MOST_FILES:
        raise too_many()
    root = _root_of([entry.filename for entry in entries])
    members = []
    for entry in entries:
        # As it is written there: the library would cut a name at a zero byte.
        name = _named(entry.orig_filename, root)
        if entry.is_dir() or name is None:
            continue
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if kind not in (0, stat.S_IFREG):
            raise RunError(f"It holds {name[-60:]}, which is a link or no file at all; choose a run's bundle.")
        if entry.flag_bits & ENCRYPTED or entry.compress_type not in KINDS:
            raise RunError("It is encrypted, or packed in a way that is not read here; pack it as a plain zip.")
        members.append(Member(name, lambda entry=entry: packed.open(entry)))  # type: ignore[misc]
    return members


def _members_of_folder(folder: Path) -> list[Member]:
    members = []
    for path in _files_in(folder):
        name = _named(path.relative_to(folder).as_posix(), "")
        if name is None:
            continue
        if path.is_symlink() or not path.is_file():
            raise RunError(f"It holds {name[-60:]}, which is a link or no file at all; copy the file itself.")
        members.append(Member(name, lambda path=path: path.open("rb")))  # type: ignore[misc]
    return members


def _files_in(folder: Path) -> Iterator[Path]:
    for count, path in enumerate(sorted(each for each in folder.rglob("*") if each.is_symlink() or not each.is_dir())):
        if count > 20 * MOST_FILES:
            raise too_many()
        yield path


def _root_of(names: Sequence[str]) -> str:
    """Return the one folder that a zipped run's folder lies in, with its slash, or nothing where the files lie at the top."""
    if "config.json" in names:
        return ""
    tops = {name.partition("/")[0] for name in names if not name.startswith(("__MACOSX/", "."))}
    top = tops.pop() if len(tops) == 1 else ""
    return f"{top}/" if f"{top}/config.json" in names else ""


def _named(name: str, root: str) -> str | None:
    """Return a file's name in the run's folder, or None for what is not needed of a run.

    Raises:
        RunError: no run has a file of this name.
    """
    if re.match(r"[/\\]|[A-Za-z]:", name) or ".." in re.split(r"[/\\]", name) or "\0" in name:
        raise RunError(f"It holds {name[-60:]!r}, which lies outside of it; choose a run's bundle.")
    inner = name.removeprefix(root)
    if not inner or inner.endswith("/") or PASSED_OVER.fullmatch(inner):
        return None
    if PICKLE.fullmatch(inner):
        raise RunError(f"It holds {inner[-60:]}, a pickle, which can run code when it is read; save the model as safetensors.")
    if not most_bytes(inner):
        raise RunError(f"It holds {inner[-60:]!r}, which no run has; choose a run's bundle, as Take it away makes it.")
    return inner


def _take(members: Sequence[Member], target: Path, most: int) -> None:
    names = [member.name.casefold() for member in members]
    if len(set(names)) != len(names):
        raise RunError("It holds two files of the same name; choose a run's bundle.")
    if len(names) > MOST_FILES:
        raise too_many()
    left = most
    # UMAP's places count as long as they are younger than the embeddings: their names come later.
    for member in sorted(members, key=lambda each: each.name):
        left -= _copy(member, target / member.name, min(left, most_bytes(member.name)))


def _copy(member: Member, target: Path, most: int) -> int:
    """Copy one file and return its bytes, counted as they come."""
    target.parent.mkdir(parents=True, exist_ok=True)
    copied = 0
    with member.open() as source, target.open("xb") as out:
        while chunk := source.read(CHUNK):
            copied += len(chunk)
            if copied > most:
                raise RunError(f"It unfolds to more than a run holds ({member.name[-60:]}); choose a run's bundle.")
            out.write(chunk)
    return copied
