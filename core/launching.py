"""How processes are started: the supervisor by whoever finds none; its workers, one on each GPU where there are several."""

import os
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from core.errors import RunError
from core.files import read_json
from core.jobs import FETCHING
from core.machine import gpu_count
from core.prepared import MINED, PREPARED
from core.processes import Child, spawn_detached
from core.quick_jobs import LOOKED, TRIED
from core.runs import RunFolder
from core.supervisor_note import Note, note_of, stays
from core.visitors import owner_of_shelf, studio_of

DEVICE, QUICK = "device", "quick"
# Lanes whose workers need torch: they wait until it is loaded.
NEED_TORCH = (DEVICE, QUICK)
# The Hub is asked only when a person asks for something from it: a worker is offline unless told otherwise.
OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "TOKENIZERS_PARALLELISM": "true"}
# What is taken away again where a person has asked for something of the Hub; nobody asked to be counted.
ONLINE: Mapping[str, None] = MappingProxyType(dict.fromkeys(("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE")))
# A stranger's work never asks the Hub in the name of whoever serves the studio: private models are not theirs to get.
NAMELESS: Mapping[str, str | None] = MappingProxyType(
    {"HF_TOKEN": None, "HUGGING_FACE_HUB_TOKEN": None, "HF_TOKEN_PATH": os.devnull, "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"}
)


def may_ask_the_hub(run: RunFolder) -> bool:
    """Tell whether a person has asked for something of the Hub: the process that does this piece of work is then online."""
    config = read_json(run.path / "config.json") or {}
    return str(config.get("kind")).startswith("fetch") or bool((config.get("task_settings") or {}).get("online"))


def changes_for(run: RunFolder) -> dict[str, str | None]:
    """Return what is laid over the environment of a process that is spawned for a run; a variable of None is taken away."""
    return {**(ONLINE if may_ask_the_hub(run) else {}), **(NAMELESS if owner_of_shelf(run.runs_dir) else {})}


def lane_of(run: RunFolder) -> str:
    """Return which work waits for which: one a lane goes on at a time. Preparing and fetching need no device.

    What answers in seconds does not wait for a training run; a race does, since it measures time.
    """
    kind = run.path.parent.name
    if kind == PREPARED and (read_json(run.path / "config.json") or {}).get("negatives") in MINED:
        return DEVICE
    if kind in (TRIED, LOOKED):
        return QUICK
    return kind if kind in (PREPARED, FETCHING) else DEVICE


def processes_of(run: RunFolder) -> int:
    """Return how many processes a run is done by: one for each GPU where it trains embeddings, else one.

    `STUDIO_PROCESSES` says another number than that of the GPUs; on a CPU too, where it makes nothing faster.
    """
    if (read_json(run.path / "config.json") or {}).get("kind") != "train":
        return 1
    wanted = os.environ.get("STUDIO_PROCESSES", "")
    return int(wanted) if wanted.isdigit() and int(wanted) else max(1, gpu_count())


def worker_arguments(run: RunFolder, together: int) -> list[str]:
    """Return what Python is started with to do a run: the worker, or the library's launcher with `together` of them.

    The launcher's `--multi_gpu` means several processes, on a CPU as well.
    """
    if together == 1:
        return ["-m", "core.worker", str(run.path)]
    how = [
        f"--num_processes={together}",
        "--num_machines=1",
        "--mixed_precision=no",
        "--dynamo_backend=no",
        "--main_process_port=0",
    ]
    return ["-m", "accelerate.commands.launch", "--multi_gpu", *how, "--module", "core.worker", str(run.path)]


def forks_here() -> bool:
    """Tell whether workers are forked: on Linux, unless `STUDIO_SPAWN=1`."""
    return sys.platform == "linux" and os.environ.get("STUDIO_SPAWN") != "1"


# The supervisor that this process started last for a folder, and the note that lay there then: until there is another one it
# still imports, or waits for the folder.
_started: dict[Path, tuple[Child, Note]] = {}
# Those before it, until they have ended: they are reaped here instead of staying zombies.
_earlier: list[Child] = []
_starting = threading.Lock()
# What the environment of a supervisor holds otherwise than that of who starts it.
supervisor_differs: dict[str, str | None] = {}


def ensure_supervisor(runs_dir: Path) -> None:
    """Start a supervisor unless one is at work; two started at once settle it by the lock. A visitor's folder has the studio's.

    Raises:
        RunError: its log cannot be written, or there is no room for a process.
    """
    runs_dir = studio_of(runs_dir)
    # Two visitors may press at the same moment: the second finds the first one's.
    with _starting:
        _earlier[:] = [child for child in _earlier if child.poll() is None]
        note, mine = note_of(runs_dir), _started.get(runs_dir)
        if stays(note) or (mine is not None and mine[0].poll() is None and mine[1] == note):
            return
        if mine is not None:
            _earlier.append(_started.pop(runs_dir)[0])
        try:
            asked = ["-m", "core.supervisor", str(runs_dir)]
            _started[runs_dir] = spawn_detached(asked, runs_dir / ".supervisor.log", supervisor_differs), note
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise RunError(f"No supervisor can be started in {str(runs_dir)[-120:]} ({reason}); free some space there.") from None
