"""What a finished run says of itself, and its values as the constants of a script."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.config import RunConfig
from core.model_catalogue import pair_length
from core.runs import RunFolder

WHOSE = {
    "yours": "set by hand", "recipe": "the recipe's", "automatic": "the studio's choice", "adjusted": "lowered for the memory",
}  # fmt: skip
VALUES = (
    "seed", "batch_size", "gradient_accumulation", "learning_rate", "scheduler", "warmup", "weight_decay", "max_grad_norm",
    "precision", "eval_batch_size",
)  # fmt: skip
# A value of these is in the script only where it changes the model.
MODEL_VALUES = ("pooling", "max_seq_length", "lora_rank", "frozen_layers", "prompts")


@dataclass(frozen=True)
class Facts:
    """What a finished run says of itself: `settings` are the values that it used, `stages` the models of earlier runs by role."""

    run: RunFolder
    config: RunConfig
    settings: Mapping[str, Any]
    origins: Mapping[str, str]
    resolved: Mapping[str, Any]
    report: Mapping[str, Any]
    columns: tuple[str, ...]
    stages: frozenset[str] = frozenset()

    @property
    def is_joint(self) -> bool:
        """Whether the run made a cross-encoder."""
        return self.config.kind == "cross-encoder"

    @property
    def processes(self) -> int:
        """How many processes trained together."""
        return int(self.resolved["machine"]["processes"])


def literal(value: Any) -> str:
    """Return a value as Python source, in double quotes and without anything that could end a line."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{literal(key)}: {literal(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(literal(each) for each in value) + "]"
    return repr(value)


def plain(text: str, most: int = 80) -> str:
    """Return a name as it may stand in a comment or in help: letters, digits and a few signs."""
    return re.sub(r"[^\w .,+:@/()=&-]", "?", text)[:most]


def constants(facts: Facts, steps: Mapping[str, Any]) -> str:
    """Return the values that the run used, each with a word on whose choice it was."""
    device = str(facts.resolved["machine"]["device"])
    lines = ["HERE = Path(__file__).resolve().parent", "", "# What the run used, and whose choice it was."]
    lines.append(f"DEVICE = {literal(device)}  # the machine's")
    changed = [name for name in MODEL_VALUES if facts.settings.get(name) and not (facts.is_joint and name == "prompts")]
    for name in (*VALUES, *changed):
        value = facts.settings[name]
        if name == "batch_size":
            value *= facts.processes
        lines.append(f"{name.upper()} = {literal(value)}  # {WHOSE[facts.origins[name]]}")
    if facts.is_joint and "max_seq_length" not in changed:
        lines.append(f"MAX_SEQ_LENGTH = {pair_length(facts.config.base_model)}  # the studio's choice")
    lines.append(f"TOTAL_STEPS = {steps['total']}  # what the learning rate's schedule is for")
    if steps["planned"]:
        planned = ", ".join(f"{step}: {total}" for step, total in steps["planned"])
        lines.append(f"PLANNED_STEPS = {{{planned}}}  # after which step it was set anew, to fit the time that was given")
    lines.append(f"LAST_STEP = {steps['kept']}  # whose weights were kept")
    return "\n".join(lines)
