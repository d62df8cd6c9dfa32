"""Uploads: a person's file is moved in, named by what is in it, and refused when it is no table."""

from pathlib import Path

import pytest

import core.uploads
from core.errors import DataError, MissingDataError
from core.places import Places
from core.rows import Asked, load_rows
from core.sources import fingerprint, locate, peek
from core.uploads import Upload, list_uploads, take_in

PAIRS = "anchor,positive\na,b\nc,d\n"


def give(folder: Path, content: str | bytes, name: str = "pairs.csv") -> Upload:
    """Do as the page does: a file in a folder of its own is taken in."""
    inbox = folder / "inbox"
    inbox.mkdir(exist_ok=True)
    path = inbox / name.rpartition("/")[2]
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return take_in(path, name, folder / "runs")


def test_upload_is_moved_in_and_read_by_its_name(tmp_path: Path) -> None:
    upload = give(tmp_path, PAIRS)
    rows = load_rows(Asked(upload.data), Places(None, tmp_path / "runs"))
    assert (rows.kind, len(rows.frame), rows.found) == ("pairs", 2, "pairs.csv")
    assert list((tmp_path / "inbox").iterdir()) == []


def test_same_content_is_one_upload_and_other_content_another(tmp_path: Path) -> None:
    first, again, other = give(tmp_path, PAIRS), give(tmp_path, PAIRS, "again.csv"), give(tmp_path, PAIRS + "e,f\n")
    assert first.data == again.data != other.data
    assert {upload.name for upload in list_uploads(tmp_path / "runs")} == {"again.csv", "pairs.csv"}


def test_same_content_under_another_ending_is_read_as_that(tmp_path: Path) -> None:
    places = Places(None, tmp_path / "runs")
    assert len(load_rows(Asked(give(tmp_path, "one\ntwo\nthree\n").data), places).frame) == 2
    assert len(load_rows(Asked(give(tmp_path, "one\ntwo\nthree\n", "a.txt").data), places).frame) == 3


@pytest.mark.parametrize("name", ["../../pairs.csv", "/etc/pairs.CSV", "pairs", "pairs.dat", "😀 פרק.csv", "x" * 180 + ".csv"])
def test_name_never_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    upload = give(tmp_path, PAIRS, name)
    found = locate(upload.data, "train", Places(None, tmp_path / "runs"))
    assert found is not None
    assert found.parent == tmp_path / "runs" / ".uploads"
    assert "/" not in upload.name
    assert len(upload.name) <= 120


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "is empty"),
        ("anchor,positive\n", "a header and no rows"),
        (b"PK\x03\x04rest", "a zip archive"),
        (b"\x89PNG\0\0\0", "no text file"),
    ],
)
def test_what_is_no_table_is_refused_and_not_kept(tmp_path: Path, content: str | bytes, why: str) -> None:
    with pytest.raises(DataError, match=why) as caught:
        give(tmp_path, content, "y" * 100 + ".csv")
    assert str(caught.value).startswith("yyy")
    assert len(str(caught.value)) <= 300
    assert list_uploads(tmp_path / "runs") == []
    assert list((tmp_path / "inbox").iterdir()) == []


def test_file_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core.uploads, "MOST_BYTES", 10)
    with pytest.raises(DataError, match=r"pairs\.csv has 0 MB and 200 are the most"):
        give(tmp_path, PAIRS)


def test_runs_folder_that_cannot_be_written_is_named_as_the_reason(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file stands here")
    with pytest.raises(DataError, match=r"pairs\.csv cannot be kept; .*check the runs folder"):
        give(tmp_path, PAIRS)


def test_upload_that_is_gone_says_so(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="upload it again"):
        peek(f"upload:{'0' * 64}", "train", Places(None, tmp_path))


def test_no_uploads_are_listed_where_there_is_no_folder(tmp_path: Path) -> None:
    assert list_uploads(tmp_path / "nowhere") == []


def test_same_bytes_under_another_ending_are_prepared_anew(tmp_path: Path) -> None:
    content, prints = "anchor,positive\na b,c d\n", []
    for name in ("x.csv", "x.txt", "y.txt"):
        path = tmp_path / f"came-{name}"
        path.write_text(content)
        upload = take_in(path, name, tmp_path)
        prints.append(fingerprint(upload.data, "train", Places(runs_dir=tmp_path)))
    assert len(set(prints)) == 3
