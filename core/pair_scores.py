"""The task `pairs`: the ten figures of models on any scored pairs, in fp32, with the verdict on the last against the first."""

from typing import Any

from core.errors import DataError, StudioError
from core.evaluation import EvaluationSet, check_gold, load_evaluation_set, score_model
from core.fitting_choice import has_seen
from core.machine import read_machine
from core.measuring import Measured
from core.measuring_work import asked_models, open_measured
from core.models import model_fingerprint
from core.run_log import RunLog
from core.scoring import Scoring, evaluation_batch
from core.verdict import about, judge


def measure(log: RunLog) -> dict[str, Any]:
    """Score the folder's models on its `data` and `split`; a model that gives no figures leaves the others theirs.

    Returns:
        `about` in words, `sides` with each model's `label` and its `record` or `fault`, `verdict` on the last side against the
        first or None, `trained_on` whether a run among them learned these very rows, `max_rows`, and the `folder`'s name.

    Raises:
        DataError: the pairs are not here, too few, or have all the same gold score; or no model could be scored.
        ModelError: a run was deleted meanwhile.
        Stopped: somebody pressed Cancel.
    """
    config = log.run.config()
    log.enter("evaluating", "Reading the pairs")
    pairs = load_evaluation_set(config.data, config.split, log.places, config.max_rows)
    check_gold(pairs)
    models = asked_models(log)
    sides = [_side(measured, pairs, log) for measured in models]
    records = [side["record"] for side in sides if "record" in side]
    if not records:
        raise DataError(str(sides[0]["fault"]))
    whole = len(records) == len(sides) > 1
    return {
        "about": about(records[-1]),
        "data": config.data,
        "split": config.split,
        "max_rows": config.max_rows,
        "is_cut": config.max_rows is not None and len(pairs.gold) >= config.max_rows,
        "sides": sides,
        "verdict": judge(records[0], records[-1]) if whole else None,
        "trained_on": any(has_seen(measured.name, config.data, config.split, log.places) for measured in models),
        "folder": log.run.id,
    }


def _side(measured: Measured, pairs: EvaluationSet, log: RunLog) -> dict[str, Any]:
    """Return a model's score, read where it was scored before, or why it has none."""
    log.enter("evaluating", f"Scoring {measured.label}")
    try:
        return {"name": measured.name, "label": measured.label, "record": _record(measured, pairs, log)}
    except StudioError as error:
        return {"name": measured.name, "label": measured.label, "fault": str(error)}


def _record(measured: Measured, pairs: EvaluationSet, log: RunLog) -> dict[str, Any]:
    runs_dir, choice = log.run.runs_dir, measured.choice
    config = log.run.config().model_copy(update={"base_model": choice.base_model})
    scoring = Scoring(log, pairs, evaluation_batch(config, read_machine(runs_dir), runs_dir), f"Scoring {measured.label}")
    fingerprint = model_fingerprint(choice, runs_dir, measured.seed)
    return score_model(fingerprint, pairs, runs_dir, lambda: scoring.figures(open_measured(measured, log)), scoring.values)
