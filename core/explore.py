"""What the desk answers about a space: its frames on a plane with what is told of them, and where a typed text lies."""

import hashlib
import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from core.desk_client import BUSY, DESK, check_texts
from core.desk_requests import embed_texts
from core.desk_shelf import Deadline, Shelf
from core.errors import ConfigError, DataError, MachineError
from core.files import read_json, write_json
from core.film_answer import FORMAT_VERSION, known_frames, pack_places, tell_film, unpack_places, written_frames
from core.hosting import check_room
from core.neighbours import NEIGHBOURS, Nearest
from core.projection import principal_plane
from core.prompts import QUERY
from core.run_store import open_run
from core.spaces import Space, index_space, run_space
from core.umap_places import UmapChoice, umap_film, warm_up
from core.visitors import studio_of

METHODS = ("pca", "umap")
# A typed text lies among so many of its nearest.
AMONG, SOFTNESS = 10, 0.05


def open_space(shelf: Shelf, values: Mapping[str, Any]) -> Space:
    """Return the space that a request is about: that of a `run`, or of the texts of an `index`.

    Raises:
        DataError: it is not there.
        RunError: the run was deleted.
    """
    assert shelf.places.runs_dir is not None
    if values.get("index"):
        return index_space(shelf.places.runs_dir, str(values["index"]))
    return run_space(open_run(shelf.places.runs_dir, str(values.get("run", ""))).path)


def film(shelf: Shelf, values: Mapping[str, Any], deadline: Deadline) -> dict[str, Any]:
    """Return the places of all frames by `method` ("pca" or "umap"), and unless `quick` what is told of them.

    Of frames that were placed before only the new ones are reckoned by UMAP; the answer lies beside the embeddings.

    Raises:
        ConfigError: there is no such method, or its settings are out of range.
        DataError: the space is not there.
        MachineError: the time is over.
        RunError: a visitor has used up the disk.
    """
    method, quick = str(values.get("method", "pca")), bool(values.get("quick"))
    if method not in METHODS:
        raise ConfigError("method", f"'{method[:20]}' is none of {', '.join(METHODS)}.")
    space, choice = open_space(shelf, values), umap_choice(values)
    kept = _film_file(space, method, choice, quick)
    answer: dict[str, Any] | None = read_json(kept)
    try:
        # Noted before the frames are read: what is written again meanwhile is told anew at the next look.
        mark, written = mark_of(space), written_frames(space)
        if answer is None or answer.get("mark") != mark:
            check_room(shelf.places.runs_dir or space.folder)
            if method == "umap" and _is_busy(shelf):
                raise MachineError("UMAP waits until no other work goes on: it would slow a run down. The main axes show it now.")
            known = None if quick else known_frames(answer, written)
            answer = _reckon(space, (method, choice), known, deadline) | {"mark": mark, "method": method, "written": written}
            write_json(kept, answer)
    except FileNotFoundError:
        raise DataError("What this map shows was deleted meanwhile; choose another run or other texts.") from None
    # When files were written is for the next look alone.
    return {name: value for name, value in answer.items() if name != "written"}


