"""What a person asks of one run: `RunConfig`, checked when it is built.

A field left at None is decided later, by the recipe's base model and the machine (`core.settings`).
"""

import difflib
import json
from collections.abc import Mapping
from typing import Any, Literal, Self, get_args

from annotated_types import Ge, Gt, Le, Lt
from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_core import ErrorDetails

from core.columns import kind_of_columns
from core.config_parts import DataPart, LossPart, ModelPart, Pooling, TrainingPart, WatchingPart
from core.data_catalogue import YARDSTICKS, check_data, data_parts
from core.doctor_fixes import FIXES
from core.errors import ConfigError
from core.examples import EXAMPLE_COLUMNS, SCORED_PAIRS, TRIPLETS
from core.loss_spec import LossSpec
from core.losses import LOSSES, check_loss_params, loss_spec

Kind = Literal[
    "train", "cross-encoder", "score", "prepare", "mine", "fetch", "fetch-model", "try", "look", "race",
    "measure",
]  # fmt: skip
# What makes a model out of rows; the rest measures, looks or fetches.
TRAINING_KINDS = ("train", "cross-encoder")
PREVIOUS = "previous"
SMALLEST_LABEL_BATCH = 4
# Written by the studio, never by a person.
BOOKKEEPING = frozenset({"kind", "recipe", "size", "yours", "after", "texts", "task", "models", "task_settings"})
MOST_TEXTS, LONGEST_TEXT = 64, 2000
CHOICES: Mapping[str, tuple[str, ...]] = {
    "examples": tuple(EXAMPLE_COLUMNS),
    "negatives": ("none", "given", "random", "semi-hard", "hard"),
    "scheduler": ("linear", "cosine", "constant", "constant_with_warmup"),
    "precision": ("fp32", "bf16", "fp16"),
    "pooling": get_args(Pooling),
    "best_by": ("spearman_cosine", "pearson_cosine", "held_out", "last"),
    "sampler": ("bucketed", "shuffled"),
}


class RunConfig(ModelPart, DataPart, LossPart, TrainingPart, WatchingPart):
    """One run, as it was asked for; `config.json` holds it and nobody rewrites it."""

    kind: Kind = Field("train", description="what the worker does with the folder")
    recipe: str | None = Field(None, description="the recipe that the values came from")
    size: Literal["instant", "laptop", "book"] | None = Field(None, description="the recipe's size")
    yours: tuple[str, ...] = Field((), description="the names that a person set over the recipe")
    after: str | None = Field(None, description="the run before this one in a chain; without its model this one is skipped")
    texts: tuple[str, ...] = Field((), description="what was typed to be tried, for work of kind try")

    task: str | None = Field(None, description="what is measured, for work of kind measure")
    models: tuple[str, ...] = Field((), description="the models that are measured, for work of kind measure")
    task_settings: dict[str, str | float] = Field({}, description="what else decides the measure")

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_yes_as_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, bool) and info.field_name not in ("snapshots", "holdout", "gradient_checkpointing"):
            raise ValueError("not a number")
        return value

    @model_validator(mode="after")
    def _check_fit(self) -> Self:
        check_data(self.data, self.split)
        spec = loss_spec(self.loss)
        check_loss_params(self.loss, self.loss_params)
        if self.columns:
            kind_of_columns(self.columns)
        self._check_negatives()
        self._check_texts()
        if self.kind not in TRAINING_KINDS:
            return self
        for name in data_parts(self.data):
            if (name, self.split) in YARDSTICKS:
                raise ConfigError(
                    "split", f"{name} {self.split} is for choosing and showing, never for training; use split=train."
                )
        if self.early_stopping and (self.best_by == "last" or self.kind == "cross-encoder"):
            raise ConfigError("early_stopping", "it needs a figure to be better by; leave it empty, or choose another best_by.")
        if self.kind == "train":
            self._check_loss_fits(spec)
            self._check_batch(spec)
        return self

    def _check_texts(self) -> None:
        if len(self.texts) > MOST_TEXTS:
            raise ConfigError("texts", f"{len(self.texts)} texts are too many to compare at once; type {MOST_TEXTS} at most.")
        for text in self.texts:
            if len(text) > LONGEST_TEXT:
                raise ConfigError("texts", f"a text has {len(text):,} characters; type {LONGEST_TEXT:,} at most.")

    def _check_loss_fits(self, spec: LossSpec) -> None:
        if self.examples is not None and self.examples not in spec.shapes:
            raise ConfigError(
                "examples", f"{self.loss} needs {' or '.join(spec.shapes)}, not {self.examples}; change one of the two."
            )
        if self.negatives not in (None, "none") and TRIPLETS not in spec.shapes:
            raise ConfigError(
                "negatives", f"{self.negatives} negatives make triplets, which {self.loss} does not take; choose loss=mnr."
            )
        if spec.teacher == "cross-encoder" and not self.teacher:
            raise ConfigError(
                "teacher",
                f"{self.loss} learns a cross-encoder's scores: name one, as run:<id> or a folder, or take the recipe margin-mse.",
            )
        if self.lora_rank and self.loss in ("denoising", "masked-language-model"):
            raise ConfigError("lora_rank", f"{self.loss} ties its decoder to all of the weights; leave lora_rank empty.")
        if self.silver is not None and SCORED_PAIRS not in spec.shapes:
            raise ConfigError(
                "silver", f"silver pairs have scores, which {self.loss} does not take; choose loss=cosine-similarity."
            )
        if self.matryoshka and not spec.nests:
            takers = ", ".join(each.id for each in LOSSES.values() if each.nests)
            raise ConfigError("matryoshka", f"{self.loss} cannot be asked of the first dimensions alone; choose one of {takers}.")

    def _check_batch(self, spec: LossSpec) -> None:
        if spec.in_batch_negatives and self.batch_size == 1:
            raise ConfigError("batch_size", f"{self.loss} finds its negatives in the batch, which needs 2 examples or more.")
        size = self.batch_size
        if spec.by_label and size is not None and (size < SMALLEST_LABEL_BATCH or size % 2):
            raise ConfigError(
                "batch_size",
                f"{self.loss} needs two texts of each class in a batch; choose an even number from {SMALLEST_LABEL_BATCH} on.",
            )

    def _check_negatives(self) -> None:
        if self.negatives not in (None, "none") and self.examples not in (None, TRIPLETS):
            raise ConfigError("negatives", f"{self.negatives} negatives make triplets; leave examples automatic.")
        if self.negatives == "none" and self.examples == TRIPLETS:
            raise ConfigError(
                "negatives", "triplets have a negative; choose negatives=random or hard, or examples=positive-pairs."
            )


