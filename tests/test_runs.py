"""The run folder: made whole, read although damaged, found by a part of its id, removed at its end."""

import json
from pathlib import Path
from typing import Any

import pytest

from core import run_store
from core.config import build_config
from core.errors import ConfigError, RunError
from core.files import write_json
from core.recipes import recipe_config
from core.run_store import create_run, delete_run, ensure_runs_dir, list_runs, open_run
from core.runs import RUN_ID, RunFolder, short_name


@pytest.fixture
def run(runs_dir: Path) -> RunFolder:
    return create_run(runs_dir, recipe_config("quick-demo"), None)


def status_of(run: RunFolder) -> str:
    status = run.status()
    assert status is not None
    return status.state


def test_new_run_is_queued_and_keeps_what_was_asked(runs_dir: Path, tmp_path: Path) -> None:
    config = build_config({"batch_size": 64, "yours": ("batch_size",)})
    run = create_run(runs_dir, config, tmp_path)
    status = run.status()
    assert status is not None
    assert (status.state, status.data_dir, status.is_final, status.is_working) == ("queued", str(tmp_path), False, False)
    assert run.config() == config
    assert not [path for path in runs_dir.iterdir() if path.name.startswith(".")]


def test_run_id_names_the_recipe_and_can_be_opened(run: RunFolder) -> None:
    assert RUN_ID.fullmatch(run.id)
    assert "-quick-demo-" in run.id


def test_runs_of_the_same_moment_have_different_ids_and_ranks(runs_dir: Path) -> None:
    runs = [create_run(runs_dir, build_config({}), None) for _ in range(5)]
    statuses = [run.status() for run in runs]
    ranks = [status.rank for status in statuses if status is not None]
    assert len({run.id for run in runs}) == 5
    assert ranks == sorted(ranks)


def test_run_that_takes_long_to_write_takes_no_place_before_those_that_are_there(
    runs_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(path: Path, content: Any) -> None:
        monkeypatch.undo()
        meanwhile.append(create_run(runs_dir, recipe_config("mnr"), None))
        write_json(path, content)

    meanwhile: list[RunFolder] = []
    monkeypatch.setattr(run_store, "write_json", slow)
    late, early = create_run(runs_dir, recipe_config("softmax"), None).status(), meanwhile[0].status()
    assert late is not None and early is not None and early.rank < late.rank and early.created <= late.created


def test_status_changes_keep_the_other_fields(run: RunFolder) -> None:
    before = run.status()
    run.set_status(state="training", pid=7)
    after = run.status()
    assert before is not None
    assert after is not None
    assert (after.state, after.pid, after.rank, after.is_working) == ("training", 7, before.rank, True)


@pytest.mark.parametrize("state", ["done", "stopped", "failed", "interrupted", "skipped"])
def test_ended_run_is_final_and_not_working(run: RunFolder, state: str) -> None:
    run.set_status(state=state)
    status = run.status()
    assert status is not None
    assert (status.is_final, status.is_working) == (True, False)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"state": "done"}'])
def test_damaged_status_reads_as_none(run: RunFolder, content: str) -> None:
    (run.path / "status.json").write_text(content)
    assert run.status() is None


def test_status_of_a_later_version_is_read(run: RunFolder) -> None:
    path = run.path / "status.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"later": 1}))
    assert status_of(run) == "queued"


def test_status_of_a_gone_run_is_left_alone(runs_dir: Path) -> None:
    RunFolder(runs_dir / "gone").set_status(state="done")
    assert list(runs_dir.iterdir()) == []


def test_damaged_config_is_a_sentence(run: RunFolder) -> None:
    (run.path / "config.json").write_text("{")
    with pytest.raises(RunError, match=f"Run {run.id} has no readable config"):
        run.config()


def test_config_with_a_wrong_value_is_refused(run: RunFolder) -> None:
    write_json(run.path / "config.json", {"batch_size": -1})
    with pytest.raises(ConfigError, match="batch_size"):
        run.config()


def test_stop_asked_twice_skips_the_scoring(run: RunFolder) -> None:
    wishes = [run.stop_wish()]
    for _ in range(2):
        run.request_stop()
        wishes.append(run.stop_wish())
    assert wishes == [None, "stop", "skip-scoring"]


def test_cancel_is_told(run: RunFolder) -> None:
    assert not run.is_cancelled()
    run.request_cancel()
    assert run.is_cancelled()


