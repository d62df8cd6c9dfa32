"""What the desk tells of a film beside its places, and numbers packed for the page."""

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np

from core.clusters import cluster, name_clusters
from core.film import movement, recall_on_map, tell_frames
from core.neighbours import NEIGHBOURS, Nearest
from core.spaces import Space

FORMAT_VERSION = 2
# Places are sent as int16: of a map of this many sizes across, a step is a hundredth of a pixel.
REACH, STEPS = 8.0, 32_000


def tell_film(space: Space, places: np.ndarray, nearest: Nearest, known: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what is told of the frames, each text's neighbours before and after, and what points can be coloured by.

    `places` are (frames, texts, 2); `known` is what `known_frames` found.
    """
    frames = nearest.frames
    first, last = frames[0], frames[space.kept]
    clusters = cluster(last)
    sides = {}
    for name, number in (("before", 0), ("after", space.kept)):
        rows, cosines = nearest.of(number)
        sides[name] = {"rows": pack(rows.astype(np.uint16)), "cosines": pack((cosines * 10_000).round().astype(np.int16))}
    return {
        "frames": tell_frames(frames, places, space.pairs, space.groups, nearest, known),
        "neighbours": sides,
        "count": min(NEIGHBOURS, len(space.texts) - 1),
        "movement": pack(movement(first, last).astype(np.float32)),
        "recall": pack(recall_on_map(nearest.of(space.kept)[0], places[space.kept]).astype(np.float32)),
        "clusters": pack(clusters.astype(np.uint16)),
        "cluster_names": name_clusters(space.texts, clusters),
        "pairs": _pairs(space, first, last),
    }


def known_frames(answer: Mapping[str, Any] | None, written: list[list[int]]) -> list[dict[str, Any]]:
    """Return what an earlier answer told of the first frames, as far as their files are the same: a new frame needs no other.

    `written` is that of the frames now; the answer holds its own.
    """
    told: list[dict[str, Any]] = (answer or {}).get("frames", [])
    same = 0
    for before, now in zip((answer or {}).get("written", ()), written, strict=False):
        if before != now:
            break
        same += 1
    return told[:same]


def written_frames(space: Space) -> list[list[int]]:
    """Return for each frame what changes when it is another one: texts, step, and when its file was written."""
    same = FORMAT_VERSION, len(space.texts)
    return [[*same, step, file.stat().st_mtime_ns] for step, file in zip(space.steps, space.files, strict=True)]


def _pairs(space: Space, first: np.ndarray, last: np.ndarray) -> list[list[float]]:
    """Return each pair's rows and gold, and its cosine before and after, -1 to 1."""
    if not space.pairs:
        return []
    left, right = np.array([pair[:2] for pair in space.pairs]).T
    before, after = (np.einsum("ij,ij->i", side[left], side[right]).round(4).tolist() for side in (first, last))
    return [[*pair, was, became] for pair, was, became in zip(space.pairs, before, after, strict=True)]


def pack(values: np.ndarray) -> str:
    """Return an array's bytes, little-endian, as base64."""
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()


def pack_places(places: np.ndarray) -> str:
    """Return places as int16, in steps of REACH / STEPS; beyond eight sizes they lie at the edge."""
    return pack((places.clip(-REACH, REACH) * (STEPS / REACH)).round().astype(np.int16))


def unpack_places(packed: str, frames: int, texts: int) -> np.ndarray:
    """Return what was packed, (frames, texts, 2)."""
    values = np.frombuffer(base64.b64decode(packed), np.int16).reshape(frames, texts, 2)
    return values * (REACH / STEPS)
