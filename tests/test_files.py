import errno
from pathlib import Path

import pytest

from core.errors import DataError, is_disk_full, one_sentence
from core.files import read_json, replace_file, write_json


def test_failed_write_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    write_json(path, {"state": "done"})
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(path, {"loss": float("nan")})
    path.with_suffix(".dir").mkdir()
    with pytest.raises(OSError, match="irectory"):
        replace_file(path.with_suffix(".dir"), b"a folder stands there")
    assert read_json(path) == {"state": "done"}
    assert sorted(each.name for each in tmp_path.iterdir()) == ["status.dir", "status.json"]


def test_half_a_file_reads_as_nothing(tmp_path: Path) -> None:
    (tmp_path / "half.json").write_text('{"a": ')
    assert read_json(tmp_path / "half.json") is None
    assert read_json(tmp_path / "none.json") is None


def test_full_disk_is_known_by_number_and_by_text() -> None:
    assert is_disk_full(OSError(errno.ENOSPC, "No space left on device"))
    assert is_disk_full(RuntimeError("I/O error: No space left on device (os error 28)"))
    assert not is_disk_full(OSError(errno.ENOENT, "No such file"))


def test_sentence_is_one_line_and_never_too_long() -> None:
    sentence = one_sentence(DataError("word " * 200 + "\nnext line"))
    assert len(sentence) <= 300 and "\n" not in sentence and sentence.endswith("word…")
