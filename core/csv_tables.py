"""Files of delimited cells and of plain lines: which delimiter divides them, whether they have a header, and their rows."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv

from core.errors import DataError
from core.table_layout import BLOCK_BYTES, CHUNK_ROWS, HEAD_BYTES, NUMBER, TableLayout, distinct_names, refuse_many_columns

# The first wins a tie: who divides cells by commas rarely has as many of the others in every line.
DELIMITERS = "\t;|,"


def look_into_csv(table: TableLayout, text: str) -> None:
    """Find the delimiter, the header and the columns; `text` is the file's head. One column of lines becomes plain text.

    Raises:
        DataError: a quote stays open in the first line, or there are no rows.
    """
    lines = re.split("\r\n|\r|\n", text)
    table.blank_lines = next(number for number, line in enumerate(lines) if line.strip())
    lines = lines[table.blank_lines :][:50]
    table.delimiter = _delimiter_of([line for line in lines if line], table.path.suffix.lower())
    reader = csv.reader((f"{line}\n" for line in lines), delimiter=table.delimiter)
    first = next(reader)
    if reader.line_num == len(lines) > 1 and (len(lines) == 50 or not _ends_with_a_quote(table.path)):
        raise DataError(f"{table.where}, in its first line: a quote is opened and never closed; close it or take it out.")
    refuse_many_columns(table.where, len(first))
    rows = [first, *(row for row in reader if row)]
    table.has_header = all(_is_name(cell) for cell in first)
    if not table.has_header and sum(len(row) == 1 for row in rows) * 2 > len(rows):
        _as_lines(table, quoted=text.lstrip().startswith('"') and all(len(row) == 1 for row in rows))
        return
    if table.has_header and len(rows) == 1 and table.path.stat().st_size < HEAD_BYTES:
        raise DataError(f"{table.where} has a header and no rows; add rows.")
    if table.has_header:
        table.columns = distinct_names(first)
    else:
        table.columns = [f"column {number}" for number in range(1, len(first) + 1)]
        table.notes.append("no header line: the columns are numbered")
    if table.delimiter != ",":
        table.notes.append(f"cells are divided by {'tabs' if table.delimiter == chr(9) else repr(table.delimiter)}")


def _as_lines(table: TableLayout, quoted: bool) -> None:
    """Read a file of one column: as cells where they stand in quotes, else each line as it is, commas and all."""
    table.form, table.columns, table.delimiter = "csv" if quoted else "text", ["text"], ","
    table.notes.append(f"one column without a header: each {'cell' if quoted else 'line'} is a text")


def _ends_with_a_quote(path: Path) -> bool:
    """Tell whether the last thing in a file is a quote that closes a cell, whatever the encoding."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 4096))
        end = file.read().replace(b"\0", b"").rstrip()
    # Two quotes in a row are one that belongs to the text.
    return (len(end) - len(end.rstrip(b'"'))) % 2 == 1


def _delimiter_of(lines: list[str], ending: str) -> str:
    """Return the delimiter that cuts the first lines into the same number of cells, two at least, most often."""
    if ending == ".tsv" and "\t" in lines[0]:
        return "\t"
    best, score = ",", (0.0, 0)
    for delimiter in DELIMITERS:
        widths = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
        if not widths or widths[0] < 2:
            continue
        agreeing = sum(width == widths[0] for width in widths) / len(widths)
        if (agreeing, widths[0]) > score:
            best, score = delimiter, (agreeing, widths[0])
    return best


def _is_name(cell: str) -> bool:
    """Tell whether a first line's cell reads like a column's name: short, no number, no sentence."""
    return (
        len(cell) <= 40 and len(cell.split()) <= 3 and not NUMBER.fullmatch(cell) and not cell.strip().endswith((".", "!", "?"))
    )


def csv_chunks(table: TableLayout) -> Iterator[pa.Table]:
    """Yield the rows in order; the numbers of those with more or fewer cells than the header go into `skipped`.

    Raises:
        DataError: a quote is never closed.
    """
    before, last = table.blank_lines + table.has_header, ""

    def skip(row: Any) -> str:
        nonlocal last
        table.skipped.append(int(row.number) - before)
        last = row.text
        return "skip"

    read = pa.csv.ReadOptions(
        use_threads=False,
        block_size=table.block_bytes,
        encoding=table.encoding.removesuffix("-sig"),
        column_names=table.columns,
        skip_rows=table.blank_lines,
        skip_rows_after_names=int(table.has_header),
    )
    parse = pa.csv.ParseOptions(delimiter=table.delimiter, newlines_in_values=True, invalid_row_handler=skip)
    # Only an empty cell is missing: "None" and "NA" are words that people write.
    turn = pa.csv.ConvertOptions(
        column_types=dict.fromkeys(table.columns, pa.string()),
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=True,
    )
    rows, whole = 0, table.path.stat().st_size < BLOCK_BYTES
    for batch in pa.csv.open_csv(table.path, read, parse, turn):
        rows += len(batch)
        if len(batch) and not (table.skipped and table.skipped[-1] == rows + len(table.skipped)):
            last = batch.columns[-1][-1].as_py() or ""
        if whole:
            _refuse_open_quote(table, last, rows)
        yield pa.Table.from_batches([batch])
    _refuse_open_quote(table, last, rows)


def _refuse_open_quote(table: TableLayout, last: str, rows: int) -> None:
    # A quote that is never closed takes in all lines after it: they are one cell of the last row.
    if ("\n" in last or "\r" in last) and not _ends_with_a_quote(table.path):
        raise DataError(
            f"{table.where}, row {rows + len(table.skipped)}: a quote is opened and never closed; close it or take it out."
        )


def text_chunks(table: TableLayout) -> Iterator[pa.Table]:
    """Yield the lines as rows of one column."""
    with table.path.open(encoding=table.encoding, newline=None) as file:
        texts: list[str | None] = []
        for line in file:
            texts.append(line.strip("\ufeff\r\n") or None)
            if len(texts) >= CHUNK_ROWS:
                yield pa.table({"text": pa.array(texts, pa.string())})
                texts = []
        if texts:
            yield pa.table({"text": pa.array(texts, pa.string())})
