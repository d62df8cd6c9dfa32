"""Where rows come from: the sample, the data folder, a person's file, what was fetched from the Hub, the Hub's cache.

Nothing here asks the network: `core.hub` does, when a person asks for it.
"""

import functools
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pandas as pd
import pyarrow as pa

from core.columns import RowReader, check_columns, guess_columns, kind_of_columns
from core.data_catalogue import DATA_SETS, data_parts
from core.errors import DataError, MissingDataError
from core.files import file_sha256, read_json
from core.places import Places
from core.tables import FILE_ENDINGS, TableFile, look_into

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
class Rows:
    """Rows of one kind, clean: no empty text, labels known, scores 0 to 1.

    `found` says where they lay, `sha256` names the very rows, `dropped` counts what was left out and why.
    """

    frame: pd.DataFrame
    kind: str
    found: str
    sha256: str
    dropped: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


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


@dataclass(frozen=True)
class Asked:
    """Which rows are wanted: a data set or several joined by `+`, its split, the columns where not guessed, and how many."""

    data: str
    split: str = "train"
    columns: Mapping[str, str] = field(default_factory=dict)
    max_rows: int | None = None


def locate(data: str, split: str, places: Places) -> Path | None:
    """Return the file of one data set's split, or None where it lies in no folder."""
    if data.startswith("file:"):
        path = _own_path(data)
        return path if _is_file(path) else None
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
    raise MissingDataError(_not_found(data, split, places.data_dir))


def _not_found(name: str, split: str, data_dir: Path | None) -> str:
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
    return "+".join(
        _file_hash(path, path.stat().st_size, path.stat().st_mtime_ns) if path else f"cache:{name}" for name, path in paths
    )


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
        raise MissingDataError(_not_found(data, split, places.data_dir))
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


@dataclass(frozen=True)
class Watcher:
    """Who is told while rows are read: the first chunk's rows with their kind, and (rows so far, rows expected)."""

    on_first: Callable[[pd.DataFrame, str], None] = lambda frame, kind: None
    on_rows: Callable[[int, int], None] = lambda done, total: None


def load_rows(asked: Asked, places: Places, watcher: Watcher | None = None) -> Rows:
    """Read a data set, or several joined by `+`.

    Raises:
        DataError: rows are nowhere, cannot be read, or hold what nobody can train on; the message names file, row and column.
    """
    watcher = watcher or Watcher()
    parts = [_load_part(name, asked, places, watcher if number == 0 else Watcher(on_rows=watcher.on_rows))
             for number, name in enumerate(data_parts(asked.data))]  # fmt: skip
    kinds = {part.kind for part in parts}
    if len(kinds) > 1:
        raise DataError(f"{asked.data[:80]} joins rows of different kinds ({', '.join(sorted(kinds))}); choose sets of one kind.")
    if len(parts) == 1:
        return parts[0]
    dropped: dict[str, int] = {}
    for part in parts:
        for reason, count in part.dropped.items():
            dropped[reason] = dropped.get(reason, 0) + count
    return Rows(
        frame=pd.concat([part.frame for part in parts], ignore_index=True),
        kind=parts[0].kind,
        found=" and ".join(part.found for part in parts),
        sha256=hashlib.sha256("".join(part.sha256 for part in parts).encode()).hexdigest(),
        dropped=dropped,
        notes=tuple(f"{part.found}: {note}" for part in parts for note in part.notes),
    )


def _load_part(name: str, asked: Asked, places: Places, watcher: Watcher) -> Rows:
    table = open_table(name, asked.split, places)
    chunks, reader, done = [], None, 0
    for chunk in table.chunks():
        if reader is None and len(chunk):
            columns = check_columns(asked.columns, table.columns, table.where) if asked.columns else None
            reader = RowReader(columns or guess_columns(chunk.slice(0, HEAD_ROWS), table.where), table.where)
        if reader is None:
            continue
        chunk = chunk.slice(0, asked.max_rows - done) if asked.max_rows else chunk
        start = done
        chunks.append(reader.read(chunk, lambda index, start=start: table.row_number(start + index)))  # type: ignore[misc]
        done += len(chunk)
        if len(chunks) == 1:
            watcher.on_first(_as_frame(chunks[0], reader)[0], reader.kind)
        watcher.on_rows(done, _expected_rows(table, chunk, done))
        if asked.max_rows and done >= asked.max_rows:
            break
    if reader is None:
        raise DataError(f"{table.where} has a header and no rows; add rows.")
    until = table.row_number(done - 1) if asked.max_rows and done >= asked.max_rows else None
    clean = pa.concat_tables(chunks)
    if not len(clean):
        raise DataError(f"{table.where} has no row with {_needs(reader)}; check its columns.")
    frame, notes, sha256 = _as_frame(clean, reader)
    found = "the sample that ships with the studio" if name == "sample" else table.where
    return Rows(frame, reader.kind, found, sha256, dict(reader.dropped), (*table.notes, *_ragged_note(table, until), *notes))


def _as_frame(clean: pa.Table, reader: RowReader) -> tuple[pd.DataFrame, tuple[str, ...], str]:
    notes: tuple[str, ...] = ()
    if "score" in clean.column_names:
        place = clean.column_names.index("score")
        scores, notes = reader.scale(clean["score"]) if len(clean) else (clean["score"], ())
        clean = clean.set_column(place, "score", scores)
    frame = clean.to_pandas(types_mapper={pa.string(): pd.StringDtype("pyarrow", na_value=float("nan"))}.get)
    return frame, notes, _content_hash(clean)


def _content_hash(table: pa.Table) -> str:
    """Hash rows by what they say, however the file was cut into chunks."""
    content = hashlib.sha256()
    for column in table.columns:
        whole = pa.concat_arrays(column.chunks) if column.num_chunks > 1 else column.combine_chunks()
        for part in whole.chunks if isinstance(whole, pa.ChunkedArray) else [whole]:
            # Not the first buffer: it says which cells are missing, and in clean rows none is.
            for buffer in pa.concat_arrays([part]).buffers()[1:]:
                content.update(buffer or b"")
    return content.hexdigest()


def _expected_rows(table: Table, chunk: pa.Table, done: int) -> int:
    """Guess from the file's size how many rows there will be."""
    if isinstance(table, TableFile) and table.form == "csv" and len(chunk):
        row_bytes: float = chunk.nbytes / len(chunk)
        return max(done, round(table.path.stat().st_size / max(1.0, row_bytes)))
    return done


def _needs(reader: RowReader) -> str:
    texts = sum(role not in ("label", "score") for role in reader.columns)
    return f"{('a text', 'two texts', 'three texts')[texts - 1]}{' and a label' if 'label' in reader.columns else ''}"


def _ragged_note(table: Table, until: int | None) -> tuple[str, ...]:
    skipped = [row for row in table.skipped if until is None or row <= until]
    if not skipped:
        return ()
    rows, first = len(skipped), skipped[0]
    have, are = ("row has", "is") if rows == 1 else ("rows have", "are")
    return (f"{rows:,} {have} more or fewer cells than the header and {are} left out (the first: row {first})",)


def yardstick_rows(places: Places) -> tuple[str, Rows]:
    """Return what runs are measured on, and its name: STSB validation where it is, else the sample's judged pairs.

    A file that is there and broken is an error, not a reason to measure on something else in silence.
    """
    try:
        return "stsb/validation", load_rows(Asked("stsb", "validation"), places)
    except MissingDataError:
        return "sample/validation", load_rows(Asked("sample", "validation"), places)
