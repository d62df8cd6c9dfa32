"""Visitors of a shared studio: what is theirs, what they may use of it, and how it goes away again."""

import os
import time
from pathlib import Path

import pytest

from core.config import build_config
from core.errors import ConfigError, DataError, RunError
from core.files import read_json, write_json
from core.hosting import LIMITS, MEGABYTE, check_work, is_hosted, row_limit
from core.places import Places
from core.queue import move, read_queue
from core.recipes import recipe_config
from core.rows import Asked, load_rows
from core.run_store import create_run, list_runs, open_owned
from core.runs import RunFolder
from core.sweeping import Sweeper, sweep
from core.uploads import list_uploads, take_in
from core.visitors import NOBODY, new_token, owner_of, owner_of_shelf, shelf_of, shelves, studio_of

DAY = 24 * 3600.0


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    return shelf_of(tmp_path, owner_of(new_token()))


def started(shelf: Path) -> RunFolder:
    return create_run(shelf, recipe_config("quick-demo"), None)


def ended(run: RunFolder, ago: float) -> RunFolder:
    run.set_status(state="done", finished=time.time() - ago)
    return run


def test_tokens_are_128_random_bits_and_the_disk_knows_their_hash_alone(tmp_path: Path) -> None:
    tokens = {new_token() for _ in range(50)}
    assert len(tokens) == 50 and all(len(bytes.fromhex(token)) == 16 for token in tokens)
    token = tokens.pop()
    run = started(shelf_of(tmp_path, owner_of(token)))
    status = run.status()
    assert status is not None and status.owner == owner_of(token) != NOBODY
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and token in path.read_text()]


@pytest.mark.parametrize("said", ["", None, 5, "f" * 31, "F" * 32, "../" * 11, "0" * 64, ["a"], "g" * 32, "a" * 32 + "\n"])
def test_what_is_no_token_is_nobody(tmp_path: Path, said: object) -> None:
    assert owner_of(said) == NOBODY
    with pytest.raises(RunError, match="reload it"):
        started(shelf_of(tmp_path, owner_of(said)))
    assert not (tmp_path / ".visitors").exists()


def test_a_shelf_knows_its_studio(tmp_path: Path, shelf: Path) -> None:
    assert studio_of(shelf) == studio_of(tmp_path) == tmp_path and owner_of_shelf(tmp_path) == ""
    run = started(shelf)
    assert run.runs_dir == shelf and owner_of_shelf(run.runs_dir) == shelf.name
    (tmp_path / ".visitors" / "lost+found").mkdir()
    assert shelves(tmp_path) == [tmp_path, shelf]
    for owner in ("..", "a/b", "A" * 64, NOBODY[:-1]):
        with pytest.raises(RunError):
            shelf_of(tmp_path, owner)


def test_only_the_owner_opens_a_run_and_another_one_is_told_the_same_as_of_none(tmp_path: Path) -> None:
    mine, yours = new_token(), new_token()
    run = started(shelf_of(tmp_path, owner_of(mine)))
    started(shelf_of(tmp_path, owner_of(yours)))
    assert len(run.id) == 32 and int(run.id, 16) >= 0
    assert open_owned(tmp_path, run.id, mine).path == run.path
    told = set()
    for name, token in (
        (run.id, yours),
        ("0" * 32, yours),
        (run.id, ""),
        (f"../{owner_of(mine)}/{run.id}", yours),
        (run.id[:8], mine),
    ):
        with pytest.raises(RunError) as caught:
            open_owned(tmp_path, name, token)
        told.add(str(caught.value))
    assert len(told) == 1
    # Moved by hand into the wrong place, it is still nobody else's.
    run.path.rename(shelf_of(tmp_path, owner_of(yours)) / run.id)
    with pytest.raises(RunError):
        open_owned(tmp_path, run.id, yours)


def test_runs_of_visitors_wait_in_one_queue_and_move_among_their_own_alone(tmp_path: Path) -> None:
    first, other = (shelf_of(tmp_path, owner_of(new_token())) for _ in range(2))
    runs = [started(first), started(other), started(first)]
    assert [read_queue(folder).place(run.id) for folder, run in zip((other, first, other), runs, strict=True)] == [1, 2, 3]
    assert [run.id for run, _ in list_runs(other)] == [runs[1].id]
    move(runs[2], up=True)
    assert [run.id for run, _ in read_queue(tmp_path).waiting] == [runs[2].id, runs[1].id, runs[0].id]
    move(runs[1], up=True)
    assert read_queue(tmp_path).place(runs[1].id) == 2


