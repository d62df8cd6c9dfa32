"""The held-out part of a person's own rows, scored in its shape: what the model makes of texts that training never saw."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import pearsonr, spearmanr
from sentence_transformers import SentenceTransformer

from core.errors import DivergenceError
from core.evaluation import CHUNK_TEXTS, DIGITS, LEAST_SPREAD, Between
from core.examples import POSITIVE_PAIRS, SCORED_PAIRS, TRIPLETS, text_keys
from core.machine import library_versions
from core.prepared import PreparedExamples
from core.prompts import prompt_for
from core.runs import HELD_OUT

RANKED = 10
FEWEST_SCORED = 3
CONSTANT_GOLD = "All held-out scores are the same, so nothing can agree with them: hold out rows whose scores differ."
CONSTANT_COSINES = "The model gives every held-out pair the same cosine, which is no order of them."
Vectors = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class HeldOutScore:
    """Figures by name, and what they were made of: a value an example, in their order, as a score's record holds it.

    `values` holds `per_example` by figure, each (examples,), or `cosines` and `gold`, and a `note` where a figure means nothing.
    """

    figures: dict[str, float]
    values: dict[str, Any] = field(default_factory=dict)


def can_be_scored(prepared: PreparedExamples) -> bool:
    """Tell whether a part was held out, in a shape that has a figure."""
    shape, rows = prepared.report["held_out_shape"], prepared.report["held_out_examples"]
    return shape in FIGURES and rows >= FEWEST_SCORED


def score_held_out(
    model: SentenceTransformer, prepared: PreparedExamples, batch_size: int, between: Between = lambda _done, _total: None
) -> HeldOutScore:
    """Return the figures of the held-out part; `between` is called before each chunk of texts and may raise to leave.

    Positive pairs: `mrr_10`, the mean of 1 / rank of the own positive among all held-out positives, 0 beyond rank 10.
    Triplets: `accuracy`, the share whose positive is nearer than its negative. Scored pairs: Pearson and Spearman of the cosines.

    Raises:
        DivergenceError: the embeddings are no numbers.
    """
    frame = prepared.held_out()
    model.eval()
    columns = [column for column in frame if column != "score"]
    vectors, done = {}, 0
    for column in columns:
        parts = []
        for start in range(0, len(frame), CHUNK_TEXTS):
            between(done, len(frame) * len(columns))
            texts = frame[column].iloc[start : start + CHUNK_TEXTS].tolist()
            parts.append(
                model.encode(
                    texts,
                    prompt=prompt_for(str(column), model.prompts),
                    batch_size=batch_size,
                    normalize_embeddings=True,
                    show_progress_bar=False,
                )
            )
            done += len(texts)
        vectors[str(column)] = np.concatenate(parts)
    if not all(np.isfinite(part).all() for part in vectors.values()):
        raise DivergenceError("The model gives embeddings that are no numbers. Lower the learning rate and start again.")
    return FIGURES[str(prepared.report["held_out_shape"])](frame, vectors)


def reciprocal_rank(frame: pd.DataFrame, vectors: Vectors) -> HeldOutScore:
    """Return `mrr_10` of pairs; other right answers of the same anchor are passed over, and equal positives are one candidate."""
    anchors, positives = text_keys(frame["anchor"]), text_keys(frame["positive"])
    _, first, own = np.unique(positives, return_index=True, return_inverse=True)
    cosines = vectors["anchor"] @ vectors["positive"][first].T
    right = pd.DataFrame({"anchor": anchors, "own": own}).groupby("anchor")["own"].agg(set).to_dict()
    reciprocal = np.zeros(len(frame))
    for row, target in enumerate(own):
        others = list(right[anchors[row]] - {target})
        better = cosines[row] > cosines[row, target]
        better[others] = False
        rank = int(better.sum()) + 1
        reciprocal[row] = 1 / rank if rank <= RANKED else 0.0
    return _mean_of(f"mrr_{RANKED}", reciprocal)


def _mean_of(figure: str, values: np.ndarray) -> HeldOutScore:
    return HeldOutScore({figure: float(values.mean())}, {"per_example": {figure: np.round(values, DIGITS).tolist()}})


def triplet_accuracy(frame: pd.DataFrame, vectors: Vectors) -> HeldOutScore:
    """Return the share of triplets whose positive has a greater cosine to the anchor than the negative."""
    near = (vectors["anchor"] * vectors["positive"]).sum(axis=1)
    far = (vectors["anchor"] * vectors["negative"]).sum(axis=1)
    return _mean_of("accuracy", (near > far).astype(float))


def correlations(frame: pd.DataFrame, vectors: Vectors) -> HeldOutScore:
    """Return Pearson and Spearman of cosines and scores; 0 where all scores or all cosines are the same."""
    cosines = (vectors["sentence1"] * vectors["sentence2"]).sum(axis=1)
    gold = frame["score"].to_numpy(float)
    values = {"cosines": np.round(cosines.astype(float), DIGITS).tolist(), "gold": np.round(gold, DIGITS).tolist()}
    if np.ptp(cosines) < LEAST_SPREAD or np.ptp(gold) == 0:
        note = CONSTANT_GOLD if np.ptp(gold) == 0 else CONSTANT_COSINES
        return HeldOutScore({"pearson_cosine": 0.0, "spearman_cosine": 0.0}, values | {"note": note})
    figures = {"pearson_cosine": float(pearsonr(cosines, gold)[0]), "spearman_cosine": float(spearmanr(cosines, gold)[0])}
    return HeldOutScore(figures, values)


Figure = Callable[[pd.DataFrame, Vectors], HeldOutScore]
FIGURES: Mapping[str, Figure] = MappingProxyType(
    {POSITIVE_PAIRS: reciprocal_rank, TRIPLETS: triplet_accuracy, SCORED_PAIRS: correlations}
)


def held_out_record(prepared: PreparedExamples, score: HeldOutScore, seconds: float) -> dict[str, Any]:
    """Return what the score's JSON file holds, figures and the single examples' values; no texts."""
    report = prepared.report
    return {
        "data": HELD_OUT,
        "figures": score.figures,
        "pairs": report["held_out_examples"],
        "shape": report["held_out_shape"],
        "found": report["found"],
        "folder": prepared.folder.name,
        "precision": "fp32",
        "seconds": round(seconds, 3),
        "versions": library_versions(),
        "measured": time.time(),
        **score.values,
    }
