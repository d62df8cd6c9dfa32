"""What a run changes of its own settings when the memory is too small: the same training in smaller pieces.

`adjusted.json` in the run's folder holds it, so that a resumed run and the page know; `config.json` stays what was asked.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.base_models import STATIC, kind_of
from core.config import SMALLEST_LABEL_BATCH, RunConfig
from core.errors import RunError
from core.files import read_json, write_json
from core.losses import CACHED, loss_spec
from core.runs import RunFolder

ADJUSTED = "adjusted.json"
CHUNK = "mini_batch_size"
FIRST_CHUNK = 32
WHY_HALVED = "the machine's memory was too small for the batch"


def adjustments(run_path: Path) -> dict[str, Any]:
    """Return the settings that a run has changed, without their reason."""
    kept = read_json(run_path / ADJUSTED) or {}
    return {key: value for key, value in kept.items() if key != "why"}


def adjusted_config(config: RunConfig, run_path: Path) -> RunConfig:
    """Return the configuration as it is trained: what was asked, with the run's own changes."""
    return config.model_copy(update=adjustments(run_path))


def make_smaller(run_path: Path, config: RunConfig, settings: Mapping[str, Any], why: str) -> str | None:
    """Write down how the run goes on with less memory, and say it; None where nothing is left to lower.

    A loss whose negatives are the batch's keeps its batch and is reckoned in pieces; any other takes half the batch twice.
    """
    batch = int(settings["batch_size"])
    if config.kind == "train" and config.loss in {*CACHED, *CACHED.values()} and not _is_static(config, run_path):
        chunk = int(config.loss_params.get(CHUNK, min(FIRST_CHUNK * 2, batch))) // 2
        if chunk < 1:
            return None
        changed: dict[str, Any] = {
            "loss": CACHED.get(config.loss, config.loss),
            "loss_params": dict(config.loss_params) | {CHUNK: float(chunk)},
        }
        said = f"the same batch of {batch}, reckoned {chunk} at a time ({changed['loss']})"
    else:
        half = half_of(config, batch)
        if half == batch:
            return None
        changed = {"batch_size": half, "gradient_accumulation": 2 * int(settings["gradient_accumulation"])}
        said = f"batches of {half}, {changed['gradient_accumulation']} to a step"
    write_json(run_path / ADJUSTED, adjustments(run_path) | changed | {"why": why})
    return said


def _is_static(config: RunConfig, run_path: Path) -> bool:
    return kind_of(config.base_model, RunFolder(run_path).runs_dir) == STATIC


def halve_batch_of(run: RunFolder) -> None:
    """Write half of a run's batch size and twice its accumulation into its `adjusted.json`; halved again, a quarter.

    Raises:
        RunError: the batch is as small as the loss allows, or not settled yet.
        OSError: the file cannot be written.
    """
    adjusted, settings = read_json(run.path / ADJUSTED) or {}, run.resolved().get("settings", {})
    size, accumulated = (
        adjusted.get(key) or settings.get(key, {}).get("value") for key in ("batch_size", "gradient_accumulation")
    )
    half = half_of(run.config(), size or 0)
    if not half < (size or 0):
        way_out = "start it again with a smaller base_model or max_seq_length"
        raise RunError(f"The batch of run {run.id} ({size or 'not settled yet'}) cannot be halved; {way_out}.")
    halved = {"batch_size": half, "gradient_accumulation": 2 * (accumulated or 1), "why": WHY_HALVED}
    write_json(run.path / ADJUSTED, adjusted | halved)


def half_of(config: RunConfig, size: int) -> int:
    """Return half a batch, but no less than the loss needs: 2 with negatives from the batch, two of each class by label."""
    spec = loss_spec(config.loss)
    if config.kind == "train" and spec.by_label:
        return max(SMALLEST_LABEL_BATCH, size // 4 * 2)
    return max(2 if config.kind == "train" and spec.in_batch_negatives else 1, size // 2)
