"""Load a base model: the bundled MiniLM, its word vectors alone, a finished run or a saved folder."""

from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from tokenizers import Tokenizer

from core.base_models import BASE_MODELS, bundled_folder, model_folder
from core.errors import ConfigError, ModelError, is_disk_full
from core.files import file_sha256

WORD_VECTORS = "embeddings.word_embeddings.weight"


def load_model(base_model: str, runs_dir: Path, device: str) -> SentenceTransformer:
    """Load a model in fp32 from safetensors, without remote code and without a network.

    Raises:
        ModelError: it is not here, or its files do not make a sentence embedding model.
    """
    if base_model == "static-minilm":
        return build_static_minilm(device)
    folder = bundled_folder() if base_model == "all-minilm-l6-v2" else model_folder(base_model, runs_dir)
    try:
        return SentenceTransformer(
            str(folder), device=device, local_files_only=True, trust_remote_code=False, model_kwargs={"use_safetensors": True}
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        if is_disk_full(error):
            raise
        raise ModelError(
            f"base_model: '{base_model[:60]}' cannot be loaded ({type(error).__name__}); choose another, or save it again."
        ) from error


def build_static_minilm(device: str) -> SentenceTransformer:
    """Build a model that averages MiniLM's own word vectors: (vocabulary, 384), no attention, no network."""
    folder = bundled_folder()
    with safe_open(str(folder / "model.safetensors"), "pt") as tensors:
        vectors = tensors.get_tensor(WORD_VECTORS).float()
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    return SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_weights=vectors)], device=device)


def limit_length(model: SentenceTransformer, max_seq_length: int) -> None:
    """Cut texts after so many tokens; a static model's limit lies in its tokenizer.

    Raises:
        ConfigError: the model cannot read texts of that length.
    """
    first = model[0]
    if isinstance(first, StaticEmbedding):
        first.tokenizer.enable_truncation(max_seq_length)
        return
    most = getattr(getattr(first.auto_model, "config", None), "max_position_embeddings", max_seq_length)
    if max_seq_length > most:
        raise ConfigError("max_seq_length", f"{max_seq_length} is more than this model reads; choose {most} or less.")
    model.max_seq_length = max_seq_length


def model_fingerprint(base_model: str, runs_dir: Path) -> str:
    """Return a text that changes when the model's weights or settings do, without loading it."""
    if base_model in BASE_MODELS:
        hashes = [file_sha256(bundled_folder() / name) for name in ("model.safetensors", "tokenizer.json")]
    else:
        folder = model_folder(base_model, runs_dir)
        files = sorted(path for path in folder.rglob("*") if path.suffix in {".safetensors", ".json"})
        hashes = [file_sha256(path) for path in files]
    return ":".join([base_model, *hashes])


def load_weights(model: SentenceTransformer, path: Path) -> None:
    """Put saved weights back into a model."""
    model.load_state_dict(load_file(str(path), device=str(model.device)))
