"""The model of a run from elsewhere: safetensors, modules of the library, and no word of code or of files beside its own."""

import re
from pathlib import Path
from typing import Any

from core.bundle_arrays import check_safetensors
from core.bundle_told import damaged, read_told
from core.errors import ModelError, RunError
from core.model_checks import check_folder

# What the studio's models are made of; others may read more than their own folder.
MODULES = frozenset({"Transformer", "Pooling", "Normalize", "Dense", "StaticEmbedding", "LayerNorm", "Dropout"})
LIBRARY = "sentence_transformers."
MODULE_FOLDER = re.compile(r"(?:\d{1,2}_[A-Za-z]{1,40})?")
WEIGHTS = re.compile(r"model(?:-\d{5}-of-\d{5})?\.safetensors")
MOST_MODULES = 12
# Entries that name code, or files that need not be the model's own.
FOREIGN = re.compile(r"auto_map|.*_file|.*_files")


def check_model(folder: Path, kind: str) -> None:
    """Refuse a model's folder that cannot be loaded safely; `kind` is its run's.

    Raises:
        RunError: what is wrong with it.
    """
    _check_modules(folder / "modules.json")
    for path in sorted(folder.rglob("*.json")):
        if path.name.endswith(".index.json"):
            _check_index(path)
        elif path.name != "modules.json":
            _check_words(path)
    for path in sorted(folder.rglob("*.safetensors")):
        check_safetensors(path)
    if kind == "cross-encoder":
        _check_head(folder)
        return
    try:
        check_folder(folder, "its model")
    except ModelError as error:
        raise RunError(f"Its model cannot be used: {str(error).removeprefix('base_model: ')}") from None


def _check_modules(path: Path) -> None:
    modules = read_told(path.read_bytes(), path.name) if path.is_file() else None
    if not isinstance(modules, list) or not 0 < len(modules) <= MOST_MODULES:
        raise damaged(path.name)
    for module in modules:
        where, name = (str(module.get(key, "")) if isinstance(module, dict) else "?" for key in ("path", "type"))
        if not MODULE_FOLDER.fullmatch(where) or not name.startswith(LIBRARY) or name.rpartition(".")[2] not in MODULES:
            raise RunError(f"Its model has a module that is not read here ({name[-60:]!r} in {where[-40:]!r}); choose another.")


def _check_words(path: Path) -> None:
    config: Any = read_told(path.read_bytes(), path.name)
    if not isinstance(config, dict):
        raise damaged(path.name)
    foreign = next((key for key, value in config.items() if FOREIGN.fullmatch(key) and value), None)
    if foreign:
        raise RunError(
            f"Its model's {path.name} names code or files of its own ({foreign[:40]}), which are not read; leave it out."
        )


def _check_index(path: Path) -> None:
    index: Any = read_told(path.read_bytes(), path.name)
    files = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(files, dict) or not all(isinstance(name, str) and WEIGHTS.fullmatch(name) for name in files.values()):
        raise damaged(path.name)


def _check_head(folder: Path) -> None:
    config: Any = read_told((folder / "config.json").read_bytes(), "config.json") if (folder / "config.json").is_file() else {}
    named = config.get("architectures")
    has_head = isinstance(named, list) and any(str(name).endswith("ForSequenceClassification") for name in named)
    if not has_head or not (folder / "model.safetensors").is_file():
        raise RunError("Its model is no cross-encoder with safetensors weights, which its run says it is; make the bundle again.")
