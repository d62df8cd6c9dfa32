"""What a model is made of, read from its configuration and the heads of its weights' files; no weight is read, and no torch."""

import json
import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from types import MappingProxyType
from typing import Any

from core.base_models import bundled_folder, kind_of, max_positions, model_folder, origin_of
from core.files import read_json
from core.model_catalogue import BASE_MODELS, SENTENCE, STATIC
from core.model_checks import module_folders, transformer_config

FP32_BYTES = 4
RANDOM_DIMENSION, RANDOM_LAYERS = 256, 2
# Where a weight's name says its layer: encoder.layer.3, transformer.layer.3, layers.3, h.3.
LAYER = re.compile(r"(?:^|\.)(?:layer|layers|h|block|blocks)\.(\d+)\.")
LONGEST_HEADER = 100_000_000
# Architectures name the same number differently.
NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "hidden_size": ("hidden_size", "dim", "d_model", "n_embd"),
        "layers": ("num_hidden_layers", "n_layers", "num_layers", "n_layer"),
        "heads": ("num_attention_heads", "n_heads", "num_heads", "n_head"),
        "intermediate_size": ("intermediate_size", "hidden_dim", "d_ff", "n_inner"),
        "vocabulary": ("vocab_size",),
    }
)
# What stands before the encoder's own weights in a file that holds a language model's head as well.
ENCODER_PREFIXES: Mapping[str, str] = MappingProxyType(
    {"xlm-roberta": "roberta", "camembert": "roberta", "modernbert": "model", "deberta-v2": "deberta"}
)


@dataclass(frozen=True)
class ModelFacts:
    """The sizes of a model: `parameters` as a count, `dimension` of its embeddings, `intermediate_size` of a feed-forward layer.

    `max_positions` in tokens is None where nothing limits them; layers, heads and intermediate size of a static model are 0.
    `bytes_on_disk` is what its folder takes, or would take.
    """

    kind: str
    architecture: str
    parameters: int
    dimension: int
    layers: int
    hidden_size: int
    heads: int
    intermediate_size: int
    vocabulary: int
    max_positions: int | None
    bytes_on_disk: int


def read_facts(base_model: str, runs_dir: Path | None = None) -> ModelFacts:
    """Return a model's sizes; those of a run that has not finished yet are its base model's.

    Raises:
        ModelError: the model is not here.
    """
    kind, origin = kind_of(base_model, runs_dir), origin_of(base_model, runs_dir)
    spec = BASE_MODELS.get(origin)
    if spec is not None and spec.hub_id is None:
        return replace(_shipped_facts(origin), kind=kind)
    folder = model_folder(origin, runs_dir)
    return _static_facts(folder) if kind == STATIC else _transformer_facts(folder, kind)


def layer_shapes(base_model: str, runs_dir: Path | None = None) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Yield the layer, from 0 at the bottom, and the shape of each weight in a transformer's layers.

    Raises:
        ModelError: the model is not here.
    """
    origin = origin_of(base_model, runs_dir)
    layers = read_facts(origin, runs_dir).layers
    for path in _weight_files(module_folders(model_folder(origin, runs_dir))[0]):
        for name, shape in read_shapes(path):
            found = LAYER.search(name)
            if found and int(found[1]) < layers:
                yield int(found[1]), shape


def _shipped_facts(base_model: str) -> ModelFacts:
    folder = bundled_folder()
    whole = _transformer_facts(folder, SENTENCE)
    match base_model:
        case "static-minilm":
            return _table_facts(whole.vocabulary, whole.hidden_size)
        case "static-random":
            return _table_facts(whole.vocabulary, RANDOM_DIMENSION)
        case "minilm-from-nothing":
            dropped = tuple(f"encoder.layer.{layer}." for layer in range(RANDOM_LAYERS, whole.layers))
            weights = read_shapes(folder / "model.safetensors")
            parameters = sum(prod(shape) for name, shape in weights if not name.startswith(dropped))
            return replace(whole, parameters=parameters, layers=RANDOM_LAYERS, bytes_on_disk=parameters * FP32_BYTES)
        case _:
            return whole


def _table_facts(vocabulary: int, dimension: int) -> ModelFacts:
    parameters = vocabulary * dimension
    return ModelFacts(
        kind=STATIC,
        architecture="static",
        parameters=parameters,
        dimension=dimension,
        layers=0,
        hidden_size=dimension,
        heads=0,
        intermediate_size=0,
        vocabulary=vocabulary,
        max_positions=None,
        bytes_on_disk=parameters * FP32_BYTES,
    )


def _static_facts(folder: Path) -> ModelFacts:
    tables = [shape for path in _weight_files(folder) for name, shape in read_shapes(path) if "embedding" in name]
    vocabulary, dimension = tables[0] if tables and len(tables[0]) == 2 else (0, 0)
    return replace(_table_facts(vocabulary, dimension), bytes_on_disk=_size_of(folder))


def _transformer_facts(folder: Path, kind: str) -> ModelFacts:
    config = transformer_config(folder)
    sizes = {field: _number(config, names) for field, names in NAMES.items()}
    architecture = str(config.get("model_type", ""))
    return ModelFacts(
        kind=kind,
        architecture=architecture,
        parameters=_count_parameters(folder, architecture),
        dimension=_dimension(folder) or sizes["hidden_size"],
        max_positions=max_positions(config),
        bytes_on_disk=_size_of(folder),
        **sizes,
    )


def _number(config: Mapping[str, Any], names: tuple[str, ...]) -> int:
    return next((value for name in names if isinstance(value := config.get(name), int)), 0)


def _dimension(folder: Path) -> int:
    """Return how long the embeddings are: a dense layer after the pooling may have changed it."""
    configs = [read_json(module / "config.json") or {} for module in module_folders(folder)[1:]]
    return next((config["out_features"] for config in reversed(configs) if isinstance(config.get("out_features"), int)), 0)


def _count_parameters(folder: Path, architecture: str) -> int:
    """Count the weights of the encoder and of what follows it; the head of a language model is not loaded."""
    first, *others = module_folders(folder)
    encoder = [weight for path in _weight_files(first) for weight in read_shapes(path)]
    prefix = ENCODER_PREFIXES.get(architecture, architecture) + "."
    own = [weight for weight in encoder if weight[0].startswith(prefix)] or encoder
    later = [weight for module in others if module != first for path in _weight_files(module) for weight in read_shapes(path)]
    return sum(prod(shape) for _, shape in own + later)


def _weight_files(folder: Path) -> list[Path]:
    whole = folder / "model.safetensors"
    return [whole] if whole.is_file() else sorted(folder.glob("*.safetensors"))


def read_shapes(path: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield the name and shape of each weight in a safetensors file; whole numbers, such as positions, are no weights.

    The file begins with the length of its JSON header: https://github.com/huggingface/safetensors, "Format".
    """
    with path.open("rb") as file:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        try:
            header = json.loads(file.read(length)) if length < LONGEST_HEADER else {}
        except ValueError:
            # A file that is cut off is refused when it is loaded.
            header = {}
    for name, tensor in header.items():
        if name != "__metadata__" and tensor["dtype"].startswith(("F", "BF")):
            yield name, tuple(tensor["shape"])


def _size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
