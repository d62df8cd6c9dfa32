"""What Explore can show: the probes of a run, or texts that were made ready to be asked. Where they lie; loads no torch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import DataError
from core.files import read_json
from core.index_texts import INDEX_NAME, TEXTS, VECTORS
from core.measuring import ANSWER, MEASURED

PROBES_FILE = "probes.json"
MOST_TEXTS = 20_000
SEED = 0


@dataclass(frozen=True)
class Space:
    """Texts and where the embeddings of each frame lie, (texts, dim) at unit length, frames in order of their steps.

    `kept` is the place of the frame whose model was kept; `rows` are those of a sample where there are too many texts, else None.
    """

    folder: Path
    files: tuple[Path, ...]
    steps: tuple[int, ...]
    kept: int
    texts: list[str]
    groups: dict[str, list[str]]
    pairs: list[tuple[int, int, float]]
    found: str
    models: tuple[str, ...]
    rows: np.ndarray | None = None

    def frames(self) -> np.ndarray:
        """Read the embeddings, (frames, texts, dim) float32."""
        try:
            read = [np.load(file, mmap_mode="r") for file in self.files]
        except FileNotFoundError:
            raise DataError("What this map shows was deleted meanwhile; choose another run or other texts.") from None
        if len({one.shape for one in read}) > 1:
            raise DataError("These models' embeddings have other dimensions than each other, so no plane holds both.")
        return np.stack([np.asarray(one if self.rows is None else one[self.rows], np.float32) for one in read])


def snapshot_steps(folder: Path) -> list[int]:
    """Return the steps whose embeddings are kept in a run's folder of snapshots, in order."""
    return sorted(int(path.stem.removeprefix("step-")) for path in folder.glob("step-*.npy"))


def run_space(run: Path) -> Space:
    """Return the probes of a run, as far as they are there.

    Raises:
        DataError: the run kept none, or they are not there yet.
    """
    folder = run / "snapshots"
    probes, steps = read_json(folder / PROBES_FILE), snapshot_steps(folder)
    if not isinstance(probes, dict) or not steps:
        raise DataError("This run has no snapshots to look at; switch them on under More settings and start again.")
    kept = (read_json(run / "resolved.json") or {}).get("kept_step")
    name = run.name
    return Space(
        folder=folder,
        files=tuple(folder / f"step-{step:08d}.npy" for step in steps),
        steps=tuple(steps),
        kept=steps.index(kept) if kept in steps else len(steps) - 1,
        texts=probes["texts"],
        groups=probes["groups"],
        pairs=[(int(first), int(second), float(gold)) for first, second, gold in probes["pairs"]],
        found=probes["found"],
        models=(f"untouched:{name}", f"run:{name}"),
    )


def _drawn(labels: list[str]) -> np.ndarray:
    """Return 20,000 rows, in order: of each label its share, rounded, drawn at random with one seed."""
    drawn = np.random.default_rng(SEED).permutation(len(labels))
    _, numbers = np.unique(np.asarray(labels)[drawn], return_inverse=True)
    by_label = np.argsort(numbers, kind="stable")
    sizes = np.bincount(numbers)
    rank = np.empty(len(drawn))
    rank[by_label] = np.arange(len(drawn)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    # Each label's rows are spread evenly over 0..1, and the first of all are taken.
    order = np.argsort((rank + 0.5) / sizes[numbers], kind="stable")[:MOST_TEXTS]
    rows: np.ndarray = np.sort(drawn[order])
    return rows


def index_space(runs_dir: Path, name: str) -> Space:
    """Return the texts of a folder of the task "index": two frames, before and after, or one; 20,000 texts at most.

    Raises:
        DataError: they are not ready, or not here any more.
    """
    import pyarrow.parquet as pq  # noqa: PLC0415  a run's probes need no tables

    folder = runs_dir / MEASURED / name
    answer: dict[str, Any] | None = read_json(folder / ANSWER) if INDEX_NAME.fullmatch(name) else None
    if answer is None or answer.get("task") != "index":
        raise DataError("These texts are not at hand any more; press Get ready again.")
    table = pq.read_table(folder / TEXTS)
    models = tuple(model["name"] for model in answer["models"])
    rows = None
    if len(table) > MOST_TEXTS:
        rows = _drawn(table["label"].to_pylist() if "label" in table.column_names else [""] * len(table))
        table = table.take(rows)
    said = f"{len(table):,} texts of {answer['found']}" + (f", drawn from {answer['texts']:,}" if rows is not None else "")
    groups = {column: table[column].to_pylist() for column in table.column_names if column != "text"}
    return Space(
        folder=folder,
        files=tuple(folder / VECTORS[place] for place in range(len(models))),
        steps=tuple(range(len(models))),
        kept=len(models) - 1,
        texts=table["text"].to_pylist(),
        groups=groups,
        pairs=[],
        found=said,
        models=models,
        rows=rows,
    )
