"""Runs and texts with made-up embeddings, for the map: nothing trains."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from core.files import write_json
from core.index_texts import TEXTS, VECTORS
from core.measuring import ANSWER, MEASURED
from core.recipes import recipe_config
from core.run_log import RunLog
from core.run_store import create_run
from core.runs import RunFolder
from core.spaces import PROBES_FILE

INDEX = "0123456789abcdef0123456789abcdef"


def on_sphere(vectors: np.ndarray) -> np.ndarray:
    unit: np.ndarray = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return unit.astype(np.float32)


def made_up_film(frames: int, texts: int, dimension: int = 24, groups: int = 4, seed: int = 0) -> np.ndarray:
    """Return embeddings (frames, texts, dim) that begin in one cone and end in as many groups: of text 0, 1, 2, ... in turn."""
    rng = np.random.default_rng(seed)
    own, middles = rng.normal(size=(texts, dimension)), 6 * rng.normal(size=(groups, dimension))
    cone = own + 8 * rng.normal(size=dimension)
    ends = own + middles[np.arange(texts) % groups]
    share = np.linspace(0, 1, max(2, frames))[:frames, None, None]
    return on_sphere((1 - share) * cone + share * ends)


def probe_json(texts: int, groups: int = 4) -> dict[str, Any]:
    """Return what `probes.json` holds of texts in groups in turn; each text belongs to the next one of its group."""
    near = [(row, row + groups, 1.0) for row in range(texts - groups)]
    far = [(row, row + 1, 0.0) for row in range(texts - 1)]
    labels = [f"group {row % groups}" for row in range(texts)]
    words = ("ship", "violin", "kitchen", "mountain")
    said = [f"Sentence {row} is about a {words[row % 4]} and number {row}." for row in range(texts)]
    return {"texts": said, "groups": {"label": labels}, "pairs": near + far, "found": f"{texts} made-up texts", "roles": []}


def film_run(runs_dir: Path, frames: np.ndarray, steps: Sequence[int], is_live: bool = False, **said: Any) -> RunFolder:
    """Write a run that kept these embeddings; it is done, or nobody ends it. `said` changes what `probes.json` holds."""
    run = create_run(runs_dir, recipe_config("quick-demo"), None, by_hand=is_live)
    if not is_live:
        RunLog(run).end("done", "")
    write_json(run.path / "snapshots" / PROBES_FILE, probe_json(frames.shape[1]) | said)
    for step, vectors in zip(steps, frames, strict=True):
        add_frame(run, step, vectors)
    return run


def add_frame(run: RunFolder, step: int, vectors: np.ndarray) -> None:
    np.save(run.path / "snapshots" / f"step-{step:08d}.npy", vectors)


def film_index(
    runs_dir: Path,
    frames: np.ndarray,
    texts: Sequence[str] | None = None,
    labels: Sequence[str] | None = None,
    name: str = INDEX,
    **said: Any,
) -> Path:
    """Write a folder of the task "index": one frame or two."""
    folder = runs_dir / MEASURED / name
    folder.mkdir(parents=True)
    shown = texts or [f"text {row}" for row in range(frames.shape[1])]
    columns = {"text": shown, **({"label": labels} if labels else {})}
    pa.parquet.write_table(pa.table({key: pa.array(values, pa.string()) for key, values in columns.items()}), folder / TEXTS)
    for place, vectors in enumerate(frames):
        np.save(folder / VECTORS[place], vectors)
    models = [{"name": "static-minilm"}, {"name": "run:none"}][: len(frames)]
    write_json(folder / ANSWER, {"task": "index", "models": models, "texts": len(shown), "found": "a file"} | said)
    return folder


def ask_directly(runs_dir: Path, request: str, values: Mapping[str, Any], seconds: float = 60) -> dict[str, Any]:
    """Answer for a film as the desk does, without a process of its own and a UMAP that compiles for long."""
    from core.desk_shelf import Deadline, Shelf
    from core.explore import film

    assert request == "film"
    found = film(Shelf(runs_dir), dict(values) | {"method": "pca"}, Deadline(seconds))
    return found | {"method": values.get("method", "pca")}
