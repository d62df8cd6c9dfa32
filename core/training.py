"""One training run from its folder to its folder: load, score, train, score, save."""

import gc
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import torch
from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from transformers import PrinterCallback, Trainer

from core.adjusting import make_smaller
from core.checkpoints import BestCheckpoint, forget_checkpoints, latest_checkpoint, save_model, step_of
from core.errors import DivergenceError, MachineError
from core.events import NoticeEvent
from core.files import write_json
from core.live_evaluation import Course, LiveEvaluation
from core.loss_building import batch_sampler, build_dataset, build_loss
from core.models import leave_mixed_precision, merge_adapters
from core.prompts import column_prompts, prompts_of
from core.resuming import Resumable
from core.run_log import RunLog, Stopped
from core.run_scores import forget_scores, measure_untouched, score_after
from core.snapshots import LiveSnapshots
from core.team import team_size
from core.team_callbacks import EpochTeller, Following, SharedLoss
from core.time_budget import UNKNOWN_STEPS, TimeBudget
from core.training_run import TrainingRun, load, note_peak, shared_arguments
from core.training_watch import TrainingWatch, Watching, watch_over

# What saving takes, beyond a second: bytes a second of a slow disk.
SAVED_BYTES_A_SECOND = 50e6
# Scoring may be slower the second time; and half of a short budget is left to train in any case.
SLOWER, MOST_RESERVED = 1.3, 0.5
# A cross-encoder is not scored before: it has no head yet.
UNSCORED = 0.2
Trained = tuple[TrainingWatch, BestCheckpoint]
T = TypeVar("T")


def train(log: RunLog) -> None:
    """Do the run that the folder asks for, or go on with it from its checkpoint; leave model, scores, events and map there.

    Raises:
        StudioError: something a person can mend; nothing was lost.
    """
    while not _turn(log):
        free_memory()


def _turn(log: RunLog) -> bool:
    """Try to do the run; False where it has to be begun again with less memory. What was loaded goes with this function."""
    try:
        run = load(log)
        if not log.speaks:
            within_memory(run, partial(follow, run))
            return True
        course, snapshots = measure_untouched(run), LiveSnapshots(run)
        snapshots.take_untouched(run.model)
        trained = within_memory(run, partial(train_steps, run, course, snapshots))
    except Stopped:
        end_before_training(log)
        return True
    if trained is not None:
        finish(run, snapshots, *trained)
    return trained is not None


def end_before_training(log: RunLog) -> None:
    """Write the end of a run that was stopped before its first step of this turn."""
    if latest_checkpoint(log.run.path):
        log.end("stopped", "Stopped before it went on; what was there is kept.")
    else:
        log.end("stopped", "Stopped before the first step; there is no model.")


def within_memory(run: TrainingRun, work: Callable[[], T]) -> T | None:
    """Do the work; where a GPU's memory is too small for it, write down how to go on with less, and return None.

    Raises:
        MachineError: nothing is left to lower, or others train along, who cannot begin again by themselves.
    """
    try:
        return work()
    except torch.OutOfMemoryError:
        if not run.log.speaks:
            # It ends, and so does the leader.
            raise
        smaller = make_smaller(run.log.run.path, run.config, run.settings, "the GPU's memory was too small")
        if smaller is None:
            raise MachineError(
                "The GPU's memory is too small even for the smallest batch; choose a smaller base model or max_seq_length."
            ) from None
    if team_size() > 1:
        raise MachineError(f"A GPU's memory is too small for the batch; resume the run: it goes on with {smaller}.")
    run.log.write(NoticeEvent(f"The GPU's memory is full. The run goes on with {smaller}."))
    return None


def free_memory() -> None:
    """Let go of what an attempt left: trainer and optimizer hold each other."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def train_steps(run: TrainingRun, course: Course, snapshots: LiveSnapshots) -> Trained:
    """Train from the latest checkpoint or from the first step."""
    best = BestCheckpoint(run.log.run.path / "checkpoints", run.settings["best_by"])
    evaluation = LiveEvaluation(run.log, run.settings, course, best)
    try:
        return run_trainer(run, build_trainer(run), Watching(evaluation, snapshots, budget_of(run))), best
    except DivergenceError as error:
        if best.step:
            keep_best(run, best)
            raise DivergenceError(f"{error} The model of step {best.step}, the best before, is kept.") from None
        raise


def keep_best(run: TrainingRun, best: BestCheckpoint) -> None:
    """Save the best step's model of a run that cannot go on; nobody has scored it in fp32."""
    best.restore(run.model, 0)
    keep_model(run)


def keep_model(run: TrainingRun) -> None:
    """Save the model without what training has wrapped around it."""
    leave_mixed_precision(run.model)
    merge_adapters(run.model)
    save_model(run.model, run.log.run.path / "model")
    run.log.set_status(has_model=True)


