"""Several runs that answer one question together: queued in one go, and found again.

An experiment is a small file beside the runs that names them; the runs are runs like any other.
"""

import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core.base_models import RUN, model_folder
from core.chains import create_chain
from core.config import PREVIOUS, RunConfig
from core.data_catalogue import OWN_PREFIXES, data_parts, hub_name
from core.errors import RunError, StudioError, is_disk_full
from core.experiment_plans import Experiment, Member, Plan, plan_chapter, plan_vary
from core.files import read_json, write_json
from core.hub import may_be_cached
from core.places import Places
from core.run_store import delete_run, ensure_runs_dir
from core.runs import RUN_ID, RunFolder
from core.sources import locate, peek

EXPERIMENTS = ".experiments"


def start(plan: Plan, places: Places) -> Experiment:
    """Queue all runs of a plan, in its order, and write down which they are.

    Raises:
        ModelError: a base model is not on this machine.
        DataError: rows are not.
        RunError: the runs folder cannot be written; then nothing stays queued.
    """
    assert places.runs_dir is not None
    for config in (config for chain in plan.chains for config in chain):
        _check_is_here(config, places)
    runs_dir = ensure_runs_dir(places.runs_dir)
    members, queued = [], []
    try:
        for member, chain in zip(plan.experiment.members, plan.chains, strict=True):
            queued += (runs := create_chain(runs_dir, chain, places.data_dir))
            members.append(asdict(member) | {"runs": [run.id for run in runs]})
        values = asdict(plan.experiment) | {"members": members, "created": time.time()}
        _write(runs_dir, values)
    except StudioError:
        for run in queued:
            with contextlib.suppress(StudioError):
                delete_run(run)
        raise
    return read_experiment(plan.experiment.id, places)


def _check_is_here(config: RunConfig, places: Places) -> None:
    """Refuse a model or rows that this machine lacks: one sentence now is better than the same one from every run."""
    if config.base_model != PREVIOUS and not config.base_model.startswith(RUN):
        model_folder(config.base_model, places.runs_dir)
    for name in data_parts(config.data):
        # A worker also finds what `datasets` downloaded earlier; whether the split is in it shows only there.
        of_the_hub = name != "sample" and not name.startswith(OWN_PREFIXES[:2])
        if locate(name, config.split, places) is None and not (of_the_hub and may_be_cached(hub_name(name).id)):
            peek(name, config.split, places)


def _write(runs_dir: Path, values: Mapping[str, Any]) -> None:
    path = runs_dir / EXPERIMENTS / f"{values['id']}.json"
    try:
        path.parent.mkdir(exist_ok=True)
        write_json(path, values)
    except OSError as error:
        reason = "the disk is full: free some space" if is_disk_full(error) else f"{error.strerror}: choose another folder"
        raise RunError(f"The experiment cannot be written in {str(runs_dir)[-120:]}; {reason}.") from None


def start_chapter(size: str, yours: Mapping[str, Any], places: Places) -> Experiment:
    """Queue the ladder at one size with one seed; see `plan_chapter` and `start` for what is refused."""
    return start(plan_chapter(size, yours, places), places)


def start_vary(
    recipe: str, size: str | None, vary: tuple[str, Sequence[Any]], yours: Mapping[str, Any], places: Places
) -> Experiment:
    """Queue a recipe once for each value of one setting; see `plan_vary` and `start` for what is refused."""
    return start(plan_vary(recipe, size, vary, yours, places), places)


def read_experiment(name: str, places: Places) -> Experiment:
    """Return an experiment by its id.

    Raises:
        RunError: there is none, or its file is broken.
    """
    assert places.runs_dir is not None
    values: Any = read_json(places.runs_dir / EXPERIMENTS / f"{name}.json") if RUN_ID.fullmatch(name) else None
    try:
        members = tuple(Member(**member | {"runs": tuple(member["runs"])}) for member in values["members"])
        return Experiment(**values | {"members": members})
    except (TypeError, KeyError):
        raise RunError(f"There is no experiment '{name[:60]}'; see python -m core list experiments.") from None


def list_experiments(places: Places) -> list[Experiment]:
    """Return the experiments that can be read, newest first."""
    assert places.runs_dir is not None
    found = []
    for path in (places.runs_dir / EXPERIMENTS).glob("*.json"):
        with contextlib.suppress(RunError):
            found.append(read_experiment(path.stem, places))
    return sorted(found, key=lambda experiment: experiment.created, reverse=True)


def runs_of(experiment: Experiment, places: Places) -> list[RunFolder]:
    """Return every run of an experiment in the order of the queue, those that were deleted among them."""
    assert places.runs_dir is not None
    return [RunFolder(places.runs_dir / name) for member in experiment.members for name in member.runs]
