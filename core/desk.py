"""The desk: one process that keeps models at hand and answers what must be quick, one request at a time, and a map beside them.

The supervisor starts it when somebody asks (`core.desk_client`) and it ends after five idle minutes, or with the supervisor; its
memory is free then. It reads on the CPU: a GPU belongs to the runs. Nobody's texts go into its log.
"""

import argparse
import contextlib
import importlib
import json
import math
import os
import secrets
import socket
import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection, answer_challenge, deliver_challenge
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from core.desk_client import BUSY, DESK, HOST, MOST_ASKED_BYTES, NOTE, as_connection
from core.desk_shelf import Deadline, Shelf
from core.errors import ConfigError, MachineError, StudioError, one_sentence, without_words
from core.locks import lock
from core.machine import usable_cores
from core.processes import is_alive, start_time, step_back
from core.visitors import shelf_of

IDLE_SECONDS, LOOK_SECONDS = 300.0, 1.0
MOST_SECONDS = 120.0
MOST_MAPS = 4
# How long a request that cannot look at the clock may go on after its time; then the whole desk ends.
GRACE_SECONDS = 10.0
HUNG = 70
LEFT = (OSError, EOFError, AuthenticationError)
# Where each request is answered, by `handler(shelf, values, deadline) -> answer`; loaded when it is needed.
REQUESTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "embed": ("core.desk_requests", "embed"),
        "search": ("core.desk_requests", "search"),
        "film": ("core.explore", "film"),
        "place": ("core.explore", "place_typed"),
        "warm": ("core.explore", "warm"),
    }
)


