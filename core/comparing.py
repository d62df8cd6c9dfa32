"""The measure `compare`: several models in one table, each row read from what is stored or measured now."""

import itertools
import json
import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
from sentence_transformers import SentenceTransformer

from core.comparison import fault_of, why_not_here
from core.config import RunConfig
from core.errors import ModelError
from core.evaluation import EvaluationSet, default_evaluation_set, score_model
from core.machine import library_versions, read_machine
from core.measuring import Measured, measured_model
from core.measuring_work import open_measured
from core.model_facts import read_facts
from core.models import model_fingerprint
from core.run_log import RunLog
from core.scoring import Scoring, evaluation_batch
from core.speed import OF_ONE_MODEL, mixed_texts, rate_of, time_batches, where_measured
from core.stored_scores import share_held_out, stored_of
from core.verdict import correlation_intervals

TIMED_SECONDS = 3.0
FEWEST_BATCHES, UNKNOWN_UNREST = 6, 0.25
MEGABYTE = 1_000_000


def measure(log: RunLog) -> dict[str, Any]:
    """Fill a row for each model that the folder asks for; what is wrong with one is said in its row, and the others stay.

    The answer holds `rows` with the columns of `core.comparison.COLUMNS` (None where nothing is known), `closest`, which says
    whether the best Spearman is more than chance above the next one, and what was measured on.

    Raises:
        DataError: the pairs that all are measured on are not here.
        ModelError: no model at all could be measured.
    """
    load, names = psutil.getloadavg()[0], _asked(log)
    pairs = default_evaluation_set(log.places)
    filled = []
    for place, name in enumerate(names):
        log.raise_if_stopped()
        log.progress(f"Measuring model {place + 1} of {len(names)}", place, len(names))
        filled.append(_row_or_fault(log, name, pairs))
    rows = [row for row, _ in filled]
    if all(row["fault"] for row in rows):
        raise ModelError(rows[0]["fault"])
    _name_the_same(rows)
    return {
        "rows": rows,
        "held_out": _keep_shared(rows),
        "closest": closest_to_best(rows, [record for _, record in filled]),
        "data": pairs.id,
        "found": pairs.found,
        "pairs": len(pairs.gold),
        "precision": "fp32",
        "load": round(load, 2),
        **where_measured(read_machine(log.run.runs_dir)),
    }


def _asked(log: RunLog) -> list[str]:
    """Return the names that were asked for, those that were not here among them."""
    config = log.run.config()
    asked = config.task_settings.get("asked")
    return list(dict.fromkeys(json.loads(str(asked)) if asked else config.models))


def _row_or_fault(log: RunLog, name: str, pairs: EvaluationSet) -> tuple[dict[str, Any], Mapping[str, Any] | None]:
    """Return a model's row, and the record of its score; of a model that fails the row says why."""
    places = log.places
    row: dict[str, Any] = {"name": name, "label": name, "fault": why_not_here(name, places), "held_out": None}
    if row["fault"]:
        return row, None
    try:
        measured = measured_model(name, places)
        row["label"] = measured.label
        stored = stored_of(name, places)
        kept = stored.pop("record", None)
        row |= stored | _facts(measured, log.run.runs_dir)
        log.enter("evaluating", f"Loading {measured.label}")
        model = open_measured(measured, log)
        record = kept if is_valid(kept, pairs) else _score(log, measured, model, pairs, str(row["fingerprint"]))
        row |= {"spearman": record["figures"]["spearman_cosine"], "pearson": record["figures"]["pearson_cosine"]}
        batches = _timed_batches(log, measured, model, pairs)
        row |= {"dimension": model.get_embedding_dimension(), "speed": rate_of(batches), "speed_unrest": unrest_of(batches)}
    except OF_ONE_MODEL as error:
        return row | {"fault": fault_of(error)}, None
    return row, record


def _facts(measured: Measured, runs_dir: Path) -> dict[str, Any]:
    choice = measured.choice
    facts = read_facts(choice.base_model, runs_dir)
    return {
        "megabytes": facts.bytes_on_disk / MEGABYTE,
        "fingerprint": model_fingerprint(choice, runs_dir, measured.seed),
    }


