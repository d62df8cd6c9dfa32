"""The measure `bytes`: what quality is left of embeddings that are cut shorter, or kept with fewer bits a dimension.

Cut and normalised again as Kusupati et al. 2022 (arXiv:2205.13147) do; int8 and binary are sentence-transformers' own
`quantize_embeddings` (https://sbert.net/examples/sentence_transformer/applications/embedding-quantization/README.html).
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import pearsonr, spearmanr
from sentence_transformers.util.quantization import quantize_embeddings

from core.bytes_choice import BINARY, CALIBRATION, FLOAT32, INT8, PRECISIONS, SIZES, VERSION, bytes_of, trained_sizes
from core.errors import MissingDataError, StudioError, one_sentence
from core.evaluation import EvaluationSet, check_gold, default_evaluation_set
from core.fitting_memory import TextMemory
from core.measuring import Measured
from core.measuring_work import kept_record, open_measured
from core.places import Places
from core.rows import Asked, load_rows
from core.run_log import RunLog
from core.speed import OF_ONE_MODEL, asked_models_once

CALIBRATION_TEXTS = 512
ALL_ALIKE = "every pair is equally near at this size"


@dataclass(frozen=True)
class Ground:
    """What is measured on: the pairs, the texts that the ranges of int8 come from, what those are called, and the sizes."""

    pairs: EvaluationSet
    calibration: list[str]
    calibrated_on: str
    sizes: tuple[int, ...]

    @property
    def named(self) -> list[Any]:
        """Everything that decides the figures besides the model."""
        texts = hashlib.sha256("\0".join(self.calibration).encode()).hexdigest()
        return ["bytes", VERSION, self.pairs.id, self.pairs.sha256, texts, list(self.sizes)]


def measure(log: RunLog) -> dict[str, Any]:
    """Measure the models that the folder asks for at every size and precision, on the pairs that runs are compared by.

    The answer holds `models`, each with its fault or its `rows`: `dimensions`, `precision`, `bytes` a text, `spearman` and
    `pearson` -1..1 (None with a `note` where all pairs are equally near), and whether the model was `trained` for that size.

    Raises:
        DataError: the pairs are not here, or their gold scores are no use.
        ModelError: a run was deleted meanwhile.
        DivergenceError: no model gives embeddings that say anything.
    """
    settings = log.run.config().task_settings
    log.enter("evaluating", "Reading the pairs")
    sizes = tuple(json.loads(str(settings["dimensions"]))) if settings.get("dimensions") else SIZES
    ground = ground_of(log.places, sizes)
    models = asked_models_once(log)
    found = [_record_or_fault(log, measured, ground) for measured in models]
    faults = [each for each in found if isinstance(each, StudioError)]
    if len(faults) == len(found):
        raise faults[0]
    return {
        "models": [
            _about(measured, each, ground, log.places, bool(settings.get("asked")))
            for measured, each in zip(models, found, strict=True)
        ],
        "data": ground.pairs.id,
        "found": ground.pairs.found,
        "pairs": len(ground.pairs.gold),
        "calibrated_on": ground.calibrated_on,
        "precision": "fp32",
    }


def ground_of(places: Places, sizes: Sequence[int]) -> Ground:
    """Read what is measured on; int8 is calibrated on STSB's train part where that is here, else on the pairs' own texts.

    Raises:
        DataError: the pairs are not here, or their gold scores are no use.
    """
    pairs = default_evaluation_set(places)
    check_gold(pairs)
    own = list(dict.fromkeys([*pairs.sentences1, *pairs.sentences2]))
    try:
        rows = load_rows(Asked(*CALIBRATION), places)
    except MissingDataError:
        return Ground(pairs, _some(own), f"{min(CALIBRATION_TEXTS, len(own))} of the pairs' own texts", tuple(sizes))
    texts = _some(list(dict.fromkeys([*rows.frame["sentence1"], *rows.frame["sentence2"]])))
    return Ground(pairs, texts, f"{len(texts)} texts of STSB's train part", tuple(sizes))


def _some(texts: list[str]) -> list[str]:
    """Return 512 of the texts, the same ones for every model."""
    return [texts[place] for place in np.sort(np.random.default_rng(0).permutation(len(texts))[:CALIBRATION_TEXTS])]


def _record_or_fault(log: RunLog, measured: Measured, ground: Ground) -> dict[str, Any] | StudioError:
    """Return a model's record, or what is wrong with it; the other model is measured all the same."""
    try:
        return kept_record(ground.named, measured, log.run.runs_dir, lambda: _work(log, measured, ground))
    except OF_ONE_MODEL as error:
        return error


