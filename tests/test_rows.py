"""Rows from files: clean ones are read, bad ones are refused with file and row."""

from pathlib import Path

import pandas as pd
import pytest

from core.errors import ConfigError, DataError, MissingDataError
from core.places import Places
from core.rows import Asked, Rows, Watcher, load_rows, yardstick_rows
from core.sources import is_here
from core.table_layout import CHUNK_ROWS

NLI = "premise,hypothesis,label\n"
STS = "sentence1,sentence2,score\n"


def load(folder: Path, content: str | bytes, name: str = "rows.csv", max_rows: int | None = None, **columns: str) -> Rows:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return load_rows(Asked(f"file:{path}", columns=columns, max_rows=max_rows), Places())


def fault_of(folder: Path, content: str | bytes, name: str = "rows.csv", **columns: str) -> str:
    """Return the message, which names the file and is short."""
    with pytest.raises(DataError) as caught:
        load(folder, content, name, **columns)
    assert f"{folder.name[-30:]}/{name}" in str(caught.value)
    assert len(str(caught.value)) <= 300
    return str(caught.value)


def test_labels_are_read_as_words_and_as_numbers(tmp_path: Path) -> None:
    rows = load(tmp_path, NLI + "a,b,entailment\nc,d, Neutral \ne,f,2\ng,h,0.0\n")
    assert rows.kind == "nli"
    assert rows.frame["label"].tolist() == [0, 1, 2, 0]


def test_header_is_read_without_regard_to_case_and_spaces(tmp_path: Path) -> None:
    assert len(load(tmp_path, " Premise ,HYPOTHESIS,Label\na,b,0\n").frame) == 1


def test_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    assert load(tmp_path, b"\xef\xbb\xbf" + (NLI + "Gr\u00fc\u00dfe,b,0\n").encode()).frame["premise"].tolist() == ["Grüße"]


def test_words_that_look_missing_are_texts(tmp_path: Path) -> None:
    assert load(tmp_path, NLI + "None,NA,0\nnull,nan,1\n").frame["premise"].tolist() == ["None", "null"]


def test_table_without_texts_names_its_columns(tmp_path: Path) -> None:
    assert "no column of texts (columns: x, y)" in fault_of(tmp_path, "x,y\n1,2\n3,4\n")


def test_empty_file_is_refused(tmp_path: Path) -> None:
    assert "is empty" in fault_of(tmp_path, "")


def test_header_alone_is_refused(tmp_path: Path) -> None:
    assert "a header and no rows" in fault_of(tmp_path, NLI)


def test_unknown_label_names_file_and_row(tmp_path: Path) -> None:
    assert "rows.csv, row 2, column label: the label 'maybe' is not known" in fault_of(tmp_path, NLI + "a,b,0\nc,d,maybe\n")


@pytest.mark.parametrize("score", ["", "high", "nan", "inf"])
def test_score_that_is_no_number_names_file_and_row(tmp_path: Path, score: str) -> None:
    assert "rows.csv, row 3, column score: the score is empty or no number" in fault_of(
        tmp_path, STS + f"a,b,1\nc,d,2\ne,f,{score}\n"
    )


@pytest.mark.parametrize("score", ["-1", "101", "1e300"])
def test_score_out_of_every_range_is_refused(tmp_path: Path, score: str) -> None:
    assert "0 to 1, 5, 10 or 100" in fault_of(tmp_path, STS + f"a,b,1\nc,d,{score}\n")


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16"])
def test_file_that_is_not_utf8_is_read_and_noted(tmp_path: Path, encoding: str) -> None:
    rows = load(tmp_path, (NLI + "Grüße,b,0\n").encode(encoding))
    assert rows.frame["premise"].tolist() == ["Grüße"]
    assert "read as" in rows.notes[0]


@pytest.mark.parametrize(
    ("name", "content"), [("a.csv", NLI + "half,b,0,x,y\n" * 2 + 'q,"'), ("a.jsonl", "{half"), ("a.parquet", "half")]
)
def test_broken_file_is_refused_without_its_text(tmp_path: Path, name: str, content: str) -> None:
    assert "half" not in fault_of(tmp_path, content, name)


