"""What a person asks of one run: `RunConfig`, checked when it is built.

A field left at None is decided later, by the recipe's base model and the machine (`core.settings`).
"""

import difflib
import json
from collections.abc import Mapping
from typing import Any, Literal, Self

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_core import ErrorDetails

from core.columns import kind_of_columns
from core.data_catalogue import YARDSTICKS, check_data, data_parts
from core.doctor_fixes import FIXES
from core.errors import ConfigError
from core.examples import EXAMPLE_COLUMNS, TRIPLETS
from core.losses import check_loss_params, loss_spec

Shape = Literal[
    "class-pairs",
    "scored-pairs",
    "positive-pairs",
    "triplets",
    "labelled-texts",
    "unlabelled-pairs",
    "plain-texts",
    "damaged-pairs",
]
Negatives = Literal["none", "given", "random", "semi-hard", "hard"]
Kind = Literal["train", "score", "prepare", "mine", "fetch"]
CHOICES: Mapping[str, tuple[str, ...]] = {
    "examples": tuple(EXAMPLE_COLUMNS),
    "negatives": ("none", "given", "random", "semi-hard", "hard"),
    "scheduler": ("linear", "cosine", "constant", "constant_with_warmup"),
    "precision": ("fp32", "bf16", "fp16"),
    "best_by": ("spearman_cosine", "pearson_cosine", "last"),
}


HOLDOUT_SHARE = 0.1