def is_valid(record: Mapping[str, Any] | None, pairs: EvaluationSet) -> bool:
    """Tell whether a run's stored score is one of these very pairs, in fp32, by the libraries that are installed."""
    return (
        record is not None
        and record.get("data_sha256") == pairs.sha256
        and record.get("precision") == "fp32"
        and record.get("versions") == library_versions()
        and {"spearman_cosine", "pearson_cosine"} <= record["figures"].keys()
    )


def _score(log: RunLog, measured: Measured, model: SentenceTransformer, pairs: EvaluationSet, fingerprint: str) -> dict[str, Any]:
    """Return the record of a model's score, measured now unless it was before."""
    runs_dir, choice = log.run.runs_dir, measured.choice
    batch = evaluation_batch(RunConfig(base_model=choice.base_model), read_machine(runs_dir), runs_dir)
    scoring = Scoring(log, pairs, batch, f"Scoring {measured.label} on {pairs.id}")
    log.enter("evaluating", f"Scoring {measured.label} on {pairs.id}")
    return score_model(fingerprint, pairs, runs_dir, lambda: scoring.figures(model), scoring.values)


def _timed_batches(log: RunLog, measured: Measured, model: SentenceTransformer, pairs: EvaluationSet) -> list[float]:
    log.enter("evaluating", f"Timing {measured.label}")
    texts = itertools.cycle(mixed_texts(pairs))
    # A first batch warms up.
    time_batches(model, texts, 0, log.raise_if_stopped)
    return time_batches(model, texts, TIMED_SECONDS, log.raise_if_stopped)


def unrest_of(batches: Sequence[float]) -> float:
    """Return how far off the median of the seconds of batches may be, as a share of it: half the 95 % interval by their ranks.

    Of fewer than six batches nobody knows: a quarter at least.
    """
    ordered, middle, reach = sorted(batches), len(batches) / 2, math.sqrt(len(batches))
    low, high = ordered[max(0, math.floor(middle - reach))], ordered[min(len(batches) - 1, math.ceil(middle + reach))]
    unrest = (high - low) / 2 / statistics.median(batches)
    return unrest if len(batches) >= FEWEST_BATCHES else max(unrest, UNKNOWN_UNREST)


def _name_the_same(rows: Sequence[dict[str, Any]]) -> None:
    """Say in a row whose model is another row's by another name."""
    first: dict[str, str] = {}
    for row in rows:
        fingerprint = row.pop("fingerprint", None)
        if fingerprint is None:
            continue
        row["same_as"] = first.get(fingerprint, "")
        first.setdefault(fingerprint, row["label"])


def _keep_shared(rows: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Leave the held-out figures of those rows that share one held-out part, and return what it is."""
    mark = share_held_out([row["held_out"] for row in rows])
    about = next((dict(row["held_out"]) for row in rows if row["held_out"] and row["held_out"]["mark"] == mark), None)
    for row in rows:
        held = row["held_out"]
        row["held_out"] = held["value"] if held and held["mark"] == mark else None
    return {name: about[name] for name in ("figure", "shape", "rows", "found")} if about else None


def closest_to_best(rows: Sequence[Mapping[str, Any]], records: Sequence[Mapping[str, Any] | None]) -> dict[str, Any] | None:
    """Return how far the best Spearman is above the next one, with a 95 % interval from a paired bootstrap of the pairs.

    Models of the same figure by another name are passed over. None where two records do not hold single cosines.
    """
    scored = [
        (row, record)
        for row, record in zip(rows, records, strict=True)
        if record and record.get("cosines") and not row.get("same_as")
    ]
    if len(scored) < 2:
        return None
    (best, kept), (second, other) = sorted(scored, key=lambda one: one[0]["spearman"], reverse=True)[:2]
    found = correlation_intervals(kept["gold"], other["cosines"], kept["cosines"]).get("spearman_cosine")
    if found is None:
        return None
    return {
        "best": best["label"],
        "second": second["label"],
        "difference": found.difference,
        "low": found.low,
        "high": found.high,
        "verdict": found.verdict,
    }
