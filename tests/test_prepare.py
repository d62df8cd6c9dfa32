"""The prepared file: made once from the very rows, read by everybody."""

import threading
from pathlib import Path

import pandas as pd
import pytest

from core.config import RunConfig, build_config
from core.errors import ConfigError, DataError, StudioError
from core.example_choice import shape_for
from core.files import read_json
from core.places import Places
from core.prepare import prepare
from core.prepared import PreparedExamples, prepared_folder
from core.runs import RunFolder
from tests.conftest import Unwatched

NLI = "premise,hypothesis,label\n"


def ready(config: RunConfig, data_dir: Path | None, runs_dir: Path) -> PreparedExamples:
    return prepare(config, Places(data_dir, runs_dir), Unwatched())


def prepared_from(folder: Path, runs_dir: Path, content: str, name: str = "mine.csv", **settings: object) -> PreparedExamples:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return ready(build_config({"data": f"file:{path}", "kind": "prepare", **settings}), None, runs_dir)


def test_prepared_file_holds_the_examples_of_the_loss(runs_dir: Path, small_data: Path) -> None:
    prepared = ready(build_config({"data": "snli", "negatives": "hard"}), small_data, runs_dir)
    frame = prepared.frame()
    assert (prepared.shape, list(frame), len(frame)) == ("triplets", ["anchor", "positive", "negative"], 20)
    assert frame.iloc[0].tolist() == [
        "A cat walks slowly along the river.", "The cat is near water.", "The cat sleeps on a mountain.",
    ]  # fmt: skip


def test_report_counts_rows_and_examples(runs_dir: Path, small_data: Path) -> None:
    report = ready(build_config({"data": "snli"}), small_data, runs_dir).report
    assert (report["rows"], report["examples"], report["shape"], report["dropped"]) == (40, 20, "positive-pairs", {})
    assert report["found"] == "snli/train.csv"


def test_report_tells_that_scores_were_scaled(runs_dir: Path, small_data: Path) -> None:
    config = build_config({"data": "stsb", "loss": "cosine-similarity"})
    prepared = ready(config, small_data, runs_dir)
    assert prepared.report["notes"] == ["scores divided by 5"]
    assert prepared.frame()["score"].max() == 1.0


def test_same_rows_are_prepared_once(runs_dir: Path, small_data: Path) -> None:
    first = ready(build_config({"data": "snli"}), small_data, runs_dir)
    made = first.path.stat().st_mtime_ns
    second = ready(build_config({"data": "snli", "batch_size": 7}), small_data, runs_dir)
    assert (second.path, second.path.stat().st_mtime_ns) == (first.path, made)


def test_changed_rows_and_other_shapes_are_prepared_apart(runs_dir: Path, small_data: Path) -> None:
    pairs = ready(build_config({"data": "snli"}), small_data, runs_dir)
    triplets = ready(build_config({"data": "snli", "negatives": "hard"}), small_data, runs_dir)
    with (small_data / "snli" / "train.csv").open("a") as file:
        file.write("A new man walks.,A man walks.,entailment\n")
    more = ready(build_config({"data": "snli"}), small_data, runs_dir)
    assert len({pairs.path, triplets.path, more.path}) == 3
    assert (len(pairs.frame()), len(more.frame())) == (20, 21)


def test_nothing_half_made_is_left_behind(runs_dir: Path, small_data: Path) -> None:
    prepared = ready(build_config({"data": "snli"}), small_data, runs_dir)
    assert list((runs_dir / ".prepared").iterdir()) == [prepared.folder]


def test_half_made_folder_is_made_again(runs_dir: Path, small_data: Path) -> None:
    prepared = ready(build_config({"data": "snli"}), small_data, runs_dir)
    (prepared.folder / "report.json").unlink()
    prepared.path.write_bytes(b"half")
    assert len(ready(build_config({"data": "snli"}), small_data, runs_dir).frame()) == 20


def test_rows_that_the_loss_cannot_take_can_be_looked_at_and_not_trained_on(tmp_path: Path, runs_dir: Path) -> None:
    prepared = prepared_from(tmp_path, runs_dir, "one text here\nanother text there\na third one\n", "mine.txt")
    assert (prepared.shape, prepared.frame()["text"].tolist()[0]) == ("plain-texts", "one text here")
    with pytest.raises(ConfigError, match=r"mnr needs positive-pairs or triplets, and mine\.txt gives plain-texts"):
        shape_for(build_config({"data": f"file:{tmp_path}/mine.txt"}), "texts")


@pytest.mark.parametrize(
    ("content", "settings", "fault"),
    [
        (NLI + "a,b,0\nc,d,1\ne,f,2\n", {}, "gives 1 positive-pairs; training needs 2 or more"),
        (NLI + "a,b,0\nc,d,0\ne,f,0\n", {"negatives": "hard"}, "gives 0 triplets"),
        (NLI + "a,b,0\nc,d,0\ne,f,0\n", {"loss": "softmax"}, "all have the same label"),
        ("sentence1,sentence2,score\na,b,1\nc,d,1\n", {"loss": "cosine-similarity"}, "all have the same score"),
        ("anchor,positive\na,b\n", {}, "gives 1 positive-pairs"),
    ],
)
def test_rows_that_teach_nothing_are_refused(
    tmp_path: Path, runs_dir: Path, content: str, settings: dict[str, object], fault: str
) -> None:
    with pytest.raises(DataError, match=fault):
        prepared_from(tmp_path, runs_dir, content, holdout=0, **settings)


