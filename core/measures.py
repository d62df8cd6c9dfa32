"""What a space looks like while it is learned: are positives close, is the rest spread out, can the two be told apart?"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from core.errors import DataError, DivergenceError

# The ends of a gold score that leave no doubt; what lies between is neither a positive nor a negative pair.
POSITIVE_FROM = 0.8
NEGATIVE_TO = 0.2
BINS = 40
# Uniformity looks at every pair of texts: of 3,000 texts that would take longer than all else here together.
UNIFORMITY_TEXTS = 1_000
# Measured on STSB: fresh transformers start at .94 with mean pooling, .9989 with CLS pooling, and can still learn from there;
# MiniLM ruined by positives alone or by a learning rate of 1e-2 lies above .99997, in bf16 too.
COLLAPSED_FROM = 0.9999


class MeasureSpec(NamedTuple):
    """A measure's title on the page, and one line on how to read it."""

    title: str
    reading: str


MEASURES: Mapping[str, MeasureSpec] = MappingProxyType(
    {
        "alignment": MeasureSpec(
            "Alignment",
            "How far apart pairs of the same meaning lie: lower is better, 0 is the same place. Read it together with "
            "uniformity: a model that puts every text in one spot has 0 here too.",
        ),
        "uniformity": MeasureSpec(
            "Uniformity",
            "How evenly the texts fill the space: lower is better, about −4 is as even as can be. Near 0 they sit in one spot.",
        ),
        "random_cosine": MeasureSpec(
            "Mean random cosine",
            "How alike any two texts look to the model: near 0 is better. A model that was never trained for similarity "
            "often starts at .5 to .95; if it climbs towards 1, the space is collapsing.",
        ),
        "auc": MeasureSpec(
            "AUC",
            "How often a pair of the same meaning is more alike than an unrelated pair: higher is better, 1 is always. "
            "0.5 is no better than a coin, less has it the wrong way round.",
        ),
        "histogram": MeasureSpec(
            "Positive and negative cosines",
            "How alike the pairs of the same meaning are, and the unrelated ones: two hills far apart are better. Where they "
            "overlap the model cannot tell them apart; both at 1 is a collapsed space.",
        ),
    }
)


@dataclass(frozen=True)
class SpaceMeasures:
    """Measures on the unit sphere; `positives` and `negatives` count cosines in BINS equal bins from -1 to 1.

    `alignment` is 0..4, 0 best, None without positives. `uniformity` is -8..0, about -4 best. `random_cosine` is -1..1,
    0 best. `auc` is 0..1, 1 best, None without positives or without negatives.
    """

    alignment: float | None
    uniformity: float
    random_cosine: float
    auc: float | None
    positives: list[int]
    negatives: list[int]

    @property
    def has_collapsed(self) -> bool:
        """Tell whether all texts lie in nearly the same place: the mean squared distance of two is under 0.0002."""
        return self.random_cosine > COLLAPSED_FROM


def measure_space(first: np.ndarray, second: np.ndarray, gold: np.ndarray, seed: int = 0) -> SpaceMeasures:
    """Measure the space in which both texts of each pair lie.

    Alignment (alpha = 2) and uniformity (t = 2) are those of Wang and Isola 2020, section 4.1 (arXiv 2005.10242). Uniformity
    takes at most UNIFORMITY_TEXTS texts; `seed` decides which, so that points of one curve are about the same texts. The
    mean random cosine is over all pairs of texts, not a sample of them. A text that occurs twice counts as two.

    Args:
        first: embeddings of the pairs' first texts, (pairs, dim), of any length.
        second: embeddings of the second texts, the same shape.
        gold: how alike each pair is, (pairs,), 0..1.
        seed: of the choice of texts for uniformity.

    Raises:
        DataError: there is no pair.
        DivergenceError: an embedding is NaN or infinite.
    """
    if not len(gold):
        raise DataError("There are no pairs to measure the space with; choose data with scored pairs.")
    left, right = _on_sphere(first), _on_sphere(second)
    texts = np.concatenate([left, right])
    cosines = _row_products(left, right).clip(-1, 1)
    is_positive, is_negative = gold >= POSITIVE_FROM, gold <= NEGATIVE_TO
    return SpaceMeasures(
        alignment=_alignment(left[is_positive], right[is_positive]),
        uniformity=_uniformity(_some(texts, seed)),
        random_cosine=_mean_cosine(texts),
        auc=_auc(cosines[is_positive], cosines[is_negative]),
        positives=_histogram(cosines[is_positive]),
        negatives=_histogram(cosines[is_negative]),
    )


def _on_sphere(embeddings: np.ndarray) -> np.ndarray:
    """Return (texts, dim) fp64 at unit length; zero embeddings, which have no direction, all get the same one."""
    vectors = embeddings.astype(np.float64)
    lengths = np.sqrt(_row_products(vectors, vectors))
    if not np.isfinite(lengths).all():
        raise DivergenceError("The model's embeddings are no numbers any more; lower the learning rate and start again.")
    is_zero = lengths == 0
    vectors[is_zero, 0] = 1.0
    lengths[is_zero] = 1.0
    vectors /= lengths[:, None]
    return vectors


def _row_products(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    products: np.ndarray = np.einsum("ij,ij->i", left, right)
    return products


def _some(texts: np.ndarray, seed: int) -> np.ndarray:
    if len(texts) <= UNIFORMITY_TEXTS:
        return texts
    return texts[np.random.default_rng(seed).choice(len(texts), UNIFORMITY_TEXTS, replace=False)]


def _alignment(left: np.ndarray, right: np.ndarray) -> float | None:
    if not len(left):
        return None
    return float(np.square(left - right).sum(axis=1).mean())


def _uniformity(texts: np.ndarray) -> float:
    # On the sphere d² = 2 - 2 cos, so exp(-2 d²) = exp(4 cos - 4): never above 1 nor below e⁻⁸, no overflow to guard against.
    narrow = texts.astype(np.float32)
    likeness = narrow @ narrow.T
    likeness -= 1
    likeness *= 4
    np.exp(likeness, out=likeness)
    pairs = len(texts) * (len(texts) - 1)
    total = likeness.sum(dtype=np.float64) - likeness.trace(dtype=np.float64)
    return min(0.0, math.log(total / pairs))


def _mean_cosine(texts: np.ndarray) -> float:
    # |sum of all|² holds every pair twice and each text with itself once.
    whole = texts.sum(axis=0)
    return min(1.0, float(whole @ whole - len(texts)) / (len(texts) * (len(texts) - 1)))


def _auc(positives: np.ndarray, negatives: np.ndarray) -> float | None:
    """Return the chance that a positive lies above a negative, ties half: Mann and Whitney's U over its greatest value."""
    if not len(positives) or not len(negatives):
        return None
    ranked = np.sort(negatives)
    below, not_above = np.searchsorted(ranked, positives, "left"), np.searchsorted(ranked, positives, "right")
    return float((below + not_above).sum() / (2 * len(positives) * len(negatives)))


def _histogram(cosines: np.ndarray) -> list[int]:
    counts: list[int] = np.histogram(cosines, bins=BINS, range=(-1, 1))[0].tolist()
    return counts