def _work(log: RunLog, measured: Measured, ground: Ground) -> dict[str, Any]:
    """Encode every text once, and score all sizes and precisions from those embeddings."""
    log.enter("evaluating", f"Loading {measured.label}")
    memory = TextMemory(open_measured(measured, log), measured.label)

    def between(done: int, total: int) -> None:
        log.raise_if_stopped()
        log.progress(f"Encoding texts by {measured.label}", done, total)

    pairs = ground.pairs
    texts = {"sentence1": pairs.sentences1, "sentence2": pairs.sentences2, "calibration": ground.calibration}
    # The same role as the first texts have: a symmetric task puts the same prompt before all of them.
    memory.learn([("sentence1", each) for each in texts.values()], between)
    first, second, calibration = (memory.vectors("sentence1", each) for each in texts.values())
    rows = table_of((first, second), pairs.gold, calibration, ground.sizes)
    return {"rows": rows, "dimension": int(first.shape[1]), "texts": len(memory), "found": pairs.found, "precision": "fp32"}


def table_of(
    sides: tuple[np.ndarray, np.ndarray], gold: Sequence[float], calibration: np.ndarray, sizes: Sequence[int]
) -> list[dict[str, Any]]:
    """Return quality by size and precision, the whole embedding first; sizes beyond it are left out.

    Args:
        sides: the embeddings of first and second texts, two of (pairs, dim).
        gold: (pairs,), 0..1.
        calibration: (texts, dim), whose smallest and largest values in each dimension are the ranges of int8.
        sizes: numbers of dimensions to cut to.
    """
    dimension = sides[0].shape[1]
    rows = []
    for size in sorted({dimension, *(size for size in sizes if size < dimension)}, reverse=True):
        first, second, known = (shorten(vectors, size) for vectors in (*sides, calibration))
        ranges = np.stack([known.min(axis=0), known.max(axis=0)])
        for precision in PRECISIONS:
            nearness = NEARNESS[precision](first, second, ranges)
            row = {"dimensions": size, "precision": precision, "bytes": bytes_of(size, precision)}
            rows.append(row | _agreement(nearness, gold))
    return rows


def shorten(vectors: np.ndarray, size: int) -> np.ndarray:
    """Return the first `size` dimensions of (n, dim) at length 1, (n, size) in fp32; a vector of zeros stays one."""
    cut = vectors[:, :size].astype(np.float32)
    lengths = np.linalg.norm(cut, axis=1, keepdims=True)
    short: np.ndarray = cut / np.where(lengths == 0, 1, lengths)
    return short


def of_floats(first: np.ndarray, second: np.ndarray, _ranges: np.ndarray) -> np.ndarray:
    """Return the cosine of each pair, (pairs,) in -1..1; 0 with a vector of zeros."""
    one, two = first.astype(np.float64), second.astype(np.float64)
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(two, axis=1)
    cosines: np.ndarray = (one * two).sum(axis=1) / np.where(lengths == 0, 1, lengths)
    return cosines


def of_int8(first: np.ndarray, second: np.ndarray, ranges: np.ndarray) -> np.ndarray:
    """Return the cosine of each pair after each dimension was put into one of 256 steps of its range, `ranges` (2, dim)."""
    return of_floats(quantize_embeddings(first, INT8, ranges), quantize_embeddings(second, INT8, ranges), ranges)


def of_bits(first: np.ndarray, second: np.ndarray, _ranges: np.ndarray) -> np.ndarray:
    """Return the Hamming nearness of each pair, (pairs,) from -dim to 0: less the number of dimensions whose signs differ."""
    packed = [quantize_embeddings(side, BINARY).astype(np.int16) + 128 for side in (first, second)]
    differing = np.bitwise_xor(packed[0], packed[1]).astype(np.uint8)
    nearness: np.ndarray = -np.unpackbits(differing, axis=1).sum(axis=1).astype(np.float64)
    return nearness


NEARNESS = {FLOAT32: of_floats, INT8: of_int8, BINARY: of_bits}


def _agreement(nearness: np.ndarray, gold: Sequence[float]) -> dict[str, Any]:
    """Return the correlations with gold, or why there are none."""
    if np.ptp(nearness) == 0:
        return {"spearman": None, "pearson": None, "note": ALL_ALIKE}
    return {"spearman": float(spearmanr(nearness, gold)[0]), "pearson": float(pearsonr(nearness, gold)[0]), "note": ""}


def _about(
    measured: Measured, found: dict[str, Any] | StudioError, ground: Ground, places: Places, asked: bool
) -> dict[str, Any]:
    about: dict[str, Any] = {"name": measured.name, "label": measured.label}
    if isinstance(found, StudioError):
        return about | {"fault": one_sentence(found), "rows": [], "notes": []}
    dimension, trained = found["dimension"], trained_sizes(measured.name, places)
    rows = [row | {"trained": row["dimensions"] == dimension or row["dimensions"] in trained} for row in found["rows"]]
    # Of the usual sizes nobody asked for each one.
    beyond = [size for size in ground.sizes if size > dimension] if asked else []
    notes = [f"{size:,} dimensions are left out: {measured.label} has {dimension:,}." for size in beyond]
    return about | {"fault": "", "dimension": dimension, "rows": rows, "notes": notes, "seconds": found["seconds"]}
