"""The held-out part of a person's own rows, scored in its shape: what the model makes of texts that training never saw."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import pearsonr, spearmanr
from sentence_transformers import SentenceTransformer

from core.errors import DivergenceError
from core.evaluation import CHUNK_TEXTS, Between
from core.examples import POSITIVE_PAIRS, SCORED_PAIRS, TRIPLETS, text_keys
from core.prepared import PreparedExamples
from core.prompts import prompt_for
from core.runs import HELD_OUT

RANKED = 10
FEWEST_SCORED = 3
Vectors = Mapping[str, np.ndarray]


def can_be_scored(prepared: PreparedExamples) -> bool:
    """Tell whether a part was held out, in a shape that has a figure."""
    shape, rows = prepared.report["held_out_shape"], prepared.report["held_out_examples"]
    return shape in FIGURES and rows >= FEWEST_SCORED


def score_held_out(
    model: SentenceTransformer, prepared: PreparedExamples, batch_size: int, between: Between = lambda _done, _total: None
) -> dict[str, float]:
    """Return the figures of the held-out part, by name; `between` is called before each chunk of texts and may raise to leave.

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


def reciprocal_rank(frame: pd.DataFrame, vectors: Vectors) -> dict[str, float]:
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
    return {f"mrr_{RANKED}": float(reciprocal.mean())}


def triplet_accuracy(frame: pd.DataFrame, vectors: Vectors) -> dict[str, float]:
    """Return the share of triplets whose positive has a greater cosine to the anchor than the negative."""
    near = (vectors["anchor"] * vectors["positive"]).sum(axis=1)
    far = (vectors["anchor"] * vectors["negative"]).sum(axis=1)
    return {"accuracy": float((near > far).mean())}


def correlations(frame: pd.DataFrame, vectors: Vectors) -> dict[str, float]:
    """Return Pearson and Spearman of cosines and scores; 0 where all scores or all cosines are the same."""
    cosines = (vectors["sentence1"] * vectors["sentence2"]).sum(axis=1)
    if np.ptp(cosines) == 0 or frame["score"].nunique() < 2:
        return {"pearson_cosine": 0.0, "spearman_cosine": 0.0}
    gold = frame["score"]
    return {"pearson_cosine": float(pearsonr(cosines, gold)[0]), "spearman_cosine": float(spearmanr(cosines, gold)[0])}


Figure = Callable[[pd.DataFrame, Vectors], dict[str, float]]
FIGURES: Mapping[str, Figure] = MappingProxyType(
    {POSITIVE_PAIRS: reciprocal_rank, TRIPLETS: triplet_accuracy, SCORED_PAIRS: correlations}
)


def held_out_record(prepared: PreparedExamples, figures: dict[str, float], seconds: float) -> dict[str, Any]:
    """Return what the score's JSON file holds."""
    report = prepared.report
    return {
        "data": HELD_OUT,
        "figures": figures,
        "pairs": report["held_out_examples"],
        "shape": report["held_out_shape"],
        "found": report["found"],
        "folder": prepared.folder.name,
        "precision": "fp32",
        "seconds": round(seconds, 3),
    }
