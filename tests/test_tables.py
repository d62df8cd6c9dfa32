"""Files as tables: what they are is told by their content, rows are read as texts, and broken files say where."""

import gzip
import io
import json
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from core.errors import DataError
from core.tables import BLOCK_BYTES, TableFile, look_into

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


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.csv", HEADER)
    return out.getvalue()


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiter_is_found_beside_others_in_the_texts(tmp_path: Path, delimiter: str) -> None:
    lines = [["anchor", "positive"], ['"a, b; c | d"', "e"], ["f", '"g, h; i | j"'], ["k", "l"]]
    table = table_of(tmp_path, "".join(delimiter.join(line) + "\n" for line in lines))
    assert (table.delimiter, rows_of(table)) == (delimiter, [["a, b; c | d", "e"], ["f", "g, h; i | j"], ["k", "l"]])


@pytest.mark.parametrize("content", ["Ein Satz;0,5\nZwei Satz;1,0\n", "text;score\nEin Satz, ja;0,5\nZwei;1,0\n"])
def test_decimal_comma_does_not_divide_cells(tmp_path: Path, content: str) -> None:
    assert [row[1] for row in read(tmp_path, content)] == ["0,5", "1,0"]


def test_tabs_divide_a_tsv_unless_it_has_none(tmp_path: Path) -> None:
    assert read(tmp_path, "anchor\tpositive\na, b\tc\n", "a.tsv") == [["a, b", "c"]]
    assert read(tmp_path, "anchor;positive\na;c\n", "a.tsv") == [["a", "c"]]


def test_quoted_line_breaks_delimiters_and_quotes_stay_in_their_cell(tmp_path: Path) -> None:
    assert read(tmp_path, HEADER + '"a\nb, c","d ""e"""\n"x\r\ny",z\n') == [["a\nb, c", 'd "e"'], ["x\r\ny", "z"]]


def test_header_may_hold_a_line_break(tmp_path: Path) -> None:
    table = table_of(tmp_path, '"anchor\ntext",positive\na,b\n1,2,3\nc,d\n')
    assert (rows_of(table), table.skipped) == ([["a", "b"], ["c", "d"]], [2])


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_of_every_system_are_read(tmp_path: Path, end: str) -> None:
    assert read(tmp_path, (HEADER + "a,b\nc,d").replace("\n", end)) == [["a", "b"], ["c", "d"]]


def test_blank_lines_before_the_header_are_passed_over(tmp_path: Path) -> None:
    table = table_of(tmp_path, "\n\n" + HEADER + "a,b\n1,2,3\n\nc,d\n")
    assert (table.columns, rows_of(table), table.skipped) == (["anchor", "positive"], [["a", "b"], ["c", "d"]], [2])


def test_words_that_look_missing_are_texts_and_empty_cells_are_none(tmp_path: Path) -> None:
    assert read(tmp_path, HEADER + 'None,NA\nnull,""\nnan,\n') == [["None", "NA"], ["null", None], ["nan", None]]


def test_emoji_and_right_to_left_text_are_kept(tmp_path: Path) -> None:
    assert read(tmp_path, HEADER + "😀👩‍👩‍👧 yes,שלום עולם\nمرحبا,\u202eabc\n") == [
        ["😀👩‍👩‍👧 yes", "שלום עולם"],
        ["مرحبا", "\u202eabc"],
    ]


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


def test_one_column_with_a_header_is_read(tmp_path: Path) -> None:
    table = table_of(tmp_path, "text\nThis is one.\nThis is two.\n")
    assert (table.columns, rows_of(table)) == (["text"], [["This is one."], ["This is two."]])


@pytest.mark.parametrize("first", ["This is one.", "This, perhaps, is one.", "42"])
def test_one_column_without_a_header_is_read_line_by_line(tmp_path: Path, first: str) -> None:
    table = table_of(tmp_path, f"{first}\nThis is two.\nThis is three.\n")
    assert rows_of(table) == [[first], ["This is two."], ["This is three."]]
    assert table.notes == ["one column without a header: each line is a text"]


def test_one_column_of_quoted_texts_is_read_cell_by_cell(tmp_path: Path) -> None:
    assert read(tmp_path, '"One sentence here,\nand more of it."\n"Two, is it."\n') == [
        ["One sentence here,\nand more of it."],
        ["Two, is it."],
    ]


