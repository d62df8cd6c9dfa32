"""The pure conversions from rows to the shapes of training examples.

Conversions leave their rows as they were; every random choice comes from `Choices.seed`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd

from core.errors import ConfigError
from core.examples import (
    BINARY_PAIRS,
    CLASS_PAIRS,
    CONTRADICTION,
    DAMAGED_PAIRS,
    ENTAILMENT,
    EXAMPLE_COLUMNS,
    LABELLED_ROWS,
    LABELLED_TEXTS,
    NEUTRAL,
    NLI_ROWS,
    PAIR_ROWS,
    PLAIN_TEXTS,
    POSITIVE_PAIRS,
    ROLES,
    SCORED_PAIRS,
    SCORED_ROWS,
    TRIPLET_ROWS,
    TRIPLETS,
    UNLABELLED_PAIRS,
    VALUE_ROLES,
)
from core.recombination import recombine

DELETED_SHARE = 0.6


@dataclass(frozen=True)
class Choices:
    """What a conversion may be told: a neutral pair's score, from which score (0..1) on a pair is positive, and the seed."""

    neutral_score: float = 0.0
    score_threshold: float = 0.6
    seed: int = 42


def _renamed(rows: pd.DataFrame, columns: tuple[str, ...], shape: str) -> pd.DataFrame:
    return rows[list(columns)].set_axis(list(EXAMPLE_COLUMNS[shape]), axis=1).reset_index(drop=True)


def nli_to_class_pairs(rows: pd.DataFrame, choices: Choices) -> pd.DataFrame:
    """Keep every row as sentence1, sentence2, label 0..2 (the chapter's softmax data)."""
    return _renamed(rows, ROLES[NLI_ROWS], CLASS_PAIRS)


def nli_to_scored_pairs(rows: pd.DataFrame, choices: Choices) -> pd.DataFrame:
    """Score an entailment 1, a contradiction 0, and neutral rows 0 (the chapter's cosine similarity data) or what is chosen."""
    scores = rows["label"].map({ENTAILMENT: 1.0, NEUTRAL: choices.neutral_score, CONTRADICTION: 0.0}).astype("float32")
    return _renamed(rows.assign(score=scores), ("premise", "hypothesis", "score"), SCORED_PAIRS)


def nli_to_binary_pairs(rows: pd.DataFrame, choices: Choices) -> pd.DataFrame:
    """Call an entailment 1 (alike), and every other pair 0."""
    labels = (rows["label"] == ENTAILMENT).astype("int64")
    return _renamed(rows.assign(label=labels), ROLES[NLI_ROWS], BINARY_PAIRS)


def nli_to_positive_pairs(rows: pd.DataFrame, choices: Choices) -> pd.DataFrame:
    """Keep the entailments only: a contradiction fed to MNR would be trained as a positive."""
    return _renamed(rows[rows["label"] == ENTAILMENT], ("premise", "hypothesis"), POSITIVE_PAIRS)


def nli_to_triplets(rows: pd.DataFrame, choices: Choices) -> pd.DataFrame:
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
    # A pair that the rows call both things would be its own negative.
    joined = joined[joined["hypothesis"] != joined["hypothesis_against"]]
    return _renamed(joined, ("premise", "hypothesis", "hypothesis_against"), TRIPLETS)


def keep_scored_pairs(rows: pd.DataFrame, choices: Choices) -> pd.DataFrame:
    """Keep scored rows as they are: sentence1, sentence2, score 0..1."""
    return _renamed(rows, ROLES[SCORED_ROWS], SCORED_PAIRS)


def scored_to_class_pairs(rows: pd.DataFrame, choices: Choices) -> pd.DataFrame:
    """Call a pair 1 (alike) from the threshold on, and 0 below it."""
    labels = (rows["score"] >= choices.score_threshold).astype("int64")
    return _renamed(rows.assign(label=labels), ("sentence1", "sentence2", "label"), CLASS_PAIRS)


