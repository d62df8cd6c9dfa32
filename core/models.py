"""Load a base model: the bundled MiniLM, its word vectors alone, fresh weights, a finished run, a folder, one of the Hub."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Transformer
from sentence_transformers.sentence_transformer.modules import Pooling, StaticEmbedding
from tokenizers import Tokenizer

from core.base_models import bundled_folder, called, model_folder
from core.errors import ModelError, is_disk_full
from core.files import file_sha256
from core.hub_models import spec_of
from core.model_catalogue import BASE_MODELS, RANDOM
from core.model_choice import ModelChoice, PlainModel, as_choice, check_choice
from core.model_facts import RANDOM_DIMENSION, RANDOM_LAYERS
from core.model_parts import add_adapters, layers_of, replace_pooling, set_prompts, transformer_of
from core.model_parts import freeze_layers as freeze_layers
from core.model_parts import leave_mixed_precision as leave_mixed_precision
from core.model_parts import limit_length as limit_length
from core.model_parts import merge_adapters as merge_adapters
from core.prompts import prompts_of

WORD_VECTORS = "embeddings.word_embeddings.weight"
# As wide as MiniLM's own word vectors, so that the same learning rate moves both as far.
RANDOM_SPREAD = 0.056
# Some models are stored in half precision: training and scoring are in fp32 unless a run says otherwise.
SAFELY = MappingProxyType({"use_safetensors": True, "dtype": torch.float32})


def load_model(choice: ModelChoice | str, runs_dir: Path, device: str, seed: int = 42) -> SentenceTransformer:
    """Load a model as chosen: its pooling, length, LoRA, frozen layers and prompts; a name alone leaves it as it is.

    In fp32, from safetensors, without remote code and without a network. `seed` decides fresh weights and LoRA's matrices.

    Raises:
        ConfigError: the model has no part for what was chosen.
        ModelError: it is not here, or its files do not make a sentence embedding model.
    """
    choice = as_choice(choice)
    check_choice(choice, runs_dir)
    model = _build(choice.base_model, runs_dir, device, seed)
    if choice.pooling:
        replace_pooling(model, choice.pooling)
    if choice.max_seq_length:
        limit_length(model, choice.max_seq_length)
    if choice.lora_rank:
        add_adapters(model, choice.lora_rank, seed)
    if choice.frozen_layers:
        freeze_layers(model, choice.frozen_layers)
    set_prompts(model, prompts_of(choice, runs_dir))
    return model


def load_plain(name: str, runs_dir: Path, device: str) -> SentenceTransformer:
    """Load a model as it is, with its own prompts; for teachers, miners and whatever else is not trained.

    Raises:
        ModelError: it is not here, or its files do not make a sentence embedding model.
    """
    return load_model(PlainModel(name), runs_dir, device)


def _build(base_model: str, runs_dir: Path, device: str, seed: int) -> SentenceTransformer:
    if base_model in BUILDERS:
        return BUILDERS[base_model](device, seed)
    try:
        spec = spec_of(base_model)
        return load_folder(model_folder(base_model, runs_dir), (spec and spec.pooling) or "mean", device)
    except (SafetensorError, OSError, ValueError, KeyError, RuntimeError, ImportError, AttributeError) as error:
        if is_disk_full(error):
            raise
        raise ModelError(
            f"base_model: '{called(base_model)}' cannot be loaded ({type(error).__name__}); choose another, or save it again."
        ) from error


def load_folder(folder: Path, pooling: str, device: str) -> SentenceTransformer:
    """Load a saved model in fp32; one that was never made for sentences gets `pooling`."""
    if (folder / "modules.json").is_file():
        return SentenceTransformer(
            str(folder), device=device, local_files_only=True, trust_remote_code=False, model_kwargs=dict(SAFELY)
        )
    offline = {"local_files_only": True, "trust_remote_code": False}
    reader = Transformer(str(folder), model_kwargs=SAFELY | offline, config_kwargs=dict(offline), processor_kwargs=dict(offline))
    return SentenceTransformer(modules=[reader, Pooling(reader.get_embedding_dimension(), pooling)], device=device)


def build_static_minilm(device: str, seed: int = 42) -> SentenceTransformer:
    """Build a model that averages MiniLM's own word vectors: (vocabulary, 384), no attention, no network."""
    folder = bundled_folder()
    with safe_open(str(folder / "model.safetensors"), "pt") as tensors:
        vectors = tensors.get_tensor(WORD_VECTORS).float()
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    return SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_weights=vectors)], device=device)


def build_static_random(device: str, seed: int) -> SentenceTransformer:
    """Build a model that averages word vectors of no meaning: (vocabulary, 256), drawn from `seed`."""
    tokenizer = Tokenizer.from_file(str(bundled_folder() / "tokenizer.json"))
    size = (tokenizer.get_vocab_size(), RANDOM_DIMENSION)
    vectors = torch.randn(size, generator=torch.Generator().manual_seed(seed)) * RANDOM_SPREAD
    return SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_weights=vectors)], device=device)


def build_random_minilm(device: str, seed: int) -> SentenceTransformer:
    """Build MiniLM with 2 layers and weights that never saw a text, drawn from `seed`."""
    model = load_folder(bundled_folder(), "mean", device)
    transformer = transformer_of(model)
    transformer.encoder.layer = torch.nn.ModuleList(layers_of(model)[:RANDOM_LAYERS])
    transformer.config.num_hidden_layers = RANDOM_LAYERS
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        fresh = type(transformer)(transformer.config)
    transformer.load_state_dict(fresh.state_dict())
    return model


BUILDERS: Mapping[str, Callable[[str, int], SentenceTransformer]] = MappingProxyType(
    {
        "static-minilm": build_static_minilm,
        "static-random": build_static_random,
        "minilm-from-nothing": build_random_minilm,
    }
)


def model_fingerprint(choice: ModelChoice | str, runs_dir: Path, seed: int = 42) -> str:
    """Return a text that changes when the untrained model does: its weights or settings, pooling, prompts, length or seed.

    Frozen layers and LoRA's matrices are left out: before the first step they change no embedding.
    """
    choice = as_choice(choice)
    name, spec = choice.base_model, BASE_MODELS.get(choice.base_model)
    if spec is not None and spec.hub_id is None:
        hashes = [file_sha256(bundled_folder() / file) for file in ("model.safetensors", "tokenizer.json")]
    else:
        folder = model_folder(name, runs_dir)
        files = sorted(path for path in folder.rglob("*") if path.suffix in {".safetensors", ".json"})
        hashes = [file_sha256(path) for path in files]
    drawn = seed if name == "static-random" or (spec is not None and spec.kind == RANDOM) else None
    said = {
        "pooling": choice.pooling,
        "prompts": prompts_of(choice, runs_dir),
        "max_seq_length": choice.max_seq_length,
        "seed": drawn,
    }
    return ":".join([name, *hashes, *(f"{key}={value!r}" for key, value in said.items() if value)])


def load_weights(model: SentenceTransformer, path: Path) -> None:
    """Put saved weights back into a model."""
    model.load_state_dict(load_file(str(path), device=str(model.device)))
