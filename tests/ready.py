"""Processes whose libraries are loaded: forked from one that has them, for tests that are about something else than loading.

Loading takes longer than most of what a test then has done: 13 s of processor time for a supervisor's libraries, 8 s for those of
the page and of the command line.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from core import launching
from core.launching import OFFLINE
from core.processes import KEEP_BLOCKS
from tests.loaded import COMMAND, LIBRARIES, PAGE, SUPERVISOR, Task

ROOT = Path(__file__).parent.parent
LOADING_SECONDS = 120.0
CHANGES = {SUPERVISOR: KEEP_BLOCKS | OFFLINE, PAGE: {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1"}}
# Variables that are read after the libraries are there, and so may differ from what they were loaded with; a supervisor that
# spawns its workers loads none.
READ_LATER = ("STUDIO_", "PYTEST_", "GRADIO_SERVER_PORT", "GRADIO_ROOT_PATH")
READ_AT_LOADING = "STUDIO_SPAWN"


class Process(Protocol):
    """What is started, forked or not: `poll` and `wait` give its exit code, negative for a signal."""

    pid: int

    def poll(self) -> int | None: ...

    def kill(self) -> None: ...

    def wait(self, timeout: float) -> int: ...


class ReadyProcess:
    """The forked process, as one that was started looks to whoever started it."""

    def __init__(self, pid: int, code: Path) -> None:
        self.pid, self._code = pid, code

    def poll(self) -> int | None:
        return int(self._code.read_text()) if self._code.exists() else None

    def kill(self) -> None:
        # One that has just been reaped has its code in a moment.
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def wait(self, timeout: float) -> int:
        deadline = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(f"the forked process {self.pid}", timeout)
            time.sleep(0.01)
        return code


def without_blocks(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what a page is started with: it keeps no blocks of memory, as the tests' own processes do."""
    return {name: value for name, value in environment.items() if name not in KEEP_BLOCKS}


def read_at_loading(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name == READ_AT_LOADING or not name.startswith(READ_LATER)}


class Ready:
    """One process with loaded libraries, started when it is first needed."""

    def __init__(self, kind: str) -> None:
        self.kind, self._seen = kind, without_blocks(os.environ)
        self._process: subprocess.Popen[str] | None = None
        self._folder = tempfile.TemporaryDirectory()
        self._started = 0

    def fits(self, environment: Mapping[str, str]) -> bool:
        """Tell whether libraries loaded in that environment would be those that are loaded here."""
        return read_at_loading(without_blocks(environment)) == read_at_loading(self._seen)

    def _loaded(self) -> subprocess.Popen[str]:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.loaded", self.kind], cwd=ROOT, env=self._seen | CHANGES[self.kind],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
            )  # fmt: skip
            # The time that a process is then given is its own.
            self._answer(self._process)
        return self._process

    def _answer(self, process: subprocess.Popen[str]) -> int:
        assert process.stdout is not None
        told = process.stdout.readline() if select.select([process.stdout], [], [], LOADING_SECONDS)[0] else ""
        assert told, f"what loads the libraries of {self.kind} does not answer; its exit code is {process.poll()}"
        return int(told)

    def start(self, module: str, arguments: Sequence[str], environment: Mapping[str, str], out: Path, err: Path) -> ReadyProcess:
        """Run a module's `main` in a fork; what it prints is appended to the two files."""
        process = self._loaded()
        assert process.stdin is not None
        self._started += 1
        code = Path(self._folder.name) / str(self._started)
        changed = dict(environment) | CHANGES[self.kind]
        process.stdin.write(json.dumps(asdict(Task(module, list(arguments), changed, str(out), str(err), str(code)))) + "\n")
        process.stdin.flush()
        return ReadyProcess(self._answer(process), code)

    def end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
        self._folder.cleanup()


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


def command_of(module: str, arguments: Sequence[str]) -> list[str]:
    """Return what a person types to have a module's `main` run."""
    typed = {PAGE: ["app.py"], COMMAND: ["-m", "core"]}.get(module, ["-m", module])
    return [sys.executable, *typed, *arguments]


def start(module: str, arguments: Sequence[str], environment: Mapping[str, str], out: Path, err: Path) -> Process:
    """Start it, forked where its libraries are there."""
    if pages is not None and module in LIBRARIES[PAGE] and pages.fits(environment):
        return pages.start(module, arguments, environment, out, err)
    with out.open("ab") as told, err.open("ab") as complained:
        command = command_of(module, arguments)
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
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
            raise
        return subprocess.CompletedProcess([module, *arguments], code, out.read_text(), err.read_text())
