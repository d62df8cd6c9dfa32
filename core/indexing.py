"""The measuring task "index": texts embedded by one model or two, so that the desk can search them."""

import hashlib
import json
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import ConfigError, DivergenceError, RunError
from core.files import read_json
from core.index_texts import TEXTS, VECTORS, IndexTexts, model_mark, read_texts
from core.machine import library_versions
from core.measuring import ANSWER, MEASURED, Measured
from core.measuring_work import asked_models, open_measured
from core.models import model_fingerprint
from core.run_store import delete_run, iter_runs

if TYPE_CHECKING:
    from core.run_log import RunLog
    from core.runs import RunFolder

CHUNK, BATCH = 256, 64
# The page shows the beginning of a text; the models read it whole.
SHOWN_CHARACTERS = 1000
# All texts that can be searched in a runs folder; the oldest are forgotten first.
MOST_KEPT_BYTES = 2 << 30
SAME = 1e-6


def measure(log: "RunLog") -> dict[str, Any]:
    """Write `texts.parquet` and for each model its vectors: float32, normalised, (texts, dim), read as passages.

    Raises:
        ConfigError: more than two models are asked for.
        DataError: there are no texts.
        ModelError: a model is not here.
        DivergenceError: a model's embeddings are no numbers, or all the same.
        Stopped: somebody wants no more of it.
    """
    config, models = log.run.config(), asked_models(log)
    if len(models) > len(VECTORS):
        raise ConfigError("models", "two models can be looked at side by side; choose two.")
    log.enter("evaluating", "Reading the texts")
    texts = read_texts(config, log.places, lambda count: log.progress("Reading rows", count, count))
    shown = pa.table({"text": pa.array([text[:SHOWN_CHARACTERS] for text in texts.texts], pa.string())})
    if any(texts.labels):
        shown = shown.append_column("label", pa.array(texts.labels, pa.string()))
    pq.write_table(shown, log.run.path / TEXTS)
    sides = [_read_by(measured, texts, VECTORS[place], log) for place, measured in enumerate(models)]
    _forget_oldest(log)
    return {
        "models": sides,
        "texts": len(texts.texts),
        "found": texts.found,
        "repeated": texts.repeated,
        "cut": texts.is_cut,
        "data_sha256": texts.sha256,
        "versions": library_versions(),
    }


def _read_by(measured: Measured, texts: IndexTexts, file: str, log: "RunLog") -> dict[str, Any]:
    """Have one model read all texts, unless it read just these before."""
    began = time.monotonic()
    mark = model_mark(measured, log.places)
    said = [model_fingerprint(measured.choice, log.run.runs_dir, measured.seed), texts.sha256, library_versions()]
    key = hashlib.sha256(json.dumps(said).encode()).hexdigest()
    kept = _find_vectors(key, log.run)
    if kept is not None:
        shutil.copyfile(kept, log.run.path / file)
    else:
        log.enter("evaluating", f"Loading {measured.label}")
        _encode(measured, texts.texts, log.run.path / file, log)
    vectors = np.load(log.run.path / file, mmap_mode="r")
    return {
        "name": measured.name,
        "label": measured.label,
        "mark": mark,
        "key": key,
        "dimension": vectors.shape[1],
        "read_before": kept is not None,
        "seconds": round(time.monotonic() - began, 3),
    }


def _find_vectors(key: str, mine: "RunFolder") -> Path | None:
    """Return a file of what the same model made of the same texts for another search."""
    for run in iter_runs(mine.path.parent):
        answer = read_json(run.path / ANSWER) or {}
        if answer.get("task") == "index" and run.id != mine.id:
            for place, model in enumerate(answer["models"]):
                path = run.path / VECTORS[place]
                if model.get("key") == key and path.is_file():
                    return path
    return None


def _encode(measured: Measured, texts: list[str], path: Path, log: "RunLog") -> None:
    model, phase = open_measured(measured, log), f"Reading the texts with {measured.label}"
    # The longest first: texts of one length make batches without padding, and a memory that is too small shows at once.
    order = sorted(range(len(texts)), key=lambda row: -len(texts[row]))
    beside = path.with_name(f".{path.name}.part")
    vectors: np.memmap[Any, np.dtype[np.float32]] | None = None
    first: np.ndarray | None = None
    all_same = len(texts) > 1
    for start in range(0, len(texts), CHUNK):
        log.raise_if_stopped()
        log.progress(phase, start, len(texts))
        rows = order[start : start + CHUNK]
        part = model.encode_document(
            [texts[row] for row in rows], batch_size=BATCH, normalize_embeddings=True, show_progress_bar=False
        )
        _check_numbers(part, measured)
        if vectors is None or first is None:
            first = part[0]
            vectors = np.lib.format.open_memmap(beside, mode="w+", dtype=np.float32, shape=(len(texts), part.shape[1]))
        all_same = all_same and bool(np.abs(part - first).max() < SAME)
        vectors[rows] = part
    log.progress(phase, len(texts), len(texts))
    if all_same:
        beside.unlink()
        raise DivergenceError(f"{measured.label} gives every text the same embedding, which is no order; choose another model.")
    assert vectors is not None
    vectors.flush()
    beside.replace(path)


def _check_numbers(vectors: np.ndarray, measured: Measured) -> None:
    if not np.isfinite(vectors).all():
        raise DivergenceError(
            f"{measured.label} gives embeddings that are no numbers: it has diverged. Choose another model or run."
        )


def _forget_oldest(log: "RunLog") -> None:
    """Remove the texts that were got ready longest ago, as far as all together are too large."""
    found = []
    for run in iter_runs(log.run.runs_dir / MEASURED):
        status = run.status()
        size = sum(path.stat().st_size for path in run.path.glob("*vectors-*"))
        if size and status is not None and (status.is_final or run.id == log.run.id):
            found.append((status.finished or time.time(), run, size))
    total = 0
    for _, run, size in sorted(found, key=lambda one: -one[0]):
        total += size
        if total > MOST_KEPT_BYTES and run.id != log.run.id:
            try:
                delete_run(run)
            except RunError:
                # Somebody asked for it again just now, or reads it on a system that locks files.
                continue
