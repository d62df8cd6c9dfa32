"""Small files are replaced as a whole."""

from pathlib import Path

import pytest

from core.files import read_json, replace_file, write_json


def test_replaced_file_holds_the_new_content_and_leaves_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    path.write_bytes(b"old and longer")
    replace_file(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_failed_replacement_leaves_nothing_beside(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    (target / "full").mkdir(parents=True)
    with pytest.raises(OSError):
        replace_file(target, b"new")
    assert list(tmp_path.iterdir()) == [target]


def test_json_goes_out_and_comes_back(tmp_path: Path) -> None:
    value = {"text": "Grüße, 世界", "figures": [1, 2.5, None]}
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json") == value
    assert "Grüße" in (tmp_path / "a.json").read_text(encoding="utf-8")


def test_nan_is_refused_and_the_old_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"loss": 1.0})
    with pytest.raises(ValueError):
        write_json(path, {"loss": float("nan")})
    assert read_json(path) == {"loss": 1.0}


@pytest.mark.parametrize("content", [b"", b'{"half": ', b"\xff\xfe\x00"])
def test_broken_json_reads_as_nothing(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    assert read_json(path) is None


def test_missing_json_reads_as_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert read_json(tmp_path / "none.json") is None
    assert read_json(tmp_path / "file" / "below.json") is None
