"""Processes whose libraries are loaded: forked from one that has them, for tests that are about something else than loading.

Loading takes longer than most of what a test then has done: 13 s of processor time for a supervisor's libraries, 8 s for those of
the page and of the command line. `python -m tests.ready MODULE...` loads the modules, reads a `Task` a line, runs its module's
`main` in a child, and answers with the child's pid.
"""

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NoReturn, Protocol

import psutil

from core import launching
from core.launching import OFFLINE
from core.processes import KEEP_BLOCKS, is_alive, start_time

ROOT = Path(__file__).parent.parent
LOOK_SECONDS = 0.05
# What is read after the libraries are there, and so may differ from what they were loaded with.
READ_LATER = ("STUDIO_", "PYTEST_", "GRADIO_SERVER_PORT", "GRADIO_ROOT_PATH")
SUPERVISOR, PAGE = "core.supervisor", "app"
# What a supervisor loads itself, and what the page, the command line and the tests' own programs need.
LIBRARIES = {
    SUPERVISOR: [SUPERVISOR],
    PAGE: [PAGE, "ui.launch", "core.__main__", "tests.hostile_calls", "tests.visiting_page", "tests.scores_page"],
}
CHANGES = {SUPERVISOR: KEEP_BLOCKS | OFFLINE, PAGE: {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1"}}


@dataclass(frozen=True)
class Task:
    """A module's `main`, as a process of its own would run it; its exit code is written to `code`."""

    module: str
    arguments: list[str]
    environment: dict[str, str]
    out: str
    err: str
    code: str = os.devnull


def is_zombie(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    return False


def read_at_loading(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if not name.startswith(READ_LATER)}


class Process(Protocol):
    """What is started, forked or not: `poll` and `wait` give its exit code."""

    pid: int

    def poll(self) -> int | None: ...

    def kill(self) -> None: ...

    def wait(self, timeout: float) -> int: ...


class ReadyProcess:
    """The forked process, as one that was started looks to whoever started it."""

    def __init__(self, pid: int, code: Path | None = None) -> None:
        self.pid, self._started, self._code = pid, start_time(pid), code

    def poll(self) -> int | None:
        """Return its exit code, -9 where it was killed, None while it lives or some thread of it still holds its port."""
        if is_alive(self.pid, self._started) or is_zombie(self.pid):
            return None
        told = self._code.read_text() if self._code is not None and self._code.exists() else ""
        return int(told) if told else -signal.SIGKILL

    def kill(self) -> None:
        if is_alive(self.pid, self._started):
            os.kill(self.pid, signal.SIGKILL)

    def wait(self, timeout: float) -> int:
        deadline = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("a ready process", timeout)
            time.sleep(0.01)
        return code


class Ready:
    """One process with loaded libraries, started when it is first needed."""

    def __init__(self, kind: str) -> None:
        self.kind, self._seen = kind, dict(os.environ)
        self._process: subprocess.Popen[str] | None = None
        self._folder = Path(tempfile.mkdtemp())

    def fits(self, environment: Mapping[str, str]) -> bool:
        """Tell whether libraries loaded in that environment would be those that are loaded here."""
        kept = [
            {name: value for name, value in each.items() if not name.startswith(READ_LATER)} for each in (environment, self._seen)
        ]
        return kept[0] == kept[1]

    def _loaded(self) -> subprocess.Popen[str]:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.ready", self.kind], cwd=ROOT, env=self._seen | CHANGES[self.kind],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
            )  # fmt: skip
        return self._process

    def start(self, module: str, arguments: Sequence[str], environment: Mapping[str, str], out: Path, err: Path) -> ReadyProcess:
        """Run a module's `main` in a fork; what it prints is appended to the two files."""
        process, code = self._loaded(), self._folder / f"{time.monotonic_ns()}"
        assert process.stdin is not None and process.stdout is not None
        changed = dict(environment) | CHANGES[self.kind]
        process.stdin.write(json.dumps(asdict(Task(module, list(arguments), changed, str(out), str(err), str(code)))) + "\n")
        process.stdin.flush()
        return ReadyProcess(int(process.stdout.readline()), code)

    def end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()


class ReadySupervisors(Ready):
    """Takes the place of a supervisor's start."""

    def __init__(self) -> None:
        super().__init__(SUPERVISOR)
        self._spawn = launching.spawn_detached

    def spawn(self, arguments: list[str], log_path: Path, changes: Mapping[str, str | None] | None = None) -> Any:
        if arguments[:2] != ["-m", SUPERVISOR] or changes or not self.fits(os.environ):
            return self._spawn(arguments, log_path, changes or {})
        # A folder that cannot be written to is found out here, as by the real start.
        log_path.open("ab").close()
        return self.start(SUPERVISOR, arguments[2:], os.environ, log_path, log_path)


# The one of this session, where there is one: benchmarks and pictures have none, and a `cold` test wants none.
pages: Ready | None = None


def start(module: str, arguments: Sequence[str], environment: Mapping[str, str], out: Path, err: Path) -> Process:
    """Start `python -m MODULE ARGUMENTS`, forked where its libraries are there."""
    if pages is not None and module in LIBRARIES[PAGE] and pages.fits(environment):
        return pages.start(module, arguments, environment, out, err)
    with out.open("ab") as told, err.open("ab") as complained:
        command = [sys.executable, "-m", module, *arguments]
        return subprocess.Popen(command, cwd=ROOT, env=dict(environment), stdout=told, stderr=complained)


def run(
    module: str, *arguments: str, environment: Mapping[str, str] | None = None, seconds: float = 60.0
) -> subprocess.CompletedProcess[str]:
    """Run it to its end."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder) / "out", Path(folder) / "err"
        process = start(module, arguments, os.environ if environment is None else environment, out, err)
        try:
            code = process.wait(seconds)
        finally:
            process.kill()
        return subprocess.CompletedProcess([module, *arguments], code, out.read_text(), err.read_text())


def main() -> NoReturn:
    kind = sys.argv[1]
    names = list(LIBRARIES[kind])
    if kind == SUPERVISOR:
        from core import supervisor

        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        names += supervisor.PRELOADED
    for name in names:
        importlib.import_module(name)
    gc.freeze()
    assert threading.active_count() == 1, "a fork would lose the other threads"
    told = b""
    while True:
        if select.select([0], [], [], LOOK_SECONDS)[0]:
            read = os.read(0, 2**16)
            if not read:
                sys.exit(0)
            told += read
        while b"\n" in told:
            line, told = told.split(b"\n", 1)
            pid = os.fork()
            if pid == 0:
                serve(Task(**json.loads(line)))
            print(pid, flush=True)
        reap()


def reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


def serve(task: Task) -> NoReturn:
    code: Any = 1
    try:
        os.setsid()
        os.environ.clear()
        os.environ.update(task.environment)
        written = [os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND) for path in (task.out, task.err)]
        files = [os.open(os.devnull, os.O_RDONLY), *written]
        for place, file in enumerate(files):
            os.dup2(file, place)
        for file in files:
            os.close(file)
        sys.argv = [task.module, *task.arguments]
        code = importlib.import_module(task.module).main()
    except SystemExit as end:
        code = end.code
    except Exception:  # noqa: BLE001  it is told as the interpreter would, and is no business of the loop that forked this
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        Path(task.code).write_text(str(code or 0))
        os._exit(code or 0)


if __name__ == "__main__":
    main()
