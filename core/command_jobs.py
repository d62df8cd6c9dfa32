"""What the command line asks of the queue and waits for: a run followed on the terminal, triplets mined, rows fetched."""

import shutil
import sys
import time
from pathlib import Path
from typing import Any

from tqdm import tqdm

from core.base_models import kind_of
from core.config import PREVIOUS, RunConfig, build_config
from core.data_catalogue import data_parts, hub_name
from core.errors import ConfigError, DataError
from core.jobs import ask
from core.launching import ensure_supervisor
from core.listing import run_seconds
from core.places import Places
from core.prepared import MINED, find_prepared
from core.queue import ran_out_of_memory, resume
from core.recipe_runs import Chain
from core.run_store import ensure_runs_dir
from core.runs import RunFolder, Status
from core.series import FollowedRun
from core.sources import locate

POLL_SECONDS = 0.1
# On a terminal the bar moves at each look; in a file each drawing would be one more line.
DRAWN_SECONDS_IN_A_FILE = 5.0
ENSURE_SECONDS = 1.0
FAULT_EXIT, FAILED_EXIT = 2, 1


def follow(run: RunFolder) -> Status:
    """Draw a progress bar on stderr until the run has ended."""
    followed, ensured, drawn = FollowedRun(run.events_path), 0.0, 0.0
    seconds_between = 0.0 if sys.stderr.isatty() else DRAWN_SECONDS_IN_A_FILE
    with tqdm(total=None, unit="step", file=sys.stderr, leave=True) as bar:
        while True:
            if time.monotonic() - ensured > ENSURE_SECONDS:
                ensure_supervisor(run.runs_dir)
                ensured = time.monotonic()
            status = run.status()
            if status is None:
                raise ConfigError("", f"Run {run.id} was deleted while it went on.")
            if status.is_final or time.monotonic() - drawn >= seconds_between:
                followed.read_on()
                _draw(bar, status, followed)
                drawn = time.monotonic()
            if status.is_final:
                return status
            time.sleep(POLL_SECONDS)


def _draw(bar: "tqdm[Any]", status: Status, followed: FollowedRun) -> None:
    bar.set_description(status.state if status.state != "queued" else "waiting for its turn", refresh=False)
    if followed.steps:
        last = followed.steps[-1]
        bar.total, bar.n = last["total_steps"], last["step"]
        bar.set_postfix(loss=f"{last['loss']:.4f}", refresh=False)
    bar.refresh()


def resume_and_follow(run: RunFolder, halve_batch: bool) -> Status:
    """Queue a run that ended early again and follow it; memory that ran out halves the batch without being asked to.

    Raises:
        RunError: it cannot be resumed.
    """
    status = run.status()
    halve = halve_batch or (status is not None and ran_out_of_memory(status))
    resume(run, halve)
    print(f"Run {run.id} goes on from its last checkpoint{', with half the batch' if halve else ''}", file=sys.stderr)  # noqa: T201
    return follow(run)


def result_of(run: RunFolder) -> dict[str, Any]:
    """Return what the last line of `train` and of `resume` says of a run."""
    status = run.status()
    assert status is not None
    return {
        "run": run.id,
        "state": status.state,
        "baseline": run.scores("before"),
        "scores": run.scores("after"),
        "seconds": run_seconds(status),
    }


def exit_code(status: Status) -> int:
    """Return 0 for a run that did its work, 2 for a fault before its first step that a person can mend, else 1."""
    if status.state == "done" or (status.state == "stopped" and status.has_model):
        return 0
    return FAULT_EXIT if status.error.get("before_first_step") and status.error.get("kind") != "bug" else FAILED_EXIT


def make_ready(chain: Chain, places: Places) -> None:
    """Refuse a base model that is not here, and get what a configuration names on the Hub: naming it is asking for it.

    Raises:
        ModelError: a base model is not here.
        DataError: rows cannot be fetched.
    """
    assert places.runs_dir is not None
    ensure_runs_dir(places.runs_dir)
    for config in chain:
        if config.base_model != PREVIOUS:
            # Found here as well as in the worker: a wrong base model should not wait for torch.
            kind_of(config.base_model, places.runs_dir)
        for name in data_parts(config.data):
            if name.startswith("hub:") and locate(name, config.split, places) is None:
                answer(build_config({"kind": "fetch", "data": name, "split": config.split, "max_rows": config.max_rows}), places)


def answer(config: RunConfig, places: Places) -> RunFolder:
    """Queue a job, follow it, and return its folder.

    Raises:
        DataError: it failed; the sentence is the worker's.
    """
    run = ask(config, places)
    status = follow(run)
    if status.state != "done":
        raise DataError(str(status.error.get("message") or status.detail))
    return run


def mine_triplets(config: RunConfig, out: Path, places: Places) -> dict[str, Any]:
    """Prepare triplets with mined negatives through the queue, copy them out, and return what there is to say of them.

    Raises:
        DataError: the job failed; the sentence is the worker's.
    """
    negatives = config.negatives if config.negatives in MINED else "semi-hard"
    config = build_config(config.model_dump() | {"kind": "prepare", "negatives": negatives, "examples": None})
    assert places.runs_dir is not None
    ensure_runs_dir(places.runs_dir)
    prepared = find_prepared(answer(config, places).path)
    assert prepared is not None
    shutil.copyfile(prepared.path, out)
    said = {"out": str(out), "examples": prepared.report["examples"], "negatives": prepared.report["negatives"]}
    return said | {"left_out": prepared.report["shapes"]["positive-pairs"] - said["examples"]}


def fetch_rows(config: RunConfig, places: Places) -> str:
    """Get rows from the Hub through the queue and return how many are here.

    Raises:
        DataError: the Hub does not answer, or has no such rows.
    """
    hub_name(config.data)
    status = answer(config, places).status()
    return status.detail if status else ""