def test_columns_without_a_header_are_numbered_and_no_row_is_lost(tmp_path: Path) -> None:
    table = table_of(tmp_path, "A cat runs here.,A dog,1\nA bird,A fish swims there.,0\n")
    assert (table.columns, len(rows_of(table))) == (["column 1", "column 2", "column 3"], 2)
    assert table.notes == ["no header line: the columns are numbered"]


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n\n"])
def test_header_alone_is_refused(tmp_path: Path, end: str) -> None:
    assert "a header and no rows" in fault_of(tmp_path, f"anchor,positive{end}")


def test_names_given_twice_and_empty_ones_are_told_apart(tmp_path: Path) -> None:
    assert table_of(tmp_path, "a,a (2),a,,\n1,2,3,4,5\n").columns == ["a", "a (2)", "a (3)", "column 4", "column 5"]
    assert read(tmp_path, "a,a (2),a\nx,y,z\n") == [["x", "y", "z"]]


def test_few_ragged_rows_are_left_out_with_their_numbers(tmp_path: Path) -> None:
    table = table_of(tmp_path, HEADER + "a,b\nc\nd,e,f\ng,h\ni,j\n")
    assert (rows_of(table), table.skipped) == ([["a", "b"], ["g", "h"], ["i", "j"]], [2, 3])
    assert [table.row_number(index) for index in range(3)] == [1, 4, 5]


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
    ("rest", "row"),
    [('"secret,b\n' + "c,d\n" * 5, 2), ('x,"secret\n' + "c,d\n" * 5, 2), ('"secret,b\n' + "c,d,e,f\n" * 500_000, 2)],
)
def test_quote_that_is_never_closed_is_refused_with_its_row(tmp_path: Path, rest: str, row: int) -> None:
    assert f"row {row}: a quote is opened and never closed" in fault_of(tmp_path, HEADER + "a,b\n" + rest)


def test_quote_that_is_never_closed_in_a_large_file_is_refused(tmp_path: Path) -> None:
    assert "a quote is opened and never closed" in fault_of(tmp_path, HEADER + "a,b\n" * 5 + '"secret,b\n' + "c,d\n" * 5_000_000)


@pytest.mark.parametrize("lines", [5, 500])
def test_quote_that_is_never_closed_in_the_header_is_refused(tmp_path: Path, lines: int) -> None:
    assert "first line: a quote is opened and never closed" in fault_of(tmp_path, '"anchor,positive\n' + "secret,b\n" * lines)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_line_break_in_the_last_cell_is_no_open_quote(tmp_path: Path, encoding: str) -> None:
    assert read(tmp_path, (HEADER + 'a,b\nc,"d\ne ""f"""\n\n').encode(encoding)) == [["a", "b"], ["c", 'd\ne "f"']]
    assert read(tmp_path, (HEADER + 'a 5" nail,b\n').encode(encoding)) == [['a 5" nail', "b"]]


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
        (gzip.compress(HEADER.encode()), "a gzip archive"),
        (b"%PDF-1.7 text", "a PDF"),
        (b"\x89PNG\0\0", "no text file"),
        (bytes(range(1, 256)) * 20, "no text file"),
        (b"", "empty"),
        (b" \n\t\n", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"\xff\xfe", "empty"),
    ],
)
@pytest.mark.parametrize("name", ["a.csv", "a.txt", "a.jsonl", "a.json", "a.tsv", "a"])
def test_what_is_no_table_is_named_whatever_its_ending(tmp_path: Path, content: bytes, what: str, name: str) -> None:
    assert f"is {what}" in fault_of(tmp_path, content, name)


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


def test_damage_inside_of_a_parquet_is_refused(tmp_path: Path) -> None:
    content = bytearray(parquet(pa.table({"text": ["a", "b"]})))
    content[4:40] = b"\xff" * 36
    assert "cannot be read after row 0" in fault_of(tmp_path, bytes(content), "a.parquet")


@pytest.mark.parametrize(
    "content",
    [
        "\n".join(map(json.dumps, RECORDS)),
        json.dumps(RECORDS),
        json.dumps(RECORDS, indent=2),
        json.dumps({"version": 1, "tags": ["x"], "data": RECORDS}),
        json.dumps({"version": 1, "tags": ["x"], "data": RECORDS}, indent=2),
    ],
)
@pytest.mark.parametrize("name", ["a.json", "a.JSON"])
def test_json_is_read_as_lines_as_an_array_and_inside_of_an_object(tmp_path: Path, content: str, name: str) -> None:
    assert read(tmp_path, content, name) == [["a", "b"], ["c", None]]


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.txt", "a.tsv", "a"])
def test_json_is_known_under_every_name(tmp_path: Path, name: str) -> None:
    assert read(tmp_path, "\n".join(map(json.dumps, RECORDS)), name) == [["a", "b"], ["c", None]]
    assert read(tmp_path, json.dumps(RECORDS, indent=1), name) == [["a", "b"], ["c", None]]


