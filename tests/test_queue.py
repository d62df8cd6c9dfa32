"""The queue on the disk: places, moves that lose nothing, and the way back in for a run that ended early."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from core.__main__ import main
from core.adjusting import ADJUSTED
from core.chains import create_chain
from core.config import build_config
from core.disk_use import disk_use, free_checkpoints, megabytes, why_not_free
from core.errors import RunError
from core.files import read_json, write_json
from core.launching import ensure_supervisor
from core.locks import lock
from core.processes import start_time
from core.queue import REMOVED, move, read_queue, remove, resume, why_not_resume
from core.recipes import recipe_chain
from core.run_store import create_run
from core.runs import RunFolder, Status
from tests import ready
from tests.conftest import wait_for
from tests.test_supervisor import LONG, demo


def lone(runs_dir: Path, **values: Any) -> RunFolder:
    return create_run(runs_dir, build_config(values), None)


def three(runs_dir: Path) -> list[RunFolder]:
    return [lone(runs_dir) for _ in range(3)]


def waiting(runs_dir: Path) -> list[str]:
    return [run.id for run, _ in read_queue(runs_dir).waiting]


def now(run: RunFolder) -> Status:
    status = run.status()
    assert status is not None
    return status


def ended_early(runs_dir: Path, state: str = "stopped", **values: Any) -> RunFolder:
    """Return a run that ended with a checkpoint and a settled batch of 64."""
    run = lone(runs_dir, **values)
    (run.path / "checkpoints" / "latest").mkdir()
    (run.path / "checkpoints" / "latest" / "weights").write_bytes(b"w" * 2_000_000)
    settled = {"batch_size": {"value": 64}, "gradient_accumulation": {"value": 1}}
    write_json(run.path / "resolved.json", {"settings": settled})
    run.request_stop()
    run.set_status(state=state, detail="why", started=2.0, finished=9.0, pid=999_999_99, error={"kind": "interrupted"})
    return run


def test_runs_wait_in_the_order_of_their_making_and_know_their_place(runs_dir: Path) -> None:
    runs = three(runs_dir)
    runs[0].set_status(state="training")
    queue = read_queue(runs_dir)
    assert [run.id for run, _ in queue.working] == [runs[0].id]
    assert [queue.place(run.id) for run in runs] == [0, 1, 2]
    assert queue.line(runs[2].id) == "Waiting for its turn: place 2 of 2."
    assert queue.line(runs[0].id) == ""


def test_moved_run_changes_places_with_its_neighbour_and_no_other(runs_dir: Path) -> None:
    first, second, third = three(runs_dir)
    move(third, up=True)
    assert waiting(runs_dir) == [first.id, third.id, second.id]
    move(first, up=False)
    assert waiting(runs_dir) == [third.id, first.id, second.id]
    move(third, up=True)
    move(second, up=False)
    assert waiting(runs_dir) == [third.id, first.id, second.id]


def test_runs_of_one_rank_can_be_moved_apart(runs_dir: Path) -> None:
    runs = three(runs_dir)
    for run in runs:
        run.set_status(rank=5)
    order = waiting(runs_dir)
    move(RunFolder(runs_dir / order[2]), up=True)
    assert waiting(runs_dir) == [order[0], order[2], order[1]]


def test_run_that_has_begun_is_not_moved(runs_dir: Path) -> None:
    first, second, _ = three(runs_dir)
    first.set_status(state="loading")
    with pytest.raises(RunError, match="does not wait any more"):
        move(first, up=False)
    before = now(first)
    move(second, up=True)
    assert now(first) == before


def test_run_that_a_worker_has_taken_meanwhile_is_left_alone(runs_dir: Path) -> None:
    first, second, third = three(runs_dir)
    held = lock(first.path)
    assert held is not None
    rank = now(first).rank
    move(second, up=True)
    held.close()
    assert now(first).rank == rank and now(first).state == "queued"
    assert waiting(runs_dir)[-1] == third.id


def test_later_run_of_a_chain_cannot_come_before_its_earlier_one(runs_dir: Path) -> None:
    first, second = create_chain(runs_dir, recipe_chain("augmented-sbert"), None)
    for run, up in ((second, True), (first, False)):
        with pytest.raises(RunError, match=f"{second.id} starts from what {first.id} makes"):
            move(run, up)
    assert waiting(runs_dir) == [first.id, second.id]


def test_removed_run_is_a_stopped_one_that_says_so(runs_dir: Path) -> None:
    first, second, third = three(runs_dir)
    remove(second)
    assert (now(second).state, now(second).detail) == ("stopped", REMOVED)
    assert waiting(runs_dir) == [first.id, third.id]
    with pytest.raises(RunError, match="does not wait any more; press Cancel"):
        remove(second)


def test_supervisor_starts_the_moved_run_first_and_never_the_removed_one(warm_dir: Path) -> None:
    long, second, third, fourth = (create_run(warm_dir, demo(**LONG), None) for _ in range(4))
    ensure_supervisor(warm_dir)
    wait_for(long, lambda status: status.is_working)
    move(third, up=True)
    remove(second)
    long.request_cancel()
    wait_for(third, lambda status: status.is_working)
    assert (now(second).state, now(fourth).state) == ("stopped", "queued")


@pytest.mark.parametrize("state", ["stopped", "interrupted", "failed"])
def test_resumed_run_is_queued_afresh_behind_all_others(runs_dir: Path, state: str) -> None:
    run = ended_early(runs_dir, state)
    other = lone(runs_dir)
    other.set_status(rank=time.time_ns() + 10**15)
    created = now(run).created
    assert why_not_resume(run, run.status()) == ""
    resume(run)
    status = now(run)
    assert (status.state, status.detail, status.error, status.pid, status.finished) == ("queued", "", {}, None, None)
    assert (status.created, run.stop_wish(), run.is_cancelled()) == (created, None, False)
    assert waiting(runs_dir) == [other.id, run.id]
    assert not (run.path / ADJUSTED).exists()


@pytest.mark.parametrize(
    ("state", "why"),
    [("done", "is done"), ("training", "is training"), ("queued", "is queued"), ("skipped", "is skipped")],
)
def test_run_that_did_not_end_early_is_not_resumed(runs_dir: Path, state: str, why: str) -> None:
    run = ended_early(runs_dir, state)
    with pytest.raises(RunError, match=why):
        resume(run)
    assert now(run).state == state


def test_run_without_a_checkpoint_is_not_resumed(runs_dir: Path) -> None:
    run = ended_early(runs_dir)
    free_checkpoints(run)
    (run.path / "checkpoints" / "latest").mkdir()
    assert why_not_resume(run, run.status())
    with pytest.raises(RunError, match="no checkpoint to go on from; start it again"):
        resume(run)


def test_run_that_a_process_still_has_is_not_resumed(runs_dir: Path) -> None:
    run = ended_early(runs_dir)
    held = lock(run.path)
    assert held is not None
    with pytest.raises(RunError, match="A process still has it"):
        resume(run)
    held.close()
    resume(run)


def test_resume_waits_until_the_process_before_is_reaped(runs_dir: Path) -> None:
    run = ended_early(runs_dir)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(0.2)"])
    run.set_status(pid=child.pid, pid_started=start_time(child.pid))
    began = time.monotonic()
    # It stays a zombie until somebody asks for its exit code, as the supervisor does.
    threading.Timer(0.6, child.wait).start()
    resume(run)
    assert 0.5 < time.monotonic() - began < 4


@pytest.mark.parametrize(
    ("values", "size", "half"),
    [({}, 64, 32), ({}, 3, 2), ({"loss": "cosine-similarity"}, 2, 1), ({"loss": "batch-all-triplet"}, 10, 4)],
)
def test_half_the_batch_is_taken_and_twice_the_batches_added_up(
    runs_dir: Path, values: dict[str, Any], size: int, half: int
) -> None:
    run = ended_early(runs_dir, **values)
    write_json(run.path / "resolved.json", {"settings": {"batch_size": {"value": size}}})
    write_json(run.path / ADJUSTED, {"precision": "fp32"})
    resume(run, halve_batch=True)
    adjusted = read_json(run.path / ADJUSTED)
    assert adjusted.pop("why")
    assert adjusted == {"precision": "fp32", "batch_size": half, "gradient_accumulation": 2}


def test_halved_twice_is_a_quarter(runs_dir: Path) -> None:
    run = ended_early(runs_dir)
    for _ in range(2):
        resume(run, halve_batch=True)
        run.set_status(state="interrupted")
    assert {key: read_json(run.path / ADJUSTED)[key] for key in ("batch_size", "gradient_accumulation")} == {
        "batch_size": 16,
        "gradient_accumulation": 4,
    }


def test_least_batch_cannot_be_halved_and_the_run_stays_as_it_was(runs_dir: Path) -> None:
    run = ended_early(runs_dir)
    write_json(run.path / "resolved.json", {"settings": {"batch_size": {"value": 2}}})
    with pytest.raises(RunError, match=r"\(2\) cannot be halved; start it again with a smaller base_model"):
        resume(run, halve_batch=True)
    assert (now(run).state, run.stop_wish()) == ("stopped", "stop")


def test_runs_that_were_skipped_come_back_behind_the_resumed_one(runs_dir: Path) -> None:
    first, second = create_chain(runs_dir, recipe_chain("augmented-sbert"), None)
    (first.path / "checkpoints" / "latest").mkdir()
    (first.path / "checkpoints" / "latest" / "weights").touch()
    first.set_status(state="interrupted")
    second.set_status(state="skipped")
    resume(first)
    assert waiting(runs_dir) == [first.id, second.id]


def test_folder_that_cannot_be_written_is_a_sentence(runs_dir: Path) -> None:
    run = ended_early(runs_dir)
    (run.path / "control" / "STOP").unlink()
    (run.path / "control").rmdir()
    (run.path / "control").touch()
    with pytest.raises(RunError, match=r"cannot be changed: .* try again"):
        resume(run)


def test_deleted_run_is_a_sentence(runs_dir: Path) -> None:
    gone = RunFolder(runs_dir / "20990101-000000-mnr-abcdef")
    for ask in (remove, resume, free_checkpoints, lambda run: move(run, up=True)):
        with pytest.raises(RunError, match=gone.id):
            ask(gone)
    assert why_not_resume(gone, None) == "It was deleted."


def test_command_refuses_with_one_sentence_and_exit_2(runs_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = ended_early(runs_dir, "done")
    assert main(["resume", run.id, "--runs-dir", str(runs_dir)]) == 2
    told = capsys.readouterr()
    assert told.out == "" and told.err.count("\n") == 1 and "cannot be resumed. It is done" in told.err


def test_command_queues_follows_and_prints_the_result_of_train(warm_dir: Path) -> None:
    run = create_run(warm_dir, demo(max_steps=4), None, by_hand=True)
    (run.path / "checkpoints" / "latest").mkdir()
    # An empty note is no checkpoint to the trainer, which then begins at the first step.
    (run.path / "checkpoints" / "latest" / "note").touch()
    run.set_status(state="interrupted", error={"kind": "interrupted", "message": "gone"})
    environment = {key: value for key, value in os.environ.items() if not key.startswith("STUDIO_")}
    done = ready.run(ready.COMMAND, "resume", run.id, "--runs-dir", str(warm_dir), environment=environment, seconds=120)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert (result["run"], result["state"], result["chain"]) == (run.id, "done", [])
    assert result["scores"]["sample/validation"]["spearman_cosine"] > 0
    assert now(run).error == {}


def test_disk_use_counts_the_folder_and_its_checkpoints(runs_dir: Path) -> None:
    run = ended_early(runs_dir)
    use = disk_use(run, now(run))
    assert use.checkpoint_bytes == 2_000_000 and 2_000_000 < use.total_bytes < 2_010_000
    assert (megabytes(use.checkpoint_bytes), megabytes(1_234_000_000)) == ("2.0 MB", "1,234 MB")


def test_freed_checkpoints_are_gone_and_the_model_stays(runs_dir: Path) -> None:
    run = ended_early(runs_dir)
    (run.path / "model").mkdir()
    (run.path / "model" / "weights").write_bytes(b"m" * 1000)
    assert disk_use(run, now(run)).checkpoint_bytes
    assert free_checkpoints(run) == 2_000_000
    assert disk_use(run, now(run)).total_bytes < 10_000
    assert list((run.path / "checkpoints").iterdir()) == [] and (run.path / "model" / "weights").is_file()
    assert why_not_free(run, now(run)) == "It has none."


@pytest.mark.parametrize("state", ["queued", "training"])
def test_checkpoints_that_are_needed_are_not_removed(runs_dir: Path, state: str) -> None:
    run = ended_early(runs_dir, state)
    with pytest.raises(RunError, match=f"It is {state} and needs them"):
        free_checkpoints(run)
