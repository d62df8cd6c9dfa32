from pathlib import Path

import pandas as pd
import pytest

from core.errors import DataError, MissingDataError
from core.sources import clean_rows, load_rows

NLI_HEAD = "premise,hypothesis,label\n"
PAIR_HEAD = "sentence1,sentence2,score\n"


def load_text(tmp_path: Path, text: str | bytes) -> pd.DataFrame:
    folder = tmp_path / "mine"
    folder.mkdir()
    path = folder / "rows.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_rows(f"file:{path}", "train", None).frame


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["mine/rows.csv is empty", "needs a header"]),
        (NLI_HEAD, ["mine/rows.csv has a header and no rows"]),
        ("premise,hypothesis\na,b\n", ["mine/rows.csv has no column label"]),
        ("text,label\na,b\n", ["mine/rows.csv lacks columns: it has text, label", "premise, hypothesis, label"]),
        (NLI_HEAD + "a,b,entailment\nc,d,entails\n", ["mine/rows.csv, row 2", "'entails' is not known", "entailment"]),
        (PAIR_HEAD + "a,b,1\nc,d,NaN\n", ["mine/rows.csv, row 2", "the score is empty or no number"]),
        (PAIR_HEAD + "a,b,1\nc,d,\n", ["mine/rows.csv, row 2", "the score is empty or no number"]),
        (PAIR_HEAD + "a,b,-1\n", ["scores from -1 to -1", "from 0 to 1, 5, 10 or 100"]),
        (NLI_HEAD + ",b,0\n", ["has no row with two texts and a label"]),
        ("premise,hypothesis,label\n\xe9,b,0\n".encode("latin-1"), ["is not UTF-8", "save it again"]),
        (NLI_HEAD + "a,b,0,extra,more\n" + 'c,"d,0\n', ["cannot be read"]),
    ],
)
def test_bad_file_is_told_in_one_sentence_that_names_it(tmp_path: Path, text: str | bytes, words: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        load_text(tmp_path, text)
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert len(str(caught.value)) <= 300


def test_labels_may_be_words_or_numbers_and_rows_without_one_are_counted() -> None:
    table = pd.DataFrame({"Premise ": list("abcde"), "hypothesis": list("fghij"), "label": ["Entailment", "1", "2.0", "-1", "-"]})
    rows = clean_rows(table, "here", "here")
    assert rows.frame["label"].tolist() == [0, 1, 2]
    assert rows.dropped == {"no label": 2}


def test_row_with_an_empty_text_is_dropped_and_counted() -> None:
    table = pd.DataFrame({"premise": ["a", " "], "hypothesis": ["b", "c"], "label": ["0", "0"]})
    assert clean_rows(table, "here", "here").dropped == {"an empty text": 1}


def test_scores_are_scaled_by_the_top_of_their_range_and_it_says_so() -> None:
    table = pd.DataFrame({"sentence1": ["a", "b"], "sentence2": ["c", "d"], "label": ["4.5", "0"]})
    rows = clean_rows(table, "here", "here")
    assert rows.frame["score"].tolist() == [0.9, 0.0]
    assert rows.notes == ("scores divided by 5",)


def test_byte_order_mark_quoted_newlines_and_the_word_none_are_read(tmp_path: Path) -> None:
    frame = load_text(tmp_path, b"\xef\xbb\xbf" + (NLI_HEAD + 'None,"two\nlines",0\n').encode())
    assert frame.iloc[0].tolist() == ["None", "two\nlines", 0]


def test_joined_data_sets_are_read_one_after_the_other(small_data: Path) -> None:
    (small_data / "mnli").mkdir()
    (small_data / "mnli" / "train.csv").write_text(NLI_HEAD + "a,b,0\n")
    rows = load_rows("snli+mnli", "train", small_data)
    assert len(rows.frame) == 41 and rows.found == "snli/train.csv and mnli/train.csv"


def test_jsonl_and_parquet_are_read_as_csv_is(small_data: Path) -> None:
    frame = load_rows("snli", "train", small_data).frame
    (small_data / "snli" / "train.csv").unlink()
    frame.to_json(small_data / "snli" / "train.jsonl", orient="records", lines=True)
    assert load_rows("snli", "train", small_data).frame.equals(frame)
    (small_data / "snli" / "train.jsonl").unlink()
    frame.to_parquet(small_data / "snli" / "train.parquet")
    assert load_rows("snli", "train", small_data).frame.equals(frame)


def test_missing_data_says_where_it_looked_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=r"looked for snli/train.csv.*nowhere, a folder that does not exist.*data=sample"):
        load_rows("snli", "train", tmp_path / "nowhere")
    with pytest.raises(MissingDataError, match="no data folder is set"):
        load_rows("snli", "train", None)
    with pytest.raises(MissingDataError, match="There is no file"):
        load_rows(f"file:{tmp_path}/none.csv", "train", None)
