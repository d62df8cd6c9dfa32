"""The one callback: turns what the trainer does into events, evaluates in between, and hears Stop."""

import math
import time
from collections.abc import Callable
from typing import Any

from sentence_transformers import SentenceTransformer
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from core.checkpoints import BestCheckpoint
from core.errors import DivergenceError
from core.events import StepEvent
from core.run_log import RunLog, Stopped

GROUP_SECONDS = 0.1
RATE_WINDOW_SECONDS = 5.0


class TrainingWatch(TrainerCallback):
    """Writes at most ten step events a second; steps between them are one event with mean, least and greatest loss."""

    def __init__(
        self,
        log: RunLog,
        total_steps: int,
        settings: dict[str, Any],
        evaluate: Callable[[SentenceTransformer, int], dict[str, float]],
        best: BestCheckpoint,
    ) -> None:
        self._log = log
        self._total = total_steps
        self._settings = settings
        self._evaluate = evaluate
        self._best = best
        self._losses: list[float] = []
        self._latest: dict[str, Any] = {}
        self._written_at = 0.0
        self._clock = _StepClock(settings["batch_size"] * settings["gradient_accumulation"])
        self.last_step = 0

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Start the clock when the first batch is fetched."""
        self._clock.start()

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Count the step, and end training after it if somebody pressed Stop."""
        self._log.has_stepped = True
        self.last_step = state.global_step
        self._clock.tick()
        if self._log.stop_wish():
            control.should_training_stop = True
        if self._is_due(state, control):
            # The trainer logs right after this: an evaluation wants the loss of its own step beside it.
            control.should_log = True

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: dict[str, Any], **kwargs: Any
    ) -> None:
        """Take a loss, and evaluate where it is due: the trainer logs after `on_step_end`.

        Raises:
            DivergenceError: the loss or the gradient is no number any more.
        """
        if "loss" not in logs:
            return
        self._take(state, logs)
        if self._is_due(state, control) and self._log.stop_wish() != "skip-scoring":
            self._flush(state)
            self._evaluate_now(kwargs["model"], state.global_step)

    def _is_due(self, state: TrainerState, control: TrainerControl) -> bool:
        """Tell whether this step is evaluated: every so many, and the last one, also when Stop made it the last."""
        return bool(state.global_step % self._settings["eval_every"] == 0 or control.should_training_stop)

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Write the steps that are still held back."""
        self._flush(state)

    def _take(self, state: TrainerState, logs: dict[str, Any]) -> None:
        loss, norm = float(logs["loss"]), float(logs.get("grad_norm") or 0.0)
        # Under fp16 the gradient overflows now and then: the scaler skips that step, and nothing has diverged.
        overflow_is_normal = self._settings["precision"] == "fp16"
        if not math.isfinite(loss) or not (math.isfinite(norm) or overflow_is_normal):
            raise DivergenceError(
                f"Training diverged: the loss is {loss} and the gradient {norm} at step {state.global_step}. "
                "Lower the learning rate and start again."
            )
        self._losses.append(loss)
        self._latest = {
            "grad_norm": round(norm, 6) if math.isfinite(norm) else None,
            "learning_rate": float(logs.get("learning_rate", 0.0)),
        }
        if time.monotonic() - self._written_at >= GROUP_SECONDS:
            self._flush(state)

    def _flush(self, state: TrainerState) -> None:
        if not self._losses:
            return
        rate = self._clock.examples_per_second()
        left = (self._total - state.global_step) * self._clock.seconds_per_step()
        self._log.write(
            StepEvent(
                step=state.global_step,
                total_steps=self._total,
                epoch=round(state.epoch or 0.0, 4),
                loss=sum(self._losses) / len(self._losses),
                loss_min=min(self._losses),
                loss_max=max(self._losses),
                examples_per_second=round(rate, 1),
                seconds_left=round(left, 1),
                steps=len(self._losses),
                **self._latest,
            )
        )
        self._losses, self._written_at = [], time.monotonic()

    def _evaluate_now(self, model: SentenceTransformer, step: int) -> None:
        with self._clock.paused():
            try:
                figures = self._evaluate(model, step)
            except Stopped:
                return
            self._best.consider(model, step, figures)


class _StepClock:
    """Measures steps over the last few seconds; evaluations do not count."""

    def __init__(self, examples_per_step: int) -> None:
        self._examples_per_step = examples_per_step
        self._ticks: list[float] = []
        self._paused_seconds = 0.0

    def _now(self) -> float:
        return time.monotonic() - self._paused_seconds

    def start(self) -> None:
        self._ticks = [self._now()]

    def tick(self) -> None:
        now = self._now()
        self._ticks.append(now)
        while len(self._ticks) > 2 and self._ticks[1] < now - RATE_WINDOW_SECONDS:
            del self._ticks[0]

    def seconds_per_step(self) -> float:
        steps = len(self._ticks) - 1
        return (self._ticks[-1] - self._ticks[0]) / steps if steps > 0 else 0.0

    def examples_per_second(self) -> float:
        seconds = self.seconds_per_step()
        return self._examples_per_step / seconds if seconds > 0 else 0.0

    def paused(self) -> "_Pause":
        return _Pause(self)

    def skip(self, seconds: float) -> None:
        self._paused_seconds += seconds


class _Pause:
    """Takes the time of a `with` block out of a clock."""

    def __init__(self, clock: _StepClock) -> None:
        self._clock = clock

    def __enter__(self) -> None:
        self._began = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self._clock.skip(time.monotonic() - self._began)
