"""`python -m core score`: one model through the queue, on scored pairs or on a task of MTEB. No torch here: a worker does it."""

from pathlib import Path
from typing import Any

from core.base_models import BASE_MODELS, kind_of
from core.benchmark_tasks import benchmark_settings
from core.command_jobs import follow
from core.config import build_config
from core.files import read_json
from core.hub_models import hub_model
from core.jobs import ask
from core.measuring import ANSWER
from core.places import Places
from core.run_store import create_run, delete_run, ensure_runs_dir, open_run
from core.runs import Status

MTEB = "mteb:"
Scores = dict[str, dict[str, float]]


def model_to_score(name: str, runs_dir: Path) -> str:
    """Return a run's id, a catalogue model, a Hub id or a folder as a configuration names it.

    Raises:
        RunError: it is none of the others, and no run.
        ModelError: it is not here.
    """
    if name not in BASE_MODELS and not Path(name).is_dir() and hub_model(name) is None:
        name = f"run:{open_run(runs_dir, name.removeprefix('run:')).id}"
    elif Path(name).is_dir():
        name = str(Path(name).resolve())
    kind_of(name, runs_dir)
    return name


def score_on(model: str, data: str, split: str, places: Places, online: bool) -> tuple[Scores, Status]:
    """Score a model on pairs, or on a task where `data` is `mteb:<task>`, and return its figures by what they are of.

    `online` lets a task's data be got from the Hub.

    Raises:
        ConfigError: nobody knows the data.
        ModelError: the model is not here.
    """
    assert places.runs_dir is not None
    runs_dir = ensure_runs_dir(places.runs_dir)
    model = model_to_score(model, runs_dir)
    if data.startswith(MTEB):
        return _score_on_task(model, data.removeprefix(MTEB), places, online)
    config = build_config({"kind": "score", "base_model": model, "data": data, "split": split})
    run = create_run(runs_dir, config, places.data_dir)
    status, scores = follow(run), run.scores("after")
    if status.state == "done":
        delete_run(run)
    return scores, status


def _score_on_task(model: str, task: str, places: Places, online: bool) -> tuple[Scores, Status]:
    settings = benchmark_settings(task, places, online=online)
    run = ask(build_config({"kind": "measure", "task": "benchmark", "models": (model,), "task_settings": settings}), places)
    status, answer = follow(run), read_json(run.path / ANSWER)
    if status.state != "done" or not answer:
        return {}, status
    measured: dict[str, Any] = answer["models"][0]
    figures = {"main_score": measured["main_score"], "evaluation_seconds": measured["evaluation_seconds"]} | measured["figures"]
    return {f"mteb/{task}": figures}, status
