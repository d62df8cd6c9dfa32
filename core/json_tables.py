"""Files of JSON: records in lines, in one array, or in an array inside of an object."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from core.errors import DataError
from core.table_layout import BLOCK_BYTES, CHUNK_ROWS, TableLayout, leave_out_nested, refuse_many_columns


def is_json(text: str) -> bool:
    """Tell a file of JSON by its beginning, whatever its name: a record on its first line, or a list of records."""
    start = text.lstrip()
    return bool(_record_in(start.partition("\n")[0].strip())) or re.match(r"\[\s*\{", start) is not None


def look_into_json(table: TableLayout) -> None:
    """Find the columns: all names that the first records have.

    Raises:
        DataError: there are no records, or none of plain values.
    """
    first = list(_first_rows(table, 200))
    names = dict.fromkeys(name for row in first for name in row)
    refuse_many_columns(table.where, len(names))
    nested = [name for name in names if any(isinstance(row.get(name), (list, dict)) for row in first)]
    table.columns = [name for name in names if name not in nested]
    leave_out_nested(table, nested)


def _first_rows(table: TableLayout, count: int) -> Iterator[dict[str, Any]]:
    for row, _ in zip(_json_rows(table), range(count), strict=False):
        yield row


def _json_rows(table: TableLayout) -> Iterator[dict[str, Any]]:
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
        record = json.loads(line) if line.startswith("{") and len(line) <= BLOCK_BYTES else None
    except (ValueError, RecursionError):
        record = None
    return record if isinstance(record, dict) else {}


def _json_lines(table: TableLayout) -> Iterator[dict[str, Any]]:
    with table.path.open(encoding=table.encoding) as file:
        for number, line in enumerate(file, 1):
            if line.strip("\ufeff \t\r\n"):
                yield _as_record(table, line.strip("\ufeff \t\r\n"), number)


def _as_record(table: TableLayout, text: str, number: int) -> dict[str, Any]:
    if len(text) > BLOCK_BYTES:
        # Unfolded, lists in lists take twenty times their text.
        raise DataError(f"{table.where}, row {number} is larger than {BLOCK_BYTES >> 20} MB; shorten or split it.")
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict):
        raise DataError(f'{table.where}, row {number} is no JSON object; write one object such as {{"text": "..."}} a line.')
    return record


def _json_array(table: TableLayout) -> Iterator[dict[str, Any]]:
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


def json_chunks(table: TableLayout) -> Iterator[pa.Table]:
    """Yield the records in order as rows.

    Raises:
        DataError: one is no JSON object; the message names its row.
    """
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
