"""The catalogues and the runs as rows, for the command line."""

import time
from pathlib import Path
from typing import Any

from core.base_models import BASE_MODELS
from core.data_catalogue import DATA_SETS
from core.files import read_json
from core.losses import LOSSES
from core.recipes import RECIPES
from core.runs import RunFolder, Status, list_runs


def list_rows(what: str, runs_dir: Path) -> list[dict[str, Any]]:
    """Return one row an entry of models, data, losses, recipes or runs."""
    match what:
        case "models":
            return [_columns(spec, "id kind parameters dimension licence") for spec in BASE_MODELS.values()]
        case "data":
            return [_columns(spec, "id title splits columns size licence source") for spec in DATA_SETS.values()]
        case "losses":
            return [_columns(spec, "id title shapes paper") for spec in LOSSES.values()]
        case "recipes":
            return [_columns(spec, "id title sizes teaches") for spec in RECIPES.values()]
        case _:
            return [_run_row(run, status) for run, status in list_runs(runs_dir)]


def _columns(spec: object, names: str) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        return value if isinstance(value, str | int | float) else list(value)

    return {name: plain(getattr(spec, name)) for name in names.split()}


def _run_row(run: RunFolder, status: Status) -> dict[str, Any]:
    config = read_json(run.path / "config.json") or {}
    _, figures = run.yardstick("after")
    return {
        "run": run.id,
        "state": status.state,
        "recipe": config.get("recipe") or "own settings",
        "spearman_cosine": round(figures["spearman_cosine"], 4) if figures else None,
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


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)
