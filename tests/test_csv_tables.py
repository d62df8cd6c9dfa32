"""Files of cells and of lines: delimiter, header and quotes are found, and ragged rows are left out or refused."""

from pathlib import Path

import pytest

from tests.small_tables import HEADER, fault_of, read, rows_of, table_of


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


def test_lines_of_plain_text_are_rows(tmp_path: Path) -> None:
    assert read(tmp_path, 'one, "two"\n\nthree\tfour\r\n', "a.TXT") == [['one, "two"'], [None], ["three\tfour"]]
