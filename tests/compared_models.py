"""Runs that made a model without training, and the comparison of several models as a worker does it."""

from pathlib import Path
from typing import Any

from core.comparison import chosen_names, compare_values
from core.config import build_config
from core.files import read_json
from core.jobs import ask
from core.places import Places
from core.run_log import RunLog
from core.runs import RunFolder
from tests.small_models import queue_run


def finished(runs_dir: Path, model: Any, **settings: Any) -> RunFolder:
    """Return a run whose model is there, as training would have left it."""
    run = queue_run(runs_dir, "static-minilm", **settings)
    model.save_pretrained(str(run.path / "model"), create_model_card=False)
    run.set_status(state="done", has_model=True, started=100.0, finished=112.5)
    return run


def static(value: float | None = None) -> Any:
    from core.models import build_static_minilm

    model = build_static_minilm("cpu")
    if value is not None:
        next(model.parameters()).data.fill_(value)
    return model


def compared(places: Places, *names: str) -> dict[str, Any]:
    from core.measuring_work import measure

    values = compare_values(chosen_names(names), places)
    log = RunLog(ask(build_config({"kind": "measure", "task": "compare", **values}), places))
    measure(log)
    return read_json(log.run.path / "measured.json") or {}
