"""One training run from its folder to its folder: load, score, train, score, save."""

import time
from dataclasses import dataclass
from typing import Any

import pandas as pd
from datasets import Dataset
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.sentence_transformer import losses
from transformers import PrinterCallback, set_seed

from core.base_models import kind_of
from core.checkpoints import BestCheckpoint, save_model
from core.config import RunConfig
from core.errors import ConfigError
from core.evaluation import (
    Between,
    EvaluationSet,
    default_evaluation_set,
    score_model,
    score_pairs,
    score_record,
    write_score,
)  # fmt: skip
from core.events import EvaluationEvent, NoticeEvent
from core.files import write_json
from core.held_out import can_be_scored, held_out_record, score_held_out
from core.losses import loss_spec
from core.machine import Machine, read_machine
from core.models import limit_length, load_model, model_fingerprint
from core.prepare import prepare
from core.prepared import PreparedExamples
from core.probes import ProbeSnapshots
from core.run_log import RunLog, Stopped
from core.settings import Setting, settle, settled_as_json, settled_values, shape_for
from core.training_watch import TrainingWatch

# Of the prepared file's report: what the numbers depend on, and no example of a text.
DESCRIBED = (
    "data", "split", "found", "rows", "dropped", "notes", "kind", "shape", "negatives", "examples", "held_out", "fixes",
    "rows_sha256",
)  # fmt: skip


@dataclass(frozen=True)
class TrainingRun:
    """Everything that the phases of one run share."""

    log: RunLog
    config: RunConfig
    machine: Machine
    settings: dict[str, Any]
    prepared: PreparedExamples
    examples: pd.DataFrame
    pairs: EvaluationSet
    model: SentenceTransformer
    total_steps: int


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


def load(log: RunLog) -> TrainingRun:
    """Prepare the examples, load the model, and write down every value that will be used."""
    config, machine, places = log.run.config(), read_machine(), log.places
    runs_dir = log.run.runs_dir
    log.write(NoticeEvent(f"Base model {config.base_model}, data {config.data}, loss {config.loss}"))
    if config.precision == "fp16" and machine.device == "cpu":
        raise ConfigError("precision", "fp16 needs a GPU; choose fp32 or bf16.")
    kind = kind_of(config.base_model, runs_dir)
    log.enter("loading", "Preparing the examples")
    prepared = prepare(config, places, log)
    report = prepared.report
    # The page may look at shapes that this loss does not take.
    shape_for(config, report["kind"])
    log.raise_if_stopped()
    log.write(NoticeEvent(f"{report['examples']:,} {prepared.shape} from {report['rows']:,} rows of {report['found']}"))
    examples, pairs = prepared.frame(), default_evaluation_set(places)
    # Seeded before model and loss are built: new weights, such as the softmax classifier's, are random choices too.
    set_seed(config.seed)
    model = load_model(config.base_model, runs_dir, machine.device)
    if config.max_seq_length:
        limit_length(model, config.max_seq_length)
    total_steps = count_steps(settled_values(settle(config, kind, machine)), len(examples))
    settled = settle(config, kind, machine, total_steps, report["kind"])
    settled["examples"] = Setting(prepared.shape, settled["examples"].origin)
    write_json(log.run.path / "resolved.json", describe(config, machine, settled, prepared, pairs, model))
    return TrainingRun(log, config, machine, settled_values(settled), prepared, examples, pairs, model, total_steps)


