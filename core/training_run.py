"""What the phases of one training run share: its settings, examples, model and evaluation set."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from sentence_transformers import SentenceTransformer
from transformers import set_seed

from core.adjusting import adjusted_config, adjustments
from core.augmentation import with_silver
from core.base_models import STATIC, kind_of
from core.book import short_of_the_book
from core.config import RunConfig
from core.errors import ConfigError, DataError
from core.estimate import estimate, measured_peak, refuse_if_too_much
from core.evaluation import EvaluationSet, default_evaluation_set
from core.events import NoticeEvent
from core.example_choice import shape_for
from core.files import write_json
from core.held_out import can_be_scored
from core.machine import Machine, read_machine
from core.model_facts import read_facts
from core.model_parts import keep_fewer_activations
from core.models import load_model
from core.precision import measured_machine
from core.prepare import prepare
from core.prepared import PreparedExamples
from core.run_log import RunLog
from core.settings import AUTOMATIC, Setting, settle, settled_as_json, settled_values
from core.team import gather_team, leader_first, team_size
from core.time_budget import UNKNOWN_STEPS

WHAT_LEARNS = {"cross-encoder": "a cross-encoder of both texts at once"}
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
    model: Any
    total_steps: int


def load_bi_encoder(config: RunConfig, runs_dir: Path, machine: Machine) -> SentenceTransformer:
    """Load the model that training starts from."""
    return load_model(config, runs_dir, machine.device, config.seed)


def load(log: RunLog, load_the_model: Callable[[RunConfig, Path, Machine], Any] = load_bi_encoder) -> TrainingRun:
    """Prepare the examples, load the model, and write down every value that will be used."""
    gather_team(read_machine().device)
    with leader_first():
        return _load(log, load_the_model)


def _load(log: RunLog, load_the_model: Callable[[RunConfig, Path, Machine], Any]) -> TrainingRun:
    places = log.places
    config = adjusted_config(log.run.config(), log.run.path)
    log.write(NoticeEvent(f"Base model {config.base_model}, data {config.data}, {WHAT_LEARNS.get(config.kind, config.loss)}"))
    kind = kind_of(config.base_model, log.run.runs_dir)
    # A static model trains in fp32 anyway.
    machine = read_machine(log.run.runs_dir) if kind == STATIC else measured_machine(log.run.runs_dir)
    if config.precision == "fp16" and machine.device == "cpu":
        raise ConfigError("precision", "fp16 needs a GPU; choose fp32 or bf16.")
    log.enter("loading", "Preparing the examples")
    prepared = prepare(config, places, log)
    report = prepared.report
    # The page may look at shapes that this loss does not take.
    shape_for(config, report["kind"])
    refuse_other_rows(log, prepared)
    log.raise_if_stopped()
    log.write(NoticeEvent(f"{report['examples']:,} {prepared.shape} from {report['rows']:,} rows of {report['found']}"))
    if config.silver is not None and not config.silver.gold_only:
        prepared = with_silver(log, prepared)
    short = short_of_the_book(config, report["rows"] + sum(report["dropped"].values()) + prepared.report.get("silver", 0))
    if short:
        log.write(NoticeEvent(short))
    settled = settle(config, kind, machine, report["kind"], log.run.runs_dir)
    settled["examples"] = Setting(prepared.shape, settled["examples"].origin)
    settled |= {key: Setting(value, "adjusted") for key, value in adjustments(log.run.path).items()}
    if settled["best_by"].value == "held_out" and not can_be_scored(prepared):
        settled["best_by"] = without_held_out(config, settled["best_by"])
    examples, pairs = prepared.frame(), default_evaluation_set(places)
    settled |= in_time(settled, log.seconds, len(examples))
    settings = settled_values(settled) | {"evaluations": AUTOMATIC[kind]["evaluations"]}
    foreseen = foresee(config, settings, prepared.report, machine, log.run.runs_dir)
    # Seeded before model and loss are built: new weights, such as the softmax classifier's, are random choices too.
    set_seed(config.seed)
    model = load_the_model(config, log.run.runs_dir, machine)
    if settings["gradient_checkpointing"]:
        keep_fewer_activations(model)
    described = describe(config, machine, settled, prepared, pairs, model)
    if log.speaks:
        write_json(log.run.path / "resolved.json", described | {"memory": {"foreseen_bytes": foreseen}})
    return TrainingRun(log, config, machine, settings, prepared, examples, pairs, model, count_steps(settings, len(examples)))


def refuse_other_rows(log: RunLog, prepared: PreparedExamples) -> None:
    """Refuse to go on from a checkpoint with other rows: its place among them means nothing there.

    Raises:
        DataError: the rows have changed since.
    """
    before = log.run.resolved().get("data", {}).get("rows_sha256")
    going_on = (log.run.path / "checkpoints" / "latest").is_dir()
    if going_on and before not in (None, prepared.report["rows_sha256"]):
        raise DataError("The rows have changed since this run began, so it cannot go on; duplicate it and start that.")


def without_held_out(config: RunConfig, best_by: Setting) -> Setting:
    """Return what decides about the best step where no held-out part has a figure.

    Raises:
        ConfigError: a person asked for the held-out part.
    """
    if best_by.origin != "automatic":
        raise ConfigError(
            "best_by",
            f"{config.data[:60]} has no held-out part that gives a figure; set holdout=0.1, or choose best_by=spearman_cosine.",
        )
    return Setting("spearman_cosine", "automatic")


def in_time(settled: dict[str, Setting], seconds: float | None, examples: int) -> dict[str, Setting]:
    """Return the settings by which a run ends within `seconds`: its steps stay as many as they are, unless time ends before."""
    asked = settled_values(settled)
    if seconds is None or 0 < (asked["time_budget_seconds"] or 0) <= seconds:
        return {}
    steps = asked["max_steps"] if asked["time_budget_seconds"] else count_steps(asked, examples)
    return {"time_budget_seconds": Setting(seconds, "automatic"), "max_steps": Setting(steps, "automatic")}


def foresee(config: RunConfig, settings: dict[str, Any], report: dict[str, Any], machine: Machine, runs_dir: Path) -> int:
    """Return the bytes that training will need at its peak.

    Raises:
        MachineError: they are not free; the sentence says the way out.
    """
    reckoned = estimate(config, settings, read_facts(config.base_model, runs_dir), report, machine.device, runs_dir)
    refuse_if_too_much(reckoned, machine)
    return reckoned.peak_bytes


def note_peak(log: RunLog) -> None:
    """Write down how much memory the run took, beside what was foreseen."""
    resolved, peak = log.run.resolved(), measured_peak()
    foreseen = resolved.get("memory", {}).get("foreseen_bytes", 0)
    write_json(log.run.path / "resolved.json", resolved | {"memory": {"foreseen_bytes": foreseen, "measured_bytes": peak}})
    log.write(NoticeEvent(f"Most memory: {peak / 1e9:.1f} GB, {foreseen / 1e9:.1f} GB were foreseen"))


def count_steps(settings: dict[str, Any], examples: int) -> int:
    """Return the number of optimizer steps: epochs over all batches, cut at `max_steps`; under a budget of time that alone."""
    if settings["time_budget_seconds"]:
        return settings["max_steps"] or UNKNOWN_STEPS
    # Each process takes a batch of its own at each step.
    batches = -(-examples // (settings["batch_size"] * team_size()))
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
        "machine": machine.as_json() | {"processes": team_size()},
        "data": {key: prepared.report[key] for key in DESCRIBED} | {"folder": prepared.folder.name},
        "evaluation": {"data": pairs.id, "pairs": len(pairs.gold), "found": pairs.found, "sha256": pairs.sha256},
        "model": {
            "base_model": config.base_model,
            # A cross-encoder has none: it gives a score.
            "dimension": model.get_embedding_dimension() if hasattr(model, "get_embedding_dimension") else None,
            "parameters": sum(weights.numel() for weights in model.parameters()),
            "trainable": sum(weights.numel() for weights in model.parameters() if weights.requires_grad),
        },
    }


def shared_arguments(run: TrainingRun) -> dict[str, Any]:
    """Translate the settings into what every trainer of the library calls them."""
    settings = run.settings
    return {
        "output_dir": str(run.log.run.path / "checkpoints"),
        "max_steps": run.total_steps,
        "per_device_train_batch_size": settings["batch_size"],
        "gradient_accumulation_steps": settings["gradient_accumulation"],
        "learning_rate": settings["learning_rate"],
        "lr_scheduler_type": settings["scheduler"],
        "warmup_steps": settings["warmup"],
        "weight_decay": settings["weight_decay"],
        "max_grad_norm": settings["max_grad_norm"],
        "bf16": settings["precision"] == "bf16",
        "fp16": settings["precision"] == "fp16",
        "use_cpu": run.machine.device == "cpu",
        "seed": settings["seed"],
        "logging_steps": settings["log_every"],
        # A NaN must show as NaN: the filter would draw it as a loss of zero.
        "logging_nan_inf_filter": False,
        "save_strategy": "no",
        "save_total_limit": 1,
        "report_to": "none",
        "disable_tqdm": True,
    }
