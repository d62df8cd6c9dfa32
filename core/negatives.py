"""Where a triplet's negative comes from: at random, or from the texts that a model finds near the anchor (figure 10-11).

A contradiction of the same premise is a conversion of NLI rows (`core.conversions.nli_to_triplets`).
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from core.config_parts import Mining
from core.errors import DataError
from core.prompts import prompt_for

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder, SentenceTransformer

FAISS_FROM_TEXTS = 50_000
CHUNK_TEXTS = 512
DRAWS = 50
# With classes, several candidates are mined: the nearest texts are mostly of the anchor's own.
CANDIDATES = 20
Told = Callable[[int, int], None]
# Each text's class, where the rows have classes.
Classes = Mapping[str, str]


def add_random_negatives(pairs: pd.DataFrame, seed: int, classes: Classes | None = None) -> pd.DataFrame:
    """Give each pair another pair's positive as its negative: never the anchor itself, nor a text that is its positive elsewhere.

    The chapter's MNR data. With `classes` a negative is of another class than the anchor. A pair for which fifty draws find
    none (its anchor's positives are nearly all there are) is left out.
    """
    rng = np.random.default_rng(seed)
    numbers, texts = pd.factorize(pd.concat([pairs["anchor"], pairs["positive"]], ignore_index=True))
    anchors, positives = numbers[: len(pairs)].astype(np.int64), numbers[len(pairs) :].astype(np.int64)
    wide = len(texts)
    forbidden = np.unique(np.concatenate([anchors * wide + positives, anchors * wide + anchors]))
    pool = np.unique(positives)
    class_of = None if classes is None else pd.factorize(pd.Series([classes.get(text) for text in texts]))[0]
    drawn = np.full(len(pairs), -1, dtype=np.int64)
    for _ in range(DRAWS):
        open_rows = np.flatnonzero(drawn < 0)
        if not len(open_rows):
            break
        tried = pool[rng.integers(0, len(pool), len(open_rows))]
        fits = ~np.isin(anchors[open_rows] * wide + tried, forbidden)
        if class_of is not None:
            fits &= class_of[anchors[open_rows]] != class_of[tried]
        drawn[open_rows[fits]] = tried[fits]
    found = drawn >= 0
    negatives = pd.Series(texts.to_numpy()[drawn[found]]).astype("str")
    return pairs[found].reset_index(drop=True).assign(negative=negatives)


@contextmanager
def telling(model: "SentenceTransformer", told: Told, total: int) -> Iterator[None]:
    """Make a model encode in chunks and say after each how many of `total` texts are done."""
    plain, done = model.encode, 0

    def encode(*arguments: Any, **options: Any) -> Any:
        nonlocal done
        named = next((name for name in ("inputs", "sentences") if name in options), None)
        texts, *others = [options.pop(named)] if named else arguments
        if isinstance(texts, str) or not len(texts):
            return plain(texts, *others, **options)
        parts = []
        for start in range(0, len(texts), CHUNK_TEXTS):
            parts.append(plain(list(texts[start : start + CHUNK_TEXTS]), *others, **options))
            done += len(parts[-1])
            told(done, max(total, done))
        return _joined(parts)

    model.encode = encode
    try:
        yield
    finally:
        del model.encode


def _joined(parts: list[Any]) -> Any:
    if not isinstance(parts[0], np.ndarray):
        import torch  # noqa: PLC0415  the page's process reads this file too

        return torch.cat(parts)
    return np.concatenate(parts)


def mine_negatives(
    pairs: pd.DataFrame,
    model: "SentenceTransformer",
    mining: Mining,
    judge: "CrossEncoder | None",
    told: Told,
    classes: Classes | None = None,
) -> pd.DataFrame:
    """Give each pair the nearest text that is far enough from being right: semi-hard, or hard when a cross-encoder judges.

    Searches the positives of all pairs, drops what scores more than the ceiling or comes closer to the positive than the
    margin, and passes over the first `rank_from` of what is left. With `classes` a negative is of another class than the
    anchor. A pair for which nothing is left is left out. FAISS searches 50,000 texts or more.

    Raises:
        DataError: nothing is left for any pair.
    """
    from datasets import Dataset  # noqa: PLC0415  a worker has it, the page's process must not
    from sentence_transformers.util import mine_hard_negatives  # noqa: PLC0415

    if not len(pairs):
        raise DataError("The rows give no positive pairs, so there is nothing to find a negative for; choose other data.")
    corpus = pairs["positive"].nunique()
    if corpus < 2:
        raise DataError("All positives are the same text, so there is no negative to find; choose other data.")
    rank_to = min(mining.rank_to, corpus - 1)
    num_negatives = min(1 if classes is None else CANDIDATES, rank_to)
    with telling(model, told, corpus + pairs["anchor"].nunique()):
        mined = mine_hard_negatives(
            Dataset.from_pandas(pairs[["anchor", "positive"]], preserve_index=False),
            model,
            cross_encoder=judge,
            query_prompt=prompt_for("anchor", model.prompts) or None,
            corpus_prompt=prompt_for("positive", model.prompts) or None,
            num_negatives=num_negatives,
            range_min=min(mining.rank_from, rank_to - num_negatives),
            range_max=rank_to,
            max_score=mining.ceiling,
            relative_margin=mining.margin,
            sampling_strategy="top",
            use_faiss=corpus >= FAISS_FROM_TEXTS,
            verbose=False,
        ).to_pandas()
    known = set(zip(pairs["anchor"], pairs["positive"], strict=True))
    found = zip(mined["anchor"], mined["negative"], strict=True) if len(mined) else ()
    right = [a != n and (a, n) not in known and (classes is None or classes[a] != classes[n]) for a, n in found]
    if not any(right):
        raise DataError(
            "Mining found no negative for any pair: the limits are too strict for this data. "
            "Lower mining.rank_from or mining.margin, or raise mining.ceiling."
        )
    kept: pd.DataFrame = mined[right][["anchor", "positive", "negative"]].astype("str")
    if classes is not None:
        kept = kept.drop_duplicates(["anchor", "positive"])
    return kept.reset_index(drop=True)
