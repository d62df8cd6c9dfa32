"""What the page, a saved file and the command line show of a space: asked from the desk, with texts and loss. Loads no torch."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core.desk_client import ask_desk
from core.errors import RunError
from core.events import read_events
from core.film_page import film_page
from core.run_store import open_run
from core.runs import RunFolder
from core.spaces import Space, index_space, run_space

FILM_SECONDS = 120.0
MOST_LOSSES = 400


def open_asked(runs_dir: Path, asked: Mapping[str, Any]) -> Space:
    """Return the space that a page asks for: of the texts of an `index`, or of a `run`.

    Raises:
        DataError: it is not there.
        RunError: the run was deleted.
    """
    if asked.get("index"):
        return index_space(runs_dir, str(asked["index"]))
    return run_space(open_run(runs_dir, str(asked.get("run") or "")).path)


def space_json(runs_dir: Path, asked: Mapping[str, Any], space: Space) -> dict[str, Any]:
    """Return what does not change with the frames: texts and their groups, and the run's loss by step."""
    run = None if asked.get("index") else open_run(runs_dir, str(asked["run"]))
    return {
        "id": str(asked.get("index") or asked.get("run")),
        "texts": space.texts,
        "groups": {name: labels for name, labels in space.groups.items() if any(labels)},
        "found": space.found,
        "loss": loss_of(run) if run else None,
    }


def loss_of(run: RunFolder) -> dict[str, list[float]]:
    """Return the training loss by step, thinned evenly to at most 400 points."""
    steps = [(event["step"], event["loss"]) for event in read_events(run.events_path) if event["type"] == "step"]
    thin = steps[:: max(1, -(-len(steps) // MOST_LOSSES))]
    return {"step": [step for step, _ in thin], "loss": [round(loss, 4) for _, loss in thin]}


def films_of(runs_dir: Path, asked: Mapping[str, Any], beside: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return the film of what is asked for, and of runs `beside` it that watched the very same texts.

    Raises:
        StudioError: what the desk says is wrong.
    """
    films = [ask_desk(runs_dir, "film", dict(asked), FILM_SECONDS) | {"title": str(asked.get("run") or "")}]
    texts = open_asked(runs_dir, asked).texts if beside else []
    for name in beside:
        other = {**asked, "run": name}
        if open_asked(runs_dir, other).texts != texts:
            raise RunError(f"Run {name} watched other texts, so the two films cannot be laid side by side; choose another.")
        films.append(ask_desk(runs_dir, "film", other, FILM_SECONDS) | {"title": name})
    return films


def saved_page(runs_dir: Path, asked: Mapping[str, Any], beside: Sequence[str] = ()) -> str:
    """Return a space as one HTML file, drawn by its main axes and by the asked `method`, if that is another.

    Raises:
        StudioError: it is not there, or what the desk says is wrong.
    """
    space = open_asked(runs_dir, asked)
    films = {
        method: films_of(runs_dir, {**asked, "method": method}, beside)
        for method in dict.fromkeys(("pca", asked.get("method", "pca")))
    }
    title = f"Contrastive Studio: {asked.get('run') or space.found}"
    return film_page(title, space_json(runs_dir, asked, space), films)
