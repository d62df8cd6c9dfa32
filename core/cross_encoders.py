"""Cross-encoders: both texts at once, one score. They score silver pairs, mined negatives and margins."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from sentence_transformers import CrossEncoder

from core.config import PREVIOUS
from core.errors import ModelError, is_disk_full
from core.files import read_json
from core.runs import RUN_ID

BATCH, CHUNK_PAIRS = 64, 512
Told = Callable[[int, int], None]


def cross_encoder_folder(name: str, runs_dir: Path) -> Path:
    """Return the folder of a finished run's cross-encoder (`run:<id>`), or the one that is named.

    Raises:
        ModelError: the run is not here, or has not finished.
    """
    if name == PREVIOUS:
        raise ModelError("The cross-encoder is made by this recipe's first run; start it first, or name a cross-encoder's run.")
    if not name.startswith("run:"):
        try:
            return Path(name).expanduser()
        except (RuntimeError, ValueError):
            raise ModelError(
                f"'{name[:60]}' is no folder of this machine; choose a cross-encoder's run, or its folder."
            ) from None
    run_id = name.removeprefix("run:")
    folder = runs_dir / run_id / "model"
    if not RUN_ID.fullmatch(run_id) or not folder.is_dir():
        raise ModelError(f"'{name[:60]}' has no finished model; choose a cross-encoder's run, or its folder.")
    return folder


def load_cross_encoder(name: str, runs_dir: Path, device: str, field: str) -> CrossEncoder:
    """Load a trained cross-encoder, safetensors only, without a network; `field` is the setting that named it.

    Raises:
        ModelError: it is not there, or gives something else than one score.
    """
    folder = cross_encoder_folder(name, runs_dir)
    if not _has_a_head(folder):
        # The library would put a new head on any transformer, whose scores mean nothing.
        raise ModelError(f"{field}: '{name[:60]}' is no cross-encoder's folder with safetensors; choose another.")
    try:
        found = CrossEncoder(
            str(folder), device=device, local_files_only=True, trust_remote_code=False, model_kwargs={"use_safetensors": True}
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        if is_disk_full(error):
            raise
        raise ModelError(
            f"{field}: '{name[:60]}' is no cross-encoder's folder with safetensors ({type(error).__name__}); choose another."
        ) from error
    if found.num_labels != 1:
        raise ModelError(f"{field}: '{name[:60]}' names one of {found.num_labels} classes; choose a cross-encoder of one score.")
    return found


def _has_a_head(folder: Path) -> bool:
    try:
        config = read_json(folder / "config.json")
    except OSError:  # a name too long to be one
        return False
    architectures = (config.get("architectures") or []) if isinstance(config, dict) else []
    return any(str(name).endswith("ForSequenceClassification") for name in architectures)


def score_jointly(
    encoder: CrossEncoder, pairs: Sequence[tuple[str, str]], told: Told, *, logits: bool = False, precision: str = "fp32"
) -> np.ndarray:
    """Return the scores of pairs of texts, (pairs,) in 0..1, or the logits in front of the sigmoid.

    `told` hears before each chunk how many are done, and may raise to leave. A `precision` of bf16 is for labelling, never for
    a stored score.
    """
    activation = torch.nn.Identity() if logits else torch.nn.Sigmoid()
    encoder.eval()
    parts = []
    for start in range(0, len(pairs), CHUNK_PAIRS):
        told(start, len(pairs))
        with torch.autocast(encoder.device.type, dtype=torch.bfloat16, enabled=precision == "bf16"):
            scores = encoder.predict(
                list(pairs[start : start + CHUNK_PAIRS]),
                batch_size=BATCH,
                activation_fn=activation,
                convert_to_tensor=True,
                show_progress_bar=False,
            )
        parts.append(scores.float().cpu().numpy())
    return np.concatenate(parts)