def scored_to_positive_pairs(rows: pd.DataFrame, choices: Choices) -> pd.DataFrame:
    """Keep the pairs that score the threshold or more."""
    return _renamed(rows[rows["score"] >= choices.score_threshold], ("sentence1", "sentence2"), POSITIVE_PAIRS)


def keep_positive_pairs(rows: pd.DataFrame, choices: Choices) -> pd.DataFrame:
    """Keep anchor and positive."""
    return _renamed(rows, ("anchor", "positive"), POSITIVE_PAIRS)


def keep_triplets(rows: pd.DataFrame, choices: Choices) -> pd.DataFrame:
    """Keep anchor, positive and the negative that is given."""
    return _renamed(rows, ROLES[TRIPLET_ROWS], TRIPLETS)


def triplets_to_scored_pairs(rows: pd.DataFrame, choices: Choices) -> pd.DataFrame:
    """Make two pairs of each triplet: the positive scores 1, the negative 0."""
    rows = rows.reset_index(drop=True)
    near = rows[["anchor", "positive"]].set_axis(["sentence1", "sentence2"], axis=1).assign(score=np.float32(1))
    far = rows[["anchor", "negative"]].set_axis(["sentence1", "sentence2"], axis=1).assign(score=np.float32(0))
    # Side by side in the file, as they were in the row.
    return pd.concat([near, far]).sort_index(kind="stable").reset_index(drop=True)


def triplets_to_binary_pairs(rows: pd.DataFrame, choices: Choices) -> pd.DataFrame:
    """Make two pairs of each triplet: the positive is alike (1), the negative is not (0)."""
    pairs = triplets_to_scored_pairs(rows, choices)
    return pairs.assign(score=pairs["score"].astype("int64")).set_axis(list(EXAMPLE_COLUMNS[BINARY_PAIRS]), axis=1)


def keep_labelled_texts(rows: pd.DataFrame, choices: Choices) -> pd.DataFrame:
    """Keep the texts and number their classes 0.. in the order of their names."""
    return rows[["text"]].assign(label=class_numbers(rows["label"])).reset_index(drop=True)


def class_numbers(labels: pd.Series) -> np.ndarray:
    """Return the number of each label's class, (rows,) int64; classes are numbered in the order of their names."""
    return np.unique(labels.to_numpy(dtype=str), return_inverse=True)[1].astype("int64")


def labelled_to_positive_pairs(rows: pd.DataFrame, choices: Choices) -> pd.DataFrame:
    """Pair each text with another one of its class, each serving once; a class with a single text gives none."""
    order = np.random.default_rng(choices.seed).permutation(len(rows))
    shuffled = rows.iloc[order].reset_index(drop=True)
    place = shuffled.groupby("label", sort=False).cumcount()
    size = shuffled.groupby("label", sort=False)["text"].transform("size")
    keys = pd.MultiIndex.from_arrays([shuffled["label"], place])
    partner = pd.Series(shuffled["text"].to_numpy(), index=keys)
    wanted = pd.MultiIndex.from_arrays([shuffled["label"], (place + 1) % size])
    pairs = pd.DataFrame({"anchor": shuffled["text"], "positive": partner.loc[wanted].to_numpy()})
    pairs = pairs.set_axis(order, axis=0)[(pairs["anchor"] != pairs["positive"]).to_numpy()]
    # In the order of the rows, so that a person finds them again.
    return pairs.sort_index().reset_index(drop=True)


def to_plain_texts(rows: pd.DataFrame, choices: Choices) -> pd.DataFrame:
    """Keep every distinct text once, labels dropped, in the order of first appearance."""
    texts = [column for column in dict.fromkeys(role for roles in ROLES.values() for role in roles) if column in rows]
    stacked = np.stack([rows[column].to_numpy(dtype=object) for column in texts if column not in VALUE_ROLES], axis=1)
    return pd.DataFrame({"text": pd.unique(pd.Series(stacked.ravel()))}).astype({"text": "str"})


