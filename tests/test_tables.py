"""Files as tables: what they are is told by their content, rows are read as texts, and broken files say where."""

import gzip
import io
import json
import zipfile
from pathlib import Path

import pytest

from core.errors import DataError
from core.table_layout import BLOCK_BYTES
from core.tables import look_into
from tests.small_tables import HEADER, LINE, fault_of, read, rows_of, table_of


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.csv", HEADER)
    return out.getvalue()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1"])
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.json", "a.txt"])
def test_every_form_is_read_in_every_encoding(tmp_path: Path, encoding: str, name: str) -> None:
    row = {"text": "Grüße aus Köln"}
    forms = {
        "a.csv": "text\nGrüße aus Köln\n",
        "a.jsonl": json.dumps(row, ensure_ascii=False),
        "a.json": json.dumps([row], ensure_ascii=False),
        "a.txt": "Grüße aus Köln\n",
    }
    assert read(tmp_path, forms[name].encode(encoding), name) == [["Grüße aus Köln"]]


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.json", "a.txt"])
@pytest.mark.parametrize("content", ['[{"text": "a"}]'.encode("utf-16")[:-1], b"\xef\xbb\xbf" + b'{"text": "secret \xfc"}'])
def test_broken_encoding_behind_a_mark_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    fault_of(tmp_path, content, name)


def test_row_numbers_hold_beyond_the_first_block(tmp_path: Path) -> None:
    long = f"a,{'b' * 100_000}\n"
    before = BLOCK_BYTES // len(long) + 10
    table = table_of(tmp_path, HEADER + "x\n" + long * before + "x,y,z\na,last\n")
    assert rows_of(table)[-1] == ["a", "last"]
    assert table.skipped == [1, before + 2]
    assert table.row_number(before) == before + 3


def test_mostly_ragged_rows_are_refused(tmp_path: Path) -> None:
    assert "row 2: this and most other rows" in fault_of(tmp_path, HEADER + "a,b\n" + "secret,b,c\n" * 5)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "a,b\n" + "x" * 10_000_000 + ",c\n"),
        ("a.csv", 'a,b\n"' + "secret, \n" * 1_000_000 + '",c\n'),
        ("a.jsonl", LINE + json.dumps({"anchor": "x" * 10_000_000})),
        ("a.json", json.dumps([{"anchor": "a"}, {"anchor": "x" * 10_000_000}])),
        ("a.txt", "a\n" + "x" * 10_000_000),
    ],
)
def test_ten_megabytes_in_a_cell_are_refused_with_row_and_column(tmp_path: Path, name: str, content: str) -> None:
    text = fault_of(tmp_path, HEADER + content if name == "a.csv" else content, name)
    assert f"row 2, column {'text' if name == 'a.txt' else 'anchor'}: the cell holds" in text


def test_row_larger_than_a_block_is_refused_with_the_row_before(tmp_path: Path) -> None:
    text = fault_of(tmp_path, HEADER + "a,b\n" + '"' + "x\n" * BLOCK_BYTES + '",b\n')
    assert "after row 1" in text or "row 2" in text


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (zipped(), "a zip archive"),
        (gzip.compress(HEADER.encode(), mtime=0), "a gzip archive"),
        (b"%PDF-1.7 text", "a PDF"),
        (b"\x89PNG\0\0", "no text file"),
        (bytes(range(1, 256)) * 20, "no text file"),
        (b"", "empty"),
        (b" \n\t\n", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"\xff\xfe", "empty"),
    ],
    ids=["zip", "gzip", "PDF", "PNG", "binary", "nothing", "blanks", "UTF-8 mark", "UTF-16 mark"],
)
@pytest.mark.parametrize("name", ["a.csv", "a.txt", "a.jsonl", "a.json", "a.tsv", "a"])
def test_what_is_no_table_is_named_whatever_its_ending(tmp_path: Path, content: bytes, what: str, name: str) -> None:
    assert f"is {what}" in fault_of(tmp_path, content, name)


def test_folder_and_missing_file_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.csv"):
        with pytest.raises(DataError, match=r"^a\.csv cannot be opened"):
            look_into(path, "a.csv")


def test_reading_twice_gives_the_same(tmp_path: Path) -> None:
    table = table_of(tmp_path, HEADER + "a,b\nc\nd,e\n")
    assert rows_of(table) == rows_of(table)
    assert table.skipped == [2]
