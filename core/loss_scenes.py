"""What each picture of a loss shows: which texts, the loss that moves them, and how to read it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from core import loss_scene_texts as texts
from core.loss_formulas import (
    Floats,
    batch_all_triplet_loss,
    contrastive_loss,
    cosent_loss,
    cosine_similarity_loss,
    denoising_loss,
    matryoshka_loss,
    mnr_loss,
    softmax_loss,
    triplet_loss,
)
from core.loss_scene_texts import Link, Text

READS_DIFFERENCE = np.array([[0, 0, 0, 0, -3, -3], [0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 3, 3]], dtype=float)
"""A classifier (classes, 3 · dim) that takes a small |u − v| for entailment and a large one for contradiction."""
READS_BIAS = (3.0, 1.5, -3.0)
SCORES = (1.0, 0.6, 0.0)
JUDGEMENTS = (1, 0, 0)


@dataclass(frozen=True)
class Scene:
    """A loss at work. `parts` are its terms by name, each a function of all embeddings (texts, dim) and the loss's parameters."""

    texts: tuple[Text, ...]
    links: tuple[Link, ...]
    parts: Mapping[str, Callable[..., float]]
    caption: str

    def loss(self, places: Floats, **parameters: float) -> float:
        """Return the loss of embeddings (texts, dim), the sum of its parts."""
        return sum(part(places, **parameters) for part in self.parts.values())


def _whole(loss: Callable[..., float]) -> Mapping[str, Callable[..., float]]:
    return MappingProxyType({"": loss})


def _of_pairs(loss: Callable[..., float], given: Sequence[float]) -> Callable[..., float]:
    """Return a loss of pairs as one of all the embeddings, which stand as first, second, first, second."""

    def of_places(places: Floats, **parameters: float) -> float:
        return loss(places[::2], places[1::2], given, **parameters)

    return of_places


def _softmax(places: Floats) -> float:
    return softmax_loss(places[::2], places[1::2], (0, 1, 2), READS_DIFFERENCE, READS_BIAS)


def _mnr(places: Floats, scale: float = 20.0) -> float:
    return mnr_loss(places[::2], places[1::2], scale=scale)


def _cached_mnr(places: Floats, scale: float = 20.0, mini_batch_size: float = 2) -> float:
    return mnr_loss(places[::2], places[1::2], scale=scale, mini_batch_size=int(mini_batch_size))


def _triplet(places: Floats, **parameters: float) -> float:
    return triplet_loss(places[::3], places[1::3], places[2::3], **parameters)


def _batch_all_triplet(places: Floats, **parameters: float) -> float:
    return batch_all_triplet_loss(places, [text.group for text in texts.CLASSED], **parameters)


def _denoising(places: Floats) -> float:
    """Return the loss of a decoder that finds a word by its likeness to the embedding, 3 · u·w, at every place of the text."""
    logits = 3 * places[:1] @ places[1:].T
    original = [texts.WORDS.index(word) for word in texts.ORIGINAL]
    return denoising_loss(np.repeat(logits, len(original), axis=0)[None], [original])


def _matryoshka(dim: int) -> Callable[..., float]:
    def of_places(places: Floats, scale: float = 20.0) -> float:
        return matryoshka_loss(lambda a, p: mnr_loss(a, p, scale=scale), (places[::2], places[1::2]), (dim,))

    return of_places


SCENES: Mapping[str, Scene] = MappingProxyType(
    {
        "softmax": Scene(
            texts.NLI_TEXTS,
            texts.NLI_LINKS,
            _whole(_softmax),
            "Each arrow is where a text has to go so that a classifier, which takes a small difference for entailment and a "
            "large one for contradiction, names its pair's class more surely.",
        ),
        "cosine-similarity": Scene(
            texts.SCORED_TEXTS,
            texts.SCORED_LINKS,
            _whole(_of_pairs(cosine_similarity_loss, SCORES)),
            "Each pair turns towards the angle whose cosine is its score (the number on its line): together where the cosine is "
            "too small, apart where it is too large.",
        ),
        "cosent": Scene(
            texts.SCORED_TEXTS,
            texts.SCORED_LINKS,
            _whole(_of_pairs(cosent_loss, SCORES)),
            "Pairs in the wrong order have the arrows: the one with the higher score (the number on its line) is pulled "
            "together, the one with the lower score pushed apart, and a pair in its place is left alone.",
        ),
        "contrastive": Scene(
            texts.JUDGED_TEXTS,
            texts.JUDGED_LINKS,
            _whole(_of_pairs(contrastive_loss, JUDGEMENTS)),
            "The pair that is alike is pulled together, the pair that is not is pushed apart while it is nearer than the margin, "
            "and a pair beyond the margin has no arrow.",
        ),
        "mnr": Scene(
            texts.ASKED_TEXTS,
            texts.ASKED_LINKS,
            _whole(_mnr),
            "Each anchor is pulled to its own positive (line) and pushed off the positives of the others (dots); one that has "
            "found its positive already has hardly an arrow.",
        ),
        "cached-mnr": Scene(
            texts.ASKED_TEXTS,
            texts.ASKED_LINKS,
            _whole(_cached_mnr),
            "The arrows are those of MNR, gathered from a few anchors at a time: every anchor is still told from all positives "
            "of the batch (dots).",
        ),
        "triplet": Scene(
            texts.TRIPLES,
            texts.TRIPLE_LINKS,
            _whole(_triplet),
            "The anchor goes to its positive (line) and away from its negative (dots); the triplet whose negative is farther by "
            "the margin already has no arrow.",
        ),
        "batch-all-triplet": Scene(
            texts.CLASSED,
            texts.CLASSED_LINKS,
            _whole(_batch_all_triplet),
            "Each text goes to those of its own class (lines) and away from those of the other (dots), for all triplets of the "
            "two classes that do not hold yet.",
        ),
        "denoising": Scene(
            texts.DENOISING_TEXTS,
            texts.DENOISING_LINKS,
            _whole(_denoising),
            "The embedding of the damaged text goes where a decoder finds in it the words of the whole text (filled), the "
            "deleted ones too, rather than other words (rings).",
        ),
        "simcse": Scene(
            texts.READ_TWICE,
            texts.READ_LINKS,
            _whole(_mnr),
            "The two readings of a text are pulled together (line) and all other texts pushed off (dots); only neighbours have "
            "long arrows, for a far text is told apart already.",
        ),
        "matryoshka": Scene(
            texts.NESTED_TEXTS,
            texts.NESTED_LINKS,
            MappingProxyType({"first 2 alone": _matryoshka(2), "all 3": _matryoshka(3)}),
            "Seen are the first two numbers of embeddings that have three; each text has the arrow of the loss on these two "
            "alone and that of the loss on all three, and training follows the sum.",
        ),
    }
)
