"""The work of a folder whose kind is `cross-encoder`: learn the scores of gold pairs, both texts read at once."""

import time
from functools import partial
from pathlib import Path

import numpy as np
import torch
from datasets import Dataset
from safetensors import SafetensorError
from scipy.stats import pearsonr, spearmanr
from sentence_transformers import CrossEncoder
from sentence_transformers.cross_encoder import CrossEncoderTrainer, CrossEncoderTrainingArguments
from sentence_transformers.cross_encoder.losses import BinaryCrossEntropyLoss
from transformers import PrinterCallback

from core.base_models import bundled_folder, model_folder
from core.checkpoints import BestCheckpoint, forget_checkpoints, save_model
from core.config import RunConfig
from core.cross_encoders import Told, score_jointly
from core.errors import DivergenceError, ModelError, is_disk_full
from core.evaluation import EvaluationSet, score_record, some_of, write_score
from core.events import EvaluationEvent, NoticeEvent
from core.live_evaluation import Course, LiveEvaluation, Measurement
from core.machine import Machine
from core.model_catalogue import pair_length
from core.models import leave_mixed_precision
from core.resuming import Resumable
from core.run_log import RunLog, Stopped
from core.run_scores import forget_scores
from core.sampling import BucketedBatchSampler
from core.training import (
    Trained,
    budget_of,
    end_before_training,
    ending_of,
    free_memory,
    run_trainer,
    within_memory,
)
from core.training_run import TrainingRun, load, note_peak, shared_arguments
from core.training_watch import TrainingWatch, Watching

LIVE_PAIRS = 200


def train_cross_encoder(log: RunLog) -> None:
    """Do the run that the folder asks for: a cross-encoder that gives two texts a score of 0..1.

    The head that gives the score is new, so there is no untouched model to compare with.

    Raises:
        StudioError: something a person can mend; nothing was lost.
    """
    while not _turn(log):
        free_memory()


def _turn(log: RunLog) -> bool:
    try:
        run = load(log, load_fresh)
        trained = within_memory(run, partial(_train_steps, run))
    except Stopped:
        end_before_training(log)
        return True
    if trained is not None:
        _finish(run, trained[0])
    return trained is not None


def _train_steps(run: TrainingRun) -> Trained:
    best = BestCheckpoint(run.log.run.path / "checkpoints", "last")
    evaluation = LiveEvaluation(run.log, run.settings, Course(lambda model, step, _few: _evaluate_live(run, model, step)), best)
    return run_trainer(run, _build_trainer(run), Watching(evaluation, budget=budget_of(run))), best


def load_fresh(config: RunConfig, runs_dir: Path, machine: Machine) -> CrossEncoder:
    """Load a transformer with a new head of one score, safetensors only, without a network.

    Raises:
        ModelError: it is not here, or cannot be read.
    """
    name = config.base_model
    folder = bundled_folder() if name == "all-minilm-l6-v2" else model_folder(name, runs_dir)
    try:
        return CrossEncoder(
            str(folder),
            num_labels=1,
            max_length=config.max_seq_length or pair_length(name),
            device=machine.device,
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True, "dtype": torch.float32},
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        if is_disk_full(error):
            raise
        raise ModelError(
            f"base_model: '{name[:60]}' cannot become a cross-encoder ({type(error).__name__}); choose another."
        ) from error


class _Trainer(Resumable, CrossEncoderTrainer):
    """The library's trainer, made resumable."""


def _build_trainer(run: TrainingRun) -> CrossEncoderTrainer:
    batch_sampler = BucketedBatchSampler if run.settings["sampler"] == "bucketed" else "batch_sampler"
    trainer = _Trainer(
        model=run.model,
        args=CrossEncoderTrainingArguments(**shared_arguments(run), batch_sampler=batch_sampler),
        train_dataset=Dataset.from_pandas(run.examples, preserve_index=False),
        loss=BinaryCrossEntropyLoss(run.model),
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def joint_figures(encoder: CrossEncoder, pairs: EvaluationSet, told: Told, precision: str = "fp32") -> dict[str, float]:
    """Return `pearson` and `spearman` of the scores and gold, -1..1.

    Raises:
        DivergenceError: the scores are no numbers, or all the same.
    """
    scores = score_jointly(encoder, list(zip(pairs.sentences1, pairs.sentences2, strict=True)), told, precision=precision)
    if not np.isfinite(scores).all() or np.ptp(scores) == 0:
        raise DivergenceError("The cross-encoder gives every pair the same score; lower the learning rate and start again.")
    return {"pearson": float(pearsonr(scores, pairs.gold)[0]), "spearman": float(spearmanr(scores, pairs.gold)[0])}


def _evaluate_live(run: TrainingRun, model: CrossEncoder, step: int) -> Measurement:
    # Pairs cost a cross-encoder much more than texts a bi-encoder: the curve is drawn from a seeded part of them.
    pairs, _ = some_of(run.pairs, LIVE_PAIRS)
    figures = joint_figures(model, pairs, lambda _done, _total: run.log.raise_if_skipped(), run.settings["precision"])
    event = EvaluationEvent(
        step, pairs.id, len(pairs.gold), figures, precision=run.settings["precision"], of_pairs=len(run.pairs.gold)
    )
    return Measurement([event])


def _finish(run: TrainingRun, watch: TrainingWatch) -> None:
    """Score the cross-encoder in fp32, save it, and say how it went."""
    log, stopped = run.log, bool(run.log.stop_wish())
    forget_scores(log.run)
    log.enter("evaluating", f"Scoring on {run.pairs.id}")
    leave_mixed_precision(run.model)
    if log.seconds is not None:
        # Its process is killed in time, and scoring may take longer than was foreseen.
        save_model(run.model, log.run.path / "model")
        log.set_status(has_model=True)

    def told(done: int, total: int) -> None:
        log.raise_if_skipped()
        log.progress("Scoring the trained cross-encoder", done, total)

    try:
        began = time.monotonic()
        figures = joint_figures(run.model, run.pairs, told)
        write_score(log.run.path, "after", score_record(run.pairs, figures, time.monotonic() - began))
    except Stopped:
        log.write(NoticeEvent("Scoring was skipped: Stop was pressed twice."))
    log.enter("saving", "Saving the cross-encoder")
    note_peak(log)
    save_model(run.model, log.run.path / "model")
    if not stopped:
        forget_checkpoints(log.run.path)
    log.end("stopped" if stopped else "done", ending_of(watch, stopped, "cross-encoder"), has_model=True)
