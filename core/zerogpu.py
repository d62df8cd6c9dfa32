"""A ZeroGPU Space, the one exception to the rule that the page's process loads no training library and trains nothing.

There a GPU is lent by the call: the package `spaces` forks the app's process, runs a function that it has decorated in the fork,
inside the event of the visitor whose quota pays for it, and kills the fork when the seconds are over that were asked for. No
process of our own would get a GPU. So what Start training makes there is done in that fork, Gradio's queue takes the place of
ours, and leaving the page ends the run like Stop. The run is the same folder, written by the same code; all other work goes
through the supervisor as ever, on the CPU.
"""

import contextlib
import importlib
import math
import os
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from core.config import build_config
from core.errors import DataError, MachineError, StudioError
from core.jobs import ask
from core.launching import OFFLINE, ensure_supervisor, supervisor_differs
from core.places import Places
from core.runs import RunFolder
from core.worker import do

GPU_SECONDS = 60
# Of them: for CUDA's start, and for a run that has to be told to end because it took longer than it had foreseen.
RESERVE_SECONDS, LATE_SECONDS = 10, 2.5
LOOK_SECONDS = 0.5
PRELOADED = ("core.training", "core.cross_training")
WAITS = "Waits for the GPU."
SAYS = (
    f"Start training asks for a GPU, for {GPU_SECONDS} seconds of your daily quota at most; set “Or seconds” lower to ask for "
    "less. The run ends in that time with what it has learned, and leaving this page ends it as Stop does."
)
# The platform's messages may hold links.
TAG = re.compile(r"<[^>]*>")


def is_zerogpu() -> bool:
    """Tell whether this is a ZeroGPU Space; `spaces` reads the variable in the same way."""
    return os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


@cache
def lent_gpu() -> Callable[[str], Iterator[str]]:
    """Return `work`, decorated. It has to be called before anything else loads torch, and before the page is launched.

    What training needs is loaded here, once: a fork has it in no time, while loading would cost a visitor ten seconds.
    """
    import spaces  # type: ignore[import-not-found]  # noqa: PLC0415  it loads torch, and is there on a Space alone

    # The driver may show a GPU to others, and they could not use it.
    supervisor_differs["CUDA_VISIBLE_DEVICES"] = ""
    for name in PRELOADED:
        importlib.import_module(name)
    decorated: Callable[[str], Iterator[str]] = spaces.GPU(duration=gpu_seconds)(work)
    return decorated


def gpu_seconds(path: str) -> int:
    """Return for how many seconds a run needs the GPU: those that it was given and the reserve, or all that it may have."""
    asked = RunFolder(Path(path)).config().time_budget_seconds
    return min(GPU_SECONDS, math.ceil(asked) + RESERVE_SECONDS) if asked else GPU_SECONDS


def train_all(runs: Sequence[RunFolder]) -> Generator[str, None, None]:
    """Train the runs of a chain, one GPU call after the other, and yield now and then the name of the one that goes on.

    To be iterated inside the visitor's event. Closing it ends the run that goes on like Stop; what had not begun stays undone.

    Raises:
        StudioError: the rows cannot be prepared, or no GPU was lent; the run says so as well.
    """
    try:
        for run in runs:
            run.set_status(detail=WAITS)
        for run in runs:
            after = run.config().after
            before = RunFolder(run.runs_dir / after).status() if after else None
            if after and not (before and before.has_model):
                break
            yield from _train(run)
    finally:
        for run in runs:
            if _is_queued(run):
                _end(run, "stopped", "Stopped before it began.")


def _train(run: RunFolder) -> Iterator[str]:
    lent: Iterator[str] = iter(())
    try:
        yield run.id
        yield from _prepare(run)
        if _is_wanted(run):
            lent = lent_gpu()(str(run.path))
            for _ in lent:
                yield run.id
    except GeneratorExit:
        # The page was left. The process knows nothing of it, but it looks for STOP.
        _press_stop(run)
        # To close what was lent is to wait until the run has ended, and here every visitor's page would wait with it.
        threading.Thread(target=deque, args=(lent, 0), daemon=True).start()
        raise
    except StudioError as error:
        _end(run, "failed", str(error), error.kind)
        raise
    except Exception as error:  # noqa: BLE001  whatever the platform says, the visitor has to know and the run must not wait
        if not run.is_cancelled():
            raise _refusal(run, error) from None


