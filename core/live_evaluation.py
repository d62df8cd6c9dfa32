"""Evaluation in the middle of training: how often, on how many pairs, and what comes of it. It has a budget of its own.

At least three points in a run that takes longer than a second; more only as far as a tenth of the training time goes. Where
three rounds over all pairs would cost more, a seeded part of them serves the curve and its dashed line; final scores always
take all.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from core.checkpoints import BestCheckpoint
from core.errors import DivergenceError
from core.events import EvaluationEvent, MeasureEvent
from core.run_log import RunLog

FEW_PAIRS = 300
FEWEST_POINTS, SHARE = 3, 0.1


@dataclass(frozen=True)
class Measurement:
    """What one evaluation found: events to write, the figure that decides which step is kept, and whether the space is gone."""

    events: Sequence[EvaluationEvent | MeasureEvent]
    figure: float | None = None
    collapsed: bool = False


@dataclass(frozen=True)
class Course:
    """How a run is evaluated on its way: `measure(model, step, few)` scores; seconds are what all and few pairs take.

    `few_untouched` is the dashed line of the few pairs, if it is another one than that of all.
    """

    measure: Callable[[Any, int, bool], Measurement]
    seconds: float = 0.0
    seconds_of_few: float = 0.0
    few_untouched: EvaluationEvent | None = None


class LiveEvaluation:
    """Decides when a step is evaluated, evaluates it, and keeps the best."""

    def __init__(self, log: RunLog, settings: dict[str, Any], course: Course, best: BestCheckpoint) -> None:
        self._log, self._settings, self._course, self._best = log, settings, course, best
        self._few = False
        self._costs: list[float] = []
        self.every: int | None = settings["eval_every"]

    @property
    def seconds(self) -> float:
        """Seconds that all evaluations took so far."""
        return sum(self._costs)

    def plan(self, total_steps: int, seconds_per_step: float) -> None:
        """Choose pairs and distance, once the speed of a step is known; a distance that a person set stays."""
        allowed = SHARE * total_steps * seconds_per_step
        can_be_few = self._course.few_untouched is not None
        # Figures of other pairs cannot be compared: a run that goes on keeps those of its earlier turn.
        known = self._best.best.few if self._best.step else FEWEST_POINTS * self._course.seconds > allowed
        self._few = self._best.best.few = can_be_few and known
        if self._few and self._course.few_untouched is not None:
            self._log.write(self._course.few_untouched)
        if self.every is None:
            cost = self._course.seconds_of_few if self._few else self._course.seconds
            affordable = int(allowed / cost) if cost > 0 else total_steps
            points = max(FEWEST_POINTS, min(affordable, self._settings["evaluations"]))
            self.every = max(1, -(-total_steps // points))

    def stretch(self, before: int, after: int) -> None:
        """Keep about as many points where a run of so many steps becomes one of another length; a person's distance stays."""
        if self.every is not None and self._settings["eval_every"] is None:
            self.every = max(1, round(self.every * after / max(1, before)))

    def keep_to_budget(self, step: int, total_steps: int, seconds: float) -> None:
        """Leave out every second point or more of those to come, where they cost more than foreseen; each third keeps one.

        `seconds` are those that the training of this turn takes.
        """
        if self.every is None or self._settings["eval_every"] is not None or len(self._costs) < FEWEST_POINTS - 1:
            return
        left = SHARE * seconds - self.seconds
        # The last step is evaluated in any case.
        points, wider = left / max(min(self._costs), 1e-9) - 1, self.every
        while (total_steps - 1) // wider - step // wider > points and (wider + self.every) * FEWEST_POINTS <= total_steps:
            wider += self.every
        self.every = wider

    def is_due(self, step: int, is_last: bool) -> bool:
        """Tell whether this step is evaluated: every so many, and the last one."""
        return is_last or bool(self.every and step % self.every == 0)

    def evaluate(self, model: Any, step: int) -> bool:
        """Score the model, tell it, keep it if it is the best; tell whether training should end early.

        Raises:
            DivergenceError: the space has collapsed.
            Stopped: somebody pressed Stop twice.
        """
        began = time.monotonic()
        found = self._course.measure(model, step, self._few)
        model.train()
        is_best = self._best.consider(model, step, found.figure) if not found.collapsed else False
        for event in found.events:
            self._log.write(replace(event, best=is_best) if isinstance(event, EvaluationEvent) else event)
        self._costs.append(time.monotonic() - began)
        if found.collapsed:
            raise DivergenceError(
                f"The space has collapsed at step {step}: all texts lie in nearly the same place. "
                "Lower the learning rate, or take larger batches, and start again."
            )
        patience = self._settings["early_stopping"]
        return bool(patience) and self._best.best.worse_in_a_row >= patience
