"""The work of a folder whose kind is `race`: a cross-encoder against a bi-encoder, in quality and in seconds, on this machine."""

import dataclasses
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.stats import spearmanr

from core.cross_encoders import BATCH, load_cross_encoder, score_jointly
from core.errors import ConfigError, DataError, DivergenceError
from core.evaluation import EvaluationSet, default_evaluation_set
from core.files import write_json
from core.machine import read_machine
from core.models import load_model

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from core.run_log import RunLog

MOST_PAIRS, FEWEST_PAIRS, CHUNKS = 200, 3, 3
TEXT_COUNTS = (10, 100, 1_000, 10_000, 100_000)
PRODUCT_ROWS = 2_000
# Work on so many texts or pairs at a time; returns one number or vector each.
Measured = Callable[[int, int], np.ndarray]


@dataclass(frozen=True)
class Costs:
    """What was measured here: seconds a text and a pair of the product for the bi-encoder, a pair for the cross-encoder."""

    seconds_per_text: float
    seconds_per_product: float
    seconds_per_pair: float

    def bi_seconds(self, texts: int) -> float:
        """Return what comparing all of n texts costs a bi-encoder: n embeddings, and one product of n × n cosines."""
        return texts * self.seconds_per_text + texts**2 * self.seconds_per_product

    def cross_seconds(self, texts: int) -> float:
        """Return what it costs a cross-encoder: n (n − 1) / 2 scores, each of them a whole forward pass."""
        return texts * (texts - 1) / 2 * self.seconds_per_pair


def race(log: "RunLog") -> None:
    """Score the same pairs by both models, time both, and work out what comparing all of n texts would cost.

    Raises:
        ConfigError: no cross-encoder is named.
        ModelError: one of the models is not here.
        DataError: there are too few pairs.
        DivergenceError: a model gives no order at all.
    """
    config, runs_dir, machine = log.run.config(), log.run.runs_dir, read_machine(log.run.runs_dir)
    if not config.teacher:
        raise ConfigError("teacher", "a race needs a cross-encoder: name one, as run:<id> of its run or as a folder.")
    began = time.monotonic()
    log.enter("loading", "Loading both models")
    pairs = choose_pairs(default_evaluation_set(log.places), config.seed)
    encoder = load_model(config, runs_dir, machine.device, config.seed)
    judge = load_cross_encoder(config.teacher, runs_dir, machine.device, "teacher")
    log.enter("evaluating", "Timing the bi-encoder")
    texts = pairs.sentences1 + pairs.sentences2
    vectors, seconds_per_text = timed(lambda first, last: _embed(encoder, texts[first:last]), len(texts))
    log.enter("evaluating", "Timing the cross-encoder")
    both = list(zip(pairs.sentences1, pairs.sentences2, strict=True))

    scores, seconds_per_pair = timed(lambda first, last: score_jointly(judge, both[first:last], lambda *_: None), len(both))
    costs = Costs(seconds_per_text, time_product(vectors.shape[1], machine.device), seconds_per_pair)
    ours = (vectors[: len(both)] * vectors[len(both) :]).sum(axis=1)
    answer = {
        "pairs": len(both),
        "data": pairs.id,
        "found": pairs.found,
        "bi": {"model": config.base_model, "seconds": seconds_per_text, "spearman": spearman(ours, pairs.gold)},
        "cross": {"model": config.teacher, "seconds": seconds_per_pair, "spearman": spearman(scores, pairs.gold)},
        "product_seconds": costs.seconds_per_product,
        "curve": [{"texts": n, "bi": costs.bi_seconds(n), "cross": costs.cross_seconds(n)} for n in TEXT_COUNTS],
        "device": machine.device_name if machine.device == "cuda" else f"{machine.cores} CPU cores",
        "seconds": round(time.monotonic() - began, 3),
    }
    write_json(log.run.path / "race.json", answer)
    log.end("done", f"Timed both models on {len(both)} pairs")


def choose_pairs(pairs: EvaluationSet, seed: int) -> EvaluationSet:
    """Return up to 200 of the pairs, drawn at random and in their order.

    Raises:
        DataError: there are fewer than three.
    """
    if len(pairs.gold) < FEWEST_PAIRS:
        raise DataError(f"{pairs.found} has {len(pairs.gold)} scored pairs; a race needs {FEWEST_PAIRS} or more.")
    count = min(MOST_PAIRS, len(pairs.gold))
    rows = sorted(np.random.default_rng(seed).permutation(len(pairs.gold))[:count].tolist())
    return dataclasses.replace(
        pairs,
        sentences1=[pairs.sentences1[row] for row in rows],
        sentences2=[pairs.sentences2[row] for row in rows],
        gold=[pairs.gold[row] for row in rows],
    )


def timed(work: Measured, count: int) -> tuple[np.ndarray, float]:
    """Do `work(first, last)` on `count` things, and return what came of it with the median seconds of one.

    A first batch of 64 warms up and is not timed; then three chunks are, each of whole batches where there are enough.
    """
    size = count // CHUNKS if count < CHUNKS * BATCH else count // CHUNKS // BATCH * BATCH
    work(0, min(BATCH, count))
    parts, seconds = [], []
    for start in range(0, CHUNKS * size, size):
        began = time.perf_counter()
        parts.append(work(start, start + size))
        seconds.append((time.perf_counter() - began) / size)
    if count > CHUNKS * size:
        parts.append(work(CHUNKS * size, count))
    return np.concatenate(parts), statistics.median(seconds)


def time_product(dimension: int, device: str) -> float:
    """Return the seconds that one cosine of a product of 2,000 × 2,000 embeddings takes here, the median of three."""
    vectors, seconds = torch.rand(PRODUCT_ROWS, dimension, device=device), []
    for turn in range(CHUNKS + 1):
        began = time.perf_counter()
        # The sum is fetched: a GPU answers before it has multiplied.
        float((vectors @ vectors.T).sum())
        if turn:
            seconds.append(time.perf_counter() - began)
    return statistics.median(seconds) / PRODUCT_ROWS**2


def _embed(model: "SentenceTransformer", texts: list[str]) -> np.ndarray:
    return np.asarray(model.encode(texts, batch_size=BATCH, normalize_embeddings=True, show_progress_bar=False))


def spearman(scores: np.ndarray, gold: Sequence[float]) -> float:
    """Return the rank correlation of scores and gold, −1..1.

    Raises:
        DivergenceError: all scores are the same, or no numbers.
    """
    if not np.isfinite(scores).all() or np.ptp(scores) == 0:
        raise DivergenceError("One of the models gives every pair the same score, which is no order; choose another.")
    return float(spearmanr(scores, gold)[0])
