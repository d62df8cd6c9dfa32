"""Supervisors whose libraries are loaded: forked from one process that has them, for tests that are about something else.

Loading takes longer than most of what a test then has done. `python -m tests.ready_supervisors` reads a runs folder a line and
answers with the pid of its supervisor.
"""

import gc
import importlib
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from core import launching
from core.launching import OFFLINE
from core.processes import KEEP_BLOCKS, is_alive, start_time

ROOT = Path(__file__).parent.parent
LOOK_SECONDS = 0.05


class ReadySupervisor:
    """The process, as `ensure_supervisor` wants to see it."""

    def __init__(self, pid: int) -> None:
        self.pid, self._started = pid, start_time(pid)

    def poll(self) -> int | None:
        return None if is_alive(self.pid, self._started) else 0


class ReadySupervisors:
    """Takes the place of a supervisor's start, as long as its environment would be the one that the libraries were loaded in."""

    def __init__(self) -> None:
        self._spawn, self._environment = launching.spawn_detached, self._seen()
        self._process: subprocess.Popen[str] | None = None

    def _loaded(self) -> subprocess.Popen[str]:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.ready_supervisors"], cwd=ROOT, env=os.environ | KEEP_BLOCKS | OFFLINE,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
            )  # fmt: skip
        return self._process

    @staticmethod
    def _seen() -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}

    def start(self, arguments: list[str], log_path: Path | None = None, changes: Any = None) -> Any:
        if arguments[:2] != ["-m", "core.supervisor"] or changes or self._environment != self._seen():
            return self._spawn(arguments, log_path, changes or {})
        process = self._loaded()
        assert log_path is not None and process.stdin is not None and process.stdout is not None
        # A folder that cannot be written to is found out here, as by the real start.
        log_path.open("ab").close()
        process.stdin.write(f"{arguments[2]}\n")
        process.stdin.flush()
        return ReadySupervisor(int(process.stdout.readline()))

    def end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()


def main() -> None:
    from core import supervisor

    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    for name in supervisor.PRELOADED:
        importlib.import_module(name)
    gc.freeze()
    told = b""
    while True:
        if select.select([0], [], [], LOOK_SECONDS)[0]:
            read = os.read(0, 4096)
            if not read:
                return
            told += read
        while b"\n" in told:
            line, told = told.split(b"\n", 1)
            pid = os.fork()
            if pid == 0:
                serve(Path(line.decode()))
            print(pid, flush=True)
        reap()


def reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


def serve(runs_dir: Path) -> None:
    from core import supervisor

    code = 1
    try:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        nothing, out = (
            os.open(os.devnull, os.O_RDONLY),
            os.open(runs_dir / ".supervisor.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND),
        )
        for file, place in ((nothing, 0), (out, 1), (out, 2)):
            os.dup2(file, place)
        os.close(nothing)
        os.close(out)
        sys.argv = ["core.supervisor", str(runs_dir)]
        code = supervisor.main()
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
