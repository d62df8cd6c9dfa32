"""The measure `fitting`: everything that the chosen rows can tell of the models, in one go, each text encoded once a model."""

import json
from dataclasses import dataclass
from typing import Any

from core.errors import DivergenceError, ModelError, StudioError, one_sentence
from core.fitting_choice import VERSION, has_seen, reference_split
from core.fitting_intervals import intervals
from core.fitting_kinds import SEED, FigureSpec, FittingSpec, fitting_specs, verdict
from core.fitting_measures import MEASURED_BY
from core.fitting_memory import TextMemory
from core.fitting_rows import Material, SampledRows, materials, sample_rows
from core.measuring import Measured
from core.measuring_work import asked_models, kept_record, open_measured
from core.rows import Asked, Rows, load_rows
from core.run_log import RunLog

Record = dict[str, Any]


@dataclass(frozen=True)
class Ground:
    """What is measured on: the rows, the sample of them, what each measure looks at, and a text that names all of it."""

    rows: Rows
    sampled: SampledRows
    materials: dict[str, Material | str]
    named: list[str]


def measure(log: RunLog) -> dict[str, Any]:
    """Measure the models that the folder asks for on its rows; `core.fitting_kinds` says what fits which rows.

    The answer holds `models` with each one's fault, and `measures`: of each figure the models' `values`, and of two models their
    `difference` (last − first), its 95 % interval as `low` and `high`, and the `verdict`. A model that cannot be measured leaves
    the other's figures as they are.

    Raises:
        DataError: the rows are not here, are too few, or fit no measure.
        ModelError: a run was deleted meanwhile.
        DivergenceError: no model gives embeddings that say anything.
    """
    models, ground = asked_models(log), _ground(log)
    found = [_record_or_fault(log, measured, ground) for measured in models]
    if all(isinstance(each, StudioError) for each in found):
        first = found[0]
        assert isinstance(first, StudioError)
        raise first
    config = log.run.config()
    return {
        "data": config.data,
        "split": config.split,
        "found": ground.rows.found,
        "kind": ground.rows.kind,
        "rows": len(ground.sampled.frame),
        "of_rows": len(ground.sampled.whole),
        "seed": SEED,
        "models": [
            _about(measured, each, has_seen(measured.name, config.data, config.split, log.places))
            for measured, each in zip(models, found, strict=True)
        ],
        "measures": [
            _compared(spec, ground, [None if isinstance(each, StudioError) else each for each in found])
            for spec in _specs(ground)
        ],
    }


def _ground(log: RunLog) -> Ground:
    """Read the rows and make of them what each measure looks at."""
    config, places = log.run.config(), log.places
    log.enter("evaluating", "Reading the rows")
    rows = load_rows(Asked(config.data, config.split, json.loads(str(config.task_settings.get("columns", "{}")))), places)
    split = reference_split(config.data, config.split, places) if "label" in rows.frame else None
    reference = load_rows(Asked(config.data, split), places) if split else None
    sampled = sample_rows(rows, reference)
    made = materials(fitting_specs(rows.kind, reference is not None), sampled)
    return Ground(rows, sampled, made, [rows.kind, rows.sha256, reference.sha256 if reference else ""])


def _specs(ground: Ground) -> tuple[FittingSpec, ...]:
    return fitting_specs(ground.rows.kind, ground.sampled.reference is not None)


def _record_or_fault(log: RunLog, measured: Measured, ground: Ground) -> Record | StudioError:
    """Return a model's record, or what is wrong with it; the other model is measured all the same."""
    try:
        return kept_record(
            ["fitting", VERSION, SEED, *ground.named], measured, log.run.runs_dir, lambda: _work(log, measured, ground)
        )
    except (DivergenceError, ModelError) as error:
        return error


def _work(log: RunLog, measured: Measured, ground: Ground) -> Record:
    """Encode every text once and take all measures."""
    log.enter("evaluating", f"Loading {measured.label}")
    memory = TextMemory(open_measured(measured, log), measured.label)
    there = {name: each for name, each in ground.materials.items() if isinstance(each, Material)}

    def between(done: int, total: int) -> None:
        log.raise_if_stopped()
        log.progress(f"Encoding texts by {measured.label}", done, total)

    memory.learn([texts for material in there.values() for texts in material.texts()], between)
    outcomes = {}
    for number, (name, material) in enumerate(there.items()):
        log.raise_if_stopped()
        log.progress(f"Measuring {measured.label}", number, len(there))
        outcomes[name] = MEASURED_BY[name](memory, material)
    return {"measures": outcomes, "texts": len(memory), "precision": "fp32", "found": ground.rows.found}


def _about(measured: Measured, found: Record | StudioError, seen: bool) -> dict[str, Any]:
    about = {"name": measured.name, "label": measured.label, "seen": seen}
    if isinstance(found, StudioError):
        return about | {"fault": one_sentence(found)}
    return about | {"fault": "", "seconds": found["seconds"], "texts": found["texts"]}


def _compared(spec: FittingSpec, ground: Ground, records: list[Record | None]) -> dict[str, Any]:
    """Return what came of one measure: its figures for all models, or why it was left out."""
    material = ground.materials[spec.id]
    if isinstance(material, str):
        return {"id": spec.id, "left_out": material, "about": "", "figures": []}
    outcomes = [record["measures"][spec.id] if record else None for record in records]
    first, last = outcomes[0], outcomes[-1]
    sure = intervals(first["kept"], last["kept"]) if first and last and len(outcomes) > 1 else {}
    figures = []
    for name, figure in spec.figures.items():
        values = [outcome["figures"].get(name) if outcome else None for outcome in outcomes]
        if any(value is not None for value in values):
            figures.append({"id": name, "values": values} | _difference(figure, values, sure.get(name)))
    return {"id": spec.id, "left_out": "", "about": material.about, "figures": figures}


def _difference(figure: FigureSpec, values: list[float | None], interval: tuple[float, float] | None) -> dict[str, Any]:
    """Return last − first, with its interval and what that says, where there are two."""
    first, last = values[0], values[-1]
    if len(values) < 2 or first is None or last is None:
        return {"difference": None}
    if interval is None:
        return {"difference": last - first}
    low, high = interval
    return {"difference": last - first, "low": low, "high": high, "verdict": verdict(figure.better, low, high)}
