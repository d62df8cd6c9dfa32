"""What a run is scored on: the untouched model before the first step, the model on its way, and what is kept at the end."""

import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
from sentence_transformers import SentenceTransformer

from core.classification import classes_record, load_labelled, score_classes
from core.errors import MissingDataError
from core.evaluation import (
    Between,
    EvaluationSet,
    embed_pairs,
    figures_of,
    pair_values,
    score_model,
    score_record,
    some_of,
    write_score,
)
from core.events import EvaluationEvent, MeasureEvent, NoticeEvent
from core.held_out import can_be_scored, held_out_record, score_held_out
from core.live_evaluation import FEW_PAIRS, Course, Measurement
from core.measures import SpaceMeasures, measure_space
from core.models import model_fingerprint
from core.runs import HELD_OUT, RunFolder
from core.training_run import TrainingRun
from core.verdict import forget_verdicts, write_verdict


def measure_untouched(run: TrainingRun) -> Course:
    """Score the model before its first step, the dashed line of the page, and return how it is to be scored on its way.

    A run that goes on was scored in its first turn: that line is there already.

    Raises:
        Stopped: somebody pressed Stop meanwhile.
    """
    run.log.enter("baseline", f"Scoring the untouched model on {run.pairs.id}")
    is_new = not run.log.run.scores("before")
    few, few_line, seconds = _dashed_lines(run, is_new)
    if is_new:
        between = _between(run, "Scoring the untouched model", run.log.raise_if_stopped)
        score_own(run, "before", between)
        score_labels(run, "before", between)
    run.log.raise_if_stopped()
    own = run.log.run.score_seconds("before").get(HELD_OUT, 0.0)
    return Course(
        lambda model, step, is_few: measure_live(run, few if is_few else run.pairs, model, step),
        seconds + own,
        seconds * len(few.gold) / len(run.pairs.gold) + own,
        few_line if len(few.gold) < len(run.pairs.gold) else None,
    )


def _dashed_lines(run: TrainingRun, is_new: bool) -> tuple[EvaluationSet, EvaluationEvent, float]:
    """Score the untouched model: in fp32 for the record, in training's precision for the curve, on all pairs and on a few.

    Returns the few, their line and the seconds of all; each score is computed once for a model and read from then on.
    """
    few, rows = some_of(run.pairs, FEW_PAIRS)
    runs_dir, batch = run.log.run.runs_dir, run.settings["eval_batch_size"]
    # There is no fp16 without a trainer's scaler: its dashed line is one of fp32.
    precision = "bf16" if run.settings["precision"] == "bf16" else "fp32"
    between = _between(run, "Scoring the untouched model", run.log.raise_if_stopped)
    embedded: dict[str, tuple[np.ndarray, np.ndarray]] = {}

    def all_pairs(how: str) -> dict[str, float]:
        embedded[how] = embed_pairs(run.model, run.pairs, batch, between, how)
        return figures_of(run.model, run.pairs, *embedded[how])

    def few_pairs() -> dict[str, float]:
        first, second = embedded.get(precision) or embed_pairs(run.model, few, batch, between, precision)
        embedded["few"] = (first[rows], second[rows]) if precision in embedded else (first, second)
        return figures_of(run.model, few, *embedded["few"])

    fingerprint = model_fingerprint(run.config, runs_dir, run.config.seed)
    stored = score_model(
        fingerprint, run.pairs, runs_dir, partial(all_pairs, "fp32"), lambda: dict(pair_values(run.pairs, *embedded["fp32"]))
    )
    curve = stored
    if precision == "bf16":
        curve = score_model(f"{fingerprint} bf16", run.pairs, runs_dir, partial(all_pairs, "bf16"))
    part = score_model(
        f"{fingerprint} {precision} space", few, runs_dir, few_pairs, lambda: {"space": asdict(_space(few, *embedded["few"]))}
    )
    write_score(run.log.run.path, "before", stored)
    about: dict[str, Any] = {"untouched": True, "precision": precision, "of_pairs": len(run.pairs.gold)}
    if is_new:
        run.log.write(EvaluationEvent(0, run.pairs.id, len(run.pairs.gold), curve["figures"], **about))
        run.log.write(MeasureEvent(0, **part["space"]))
    return few, EvaluationEvent(0, run.pairs.id, len(few.gold), part["figures"], **about), float(curve["seconds"])


