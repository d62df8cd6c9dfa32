"""The kinds of rows and the shapes of training examples.

Rows are what a file holds, one of the kinds in `ROLES`; an example is what a loss reads, one of the shapes in `EXAMPLE_COLUMNS`,
whose columns stand in the order in which the loss binds them. `core.conversions` turns one into the other.
"""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import pandas as pd

CLASS_PAIRS = "class-pairs"
SCORED_PAIRS = "scored-pairs"
BINARY_PAIRS = "binary-pairs"
POSITIVE_PAIRS = "positive-pairs"
TRIPLETS = "triplets"
LABELLED_TEXTS = "labelled-texts"
PLAIN_TEXTS = "plain-texts"
DAMAGED_PAIRS = "damaged-pairs"
UNLABELLED_PAIRS = "unlabelled-pairs"

NLI_ROWS = "nli"
SCORED_ROWS = "scored"
PAIR_ROWS = "pairs"
TRIPLET_ROWS = "given-triplets"
LABELLED_ROWS = "labelled"
TEXT_ROWS = "texts"

ENTAILMENT, NEUTRAL, CONTRADICTION = 0, 1, 2
NLI_LABELS = ("entailment", "neutral", "contradiction")

# The columns of each kind of rows: texts first, then what is said of them.
ROLES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        NLI_ROWS: ("premise", "hypothesis", "label"),
        SCORED_ROWS: ("sentence1", "sentence2", "score"),
        TRIPLET_ROWS: ("anchor", "positive", "negative"),
        PAIR_ROWS: ("anchor", "positive"),
        LABELLED_ROWS: ("text", "label"),
        TEXT_ROWS: ("text",),
    }
)
VALUE_ROLES = frozenset({"label", "score"})

EXAMPLE_COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        CLASS_PAIRS: ("sentence1", "sentence2", "label"),
        SCORED_PAIRS: ("sentence1", "sentence2", "score"),
        BINARY_PAIRS: ("sentence1", "sentence2", "label"),
        POSITIVE_PAIRS: ("anchor", "positive"),
        TRIPLETS: ("anchor", "positive", "negative"),
        LABELLED_TEXTS: ("text", "label"),
        UNLABELLED_PAIRS: ("sentence1", "sentence2"),
        PLAIN_TEXTS: ("text",),
        DAMAGED_PAIRS: ("damaged", "original"),
    }
)


def text_roles(kind_or_shape: str) -> tuple[str, ...]:
    """Return the text columns of a kind of rows or a shape of examples."""
    columns = ROLES.get(kind_or_shape) or EXAMPLE_COLUMNS[kind_or_shape]
    return tuple(column for column in columns if column not in VALUE_ROLES)


def text_keys(texts: pd.Series) -> np.ndarray:
    """Return a number for each text, (rows,) uint64; equal texts, case and outer spaces forgiven, have equal numbers."""
    return pd.util.hash_array(texts.str.strip().str.lower().to_numpy(dtype=object), categorize=False)
