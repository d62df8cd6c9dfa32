"""The one callback: turns what the trainer does into events, evaluates in between, keeps checkpoints, and hears Stop."""

import math
import time
from typing import Any, NamedTuple

from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from core.errors import DivergenceError
from core.events import NoticeEvent, StepEvent
from core.live_evaluation import LiveEvaluation
from core.run_log import RunLog, Stopped
from core.sampling import BatchMeter
from core.snapshots import LiveSnapshots
from core.step_clock import StepClock
from core.team import Decision, agreed, helped, team_size
from core.time_budget import TimeBudget
from core.training_run import TrainingRun

GROUP_SECONDS = 0.1
# A checkpoint a minute, and never more than a twentieth of the time.
CHECKPOINT_SECONDS, CHECKPOINT_SHARE = 60.0, 0.05
# The first steps are slower than the rest: of these many the speed is read.
SPEED_STEPS, SPEED_SECONDS = 4, 1.0


class Watched(NamedTuple):
    """What a run is watched with: where it tells, how it is scored, its meter of tokens; its budget of time and film, if any."""

    log: RunLog
    evaluation: LiveEvaluation
    meter: BatchMeter
    budget: TimeBudget | None
    snapshots: LiveSnapshots | None


class Watching(NamedTuple):
    """What a run is scored with, filmed with and ended by, where it is."""

    evaluation: LiveEvaluation
    snapshots: LiveSnapshots | None = None
    budget: TimeBudget | None = None


def watch_over(trainer: Trainer, run: TrainingRun, watching: Watching) -> "TrainingWatch":
    """Put the callback and the meter of tokens into a trainer, and return the callback."""
    meter = BatchMeter(trainer.data_collator)
    trainer.data_collator = meter
    watched = Watched(run.log, watching.evaluation, meter, watching.budget, watching.snapshots)
    watch = TrainingWatch(watched, run.settings, run.total_steps)
    trainer.add_callback(watch)
    return watch


