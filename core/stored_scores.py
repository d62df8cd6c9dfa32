"""What is stored of a model and can be compared: scores of its own run, of MTEB, of a held-out part. Loads no torch."""

from collections.abc import Mapping, Sequence
from typing import Any

from core.base_models import RUN
from core.errors import ModelError, RunError
from core.files import file_sha256, read_json
from core.listing import run_seconds
from core.measuring import ANSWER, MEASURED, UNTOUCHED, measured_model, title_of_model
from core.places import Places
from core.prepared import PREPARED, weights_mark
from core.recipes import RECIPES
from core.run_store import open_run
from core.runs import HELD_OUT, RunFolder

CLASSES, BENCHMARK = "banking77/test", "Banking77Classification"


def stored_classes(name: str, places: Places) -> float | None:
    """Return a model's accuracy on Banking77, 0..1: as MTEB measured it, else as its own run did; None where neither has."""
    assert places.runs_dir is not None
    found = []
    for path in (places.runs_dir / MEASURED).glob(f"*/{ANSWER}"):
        answer = read_json(path) or {}
        if answer.get("task") == "benchmark" and answer.get("name") == BENCHMARK and "test" in answer.get("splits", ()):
            found += [(float(answer["measured"]), model) for model in answer["models"] if model.get("name") == name]
    scores = [(when, model["main_score"]) for when, model in found if not model.get("fault") and _is_of_these(name, when, places)]
    if scores:
        return float(max(scores)[1])
    run = run_of(name, places)
    accuracy = run.scores("before" if name.startswith(UNTOUCHED) else "after").get(CLASSES, {}).get("accuracy") if run else None
    return None if accuracy is None else float(accuracy)


def _is_of_these(name: str, when: float, places: Places) -> bool:
    """Tell whether a model's weights are as they were at a time, in seconds since 1970."""
    try:
        # Times and sizes in turn.
        written = weights_mark(measured_model(name, places).choice.base_model, places)[::2]
    except ModelError:
        return False
    return all(time_ns < when * 1e9 for time_ns in written)


def run_of(name: str, places: Places) -> RunFolder | None:
    """Return the run that made a model or began with it, or None for any other model."""
    if not name.startswith((RUN, UNTOUCHED)):
        return None
    assert places.runs_dir is not None
    try:
        return open_run(places.runs_dir, name.partition(":")[2])
    except RunError:
        return None


def stored_of(name: str, places: Places) -> dict[str, Any]:
    """Return what is known of a model without loading it: where it is from, training seconds, stored scores.

    Of a run: `recipe`, `loss`, `base`, `training` in seconds, `classes` (accuracy on Banking77, 0..1), `held_out` with what it is
    a figure of, and `record`, the stored score on the set that runs are compared by. Of another model: `classes` alone.
    """
    run = run_of(name, places)
    config = read_json(run.path / "config.json") if run else None
    if run is None or not isinstance(config, dict):
        return {"classes": stored_classes(name, places)}
    which = "before" if name.startswith(UNTOUCHED) else "after"
    scored = {
        "classes": stored_classes(name, places),
        "held_out": _held_out(run, which, places),
        "record": _yardstick_record(run, which),
    }
    if which == "before":
        return scored
    status = run.status()
    recipe = str(config.get("recipe"))
    return scored | {
        "recipe": RECIPES[recipe].title if recipe in RECIPES else "own settings",
        "loss": config.get("loss"),
        "base": title_of_model(str(config.get("base_model")), places),
        "training": run_seconds(status) if status else None,
    }


def _yardstick_record(run: RunFolder, which: str) -> dict[str, Any] | None:
    data, _ = run.yardstick(which)
    record = read_json(run.path / "scores" / f"{data.replace('/', '-')}.{which}.json") if data else None
    return record if isinstance(record, dict) else None


def _held_out(run: RunFolder, which: str, places: Places) -> dict[str, Any] | None:
    """Return a run's figure on its held-out part, and a `mark` that other runs share where they held out the very same."""
    record = read_json(run.path / "scores" / f"{HELD_OUT.replace('/', '-')}.{which}.json")
    if not isinstance(record, dict) or not record.get("figures"):
        return None
    figures = record["figures"]
    figure = "spearman_cosine" if "spearman_cosine" in figures else next(iter(figures))
    assert places.runs_dir is not None
    file = places.runs_dir / PREPARED / str(record.get("folder")) / "held-out.parquet"
    rows = file_sha256(file) if file.is_file() else str(record.get("folder"))
    about = {"shape": str(record.get("shape")), "rows": record.get("pairs"), "found": str(record.get("found"))}
    return {"figure": figure, "value": figures[figure], "mark": f"{figure} {about['shape']} {rows}", **about}


def share_held_out(held: Sequence[Mapping[str, Any] | None]) -> str:
    """Return the mark of the held-out part that most models have a figure on, or nothing where no two share one."""
    marks = [str(each["mark"]) for each in held if each]
    most = max(dict.fromkeys(marks), key=marks.count, default="")
    return most if marks.count(most) > 1 else ""