def _prepare(run: RunFolder) -> Iterator[str]:
    """Have the examples made on the CPU: no second of a GPU is for that. Those of a cross-encoder are made by its own process.

    Raises:
        DataError: they cannot be made; the sentence is the worker's.
    """
    status, config = run.status(), run.config()
    if config.kind != "train":
        return
    places = Places(Path(status.data_dir) if status and status.data_dir else None, run.runs_dir)
    job = ask(build_config(config.model_dump() | {"kind": "prepare"}), places)
    while (made := job.status()) is not None and not made.is_final and _is_wanted(run):
        ensure_supervisor(run.runs_dir)
        yield run.id
        time.sleep(LOOK_SECONDS)
    if made is not None and made.is_final and made.state != "done":
        raise DataError(str(made.error.get("message") or made.detail))


def _refusal(run: RunFolder, error: Exception) -> MachineError:
    """Return why there is no GPU, or none any more; a run whose process is gone gets its last word from the supervisor."""
    said = TAG.sub("", str(getattr(error, "message", error)))
    if not _is_queued(run):
        return MachineError(
            f"The GPU's process ended before the run did ({said}); start it again, or resume it, and it goes on on the CPU."
        )
    refusal = MachineError(f"No GPU was lent ({said}); try again later, or set “Or seconds” lower to ask for less.")
    _end(run, "failed", str(refusal), refusal.kind)
    return refusal


def _is_queued(run: RunFolder) -> bool:
    status = run.status()
    return status is not None and status.state == "queued"


def _is_wanted(run: RunFolder) -> bool:
    """Tell whether a run still waits for its beginning, and nobody has asked for its end meanwhile."""
    return _is_queued(run) and not run.stop_wish() and not run.is_cancelled()


def _end(run: RunFolder, state: str, detail: str, kind: str = "") -> None:
    error = {"kind": kind, "message": detail, "before_first_step": True} if kind else {}
    run.set_status(state=state, detail=detail, finished=time.time(), error=error)


def work(path: str) -> Iterator[str]:
    """Do a run in the process that has the GPU, and yield its state now and then, so that the visitor's event stays alive.

    The process serves later visitors too, so nothing of a run may be left in it. It is a daemon, which may have no children; a
    run in one process needs none.
    """
    run = RunFolder(Path(path))
    if not _is_wanted(run):
        return
    seconds = float(gpu_seconds(path) - RESERVE_SECONDS)
    over = time.monotonic() + seconds
    _settle_in()
    with run.log_path.open("a") as out, contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        doing = threading.Thread(target=do, args=(run, seconds), daemon=True)
        doing.start()
        try:
            while doing.is_alive():
                doing.join(LOOK_SECONDS)
                _end_in_time(run, time.monotonic() - over)
                status = run.status()
                yield status.state if status else ""
        except GeneratorExit:
            _press_stop(run)
            raise
        finally:
            doing.join()
            _settle_up(run)


def _settle_in() -> None:
    """Make of a fork of the page's process what a worker is: offline, its tokenizers without threads that a fork has not."""
    os.environ |= OFFLINE | {"TOKENIZERS_PARALLELISM": "false"}
    # It has been read from the environment long ago.
    hub: Any = importlib.import_module("huggingface_hub.constants")
    hub.HF_HUB_OFFLINE = True
    cuda = importlib.import_module("torch").cuda
    if cuda.is_available():
        cuda.reset_peak_memory_stats()


def _settle_up(run: RunFolder) -> None:
    """Let go of a run that has ended: the process lives on, and is the run's no more."""
    importlib.import_module("core.training").free_memory()
    run.set_status(pid=None, pid_started=None)


def _press_stop(run: RunFolder) -> None:
    # Who deleted the run has ended it.
    with contextlib.suppress(OSError):
        run.request_stop()


def _end_in_time(run: RunFolder, late_seconds: float) -> None:
    """Press Stop for a run that has not kept to its time, and a second time, which skips the scoring, before it is killed."""
    wish = run.stop_wish()
    if (late_seconds > LATE_SECONDS and wish is None) or (late_seconds > 2 * LATE_SECONDS and wish == "stop"):
        _press_stop(run)
