"""The one process that starts, ends and buries workers: `python -m core.supervisor RUNS`."""

import argparse
import contextlib
import math
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from core.desk_keeper import DeskKeeper
from core.errors import RunError
from core.jobs import JOB_FOLDERS
from core.launching import NEED_TORCH, OFFLINE, changes_for, forks_here, lane_of, may_ask_the_hub, processes_of, worker_arguments
from core.locks import lock_soon
from core.memory_events import memory_kills
from core.preloading import PRELOADED, Libraries
from core.processes import Child, be_nicer, end_process, fork_child, is_alive, signal_name, spawn_detached, start_time
from core.run_store import iter_runs
from core.runs import RunFolder, Status
from core.supervisor_note import is_looked_after, tell_supervisor
from core.sweeping import Sweeper
from core.visitors import shelves

TICK_SECONDS = 0.1
IDLE_SECONDS = 60.0
KILL_AFTER_SECONDS = 3.0
SILENT_SECONDS = 60.0
# How a process ends that the kernel, or somebody, killed.
KILLED = -9


class Supervisor:
    """Keeps a runs folder and its visitors': starts what is queued, one at a time, and writes the last word on what died."""

    def __init__(self, runs_dir: Path, fork: bool) -> None:
        self.runs_dir = runs_dir
        self.fork = fork
        self.libraries = Libraries(PRELOADED if fork else ())
        self.desk = DeskKeeper(runs_dir, fork)
        self.sweeper = Sweeper(runs_dir)
        self.children: dict[Path, Child] = {}
        self.kill_at: dict[Path, float] = {}
        self._memory_kills: dict[Path, int] = {}
        self._heard: dict[Path, tuple[float | None, float]] = {}
        self._known_final: dict[Path, tuple[int, int]] = {}
        self._busy_until = time.monotonic() + IDLE_SECONDS
        self._said_it_stays = False

    def open_runs(self) -> list[tuple[RunFolder, Status]]:
        """Return the runs that are queued or working; a final one is read again only when its status changed."""
        found = []
        folders = (shelf / folder for shelf in shelves(self.runs_dir) for folder in ("", *JOB_FOLDERS))
        for run in (run for folder in folders for run in iter_runs(folder)):
            try:
                facts = (run.path / "status.json").stat()
            except FileNotFoundError:
                continue
            mark = (facts.st_mtime_ns, facts.st_size)
            if self._known_final.get(run.path) == mark:
                continue
            status = run.status()
            if status is not None and status.is_final and run.path not in self.children:
                self._known_final[run.path] = mark
            elif status is not None:
                found.append((run, status))
        return found

    def tick(self) -> None:
        """Bury the dead, end the cancelled, start the next."""
        self._reap()
        open_runs = self.open_runs()
        for run, status in open_runs:
            self._look_after(run, status)
        self.sweeper.look(open_runs)
        queued = [(status.rank, run) for run, status in open_runs if status.state == "queued" and not status.by_hand]
        waiting = [(rank, run) for rank, run in queued if not (run.is_cancelled() or run.stop_wish() or self._waits(run))]
        taken = {lane_of(run) for run, status in open_runs if status.is_working or run.path in self.children}
        for _, run in sorted(waiting, key=lambda one: one[0]):
            lane = lane_of(run)
            if lane not in taken and (self.libraries.are_ready() or lane not in NEED_TORCH):
                taken.add(lane)
                self.start(run, lane)
        if self.libraries.are_ready():
            self.desk.look(self.libraries.broken, any(status.is_working for _, status in open_runs))
        if open_runs or self.children or self.desk.child or self._wanted():
            self._busy_until = time.monotonic() + IDLE_SECONDS

    def _wanted(self) -> bool:
        """Tell whether an app has touched `.alive` within the last minute."""
        with contextlib.suppress(FileNotFoundError):
            return abs(time.time() - (self.runs_dir / ".alive").stat().st_mtime) < IDLE_SECONDS
        return False

    def is_idle(self) -> bool:
        """Tell whether nothing ran, waited or watched for a minute."""
        return time.monotonic() > self._busy_until

    def stay(self) -> None:
        """Say that this process looks after the folder, where that is not what it said last."""
        if not self._said_it_stays:
            tell_supervisor(self.runs_dir)
            self._said_it_stays = True

    def may_leave(self) -> bool:
        """Say that this process leaves, so that whoever comes from now on starts another; not if one came just before."""
        self._said_it_stays = False
        tell_supervisor(self.runs_dir, leaves=True)
        return not (self.open_runs() or self.desk.is_wanted() or self._wanted())

    def _reap(self) -> None:
        """Bury the workers that have ended, also when somebody deleted their folder meanwhile."""
        for path, child in list(self.children.items()):
            code = child.poll()
            if code is not None:
                del self.children[path]
                self._bury(RunFolder(path), code)

    def _look_after(self, run: RunFolder, status: Status) -> None:
        if status.is_working and run.path not in self.children and not is_alive(status.pid, status.pid_started):
            self._bury(run, "how is unknown: its supervisor ended before it")
        elif run.is_cancelled():
            self._end(run, status)
        elif status.state == "queued" and run.path not in self.children and run.stop_wish():
            _finish(run, "stopped", "Stopped before it began.")
        elif status.is_working and run.stop_wish() and self._is_silent(run, status):
            end_process(status.pid, status.pid_started, force=True)

    def _waits(self, run: RunFolder) -> bool:
        """Tell whether a run has to wait for the one before it in its chain; one whose model never came is skipped."""
        status = run.status()
        if status is None or status.after is None:
            return False
        before = RunFolder(run.runs_dir / status.after).status()
        if before is not None and not before.is_final:
            return True
        if before is None or not before.has_model:
            how = before.state if before else "deleted"
            _finish(run, "skipped", f"Skipped: the run before it, {status.after}, was {how} and left no model.")
            return True
        return False

    def _is_silent(self, run: RunFolder, status: Status) -> bool:
        """Tell whether a worker's heartbeat has not moved for a minute of our own clock: then it hangs."""
        beat, since = self._heard.get(run.path, (None, 0.0))
        if beat != status.heartbeat:
            self._heard[run.path] = (status.heartbeat, time.monotonic())
            return False
        return time.monotonic() - since > SILENT_SECONDS

    def _bury(self, run: RunFolder, code: int | str) -> None:
        """Write the last state of a run whose process is gone, unless the worker did so itself."""
        self.kill_at.pop(run.path, None)
        status = run.status()
        if status is None or status.is_final or is_alive(status.pid, status.pid_started):
            # Gone, ended by itself, or another supervisor's worker has it.
            return
        if run.is_cancelled():
            _finish(run, "stopped", "Cancelled; nothing was kept.")
            return
        out_of_memory = code == KILLED and memory_kills() > self._memory_kills.get(run.path, memory_kills())
        how = "the machine's memory ran out" if out_of_memory else signal_name(code) if isinstance(code, int) else code
        way_out = "Resume it with half the batch." if out_of_memory else "Resume it, or start it again."
        error: dict[str, object] = {
            "kind": "memory" if out_of_memory else "interrupted",
            "message": f"The worker's process is gone ({how}). {way_out}",
            "log": run.last_log_lines(),
        }
        _finish(run, "interrupted", f"The worker's process is gone ({how}).", error)

    def _end(self, run: RunFolder, status: Status) -> None:
        """End a cancelled run: TERM at once, KILL after 3 s; one that only waits leaves the queue."""
        child = self.children.get(run.path)
        if child is None and not status.is_working:
            _finish(run, "stopped", "Cancelled before it began.")
            return
        if child is None and run.path.parent.name in JOB_FOLDERS:
            # A training run prepares its own examples in there: its process is not the job's to end.
            run.forget_wishes()
            return
        pid, started = (child.pid, start_time(child.pid)) if child else (status.pid, status.pid_started)
        deadline = self.kill_at.get(run.path)
        if deadline is None:
            self.kill_at[run.path] = time.monotonic() + KILL_AFTER_SECONDS
            end_process(pid, started)
        elif time.monotonic() > deadline:
            end_process(pid, started, force=True)

    def start(self, run: RunFolder, lane: str) -> None:
        """Start a worker on a run: forked from the preloaded libraries where that is safe, spawned elsewhere.

        What needs no torch does not wait for it, and is spawned while it is not there. What asks the Hub is spawned: the
        libraries here are offline, so that a fork sends nobody's token. On several GPUs the library's launcher starts one each.
        """
        self._memory_kills[run.path] = memory_kills()
        together, online = processes_of(run), may_ask_the_hub(run)
        if lane in NEED_TORCH and self.libraries.broken:
            _finish(run, "failed", self.libraries.broken, {"kind": "machine", "message": self.libraries.broken})
        elif self.fork and self.libraries.are_ready() and not self.libraries.broken and together == 1 and not online:
            from core import worker  # noqa: PLC0415  the supervisor has to serve before torch is there

            self.children[run.path] = fork_child(lambda: worker.main(run.path))
        else:
            self.children[run.path] = spawn_detached(worker_arguments(run, together), run.log_path, changes_for(run))