def count_steps(settings: dict[str, Any], examples: int) -> int:
    """Return the number of optimizer steps: epochs over all batches, cut at `max_steps`."""
    batches = -(-examples // settings["batch_size"])
    steps_an_epoch = -(-batches // settings["gradient_accumulation"])
    steps: int = max(1, round(steps_an_epoch * settings["epochs"]))
    most: int | None = settings["max_steps"]
    return min(steps, most or steps)


def describe(
    config: RunConfig, machine: Machine, settled: dict[str, Setting], prepared: PreparedExamples, pairs: EvaluationSet,
    model: SentenceTransformer,
) -> dict[str, Any]:  # fmt: skip
    """Return what `resolved.json` holds."""
    return {
        "recipe": config.recipe,
        "settings": settled_as_json(settled),
        "machine": machine.as_json(),
        "data": {key: prepared.report[key] for key in DESCRIBED} | {"folder": prepared.folder.name},
        "evaluation": {"data": pairs.id, "pairs": len(pairs.gold), "found": pairs.found, "sha256": pairs.sha256},
        "model": {
            "base_model": config.base_model,
            "dimension": model.get_embedding_dimension(),
            "parameters": sum(weights.numel() for weights in model.parameters()),
            "trainable": sum(weights.numel() for weights in model.parameters() if weights.requires_grad),
        },
    }


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
    # Another length limit is another model: its texts are cut elsewhere.
    fingerprint = f"{model_fingerprint(run.config.base_model, runs_dir)}:{run.config.max_seq_length}"
    record = score_model(fingerprint, run.pairs, runs_dir, measure)
    write_score(run.log.run.path, "before", record)
    run.log.write(EvaluationEvent(0, run.pairs.id, len(run.pairs.gold), record["figures"], untouched=True))
    score_own(run, "before", between)
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
        train_dataset=Dataset.from_pandas(run.examples, preserve_index=False),
        loss=build_loss(run),
        callbacks=[watch],
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def build_loss(run: TrainingRun) -> Any:
    """Build the loss named in the catalogue, with its own parameters."""
    spec = loss_spec(run.config.loss)
    needs: dict[str, Any] = dict(run.config.loss_params)
    if spec.class_name == "SoftmaxLoss":
        needs |= {"embedding_dimension": run.model.get_embedding_dimension(), "num_labels": run.prepared.report["classes"]}
    return getattr(losses, spec.class_name)(run.model, **needs)


def training_arguments(run: TrainingRun) -> SentenceTransformerTrainingArguments:
    """Translate the settings into the library's names."""
    settings = run.settings
    return SentenceTransformerTrainingArguments(
        output_dir=str(run.log.run.path / "checkpoints"),
        max_steps=run.total_steps,
        per_device_train_batch_size=settings["batch_size"],
        gradient_accumulation_steps=settings["gradient_accumulation"],
        learning_rate=settings["learning_rate"],
        lr_scheduler_type=settings["scheduler"],
        warmup_steps=settings["warmup"],
        weight_decay=settings["weight_decay"],
        bf16=settings["precision"] == "bf16",
        fp16=settings["precision"] == "fp16",
        use_cpu=run.machine.device == "cpu",
        seed=settings["seed"],
        logging_steps=settings["log_every"],
        # A NaN must show as NaN: the filter would draw it as a loss of zero.
        logging_nan_inf_filter=False,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        # Equal texts in a batch would be false negatives.
        batch_sampler="no_duplicates" if loss_spec(run.config.loss).in_batch_negatives else "batch_sampler",
    )


def finish(run: TrainingRun, watch: TrainingWatch, best: BestCheckpoint) -> None:
    """Keep the best step's weights, score them in fp32, save them, and say how it went."""
    log, stopped = run.log, bool(run.log.stop_wish())
    kept = best.restore(run.model, watch.last_step)
    log.write(NoticeEvent(kept))
    log.enter("evaluating", f"Scoring on {run.pairs.id}")
    try:
        score_after(run)
    except Stopped:
        log.write(NoticeEvent("Scoring was skipped: Stop was pressed twice."))
    log.enter("saving", "Saving the model")
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


def score_own(run: TrainingRun, which: str, between: Between) -> None:
    """Score the model on the held-out part of the person's own rows, where there is one that has a figure."""
    if not can_be_scored(run.prepared):
        return
    began = time.monotonic()
    figures = score_held_out(run.model, run.prepared, run.settings["eval_batch_size"], between)
    write_score(run.log.run.path, which, held_out_record(run.prepared, figures, time.monotonic() - began))
    said = ", ".join(f"{name} {value:.4f}" for name, value in figures.items())
    run.log.write(NoticeEvent(f"Held-out part {which} training: {said}"))