@pytest.mark.parametrize(
    ("scores", "scaled", "notes"),
    [
        ([0, 2.5, 5], [0, 0.5, 1], ("scores divided by 5",)),
        ([0, 0.5, 1], [0, 0.5, 1], ()),
        ([0, 5, 10], [0, 0.5, 1], ("scores divided by 10",)),
        ([0, 50, 80], [0, 0.5, 0.8], ("scores divided by 100",)),
        ([1, 7, 7], [1 / 7, 1, 1], ("scores divided by 7",)),
        ([0, 3, 1.5], [0, 0.6, 0.3], ("scores divided by 5",)),
        ([0, 3, 0], [0, 1, 0], ("scores divided by 3",)),
    ],
)
def test_scores_are_scaled_to_one_and_it_is_noted(
    tmp_path: Path, scores: list[float], scaled: list[float], notes: tuple[str, ...]
) -> None:
    rows = load(tmp_path, STS + "".join(f"a,b,{score}\n" for score in scores))
    assert (rows.frame["score"].tolist(), rows.notes, rows.kind) == (scaled, notes, "scored")


def test_rows_without_agreement_are_dropped_and_counted(tmp_path: Path) -> None:
    rows = load(tmp_path, NLI + "a,b,-1\nc,d,0\ne,f,\ng,h,-\n")
    assert (rows.frame["premise"].tolist(), rows.dropped) == (["c"], {"no label": 3})


def test_rows_with_an_empty_text_are_dropped_and_counted(tmp_path: Path) -> None:
    rows = load(tmp_path, NLI + "a,,0\n  ,d,0\ne,f,0\n")
    assert (rows.frame["premise"].tolist(), rows.dropped) == (["e"], {"an empty text": 2})


def test_file_whose_rows_are_all_dropped_is_refused(tmp_path: Path) -> None:
    assert "has no row with two texts" in fault_of(tmp_path, NLI + "a,b,-1\n")


def test_csv_jsonl_and_parquet_give_the_same_rows(tmp_path: Path) -> None:
    table = pd.DataFrame({"premise": ["a", "c"], "hypothesis": ["b", "d"], "label": [0, 2]})
    table.to_csv(tmp_path / "a.csv", index=False)
    table.to_json(tmp_path / "a.jsonl", orient="records", lines=True)
    table.to_parquet(tmp_path / "a.parquet")
    assert len({load_rows(Asked(f"file:{tmp_path}/a.{end}"), Places()).sha256 for end in ("csv", "jsonl", "parquet")}) == 1


def test_changed_row_changes_the_hash(tmp_path: Path) -> None:
    assert load(tmp_path, NLI + "a,b,0\n").sha256 != load(tmp_path, NLI + "a,b,1\n").sha256


def test_topics_stay_with_their_rows(tmp_path: Path) -> None:
    rows = load(tmp_path, "topic,premise,hypothesis,label\nx,a,b,-1\ny,c,d,0\n")
    assert rows.frame["topic"].tolist() == ["y"]


def test_data_folder_gives_the_rows_of_a_split(small_data: Path) -> None:
    rows = load_rows(Asked("stsb", "validation"), Places(small_data))
    assert (rows.kind, len(rows.frame), rows.frame["score"].max(), rows.found) == ("scored", 12, 1.0, "stsb/validation.csv")


def test_joined_sets_add_up_rows_and_what_was_dropped(small_data: Path) -> None:
    (small_data / "mnli").mkdir()
    (small_data / "mnli" / "train.csv").write_text(NLI + "a,b,0\nc,d,-1\n")
    rows = load_rows(Asked("snli+mnli"), Places(small_data))
    assert (len(rows.frame), rows.dropped, rows.found) == (41, {"no label": 1}, "snli/train.csv and mnli/train.csv")
    assert is_here("snli+mnli", "train", Places(small_data))


def test_files_of_different_kinds_cannot_be_joined(tmp_path: Path) -> None:
    (tmp_path / "snli").mkdir()
    (tmp_path / "snli" / "train.csv").write_text(STS + "a,b,1\n")
    with pytest.raises(DataError, match="different kinds"):
        load_rows(Asked("sample+snli"), Places(tmp_path))


def test_similarity_score_may_be_called_label(tmp_path: Path) -> None:
    assert load(tmp_path, "sentence1,sentence2,label\na,b,2.5\n").frame["score"].tolist() == [0.5]


def test_few_ragged_rows_are_left_out_and_counted_with_the_first(tmp_path: Path) -> None:
    rows = load(tmp_path, NLI + "a,b,0\none, two,b,0\nc,d,1\ne,f\ng,h,2\n")
    assert rows.frame["premise"].tolist() == ["a", "c", "g"]
    assert rows.notes == ("2 rows have more or fewer cells than the header and are left out (the first: row 2)",)


def test_row_behind_ragged_ones_is_named_by_its_number_in_the_file(tmp_path: Path) -> None:
    assert "row 4, column label" in fault_of(tmp_path, NLI + "a,b,0\na,b\na,b,c,d\na,b,maybe\n")


