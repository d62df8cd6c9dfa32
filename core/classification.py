"""How well a few labelled texts tell the rest apart: accuracy of a logistic regression on embeddings.

The protocol is that of MTEB's classification tasks (Muennighoff et al. 2023, arXiv:2210.07316, section 3.2) with its defaults,
10 experiments with 8 texts of every label each, and its very draws: the figures are those of the mteb package, which a test
compares, without its import (2 s) inside a run, and for any labelled rows. Each text is encoded once.
"""

import time
import warnings
from typing import Any

import numpy as np
from sentence_transformers import SentenceTransformer
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from core.errors import DataError, DivergenceError
from core.evaluation import CHUNK_TEXTS, Between
from core.examples import LABELLED_ROWS
from core.machine import library_versions
from core.places import Places
from core.rows import Asked, Rows, load_rows

EXPERIMENTS, TEXTS_A_LABEL, ITERATIONS, SEED = 10, 8, 100, 42


def load_labelled(data: str, places: Places) -> tuple[Rows, Rows]:
    """Return the training and the test part of labelled texts.

    Raises:
        DataError: one of the two is not here, or has no labels.
    """
    parts = load_rows(Asked(data, "train"), places), load_rows(Asked(data, "test"), places)
    if any(part.kind != LABELLED_ROWS for part in parts):
        raise DataError(f"{data[:60]} has no labelled texts to classify; choose banking77.")
    if parts[0].frame["label"].nunique() < 2:
        raise DataError(f"{data[:60]} has texts of one label only, so there is nothing to tell apart; check its train part.")
    return parts


def score_classes(
    model: SentenceTransformer, parts: tuple[Rows, Rows], batch_size: int, between: Between = lambda _done, _total: None
) -> dict[str, float]:
    """Return `accuracy`, the mean over the experiments (0..1), and `accuracy_std`, its standard deviation.

    `between` is called before each chunk of texts with how many are done, and may raise to leave.

    Raises:
        DivergenceError: the embeddings are no numbers.
    """
    train, test = parts[0].frame, parts[1].frame
    draws = _draws(train["label"].to_numpy(dtype=str))
    needed = np.unique(np.concatenate(draws))
    texts = [*train["text"].iloc[needed], *test["text"]]
    vectors = _encode(model, texts, batch_size, between)
    place = {row: number for number, row in enumerate(needed)}
    known, asked = vectors[: len(needed)], vectors[len(needed) :]
    labels, right = train["label"].to_numpy(dtype=str), test["label"].to_numpy(dtype=str)
    accuracies = []
    for draw in draws:
        classifier = LogisticRegression(max_iter=ITERATIONS, random_state=SEED)
        with warnings.catch_warnings():
            # The benchmark stops there too.
            warnings.simplefilter("ignore", ConvergenceWarning)
            classifier.fit(known[[place[row] for row in draw]], labels[draw])
        accuracies.append(float((classifier.predict(asked) == right).mean()))
    return {"accuracy": float(np.mean(accuracies)), "accuracy_std": float(np.std(accuracies))}


def _draws(labels: np.ndarray) -> list[np.ndarray]:
    """Return the rows of each experiment, (labels x 8 at most,): the first of each label in an order that is mixed on and on."""
    # mteb begins with the same seed each time and mixes what the experiment before has left.
    order, drawn = np.arange(len(labels)), []
    for _ in range(EXPERIMENTS):
        np.random.RandomState(SEED).shuffle(order)
        drawn.append(_first_of_each(labels, order))
    return drawn


def _first_of_each(labels: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Return the rows in the given order that are among the first eight of their label."""
    _, numbers = np.unique(labels[order], return_inverse=True)
    by_label = np.argsort(numbers, kind="stable")
    starts = np.searchsorted(numbers[by_label], np.arange(numbers.max() + 1))
    rank = np.empty(len(labels), dtype=int)
    rank[by_label] = np.arange(len(labels)) - starts[numbers[by_label]]
    return order[rank < TEXTS_A_LABEL].copy()


def _encode(model: SentenceTransformer, texts: list[str], batch_size: int, between: Between) -> np.ndarray:
    model.eval()
    chunks = []
    for start in range(0, len(texts), CHUNK_TEXTS):
        between(start, len(texts))
        chunks.append(model.encode(texts[start : start + CHUNK_TEXTS], batch_size=batch_size, show_progress_bar=False))
    vectors = np.concatenate(chunks)
    if not np.isfinite(vectors).all():
        raise DivergenceError("The model gives embeddings that are no numbers. Lower the learning rate and start again.")
    return vectors


def classes_record(data: str, parts: tuple[Rows, Rows], figures: dict[str, float], began: float) -> dict[str, Any]:
    """Return what the score's JSON file holds; `began` is a time of `time.monotonic()`."""
    return {
        "data": f"{data}/test",
        "figures": figures,
        "pairs": len(parts[1].frame),
        "data_sha256": parts[1].sha256,
        "found": parts[1].found,
        "protocol": f"{EXPERIMENTS} logistic regressions on {TEXTS_A_LABEL} texts a label, {ITERATIONS} iterations",
        "precision": "fp32",
        "seconds": round(time.monotonic() - began, 3),
        "versions": library_versions(),
        "measured": time.time(),
    }
