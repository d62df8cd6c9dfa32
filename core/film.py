"""The film of a space: frames of the same texts on one plane, with what says how far to trust it and how the space forms.

Pure numpy, on embeddings of (frames, texts, dim) at unit length; the desk process does it when somebody looks.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from core.measures import POSITIVE_FROM, measure_space
from core.neighbours import NEIGHBOURS, Nearest, nearest_on_map, purity, shared, trustworthiness
from core.projection import unit_size

Pairs = Sequence[tuple[int, int, float]]
# Ranks of all texts by all texts: more would take seconds a frame.
TRUSTED_TEXTS = 1_000
FEWEST_PAIRS = 2


@dataclass(frozen=True)
class Frame:
    """What is told of one frame beside its places.

    `trustworthiness` is 0..1; `changed` the share of each text's ten nearest that are others than in the frame before, 0..1;
    `moved` the mean way of a text since then, in units of the map's size; `purity` the share of neighbours of the same group by
    group. `space` are the measures of `core.measures` on the pairs, or empty where there are none.
    """

    trustworthiness: float
    changed: float
    moved: float
    purity: dict[str, float]
    space: dict[str, Any]


def tell_frames(
    frames: np.ndarray,
    places: np.ndarray,
    pairs: Pairs,
    groups: dict[str, list[str]],
    near: Nearest | None = None,
    known: Sequence[dict[str, Any]] = (),
) -> list[dict[str, Any]]:
    """Return what is told of each frame, in order, as JSON values.

    `near` are the frames' neighbours where somebody else asks for them too. `known` is what was told of the first frames before,
    when there were fewer: what does not hang on the places is taken from there.
    """
    near = near or Nearest(frames, NEIGHBOURS)
    named = {name: np.unique(labels, return_inverse=True)[1] for name, labels in groups.items()}
    some = _some(len(frames[0]))
    told = []
    for number, vectors in enumerate(frames):
        moving = {
            "trustworthiness": trustworthiness(vectors[some], places[number][some]),
            "moved": 0.0 if number == 0 else way(places[number - 1], places[number]),
        }
        if number < len(known):
            told.append(known[number] | _rounded(moving))
            continue
        own = near.of(number)[0]
        frame = Frame(
            changed=0.0 if number == 0 else float(1 - shared(own, near.of(number - 1)[0]).mean()),
            purity={name: purity(own, labels) for name, labels in named.items()},
            space=_space(vectors, pairs),
            **moving,
        )
        told.append(_rounded(asdict(frame)))
    return told


def way(before: np.ndarray, after: np.ndarray) -> float:
    """Return the mean way of a text between two frames, both of size 1, so that growing alone is no way."""
    return float(np.linalg.norm(unit_size(after) - unit_size(before), axis=1).mean())


def movement(first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Return how far each text's embedding has turned, (texts,): 1 minus the cosine of before and after, 0..2.

    Of models of other dimensions there is no such angle: all zeros.
    """
    if first.shape != last.shape:
        return np.zeros(len(first))
    turned: np.ndarray = 1 - (first * last).sum(axis=1)
    return turned.clip(0, 2)


def recall_on_map(near: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return for each text the share of its ten nearest by cosine that are among its ten nearest on the map, (texts,), 0..1."""
    return shared(near, nearest_on_map(places))


def _some(texts: int) -> np.ndarray:
    if texts <= TRUSTED_TEXTS:
        return np.arange(texts)
    return np.sort(np.random.default_rng(0).permutation(texts)[:TRUSTED_TEXTS])


def _space(vectors: np.ndarray, pairs: Pairs) -> dict[str, Any]:
    """Measure the space by pairs that belong together, and the same texts each beside the next pair's: those are unrelated."""
    positives = np.array([(first, second) for first, second, gold in pairs if gold >= POSITIVE_FROM])
    if len(positives) < FEWEST_PAIRS:
        return {}
    first = np.concatenate([positives[:, 0], positives[:, 0]])
    second = np.concatenate([positives[:, 1], np.roll(positives[:, 1], 1)])
    return asdict(measure_space(vectors[first], vectors[second], np.repeat([1.0, 0.0], len(positives))))


def _rounded(value: Any) -> Any:
    """Return JSON values with floats cut to five digits."""
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_rounded(inner) for inner in value]
    return round(value, 5) if isinstance(value, float) else value
