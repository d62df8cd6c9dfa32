"""STSB, or the sample's pairs where it is not here: Pearson and Spearman as the chapter's evaluator gives them."""

import hashlib
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.evaluation import EmbeddingSimilarityEvaluator

from core.errors import DataError, DivergenceError
from core.examples import SCORED_ROWS
from core.files import read_json, write_json
from core.machine import library_versions
from core.places import Places
from core.rows import Asked, Rows, load_rows, yardstick_rows

SIMILARITIES = ["cosine", "dot", "manhattan", "euclidean"]
CHUNK_TEXTS = 512
FEWEST_PAIRS = 3
# Cosines are kept to so many digits; a vector of zeros is divided by more than zero.
DIGITS, SHORTEST = 6, 1e-12
# Cosines that differ by less are the same one, and rounding.
LEAST_SPREAD = 1e-6
COLLAPSED = (
    "The model gives every text the same embedding, or none that is a number: its space has collapsed. "
    "Lower the learning rate and start again."
)
# What a stored record holds: one of an earlier format is measured anew.
RECORD_FORMAT = 2
Between = Callable[[int, int], None]


@dataclass(frozen=True)
class EvaluationSet:
    """Pairs with gold scores 0..1; `id` is "<data>/<split>", `sha256` names the very pairs."""

    id: str
    sentences1: list[str]
    sentences2: list[str]
    gold: list[float]
    sha256: str
    found: str


def load_evaluation_set(data: str, split: str, places: Places, max_rows: int | None = None) -> EvaluationSet:
    """Load scored pairs, the first `max_rows` where that is given.

    Raises:
        DataError: they are not here, or are no scored pairs.
    """
    rows = load_rows(Asked(data, split, max_rows=max_rows), places)
    if rows.kind != SCORED_ROWS:
        raise DataError(f"{data[:60]}/{split} has no similarity scores; choose stsb or sample and split=validation.")
    return _evaluation_set(f"{data}/{split}", rows)


def default_evaluation_set(places: Places) -> EvaluationSet:
    """Return STSB validation from the data folder or the Hub's cache, else the sample's pairs."""
    return _evaluation_set(*yardstick_rows(places))


def _evaluation_set(name: str, rows: Rows) -> EvaluationSet:
    frame = rows.frame
    return EvaluationSet(
        id=name,
        sentences1=frame["sentence1"].tolist(),
        sentences2=frame["sentence2"].tolist(),
        gold=frame["score"].tolist(),
        sha256=rows.sha256,
        found=rows.found,
    )


class _OfVectors(EmbeddingSimilarityEvaluator):
    """The library's evaluator on embeddings that are there already; it asks for the first texts', then for the second ones'."""

    def __init__(self, pairs: EvaluationSet, first: np.ndarray, second: np.ndarray) -> None:
        super().__init__(pairs.sentences1, pairs.sentences2, pairs.gold, similarity_fn_names=SIMILARITIES, write_csv=False)
        self._vectors = iter((first, second))

    def embed_inputs(self, *_: Any, **__: Any) -> np.ndarray:
        """Return the next (n, dim) embeddings."""
        return next(self._vectors)

    def store_metrics_in_model_card_data(self, *_: Any, **__: Any) -> None:
        """Keep nothing: the library's model card would carry training sentences."""


