"""What can be measured of models besides a run's own scores: the tasks, and the folder of each question. Loads no torch.

A model is named as everywhere (of the catalogue, a Hub id, a folder, `run:<id>`), or `untouched:<id>`: what that run began with,
read as that run reads it.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from core.config import RunConfig
from core.errors import ConfigError, ModelError, RunError
from core.model_choice import PlainModel
from core.places import Places
from core.prepared import weights_mark
from core.run_store import open_run
from core.runs import short_name
from core.sources import fingerprint

MEASURED, ANSWER = ".measured", "measured.json"
RUN, UNTOUCHED = "run:", "untouched:"
FORMAT_VERSION = 1
# Where each task is done, by `measure(log) -> answer`; a worker loads it when it is needed.
TASKS: Mapping[str, str] = MappingProxyType(
    {
        "pairs": "core.pair_scores",
        "fitting": "core.fitting",
        "benchmark": "core.benchmarks",
        "index": "core.indexing",
        "speed": "core.speed",
        "bytes": "core.fewer_bytes",
        "compare": "core.comparing",
    }
)
# Tasks whose answer is no matter of what was asked alone: seconds are measured again each time.
TIMED = frozenset({"speed", "compare"})


def is_timed(config: RunConfig) -> bool:
    """Tell whether seconds are asked for, which are measured again each time: of a model, or of a task before it is begun."""
    return config.task in TIMED or config.task_settings.get("only") == "time"


@dataclass(frozen=True)
class Measured:
    """A model to measure: how it was named, what a person calls it, how it is read, and the seed of its fresh weights."""

    name: str
    label: str
    choice: PlainModel
    seed: int = 42


def measured_model(name: str, places: Places) -> Measured:
    """Return what a name means.

    Raises:
        ModelError: it is that of a run that was deleted.
    """
    if not name.startswith(UNTOUCHED):
        return Measured(name, f"{'tuned ' if name.startswith(RUN) else ''}{title_of_model(name, places)}", PlainModel(name))
    assert places.runs_dir is not None
    try:
        config = open_run(places.runs_dir, name.removeprefix(UNTOUCHED)).config()
    except RunError as error:
        raise ModelError(str(error)) from None
    # Frozen layers and fresh adapters change no embedding.
    choice = PlainModel(config.base_model, config.max_seq_length, config.pooling, prompts=config.prompts)
    return Measured(name, f"untouched {title_of_model(config.base_model, places)}", choice, config.seed)


def title_of_model(name: str, places: Places) -> str:
    """Return what a person calls a model: a run by its short name, any other as it is named."""
    return short_name(name.removeprefix(RUN), places.runs_dir) if name.startswith(RUN) else name


def measured_folder(config: RunConfig, places: Places) -> Path:
    """Return the folder of a question: this task, of these very models, on these very rows.

    Raises:
        ConfigError: no task is named, or no model.
        ModelError: a model is not here.
        DataError: the rows are not here.
    """
    if config.task not in TASKS:
        raise ConfigError("task", f"'{str(config.task)[:40]}' is none of {', '.join(TASKS)}.")
    if not config.models:
        raise ConfigError("models", "choose a model to measure.")
    assert places.runs_dir is not None
    said = {
        "format": FORMAT_VERSION,
        "task": config.task,
        "settings": dict(config.task_settings),
        "models": [[name, _mark(name, places)] for name in config.models],
        "rows": [config.data, config.split, config.max_rows, fingerprint(config.data, config.split, places)],
    }
    key = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
    return places.runs_dir / MEASURED / key[:32]


def _mark(name: str, places: Places) -> list[object]:
    """Return what changes when a model does."""
    measured = measured_model(name, places)
    choice = measured.choice
    how = [choice.max_seq_length, choice.pooling, dict(choice.prompts or {}), measured.seed]
    return [choice.base_model, how, *weights_mark(choice.base_model, places)]