def test_brackets_in_texts_make_no_json(tmp_path: Path) -> None:
    assert read(tmp_path, "[text],label\n[a],1\n", "a") == [["[a]", "1"]]


def test_first_record_may_be_long(tmp_path: Path) -> None:
    assert len(read(tmp_path, json.dumps({"text": "x" * 70_000}) + '\n{"text": "y [z"}\n', "a.json")) == 2


def test_nested_columns_of_json_are_left_out_and_alone_are_refused(tmp_path: Path) -> None:
    table = table_of(tmp_path, '{"text": "a", "tags": ["x"]}\n', "a.jsonl")
    assert (table.columns, rows_of(table), table.notes) == (["text"], [["a"]], ["nested columns are left out: tags"])
    assert "column text is nested" in fault_of(tmp_path, '{"text": ["a"]}\n', "a.jsonl")


@pytest.mark.parametrize("before", [2, 500])
def test_broken_line_is_named_by_its_row(tmp_path: Path, before: int) -> None:
    for broken in ('{"anchor": "a secret half', "5", '"secret"', "[1]"):
        assert f"row {before + 1} is no JSON object" in fault_of(tmp_path, LINE * before + broken + "\n" + LINE, "a.jsonl")


@pytest.mark.parametrize("before", [2, 500])
@pytest.mark.parametrize("end", [', {"text": "secret', ', {"text": secret}]', ', "secret"]', ""])
def test_broken_array_is_named_by_its_row(tmp_path: Path, before: int, end: str) -> None:
    content = json.dumps([{"text": "a"}] * before)[:-1] + end
    assert f"row {before + 1} is no JSON object, or the list breaks off" in fault_of(tmp_path, content, "a.json")


def test_text_behind_an_array_is_not_lost_in_silence(tmp_path: Path) -> None:
    assert "goes on after its list of 2 records" in fault_of(tmp_path, json.dumps(RECORDS) + json.dumps(RECORDS), "a.json")


@pytest.mark.parametrize("content", ["[]", "{}", "[{}]", "5", '"secret"', "null", '["secret"]', '{"a": {"b": 1}}', HEADER])
@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_json_without_records_is_refused(tmp_path: Path, content: str, name: str) -> None:
    fault_of(tmp_path, content, name)


@pytest.mark.parametrize(
    "value",
    ["9" * 5000, "[" * 200_000, "[" * 100_000 + "]" * 100_000, '{"a":' * 100_000],
    ids=["number", "open", "deep", "objects"],
)
def test_huge_numbers_and_deep_nesting_are_refused_and_crash_nothing(tmp_path: Path, value: str) -> None:
    assert "row 1 is no JSON object" in fault_of(tmp_path, '{"text": "a", "x": ' + value + "}\n", "a.jsonl")
    assert "row 1 is no JSON object" in fault_of(tmp_path, '[{"text": "a", "x": ' + value + "}]", "a.json")
    fault_of(tmp_path, value, "a.json")


def test_half_an_emoji_in_json_becomes_a_mark(tmp_path: Path) -> None:
    assert read(tmp_path, '{"text": "\\ud800 a"}\n{"text": "\\ud83d\\ude00"}\n', "a.jsonl") == [["\ufffd a"], ["😀"]]


def test_lines_of_plain_text_are_rows(tmp_path: Path) -> None:
    assert read(tmp_path, 'one, "two"\n\nthree\tfour\r\n', "a.TXT") == [['one, "two"'], [None], ["three\tfour"]]


def test_folder_and_missing_file_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.csv"):
        with pytest.raises(DataError, match=r"^a\.csv cannot be opened"):
            look_into(path, "a.csv")


def test_reading_twice_gives_the_same(tmp_path: Path) -> None:
    table = table_of(tmp_path, HEADER + "a,b\nc\nd,e\n")
    assert rows_of(table) == rows_of(table)
    assert table.skipped == [2]
