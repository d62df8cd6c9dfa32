"""What the library's trainers lack: checkpoints with the loss's own weights, and no model card with training sentences."""

from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from transformers import Trainer

from core.checkpoints import load_training_weights, save_training_weights, take_for_latest
from core.team import team_size


class Resumable(Trainer):
    """Mixed into a trainer of sentence-transformers: one checkpoint, `checkpoints/latest`, from which the same run goes on."""

    def add_model_card_callback(self, default_args_dict: dict[str, Any]) -> None:
        """Leave it out."""

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        """Write weights only: tokenizer and configuration are those of the base model."""
        assert output_dir is not None
        save_training_weights(Path(output_dir), _bare(self.model), _bare(self.loss))

    def _load_from_checkpoint(self, checkpoint_path: str, model: Any = None) -> None:
        load_training_weights(Path(checkpoint_path), _bare(self.model), _bare(self.loss))

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        if team_size() > 1:
            # Each process writes its own random numbers beside the rest; then the folder moves.
            dist.barrier()
        if self.args.should_save:
            take_for_latest(Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}")


def _bare(module: torch.nn.Module) -> torch.nn.Module:
    """Return a module out of what several GPUs wrap around it."""
    inner: torch.nn.Module = getattr(module, "module", module)
    return inner
