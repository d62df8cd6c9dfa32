"""Rows from files: clean ones are read, bad ones are refused with file and row."""

from pathlib import Path

import pandas as pd
import pytest

from core.errors import DataError, MissingDataError
from core.sources import Rows, clean_rows, is_here, load_rows

NLI = "premise,hypothesis,label\n"
STS = "sentence1,sentence2,score\n"


def load(folder: Path, content: str | bytes, name: str = "rows.csv") -> Rows:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return load_rows(f"file:{path}", "train", None)


def fault_of(folder: Path, content: str | bytes, name: str = "rows.csv") -> str:
    with pytest.raises(DataError) as caught:
        load(folder, content, name)
    assert f"{folder.name}/{name}" in str(caught.value)
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


@pytest.mark.parametrize("header", ["premise,hypothesis", "sentence1,sentence2", "premise,label", "text,label"])
def test_missing_column_is_named_with_what_is_needed(tmp_path: Path, header: str) -> None:
    text = fault_of(tmp_path, f"{header}\na,b\n")
    assert "column" in text
    assert "label" in text


def test_empty_file_is_refused(tmp_path: Path) -> None:
    assert "is empty" in fault_of(tmp_path, "")


def test_header_alone_is_refused(tmp_path: Path) -> None:
    assert "a header and no rows" in fault_of(tmp_path, NLI)


def test_unknown_label_names_file_and_row(tmp_path: Path) -> None:
    assert "rows.csv, row 2: the label 'maybe' is not known" in fault_of(tmp_path, NLI + "a,b,0\nc,d,maybe\n")


@pytest.mark.parametrize("score", ["", "high", "nan"])
def test_score_that_is_no_number_names_file_and_row(tmp_path: Path, score: str) -> None:
    assert "rows.csv, row 3: the score is empty or no number" in fault_of(tmp_path, STS + f"a,b,1\nc,d,2\ne,f,{score}\n")


@pytest.mark.parametrize("score", ["-1", "101", "inf"])
def test_score_out_of_every_range_is_refused(tmp_path: Path, score: str) -> None:
    assert "0 to 1, 5, 10 or 100" in fault_of(tmp_path, STS + f"a,b,1\nc,d,{score}\n")


def test_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    assert "is not UTF-8" in fault_of(tmp_path, (NLI + "Grüße,b,0\n").encode("latin-1"))


@pytest.mark.parametrize(
    ("name", "content"), [("a.csv", NLI + "a,b,0,x,y\n" * 2 + 'q,"'), ("a.jsonl", "{half"), ("a.parquet", "x")]
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
    assert len({load_rows(f"file:{tmp_path}/a.{end}", "train", None).sha256 for end in ("csv", "jsonl", "parquet")}) == 1


def test_changed_row_changes_the_hash(tmp_path: Path) -> None:
    assert load(tmp_path, NLI + "a,b,0\n").sha256 != load(tmp_path, NLI + "a,b,1\n").sha256


def test_topics_stay_with_their_rows(tmp_path: Path) -> None:
    rows = load(tmp_path, "topic,premise,hypothesis,label\nx,a,b,-1\ny,c,d,0\n")
    assert rows.frame["topic"].tolist() == ["y"]


def test_data_folder_gives_the_rows_of_a_split(small_data: Path) -> None:
    rows = load_rows("stsb", "validation", small_data)
    assert (rows.kind, len(rows.frame), rows.frame["score"].max(), rows.found) == ("scored", 12, 1.0, "stsb/validation.csv")


def test_joined_sets_add_up_rows_and_what_was_dropped(small_data: Path) -> None:
    (small_data / "mnli").mkdir()
    (small_data / "mnli" / "train.csv").write_text(NLI + "a,b,0\nc,d,-1\n")
    rows = load_rows("snli+mnli", "train", small_data)
    assert (len(rows.frame), rows.dropped, rows.found) == (41, {"no label": 1}, "snli/train.csv and mnli/train.csv")
    assert is_here("snli+mnli", "train", small_data)


def test_files_of_different_kinds_cannot_be_joined(tmp_path: Path) -> None:
    (tmp_path / "sts.csv").write_text(STS + "a,b,1\n")
    with pytest.raises(DataError, match="different kinds"):
        load_rows(f"sample+file:{tmp_path}/sts.csv", "train", None)


def test_missing_rows_say_where_they_were_looked_for(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError) as caught:
        load_rows("stsb", "train", tmp_path)
    assert "stsb/train.csv, .jsonl or .parquet in " + str(tmp_path)[-90:] in str(caught.value)


def test_missing_data_folder_says_that_it_does_not_exist(tmp_path: Path) -> None:
    assert not is_here("snli", "train", tmp_path / "nowhere")
    with pytest.raises(MissingDataError, match="nowhere, a folder that does not exist"):
        load_rows("snli", "train", tmp_path / "nowhere")


def test_unset_data_folder_says_how_to_set_it() -> None:
    with pytest.raises(MissingDataError, match=r"no data folder is set .* --data-dir"):
        load_rows("snli", "train", None)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=r"There is no file .*none\.csv"):
        load_rows(f"file:{tmp_path}/none.csv", "train", None)


def test_similarity_score_may_be_called_label() -> None:
    table = pd.DataFrame({"sentence1": ["a"], "sentence2": ["b"], "label": [2.5]})
    assert clean_rows(table, "here", "here").frame["score"].tolist() == [0.5]


@pytest.mark.parametrize("row", ["one, two,b,0\nc,d,1\n", "a,b,0\none, two,d,1\n"])
def test_unquoted_comma_is_refused_and_never_shifts_a_row(tmp_path: Path, row: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("premise,hypothesis,label\n" + row)
    with pytest.raises(DataError, match="more cells than its header; put texts with commas in quotes"):
        load_rows(f"file:{path}", "train", None)


def test_path_may_hold_a_plus_and_a_name_may_be_too_long(tmp_path: Path) -> None:
    path = tmp_path / "a+b.csv"
    path.write_text("premise,hypothesis,label\na,b,0\n")
    assert len(load_rows(f"file:{path}", "train", None).frame) == 1
    with pytest.raises(MissingDataError, match="There is no file"):
        load_rows("file:" + "x" * 400, "train", None)


def test_jsonl_of_bare_numbers_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"premise": "a", "hypothesis": "b", "label": 0}\n5\n')
    with pytest.raises(DataError, match="cannot be read"):
        load_rows(f"file:{path}", "train", None)
