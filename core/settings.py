"""What wins: what the person set, then the recipe as long as it fits the base model, then the automatic value."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from core.base_models import PRETRAINED, RANDOM, SENTENCE, STATIC, kind_of
from core.config import BOOKKEEPING, TRAINING_KINDS, RunConfig, build_config
from core.data_catalogue import row_kind_of
from core.errors import ConfigError
from core.example_choice import choices_of, holdout_share, negatives_of, row_kind, shape_for
from core.examples import TRIPLETS
from core.losses import loss_spec
from core.machine import Machine
from core.model_choice import PlainModel, check_choice
from core.places import Places
from core.prompts import prompts_of

Origin = Literal["yours", "recipe", "automatic", "adjusted"]

DEFAULTS = RunConfig().model_dump()
# Every recipe says these, also where it says what would be taken anyway.
# A person sets one value in these, and the rest stays as the recipe has it.
NESTED = frozenset({"mining", "silver", "prompts"})
ALWAYS_A_CHOICE = frozenset({"base_model", "data", "loss"})
# A recipe tunes these for one kind of base model; on another kind they would be wrong, so they fall back to automatic.
TUNED_FOR_THE_KIND = frozenset({
    "epochs", "max_steps", "batch_size", "gradient_accumulation", "learning_rate", "scheduler", "warmup",
    "weight_decay", "precision", "max_seq_length", "eval_every", "eval_batch_size",
})  # fmt: skip

DEFAULT_TEACHER = "all-minilm-l6-v2"
AUTOMATIC: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        STATIC: MappingProxyType({"learning_rate": 5e-3, "batch_size": 256, "eval_batch_size": 512, "evaluations": 10}),
        SENTENCE: MappingProxyType({"learning_rate": 2e-5, "batch_size": 32, "eval_batch_size": 64, "evaluations": 10}),
        PRETRAINED: MappingProxyType({"learning_rate": 5e-5, "batch_size": 32, "eval_batch_size": 64, "evaluations": 10}),
        RANDOM: MappingProxyType({"learning_rate": 5e-4, "batch_size": 64, "eval_batch_size": 128, "evaluations": 10}),
    }
)


@dataclass(frozen=True)
class Setting:
    """One value that a run used, and whose choice it was."""

    value: Any
    origin: Origin


def override(config: RunConfig, yours: Mapping[str, Any], places: Places | None = None) -> RunConfig:
    """Lay a person's values over a recipe's; a value of None hands the choice back to recipe or machine.

    Raises:
        ConfigError: the outcome does not fit together.
        ModelError: the base model is not here.
    """
    places = places or Places()
    given = {key: value for key, value in yours.items() if value is not None}
    for key in BOOKKEEPING & given.keys():
        raise ConfigError(key, "this is written by the studio and cannot be set.")
    values = _without_what_was_for_another(config, given, places)
    beneath = dict(values)
    if values["prompts"] is None and "prompts" in given:
        beneath["prompts"] = prompts_of(PlainModel(str(given.get("base_model", config.base_model))), places.runs_dir)
    for key in NESTED & given.keys():
        if isinstance(given[key], Mapping):
            given[key] = {**(beneath[key] or {}), **given[key]}
    built = build_config(values | given | {"yours": tuple(sorted({*config.yours, *given}))})
    if built.negatives is not None and "negatives" not in built.yours and row_kind(built, places) != row_kind(config, places):
        # A recipe's negatives are of its own kind of rows.
        built = build_config(built.model_dump() | {"negatives": None, "examples": None})
    if built.kind in TRAINING_KINDS:
        _check_model_fits(built, places)
        kind = row_kind(built, places)
        if kind is not None:
            shape_for(built, kind)
    return built


def _without_what_was_for_another(config: RunConfig, given: Mapping[str, Any], places: Places) -> dict[str, Any]:
    """Return a recipe's values less what it chose for a base model, a loss or rows that a person has replaced."""
    values = config.model_dump()
    base_model = given.get("base_model", config.base_model)
    if kind_of(str(base_model), places.runs_dir) != kind_of(config.base_model, places.runs_dir):
        values.update(dict.fromkeys(TUNED_FOR_THE_KIND - set(config.yours)))
    if "loss" in given and given["loss"] != config.loss:
        values.update(examples=None, negatives=None, loss_params={}, teacher=None, silver=None, matryoshka=())
    elif {"data", "split", "columns"} & given.keys() and config.kind == "train":
        # Other rows may allow other shapes: let the loss choose again.
        values["examples"] = None
    if "negatives" in given:
        values["examples"] = None
    return values


