"""The folders of work that answers in seconds: typed texts, what the loss sees, a race of two models. Loads no torch."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from core.config import RunConfig, build_config
from core.errors import ConfigError
from core.places import Places
from core.prepared import prepared_folder, weights_mark
from core.run_store import delete_run, iter_runs
from core.sources import fingerprint

TRIED, LOOKED, RACED = ".tried", ".looked", ".raced"
ANSWERS = ("tried.json", "look.json", "race.json")
FORMAT_VERSION = 2
FEWEST_TEXTS, MOST_TRIED = 2, 50
MODEL_KEYS = {"base_model", "pooling", "max_seq_length", "prompts", "seed"}
LOOK_KEYS = MODEL_KEYS | {"loss", "loss_params", "teacher", "batch_size", "matryoshka", "silver"}


def typed_texts(config: RunConfig) -> list[str]:
    """Return the texts that were typed to be tried, blank ones left out.

    Raises:
        ConfigError: there are fewer than two.
    """
    texts = [text.strip() for text in config.texts if text.strip()]
    if len(texts) < FEWEST_TEXTS:
        raise ConfigError("texts", "a text can only be compared with another one; type two or more.")
    return texts


def tried_folder(config: RunConfig, places: Places) -> Path:
    """Return the folder in which these texts are compared, by the base model and, where named, by `mining.model`.

    Raises:
        ConfigError: there are fewer than two texts.
        ModelError: one of the models is not here.
    """
    against = config.mining.model
    said = [typed_texts(config), _said(config, MODEL_KEYS), weights_mark(config.base_model, places)]
    return _folder(places, TRIED, [*said, against, against and weights_mark(against, places)])


def looked_folder(config: RunConfig, places: Places) -> Path:
    """Return the folder of what this very loss sees in its first batch of these very examples.

    Raises:
        ConfigError: training would refuse it, too.
        ModelError: the base model is not here.
    """
    build_config(config.model_dump() | {"kind": "train"})
    said = [prepared_folder(config, places).name, _said(config, LOOK_KEYS), weights_mark(config.base_model, places)]
    return _folder(places, LOOKED, said)


def raced_folder(config: RunConfig, places: Places) -> Path:
    """Return the folder of the race between the base model and the cross-encoder that `teacher` names.

    Raises:
        ConfigError: no cross-encoder is named.
        ModelError: the base model is not here.
    """
    if not config.teacher:
        raise ConfigError("teacher", "a race needs a cross-encoder: name one, as run:<id> of its run or as a folder.")
    said = [_said(config, MODEL_KEYS | {"teacher"}), weights_mark(config.base_model, places)]
    return _folder(places, RACED, [*said, fingerprint("stsb", "validation", places)])


def _said(config: RunConfig, keys: set[str]) -> dict[str, object]:
    return config.model_dump(mode="json", include=keys)


def _folder(places: Places, kind: str, said: Sequence[object]) -> Path:
    assert places.runs_dir is not None
    key = hashlib.sha256(json.dumps([FORMAT_VERSION, *said], sort_keys=True).encode()).hexdigest()
    return places.runs_dir / kind / key[:32]


def forget_oldest(folder: Path, keep: int) -> None:
    """Remove what was answered longest ago, so that with one more `keep` are left; work that goes on is left alone."""
    found = [(status.created, run) for run in iter_runs(folder) if (status := run.status()) is not None and status.is_final]
    for _, run in sorted(found, key=lambda one: one[0], reverse=True)[keep - 1 :]:
        delete_run(run)
