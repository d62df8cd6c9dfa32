"""The formulas of the losses, in numpy: what sentence_transformers computes, short enough to read."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
SMALLEST = 1e-12


def softmax_loss(u: Floats, v: Floats, classes: ArrayLike, weights: Floats, bias: ArrayLike = 0.0) -> float:
    """Return the cross-entropy of a linear classifier that reads [u; v; |u − v|].

    Args:
        u: first texts, (batch, dim).
        v: second texts, (batch, dim).
        classes: the class of each pair, (batch,), whole numbers from 0.
        weights: the classifier, (classes, 3 · dim).
        bias: its bias, (classes,).

    Reimers and Gurevych 2019, Sentence-BERT, arXiv:1908.10084, section 3, "Classification Objective Function".
    """
    return cross_entropy(np.concatenate([u, v, np.abs(u - v)], axis=1) @ weights.T + np.asarray(bias), classes)


def cosine_similarity_loss(u: Floats, v: Floats, scores: ArrayLike) -> float:
    """Return the mean squared difference of score and cosine; u and v are (batch, dim), scores (batch,) in −1..1.

    Reimers and Gurevych 2019, Sentence-BERT, arXiv:1908.10084, section 3, "Regression Objective Function".
    """
    return float(np.mean((np.asarray(scores) - _cosine(u, v)) ** 2))


def cosent_loss(u: Floats, v: Floats, scores: ArrayLike, scale: float = 20.0) -> float:
    """Return log(1 + Σ exp(scale · (cos j − cos i))) over all pairs i, j of the batch with score i > score j.

    u and v are (batch, dim), scores (batch,) of any range, for only their order counts; scale is above 0. With equal scores the
    loss is 0.

    Su 2022, CoSENT, kexue.fm/archives/8847; Huang et al. 2024, doi:10.1109/TASLP.2024.3402087.
    """
    cosines, given = _cosine(u, v), np.asarray(scores)
    above, below = np.nonzero(given[:, None] > given[None, :])
    return float(_log_sum_exp(np.append(scale * (cosines[below] - cosines[above]), 0.0)))


def contrastive_loss(u: Floats, v: Floats, labels: ArrayLike, margin: float = 0.5) -> float:
    """Return the mean of ½ · (y · d² + (1 − y) · max(0, margin − d)²), with d = 1 − cos(u, v).

    u and v are (batch, dim), labels (batch,) 1 for alike and 0 for not; margin is from 0 to 2, as d is.

    Hadsell et al. 2006, Dimensionality Reduction by Learning an Invariant Mapping, section 2, where d is Euclidean.
    """
    distance, alike = 1 - _cosine(u, v), np.asarray(labels)
    return float(np.mean(0.5 * (alike * distance**2 + (1 - alike) * np.maximum(0, margin - distance) ** 2)))


def mnr_loss(
    anchors: Floats, positives: Floats, negatives: Floats | None = None, scale: float = 20.0, mini_batch_size: int | None = None
) -> float:
    """Return the cross-entropy of finding each anchor's own positive among all positives and hard negatives of the batch.

    Cached MNR is this with `mini_batch_size`: the value is gathered over so many anchors at a time, and stays the same. SimCSE is
    this with the same texts twice, as two readings that differ by dropout.

    Args:
        anchors: (batch, dim).
        positives: the positive of each anchor, (batch, dim).
        negatives: hard negatives, (any number, dim); a candidate for every anchor.
        scale: 1 / temperature, above 0; multiplies the cosine.
        mini_batch_size: anchors at a time, from 1; None is all of them.

    Henderson et al. 2017, arXiv:1705.00652, section 4.4; van den Oord et al. 2018, arXiv:1807.03748, section 2.3; Gao et al.
    2021, GradCache, arXiv:2101.06983, section 3; Gao et al. 2021, SimCSE, arXiv:2104.08821, section 3.
    """
    candidates = _unit(positives if negatives is None else np.concatenate([positives, negatives]))
    own, size, total = np.arange(len(anchors)), mini_batch_size or len(anchors), 0.0
    for start in range(0, len(anchors), size):
        piece = own[start : start + size]
        total += len(piece) * cross_entropy(scale * _unit(anchors[piece]) @ candidates.T, piece)
    return total / len(anchors)


def triplet_loss(anchors: Floats, positives: Floats, negatives: Floats, triplet_margin: float = 0.5) -> float:
    """Return the mean of max(0, d(a, p) − d(a, n) + triplet_margin), with d = 1 − cos.

    Anchors, positives and negatives are (batch, dim); triplet_margin is from 0 to 2.

    Schroff et al. 2015, FaceNet, arXiv:1503.03832, section 3.1; Reimers and Gurevych 2019, arXiv:1908.10084, section 3.
    """
    return float(np.mean(np.maximum(0, _cosine(anchors, negatives) - _cosine(anchors, positives) + triplet_margin)))


def batch_all_triplet_loss(embeddings: Floats, labels: ArrayLike, margin: float = 0.3) -> float:
    """Return the mean of max(0, d(a, p) − d(a, n) + margin) over all triplets of the batch above 0, with d = 1 − cos.

    embeddings is (batch, dim), labels (batch,) the class of each; margin is from 0 to 2. Where every triplet holds the loss is 0.

    Hermans et al. 2017, In Defense of the Triplet Loss, arXiv:1703.07737, section 2, "Batch All", where the mean is over the
    losses above 0.
    """
    unit, given = _unit(embeddings), np.asarray(labels)
    cosines, same = unit @ unit.T, given[:, None] == given[None, :]
    anchor, positive = np.nonzero(same & ~np.eye(len(given), dtype=bool))
    losses = (cosines[anchor] - cosines[anchor, positive][:, None] + margin)[~same[anchor]]
    return float(losses[losses > 0].mean()) if (losses > 0).any() else 0.0


def denoising_loss(logits: Floats, tokens: ArrayLike, pad: int = -1) -> float:
    """Return the mean cross-entropy of a decoder's words against those of the original text, padding left out.

    Args:
        logits: the decoder's, read from the damaged text's embedding and the words before, (batch, length, vocabulary).
        tokens: the word that stands at each place of the original, (batch, length).
        pad: the token that fills up short texts.

    Wang et al. 2021, TSDAE, arXiv:2104.06979, section 3.
    """
    given = np.asarray(tokens)
    return cross_entropy(logits[given != pad], given[given != pad])


def matryoshka_loss(
    inner: Callable[..., float], embeddings: Sequence[Floats], dims: Sequence[int], weights: Sequence[float] | None = None
) -> float:
    """Return Σ weight · inner(the first d numbers of all embeddings, at unit length again) over the dims.

    Args:
        inner: a loss of this module that takes the columns of a batch one by one.
        embeddings: its columns, such as anchors and positives, each (batch, dim).
        dims: the lengths, each from 1 to dim.
        weights: of each length; None is 1 for all.

    Kusupati et al. 2022, Matryoshka Representation Learning, arXiv:2205.13147, section 3, equation 1.
    """
    each = [1.0] * len(dims) if weights is None else weights
    cut = ([_unit(column[:, :dim]) for column in embeddings] for dim in dims)
    return sum(weight * inner(*columns) for weight, columns in zip(each, cut, strict=True))


def cross_entropy(logits: Floats, targets: ArrayLike) -> float:
    """Return the mean of −log softmax(logits)[target]; logits are (n, classes), targets (n,)."""
    given = np.asarray(targets)
    return float(np.mean(_log_sum_exp(logits) - logits[np.arange(len(given)), given]))


def _unit(vectors: Floats) -> Floats:
    lengths: Floats = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.maximum(lengths, SMALLEST)


def _cosine(u: Floats, v: Floats) -> Floats:
    """Return the cosine of each row of u with the same row of v."""
    cosines: Floats = np.sum(_unit(u) * _unit(v), axis=-1)
    return cosines


def _log_sum_exp(values: Floats) -> Floats:
    # The largest is taken out first: exp of a scale of 200 would overflow.
    largest = values.max(axis=-1, keepdims=True)
    summed: Floats = np.log(np.exp(values - largest).sum(axis=-1)) + largest[..., 0]
    return summed


FORMULAS: Mapping[str, Callable[..., float]] = MappingProxyType(
    {
        "softmax": softmax_loss,
        "cosine-similarity": cosine_similarity_loss,
        "cosent": cosent_loss,
        "contrastive": contrastive_loss,
        "mnr": mnr_loss,
        "cached-mnr": mnr_loss,
        "triplet": triplet_loss,
        "batch-all-triplet": batch_all_triplet_loss,
        "denoising": denoising_loss,
        "simcse": mnr_loss,
        "matryoshka": matryoshka_loss,
    }
)
