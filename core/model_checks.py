"""What is refused of a model's folder before anything is loaded: pickles, code, models of pictures and sound, cross-encoders."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.errors import ModelError
from core.files import read_json

PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "vocab.json", "*.model")
# The first word of a configuration's model_type, for what reads pictures or sound.
NOT_TEXT = frozenset({
    "align", "audio", "audioflamingo3", "beit", "blip", "clap", "clip", "clipseg", "convnext", "convnextv2", "data2vec", "deit",
    "detr", "dinov2", "dinov3", "encodec", "hubert", "ijepa", "mimi", "mobilevit", "resnet", "sam", "segformer", "sew", "siglip",
    "siglip2", "speech", "speecht5", "swin", "swinv2", "unispeech", "videomae", "vision", "vit", "vitdet", "wav2vec2", "wavlm",
    "whisper", "yolos",
})  # fmt: skip
DATA2VEC_TEXT = "data2vec-text"


def module_folders(folder: Path) -> list[Path]:
    """Return the folders of a model's modules, the one that reads the texts first."""
    modules = read_json(folder / "modules.json") or [{"path": ""}]
    return [folder / str(module.get("path", "")) for module in modules]


def module_types(folder: Path) -> list[str]:
    """Return the classes of a sentence embedding model's modules; nothing for a plain transformers folder."""
    return [str(module.get("type", "")) for module in read_json(folder / "modules.json") or []]


def is_static(folder: Path) -> bool:
    """Tell whether a model is a table of word vectors."""
    return any(name.endswith("StaticEmbedding") for name in module_types(folder))


def transformer_config(folder: Path) -> Mapping[str, Any]:
    """Return the config.json of the transformer in a model's folder, or nothing."""
    config = read_json(module_folders(folder)[0] / "config.json")
    return config if isinstance(config, dict) else {}


def check_folder(folder: Path, called: str) -> None:
    """Refuse a folder that holds no text model that can be loaded safely and trained.

    Raises:
        ModelError: the sentence says what is wrong with the model `called` so, and the way out.
    """
    _check_weights(folder, called)
    types = module_types(folder)
    if any(not name.startswith("sentence_transformers.") for name in types):
        raise ModelError(f"base_model: {called} needs code of its own, which the studio never runs; choose another model.")
    if is_static(folder):
        return
    config = transformer_config(folder)
    if any(str(name).endswith("ForSequenceClassification") for name in config.get("architectures") or []):
        raise ModelError(
            f"base_model: {called} is a cross-encoder or classifier, which gives no sentence embeddings; "
            "choose it as judge or teacher, and another base model."
        )
    _check_reads_text(folder, config, called)


def _check_weights(folder: Path, called: str) -> None:
    for part in module_folders(folder):
        if _holds(part, ("*.safetensors",)) or part == folder:
            continue
        if _holds(part, PICKLES):
            raise ModelError(
                f"base_model: {called} keeps part of its weights as pickle ({part.name[:40]}), which can run code; "
                "choose another model, or save it again with safetensors."
            )
    if _holds(folder, ("*.safetensors",)):
        _check_shards(folder, called)
        return
    if _holds(folder, PICKLES):
        raise only_pickles(called)
    raise ModelError(f"base_model: {called} has no safetensors weights; save it again with safetensors, or choose another.")


def only_pickles(called: str) -> ModelError:
    """Return the refusal of a model whose weights are pickles alone."""
    return ModelError(
        f"base_model: {called} has only pickle weights, which can run code when they are read; "
        "choose a model with safetensors weights, or save it again with them."
    )


def _check_shards(folder: Path, called: str) -> None:
    """Look for each file that a large model's weights are spread over."""
    index = read_json(folder / "model.safetensors.index.json") or {}
    missing = {name for name in (index.get("weight_map") or {}).values() if not (folder / str(name)).is_file()}
    if missing and not (folder / "model.safetensors").is_file():
        raise ModelError(f"base_model: {called} lacks {len(missing)} of its weights' files; get or copy it again.")


def _holds(folder: Path, patterns: tuple[str, ...]) -> bool:
    return any(any(folder.glob(f"{deeper}{pattern}")) for pattern in patterns for deeper in ("", "*/"))


def _check_reads_text(folder: Path, config: Mapping[str, Any], called: str) -> None:
    model_type = str(config.get("model_type", ""))
    reads_text = model_type == DATA2VEC_TEXT or model_type.replace("_", "-").partition("-")[0] not in NOT_TEXT
    if not reads_text or any(name.endswith("CLIPModel") for name in module_types(folder)):
        kind = model_type or "CLIP"
        raise ModelError(f"base_model: {called} is no text model ({kind}); choose one that reads sentences, such as BERT.")
    if not _holds(folder, TOKENIZER_FILES):
        raise ModelError(
            f"base_model: {called} has no tokenizer, so it cannot read text; put its tokenizer.json into the folder, "
            "or choose another."
        )