def run_trainer(run: TrainingRun, trainer: Trainer, watching: Watching) -> TrainingWatch:
    """Let a trainer do the steps that are left, and write down what watching it took."""
    log, latest = run.log, latest_checkpoint(run.log.run.path)
    before = step_of(latest) if latest else 0
    going_on = ", going on from its checkpoint" if latest else ""
    together = f", on each of {team_size()} devices" if team_size() > 1 else ""
    budget = run.settings["time_budget_seconds"]
    how_long = f"{budget:g} s, in steps" if run.total_steps == UNKNOWN_STEPS else f"{run.total_steps:,} steps"
    log.enter("training", f"{how_long} of {run.settings['batch_size']} examples{together}{going_on}")
    watch = watch_over(trainer, run, watching)
    evaluation, snapshots = watching.evaluation, watching.snapshots
    began = time.monotonic()
    watch.last_step = do_steps(run, trainer)
    spent = {
        "train_seconds": round(time.monotonic() - began, 3),
        "live_seconds": round(watch.live_seconds, 3),
        "evaluation_seconds": round(evaluation.seconds, 3),
        "snapshot_seconds": round(snapshots.seconds, 3) if snapshots else 0.0,
        "evaluated_every": evaluation.every,
        "steps": {"total": run.total_steps, "last": watch.last_step, "went_on_from": before},
        "planned": watching.budget.planned if watching.budget else [],
    }
    write_json(log.run.path / "resolved.json", log.run.resolved() | {"watching": spent})
    return watch


def do_steps(run: TrainingRun, trainer: Trainer) -> int:
    """Do the steps that are left, from the latest checkpoint if there is one; return which was the last."""
    latest = latest_checkpoint(run.log.run.path)
    if latest and step_of(latest) >= run.total_steps:
        trainer._load_from_checkpoint(str(latest))
        return step_of(latest)
    trainer.train(resume_from_checkpoint=str(latest) if latest else None)
    last: int = trainer.state.global_step
    return last


def follow(run: TrainingRun) -> int:
    """Do the steps with the process that leads."""
    trainer = build_trainer(run)
    trainer.add_callback(Following(run.settings))
    return do_steps(run, trainer)


def budget_of(run: TrainingRun) -> TimeBudget | None:
    """Return the budget of time that was asked for; its reserve is what scoring took before, and what saving may take."""
    seconds = run.settings["time_budget_seconds"]
    if not seconds:
        return None
    size = sum(weights.numel() * weights.element_size() for weights in run.model.parameters())
    before = run.log.run.score_seconds("before")
    scoring = sum(before.values()) if before else UNSCORED * seconds
    reserve = 1 + SLOWER * scoring + size / SAVED_BYTES_A_SECOND
    return TimeBudget(seconds, run.log.began, min(reserve, MOST_RESERVED * seconds), run.settings)


class _Trainer(Resumable, SentenceTransformerTrainer):
    """The library's trainer, made resumable."""


def build_trainer(run: TrainingRun) -> SentenceTransformerTrainer:
    """Build the trainer on the prepared examples; the loss binds their columns by order."""
    loss = build_loss(run)
    trainer = _Trainer(
        model=run.model,
        args=training_arguments(run),
        train_dataset=build_dataset(run),
        loss=loss,
        callbacks=[EpochTeller(), SharedLoss(run.model, loss)],
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def training_arguments(run: TrainingRun) -> SentenceTransformerTrainingArguments:
    """Translate the settings into the library's names, for a model of embeddings."""
    prompts = column_prompts(run.examples.columns, prompts_of(run.config, run.log.run.runs_dir))
    return SentenceTransformerTrainingArguments(
        **shared_arguments(run), batch_sampler=batch_sampler(run), prompts=prompts or None
    )


def finish(run: TrainingRun, snapshots: LiveSnapshots, watch: TrainingWatch, best: BestCheckpoint) -> None:
    """Keep the best step's weights, score them in fp32, save them, and say how it went."""
    log, stopped = run.log, bool(run.log.stop_wish())
    forget_scores(log.run)
    log.write(NoticeEvent(best.restore(run.model, watch.last_step)))
    log.enter("evaluating", f"Scoring on {run.pairs.id}")
    # The trainer leaves bf16 wrapped around the model, and a stored score is one of fp32.
    leave_mixed_precision(run.model)
    if log.seconds is not None:
        # Its process is killed in time, and scoring may take longer than it did before.
        keep_model(run)
    try:
        score_after(run)
    except Stopped:
        log.write(NoticeEvent("Scoring was skipped: Stop was pressed twice."))
    log.enter("saving", "Saving the model")
    note_peak(log)
    keep_model(run)
    kept_step = best.step or watch.last_step
    snapshots.take_kept(run.model, kept_step)
    write_json(log.run.path / "resolved.json", log.run.resolved() | {"kept_step": kept_step})
    if not stopped:
        forget_checkpoints(log.run.path)
        best.forget()
    log.end("stopped" if stopped else "done", ending_of(watch, stopped), has_model=True)


def ending_of(watch: TrainingWatch, stopped: bool, what: str = "model") -> str:
    """Return the sentence that says how training ended."""
    if stopped:
        return f"Stopped after step {watch.last_step}; the {what} is saved."
    why = f", since {watch.ended_early}" if watch.ended_early else ""
    return f"Finished {watch.last_step} steps{why}; the {what} is saved."
