"""How fast steps are, over the last few seconds; what is not training does not count."""

import time

RATE_WINDOW_SECONDS = 5.0


class StepClock:
    """Measures steps; evaluations and checkpoints are paused out."""

    def __init__(self, examples_per_step: int) -> None:
        self._examples_per_step = examples_per_step
        self._ticks: list[float] = []
        self._paused_seconds = 0.0
        self._paused_at: float | None = None
        self._began = self._flushed = 0.0
        self.steps = 0

    def _now(self) -> float:
        return time.monotonic() - self._paused_seconds

    @property
    def seconds(self) -> float:
        """Seconds of training so far."""
        return self._now() - self._began

    def start(self) -> None:
        """Begin."""
        self._began = self._flushed = self._now()
        self._ticks = [self._began]

    def tick(self) -> None:
        """Count a step."""
        now = self._now()
        self.steps += 1
        self._ticks.append(now)
        while len(self._ticks) > 2 and self._ticks[1] < now - RATE_WINDOW_SECONDS:
            del self._ticks[0]

    def seconds_per_step(self) -> float:
        """Return the mean over the window; the first step, which warms the machine up, only counts while it is alone."""
        ticks = self._ticks[1:] if self.steps > 2 and self._ticks[0] == self._began else self._ticks
        steps = len(ticks) - 1
        return (ticks[-1] - ticks[0]) / steps if steps > 0 else 0.0

    def examples_per_second(self) -> float:
        """Return the examples that a second sees."""
        seconds = self.seconds_per_step()
        return self._examples_per_step / seconds if seconds > 0 else 0.0

    def since_last_flush(self) -> float:
        """Return the seconds of training since this was asked last."""
        before, self._flushed = self._flushed, self._now()
        return self._flushed - before

    def pause(self) -> None:
        """Leave out what comes now."""
        if self._paused_at is None:
            self._paused_at = time.monotonic()

    def resume(self) -> float:
        """Count again; return how long the pause was."""
        if self._paused_at is None:
            return 0.0
        pause, self._paused_at = time.monotonic() - self._paused_at, None
        self._paused_seconds += pause
        return pause
