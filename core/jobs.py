"""Work that has one folder for one question: preparing, comparing negatives, fetching. Asked twice, it is done once.

The folder's name is made of everything that decides the answer. The supervisor gives it to a worker like any run.
"""

import dataclasses
import hashlib
import json
import shutil
import time
from pathlib import Path
from types import MappingProxyType

from core.config import RunConfig
from core.data_catalogue import DATA_SETS
from core.errors import RunError
from core.files import read_json, write_json
from core.hosting import LIMITS, check_work
from core.hub_models import model_job_folder
from core.measuring import ANSWER, MEASURED, is_timed, measured_folder
from core.places import Places
from core.prepared import PREPARED, prepared_folder, weights_mark
from core.quick_jobs import ANSWERS, LOOKED, MOST_TRIED, RACED, TRIED, forget_oldest, looked_folder, raced_folder, tried_folder
from core.run_store import create_folder, iter_runs
from core.runs import RunFolder
from core.sources import FETCHED, fetched_folder
from core.visitors import owner_of_shelf

MINED_FOLDER, FETCHING = ".mined", ".fetching"
JOB_FOLDERS = (PREPARED, MINED_FOLDER, FETCHING, TRIED, LOOKED, RACED, MEASURED)
# A measure took longer than what answers in seconds, and texts that were made ready lie among them.
MOST_MEASURED = 400
QUICK_FOLDERS = MappingProxyType({"try": tried_folder, "look": looked_folder, "race": raced_folder, "measure": measured_folder})


def job_folder(config: RunConfig, places: Places) -> Path:
    """Return the folder of a job.

    Raises:
        ConfigError: something is missing that it needs: texts to try, a cross-encoder to race.
        ModelError: its base model is not here.
    """
    assert places.runs_dir is not None
    if config.kind in QUICK_FOLDERS:
        return QUICK_FOLDERS[config.kind](config, places)
    if config.kind == "prepare":
        return prepared_folder(config, places)
    if config.kind == "mine":
        mining = f"{config.mining.model_dump_json()} {_miner(config, places)}"
        said = f"{prepared_folder(config, places).name} {config.base_model} {mining}"
        return places.runs_dir / MINED_FOLDER / hashlib.sha256(said.encode()).hexdigest()[:32]
    if config.kind == "fetch-model":
        return model_job_folder(places.runs_dir, config.base_model)
    name = fetched_folder(places.runs_dir, config.data).name
    return (
        places.runs_dir
        / FETCHING
        / (name if config.data in DATA_SETS else f"{name}-{hashlib.sha256(config.split.encode()).hexdigest()[:8]}")
    )


def _miner(config: RunConfig, places: Places) -> str:
    """Return what decides how the mining model reads texts, also where the prepared examples need no mining."""
    said = config.model_dump(mode="json", include={"pooling", "max_seq_length", "prompts"})
    return json.dumps([said, weights_mark(config.mining.model or config.base_model, places)])


def is_answered(run: RunFolder) -> bool:
    """Tell whether a job's answer lies in its folder."""
    return any((run.path / name).is_file() for name in ("report.json", "negatives.json", ANSWER, *ANSWERS))


def ask(config: RunConfig, places: Places, again: bool = True) -> RunFolder:
    """Queue a job unless its answer is there or somebody works on it; one that failed or was stopped begins `again`.

    A race and a measure of seconds begin again, too, when their answer is there: it is no matter of what was asked alone.

    Raises:
        ConfigError: something is missing that it needs.
        ModelError: its base model is not here.
        RunError: its folder cannot be written.
    """
    run = RunFolder(job_folder(config, places))
    check_work(config, run.runs_dir)
    status = run.status()
    if status is None:
        _check_open(run.runs_dir)
        shutil.rmtree(run.path, ignore_errors=True)
        run.path.parent.mkdir(parents=True, exist_ok=True)
        if config.kind in QUICK_FOLDERS:
            forget_oldest(run.path.parent, MOST_MEASURED if config.kind == "measure" else MOST_TRIED)
        return create_folder(run.path, config, places.data_dir)
    if status.is_final and again and (config.kind == "race" or is_timed(config) or not is_answered(run)):
        _check_open(run.runs_dir)
        run.forget_wishes()
        run.events_path.unlink(missing_ok=True)
        # What is asked may differ where it decides nothing: the number of rows to fetch.
        write_json(run.path / "config.json", config.model_dump(mode="json"))
        fresh = dataclasses.replace(
            status,
            state="queued",
            rank=time.time_ns(),
            detail="",
            error={},
            started=None,
            finished=None,
            pid=None,
            pid_started=None,
        )
        write_json(run.path / "status.json", dataclasses.asdict(fresh))
    return run


def _check_open(runs_dir: Path) -> None:
    """Refuse a visitor one more piece of work where many wait: others have the same queue.

    Raises:
        RunError: so many do.
    """
    if owner_of_shelf(runs_dir):
        found = (run.status() for folder in JOB_FOLDERS for run in iter_runs(runs_dir / folder))
        if sum(status is not None and not status.is_final for status in found) >= LIMITS.open_jobs:
            raise RunError(f"{LIMITS.open_jobs} pieces of your work wait or go on already; wait for one to end, or cancel it.")


def fetched_names(runs_dir: Path) -> list[str]:
    """Return the names of the data sets that were fetched, catalogue entries left out."""
    found = (read_json(path) or {} for path in sorted((runs_dir / FETCHED).glob("*/about.json")))
    return [str(about["data"]) for about in found if about.get("data") and about["data"] not in DATA_SETS]
