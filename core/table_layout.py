"""How a file is laid out as a table: what its form, encoding and columns are, whatever the form."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import DataError

HEAD_BYTES = 65_536
# A row has to fit in a block; larger ones are refused with their row and column where they fit, else with the row before.
BLOCK_BYTES = 1 << 24
CHUNK_ROWS = 20_000
MOST_COLUMNS = 1_000
NUMBER = re.compile(r"\s*[-+]?(\d+([.,]\d*)?|[.,]\d+)([eE][-+]?\d+)?\s*")


@dataclass
class TableLayout:
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
    block_bytes: int = BLOCK_BYTES


def refuse_many_columns(where: str, count: int) -> None:
    """Refuse a table of more columns than anybody chooses from.

    Raises:
        DataError: it has.
    """
    if count > MOST_COLUMNS:
        raise DataError(f"{where} has {count:,} columns, and {MOST_COLUMNS:,} are the most; take out those without texts.")


def distinct_names(names: list[str]) -> list[str]:
    """Return the columns' names without the white space around them, empty ones numbered, each given once."""
    return _distinct([name.strip() or f"column {number}" for number, name in enumerate(names, 1)])


def _distinct(names: list[str]) -> list[str]:
    result: list[str] = []
    for name in names:
        free = (other for number in range(2, len(names) + 2) if (other := f"{name} ({number})") not in (*names, *result))
        result.append(next(free) if name in result else name)
    return result


def leave_out_nested(table: TableLayout, nested: list[str]) -> None:
    """Note the columns that hold lists or records, which `columns` lacks already.

    Raises:
        DataError: no other column is there.
    """
    if nested and not table.columns:
        raise DataError(
            f"{table.where}: column {nested[0][:40]} is nested (lists or records); flatten it into plain columns of text."
        )
    if not table.columns:
        raise DataError(f"{table.where} has no columns; it needs texts by name, such as anchor and positive.")
    if nested:
        table.notes.append(f"nested columns are left out: {', '.join(nested)[:80]}")
