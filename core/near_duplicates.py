"""Near duplicates by MinHash: texts whose sets of word 3-grams overlap by a Jaccard index of 0.8 or more.

Broder 1997, "On the resemblance and containment of documents"; banding as in Leskovec, Rajaraman and Ullman,
"Mining of Massive Datasets", chapter 3.
"""

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import connected_components

LEAST_JACCARD = 0.8
GRAM_WORDS = 3
# 12 bands of 4: a pair at Jaccard 0.8 is found with probability 1 - (1 - 0.8^4)^12 = 0.998.
BANDS, BAND_ROWS = 12, 4
# A bucket of thousands is boilerplate: the nearest neighbours in it are compared, not all pairs.
MOST_IN_A_BUCKET, NEIGHBOURS = 50, 10
PAIRS_AT_ONCE = 200_000
# Thai, Lao, Burmese, Khmer, Japanese, Chinese and Korean letters: written without spaces (or with few), each is taken for a word.
UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
WORD = re.compile(rf"[{UNSPACED}]|[^\W{UNSPACED}]+")
MIX = np.uint64(0x9E3779B97F4A7C15)


def near_duplicate_groups(texts: Sequence[str], seed: int = 42) -> np.ndarray:
    """Return each text's group, (texts,) int numbered from 0; texts without a near duplicate are alone in theirs.

    Texts shorter than three words are one gram as a whole. Candidates of the bands are checked by their exact Jaccard index.
    """
    grams, starts = _grams(texts)
    if not len(texts):
        return np.empty(0, dtype=np.int32)
    pairs = _candidates(_signatures(grams, starts, seed))
    pairs = pairs[_jaccard(grams, starts, pairs) >= LEAST_JACCARD]
    graph = coo_matrix((np.ones(len(pairs), dtype=np.int8), (pairs[:, 0], pairs[:, 1])), shape=(len(texts), len(texts)))
    groups: np.ndarray = connected_components(graph, directed=False)[1]
    return groups


def _grams(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the hashes of all texts' distinct grams, one text after the other, and where each text's begin (texts + 1)."""
    found: list[str] = []
    starts = np.zeros(len(texts) + 1, dtype=np.int64)
    for number, text in enumerate(texts):
        words = WORD.findall(text.lower())
        grams = zip(*(words[place:] for place in range(GRAM_WORDS)), strict=False)
        # A text of signs alone has no words; it is like no other one but itself.
        found += {" ".join(gram) for gram in grams} or {" ".join(words) or text}
        starts[number + 1] = len(found)
    # Not Python's own hash: it differs from process to process.
    return pd.util.hash_array(np.array(found, dtype=object), categorize=False), starts


def _signatures(grams: np.ndarray, starts: np.ndarray, seed: int) -> np.ndarray:
    """Return each text's band hashes, (texts, BANDS) uint64."""
    rng = np.random.default_rng(seed)
    texts = len(starts) - 1
    bands = np.zeros((texts, BANDS), dtype=np.uint64)
    for band in range(BANDS):
        for _ in range(BAND_ROWS):
            mixed = (grams ^ rng.integers(0, 2**64, dtype=np.uint64)) * (rng.integers(0, 2**64, dtype=np.uint64) | np.uint64(1))
            least = np.minimum.reduceat(mixed ^ (mixed >> np.uint64(29)), starts[:-1])
            bands[:, band] = (bands[:, band] ^ least) * MIX
    return bands


def _candidates(bands: np.ndarray) -> np.ndarray:
    """Return the pairs that agree in a band, (pairs, 2), each once."""
    found = [np.empty(0, dtype=np.int64)]
    for column in bands.T:
        order = np.argsort(column, kind="stable")
        sorted_keys = column[order]
        _, bucket, sizes = np.unique(sorted_keys, return_inverse=True, return_counts=True)
        reach = np.where(sizes <= MOST_IN_A_BUCKET, MOST_IN_A_BUCKET, NEIGHBOURS)[bucket]
        for distance in range(1, MOST_IN_A_BUCKET):
            equal = np.flatnonzero((sorted_keys[distance:] == sorted_keys[:-distance]) & (reach[distance:] >= distance))
            if not len(equal):
                break
            # The sort is stable, so the earlier text is the first of the two.
            found.append(order[equal] * len(bands) + order[equal + distance])
    return np.stack(np.divmod(np.unique(np.concatenate(found)), len(bands)), axis=1)


def _jaccard(grams: np.ndarray, starts: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Return the exact Jaccard index of each pair's gram sets, (pairs,)."""
    numbers = np.unique(grams, return_inverse=True)[1].astype(np.int64)
    holds = csr_matrix((np.ones(len(grams), dtype=np.int64), numbers, starts))
    sizes = np.diff(starts)
    result = np.empty(len(pairs))
    for start in range(0, len(pairs), PAIRS_AT_ONCE):
        first, second = pairs[start : start + PAIRS_AT_ONCE].T
        shared = np.asarray(holds[first].multiply(holds[second]).sum(axis=1)).ravel()
        result[start : start + PAIRS_AT_ONCE] = shared / (sizes[first] + sizes[second] - shared)
    return result
