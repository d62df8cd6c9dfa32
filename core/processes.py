"""Processes by pid *and* start time, so that a number used again is never taken for the old one."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NoReturn, Protocol

import psutil

START_TIME_SLACK_SECONDS = 1.0
# The supervisor steps back behind the page, and its workers and the desk behind the supervisor.
MORE_NICENESS = 5
# glibc hands a large block back to the kernel at once, so that every step's gradient is paged in anew: half of a static
# model's step. These let a worker keep its blocks; all of it is free when the process ends.
KEEP_BLOCKS = {"MALLOC_MMAP_THRESHOLD_": "1000000000", "MALLOC_TRIM_THRESHOLD_": "2000000000"}


class Child(Protocol):
    """A worker that the supervisor started: `poll` gives its exit code, negative for a signal, None while it lives."""

    pid: int

    def poll(self) -> int | None:
        """Return the exit code once the process has ended."""


class ForkedChild:
    """A child made by `os.fork`."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._code: int | None = None

    def poll(self) -> int | None:
        """Reap the child if it has ended."""
        if self._code is None:
            pid, wait_status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._code = os.waitstatus_to_exitcode(wait_status)
        return self._code


def start_time(pid: int) -> float | None:
    """Return when a live process started, in seconds since 1970; None for one that is gone or a zombie."""
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.NoSuchProcess:
        return None


def is_alive(pid: int | None, started: float | None) -> bool:
    """Tell whether the very process that had this pid at that start time still runs."""
    if pid is None or started is None:
        return False
    now = start_time(pid)
    return now is not None and abs(now - started) <= START_TIME_SLACK_SECONDS


def end_process(pid: int | None, started: float | None, force: bool = False) -> None:
    """End a process, or kill it with `force`, unless its pid belongs to another one by now."""
    if pid is not None and is_alive(pid, started):
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            process.kill() if force else process.terminate()


def fork_child(work: Callable[[], int]) -> ForkedChild:
    """Run `work` in a forked child and end it with the code that it returns."""
    pid = os.fork()
    if pid == 0:
        _run_and_leave(work)
    return ForkedChild(pid)


def _run_and_leave(work: Callable[[], int]) -> NoReturn:
    code = 1
    try:
        # The supervisor's own handlers are not the worker's: TERM has to end it.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        code = work()
    finally:
        # Leave without the parent's exit handlers.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def be_nicer() -> None:
    """Let go first whoever is as nice as this process was, the page before all."""
    try:
        niceness = os.nice(MORE_NICENESS)
    except (OSError, AttributeError):
        return
    # Linux shares the cores among sessions first, and a process is nice within its own one only.
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(niceness))


def step_back(log_path: Path) -> None:
    """Leave the session of who started this process, print into a log of its own, and let that one go first."""
    with contextlib.suppress(PermissionError, AttributeError):
        os.setsid()
    be_nicer()
    out = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.close(out)


def spawn_detached(
    arguments: list[str], log_path: Path | None = None, changes: Mapping[str, str | None] = MappingProxyType({})
) -> subprocess.Popen[bytes]:
    """Start `python <arguments>` in a session of its own, so that Ctrl-C in this terminal does not reach it.

    `changes` are laid over the environment; a variable of None is taken away.
    """
    environment: dict[str, str | None] = {**os.environ, **KEEP_BLOCKS, **changes}
    with contextlib.ExitStack() as stack:
        out = stack.enter_context(log_path.open("ab")) if log_path else subprocess.DEVNULL
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=Path(__file__).resolve().parent.parent,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env={name: value for name, value in environment.items() if value is not None},
            start_new_session=True,
        )


def signal_name(code: int) -> str:
    """Say how a process ended: "exit code 1" or "signal SIGKILL"."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"