class TrainingWatch(TrainerCallback):
    """Writes at most ten step events a second; steps between them are one event with mean, least and greatest loss."""

    def __init__(self, watched: Watched, settings: dict[str, Any], total_steps: int) -> None:
        self._log, self._evaluation, self._meter, self._budget, self._snapshots = watched
        self._settings = settings
        self._total = total_steps
        self._losses: list[float] = []
        self._latest: dict[str, Any] = {}
        self._written_at = 0.0
        self._saved_at, self._saving = time.monotonic(), 0.0
        self._planned = False
        self._clock = StepClock(settings["batch_size"] * settings["gradient_accumulation"] * team_size())
        self.last_step = 0
        self.ended_early = ""
        self.live_seconds = 0.0

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Start the clock when the first batch is fetched."""
        self.last_step = state.global_step
        self._clock.start()
        self._meter.take()

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Count the step; plan once the speed is known; end training after it where somebody or the budget says so."""
        self._log.has_stepped = True
        self.last_step = state.global_step
        self._clock.tick()
        if self._snapshots is not None:
            self._film(self._snapshots, kwargs["model"], state.global_step)
        self._look_at_plan(state, kwargs.get("lr_scheduler"))
        if self._log.stop_wish():
            control.should_training_stop = control.should_save = True
        elif self._budget and self._budget.is_over():
            control.should_training_stop = True
        if control.should_training_stop and not self._planned:
            self._plan(state, None)
        if self._wants_checkpoint(state) and not control.should_training_stop:
            control.should_save = True
        is_due = self._is_due(state, control)
        if is_due or control.should_save:
            # The trainer logs right after this, and then saves: an evaluation wants the loss of its own step beside it, and
            # the clock is stopped there.
            control.should_log = True
        stops, saves, logs = bool(control.should_training_stop), bool(control.should_save), bool(control.should_log)
        agreed(Decision(stops, saves, logs, is_due, state.max_steps))

    def _film(self, snapshots: LiveSnapshots, model: Any, step: int) -> None:
        """Keep the probes' embeddings where they are due; that is no part of the speed."""
        if self._clock.steps == 1:
            seconds = self._clock.seconds_per_step()
            steps = int(self._settings["time_budget_seconds"] / seconds) if self._budget and seconds > 0 else self._total
            snapshots.plan(min(steps, self._total), seconds)
        if snapshots.is_due(step):
            self._clock.pause()
            snapshots.take(model, step)
            model.train()
            self._clock.resume()

    def _look_at_plan(self, state: TrainerState, scheduler: Any) -> None:
        """Plan once the speed can be read, for the learning rate's sake a first time after the first step; then keep to it."""
        if self._planned:
            self._keep_to_plan(state, scheduler)
            return
        is_known = self._clock.steps >= SPEED_STEPS and self._clock.seconds >= SPEED_SECONDS
        if is_known or self._evaluation.is_due(state.global_step, is_last=False):
            self._plan(state, scheduler)
        elif self._budget is not None and self._clock.steps == 1:
            # The first step is slower than the rest.
            self._budget.plan(state, scheduler, self._clock.seconds_per_step() / SPEED_STEPS)

    def _keep_to_plan(self, state: TrainerState, scheduler: Any) -> None:
        total = self._budget.keep_to(state, scheduler, self._clock.seconds_per_step()) if self._budget else self._total
        if total != self._total:
            self._log.write(NoticeEvent(f"A step takes another time than before: {total:,} steps fit into what was given"))
            self._evaluation.stretch(self._total, total)
            self._total = total

    def _plan(self, state: TrainerState, scheduler: Any) -> None:
        self._planned = True
        if self._budget is not None:
            if scheduler is not None:
                self._total = self._budget.plan(state, scheduler, self._clock.seconds_per_step())
                self._log.write(NoticeEvent(f"{self._total:,} steps fit into the time that was given"))
            else:
                self._total = state.global_step
        self._evaluation.plan(self._total, self._clock.seconds_per_step())

    def _is_due(self, state: TrainerState, control: TrainerControl) -> bool:
        return self._evaluation.is_due(state.global_step, bool(control.should_training_stop))

    def _wants_checkpoint(self, state: TrainerState) -> bool:
        if self._settings["save_every"]:
            return bool(state.global_step % self._settings["save_every"] == 0)
        return time.monotonic() - self._saved_at > max(CHECKPOINT_SECONDS, self._saving / CHECKPOINT_SHARE)

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Take the time that a checkpoint took out of the speed, and wait longer for the next one the longer it took."""
        self._saving = self._clock.resume()
        self._saved_at = time.monotonic()

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: dict[str, Any], **kwargs: Any
    ) -> None:
        """Take a loss, and evaluate where it is due: the trainer logs after `on_step_end`.

        Raises:
            DivergenceError: the loss or the gradient is no number any more, or the space has collapsed.
        """
        began = time.monotonic()
        # The library keeps every line it logged, in memory and in each checkpoint; ours are in the events.
        state.log_history.clear()
        if "loss" in logs:
            self._take(state, logs)
            self.live_seconds += time.monotonic() - began
            if self._is_due(state, control):
                with helped(kwargs["model"], lambda: bool(control.should_training_stop)):
                    self._evaluate_now(kwargs["model"], state, control)
        if control.should_save:
            self._clock.pause()

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
        # With a budget of time nobody knows yet how many steps there will be.
        if not self._losses or (self._budget is not None and not self._planned):
            return
        seconds, (tokens, padding) = self._clock.since_last_flush(), self._meter.take()
        self._log.write(
            StepEvent(
                step=state.global_step,
                total_steps=self._total,
                epoch=round(state.epoch or 0.0, 4),
                loss=sum(self._losses) / len(self._losses),
                loss_min=min(self._losses),
                loss_max=max(self._losses),
                examples_per_second=round(self._clock.examples_per_second(), 1),
                seconds_left=round(max(0, self._total - state.global_step) * self._clock.seconds_per_step(), 1),
                steps=len(self._losses),
                tokens_per_second=round(tokens / seconds, 1) if tokens and seconds > 0 else None,
                padding=round(padding, 4) if padding is not None else None,
                **self._latest,
            )
        )
        self._losses, self._written_at = [], time.monotonic()

    def _evaluate_now(self, model: Any, state: TrainerState, control: TrainerControl) -> None:
        if self._log.stop_wish() == "skip-scoring":
            return
        self._flush(state)
        self._clock.pause()
        try:
            if self._evaluation.evaluate(model, state.global_step) and not control.should_training_stop:
                self.ended_early = f"no evaluation was better for {self._settings['early_stopping']} in a row"
                control.should_training_stop = True
        except Stopped:
            return
        finally:
            self._clock.resume()
        seconds = (self._clock.steps + self._total - state.global_step) * self._clock.seconds_per_step()
        self._evaluation.keep_to_budget(state.global_step, self._total, seconds)
