"""What a configuration says of its model, and what cannot be done with that model: refused before anything is loaded."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Protocol

from core.base_models import STATIC
from core.errors import ConfigError
from core.model_facts import ModelFacts, layer_shapes, read_facts


class ModelChoice(Protocol):
    """Anything that names a model and how it is changed before training, such as `core.config_parts.ModelPart`.

    `pooling` and `max_seq_length` are the model's own where None; of `frozen_layers` None and 0 both freeze nothing; `prompts`
    by role come from the catalogue or the model where None, and are none where empty.
    """

    @property
    def base_model(self) -> str: ...  # noqa: D102
    @property
    def max_seq_length(self) -> int | None: ...  # noqa: D102
    @property
    def pooling(self) -> str | None: ...  # noqa: D102
    @property
    def frozen_layers(self) -> int | None: ...  # noqa: D102
    @property
    def prompts(self) -> Mapping[str, str] | None: ...  # noqa: D102
    @property
    def lora_rank(self) -> int | None: ...  # noqa: D102


@dataclass(frozen=True)
class PlainModel:
    """A model as it is: nothing frozen, replaced or added."""

    base_model: str
    max_seq_length: int | None = None
    pooling: str | None = None
    frozen_layers: int | None = None
    prompts: Mapping[str, str] | None = None
    lora_rank: int | None = None


def as_choice(choice: ModelChoice | str) -> ModelChoice:
    """Return a name as the choice of that model unchanged, and a choice as it is."""
    return PlainModel(choice) if isinstance(choice, str) else choice


def check_choice(choice: ModelChoice, runs_dir: Path | None = None) -> ModelFacts:
    """Refuse what the chosen model has no part for, and return its facts.

    Raises:
        ConfigError: pooling, layers or LoRA of a static model, more frozen layers than there are, a length it cannot read.
        ModelError: the model is not here.
    """
    facts = read_facts(choice.base_model, runs_dir)
    if facts.kind == STATIC:
        _check_static(choice)
        return facts
    frozen = choice.frozen_layers
    if frozen and frozen >= facts.layers:
        left = "nothing would be left to train" if frozen == facts.layers else f"this model has {facts.layers}"
        raise ConfigError("frozen_layers", f"{frozen} layers cannot be frozen, {left}; choose {facts.layers - 1} or less.")
    if choice.lora_rank and not facts.layers:
        raise ConfigError("lora_rank", "this model has no layers that LoRA could be added to; leave it empty.")
    length, most = choice.max_seq_length, facts.max_positions
    if length and most and length > most:
        raise ConfigError("max_seq_length", f"{length} is more than this model reads; choose {most} or less.")
    return facts


def count_trainable(choice: ModelChoice, runs_dir: Path | None = None) -> int:
    """Return how many weights training changes: all, those above the frozen layers, or LoRA's matrices there.

    Raises:
        ModelError: the model is not here.
    """
    facts = read_facts(choice.base_model, runs_dir)
    if not (choice.frozen_layers or choice.lora_rank):
        return facts.parameters
    shapes = [shape for layer, shape in layer_shapes(choice.base_model, runs_dir) if layer >= (choice.frozen_layers or 0)]
    if choice.lora_rank:
        return sum(choice.lora_rank * sum(shape) for shape in shapes if len(shape) == 2)
    return sum(map(prod, shapes))


def _check_static(choice: ModelChoice) -> None:
    asked: Mapping[str, tuple[object, str]] = {
        "pooling": (choice.pooling, "its word vectors are averaged"),
        "frozen_layers": (choice.frozen_layers, "it has no layers"),
        "lora_rank": (choice.lora_rank, "it has no layers"),
    }
    for field, (value, why) in asked.items():
        if value:
            raise ConfigError(field, f"a static model cannot take this: {why}; leave it empty, or choose a transformer.")