def build_config(values: Mapping[str, Any]) -> RunConfig:
    """Build a `RunConfig`; the first fault becomes a `ConfigError` that names the field and the way out."""
    try:
        return RunConfig.model_validate(dict(values))
    except ValidationError as error:
        raise _as_config_error(error.errors()[0]) from None


def _as_config_error(fault: ErrorDetails) -> ConfigError:
    path = [str(part) for part in fault["loc"]]
    field, given = ".".join(path), str(fault["input"])[:40]
    if fault["type"] == "extra_forbidden":
        close = difflib.get_close_matches(field, RunConfig.model_fields, n=1)
        hint = (
            f"did you mean {close[0]}?"
            if close
            else f"choose from {', '.join(sorted(RunConfig.model_fields.keys() - BOOKKEEPING))}."
        )
        return ConfigError("", f"'{field[:40]}' is no setting; {hint}")
    if fault["type"] == "literal_error":
        return ConfigError(field, f"'{given}' is not known; choose {fault['ctx']['expected']}.")
    if not path or path[0] not in RunConfig.model_fields:
        return ConfigError(field, fault["msg"])
    return ConfigError(field, f"{given!r} cannot be used; choose {range_of(path[0]) or 'a name'}.")


def range_of(field: str) -> str:
    """Say in words what a field takes, such as "a whole number from 1 to 8192"."""
    annotation = str(RunConfig.model_fields[field].annotation)
    by_name = {
        "loss_params": "numbers by name, such as loss_params.scale=20",
        "columns": "columns by role, such as columns.anchor=title",
        "mining": "settings by name, such as mining.margin=0.05",
        "fixes": f"a list of {', '.join(FIXES)}",
        "silver": "settings by name, such as silver.amount=10000",
        "prompts": "texts by role, such as prompts.query='query: '",
        "also_score": "banking77",
        "matryoshka": "numbers of dimensions, such as 256,128,64",
    }
    if field in by_name:
        return by_name[field]
    if "bool" in annotation:
        return "true or false"
    if field in CHOICES:
        return " or ".join(CHOICES[field])
    if "int" not in annotation and "float" not in annotation:
        return ""
    return _bounds("a whole number" if "int" in annotation else "a number", RunConfig.model_fields[field].metadata)


def _bounds(words: str, bounds: list[Any]) -> str:
    for bound in bounds:
        match bound:
            case Ge(ge=low):
                words += f" from {low:,}"
            case Gt(gt=low):
                words += f" above {low}"
            case Le(le=high) | Lt(lt=high):
                words += f" to {high:,}" if " from " in words else f", {high:,} at most"
    return words


def parse_assignments(assignments: list[str]) -> dict[str, Any]:
    """Turn `["batch_size=64", "loss_params.scale=10"]` into nested values; text that is no JSON stays text."""
    values: dict[str, Any] = {}
    for assignment in assignments:
        path, sign, text = assignment.partition("=")
        if not sign or not path:
            raise ConfigError("", f"'{assignment[:40]}' is no setting; write name=value, such as batch_size=64.")
        *parents, last = path.split(".")
        place = values
        for parent in parents:
            place = place.setdefault(parent, {})
            if not isinstance(place, dict):
                raise ConfigError(path, f"{parent} was given a value already; set it once.")
        place[last] = _parse_value(text)
    return values


def _parse_value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
