"""Ask the desk: the process that keeps models at hand and answers at once (`core.desk`). Loads no torch.

The desk listens on this machine only. Its address and a random key lie in `.desk/desk.json`, for this user's eyes; both ends
prove that they know the key. Messages are JSON, never pickles.
"""

import base64
import json
import socket
import struct
import sys
import time
from collections.abc import Mapping
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection, answer_challenge, deliver_challenge
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from core.config import LONGEST_TEXT, MOST_TEXTS
from core.errors import ConfigError, DataError, DivergenceError, MachineError, ModelError, StudioError
from core.files import read_json
from core.launching import ensure_supervisor
from core.processes import is_alive
from core.visitors import owner_of_shelf, studio_of

DESK, NOTE, WANTED, BUSY = ".desk", "desk.json", "wanted", "busy"
HOST = "127.0.0.1"
START_SECONDS, ANSWER_SECONDS, LOOK_SECONDS = 60.0, 30.0, 0.05
# A message that has begun comes whole within this time, or its sender is gone.
PATIENCE_SECONDS = 3.0
MOST_ASKED_BYTES, MOST_ANSWERED_BYTES = 1 << 20, 1 << 24
FAULTS: Mapping[str, type[StudioError]] = MappingProxyType(
    {each.kind: each for each in (DataError, DivergenceError, MachineError, ModelError)}
)


def ask_desk(runs_dir: Path, request: str, values: Mapping[str, Any], seconds: float = ANSWER_SECONDS) -> dict[str, Any]:
    """Return the desk's answer to a request (a name of `core.desk.REQUESTS`); it is started where it does not run.

    `seconds` are counted from when it listens. Where it dies over the question, the next one is asked once more.

    Raises:
        MachineError: it cannot be started, is too slow, or died twice.
        StudioError: what the desk says is wrong, such as a model that was deleted.
    """
    asked = {"request": request, "values": dict(values), "seconds": seconds, "owner": owner_of_shelf(runs_dir)}
    message = json.dumps(asked).encode()
    if len(message) > MOST_ASKED_BYTES:
        raise ConfigError("", "This is too long to be asked at once; ask with fewer or shorter texts.")
    for _ in range(2):
        desk = _find_desk(studio_of(runs_dir))
        try:
            said = _exchange(desk, message, time.monotonic() + seconds)
        except (ConnectionError, EOFError, AuthenticationError):
            _wait_until_gone(desk)
            continue
        except (TimeoutError, BlockingIOError):
            raise MachineError(
                f"No answer came within {seconds:.0f} s, since this machine is busy; wait until other work has ended, then ask."
            ) from None
        if "fault" in said:
            raise FAULTS.get(str(said["kind"]), StudioError)(str(said["fault"]))
        return dict(said["answer"])
    raise MachineError(
        "The process that answers questions ended twice over this one, perhaps for lack of memory; free some and ask again."
    )


def wake_desk(runs_dir: Path) -> None:
    """Ask the supervisor to start the desk, and do not wait for it.

    Raises:
        RunError: the supervisor cannot be started.
    """
    folder = studio_of(runs_dir) / DESK
    folder.mkdir(mode=0o700, exist_ok=True)
    # Before the supervisor is looked for: one that is about to leave looks once more who wants something.
    (folder / WANTED).touch()
    ensure_supervisor(runs_dir)


def _find_desk(runs_dir: Path) -> Mapping[str, Any]:
    """Return the note of a desk that runs, and wait for one to be started.

    Raises:
        MachineError: it cannot be started.
    """
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        note = read_json(runs_dir / DESK / NOTE) or {}
        if is_alive(note.get("pid"), note.get("started")):
            if "fault" in note:
                raise MachineError(str(note["fault"]))
            return dict(note)
        wake_desk(runs_dir)
        time.sleep(LOOK_SECONDS)
    raise MachineError(
        f"The process that answers questions did not start within {START_SECONDS:.0f} s; wait until other work has ended, "
        "or start the studio again."
    )


def _wait_until_gone(desk: Mapping[str, Any]) -> None:
    """Wait for the end of a desk that hung up: for some milliseconds it looks alive."""
    until = time.monotonic() + PATIENCE_SECONDS
    while is_alive(desk["pid"], desk["started"]) and time.monotonic() < until:
        time.sleep(LOOK_SECONDS)


def _exchange(desk: Mapping[str, Any], message: bytes, until: float) -> dict[str, Any]:
    end = socket.create_connection((HOST, int(desk["port"])), timeout=PATIENCE_SECONDS)
    with as_connection(end) as connection:
        key = bytes.fromhex(str(desk["key"]))
        # It says the first word when it has answered whoever came before, maps left out.
        _wait(connection, until)
        answer_challenge(connection, key)
        deliver_challenge(connection, key)
        connection.send_bytes(message)
        _wait(connection, until)
        return dict(json.loads(connection.recv_bytes(MOST_ANSWERED_BYTES)))


def _wait(connection: Connection, until: float) -> None:
    if not connection.poll(max(0.0, until - time.monotonic())):
        raise TimeoutError


def as_connection(end: socket.socket) -> Connection:
    """Return a socket as a connection of whole messages, whose other end may not leave a message half sent."""
    end.setblocking(True)
    # Small messages go back and forth: put together, each would wait 40 ms for the next.
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    whole, part = divmod(PATIENCE_SECONDS, 1)
    patience = struct.pack("@L", int(PATIENCE_SECONDS * 1000))
    if sys.platform != "win32":
        patience = struct.pack("@ll", int(whole), int(part * 1e6))
    for direction in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
        end.setsockopt(socket.SOL_SOCKET, direction, patience)
    return Connection(end.detach())


def check_texts(texts: list[str]) -> list[str]:
    """Return texts that the desk may be asked about: 1 to 64 of 1 to 2,000 characters.

    Raises:
        ConfigError: they are none, too many or too long.
    """
    if not texts or not all(text.strip() for text in texts):
        raise ConfigError("", "Type something first: an empty text has no meaning to look for.")
    if len(texts) > MOST_TEXTS:
        raise ConfigError("", f"{len(texts):,} texts are too many at once; give {MOST_TEXTS} at most.")
    longest = max(map(len, texts))
    if longest > LONGEST_TEXT:
        raise ConfigError("", f"This has {longest:,} characters and {LONGEST_TEXT:,} are the most; ask in fewer words.")
    return texts


def pack_array(array: np.ndarray) -> dict[str, Any]:
    """Return numbers as a message holds them: float32, little-endian, base64."""
    return {"shape": list(array.shape), "float32": base64.b64encode(array.astype("<f4").tobytes()).decode()}


def unpack_array(packed: Mapping[str, Any]) -> np.ndarray:
    """Return the float32 numbers of `pack_array`."""
    return np.frombuffer(base64.b64decode(packed["float32"]), dtype="<f4").reshape(packed["shape"])