class Part(BaseModel):
    """Settings cannot be changed once they are built, and a name that nobody knows is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ModelPart(Part):
    """The model that training starts from."""

    base_model: str = Field("static-minilm", description="a catalogue id, run:<id> of a finished run, or a model's folder")
    max_seq_length: int | None = Field(None, ge=4, le=8192, description="texts are cut after this many tokens")


class Mining(Part):
    """How negatives are mined: from which ranks of the nearest texts, how far below the positive, and who judges."""

    model: str | None = Field(None, description="the model whose nearest texts are looked through; the base model if not set")
    judge: str | None = Field(None, description="a cross-encoder's folder that scores what was mined, for hard negatives")
    rank_from: int = Field(5, ge=0, le=1000, description="the nearest texts passed over: some of them are true answers")
    rank_to: int = Field(50, ge=1, le=5000, description="the last rank that is looked at")
    margin: float = Field(
        0.05, ge=0, le=1, description="how far below the positive's score a negative has to stay, as a share of it"
    )
    ceiling: float = Field(0.9, gt=-1, le=1, description="what scores more than this is taken for a positive")

    @model_validator(mode="after")
    def _check_window(self) -> Self:
        if self.rank_to <= self.rank_from:
            raise ConfigError(
                "mining.rank_to", f"{self.rank_to} is not beyond rank_from={self.rank_from}; choose a larger rank_to."
            )
        return self


class DataPart(Part):
    """The rows, and the examples that are made of them."""

    data: str = Field("sample", description="a data set's id, two joined by +, file:<path>, upload:<sha256> or hub:<id>")
    split: str = Field("train", description="the data set's own split")
    columns: dict[str, str] = Field(default_factory=dict, description="which column is what, by role; empty: guessed")
    max_rows: int | None = Field(None, ge=2, le=100_000_000, description="only so many rows, from the top")
    holdout: float | None = Field(
        None, ge=0, le=0.5, description="the share of rows held out of training, by groups of equal texts"
    )
    examples: Shape | None = Field(None, description="the shape of the examples that the loss gets")
    negatives: Negatives | None = Field(None, description="where a triplet's negative comes from")
    mining: Mining = Field(default_factory=Mining, description="how semi-hard and hard negatives are found")
    neutral_score: float | None = Field(
        None, ge=0, le=1, description="the score of a neutral pair, when NLI labels become scores"
    )
    score_threshold: float | None = Field(None, gt=0, le=1, description="from which score on a pair is positive")
    fixes: tuple[str, ...] = Field((), description="what the data doctor mends before training")

    @field_validator("holdout", mode="before")
    @classmethod
    def _yes_is_a_tenth(cls, value: Any) -> Any:
        return (HOLDOUT_SHARE if value else 0.0) if isinstance(value, bool) else value

    @field_validator("fixes")
    @classmethod
    def _known_fixes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for fix in value:
            if fix not in FIXES:
                raise ConfigError("fixes", f"'{fix[:40]}' is not known; choose from {', '.join(FIXES)}.")
        return tuple(fix for fix in FIXES if fix in value)


class LossPart(Part):
    """What pulls and what pushes."""

    loss: str = Field("mnr", description="a loss of the catalogue")
    loss_params: dict[str, float] = Field(default_factory=dict, description="the loss's own numbers, such as scale")


class TrainingPart(Part):
    """How long, how large, how fast."""

    epochs: float | None = Field(None, gt=0, le=1000, description="passes over the examples")
    max_steps: int | None = Field(None, ge=1, le=10_000_000, description="training ends after this many steps at the latest")
    batch_size: int | None = Field(None, ge=1, le=8192, description="examples a step")
    gradient_accumulation: int | None = Field(None, ge=1, le=1024, description="batches that one optimizer step adds up")
    learning_rate: float | None = Field(None, gt=0, le=10, description="the optimizer's peak learning rate")
    scheduler: Literal["linear", "cosine", "constant", "constant_with_warmup"] | None = Field(
        None, description="how the learning rate falls after warm-up"
    )
    warmup: float | None = Field(None, ge=0, le=100_000, description="a share of all steps below 1, or a number of steps")
    weight_decay: float | None = Field(None, ge=0, le=1, description="AdamW's weight decay")
    precision: Literal["fp32", "bf16", "fp16"] | None = Field(None, description="the number format of training")
    seed: int = Field(42, ge=0, le=2**32 - 1, description="of every random choice")


class WatchingPart(Part):
    """What is measured and kept on the way."""

    eval_batch_size: int | None = Field(None, ge=1, le=8192, description="texts encoded at once when measuring")
    eval_every: int | None = Field(None, ge=1, le=10_000_000, description="steps between two evaluations")
    log_every: int | None = Field(None, ge=1, le=1_000_000, description="steps between two points of the loss curve")
    best_by: Literal["spearman_cosine", "pearson_cosine", "last"] | None = Field(
        None, description="the evaluation figure that decides which step's model is kept"
    )
    snapshots: bool = Field(True, description="keep the probe texts' embeddings before and after, for Explore")


class RunConfig(ModelPart, DataPart, LossPart, TrainingPart, WatchingPart):
    """One run, as it was asked for; `config.json` holds it and nobody rewrites it."""

    kind: Kind = Field("train", description="what the worker does with the folder")
    recipe: str | None = Field(None, description="the recipe that the values came from")
    size: Literal["instant", "laptop", "book"] | None = Field(None, description="the recipe's size")
    yours: tuple[str, ...] = Field((), description="the names that a person set over the recipe")

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_yes_as_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, bool) and info.field_name not in ("snapshots", "holdout"):
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
        if self.kind != "train":
            return self
        for name in data_parts(self.data):
            if (name, self.split) in YARDSTICKS:
                raise ConfigError(
                    "split", f"{name} {self.split} is for choosing and showing, never for training; use split=train."
                )
        if self.examples is not None and self.examples not in spec.shapes:
            raise ConfigError(
                "examples", f"{self.loss} needs {' or '.join(spec.shapes)}, not {self.examples}; change one of the two."
            )
        if self.negatives not in (None, "none") and TRIPLETS not in spec.shapes:
            raise ConfigError(
                "negatives", f"{self.negatives} negatives make triplets, which {self.loss} does not take; choose loss=mnr."
            )
        if spec.in_batch_negatives and self.batch_size == 1:
            raise ConfigError("batch_size", f"{self.loss} finds its negatives in the batch, which needs 2 examples or more.")
        return self

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
        hint = f"did you mean {close[0]}?" if close else f"choose from {', '.join(sorted(RunConfig.model_fields))}."
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
