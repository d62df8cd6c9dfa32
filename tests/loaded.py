"""Loads the libraries of a kind of process and forks one for each task: `python -m tests.loaded KIND`, for `tests.ready`.

It reads a `Task` a line, runs its module's `main` in a child, and answers with the child's pid; the first answer is its own. What
a process does at its very end, when Python joins threads and calls what is registered at exit, is not done.
"""

import gc
import importlib
import json
import os
import select
import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

SUPERVISOR, PAGE, COMMAND = "core.supervisor", "app", "core.__main__"
# What a supervisor loads itself, and what the page, the command line and the tests' own programs need.
LIBRARIES = {
    SUPERVISOR: [SUPERVISOR],
    PAGE: [PAGE, "ui.launch", COMMAND, "tests.hostile_calls", "tests.visiting_page", "tests.scores_page"],
}


@dataclass(frozen=True)
class Task:
    """A module's `main`, as a process of its own would run it; its exit code is written to `code` once all of it is gone."""

    module: str
    arguments: list[str]
    environment: dict[str, str]
    out: str
    err: str
    code: str


def load(kind: str) -> None:
    """Import it all, so that a fork finds it, and nothing to look through for garbage."""
    names = list(LIBRARIES[kind])
    if kind == SUPERVISOR:
        from core.preloading import PRELOADED, set_environment

        set_environment()
        names += PRELOADED
    for name in names:
        importlib.import_module(name)
    gc.freeze()
    assert threading.active_count() == 1, "a fork would lose the other threads"


def main() -> NoReturn:
    # What a library prints while it is loaded is no answer.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    load(sys.argv[1])
    # A child's end interrupts the wait for the next task.
    ended, signalled = os.pipe()
    os.set_blocking(signalled, False)
    signal.set_wakeup_fd(signalled)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    print(os.getpid(), file=answers, flush=True)
    told, codes = b"", dict[int, str]()
    while True:
        ready = select.select([0, ended], [], [])[0]
        if ended in ready:
            os.read(ended, 2**10)
            reap(codes)
        if 0 in ready:
            read = os.read(0, 2**16)
            if not read:
                sys.exit(0)
            told += read
        while b"\n" in told:
            line, told = told.split(b"\n", 1)
            task = Task(**json.loads(line))
            pid = os.fork()
            if pid == 0:
                serve(task, (answers.fileno(), ended, signalled))
            codes[pid] = task.code
            print(pid, file=answers, flush=True)


def reap(codes: dict[int, str]) -> None:
    """Write the exit codes of the children that have ended, each as a whole file: somebody waits for it."""
    while codes:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        path = Path(codes.pop(pid))
        beside = path.with_suffix(".part")
        beside.write_text(str(os.waitstatus_to_exitcode(status)))
        beside.replace(path)


def serve(task: Task, held: Sequence[int]) -> NoReturn:
    """Be the task's process; `held` are open files that only the parent uses."""
    code: Any = 1
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.environ.clear()
        os.environ.update(task.environment)
        written = [os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND) for path in (task.out, task.err)]
        for place, file in enumerate([os.open(os.devnull, os.O_RDONLY), *written]):
            os.dup2(file, place)
        for file in (*written, *held):
            os.close(file)
        sys.argv = [task.module, *task.arguments]
        code = importlib.import_module(task.module).main()
    except SystemExit as end:
        code = end.code
    except Exception:  # noqa: BLE001  it is told as the interpreter would, and is no business of the loop that forked this
        traceback.print_exc()
    if isinstance(code, str):
        print(code, file=sys.stderr)
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code or 0)


if __name__ == "__main__":
    main()
