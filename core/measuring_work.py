"""The work of a folder whose kind is `measure`: one task, of one or several models, and its answer in `measured.json`."""

import hashlib
import importlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sentence_transformers import SentenceTransformer

from core.errors import ConfigError
from core.files import read_json, write_json
from core.machine import library_versions, read_machine
from core.measuring import ANSWER, TASKS, Measured, measured_model
from core.models import load_model, model_fingerprint
from core.run_log import RunLog, Stopped


def measure(log: RunLog) -> None:
    """Do the task that the folder asks for and keep its answer.

    Raises:
        StudioError: something a person can mend.
    """
    task = str(log.run.config().task)
    if task not in TASKS:
        raise ConfigError("task", f"'{task[:40]}' is none of {', '.join(TASKS)}.")
    began = time.monotonic()
    log.enter("evaluating", "Loading the model")
    try:
        answer: dict[str, Any] = importlib.import_module(TASKS[task]).measure(log)
    except Stopped:
        log.end("stopped", "Stopped before it was whole; what was measured until then is read when it is asked again.")
        return
    seconds = round(time.monotonic() - began, 3)
    write_json(log.run.path / ANSWER, answer | {"task": task, "seconds": seconds, "measured": time.time()})
    log.end("done", f"Measured in {seconds:.1f} s")


def asked_models(log: RunLog) -> list[Measured]:
    """Return the models that the folder asks for.

    Raises:
        ModelError: a run was deleted meanwhile.
    """
    return [measured_model(name, log.places) for name in log.run.config().models]


def open_measured(measured: Measured, log: RunLog) -> SentenceTransformer:
    """Load a model to measure it in fp32.

    Raises:
        ModelError: it was deleted meanwhile, or cannot be read.
    """
    model = load_model(measured.choice, log.run.runs_dir, read_machine(log.run.runs_dir).device, measured.seed)
    model.eval()
    return model


def kept_record(what: list[Any], measured: Measured, runs_dir: Path, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return a record that was measured before, or measure and keep it; other weights, data or versions are another record.

    `what` names the measure and everything that decides it besides the model, the data's hash included.
    """
    fingerprint = model_fingerprint(measured.choice, runs_dir, measured.seed)
    key = json.dumps([fingerprint, what, library_versions()])
    path = runs_dir / ".scores" / hashlib.sha256(key.encode()).hexdigest()[:32] / "score.json"
    record: dict[str, Any] | None = read_json(path)
    if record is None:
        began = time.monotonic()
        record = work()
        record |= {"seconds": round(time.monotonic() - began, 3), "versions": library_versions(), "measured": time.time()}
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, record)
    return record