def test_scores_are_told_by_data_set_and_side(run: RunFolder) -> None:
    for side, figure in (("before", 0.1), ("after", 0.7)):
        write_json(run.path / "scores" / f"sts.{side}.json", {"data": "stsb/validation", "figures": {"spearman_cosine": figure}})
    (run.path / "scores" / "other.after.json").write_text("{")
    assert run.scores("before") == {"stsb/validation": {"spearman_cosine": 0.1}}
    assert run.scores("after") == {"stsb/validation": {"spearman_cosine": 0.7}}


def test_last_log_lines_are_the_end_of_a_long_log(run: RunFolder) -> None:
    assert run.last_log_lines() == []
    run.log_path.write_text("".join(f"line {number}\n\n" for number in range(5000)))
    assert run.last_log_lines(2) == ["line 4998", "line 4999"]


def test_run_is_opened_by_its_id_its_beginning_or_its_end(runs_dir: Path, run: RunFolder) -> None:
    create_run(runs_dir, recipe_config("softmax"), None)
    for name in (run.id, run.id[:-3], run.id[-6:]):
        assert open_run(runs_dir, name) == run


def test_part_that_fits_several_runs_is_refused(runs_dir: Path) -> None:
    runs = [create_run(runs_dir, build_config({}), None) for _ in range(2)]
    with pytest.raises(RunError, match="fits 2 runs; write more"):
        open_run(runs_dir, runs[0].id[:4])


@pytest.mark.parametrize("name", ["", "abc", "zzzzzz", "../runs", "/etc", "a" * 200, "Ü-quick"])
def test_unknown_run_is_refused(runs_dir: Path, run: RunFolder, name: str) -> None:
    with pytest.raises(RunError, match="There is no run"):
        open_run(runs_dir, name)


def test_runs_are_listed_by_kind_newest_first_without_damaged_ones(runs_dir: Path) -> None:
    names = [f"2025010{day}-000000-mnr-abcdef" for day in (1, 2, 3)]
    for name in names:
        create_run(runs_dir, build_config({}), None).path.rename(runs_dir / name)
    (runs_dir / names[1] / "status.json").write_text("{")
    create_run(runs_dir, build_config({"kind": "score", "data": "stsb", "split": "validation"}), None)
    (runs_dir / "a folder of yours").mkdir()
    assert [run.id for run, _ in list_runs(runs_dir)] == [names[2], names[0]]


def test_missing_runs_folder_lists_nothing(tmp_path: Path) -> None:
    assert list_runs(tmp_path / "none") == []


@pytest.mark.parametrize("state", ["queued", "done", "failed"])
def test_run_that_nobody_works_on_is_deleted_whole(runs_dir: Path, run: RunFolder, state: str) -> None:
    run.set_status(state=state)
    delete_run(run)
    delete_run(run)
    assert list(runs_dir.iterdir()) == []


def test_working_run_is_not_deleted(run: RunFolder) -> None:
    run.set_status(state="training")
    with pytest.raises(RunError, match="still training; press Cancel first"):
        delete_run(run)
    assert status_of(run) == "training"


def test_person_reads_a_short_name_of_a_run(tmp_path: Path) -> None:
    assert short_name("20261128-235959-mnr-hard-negatives-71b98e") == "mnr-hard-negatives 71b98e"
    visitors = "1d96cc" + "0" * 26
    assert short_name(visitors) == "1d96cc" and short_name(visitors, tmp_path) == "own settings 1d96cc"
    (tmp_path / visitors).mkdir()
    write_json(tmp_path / visitors / "config.json", {"recipe": "quick-demo"})
    assert short_name(visitors, tmp_path) == "quick-demo 1d96cc"
    # What no studio has named stays as it is.
    assert short_name("my-own-run") == "my-own-run" and short_name("../" + visitors, tmp_path) == "../" + visitors


def test_runs_folder_is_made_and_left_clean(tmp_path: Path) -> None:
    folder = ensure_runs_dir(tmp_path / "a" / "runs")
    assert folder.is_dir()
    assert list(folder.iterdir()) == []


def test_runs_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match=r"cannot be written: .* Choose another with --runs-dir"):
        ensure_runs_dir(tmp_path / "file")


def test_run_in_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="The run cannot be written in"):
        create_run(tmp_path / "file", build_config({}), None)
