"""Rows as they are trained on: a choice of data sets is read from its files, cleaned and counted."""

import hashlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pandas as pd
import pyarrow as pa

from core.columns import as_name, check_columns, guess_columns
from core.data_catalogue import DATA_SETS, data_parts
from core.errors import DataError, MissingDataError
from core.hosting import row_limit
from core.places import Places
from core.row_reader import RowReader
from core.sources import HEAD_ROWS, Table, open_table
from core.tables import TableFile


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
class Asked:
    """Which rows are wanted: a data set or several joined by `+`, its split, the columns where not guessed, and how many."""

    data: str
    split: str = "train"
    columns: Mapping[str, str] = field(default_factory=dict)
    max_rows: int | None = None


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
    limit = row_limit(places.runs_dir) or sys.maxsize
    most = min(asked.max_rows or limit, limit)
    for chunk in table.chunks():
        if reader is None and len(chunk):
            columns = check_columns(asked.columns, table.columns, table.where) if asked.columns else None
            reader = RowReader(columns or guess_columns(chunk.slice(0, HEAD_ROWS), table.where), table.where)
        if reader is None:
            continue
        chunk = chunk.slice(0, most - done)
        start = done
        chunks.append(reader.read(chunk, lambda index, start=start: table.row_number(start + index)))  # type: ignore[misc]
        done += len(chunk)
        if len(chunks) == 1:
            watcher.on_first(_as_frame(chunks[0], reader)[0], reader.kind)
        watcher.on_rows(done, _expected_rows(table, chunk, done))
        if done >= most:
            break
    if reader is None:
        raise DataError(f"{table.where} has a header and no rows; add rows.")
    until = table.row_number(done - 1) if done >= most else None
    clean = pa.concat_tables(chunks)
    if not len(clean):
        raise DataError(f"{table.where} has no row with {_needs(reader)}; check its columns.")
    frame, notes, sha256 = _as_frame(clean, reader)
    found = "the sample that ships with the studio" if name == "sample" else table.where
    guessed = () if asked.columns or name in DATA_SETS else _guess_note(reader)
    told = (*table.notes, *guessed, *_cut_note(done, limit), *_ragged_note(table, until), *notes)
    return Rows(frame, reader.kind, found, sha256, dict(reader.dropped), told)


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


def _guess_note(reader: RowReader) -> tuple[str, ...]:
    """Say which column was taken for what, where its name does not say so itself."""
    taken = [f"{column} as {role}" for role, column in reader.columns.items() if as_name(column) != role]
    return (f"columns are guessed: {', '.join(taken)[:120]}; correct them under Columns and rows",) if taken else ()


def _cut_note(done: int, limit: int) -> tuple[str, ...]:
    return (f"the first {limit:,} rows are read, the most on this shared studio",) if done >= limit else ()


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
