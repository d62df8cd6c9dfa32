"""A run from elsewhere: unpacked, looked through and put among the runs as one that has ended. No worker ever starts for it.

Its curves, scores and map are read from its folder like those of any run; its model, where it is there, is a base model like any.
"""

import dataclasses
import json
import secrets
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.bundle_arrays import check_frame, check_places
from core.bundle_events import read_told_events
from core.bundle_model import check_model
from core.bundle_names import MOST_BYTES
from core.bundle_told import ProbesTold, ResolvedTold, ScoreTold, StatusTold, Told, VerdictTold, check_told, damaged, read_told
from core.card_words import clean
from core.config import TRAINING_KINDS, RunConfig, build_config
from core.errors import ConfigError, RunError, is_disk_full
from core.files import write_json
from core.hosting import LIMITS, MEGABYTE, used_bytes
from core.outgoing import named_places, public_text, without_places
from core.recipes import RECIPES
from core.run_store import ensure_runs_dir
from core.runs import FINAL_STATES, HELD_OUT, RunFolder, Status
from core.spaces import PROBES_FILE
from core.unpacking import take_from
from core.visitors import NOBODY, owner_of_shelf

CUT_SHORT = "It had not ended when this copy was made."
TEN_FIGURES = frozenset(
    f"{kind}_{how}" for kind in ("pearson", "spearman") for how in ("cosine", "dot", "manhattan", "euclidean", "max")
)
FOLDERS = ("control", "scores", "snapshots", "checkpoints")


def open_bundle(source: Path, runs_dir: Path, called: str | None = None) -> RunFolder:
    """Take in a bundle, a zip of a run's folder or such a folder under a fresh id; nothing of it is seen before all is checked.

    Args:
        source: the zip or folder.
        runs_dir: where the run is put.
        called: the file's name as the person knows it.

    Raises:
        RunError: it is no run, it is damaged, it could do harm, or there is no room; the sentence says the way out.
    """
    name = clean(called or source.name, 60)
    if not source.exists():
        raise RunError(f"There is no file {name}; check the path.")
    runs_dir = ensure_runs_dir(runs_dir)
    staged = runs_dir / f".opening-{secrets.token_hex(8)}"
    try:
        take_from(source, staged, _room(runs_dir))
        config = _make_run(staged, name)
        run = RunFolder(runs_dir / fresh_id(runs_dir, config))
        staged.replace(run.path)
    except RunError as error:
        raise RunError(f"{name} cannot be opened. {error}") from None
    except OSError as error:
        reason = "The disk is full: free some space." if is_disk_full(error) else f"{error.strerror}: check the runs folder."
        raise RunError(f"{name} cannot be opened. {reason}") from None
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return run


def _room(runs_dir: Path) -> int:
    """Return how many bytes a run may take here: on a shared studio what is left of a visitor's share.

    Raises:
        RunError: nothing is left, or nobody knows whose the run would be.
    """
    owner = owner_of_shelf(runs_dir)
    left = LIMITS.disk - used_bytes(runs_dir) if owner else MOST_BYTES
    if owner == NOBODY:
        raise RunError("This page does not know yet who you are; reload it.")
    if left <= 0:
        raise RunError(f"Your work takes {LIMITS.disk // MEGABYTE} MB, the most on this shared studio; delete a run first.")
    return left


def fresh_id(runs_dir: Path, config: RunConfig) -> str:
    """Return an id that no run has; a visitor's run has one that nobody can guess."""
    if owner_of_shelf(runs_dir):
        return secrets.token_hex(16)
    clock = time.strftime("%Y%m%d-%H%M%S", time.localtime())
    return f"{clock}-{config.recipe or config.loss}-{secrets.token_hex(3)}"


def _make_run(folder: Path, name: str) -> RunConfig:
    """Check everything that was unpacked and write what a run's folder has besides.

    Raises:
        RunError: something is not as a run's.
    """
    config = _config(folder)
    places = named_places(_read(folder / "config.json"))
    _rewrite_events(folder, places)
    _check_scores(folder, places)
    _check_snapshots(folder / "snapshots")
    if (folder / "model").is_dir():
        check_model(folder / "model", config.kind)
    for rest in ("resolved.json", "adjusted.json"):
        if (folder / rest).is_file():
            told = check_told(ResolvedTold if rest == "resolved.json" else Told, _read(folder / rest), rest)
            write_json(folder / rest, without_places(told, places))
    status = _status(folder, places, name)
    for inner in FOLDERS:
        (folder / inner).mkdir(exist_ok=True)
    write_json(folder / "config.json", config.model_dump(mode="json"))
    write_json(folder / "status.json", dataclasses.asdict(status))
    return config


