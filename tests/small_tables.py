"""Files written for one test and read as tables."""

import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from core.errors import DataError
from core.tables import TableFile, look_into

HEADER = "anchor,positive\n"
RECORDS = [{"anchor": "a", "positive": "b"}, {"anchor": "c", "positive": None}]
LINE = json.dumps({"anchor": "a secret text", "positive": "b"}) + "\n"
NESTED = pa.table({"meta": [{"x": 1}], "anchor": ["a"], "tags": [["q"]], "positive": ["b"]})
Cells = list[list[str | None]]


def table_of(folder: Path, content: str | bytes, name: str = "a.csv") -> TableFile:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return look_into(path, name)


def rows_of(table: TableFile) -> Cells:
    return [list(row.values()) for chunk in table.chunks() for row in chunk.to_pylist()]


def read(folder: Path, content: str | bytes, name: str = "a.csv") -> Cells:
    return rows_of(table_of(folder, content, name))


def fault_of(folder: Path, content: str | bytes, name: str = "a.csv") -> str:
    """Return the message, which names the file, is short, and shows nobody's text."""
    with pytest.raises(DataError) as caught:
        read(folder, content, name)
    text = str(caught.value)
    assert text.startswith(name)
    assert len(text) <= 300
    assert "secret" not in text
    return text


def parquet(columns: pa.Table) -> bytes:
    out = io.BytesIO()
    pa.parquet.write_table(columns, out)
    return out.getvalue()


def text_table(**columns: list[str | None]) -> pa.Table:
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
