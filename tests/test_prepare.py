"""The prepared file: made once from the very rows, read by everybody."""

from pathlib import Path

import pytest

from core.config import build_config
from core.errors import ConfigError, DataError
from core.prepare import make_examples, prepare
from core.sources import load_rows


def test_prepared_file_holds_the_examples_of_the_loss(runs_dir: Path, small_data: Path) -> None:
    prepared = prepare(build_config({"data": "snli", "negatives": "hard"}), small_data, runs_dir)
    frame = prepared.frame()
    assert (prepared.shape, list(frame), len(frame)) == ("triplets", ["anchor", "positive", "negative"], 20)
    assert frame.iloc[0].tolist() == [
        "A cat walks slowly along the river.", "The cat is near water.", "The cat sleeps on a mountain.",
    ]  # fmt: skip


def test_report_counts_rows_and_examples(runs_dir: Path, small_data: Path) -> None:
    report = prepare(build_config({"data": "snli"}), small_data, runs_dir).report
    assert (report["rows"], report["examples"], report["shape"], report["dropped"]) == (40, 20, "positive-pairs", {})
    assert report["found"] == "snli/train.csv"


def test_report_tells_that_scores_were_scaled(runs_dir: Path, small_data: Path) -> None:
    config = build_config({"data": "stsb", "loss": "cosine-similarity"})
    prepared = prepare(config, small_data, runs_dir)
    assert prepared.report["notes"] == ["scores divided by 5"]
    assert prepared.frame()["score"].max() == 1.0


def test_same_rows_are_prepared_once(runs_dir: Path, small_data: Path) -> None:
    first = prepare(build_config({"data": "snli"}), small_data, runs_dir)
    made = first.path.stat().st_mtime_ns
    second = prepare(build_config({"data": "snli", "seed": 7}), small_data, runs_dir)
    assert (second.path, second.path.stat().st_mtime_ns) == (first.path, made)


def test_changed_rows_and_other_shapes_are_prepared_apart(runs_dir: Path, small_data: Path) -> None:
    pairs = prepare(build_config({"data": "snli"}), small_data, runs_dir)
    triplets = prepare(build_config({"data": "snli", "negatives": "hard"}), small_data, runs_dir)
    with (small_data / "snli" / "train.csv").open("a") as file:
        file.write("A new man walks.,A man walks.,entailment\n")
    more = prepare(build_config({"data": "snli"}), small_data, runs_dir)
    assert len({pairs.path, triplets.path, more.path}) == 3
    assert (len(pairs.frame()), len(more.frame())) == (20, 21)


def test_nothing_half_made_is_left_behind(runs_dir: Path, small_data: Path) -> None:
    prepared = prepare(build_config({"data": "snli"}), small_data, runs_dir)
    assert list((runs_dir / ".prepared").iterdir()) == [prepared.path.parent]


def test_half_made_folder_is_made_again(runs_dir: Path, small_data: Path) -> None:
    prepared = prepare(build_config({"data": "snli"}), small_data, runs_dir)
    (prepared.path.parent / "report.json").unlink()
    prepared.path.write_bytes(b"half")
    assert len(prepare(build_config({"data": "snli"}), small_data, runs_dir).frame()) == 20


def test_rows_that_the_loss_cannot_take_are_refused(runs_dir: Path, small_data: Path) -> None:
    path = small_data / "stsb" / "train.csv"
    with pytest.raises(ConfigError, match="mnr needs positive-pairs or triplets"):
        prepare(build_config({"data": f"file:{path}"}), None, runs_dir)
    assert not (runs_dir / ".prepared").exists()


def test_too_few_examples_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "few.csv"
    path.write_text("premise,hypothesis,label\na,b,0\nc,d,1\ne,f,2\n")
    config = build_config({"data": f"file:{path}"})
    with pytest.raises(DataError, match="gives 1 positive-pairs; training needs 2 or more"):
        make_examples(config, load_rows(config.data, "train", None))


def test_rows_without_contradictions_give_no_triplets(tmp_path: Path) -> None:
    path = tmp_path / "few.csv"
    path.write_text("premise,hypothesis,label\na,b,0\nc,d,0\ne,f,0\n")
    config = build_config({"data": f"file:{path}", "negatives": "hard"})
    with pytest.raises(DataError, match="gives 0 triplets"):
        make_examples(config, load_rows(config.data, "train", None))
