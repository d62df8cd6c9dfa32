"""The shapes of training examples and the pure conversions from rows to them.

Rows come in two kinds. `nli`: premise, hypothesis, label (0 entailment, 1 neutral, 2 contradiction).
`scored`: sentence1, sentence2, score (0 to 1). An example is a row of one of the shapes below; its
columns stand in the order in which the loss binds them.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import pandas as pd

from core.errors import ConfigError

CLASS_PAIRS = "class-pairs"
SCORED_PAIRS = "scored-pairs"
POSITIVE_PAIRS = "positive-pairs"
TRIPLETS = "triplets"

NLI_ROWS = "nli"
SCORED_ROWS = "scored"

ENTAILMENT, NEUTRAL, CONTRADICTION = 0, 1, 2
NLI_LABELS = ("entailment", "neutral", "contradiction")

TEXT_COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        CLASS_PAIRS: ("sentence1", "sentence2"),
        SCORED_PAIRS: ("sentence1", "sentence2"),
        POSITIVE_PAIRS: ("anchor", "positive"),
        TRIPLETS: ("anchor", "positive", "negative"),
    }
)


def nli_to_class_pairs(rows: pd.DataFrame) -> pd.DataFrame:
    """Keep every row as sentence1, sentence2, label 0..2 (the chapter's softmax data)."""
    pairs = rows[["premise", "hypothesis", "label"]].set_axis(["sentence1", "sentence2", "label"], axis=1)
    return pairs.reset_index(drop=True)


def nli_to_scored_pairs(rows: pd.DataFrame) -> pd.DataFrame:
    """Score an entailment 1, neutral and contradicting rows 0 (the chapter's cosine similarity data)."""
    scores = (rows["label"] == ENTAILMENT).astype("float32")
    pairs = pd.DataFrame({"sentence1": rows["premise"], "sentence2": rows["hypothesis"], "score": scores})
    return pairs.reset_index(drop=True)


def nli_to_positive_pairs(rows: pd.DataFrame) -> pd.DataFrame:
    """Keep the entailments only: a contradiction fed to MNR would be trained as a positive."""
    entailed = rows[rows["label"] == ENTAILMENT]
    return entailed[["premise", "hypothesis"]].set_axis(["anchor", "positive"], axis=1).reset_index(drop=True)


def nli_to_triplets(rows: pd.DataFrame) -> pd.DataFrame:
    """Join each entailment with a contradiction of the same premise as its hard negative.

    A premise with several contradictions gives them out in turn; one without any gives no triplet.
    """
    contradictions = rows.loc[rows["label"] == CONTRADICTION, ["premise", "hypothesis"]].copy()
    contradictions["turn"] = contradictions.groupby("premise", sort=False).cumcount()
    on_hand = contradictions.groupby("premise", sort=False).size()
    entailed = rows.loc[rows["label"] == ENTAILMENT, ["premise", "hypothesis"]]
    entailed = entailed[entailed["premise"].isin(on_hand.index)].copy()
    turn = entailed.groupby("premise", sort=False).cumcount().to_numpy()
    entailed["turn"] = turn % entailed["premise"].map(on_hand).to_numpy(dtype=np.int64)
    joined = entailed.merge(contradictions, on=["premise", "turn"], how="left", suffixes=("", "_against"))
    joined = joined[["premise", "hypothesis", "hypothesis_against"]]
    return joined.set_axis(["anchor", "positive", "negative"], axis=1).reset_index(drop=True)


def keep_scored_pairs(rows: pd.DataFrame) -> pd.DataFrame:
    """Keep scored rows as they are: sentence1, sentence2, score 0..1."""
    return rows[["sentence1", "sentence2", "score"]].reset_index(drop=True)


CONVERSIONS: Mapping[tuple[str, str], Callable[[pd.DataFrame], pd.DataFrame]] = MappingProxyType(
    {
        (NLI_ROWS, CLASS_PAIRS): nli_to_class_pairs,
        (NLI_ROWS, SCORED_PAIRS): nli_to_scored_pairs,
        (NLI_ROWS, POSITIVE_PAIRS): nli_to_positive_pairs,
        (NLI_ROWS, TRIPLETS): nli_to_triplets,
        (SCORED_ROWS, SCORED_PAIRS): keep_scored_pairs,
    }
)


def shapes_from(row_kind: str) -> tuple[str, ...]:
    """Return the shapes that rows of this kind can be turned into."""
    return tuple(shape for kind, shape in CONVERSIONS if kind == row_kind)


def convert(rows: pd.DataFrame, row_kind: str, shape: str) -> pd.DataFrame:
    """Turn rows into examples of `shape`; a `ConfigError` names the shapes that are possible instead."""
    conversion = CONVERSIONS.get((row_kind, shape))
    if conversion is None:
        possible = ", ".join(shapes_from(row_kind))
        raise ConfigError("examples", f"{row_kind} rows cannot become {shape}; they can become {possible}.")
    return conversion(rows)
