"""The queue: which runs wait for the device, in which order, and how a run gets out of it or back in.

It has no file of its own: the ranks in the runs' `status.json` are the order, and the supervisor starts the lowest first.
"""

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import psutil

from core.adjusting import halve_batch_of
from core.errors import RunError, is_disk_full
from core.locks import LOOK_SECONDS, lock_soon
from core.processes import START_TIME_SLACK_SECONDS
from core.run_store import list_runs
from core.runs import RunFolder, Status
from core.visitors import shelves, studio_of

RESUMABLE_STATES = ("stopped", "interrupted", "failed")
MEMORY = "memory"
REMOVED = "Removed from the queue."
PATIENCE_SECONDS, LEAVING_SECONDS = 1.0, 5.0
# The supervisor reaps a process and writes the last word on it one after the other: let it finish.
LAST_WORD_SECONDS = 0.1
# What an earlier turn left in `status.json`.
FRESH: Mapping[str, object] = MappingProxyType({
    "by_hand": False,
    "state": "queued", "detail": "", "error": {}, "started": None, "finished": None, "heartbeat": None, "pid": None,
    "pid_started": None,
})  # fmt: skip

Listed = tuple[RunFolder, Status]


@dataclass(frozen=True)
class Queue:
    """The runs that a worker has, and those that wait, in the order of their turn."""

    working: tuple[Listed, ...]
    waiting: tuple[Listed, ...]

    def place(self, name: str) -> int:
        """Return a waiting run's place from 1 on, or 0 for one that does not wait."""
        return next((place for place, (run, _) in enumerate(self.waiting, 1) if run.id == name), 0)

    def line(self, name: str) -> str:
        """Say which place a run has, or nothing where it does not wait."""
        place = self.place(name)
        return f"Waiting for its turn: place {place} of {len(self.waiting)}." if place else ""


def queue_of(listed: Sequence[Listed]) -> Queue:
    """Return the queue out of runs that were listed already, in whatever order."""
    waiting = sorted(
        (each for each in listed if each[1].state == "queued" and not each[1].by_hand),
        key=lambda each: (each[1].rank, each[0].id),
    )
    return Queue(tuple(each for each in listed if each[1].is_working), tuple(waiting))


def read_queue(runs_dir: Path) -> Queue:
    """Return the queue that a runs folder's work waits in; where visitors share a studio it is one for all of them."""
    return queue_of([each for shelf in shelves(studio_of(runs_dir)) for each in list_runs(shelf)])


def move(run: RunFolder, up: bool) -> None:
    """Exchange a waiting run with its neighbour of one runs folder; the first goes no higher, what has begun is left alone.

    A visitor of a shared studio changes the order of their own runs alone: all places that others have stay.

    Raises:
        RunError: the run does not wait any more, or one of the two starts from what the other makes.
    """
    order = [each for each in read_queue(run.runs_dir).waiting if each[0].runs_dir == run.runs_dir]
    here = next((place for place, (each, _) in enumerate(order) if each.id == run.id), None)
    if here is None:
        raise RunError(f"Run {run.id} does not wait any more; it has begun or ended, so it has no place to change.")
    there = here - 1 if up else here + 1
    if not 0 <= there < len(order):
        return
    (first, _), (second, status) = order[min(here, there)], order[max(here, there)]
    if status.after == first.id:
        raise RunError(f"Run {second.id} starts from what {first.id} makes, so it cannot come before it; remove it instead.")
    order[here], order[there] = order[there], order[here]
    _give_ranks(order)


def _give_ranks(order: Sequence[Listed]) -> None:
    """Deal the ranks of some waiting runs out anew, in this order; equal ones, as after a clock set back, are told apart."""
    rank = 0
    for (run, status), dealt in zip(order, sorted(status.rank for _, status in order), strict=True):
        rank = max(dealt, rank + 1)
        if rank != status.rank:
            with _kept_from_workers(run) as now:
                if now is not None and now.state == "queued":
                    _change(run, rank=rank)


def remove(run: RunFolder) -> None:
    """Take a waiting run out of the queue; it stays as a stopped one.

    Raises:
        RunError: it does not wait any more.
    """
    with _kept_from_workers(run) as status:
        if status is None or status.state != "queued":
            raise RunError(f"Run {run.id} does not wait any more; press Cancel if it is to end.")
        _change(run, state="stopped", detail=REMOVED, finished=time.time())
    with contextlib.suppress(OSError):
        # A worker that is just starting has not told so yet: the supervisor ends it.
        run.request_cancel()


