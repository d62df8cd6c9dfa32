"""One training run from its folder to its folder: load, score, train, score, save."""

import time
from typing import Any

from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from transformers import PrinterCallback

from core.checkpoints import BestCheckpoint, save_model
from core.classification import classes_record, load_labelled, score_classes
from core.errors import MissingDataError
from core.evaluation import Between, score_model, score_pairs, score_record, write_score
from core.events import EvaluationEvent, NoticeEvent
from core.held_out import can_be_scored, held_out_record, score_held_out
from core.loss_building import batch_sampler, build_dataset, build_loss
from core.models import leave_mixed_precision, merge_adapters, model_fingerprint
from core.probes import ProbeSnapshots
from core.prompts import column_prompts, prompts_of
from core.run_log import RunLog, Stopped
from core.training_run import TrainingRun, load, note_peak, shared_arguments
from core.training_watch import TrainingWatch


def train(log: RunLog) -> None:
    """Do the run that the folder asks for, and leave its model, scores, events and map there.

    Raises:
        StudioError: something a person can mend; nothing was lost.
    """
    try:
        run = load(log)
        measure_untouched(run)
    except Stopped:
        log.end("stopped", "Stopped before the first step; there is no model.")
        return
    log.enter("training", f"{run.total_steps} steps of {run.settings['batch_size']} examples")
    best = BestCheckpoint(log.run.path / "checkpoints", run.settings["best_by"])
    watch = TrainingWatch(run.log, run.total_steps, run.settings, lambda model, step: evaluate_live(run, model, step), best)
    build_trainer(run, watch).train()
    finish(run, watch, best)


def measure_untouched(run: TrainingRun) -> None:
    """Score the model before its first step; the dashed line of the page.

    Raises:
        Stopped: somebody pressed Stop meanwhile.
    """
    run.log.enter("baseline", f"Scoring the untouched model on {run.pairs.id}")

    def between(done: int, total: int) -> None:
        run.log.raise_if_stopped()
        run.log.progress("Scoring the untouched model", done, total)

    def measure() -> dict[str, float]:
        return score_pairs(run.model, run.pairs, run.settings["eval_batch_size"], between)

    runs_dir = run.log.run.runs_dir
    record = score_model(model_fingerprint(run.config, runs_dir, run.config.seed), run.pairs, runs_dir, measure)
    write_score(run.log.run.path, "before", record)
    run.log.write(EvaluationEvent(0, run.pairs.id, len(run.pairs.gold), record["figures"], untouched=True))
    score_own(run, "before", between)
    score_labels(run, "before", between)
    if run.settings["snapshots"]:
        ProbeSnapshots(run.log.run.path / "snapshots").take(run.model, 0, run.settings["eval_batch_size"])
    run.log.raise_if_stopped()


def evaluate_live(run: TrainingRun, model: SentenceTransformer, step: int) -> dict[str, float]:
    """Score the model in the middle of training, tell it, and hand the model back in training mode.

    Raises:
        Stopped: somebody pressed Stop twice.
    """
    figures = score_pairs(model, run.pairs, run.settings["eval_batch_size"], lambda _done, _total: run.log.raise_if_skipped())
    model.train()
    run.log.write(EvaluationEvent(step, run.pairs.id, len(run.pairs.gold), figures))
    return figures


class _Trainer(SentenceTransformerTrainer):
    """The library's trainer without its model card, which would carry training sentences."""

    def add_model_card_callback(self, default_args_dict: dict[str, Any]) -> None:
        """Leave it out."""


def build_trainer(run: TrainingRun, watch: TrainingWatch) -> SentenceTransformerTrainer:
    """Build the trainer on the prepared examples; the loss binds their columns by order."""
    trainer = _Trainer(
        model=run.model,
        args=training_arguments(run),
        train_dataset=build_dataset(run),
        loss=build_loss(run),
        callbacks=[watch],
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def training_arguments(run: TrainingRun) -> SentenceTransformerTrainingArguments:
    """Translate the settings into the library's names, for a model of embeddings."""
    prompts = column_prompts(run.examples.columns, prompts_of(run.config, run.log.run.runs_dir))
    return SentenceTransformerTrainingArguments(
        **shared_arguments(run), batch_sampler=batch_sampler(run), prompts=prompts or None
    )


def finish(run: TrainingRun, watch: TrainingWatch, best: BestCheckpoint) -> None:
    """Keep the best step's weights, score them in fp32, save them, and say how it went."""
    log, stopped = run.log, bool(run.log.stop_wish())
    kept = best.restore(run.model, watch.last_step)
    log.write(NoticeEvent(kept))
    log.enter("evaluating", f"Scoring on {run.pairs.id}")
    # The trainer leaves bf16 wrapped around the model, and a stored score is one of fp32.
    leave_mixed_precision(run.model)
    try:
        score_after(run)
    except Stopped:
        log.write(NoticeEvent("Scoring was skipped: Stop was pressed twice."))
    log.enter("saving", "Saving the model")
    note_peak(log)
    merge_adapters(run.model)
    save_model(run.model, log.run.path / "model")
    if run.settings["snapshots"]:
        snapshots = ProbeSnapshots(log.run.path / "snapshots")
        kept_step = max(1, best.step or watch.last_step)
        snapshots.take(run.model, kept_step, run.settings["eval_batch_size"])
        snapshots.project(kept_step)
    ending = f"Stopped after step {watch.last_step}" if stopped else f"Finished {watch.last_step} steps"
    log.end("stopped" if stopped else "done", f"{ending}; the model is saved.", has_model=True)


def score_after(run: TrainingRun) -> None:
    """Score the kept model on all pairs, in fp32.

    Raises:
        Stopped: somebody pressed Stop a second time.
    """

    def between(done: int, total: int) -> None:
        run.log.raise_if_skipped()
        run.log.progress("Scoring the trained model", done, total)

    between(0, 2 * len(run.pairs.gold))
    began = time.monotonic()
    figures = score_pairs(run.model, run.pairs, run.settings["eval_batch_size"], between)
    write_score(run.log.run.path, "after", score_record(run.pairs, figures, time.monotonic() - began))
    score_own(run, "after", between)
    score_labels(run, "after", between)


def score_own(run: TrainingRun, which: str, between: Between) -> None:
    """Score the model on the held-out part of the person's own rows, where there is one that has a figure."""
    if not can_be_scored(run.prepared):
        return
    began = time.monotonic()
    figures = score_held_out(run.model, run.prepared, run.settings["eval_batch_size"], between)
    write_score(run.log.run.path, which, held_out_record(run.prepared, figures, time.monotonic() - began))
    said = ", ".join(f"{name} {value:.4f}" for name, value in figures.items())
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
