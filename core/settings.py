"""What wins: what the person set, then the recipe as long as it fits the base model, then the automatic value."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from core.base_models import SENTENCE, STATIC, kind_of
from core.config import RunConfig, build_config
from core.data_catalogue import row_kind_of
from core.errors import ConfigError
from core.examples import NLI_ROWS, POSITIVE_PAIRS, TRIPLETS, shapes_from
from core.losses import loss_spec
from core.machine import Machine

Origin = Literal["yours", "recipe", "automatic"]

DEFAULTS = RunConfig().model_dump()
# Every recipe says these, also where it says what would be taken anyway.
ALWAYS_A_CHOICE = frozenset({"base_model", "data", "loss"})
BOOKKEEPING = frozenset({"kind", "recipe", "size", "yours"})
# A recipe tunes these for one kind of base model; on another kind they would be wrong, so they fall back to automatic.
TUNED_FOR_THE_KIND = frozenset({
    "epochs", "max_steps", "batch_size", "gradient_accumulation", "learning_rate", "scheduler", "warmup",
    "weight_decay", "precision", "max_seq_length", "eval_every", "eval_batch_size",
})  # fmt: skip

AUTOMATIC: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        STATIC: MappingProxyType({"learning_rate": 5e-3, "batch_size": 256, "eval_batch_size": 512, "evaluations": 10}),
        SENTENCE: MappingProxyType({"learning_rate": 2e-5, "batch_size": 32, "eval_batch_size": 64, "evaluations": 3}),
    }
)


@dataclass(frozen=True)
class Setting:
    """One value that a run used, and whose choice it was."""

    value: Any
    origin: Origin


def override(config: RunConfig, yours: Mapping[str, Any], runs_dir: Path | None = None) -> RunConfig:
    """Lay a person's values over a recipe's; a value of None hands the choice back to recipe or machine.

    Raises:
        ConfigError: the outcome does not fit together.
        ModelError: the base model is not here.
    """
    given = {key: value for key, value in yours.items() if value is not None}
    for key in BOOKKEEPING & given.keys():
        raise ConfigError(key, "this is written by the studio and cannot be set.")
    values = config.model_dump()
    base_model = given.get("base_model", config.base_model)
    if kind_of(str(base_model), runs_dir) != kind_of(config.base_model, runs_dir):
        values.update(dict.fromkeys(TUNED_FOR_THE_KIND - set(config.yours)))
    if "loss" in given and given["loss"] != config.loss:
        values.update(examples=None, negatives=None, loss_params={})
    elif "data" in given:
        # Other rows may allow other shapes: let the loss choose again.
        values["examples"] = None
    if "negatives" in given:
        values["examples"] = None
    values.update(given)
    built = build_config(values | {"yours": tuple(sorted({*config.yours, *given}))})
    row_kind = row_kind_of(built.data, built.split)
    if row_kind is not None:
        shape_for(built, row_kind)
    return built


def shape_for(config: RunConfig, row_kind: str) -> str:
    """Return the shape of the examples: the one asked for, else the loss's first that these rows can become.

    Raises:
        ConfigError: the rows cannot become anything that the loss takes.
    """
    possible = shapes_from(row_kind)
    wanted = (config.examples,) if config.examples else loss_spec(config.loss).shapes
    if config.negatives == "hard":
        wanted = (TRIPLETS,)
    if config.negatives == "none":
        wanted = tuple(shape for shape in wanted if shape != TRIPLETS)
    for shape in wanted:
        if shape in possible:
            return shape
    needed = " or ".join(str(shape) for shape in wanted) or POSITIVE_PAIRS
    raise ConfigError(
        "data", f"{config.loss} needs {needed}, and {config.data[:60]} gives {', '.join(possible)}; change one of the two."
    )


def settle(config: RunConfig, kind: str, machine: Machine, total_steps: int | None = None) -> dict[str, Setting]:
    """Return every setting with its value and origin; without `total_steps` an automatic `eval_every` stays None."""
    auto = _automatic_values(config, kind, machine, total_steps)
    values = config.model_dump(exclude={"kind", "recipe", "size", "yours"})
    settled = {}
    for key, value in values.items():
        if key in config.yours:
            settled[key] = Setting(value, "yours")
        elif config.recipe and value is not None and (key in ALWAYS_A_CHOICE or value != DEFAULTS[key]):
            settled[key] = Setting(value, "recipe")
        else:
            settled[key] = Setting(auto.get(key) if value is None else value, "automatic")
    return settled


def _automatic_values(config: RunConfig, kind: str, machine: Machine, total_steps: int | None) -> dict[str, Any]:
    by_kind = AUTOMATIC[kind]
    row_kind = row_kind_of(config.data, config.split) or NLI_ROWS
    shape = _shape_or_none(config, row_kind)
    return {
        "examples": shape,
        "negatives": "hard" if shape == TRIPLETS else "none",
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
        "eval_every": max(1, round(total_steps / by_kind["evaluations"])) if total_steps else None,
        "log_every": 1,
        "best_by": "spearman_cosine",
    }


def _shape_or_none(config: RunConfig, row_kind: str) -> str | None:
    try:
        return shape_for(config, row_kind)
    except ConfigError:
        return None


def settled_values(settled: Mapping[str, Setting]) -> dict[str, Any]:
    """Return the values alone, by name."""
    return {key: setting.value for key, setting in settled.items()}


def settled_as_json(settled: Mapping[str, Setting]) -> dict[str, dict[str, Any]]:
    """Return settings as `resolved.json` holds them."""
    return {key: asdict(setting) for key, setting in settled.items()}
