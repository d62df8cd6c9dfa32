"""What is kept of the weights while a run goes on, and the finished model."""

import json
import os
import shutil
from pathlib import Path

from safetensors.torch import save
from sentence_transformers import SentenceTransformer

from core.files import replace_file
from core.models import load_weights


class BestCheckpoint:
    """Keeps the weights of the step with the best evaluation figure, or of none with `best_by` = "last"."""

    def __init__(self, folder: Path, best_by: str) -> None:
        self._path = folder / "best.safetensors"
        self._best_by = best_by
        self.step = 0
        self.figure = float("-inf")

    def consider(self, model: SentenceTransformer, step: int, figures: dict[str, float]) -> None:
        """Keep these weights if their figure is the best so far; a write that fails leaves the earlier ones."""
        if self._best_by == "last" or figures[self._best_by] <= self.figure:
            return
        replace_file(
            self._path, save({name: weights.detach().cpu().contiguous().clone() for name, weights in model.state_dict().items()})
        )
        self.step, self.figure = step, figures[self._best_by]

    def restore(self, model: SentenceTransformer, last_step: int) -> str:
        """Put the best weights back into the model, and say in a sentence which step's they are."""
        if not self.step or self.step == last_step:
            return f"Keeping the model as it is after step {last_step}."
        load_weights(model, self._path)
        return f"Keeping step {self.step} of {last_step}, the best by {self._best_by} ({self.figure:.4f})."


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