def pairs_file(count: int) -> str:
    return "anchor,positive\n" + "".join(f"question {n} is asked,answer {n} is given\n" for n in range(count))


def test_own_data_has_a_part_held_out_that_shares_no_text_with_training(tmp_path: Path, runs_dir: Path) -> None:
    prepared = prepared_from(tmp_path, runs_dir, pairs_file(200))
    held, kept = prepared.held_out(), prepared.frame()
    assert (len(held), len(kept), prepared.report["held_out"]) == (20, 180, 20)
    assert not set(held.to_numpy().ravel()) & set(kept.to_numpy().ravel())


def test_held_out_part_can_be_switched_off(tmp_path: Path, runs_dir: Path) -> None:
    assert len(prepared_from(tmp_path, runs_dir, pairs_file(200), holdout=False).frame()) == 200


def test_preview_is_the_head_of_the_prepared_file(tmp_path: Path, runs_dir: Path) -> None:
    prepared = prepared_from(tmp_path, runs_dir, pairs_file(200))
    preview = read_json(prepared.folder / "preview.json")
    assert (preview["whole"], preview["columns"]) == (True, ["anchor", "positive"])
    assert preview["rows"] == prepared.frame().head(20).to_numpy().tolist()


def test_preview_is_there_before_the_rest_is_read(tmp_path: Path, runs_dir: Path) -> None:
    path = tmp_path / "many.jsonl"
    path.write_text("".join(f'{{"anchor": "question {n}", "positive": "answer {n}"}}\n' for n in range(60_000)))
    config, seen = build_config({"data": f"file:{path}", "kind": "prepare"}), []

    class Watching(Unwatched):
        def progress(self, phase: str, done: int, total: int) -> None:
            if phase == "Reading rows" and done < 60_000:
                seen.append(read_json(prepared_folder(config, Places(None, runs_dir)) / "preview.json"))

    prepare(config, Places(None, runs_dir), Watching())
    assert len(seen[0]["rows"]) == 20 and seen[0]["whole"] is False


def test_long_texts_reach_the_page_cut(tmp_path: Path, runs_dir: Path) -> None:
    prepared = prepared_from(tmp_path, runs_dir, "anchor,positive\n" + f"{'word ' * 3000}one,b\nc,d\ne,f\n", holdout=0)
    cell = read_json(prepared.folder / "preview.json")["rows"][0][0]
    assert len(cell) < 500 and cell.endswith("…")


def test_labelled_texts_are_numbered_and_named(tmp_path: Path, runs_dir: Path) -> None:
    content = "text,label\n" + "".join(f"text number {n},{'cold' if n % 3 else 'warm'}\n" for n in range(30))
    prepared = prepared_from(tmp_path, runs_dir, content, examples="labelled-texts", holdout=0)
    assert (prepared.report["class_names"], prepared.report["labels"]) == (["cold", "warm"], {"0": 20, "1": 10})
    assert read_json(prepared.folder / "preview.json")["rows"][0] == ["text number 0", "1 warm"]


def test_fix_is_made_and_counted(tmp_path: Path, runs_dir: Path) -> None:
    content = pairs_file(30) + "question 1 is asked,answer 1 is given\n"
    found = prepared_from(tmp_path, runs_dir, content, holdout=0).report
    first = found["findings"][0]
    assert (first["id"], first["count"], first["fix"]) == ("duplicates", 1, "drop-duplicates")
    mended = prepared_from(tmp_path, runs_dir, content, holdout=0, fixes=("drop-duplicates",)).report
    assert (mended["examples"], mended["dropped"]) == (30, {"the fix drop-duplicates": 1})
    assert not mended["findings"]


def test_random_negatives_make_triplets_of_labelled_texts(tmp_path: Path, runs_dir: Path) -> None:
    content = "text,label\n" + "".join(f"text number {n},{'abc'[n % 3]}\n" for n in range(60))
    frame = prepared_from(tmp_path, runs_dir, content, negatives="random", holdout=0).frame()
    assert list(frame) == ["anchor", "positive", "negative"]


def test_failed_preparation_leaves_no_report_and_can_be_made_again(tmp_path: Path, runs_dir: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(NLI + "a,b,0\n")
    config = build_config({"data": f"file:{path}", "kind": "prepare", "holdout": 0})
    folder = prepared_folder(config, Places(None, runs_dir))
    with pytest.raises(StudioError):
        ready(config, None, runs_dir)
    status = RunFolder(folder).status()
    assert status is not None and status.state == "stopped" and not (folder / "report.json").exists()


def test_two_processes_in_need_of_one_preparation_make_it_once(small_data: Path, runs_dir: Path) -> None:
    config, made = build_config({"data": "snli"}), []
    threads = [
        threading.Thread(target=lambda: made.append(ready(config, small_data, runs_dir).path.stat().st_mtime_ns))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(made) == 3 and len(set(made)) == 1


def test_token_lengths_are_counted_uncut(tmp_path: Path, runs_dir: Path) -> None:
    report = prepared_from(tmp_path, runs_dir, f"anchor,positive\n{'word ' * 300},b\nc,d\n", holdout=0).report
    assert report["lengths"] == {"3": 3, "302": 1}


def test_prepared_pandas_columns_are_plain_texts(tmp_path: Path, runs_dir: Path) -> None:
    frame = prepared_from(tmp_path, runs_dir, "anchor,positive\n😀 smile,مرحبا بالعالم\n二,三\n", holdout=0).frame()
    assert frame["anchor"].tolist() == ["😀 smile", "二"]
    assert all(pd.api.types.is_string_dtype(kind) for kind in frame.dtypes)
