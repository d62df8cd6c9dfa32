"""A file as a table of texts: what it is, how it is encoded and cut into cells, and its rows in chunks.

Every cell becomes text or nothing; what the texts mean is for `core.columns`. Memory holds one chunk at a time.
"""

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from core.encodings import encoding_of
from core.errors import DataError

FILE_ENDINGS = (".csv", ".tsv", ".jsonl", ".json", ".parquet", ".txt")
MOST_CELL_CHARACTERS = 200_000
HEAD_BYTES = 65_536
# A row has to fit in a block; larger ones are refused with their row and column where they fit, else with the row before.
BLOCK_BYTES = 1 << 24
CHUNK_ROWS = 20_000
# The first wins a tie: who divides cells by commas rarely has as many of the others in every line.
DELIMITERS = "\t;|,"
ARCHIVES = {b"PK\x03\x04": "a zip archive (Excel files are such archives too)", b"\x1f\x8b": "a gzip archive", b"%PDF": "a PDF"}
NUMBER = re.compile(r"\s*[-+]?(\d+([.,]\d*)?|[.,]\d+)([eE][-+]?\d+)?\s*")


@dataclass
class TableFile:
    """One file, looked into: `where` names it in messages, `notes` say what had to be done to read it.

    `skipped` fills while rows are read: the numbers of the rows, counted from 1, that had more or fewer cells than the header.
    """

    path: Path
    where: str
    form: str
    columns: list[str]
    encoding: str = "utf-8"
    delimiter: str = ","
    has_header: bool = True
    blank_lines: int = 0
    notes: list[str] = field(default_factory=list)
    skipped: list[int] = field(default_factory=list)
    rows_read: int = 0
    block_bytes: int = BLOCK_BYTES

    def chunks(self) -> Iterator[pa.Table]:
        """Yield the rows in order as tables of text columns.

        Raises:
            DataError: the file is broken; the message names the row where that is known.
        """
        self.skipped.clear()
        self.rows_read = 0
        read = {"csv": _csv_chunks, "text": _text_chunks, "json": _json_chunks, "parquet": _parquet_chunks}[self.form]
        try:
            for table in read(self):
                self._check_cells(table)
                self.rows_read += len(table)
                yield table
                if self.skipped and len(self.skipped) > self.rows_read:
                    raise self._ragged()
        except DataError:
            raise
        except (ValueError, OSError, TypeError, pa.ArrowException, RecursionError) as error:
            raise self._broken(error) from None
        if self.skipped and len(self.skipped) > self.rows_read:
            raise self._ragged()

    def row_number(self, index: int) -> int:
        """Return the number, from 1, that a row read as the `index`-th (from 0) has in the file."""
        number = index + 1
        for skipped in self.skipped:
            number += skipped <= number
        return number

    def _check_cells(self, table: pa.Table) -> None:
        for name in table.column_names:
            lengths = pc.utf8_length(table[name])
            if (pc.max(lengths).as_py() or 0) > MOST_CELL_CHARACTERS:
                index = pc.index(lengths, pc.max(lengths)).as_py()
                raise DataError(
                    f"{self.where}, row {self.row_number(self.rows_read + index)}, column {name[:40]}: the cell holds "
                    f"{lengths[index].as_py():,} characters and {MOST_CELL_CHARACTERS:,} are the most; "
                    "look for a quote that is never closed, or split the text."
                )

    def _broken(self, error: Exception) -> DataError:
        if isinstance(error, UnicodeDecodeError):
            return DataError(f"{self.where} changes its encoding in the middle; save it again as UTF-8.")
        if isinstance(error, pa.ArrowInvalid) and "straddling" in str(error):
            return DataError(
                f"{self.where}, after row {self.rows_read}: a quote is opened and never closed, or a cell is larger than "
                f"{self.block_bytes >> 20} MB; close the quote or shorten the cell."
            )
        # The parser's own words could hold a user's text: name the kind of fault only.
        return DataError(
            f"{self.where} cannot be read after row {self.rows_read} ({type(error).__name__}); "
            "save it again as CSV with a header."
        )

    def _ragged(self) -> DataError:
        delimiter = "tabs" if self.delimiter == "\t" else repr(self.delimiter)
        return DataError(
            f"{self.where}, row {self.skipped[0]}: this and most other rows have more or fewer cells than the header's "
            f"{len(self.columns)}; put texts that hold {delimiter} or line breaks in quotes."
        )


def look_into(path: Path, where: str) -> TableFile:
    """Find out what a file is by its content: form, encoding, delimiter, header and columns. Reads its head only.

    Raises:
        DataError: it is empty, an archive, binary, or has no columns; the sentence says what to do.
    """
    try:
        return _look_into(path, where)
    except UnicodeError:
        raise DataError(f"{where} changes its encoding in the middle; save it again as UTF-8.") from None
    except OSError as error:
        raise DataError(f"{where} cannot be opened ({error.strerror or type(error).__name__}); check the file.") from None


