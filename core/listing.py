"""The catalogues and the runs as rows, for the command line."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.base_models import BASE_MODELS
from core.data_catalogue import DATA_SETS
from core.experiments import list_experiments
from core.files import read_json
from core.loss_entries import MATRYOSHKA
from core.losses import LOSSES
from core.places import Places
from core.recipes import RECIPES
from core.run_store import list_runs
from core.runs import RunFolder, Status, spearman_of


def list_rows(what: str, runs_dir: Path) -> list[dict[str, Any]]:
    """Return one row an entry of models, data, losses, recipes, runs or experiments."""
    match what:
        case "models":
            return [_columns(spec, "id kind parameters dimension licence") for spec in BASE_MODELS.values()]
        case "data":
            return [_columns(spec, "id title splits columns size licence source") for spec in DATA_SETS.values()]
        case "losses":
            return [_columns(spec, "id title shapes paper") for spec in (*LOSSES.values(), MATRYOSHKA)]
        case "recipes":
            return [_columns(spec, "id title sizes teaches") for spec in RECIPES.values()]
        case "experiments":
            return [_columns(each, "id title kind size") for each in list_experiments(Places(runs_dir=runs_dir))]
        case _:
            return [_run_row(run, status) for run, status in list_runs(runs_dir)]


def _columns(spec: object, names: str) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        return value if isinstance(value, str | int | float) else list(value)

    return {name: plain(getattr(spec, name)) for name in names.split()}


def _run_row(run: RunFolder, status: Status) -> dict[str, Any]:
    config = read_json(run.path / "config.json") or {}
    spearman = spearman_of(run.yardstick("after")[1])
    return {
        "run": run.id,
        "state": status.state,
        "recipe": config.get("recipe") or "own settings",
        "spearman_cosine": round(spearman, 4) if spearman is not None else None,
        "seconds": run_seconds(status),
    }


def run_seconds(status: Status) -> float | None:
    """Return how long a run took, or has taken so far."""
    if status.started is None:
        return None
    return round((status.finished or time.time()) - status.started, 1)


def print_table(rows: list[dict[str, Any]]) -> None:
    """Print rows in columns."""
    if not rows:
        print("Nothing yet. python -m core train quick-demo starts a first run.")
        return
    texts = [{key: _cell(value) for key, value in row.items()} for row in rows]
    widths = {key: max(len(key), *(len(row[key]) for row in texts)) for key in texts[0]}
    for row in [{key: key for key in widths}, *texts]:
        print("  ".join(row[key].ljust(width) for key, width in widths.items()).rstrip())


def print_experiment(table: Mapping[str, Any], *, as_json: bool) -> None:
    """Print what came of an experiment: its rows with Pearson of cosines, then what has to be said of them."""
    if as_json:
        print(json.dumps(table, ensure_ascii=False))
        return
    rows = []
    for row in table["rows"]:
        book = {"book's score": row["book's score"]} if table["kind"] == "chapter" else {}
        scores = {"untouched": _pearson(row["baseline"]), "pearson": _pearson(row["scores"])}
        rest = {"spearman": _figure(row["scores"], "spearman_cosine"), "seconds": row["seconds"], "state": row["state"]}
        rows.append({"method" if book else table["field"]: row["label"]} | book | scores | rest | {"run": row["run"]})
    print(table["title"])
    print_table(rows)
    noted = [f"{row['label']}: {row['note']}" for row in table["rows"] if row["note"]]
    took = "" if table["seconds"] is None else f"{table['seconds']:.0f} seconds from the first start to the last end."
    for line in filter(None, [took, *noted, *table["notes"]]):
        print(line)


def _pearson(figures: Mapping[str, float]) -> str:
    return _figure(figures, "pearson_cosine")


def _figure(figures: Mapping[str, float], name: str) -> str:
    return f"{figures[name]:.4f}" if figures else ""


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)