def _finish(run: RunFolder, state: str, detail: str, error: Mapping[str, object] | None = None) -> None:
    run.set_status(state=state, detail=detail, finished=time.time(), error=dict(error or {}))


def main() -> int:
    """Serve a runs folder until nobody needs it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs_dir", type=Path)
    runs_dir: Path = parser.parse_args().runs_dir.resolve()
    if not runs_dir.is_dir():
        raise RunError(f"There is no runs folder {runs_dir}.")
    # One that leaves has it until it is gone; one that stays says so.
    held = lock_soon(runs_dir, math.inf, lambda: is_looked_after(runs_dir))
    if held is None:
        return 0
    # A forked worker must not hold the lock when this process dies.
    os.register_at_fork(after_in_child=held.close)
    os.environ |= OFFLINE
    # To load the libraries keeps a core busy for seconds.
    be_nicer()
    supervisor = Supervisor(runs_dir, forks_here())
    supervisor.stay()
    supervisor.libraries.load_beside()
    while runs_dir.is_dir():
        try:
            supervisor.stay()
            supervisor.tick()
            if supervisor.is_idle() and supervisor.may_leave():
                break
        except OSError as error:
            # A full disk or a folder deleted meanwhile: the next tick looks again.
            print(f"{time.strftime('%H:%M:%S')} {error}", file=sys.stderr, flush=True)  # noqa: T201
            time.sleep(1)
        time.sleep(TICK_SECONDS)
    # Whoever was started meanwhile waits for it.
    held.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
