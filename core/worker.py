"""One process, one run folder, then it ends: `python -m core.worker RUN`. All memory is free afterwards."""

import argparse
import contextlib
import importlib
import os
import shutil
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from core.errors import DiskFullError, MachineError, StudioError, is_disk_full, one_sentence
from core.launching import OFFLINE, may_ask_the_hub
from core.locks import lock_soon
from core.processes import start_time, step_back
from core.run_log import RunLog
from core.runs import RunFolder

HEARTBEAT_SECONDS = 1.0
LOCK_SECONDS = 1.0
LAST_WORD_SECONDS = 3.0
# Where each kind of work is done, loaded when it is needed: preparing rows takes no torch.
WORK: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "train": ("core.training", "train"),
        "cross-encoder": ("core.cross_training", "train_cross_encoder"),
        "score": ("core.scoring", "score"),
        "prepare": ("core.prepare", "prepare_job"),
        "mine": ("core.mining", "mine"),
        "try": ("core.trying", "try_texts"),
        "look": ("core.looking", "look"),
        "race": ("core.racing", "race"),
        "measure": ("core.measuring_work", "measure"),
        "fetch": ("core.hub", "fetch_job"),
        "fetch-model": ("core.hub_fetch", "fetch_model"),
    }
)


def main(run_path: Path) -> int:
    """Do what the folder asks for and write how it ended; the exit code is 0, or 1 when it failed."""
    run = RunFolder(run_path)
    step_back(run.log_path)
    if int(os.environ.get("RANK", "0")) > 0:
        return _follow(run)
    return do(run)


def do(run: RunFolder, seconds: float | None = None) -> int:
    """Do what the folder asks for in this process, in so many `seconds` at most, and return the exit code."""
    # Who moves a run in the queue holds its lock for some milliseconds.
    held = lock_soon(run.path, LOCK_SECONDS)
    if held is None:
        # Another supervisor's worker has it.
        return 0
    run.set_status(state="loading", started=time.time(), pid=os.getpid(), pid_started=start_time(os.getpid()))
    log = RunLog(run, seconds=seconds)
    ended = threading.Event()
    heart = threading.Thread(target=_keep_beating, args=(log, ended), daemon=True)
    heart.start()
    try:
        kind = run.config().kind
        if kind != "train":
            _be_alone()
        module, work = WORK[kind]
        getattr(importlib.import_module(module), work)(log)
        # Others wait for steps that a leader who was stopped before never makes: who started them ends them when one fails.
        return 1 if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not log.has_stepped else 0
    except Exception as error:  # noqa: BLE001  the last line of defence: whatever it was, the page has to say so
        return _fail(log, error)
    finally:
        # The process may live on: nothing of the run stays behind.
        ended.set()
        heart.join()
        held.close()


def _be_alone() -> None:
    """Forget the other processes that a launcher started: what does not train is done by one."""
    for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        os.environ.pop(name, None)


def _follow(run: RunFolder) -> int:
    """Train with the process that leads; what is wrong with the run is for that one to say."""
    try:
        if run.config().kind == "train":
            module, work = WORK["train"]
            getattr(importlib.import_module(module), work)(RunLog(run, speaks=False))
    except Exception as error:  # noqa: BLE001  the last line of defence: without a trace in the log nobody would know
        if not isinstance(error, StudioError):
            traceback.print_exc()
        # Who started us ends the others when one fails: let the leader write why first.
        time.sleep(LAST_WORD_SECONDS)
        return 1
    return 0


def _keep_beating(log: RunLog, ended: threading.Event) -> None:
    while not ended.wait(HEARTBEAT_SECONDS):
        # A full disk must not kill the heart: the next beat may find room.
        with contextlib.suppress(OSError):
            log.set_status(heartbeat=time.time())


def _fail(log: RunLog, error: Exception) -> int:
    """Write why it ended. A `StudioError` is the person's to mend; anything else is ours, so its traceback is kept."""
    if log.run.is_gone():
        # What was written after somebody deleted the folder.
        shutil.rmtree(log.run.path, ignore_errors=True)
        return 1
    if is_disk_full(error):
        error = DiskFullError(
            "The disk is full, so nothing more could be saved; free some space and start again. Earlier runs are untouched."
        )
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        error = MachineError("The memory is full; choose a smaller batch_size or eval_batch_size and start again.")
    if isinstance(error, StudioError):
        kind, message = error.kind, one_sentence(error)
    else:
        traceback.print_exc()
        kind, message = "bug", f"The run ended with an error of its own: {one_sentence(error, 160)}. See the run's log."
    fault = {"kind": kind, "message": message, "before_first_step": not log.has_stepped, "log": log.run.last_log_lines()}
    log.end("failed", message, error=fault)
    return 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    asked_run = parser.parse_args().run.resolve()
    if not may_ask_the_hub(RunFolder(asked_run)):
        # As a supervisor has it; started by hand, nobody else says so.
        os.environ |= OFFLINE
    sys.exit(main(asked_run))
