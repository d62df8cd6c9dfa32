"""What is kept of a run while it goes on: the best weights, a checkpoint to go on from, and the finished model."""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save
from sentence_transformers import SentenceTransformer

from core.files import read_json, replace_file, write_json
from core.models import load_weights

LATEST, WEIGHTS = "latest", "training.safetensors"


@dataclass
class Best:
    """The best step so far by its figure, how many evaluations in a row were no better since, and whether few pairs decide."""

    step: int = 0
    figure: float = float("-inf")
    worse_in_a_row: int = 0
    few: bool = False


class BestCheckpoint:
    """Keeps the weights of the step with the best evaluation figure, or of none with `best_by` = "last"."""

    def __init__(self, folder: Path, best_by: str) -> None:
        self._path, self._notes = folder / "best.safetensors", folder / "best.json"
        self._best_by = best_by
        known = read_json(self._notes)
        # A resumed run goes on from the best of its earlier turns.
        self.best = Best(**known) if isinstance(known, dict) and self._path.is_file() else Best()

    @property
    def step(self) -> int:
        """The best step so far, 0 before there is one."""
        return self.best.step

    def consider(self, model: SentenceTransformer, step: int, figure: float | None) -> bool:
        """Keep these weights if their figure is the best so far, and tell so; a write that fails leaves the earlier ones."""
        # A run that goes on reads again what lies between its checkpoint and its best step.
        if self._best_by == "last" or figure is None or (self.step and step <= self.step):
            return False
        is_better = figure > self.best.figure
        if is_better:
            weights = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in model.state_dict().items()}
            replace_file(self._path, save(weights))
            self.best = Best(step, figure, few=self.best.few)
        else:
            self.best.worse_in_a_row += 1
        write_json(self._notes, asdict(self.best))
        return is_better

    def restore(self, model: SentenceTransformer, last_step: int) -> str:
        """Put the best weights back into the model, and say in a sentence which step's they are."""
        if not self.step or self.step == last_step:
            return f"Keeping the model as it is after step {last_step}."
        load_weights(model, self._path)
        return f"Keeping step {self.step} of {last_step}, the best by {self._best_by} ({self.best.figure:.4f})."

    def forget(self) -> None:
        """Remove what was kept: the finished model holds the best weights."""
        self._path.unlink(missing_ok=True)
        self._notes.unlink(missing_ok=True)


def _named_tensors(modules: Mapping[str, torch.nn.Module]) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield every tensor of some modules once, shared ones under the first name that they have."""
    whole = torch.nn.ModuleDict(dict(modules))
    yield from whole.named_parameters()
    yield from whole.named_buffers()


def save_training_weights(folder: Path, model: torch.nn.Module, loss: torch.nn.Module) -> None:
    """Write the weights of the model and those that are the loss's own (a classifier, a decoder, a second model)."""
    named = _named_tensors({"model": model, "loss": loss})
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in named}
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(folder / WEIGHTS, save(tensors))


def load_training_weights(folder: Path, model: torch.nn.Module, loss: torch.nn.Module) -> None:
    """Put the weights of a checkpoint back into the model and its loss, in place."""
    with safe_open(str(folder / WEIGHTS), framework="pt") as kept, torch.no_grad():
        for name, tensor in _named_tensors({"model": model, "loss": loss}):
            tensor.copy_(kept.get_tensor(name))


def latest_checkpoint(run_path: Path) -> Path | None:
    """Return the checkpoint that a run goes on from, or None; what a killed worker left half written is removed."""
    folder = run_path / "checkpoints"
    latest, before = folder / LATEST, folder / f".{LATEST}"
    if not latest.is_dir() and before.is_dir():
        before.replace(latest)
    for rest in (before, *folder.glob("checkpoint-*")):
        shutil.rmtree(rest, ignore_errors=True)
    return latest if (latest / WEIGHTS).is_file() and (latest / "trainer_state.json").is_file() else None


def step_of(checkpoint: Path) -> int:
    """Return the step after which a checkpoint was written."""
    return int((read_json(checkpoint / "trainer_state.json") or {}).get("global_step", 0))


def take_for_latest(written: Path) -> None:
    """Put a whole checkpoint in the place of the latest one; at every moment one of the two is there."""
    latest, before = written.with_name(LATEST), written.with_name(f".{LATEST}")
    shutil.rmtree(before, ignore_errors=True)
    if latest.is_dir():
        latest.replace(before)
    written.replace(latest)
    shutil.rmtree(before, ignore_errors=True)


def forget_checkpoints(run_path: Path) -> None:
    """Remove the checkpoint to go on from: the run has reached its end."""
    for name in (LATEST, f".{LATEST}"):
        shutil.rmtree(run_path / "checkpoints" / name, ignore_errors=True)


def save_model(model: SentenceTransformer, folder: Path) -> None:
    """Save a model as safetensors beside its place and move it there; a half-saved one is never found."""
    beside = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    try:
        model.save(str(beside), create_model_card=False, safe_serialization=True)
        _drop_the_library_card(beside)
        if folder.exists():
            shutil.rmtree(folder)
        beside.replace(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _drop_the_library_card(folder: Path) -> None:
    (folder / "README.md").unlink(missing_ok=True)
    # A saved model that cannot be read again is worth nothing: fail now, while the weights are in memory.
    json.loads((folder / "modules.json").read_text())