def _shown(space: Space, values: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the film that a page shows, where it lies ready."""
    answer: dict[str, Any] | None = read_json(_film_file(space, str(values.get("method", "pca")), umap_choice(values)))
    return answer if answer is not None and answer.get("mark") == mark_of(space) else None


def _film_file(space: Space, method: str, choice: UmapChoice, quick: bool = False) -> Path:
    named = f"{method}-{choice.neighbours}-{choice.min_dist}" if method == "umap" else method
    return space.folder / f"film-{named}{'-quick' if quick else ''}.json"


def umap_choice(values: Mapping[str, Any]) -> UmapChoice:
    """Return UMAP's settings.

    Raises:
        ConfigError: they are out of range.
    """
    neighbours, min_dist = int(values.get("neighbours", 15)), float(values.get("min_dist", 0.1))
    if not 2 <= neighbours <= 100:
        raise ConfigError("neighbours", "UMAP takes 2 to 100 neighbours.")
    if not 0 <= min_dist <= 0.99:
        raise ConfigError("min_dist", "the minimum distance is 0 to 0.99.")
    return UmapChoice(neighbours, min_dist)


def mark_of(space: Space) -> str:
    """Return a text that changes when the frames do."""
    said = [FORMAT_VERSION, space.steps, space.kept, [file.stat().st_mtime_ns for file in space.files]]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]


def _reckon(space: Space, how: tuple[str, UmapChoice], known: list[dict[str, Any]] | None, deadline: Deadline) -> dict[str, Any]:
    """Return the places, and with `known`, what was told of the first frames before, what is told of all."""
    frames = space.frames()
    if not np.isfinite(frames).all():
        raise DataError("Some embeddings of this space are no numbers: the run has diverged. Choose another one.")
    nearest = Nearest(frames, how[1].neighbours if how[0] == "umap" else NEIGHBOURS)
    places, explained = _places(space, frames, how, nearest)
    deadline.check()
    answer: dict[str, Any] = {
        "steps": space.steps,
        "kept": space.kept,
        "texts": len(space.texts),
        "places": pack_places(places),
        "explained": round(explained, 4),
    }
    if known is None:
        return answer
    return answer | tell_film(space, places, nearest, known)


def _places(space: Space, frames: np.ndarray, how: tuple[str, UmapChoice], nearest: Nearest) -> tuple[np.ndarray, float]:
    """Return places (frames, texts, 2), and the share of the variance that a linear map holds, 0 for another one."""
    method, choice = how
    if method == "pca":
        plane = principal_plane(frames[space.kept])
        return plane.place(frames), float(plane.explained.sum())
    known_path = space.folder / f"umap-{choice.neighbours}-{choice.min_dist}.npz"
    known = _known(known_path, space)
    places = umap_film(frames, choice, known, nearest)
    # A reader never meets half a file.
    beside = known_path.with_name(f".{known_path.name}")
    np.savez(beside, places=places.astype(np.float32), steps=np.array(space.steps))
    beside.replace(known_path)
    return places, 0.0


def _known(path: Path, space: Space) -> np.ndarray | None:
    """Return the places of the first frames where an earlier call reckoned just these."""
    if not path.is_file():
        return None
    with np.load(path) as kept:
        steps, places = kept["steps"].tolist(), kept["places"]
    # A run that went on from a checkpoint has written some of its steps again.
    changed = max(file.stat().st_mtime_ns for file in space.files[: len(steps)])
    same = places.shape[1] == len(space.texts) and list(space.steps[: len(steps)]) == steps
    same = same and changed <= path.stat().st_mtime_ns
    return places.astype(float) if same else None


def place_typed(shelf: Shelf, values: Mapping[str, Any], deadline: Deadline) -> dict[str, Any]:
    """Return where typed `texts` lie before and after, by `method`, with their ten nearest and the cosines of all pairs.

    By principal axes a text lies where they put it; on a UMAP, which cannot place a new text, at the middle of its ten nearest,
    the nearer the heavier.

    Raises:
        ConfigError: there is no text, or one too long.
        DataError: the space is not there.
        ModelError: a model is not here any more.
    """
    texts = check_texts([str(text) for text in values["texts"]])
    space = open_space(shelf, values)
    answer = _shown(space, values) or film(shelf, dict(values) | {"quick": True}, deadline)
    places = unpack_places(answer["places"], len(space.steps), len(space.texts))
    frames = space.frames()
    plane = principal_plane(frames[space.kept])
    sides = []
    for name, number in zip(space.models, sorted({0, space.kept}), strict=False):
        vectors = embed_texts(shelf.model(name), texts, QUERY, deadline)
        cosines = vectors @ frames[number].T
        order = np.argsort(-cosines, axis=1)[:, :AMONG]
        if answer["method"] == "pca":
            put = plane.place(vectors)
        else:
            near = np.take_along_axis(cosines, order, axis=1)
            weights = np.exp((near - near[:, :1]) / SOFTNESS)
            put = (places[number][order] * (weights / weights.sum(axis=1, keepdims=True))[:, :, None]).sum(axis=1)
        sides.append(
            {
                "frame": number,
                "places": put.round(4).tolist(),
                "rows": order.tolist(),
                "near": np.take_along_axis(cosines, order, axis=1).round(4).tolist(),
                "cosines": (vectors @ vectors.T).round(4).tolist(),
            }
        )
    return {"texts": texts, "sides": sides}


def warm(shelf: Shelf, values: Mapping[str, Any], deadline: Deadline) -> dict[str, Any]:
    """Get UMAP ready beside other questions, unless a run trains: its first fit compiles for up to a minute."""
    waits = _is_busy(shelf)
    if not waits:
        threading.Thread(target=warm_up, name="warm", daemon=True).start()
    return {"warms": not waits}


def _is_busy(shelf: Shelf) -> bool:
    """Tell whether a worker does something."""
    assert shelf.places.runs_dir is not None
    return (studio_of(shelf.places.runs_dir) / DESK / BUSY).exists()
