"""Files of JSON: records are found in lines, arrays and objects, and broken ones are named by their row."""

import json
from pathlib import Path

import pytest

from tests.small_tables import HEADER, LINE, RECORDS, fault_of, read, rows_of, table_of


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