def _look_into(path: Path, where: str) -> TableFile:
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    for magic, what in ARCHIVES.items():
        if head.startswith(magic):
            raise DataError(f"{where} is {what}, not a table; take the file out of it, or save the sheet as CSV.")
    if head.startswith(b"PAR1"):
        return _look_into_parquet(path, where)
    ending = path.suffix.lower()
    if ending == ".parquet":
        raise DataError(f"{where} is no Parquet file, or a damaged one; save it again, or give it the ending of what it is.")
    encoding, notes = encoding_of(path, where)
    text = head.decode(encoding, errors="ignore").lstrip("\ufeff")
    if not text.strip():
        raise DataError(f"{where} is empty; it needs rows.")
    if ending in (".json", ".jsonl") or _is_json(text):
        return _look_into_json(TableFile(path, where, "json", [], encoding, notes=notes))
    if ending == ".txt":
        return TableFile(path, where, "text", ["text"], encoding, notes=notes)
    return _look_into_csv(TableFile(path, where, "csv", [], encoding, notes=notes), text)


def _look_into_csv(table: TableFile, text: str) -> TableFile:
    lines = re.split("\r\n|\r|\n", text)
    table.blank_lines = next(number for number, line in enumerate(lines) if line.strip())
    lines = lines[table.blank_lines :][:50]
    table.delimiter = _delimiter_of([line for line in lines if line], table.path.suffix.lower())
    reader = csv.reader((f"{line}\n" for line in lines), delimiter=table.delimiter)
    first = next(reader)
    if reader.line_num == len(lines) > 1 and (len(lines) == 50 or not _ends_with_a_quote(table.path)):
        raise DataError(f"{table.where}, in its first line: a quote is opened and never closed; close it or take it out.")
    rows = [first, *(row for row in reader if row)]
    table.has_header = all(_is_name(cell) for cell in first)
    if not table.has_header and sum(len(row) == 1 for row in rows) * 2 > len(rows):
        return _as_lines(table, quoted=text.lstrip().startswith('"') and all(len(row) == 1 for row in rows))
    if table.has_header and len(rows) == 1 and table.path.stat().st_size < HEAD_BYTES:
        raise DataError(f"{table.where} has a header and no rows; add rows.")
    if table.has_header:
        table.columns = _named(first)
    else:
        table.columns = [f"column {number}" for number in range(1, len(first) + 1)]
        table.notes.append("no header line: the columns are numbered")
    if table.delimiter != ",":
        table.notes.append(f"cells are divided by {'tabs' if table.delimiter == chr(9) else repr(table.delimiter)}")
    return table


def _as_lines(table: TableFile, quoted: bool) -> TableFile:
    """Read a file of one column: as cells where they stand in quotes, else each line as it is, commas and all."""
    table.form, table.columns, table.delimiter = "csv" if quoted else "text", ["text"], ","
    table.notes.append(f"one column without a header: each {'cell' if quoted else 'line'} is a text")
    return table


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


def _distinct(names: list[str]) -> list[str]:
    result: list[str] = []
    for name in names:
        free = (other for number in range(2, len(names) + 2) if (other := f"{name} ({number})") not in (*names, *result))
        result.append(next(free) if name in result else name)
    return result


def _csv_chunks(table: TableFile) -> Iterator[pa.Table]:
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


def _refuse_open_quote(table: TableFile, last: str, rows: int) -> None:
    # A quote that is never closed takes in all lines after it: they are one cell of the last row.
    if ("\n" in last or "\r" in last) and not _ends_with_a_quote(table.path):
        raise DataError(
            f"{table.where}, row {rows + len(table.skipped)}: a quote is opened and never closed; close it or take it out."
        )


def _text_chunks(table: TableFile) -> Iterator[pa.Table]:
    with table.path.open(encoding=table.encoding, newline=None) as file:
        texts: list[str | None] = []
        for line in file:
            texts.append(line.strip("\ufeff\r\n") or None)
            if len(texts) >= CHUNK_ROWS:
                yield pa.table({"text": pa.array(texts, pa.string())})
                texts = []
        if texts:
            yield pa.table({"text": pa.array(texts, pa.string())})


def _look_into_json(table: TableFile) -> TableFile:
    first = list(_first_rows(table, 200))
    names = dict.fromkeys(name for row in first for name in row)
    nested = [name for name in names if any(isinstance(row.get(name), (list, dict)) for row in first)]
    table.columns = [name for name in names if name not in nested]
    return _without_nested(table, nested)


def _without_nested(table: TableFile, nested: list[str]) -> TableFile:
    if nested and not table.columns:
        raise DataError(
            f"{table.where}: column {nested[0][:40]} is nested (lists or records); flatten it into plain columns of text."
        )
    if not table.columns:
        raise DataError(f"{table.where} has no columns; it needs texts by name, such as anchor and positive.")
    if nested:
        table.notes.append(f"nested columns are left out: {', '.join(nested)[:80]}")
    return table


def _first_rows(table: TableFile, count: int) -> Iterator[dict[str, Any]]:
    for row, _ in zip(_json_rows(table), range(count), strict=False):
        yield row


