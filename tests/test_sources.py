"""Where rows lie: files and folders are found and looked into, and what is missing says where it was looked for."""

from pathlib import Path

import pytest

from core.errors import DataError, MissingDataError
from core.places import Places
from core.rows import Asked, load_rows
from core.sources import fingerprint, is_here, locate, peek

NLI = "premise,hypothesis,label\n"


def test_missing_rows_say_where_they_were_looked_for(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError) as caught:
        load_rows(Asked("stsb"), Places(tmp_path))
    assert "stsb/train.csv, .jsonl or .parquet in " + str(tmp_path)[-60:] in str(caught.value)


def test_missing_data_folder_says_that_it_does_not_exist(tmp_path: Path) -> None:
    assert not is_here("snli", "train", Places(tmp_path / "nowhere"))
    with pytest.raises(MissingDataError, match="nowhere, a folder that does not exist"):
        load_rows(Asked("snli"), Places(tmp_path / "nowhere"))


def test_unset_data_folder_says_how_to_set_it() -> None:
    with pytest.raises(MissingDataError, match=r"no data folder is set .* --data-dir"):
        load_rows(Asked("snli"), Places())


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=r"There is no file .*none\.csv"):
        load_rows(Asked(f"file:{tmp_path}/none.csv"), Places())


@pytest.mark.parametrize("path", ["", "~nobody-of-this-name/a.csv", "a\0b", "/dev/null"])
def test_path_that_leads_nowhere_is_refused(path: str) -> None:
    with pytest.raises(MissingDataError):
        peek(f"file:{path}", "train", Places())


def test_path_of_a_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="is a folder; name a file in it"):
        load_rows(Asked(f"file:{tmp_path}"), Places())
    with pytest.raises(MissingDataError, match="is a folder"):
        load_rows(Asked("file:~"), Places())


def test_message_stays_short_for_a_long_file_name(tmp_path: Path) -> None:
    name = "x" * 240 + ".csv"
    (tmp_path / name).write_text(NLI + "a,b,maybe\n")
    with pytest.raises(DataError, match=r"xxx\.csv, row 1, column label") as caught:
        load_rows(Asked(f"file:{tmp_path}/{name}"), Places())
    assert len(str(caught.value)) <= 300


def test_peek_shows_columns_guess_and_notes(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("title;passage;id\na;b;1\n")
    seen = peek(f"file:{tmp_path}/rows.csv", "train", Places())
    assert (seen.have, seen.kind) == (("title", "passage", "id"), "pairs")
    assert (dict(seen.guess), seen.notes) == ({"anchor": "title", "positive": "passage"}, ("cells are divided by ';'",))


def test_peek_and_fingerprint_follow_a_file_that_changes(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("anchor,positive\na,b\n")
    before = fingerprint(f"file:{path}", "train", Places()), peek(f"file:{path}", "train", Places()).kind
    path.write_text("text\nsome words\n")
    after = fingerprint(f"file:{path}", "train", Places()), peek(f"file:{path}", "train", Places()).kind
    assert before[0] != after[0]
    assert (before[1], after[1]) == ("pairs", "texts")


def test_sample_is_always_here_and_own_files_are_located() -> None:
    assert is_here("sample", "train", Places())
    assert locate("upload:" + "0" * 64, "train", Places()) is None
    assert load_rows(Asked("sample"), Places()).found == "the sample that ships with the studio"
