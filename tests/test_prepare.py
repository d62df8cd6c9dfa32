from pathlib import Path

import pytest

from core.config import RunConfig
from core.errors import DataError
from core.prepare import prepare


def test_prepared_file_is_made_once_and_read_again(runs_dir: Path, small_data: Path) -> None:
    config = RunConfig(data="snli", loss="mnr", negatives="hard")
    first = prepare(config, small_data, runs_dir)
    written = first.path.stat().st_mtime_ns
    assert prepare(config, small_data, runs_dir).path.stat().st_mtime_ns == written
    assert list(first.frame().columns) == ["anchor", "positive", "negative"]
    assert (first.report["rows"], first.report["examples"]) == (40, 20)


def test_changed_rows_are_prepared_anew(runs_dir: Path, small_data: Path) -> None:
    config = RunConfig(data="snli", loss="softmax")
    before = prepare(config, small_data, runs_dir)
    with (small_data / "snli" / "train.csv").open("a") as file:
        file.write("A new premise.,A new hypothesis.,neutral\n")
    after = prepare(config, small_data, runs_dir)
    assert after.path != before.path and after.report["examples"] == 41


def test_too_few_examples_are_refused(runs_dir: Path, tmp_path: Path) -> None:
    path = tmp_path / "few.csv"
    path.write_text("premise,hypothesis,label\na,b,0\nc,d,1\n")
    with pytest.raises(DataError, match="gives 1 positive-pairs; training needs 2 or more"):
        prepare(RunConfig(data=f"file:{path}", loss="mnr"), None, runs_dir)


def test_half_written_folder_is_never_left_behind(runs_dir: Path, small_data: Path) -> None:
    prepare(RunConfig(data="snli", loss="softmax"), small_data, runs_dir)
    assert not [path for path in (runs_dir / ".prepared").iterdir() if path.name.endswith(".part")]
