"""Training for so many seconds: the number of steps is set once the speed is known, with a reserve to score and to save."""

import math
import time
from typing import Any

from transformers import TrainerState, get_scheduler

# Before the speed is known: more steps than any budget has.
UNKNOWN_STEPS = 10_000_000
# What a machine that slows down on the way may take more.
CAUTION = 0.95
# The plan is made anew where a step has become so much slower or quicker, and at most so often.
ASTRAY, AGAIN_SECONDS = 0.1, 1.0


class TimeBudget:
    """`seconds` from `began` (on the monotonic clock) on, of which `reserve` seconds are for what comes after the last step."""

    def __init__(self, seconds: float, began: float, reserve: float, settings: dict[str, Any]) -> None:
        self._deadline = began + seconds - reserve
        self._settings = settings
        self._planned_at, self._pace = 0.0, 0.0
        # After which step how many steps were planned: what the learning rate was bent to.
        self.planned: list[tuple[int, int]] = []

    def is_over(self) -> bool:
        """Tell whether only the reserve is left."""
        return time.monotonic() > self._deadline

    def plan(self, state: TrainerState, scheduler: Any, seconds_per_step: float) -> int:
        """Set the number of steps and bend the learning rate's schedule to it; return the number.

        A tenth is kept for evaluations on the way.
        """
        left = max(0.0, self._deadline - time.monotonic()) * CAUTION
        more = int(left / (1.1 * seconds_per_step)) if seconds_per_step > 0 else 1
        total: int = state.global_step + max(1, more)
        if self._settings["max_steps"]:
            total = max(state.global_step, min(total, self._settings["max_steps"]))
        bend(state, scheduler, total, self._settings)
        self.planned.append((state.global_step, total))
        self._planned_at, self._pace = time.monotonic(), seconds_per_step
        return total

    def keep_to(self, state: TrainerState, scheduler: Any, seconds_per_step: float) -> int:
        """Plan again where the machine has become slower or quicker than it was; return the number of steps."""
        total: int = state.max_steps
        now = time.monotonic()
        astray = abs(seconds_per_step - self._pace) > ASTRAY * self._pace
        # Where not one more step fits, the end is here, and there is nothing left to plan.
        fits = self._deadline - now > seconds_per_step
        if astray and fits and state.global_step < total and now - self._planned_at > AGAIN_SECONDS:
            return self.plan(state, scheduler, seconds_per_step)
        return total


def bend(state: TrainerState, scheduler: Any, total: int, settings: dict[str, Any]) -> None:
    """Let training end after `total` steps, and the learning rate's schedule with it."""
    state.max_steps = total
    bent, warmup = getattr(scheduler, "scheduler", scheduler), settings["warmup"]
    warm_steps = math.ceil(total * warmup) if warmup < 1 else int(warmup)
    rates = [group["lr"] for group in bent.optimizer.param_groups]
    bent.lr_lambdas = get_scheduler(
        settings["scheduler"], bent.optimizer, num_warmup_steps=warm_steps, num_training_steps=total
    ).lr_lambdas
    # Building a schedule sets the optimizer back to its start; the next step of the old one takes it on from here.
    for group, rate in zip(bent.optimizer.param_groups, rates, strict=True):
        group["lr"] = rate
