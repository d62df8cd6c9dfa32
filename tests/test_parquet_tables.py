"""Files of Parquet: values become texts, nested columns are left out, and damaged files are refused."""

from pathlib import Path

import pyarrow as pa
import pytest

from tests.small_tables import HEADER, NESTED, fault_of, parquet, read, rows_of, table_of


def test_parquet_is_read_and_its_nested_columns_are_left_out(tmp_path: Path) -> None:
    table = table_of(tmp_path, parquet(NESTED), "a.parquet")
    assert (table.columns, rows_of(table)) == (["anchor", "positive"], [["a", "b"]])
    assert table.notes == ["nested columns are left out: meta, tags"]


def test_parquet_with_nested_columns_alone_is_refused(tmp_path: Path) -> None:
    assert "column meta is nested" in fault_of(tmp_path, parquet(NESTED.select(["meta", "tags"])), "a.parquet")


@pytest.mark.parametrize("name", ["a.csv", "a.txt", "a.json", "a"])
def test_parquet_is_known_under_every_name(tmp_path: Path, name: str) -> None:
    assert read(tmp_path, parquet(NESTED), name) == [["a", "b"]]


def test_cells_of_parquet_become_texts(tmp_path: Path) -> None:
    columns = {
        "text": ["a", ""],
        "number": [1.5, None],
        "whole": [1, 2],
        "truth": [True, False],
        "bytes": [b"x", b"y"],
        "picture": [b"\xff", b"\xfe"],
        "coded": pa.array(["u", "v"]).dictionary_encode(),
        "nothing": pa.nulls(2),
        "large": pa.array(["l", "m"], pa.large_string()),
    }
    assert read(tmp_path, parquet(pa.table(columns)), "a.parquet") == [
        ["a", "1.5", "1", "true", "x", None, "u", None, "l"],
        [None, None, "2", "false", "y", None, "v", None, "m"],
    ]


def test_names_in_parquet_may_be_given_twice_or_be_empty(tmp_path: Path) -> None:
    columns = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"]), pa.array(["c"])], names=["text", "text", ""])
    table = table_of(tmp_path, parquet(columns), "a.parquet")
    assert (table.columns, rows_of(table)) == (["text", "text (2)", "column 3"], [["a", "b", "c"]])


@pytest.mark.parametrize("content", [HEADER.encode(), b"", parquet(NESTED)[:200], b"PAR1" + b"x" * 200 + b"PAR1"])
@pytest.mark.parametrize("name", ["a.parquet", "a.PARQUET"])
def test_what_is_no_whole_parquet_is_refused(tmp_path: Path, content: bytes, name: str) -> None:
    assert "Parquet" in fault_of(tmp_path, content, name) or not content


@pytest.mark.parametrize(("place", "said"), [(4, "damaged Parquet"), (400, "cannot be read after row 0")])
def test_damage_inside_of_a_parquet_is_refused(tmp_path: Path, place: int, said: str) -> None:
    """In the head of a page, which is looked at before anything is unfolded, and in what it holds."""
    content = bytearray(parquet(pa.table({"text": [f"text {row}" for row in range(999)]})))
    content[place : place + 36] = b"\xff" * 36
    assert said in fault_of(tmp_path, bytes(content), "a.parquet")