def test_limits_hold_for_visitors_alone(tmp_path: Path, shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    too_much = [
        {"max_seq_length": LIMITS.tokens + 1}, {"time_budget_seconds": LIMITS.seconds + 1}, {"base_model": "/etc"},
        {"base_model": "owner/name"}, {"data": "file:/etc/passwd"}, {"mining": {"model": "/etc"}},
        {"kind": "fetch", "data": "snli"}, {"kind": "measure", "task": "speed", "models": ("/etc",)},
    ]  # fmt: skip
    for values in too_much:
        config = build_config(values)
        check_work(config, tmp_path)
        with pytest.raises(ConfigError):
            check_work(config, shelf)
    for _ in range(LIMITS.open_runs):
        started(shelf)
    with pytest.raises(RunError, match="wait for one"):
        started(shelf)
    monkeypatch.setattr("core.hosting.used_bytes", lambda folder: LIMITS.disk + 1)
    with pytest.raises(RunError, match="delete a run"):
        check_work(build_config({}), shelf)
    assert "20,000 rows" in LIMITS.sentence() and "24 hours" in LIMITS.sentence()


def test_rows_and_uploads_are_cut_for_visitors(tmp_path: Path, shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.hosting.LIMITS", type(LIMITS)(rows=3, upload=MEGABYTE // 10))
    file = tmp_path / "mine.csv"
    file.write_text("anchor,positive\n" + "".join(f"a {row},b {row}\n" for row in range(9)))
    upload = take_in(file, "mine.csv", shelf)
    rows = load_rows(Asked(upload.data), Places(None, shelf))
    assert len(rows.frame) == 3 and "the first 3 rows" in " ".join(rows.notes)
    assert row_limit(tmp_path) is None and row_limit(None) is None
    file.write_text("x" * MEGABYTE)
    with pytest.raises(DataError, match="the most on this shared studio"):
        take_in(file, "mine.csv", shelf)


def test_old_work_goes_after_a_day_and_files_that_a_run_names_stay(shelf: Path, tmp_path: Path) -> None:
    uploads = []
    for text in ("one", "two"):
        file = tmp_path / f"{text}.csv"
        file.write_text(f"anchor,positive\na {text},b {text}\n")
        uploads.append(take_in(file, file.name, shelf).data)
    old, new = ended(started(shelf), 2 * DAY), ended(started(shelf), DAY / 2)
    write_json(new.path / "config.json", (read_json(new.path / "config.json") or {}) | {"data": uploads[1]})
    for path in (shelf / ".uploads").iterdir():
        os.utime(path, (time.time() - 2 * DAY,) * 2)
    going = started(shelf)
    going.set_status(state="training", created=time.time() - 3 * DAY)
    sweep(shelf, time.time())
    assert not old.path.exists() and new.path.exists() and going.path.exists()
    assert [upload.data for upload in list_uploads(shelf)] == [uploads[1]]
    ended(going, 2 * DAY)
    sweep(shelf, time.time() + DAY)
    assert list_runs(shelf) == [] and list_uploads(shelf) == []
    os.utime(shelf, (time.time() - 2 * DAY,) * 2)
    sweep(shelf, time.time())
    assert not shelf.exists()


def test_a_run_that_takes_too_long_is_stopped_and_keeps_what_it_learned(tmp_path: Path, shelf: Path) -> None:
    mine, own = started(shelf), started(tmp_path)
    for run in (mine, own):
        run.set_status(state="training", started=time.time() - LIMITS.seconds - 1)
    listed = [(run, status) for run in (mine, own) if (status := run.status())]
    Sweeper(tmp_path).look(listed)
    assert mine.stop_wish() == "stop" and own.stop_wish() is None


def test_hosting_is_one_switch(monkeypatch: pytest.MonkeyPatch) -> None:
    for said, space, wanted in (("", "", False), ("1", "", True), ("", "me/studio", True), ("0", "me/studio", False)):
        monkeypatch.setenv("STUDIO_HOSTED", said)
        monkeypatch.setenv("SPACE_ID", space)
        assert is_hosted() is wanted