def to_damaged_pairs(rows: pd.DataFrame, choices: Choices) -> pd.DataFrame:
    """Delete 60 % of each text's words at random, at least one kept (TSDAE's noise: Wang et al. 2021, arXiv:2104.06979)."""
    texts = to_plain_texts(rows, choices)["text"]
    rng = np.random.default_rng(choices.seed)
    return pd.DataFrame({"damaged": [delete_words(text, rng) for text in texts], "original": texts}).astype("str")


def delete_words(text: str, rng: np.random.Generator) -> str:
    """Return a text with each word deleted with probability 0.6, and at least one word left."""
    words = text.split()
    kept = rng.random(len(words)) >= DELETED_SHARE
    if not kept.any() and words:
        kept[rng.integers(len(words))] = True
    return " ".join(word for word, stays in zip(words, kept, strict=True) if stays)


def to_unlabelled_pairs(rows: pd.DataFrame, choices: Choices) -> pd.DataFrame:
    """Recombine the first and second texts of gold pairs into new ones, none of them gold."""
    return recombine(rows, choices.seed)


Conversion = Callable[[pd.DataFrame, Choices], pd.DataFrame]
# The first shape of a kind is what its rows are by nature. Triplets that need a drawn or mined negative are made of positive
# pairs by `core.negatives`.
CONVERSIONS: Mapping[tuple[str, str], Conversion] = MappingProxyType(
    {
        (NLI_ROWS, CLASS_PAIRS): nli_to_class_pairs,
        (NLI_ROWS, SCORED_PAIRS): nli_to_scored_pairs,
        (NLI_ROWS, BINARY_PAIRS): nli_to_binary_pairs,
        (NLI_ROWS, POSITIVE_PAIRS): nli_to_positive_pairs,
        (NLI_ROWS, TRIPLETS): nli_to_triplets,
        (SCORED_ROWS, SCORED_PAIRS): keep_scored_pairs,
        (SCORED_ROWS, CLASS_PAIRS): scored_to_class_pairs,
        (SCORED_ROWS, BINARY_PAIRS): scored_to_class_pairs,
        (SCORED_ROWS, POSITIVE_PAIRS): scored_to_positive_pairs,
        (PAIR_ROWS, POSITIVE_PAIRS): keep_positive_pairs,
        (TRIPLET_ROWS, TRIPLETS): keep_triplets,
        (TRIPLET_ROWS, POSITIVE_PAIRS): keep_positive_pairs,
        (TRIPLET_ROWS, SCORED_PAIRS): triplets_to_scored_pairs,
        (TRIPLET_ROWS, BINARY_PAIRS): triplets_to_binary_pairs,
        (LABELLED_ROWS, LABELLED_TEXTS): keep_labelled_texts,
        (LABELLED_ROWS, POSITIVE_PAIRS): labelled_to_positive_pairs,
        **{(kind, UNLABELLED_PAIRS): to_unlabelled_pairs for kind in (NLI_ROWS, SCORED_ROWS, PAIR_ROWS)},
        **{(kind, PLAIN_TEXTS): to_plain_texts for kind in ROLES},
        **{(kind, DAMAGED_PAIRS): to_damaged_pairs for kind in ROLES},
    }
)


def shapes_from(row_kind: str) -> tuple[str, ...]:
    """Return the shapes that rows of this kind can be turned into; whatever gives positive pairs gives triplets as well."""
    shapes = [shape for kind, shape in CONVERSIONS if kind == row_kind]
    if POSITIVE_PAIRS in shapes and TRIPLETS not in shapes:
        shapes.insert(shapes.index(POSITIVE_PAIRS) + 1, TRIPLETS)
    return tuple(shapes)


def convert(rows: pd.DataFrame, row_kind: str, shape: str, choices: Choices | None = None) -> pd.DataFrame:
    """Turn rows into examples of `shape`; a `ConfigError` names the shapes that are possible instead."""
    conversion = CONVERSIONS.get((row_kind, shape))
    if conversion is None:
        possible = ", ".join(shapes_from(row_kind))
        raise ConfigError("examples", f"{row_kind} rows cannot become {shape}; they can become {possible}.")
    return conversion(rows, choices or Choices())
