"""Where rows come from: the sample, the data folder, a person's file, what was fetched from the Hub, the Hub's cache.

Nothing here asks the network: `core.hub` does, when a person asks for it.
"""

import functools
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from core.columns import guess_columns, kind_of_columns
from core.data_catalogue import DATA_SETS, SPLIT, UPLOAD, data_parts
from core.errors import DataError, MissingDataError
from core.files import file_sha256, read_json
from core.places import Places
from core.tables import FILE_ENDINGS, look_into

SAMPLE_FOLDER = Path(__file__).parent / "sample"
UPLOADS, FETCHED = ".uploads", ".fetched"
HEAD_ROWS = 1000
HEAD_BYTES = 1 << 20


class Table(Protocol):
    """Anything that gives rows in chunks of text columns, such as `core.tables.TableFile`."""

    where: str
    columns: list[str]
    notes: list[str]
    skipped: list[int]

    def chunks(self) -> Iterator[pa.Table]:
        """Yield the rows in order."""

    def row_number(self, index: int) -> int:
        """Return the number, from 1, of the `index`-th row read."""


@dataclass(frozen=True)
class Peek:
    """What the head of a file shows: its columns, and which of them is what, as guessed."""

    have: tuple[str, ...]
    guess: Mapping[str, str]
    notes: tuple[str, ...]

    @property
    def kind(self) -> str:
        """The kind of rows that the guess makes."""
        return kind_of_columns(self.guess)


def locate(data: str, split: str, places: Places) -> Path | None:
    """Return the file of one data set's split, or None where it lies in no folder, and for a name that is none."""
    if data.startswith("file:"):
        path = _own_path(data)
        return path if _is_file(path) else None
    # A page may ask for anything: what is joined to a folder is a name, never a path.
    if not SPLIT.fullmatch(split) or not (data in DATA_SETS or UPLOAD.fullmatch(data) or data.startswith("hub:")):
        return None
    if data == "sample":
        return _in_folder(SAMPLE_FOLDER, split)
    runs_dir = places.runs_dir
    if data.startswith("upload:"):
        return _in_folder(runs_dir / UPLOADS, data.removeprefix("upload:")) if runs_dir else None
    folders = [places.data_dir / data] if places.data_dir and not data.startswith("hub:") else []
    folders += [fetched_folder(runs_dir, data)] if runs_dir else []
    return next((found for folder in folders if (found := _in_folder(folder, split))), None)


def _own_path(data: str) -> Path:
    path = Path(data.removeprefix("file:"))
    try:
        return path.expanduser()
    except RuntimeError:  # ~ and the name of nobody here
        return path


def fetched_folder(runs_dir: Path, data: str) -> Path:
    """Return the folder for what is fetched from the Hub under a name, one file a split."""
    name = data if data in DATA_SETS else hashlib.sha256(data.encode()).hexdigest()[:32]
    return runs_dir / FETCHED / name


def _in_folder(folder: Path, stem: str) -> Path | None:
    return next((path for ending in FILE_ENDINGS if _is_file(path := folder / f"{stem}{ending}")), None)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name too long to be one
        return False


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def is_here(data: str, split: str, places: Places) -> bool:
    """Tell whether all parts of a choice such as `snli+mnli` lie in files, without reading them."""
    return all(locate(name, split, places) for name in data_parts(data))


def name_of(data: str, path: Path) -> str:
    """Return how a file is called in messages: an upload by the name that the person gave it."""
    if data.startswith("upload:"):
        about = read_json(path.with_name(f"{path.stem}.about")) or {}
        return str(about.get("name", "the uploaded file"))[:80]
    if data.startswith("hub:"):
        return f"{data.removeprefix('hub:')[:50]}/{path.stem[:30]}"
    return f"{path.parent.name[-30:]}/{path.name[-50:]}"


def open_table(data: str, split: str, places: Places) -> Table:
    """Find one data set's split and look into it.

    Raises:
        MissingDataError: it is nowhere; the message says where was looked and what to do.
        DataError: its file is no table.
    """
    path = locate(data, split, places)
    if path is not None:
        return look_into(path, name_of(data, path))
    if not data.startswith(("file:", "upload:")):
        from core.hub import open_cached  # noqa: PLC0415  the page reads files only, and must not load what reads the cache

        cached = open_cached(data, split)
        if cached is not None:
            return cached
    raise MissingDataError(_not_found(data, split, places))


def _not_found(name: str, split: str, places: Places) -> str:
    data_dir = places.data_dir
    if name.startswith("file:"):
        path = _own_path(name)
        if _is_folder(path):
            return f"{str(path)[-150:]} is a folder; name a file in it."
        return f"There is no file {str(path)[-150:]}; check the path."
    if name.startswith("upload:"):
        return "The uploaded file is not here any more; upload it again."
    if name.startswith("hub:"):
        return (
            f"{name[:80]}/{split[:40]} has not been fetched from the Hub; press Get on the Data tab, "
            f"or run core fetch {name[:80]}."
        )
    if name not in DATA_SETS or places.is_shared:
        return f"{name[:60]}/{split[:40]} is not here; choose data=sample, upload a file, or get it from the Hub on the Data tab."
    get = f"get it on the Data tab (core fetch {name})" if DATA_SETS[name].hub else "start with --data-dir"
    if data_dir is None:
        return (
            f"{name}/{split} is not here: no data folder is set and the Hub's cache has none. "
            f"Start with --data-dir (or STUDIO_DATA_DIR), {get}, or choose data=sample."
        )
    missing = "" if data_dir.is_dir() else ", a folder that does not exist"
    return (
        f"{name}/{split} is not here: looked for {name}/{split}.csv, .jsonl or .parquet in {str(data_dir)[-60:]}{missing}, "
        f"and in the Hub's cache. Put the file there, {get}, or choose data=sample."
    )


def fingerprint(data: str, split: str, places: Places) -> str:
    """Return a text that changes when the rows of a choice do, without reading what is not in a file."""
    paths = [(name, locate(name, split, places)) for name in data_parts(data)]
    return "+".join(_fingerprint_of(name, path) if path else f"cache:{name}" for name, path in paths)


def _fingerprint_of(data: str, path: Path) -> str:
    """Name a file by its bytes, by its ending, which decides how they are read, and by what it is called."""
    return f"{_file_hash(path, path.stat().st_size, path.stat().st_mtime_ns)}{path.suffix}:{name_of(data, path)}"


@functools.lru_cache(maxsize=256)
def _file_hash(path: Path, size: int, changed: int) -> str:
    """Hash a file once for each size and time of change: the page asks with every turn of the form."""
    return file_sha256(path)


def peek(data: str, split: str, places: Places) -> Peek:
    """Look at the head of one data set's file.

    Raises:
        DataError: there is none, or it is no table.
    """
    path = locate(data, split, places)
    if path is None:
        raise MissingDataError(_not_found(data, split, places))
    return _peek(data, path, path.stat().st_size, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=64)
def _peek(data: str, path: Path, size: int, changed: int) -> Peek:
    table = look_into(path, name_of(data, path))
    # The page looks at the head only, and has little memory.
    table.block_bytes = HEAD_BYTES
    head = _head(table)
    return Peek(tuple(table.columns), guess_columns(head, table.where), tuple(table.notes))


def _head(table: Table) -> pa.Table:
    for chunk in table.chunks():
        if len(chunk):
            return chunk.slice(0, HEAD_ROWS)
    raise DataError(f"{table.where} has a header and no rows; add rows.")