def embed_pairs(
    model: SentenceTransformer, pairs: EvaluationSet, batch_size: int, between: Between = lambda _done, _total: None,
    precision: str = "fp32",
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Return the embeddings of first and second texts, two of (n, dim) in fp32, reckoned in `precision` on the way.

    `between` is called before each chunk of texts with how many are done, and may raise to leave.
    """
    model.eval()
    sides, done = [], 0
    for texts in (pairs.sentences1, pairs.sentences2):
        chunks = []
        for start in range(0, len(texts), CHUNK_TEXTS):
            between(done, 2 * len(texts))
            chunk = texts[start : start + CHUNK_TEXTS]
            with torch.autocast(model.device.type, torch.bfloat16, enabled=precision == "bf16"):
                chunks.append(np.asarray(model.encode(chunk, batch_size=batch_size, show_progress_bar=False), np.float32))
            done += len(chunk)
        sides.append(np.concatenate(chunks))
    return sides[0], sides[1]


def figures_of(model: SentenceTransformer, pairs: EvaluationSet, first: np.ndarray, second: np.ndarray) -> dict[str, float]:
    """Return the ten figures: Pearson and Spearman of cosine, dot, Manhattan, Euclidean, and their maxima, in -1..1.

    Raises:
        DataError: the pairs are too few, or have all the same gold score.
        DivergenceError: the embeddings are NaN or all alike, so that no correlation exists.
    """
    check_gold(pairs)
    cosines = cosines_of(first, second)
    # Looked at first: the evaluator would warn of a correlation that is none, and give NaN.
    if not np.isfinite(cosines).all() or np.ptp(cosines) < LEAST_SPREAD:
        raise DivergenceError(COLLAPSED)
    figures = {name: float(value) for name, value in _OfVectors(pairs, first, second)(model).items()}
    if not all(math.isfinite(value) for value in figures.values()):
        raise DivergenceError(COLLAPSED)
    return figures


def check_gold(pairs: EvaluationSet) -> None:
    """Refuse gold scores that nothing can be correlated with.

    Raises:
        DataError: there are fewer than three pairs, or all have the same score.
    """
    if len(pairs.gold) < FEWEST_PAIRS:
        raise DataError(f"{pairs.found} has {len(pairs.gold)} scored pairs; a correlation needs {FEWEST_PAIRS} or more.")
    if min(pairs.gold) == max(pairs.gold):
        raise DataError(f"{pairs.found}: all gold scores are the same, so nothing can agree with them; choose data that differ.")


def pair_values(pairs: EvaluationSet, first: np.ndarray, second: np.ndarray) -> dict[str, list[float]]:
    """Return what a record holds of each pair, in their order and without texts: `cosines` -1..1, and `gold` 0..1."""
    return {"cosines": np.round(cosines_of(first, second), DIGITS).tolist(), "gold": np.round(pairs.gold, DIGITS).tolist()}


def cosines_of(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the cosine of each row of one (n, dim) with the same row of the other, (n,); 0 for a vector of zeros."""
    lengths = [np.maximum(np.linalg.norm(side.astype(float), axis=1), SHORTEST) for side in (first, second)]
    with np.errstate(invalid="ignore"):
        cosines: np.ndarray = np.einsum("ij,ij->i", first, second, dtype=float) / (lengths[0] * lengths[1])
    return cosines


def score_pairs(
    model: SentenceTransformer, pairs: EvaluationSet, batch_size: int, between: Between = lambda _done, _total: None
) -> dict[str, float]:
    """Return the ten figures of a model in fp32.

    Raises:
        DivergenceError: as of `figures_of`.
    """
    return figures_of(model, pairs, *embed_pairs(model, pairs, batch_size, between))


def some_of(pairs: EvaluationSet, count: int) -> tuple[EvaluationSet, np.ndarray]:
    """Return `count` of the pairs, the same ones for everybody, and which rows they are; all where there are no more."""
    rows = np.sort(np.random.default_rng(0).permutation(len(pairs.gold))[:count])
    some = replace(
        pairs,
        sentences1=[pairs.sentences1[row] for row in rows],
        sentences2=[pairs.sentences2[row] for row in rows],
        gold=[pairs.gold[row] for row in rows],
        sha256=f"{pairs.sha256} {len(rows)}" if len(rows) < len(pairs.gold) else pairs.sha256,
    )
    return some, rows


def score_record(pairs: EvaluationSet, figures: dict[str, float], seconds: float) -> dict[str, Any]:
    """Return what a score's JSON file holds: the figures and everything needed to trust them."""
    return {
        "data": pairs.id,
        "figures": figures,
        "pairs": len(pairs.gold),
        "data_sha256": pairs.sha256,
        "found": pairs.found,
        "precision": "fp32",
        "seconds": round(seconds, 3),
        "versions": library_versions(),
        "measured": time.time(),
    }


def score_model(
    fingerprint: str, pairs: EvaluationSet, runs_dir: Path, measure: Callable[[], dict[str, float]],
    more: Callable[[], dict[str, Any]] = dict,
) -> dict[str, Any]:  # fmt: skip
    """Return a model's score record from the cache, or measure and keep it; other weights or pairs are another record.

    `more` is asked for further entries of the record once `measure` has run.
    """
    key = json.dumps([RECORD_FORMAT, fingerprint, pairs.id, pairs.sha256, library_versions()])
    path = runs_dir / ".scores" / hashlib.sha256(key.encode()).hexdigest()[:32] / "score.json"
    record: dict[str, Any] | None = read_json(path)
    if record is None:
        began = time.monotonic()
        record = score_record(pairs, measure(), time.monotonic() - began) | more()
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, record)
    return record


def write_score(run_path: Path, which: str, record: dict[str, Any]) -> None:
    """Keep a score in a run's folder; `which` is "before" or "after"."""
    write_json(run_path / "scores" / f"{record['data'].replace('/', '-')}.{which}.json", record)
