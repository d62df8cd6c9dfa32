"""What every process of a run needs besides the leader's watch: the epoch, the loss's own gradients, the leader's decisions."""

from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from core.loss_building import FreshNoise
from core.team import Decision, agreed, help_out, share_gradients
from core.time_budget import bend


class EpochTeller(TrainerCallback):
    """Tells texts that are damaged anew each epoch, and the sampler, which one it is.

    The library tells the sampler itself, but does not reach it where several processes share its batches in a run that goes on.
    """

    def on_epoch_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Tell it before the first batch is made."""
        loader, epoch = kwargs.get("train_dataloader"), int(state.epoch or 0)
        noise = getattr(getattr(loader, "dataset", None), "format", {}).get("format_kwargs", {}).get("transform")
        if isinstance(noise, FreshNoise):
            noise.epoch = epoch
        sampler = getattr(loader, "batch_sampler", None)
        while sampler is not None and not hasattr(sampler, "set_epoch"):
            sampler = getattr(sampler, "batch_sampler", None)
        if sampler is not None:
            sampler.set_epoch(epoch)


class SharedLoss(TrainerCallback):
    """Averages the gradients of a loss's own weights (a classifier, a second model) over the processes."""

    def __init__(self, model: torch.nn.Module, loss: torch.nn.Module) -> None:
        of_the_model = {id(weights) for weights in model.parameters()}
        self._own = [weights for weights in loss.parameters() if id(weights) not in of_the_model and weights.requires_grad]

    def on_pre_optimizer_step(self, *_: Any, **__: Any) -> None:
        """Do so when a step's gradients are whole."""
        share_gradients(self._own)


class Following(TrainerCallback):
    """Does what the leader decided."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings = settings
        self._evaluates = False

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Hear the decision and follow it."""
        decision: Decision = agreed()
        self._evaluates = decision.evaluate
        control.should_training_stop, control.should_save, control.should_log = decision.stop, decision.save, decision.log
        if decision.steps is not None and decision.steps != state.max_steps:
            bend(state, kwargs["lr_scheduler"], decision.steps, self._settings)

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Help with the evaluation that comes with this line, if one does."""
        state.log_history.clear()
        if self._evaluates:
            self._evaluates = False
            control.should_training_stop = help_out(kwargs["model"])