def _read(path: Path) -> Any:
    if not path.is_file():
        raise RunError(f"It has no {path.name}, which every run has; choose a run's bundle.")
    return read_told(path.read_bytes(), path.name)


def _config(folder: Path) -> RunConfig:
    values = _read(folder / "config.json")
    if not isinstance(values, dict) or values.get("kind") not in TRAINING_KINDS:
        raise damaged("config.json")
    try:
        # What came before it in a chain is not here.
        config = build_config(without_places(values, named_places(values)) | {"after": None})
    except ConfigError as error:
        raise RunError(f"Its config.json is of another studio or damaged ({clean(error, 120)}); make the bundle again.") from None
    # The recipe becomes a part of the run's id.
    if config.recipe is not None and config.recipe not in RECIPES:
        raise damaged("config.json")
    return config


def _status(folder: Path, places: Mapping[str, str], name: str) -> Status:
    told = check_told(StatusTold, _read(folder / "status.json"), "status.json")
    ended = told["state"] in FINAL_STATES
    said = public_text(told.get("detail", ""), places) if ended else CUT_SHORT
    now, took = time.time(), max(0.0, (told.get("finished") or 0.0) - (told.get("started") or 0.0))
    error = {
        key: public_text(str(value), places)[:2_000] for key, value in told.get("error", {}).items() if key in ("kind", "message")
    }
    return Status(
        state=told["state"] if ended else "interrupted",
        rank=time.time_ns(),
        created=now,
        detail=f"Opened from {name}. {said}".strip(),
        # It took as long as it took, and came today: what is old is removed from a shared studio.
        started=now - took if told.get("started") and took else None,
        finished=now,
        has_model=(folder / "model").is_dir(),
        owner=owner_of_shelf(folder.parent),
        opened_from=name,
        error=error,
    )


def _rewrite_events(folder: Path, places: Mapping[str, str]) -> None:
    path = folder / "events.jsonl"
    if not path.is_file():
        raise RunError("It has no events.jsonl, so there are no curves to play; choose a run's bundle.")
    beside = folder / "events.part"
    with beside.open("w", encoding="utf-8") as out:
        for event in read_told_events(path):
            out.write(json.dumps(without_places(event, places), ensure_ascii=False) + "\n")
    beside.replace(path)


def _check_scores(folder: Path, places: Mapping[str, str]) -> None:
    for path in sorted((folder / "scores").glob("*.json")):
        told: type[Told] = VerdictTold if path.name.endswith(".verdict.json") else ScoreTold
        record = check_told(told, _read(path), path.name)
        if not path.name.startswith(f"{record['data'].replace('/', '-')}."):
            raise damaged(path.name)
        figures = record.get("figures", {}).keys()
        # The Evaluate tab shows all of them.
        if record["data"] != HELD_OUT and figures & TEN_FIGURES and not figures >= TEN_FIGURES:
            raise damaged(path.name)
        values = [record.get("cosines") or [], record.get("gold") or []]
        if len(values[0]) != len(values[1]):
            raise damaged(path.name)
        write_json(path, without_places(record, places))
    _check_sides(RunFolder(folder))


def _check_sides(run: RunFolder) -> None:
    """Refuse scores that the Evaluate tab could not show side by side: it would not be drawn at all."""
    after = run.scores("after")
    for data, figures in run.scores("before").items():
        is_whole = figures.keys() >= TEN_FIGURES or "accuracy" in figures
        if data != HELD_OUT and not (is_whole and after.get(data, figures).keys() >= figures.keys()):
            raise damaged(f"scores of {data}")


def _check_snapshots(folder: Path) -> None:
    if not folder.is_dir():
        return
    probes = check_told(ProbesTold, _read(folder / PROBES_FILE), PROBES_FILE)
    texts = len(probes["texts"])
    alike = all(len(labels) == texts for labels in probes["groups"].values())
    if not alike or any(max(first, second) >= texts for first, second, _ in probes["pairs"]):
        raise damaged(PROBES_FILE)
    for path in sorted(folder.iterdir()):
        if path.suffix == ".npy":
            check_frame(path, texts)
        elif path.suffix == ".npz":
            check_places(path, texts)
