"""Models of a few thousand weights, saved as people save theirs: to be found, refused, loaded and trained in a test."""

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModel, BertConfig, DistilBertConfig, ModernBertConfig, MPNetConfig, PretrainedConfig

from core.base_models import bundled_folder
from core.config import build_config
from core.run_store import create_run
from core.runs import RunFolder

WORDS = 30_522
ARCHITECTURES: dict[str, PretrainedConfig] = {
    "bert": BertConfig(
        vocab_size=WORDS, hidden_size=16, num_hidden_layers=3, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=64,
    ),
    "distilbert": DistilBertConfig(vocab_size=WORDS, dim=16, n_layers=3, n_heads=2, hidden_dim=32, max_position_embeddings=64),
    "mpnet": MPNetConfig(
        vocab_size=WORDS, hidden_size=16, num_hidden_layers=3, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=66,
    ),
    "modernbert": ModernBertConfig(
        vocab_size=WORDS, hidden_size=16, num_hidden_layers=3, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=64, pad_token_id=0, cls_token_id=101, sep_token_id=102, bos_token_id=101, eos_token_id=102,
    ),
}  # fmt: skip


def write_tokenizer(folder: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt"):
        shutil.copyfile(bundled_folder() / name, folder / name)


def write_transformer(folder: Path, architecture: str = "bert", dtype: torch.dtype = torch.float32) -> Path:
    """Save a plain transformers folder: config.json, model.safetensors and a tokenizer."""
    torch.manual_seed(0)
    AutoModel.from_config(ARCHITECTURES[architecture]).to(dtype).save_pretrained(str(folder))
    write_tokenizer(folder)
    return folder


def write_sentence_model(folder: Path, **said: Any) -> Path:
    """Save a plain folder and make it a sentence embedding model; `said` goes into its own configuration."""
    write_transformer(folder)
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir()
    pooling = {"word_embedding_dimension": 16, "pooling_mode_mean_tokens": True}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    (folder / "config_sentence_transformers.json").write_text(json.dumps(said))
    return folder


def write_hub_cache(cache: Path, hub_id: str, model: Path, revision: str = "main") -> Path:
    """Put a model's files where the Hub's library would: blobs, a snapshot of links to them, and a ref that names it."""
    kept, commit = cache / f"models--{hub_id.replace('/', '--')}", "0123456789abcdef0123456789abcdef01234567"
    snapshot = kept / "snapshots" / commit
    (kept / "blobs").mkdir(parents=True)
    for number, path in enumerate(path for path in sorted(model.rglob("*")) if path.is_file()):
        blob, link = kept / "blobs" / f"{number:040x}", snapshot / path.relative_to(model)
        link.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, blob)
        link.symlink_to(blob)
    (kept / "refs" / revision).parent.mkdir(parents=True)
    (kept / "refs" / revision).write_text(commit)
    return snapshot


def queue_run(runs_dir: Path, base_model: str, **settings: Any) -> RunFolder:
    """Queue a run that nobody works on."""
    return create_run(runs_dir, build_config({"base_model": base_model, **settings}), None)