def why_not_resume(run: RunFolder, status: Status | None) -> str:
    """Return why a run cannot go on from its last checkpoint, as a sentence with the way out; nothing where it can."""
    if status is None:
        return "It was deleted."
    if status.state == "done":
        return "It is done: use its model, or start it again."
    if status.state not in RESUMABLE_STATES:
        return f"It is {status.state}; only a run that was stopped, interrupted or failed can go on."
    if not has_checkpoint(run):
        return "It has no checkpoint to go on from; start it again."
    return ""


def has_checkpoint(run: RunFolder) -> bool:
    """Tell whether `checkpoints/latest` holds anything, or what a killed worker was just putting in its place."""
    folders = (run.path / "checkpoints" / name for name in ("latest", ".latest"))
    return any(path.is_file() for folder in folders if folder.is_dir() for path in folder.iterdir())


def ran_out_of_memory(status: Status) -> bool:
    """Tell whether a run was ended because memory ran out, so that it should go on with half the batch."""
    return status.error.get("kind") == MEMORY


def resume(run: RunFolder, halve_batch: bool = False) -> None:
    """Put a run that ended early back into the queue, to go on from its last checkpoint; what was skipped after it, too.

    With `halve_batch` a step takes half the examples from now on and adds up twice the batches: `adjusted.json` says so.

    Raises:
        RunError: it cannot be resumed, its batch cannot be halved, or its folder cannot be written.
    """
    _wait_until_gone(run.status())
    with _kept_from_workers(run) as status:
        why_not = why_not_resume(run, run.status()) or ("" if status else "A process still has it; try again in a moment.")
        if why_not:
            raise RunError(f"Run {run.id} cannot be resumed. {why_not}")
        try:
            if halve_batch:
                halve_batch_of(run)
            run.forget_wishes()
        except OSError as error:
            raise _cannot_write(run, error) from None
        _change(run, **FRESH, rank=_last_rank(run.runs_dir))
    _queue_what_was_skipped(run)


def _last_rank(runs_dir: Path) -> int:
    """Return a rank behind everything that waits, also when the clock was set back."""
    return max(time.time_ns(), *(status.rank + 1 for _, status in read_queue(runs_dir).waiting), 0)


def _queue_what_was_skipped(run: RunFolder) -> None:
    for later, status in list_runs(run.runs_dir):
        if status.after == run.id and status.state == "skipped":
            _change(later, **FRESH, rank=_last_rank(run.runs_dir))
            _queue_what_was_skipped(later)


@contextlib.contextmanager
def _kept_from_workers(run: RunFolder) -> Iterator[Status | None]:
    """Hold the lock that a run's worker works under, and yield the status; None where a worker has it or it is gone."""
    try:
        # Another page may hold it for an instant.
        held = lock_soon(run.path, PATIENCE_SECONDS)
    except FileNotFoundError:
        held = None
    except OSError as error:
        raise _cannot_write(run, error) from None
    try:
        yield run.status() if held else None
    finally:
        if held:
            held.close()


def _wait_until_gone(status: Status | None) -> None:
    """Let the supervisor bury the process of the turn before: it would take the new turn for the dead one's."""
    if status is None or not status.is_final or not _is_there(status):
        return
    deadline = time.monotonic() + LEAVING_SECONDS
    while _is_there(status) and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
    time.sleep(LAST_WORD_SECONDS)


def _is_there(status: Status) -> bool:
    """Tell whether the process is there, also as a zombie that nobody has reaped."""
    if status.pid is None or status.pid_started is None:
        return False
    try:
        return abs(psutil.Process(status.pid).create_time() - status.pid_started) <= START_TIME_SLACK_SECONDS
    except psutil.NoSuchProcess:
        return False


def _change(run: RunFolder, **changes: object) -> None:
    try:
        run.set_status(**changes)
    except OSError as error:
        raise _cannot_write(run, error) from None


def _cannot_write(run: RunFolder, error: OSError) -> RunError:
    reason = "the disk is full" if is_disk_full(error) else error.strerror or "its folder cannot be written"
    return RunError(f"Run {run.id} cannot be changed: {reason}. Free some space and try again.")