def _space(pairs: EvaluationSet, first: np.ndarray, second: np.ndarray) -> SpaceMeasures:
    return measure_space(first, second, np.asarray(pairs.gold))


def _between(run: TrainingRun, phase: str, check: Callable[[], None]) -> Between:
    def between(done: int, total: int) -> None:
        check()
        run.log.progress(phase, done, total)

    return between


def measure_live(run: TrainingRun, pairs: EvaluationSet, model: SentenceTransformer, step: int) -> Measurement:
    """Score the model in the middle of training, in training's precision, and measure the space from the same embeddings.

    Raises:
        Stopped: somebody pressed Stop twice.
    """
    settings, log = run.settings, run.log
    first, second = embed_pairs(
        model, pairs, settings["eval_batch_size"], lambda _done, _total: log.raise_if_skipped(), settings["precision"]
    )
    space = _space(pairs, first, second)
    measured = MeasureEvent(step, **asdict(space))
    if space.has_collapsed:
        return Measurement([measured], collapsed=True)
    figures = figures_of(model, pairs, first, second)
    about: dict[str, Any] = {"precision": settings["precision"], "of_pairs": len(run.pairs.gold)}
    events: list[EvaluationEvent | MeasureEvent] = [EvaluationEvent(step, pairs.id, len(pairs.gold), figures, **about)]
    best_by = settings["best_by"]
    figure = figures.get(best_by)
    if can_be_scored(run.prepared):
        scored = score_held_out(model, run.prepared, settings["eval_batch_size"], lambda _done, _total: log.raise_if_skipped())
        own = scored.figures
        rows = run.prepared.report["held_out_examples"]
        events.append(EvaluationEvent(step, HELD_OUT, rows, own, precision=settings["precision"], of_pairs=rows))
        # Of correlations the one that the curve shows.
        figure = own.get("spearman_cosine", next(iter(own.values()))) if best_by == "held_out" else figure
    return Measurement([*events, measured], figure)


def score_after(run: TrainingRun) -> None:
    """Score the kept model on all pairs, in fp32.

    Raises:
        Stopped: somebody pressed Stop a second time.
    """
    between = _between(run, "Scoring the trained model", run.log.raise_if_skipped)
    between(0, 2 * len(run.pairs.gold))
    forget_verdicts(run.log.run.path)
    began = time.monotonic()
    first, second = embed_pairs(run.model, run.pairs, run.settings["eval_batch_size"], between)
    record = score_record(run.pairs, figures_of(run.model, run.pairs, first, second), time.monotonic() - began)
    write_score(run.log.run.path, "after", record | pair_values(run.pairs, first, second))
    score_own(run, "after", between)
    score_labels(run, "after", between)
    for data in (HELD_OUT, run.pairs.id):
        verdict = write_verdict(run.log.run.path, data)
        if verdict:
            run.log.write(NoticeEvent(verdict["sentence"]))


def score_own(run: TrainingRun, which: str, between: Between) -> None:
    """Score the model on the held-out part of the person's own rows, where one has a figure."""
    if not can_be_scored(run.prepared):
        return
    began = time.monotonic()
    own = score_held_out(run.model, run.prepared, run.settings["eval_batch_size"], between)
    record = held_out_record(run.prepared, own, time.monotonic() - began)
    write_score(run.log.run.path, which, record)
    if which == "before":
        run.log.write(EvaluationEvent(0, HELD_OUT, record["pairs"], own.figures, untouched=True))
    said = ", ".join(f"{name} {value:.4f}" for name, value in own.figures.items())
    run.log.write(NoticeEvent(f"Held-out part {which} training: {said}"))


def score_labels(run: TrainingRun, which: str, between: Between) -> None:
    """Score how well labelled texts are told apart, where the configuration asks for it and they are here."""
    for data in run.config.also_score:
        try:
            parts = load_labelled(data, run.log.places)
        except MissingDataError as error:
            run.log.write(NoticeEvent(f"{data} is not scored: {error}"))
            continue
        began = time.monotonic()
        figures = score_classes(run.model, parts, run.settings["eval_batch_size"], between)
        write_score(run.log.run.path, which, classes_record(data, parts, figures, began))
        run.log.write(NoticeEvent(f"Accuracy on {data} test {which} training: {figures['accuracy']:.4f}"))


def forget_scores(run: RunFolder) -> None:
    """Remove the scores of an earlier turn: they are of other weights."""
    for path in (run.path / "scores").glob("*.after.json"):
        path.unlink()