def _check_model_fits(config: RunConfig, places: Places) -> None:
    """Refuse what the base model has no part for, above all a static one, which is a table of word vectors."""
    kind = check_choice(config, places.runs_dir).kind
    if kind == RANDOM and config.kind == "cross-encoder":
        raise ConfigError("base_model", "a cross-encoder needs a model that has learned a language; choose all-minilm-l6-v2.")
    if kind != STATIC:
        return
    if config.kind == "cross-encoder":
        raise ConfigError(
            "base_model", "a cross-encoder reads two texts at once, which a static model cannot; choose a transformer."
        )
    reason = loss_spec(config.loss).not_static
    if reason:
        raise ConfigError("loss", f"{config.loss} cannot train a static model: {reason}; choose a transformer as base_model.")


def settle(
    config: RunConfig,
    kind: str,
    machine: Machine,
    rows: str | None = None,
    runs_dir: Path | None = None,
) -> dict[str, Setting]:
    """Return every setting with its value and origin.

    An automatic `eval_every` stays None: how often a run is scored on its way follows from how fast it turns out to be.

    `kind` is the base model's; `rows` the kind of the rows, where it is known better than by the catalogue.
    """
    auto = _automatic_values(config, kind, machine)
    auto |= _automatic_model(config, runs_dir) | _automatic_data(config, rows or row_kind_of(config.data, config.split))
    values = config.model_dump(exclude=set(BOOKKEEPING))
    settled = {}
    for key, value in values.items():
        if key in config.yours:
            settled[key] = Setting(value, "yours")
        elif config.recipe and value is not None and (key in ALWAYS_A_CHOICE or value != DEFAULTS[key]):
            settled[key] = Setting(value, "recipe")
        else:
            settled[key] = Setting(auto.get(key) if value is None else value, "automatic")
    return settled


def _automatic_values(config: RunConfig, kind: str, machine: Machine) -> dict[str, Any]:
    by_kind = AUTOMATIC[kind]
    return {
        "epochs": 1.0,
        "batch_size": by_kind["batch_size"],
        "eval_batch_size": by_kind["eval_batch_size"],
        "gradient_accumulation": 1,
        "learning_rate": by_kind["learning_rate"],
        "scheduler": "linear",
        "warmup": 0.1,
        "weight_decay": 0.0,
        # A static model's step is bound by memory, not by arithmetic: bf16 gains nothing there.
        "precision": "fp32" if kind == STATIC else machine.precision,
        "log_every": 1,
        "max_grad_norm": 1.0,
        "gradient_checkpointing": False,
        "sampler": "shuffled" if kind == STATIC else "bucketed",
        # A person's own rows say best what the model is for.
        "best_by": "held_out" if holdout_share(config) else "spearman_cosine",
    }


def _automatic_model(config: RunConfig, runs_dir: Path | None) -> dict[str, Any]:
    found: dict[str, Any] = {"prompts": prompts_of(config, runs_dir), "frozen_layers": 0}
    return found | ({"teacher": DEFAULT_TEACHER} if loss_spec(config.loss).teacher == "model" else {})


def _automatic_data(config: RunConfig, kind: str | None) -> dict[str, Any]:
    choices = choices_of(config)
    found = {"neutral_score": choices.neutral_score, "score_threshold": choices.score_threshold}
    found |= {"holdout": holdout_share(config)}
    if kind is None:
        return found
    try:
        shape = shape_for(config, kind)
    except ConfigError:
        return found
    return found | {"examples": shape, "negatives": negatives_of(config, kind) if shape == TRIPLETS else "none"}


def settled_values(settled: Mapping[str, Setting]) -> dict[str, Any]:
    """Return the values alone, by name."""
    return {key: setting.value for key, setting in settled.items()}


def settled_as_json(settled: Mapping[str, Setting]) -> dict[str, dict[str, Any]]:
    """Return settings as `resolved.json` holds them."""
    return {key: asdict(setting) for key, setting in settled.items()}