class Desk:
    """Listens, and answers one request after the other."""

    def __init__(self, runs_dir: Path, idle_seconds: float = IDLE_SECONDS) -> None:
        self.runs_dir = runs_dir
        self.folder = runs_dir / DESK
        self.idle_seconds = idle_seconds
        self.shelf = Shelf(runs_dir)
        self._key = secrets.token_bytes(32)
        self._server = socket.create_server((HOST, 0))
        self._server.settimeout(LOOK_SECONDS)
        self._parent = (os.getppid(), start_time(os.getppid()))
        self._asked_at = time.monotonic()
        # By thread, for a map may be worked out beside the questions: the first UMAP compiles for up to a minute.
        self._hung_at: dict[int, float] = {}
        self._maps, self._room_for_maps = ThreadPoolExecutor(1, "maps"), threading.Semaphore(MOST_MAPS)

    def serve(self) -> None:
        """Answer until nobody has asked for a while, or the supervisor is gone."""
        self._write_note()
        threading.Thread(target=self._watch, name="watch", daemon=True).start()
        try:
            while not self._is_over():
                with contextlib.suppress(TimeoutError):
                    end, _ = self._server.accept()
                    self._attend(end)
        finally:
            (self.folder / NOTE).unlink(missing_ok=True)
            self._server.close()

    def _write_note(self) -> None:
        """Say where it listens and with which key, to this user only and as a whole."""
        note = {
            "port": self._server.getsockname()[1],
            "key": self._key.hex(),
            "pid": os.getpid(),
            "started": start_time(os.getpid()),
        }
        beside = self.folder / f".{NOTE}.{os.getpid()}.part"
        beside.unlink(missing_ok=True)
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            json.dump(note, out)
        beside.replace(self.folder / NOTE)

    def _is_over(self) -> bool:
        if time.monotonic() - self._asked_at > self.idle_seconds or not self.folder.is_dir():
            return True
        return os.getppid() != self._parent[0] or not is_alive(*self._parent)

    def _watch(self) -> None:
        """End the process over a request that hangs: whoever asks next gets a new one."""
        while True:
            time.sleep(LOOK_SECONDS)
            if time.monotonic() > min(list(self._hung_at.values()), default=math.inf):
                os._exit(HUNG)

    def _attend(self, end: socket.socket) -> None:
        """Answer whoever has come and knows the key; who leaves before the end is nobody's fault."""
        with contextlib.ExitStack() as stack, contextlib.suppress(*LEFT):
            connection = stack.enter_context(as_connection(end))
            deliver_challenge(connection, self._key)
            answer_challenge(connection, self._key)
            message = connection.recv_bytes(MOST_ASKED_BYTES)
            self._asked_at = time.monotonic()
            if not _is_map(message):
                torch.set_num_threads(1 if (self.folder / BUSY).exists() else usable_cores())
                self._send(stack.pop_all(), connection, message, self.shelf)
            elif not self._room_for_maps.acquire(blocking=False):
                connection.send_bytes(_fault(MachineError("Other maps are being worked out; wait a minute, then ask again.")))
            else:
                self._maps.submit(self._draw, stack.pop_all(), connection, message, self._asked_at)

    def _draw(self, stack: contextlib.ExitStack, connection: Connection, message: bytes, came: float) -> None:
        try:
            # A shelf of its own: it needs no model, and names are looked up in the folder of whoever asks.
            self._send(stack, connection, message, Shelf(self.runs_dir), came)
        finally:
            self._room_for_maps.release()

    def _send(
        self, stack: contextlib.ExitStack, connection: Connection, message: bytes, shelf: Shelf, came: float | None = None
    ) -> None:
        with stack, contextlib.suppress(*LEFT):
            connection.send_bytes(self._answer(message, shelf, time.monotonic() - came if came else 0.0))
            self._asked_at = time.monotonic()

    def _answer(self, message: bytes, shelf: Shelf, waited: float) -> bytes:
        try:
            asked = json.loads(message)
            deadline = Deadline(min(float(asked["seconds"]), MOST_SECONDS))
            deadline.until -= waited
            # Who has waited for so long has gone.
            deadline.check()
            self._hung_at[threading.get_ident()] = deadline.until + GRACE_SECONDS
            shelf.serve(shelf_of(self.runs_dir, str(asked.get("owner", ""))))
            return json.dumps({"answer": _handler(str(asked["request"]))(shelf, asked["values"], deadline)}).encode()
        except StudioError as error:
            return _fault(error)
        except MemoryError:
            shelf.clear()
            return _fault(MachineError("The memory is full; wait until other work has ended, or choose a smaller model."))
        except Exception as error:  # noqa: BLE001  the last line of defence: the next one who asks has done nothing wrong
            print(without_words(error), file=sys.stderr, flush=True)  # noqa: T201
            name = type(error).__name__
            return _fault(StudioError(f"This could not be answered ({name}), which is a fault of the studio's own; ask again."))
        finally:
            self._hung_at.pop(threading.get_ident(), None)


def _is_map(message: bytes) -> bool:
    """Tell whether a map is asked for that is not linear, and so takes long."""
    with contextlib.suppress(ValueError, TypeError, KeyError):
        asked = json.loads(message)
        return bool(asked["request"] == "film" and asked["values"]["method"] == "umap")
    return False


def _handler(name: str) -> Any:
    if name not in REQUESTS:
        raise ConfigError("request", f"'{name[:40]}' is none of {', '.join(REQUESTS)}.")
    module, handler = REQUESTS[name]
    return getattr(importlib.import_module(module), handler)


def _fault(error: StudioError) -> bytes:
    return json.dumps({"fault": one_sentence(error), "kind": error.kind}).encode()


def main(runs_dir: Path, idle_seconds: float = IDLE_SECONDS) -> int:
    """Serve a runs folder's questions, unless another desk does."""
    folder = runs_dir / DESK
    folder.mkdir(mode=0o700, exist_ok=True)
    step_back(folder / "log.txt")
    held = lock(folder)
    if held is None:
        return 0
    with held:
        Desk(runs_dir, idle_seconds).serve()
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs_dir", type=Path)
    code = main(parser.parse_args().runs_dir.resolve())
    # The libraries take seconds to say goodbye, and have nothing to save.
    os._exit(code)