def test_mostly_ragged_rows_are_refused_and_never_shifted(tmp_path: Path) -> None:
    assert "row 1: this and most other rows" in fault_of(tmp_path, NLI + "one, two,b,0\n" * 3 + "c,d,1\n")


def test_quote_that_takes_in_the_rest_is_refused(tmp_path: Path) -> None:
    assert "row 2: a quote is opened and never closed" in fault_of(tmp_path, NLI + "a,b,0\n" + '"a,b,0\n' + "a,b,0\n" * 9)


def test_path_may_hold_a_plus_and_a_name_may_be_too_long(tmp_path: Path) -> None:
    assert len(load(tmp_path, NLI + "a,b,0\n", "a+b.csv").frame) == 1
    with pytest.raises(MissingDataError, match="There is no file"):
        load_rows(Asked("file:" + "x" * 400), Places())


@pytest.mark.parametrize("line", ["5", '"half', '{"premise": "half'])
def test_line_that_is_no_record_is_named_by_its_row(tmp_path: Path, line: str) -> None:
    text = fault_of(tmp_path, '{"premise": "a", "hypothesis": "b", "label": 0}\n' * 3 + line + "\n", "rows.jsonl")
    assert "row 4 is no JSON object" in text
    assert "half" not in text


def test_columns_can_be_chosen_by_hand(tmp_path: Path) -> None:
    rows = load(tmp_path, "title,body,note\na,b,c\n", anchor="note", positive="Title")
    assert (rows.kind, rows.frame.to_dict("list")) == ("pairs", {"anchor": ["c"], "positive": ["a"]})


def test_column_that_is_not_there_or_nested_is_refused(tmp_path: Path) -> None:
    assert "no column titel; it has title, body" in fault_of(tmp_path, "title,body\na,b\n", text="titel")
    assert "no column tags; it has text" in fault_of(tmp_path, '{"text": "a", "tags": []}\n', "a.jsonl", text="tags")


def test_one_column_chosen_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="chosen twice"):
        load(tmp_path, "title,body\na,b\n", anchor="title", positive="title")


def test_column_of_texts_chosen_as_a_score_is_refused_by_row_and_column(tmp_path: Path) -> None:
    text = fault_of(tmp_path, STS + "a,b,1\n", sentence1="sentence1", sentence2="score", score="sentence2")
    assert "row 1, column sentence2: the score is empty or no number" in text


def test_only_so_many_rows_are_read_and_noted(tmp_path: Path) -> None:
    content = NLI + "a,b,0\na,b\nc,d,1\ne,f,2\ng\nh,i,maybe\n"
    rows = load(tmp_path, content, max_rows=3)
    assert rows.frame["premise"].tolist() == ["a", "c", "e"]
    assert rows.notes == ("1 row has more or fewer cells than the header and is left out (the first: row 2)",)


def test_rows_are_the_same_however_they_are_cut_into_chunks(tmp_path: Path) -> None:
    texts = [f"text {number}" for number in range(CHUNK_ROWS + 5)]
    csv = load(tmp_path, "text\n" + "\n".join(texts))
    lines = load(tmp_path, "\n".join(texts), "rows.txt")
    assert (csv.sha256, csv.frame["text"].tolist()) == (lines.sha256, texts)


def test_watcher_hears_of_the_first_rows_and_of_every_chunk(tmp_path: Path) -> None:
    (tmp_path / "rows.txt").write_text("a text\n" * (CHUNK_ROWS + 5))
    first, seen = [], []
    watcher = Watcher(
        lambda frame, kind: first.append((len(frame), kind)), lambda done, total: seen.append((done, total >= done))
    )
    load_rows(Asked(f"file:{tmp_path}/rows.txt"), Places(), watcher)
    assert (first, seen) == ([(CHUNK_ROWS, "texts")], [(CHUNK_ROWS, True), (CHUNK_ROWS + 5, True)])


def test_yardstick_is_stsb_where_it_is_and_else_the_sample(small_data: Path, tmp_path: Path) -> None:
    assert yardstick_rows(Places(small_data))[0] == "stsb/validation"
    assert yardstick_rows(Places(tmp_path))[0] == "sample/validation"


def test_broken_yardstick_is_an_error_and_not_passed_over(small_data: Path) -> None:
    (small_data / "stsb" / "validation.csv").write_text("")
    with pytest.raises(DataError, match=r"stsb/validation\.csv is empty"):
        yardstick_rows(Places(small_data))