def _json_rows(table: TableFile) -> Iterator[dict[str, Any]]:
    """Yield the records of JSON lines, of one array, or of the first array in an object; one at a time."""
    with table.path.open(encoding=table.encoding) as file:
        lines = (text for line in file if (text := line.strip("\ufeff \t\r\n")))
        first = next(lines, "")
        alone = next(lines, None) is None
    record = _record_in(first)
    # One line alone may be a whole file's object, with the records in a list of its own.
    holds_records = alone and any(
        isinstance(value, list) and value[:1] and isinstance(value[0], dict) for value in record.values()
    )
    is_array = first.startswith("[") or holds_records
    if not is_array and (record or table.path.suffix.lower() == ".jsonl"):
        yield from _json_lines(table)
    else:
        yield from _json_array(table)


def _record_in(line: str) -> dict[str, Any]:
    try:
        record = json.loads(line) if line.startswith("{") else None
    except (ValueError, RecursionError):
        record = None
    return record if isinstance(record, dict) else {}


def _is_json(text: str) -> bool:
    """Tell a file of JSON by its beginning, whatever its name: a record on its first line, or a list of records."""
    start = text.lstrip()
    return bool(_record_in(start.partition("\n")[0].strip())) or re.match(r"\[\s*\{", start) is not None


def _json_lines(table: TableFile) -> Iterator[dict[str, Any]]:
    with table.path.open(encoding=table.encoding) as file:
        for number, line in enumerate(file, 1):
            if line.strip("\ufeff \t\r\n"):
                yield _as_record(table, line.strip("\ufeff \t\r\n"), number)


def _as_record(table: TableFile, text: str, number: int) -> dict[str, Any]:
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict):
        raise DataError(f'{table.where}, row {number} is no JSON object; write one object such as {{"text": "..."}} a line.')
    return record


def _json_array(table: TableFile) -> Iterator[dict[str, Any]]:
    # The text is held whole, its records are not: they take several times its memory.
    text = table.path.read_text(encoding=table.encoding)
    whole = text.lstrip("\ufeff \t\r\n").startswith("[")
    found = re.search(r"\[" if whole else r":\s*\[(?=\s*\{)", text)
    decoder, place, number = json.JSONDecoder(), found.end() - 1 if found else -1, 0
    if place < 0:
        raise DataError(f'{table.where} holds no list of records; write [{{"text": "..."}}, ...] or one object a line.')
    gap = re.compile(r"[\s,]*")
    while True:
        place = gap.match(text, place + (number == 0)).end()  # type: ignore[union-attr]  # the pattern fits everywhere
        if text[place : place + 1] == "]":
            if whole and text[place + 1 :].strip():
                raise DataError(
                    f"{table.where} goes on after its list of {number:,} records; write one list or one object a line."
                )
            return
        number += 1
        try:
            record, place = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            record = None
        if not isinstance(record, dict):
            raise DataError(f"{table.where}, row {number} is no JSON object, or the list breaks off there; save it again.")
        yield record


def _json_chunks(table: TableFile) -> Iterator[pa.Table]:
    rows: list[dict[str, Any]] = []
    for row in _json_rows(table):
        rows.append(row)
        if len(rows) >= CHUNK_ROWS:
            yield _as_table(table.columns, rows)
            rows = []
    if rows:
        yield _as_table(table.columns, rows)


def _as_table(columns: list[str], rows: list[dict[str, Any]]) -> pa.Table:
    return pa.table({name: _as_column([as_cell(row.get(name)) for row in rows]) for name in columns})


def _as_column(cells: list[str | None]) -> pa.Array:
    try:
        return pa.array(cells, pa.string())
    except UnicodeEncodeError:
        # Half an emoji, which JSON can hold and a text cannot.
        return pa.array(
            [cell and cell.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for cell in cells], pa.string()
        )


def as_cell(value: Any) -> str | None:
    """Return a value as a cell's text: empty and missing ones are None, a list or a record is its JSON."""
    if value is None or value == "":
        return None
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _look_into_parquet(path: Path, where: str) -> TableFile:
    try:
        schema = pa.parquet.read_schema(path)
    except (pa.ArrowException, OSError, ValueError):
        raise DataError(f"{where} is a damaged Parquet file; save it again.") from None
    nested = [name for name, kind in zip(schema.names, schema.types, strict=True) if pa.types.is_nested(kind)]
    return _without_nested(TableFile(path, where, "parquet", _named(_flat_columns(schema))), nested)


def _flat_columns(schema: pa.Schema) -> list[str]:
    return [name for name, kind in zip(schema.names, schema.types, strict=True) if not pa.types.is_nested(kind)]


def _named(names: list[str]) -> list[str]:
    return _distinct([name.strip() or f"column {number}" for number, name in enumerate(names, 1)])


def _parquet_chunks(table: TableFile) -> Iterator[pa.Table]:
    with pa.parquet.ParquetFile(table.path) as file:
        for batch in file.iter_batches(CHUNK_ROWS, columns=_flat_columns(file.schema_arrow)):
            yield pa.table({name: _as_text(column) for name, column in zip(table.columns, batch.columns, strict=True)})


def _as_text(column: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    try:
        # Some programs write texts as bytes.
        texts = pc.cast(column, pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return pa.nulls(len(column), pa.string())
    return pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)
