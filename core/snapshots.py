"""When the probes' embeddings are kept while a run trains: at log-spaced steps, as far as a small share of its time goes."""

from typing import Any

import numpy as np
from sentence_transformers import SentenceTransformer

from core.events import SnapshotEvent, read_events
from core.probes import ProbeSnapshots, choose_probes
from core.spaces import snapshot_steps
from core.training_run import TrainingRun

# Training moves most at its beginning, so frames are close there.
MOST_FRAMES, FEWEST_FRAMES = 16, 5
SHARE = 0.04


class LiveSnapshots:
    """Keeps snapshots of one run, or none where it does not want them."""

    def __init__(self, run: TrainingRun) -> None:
        self._log, self._batch = run.log, run.settings["eval_batch_size"]
        self._folder = run.log.run.path / "snapshots"
        self._keeper: ProbeSnapshots | None = None
        self._due: frozenset[int] | None = None
        self._cost = 0.0
        self.seconds = 0.0
        if run.settings["snapshots"]:
            self._probes = choose_probes(run.prepared, run.config.seed)
            self._keeper = ProbeSnapshots(self._folder, self._probes)

    def take_untouched(self, model: SentenceTransformer) -> None:
        """Keep the model as it is before its first step; what that takes tells what the others will."""
        if self._keeper is not None and 0 not in snapshot_steps(self._folder):
            self.take(model, 0)
        # A run that goes on took it in its first turn.
        before = (event["seconds"] for event in read_events(self._log.run.events_path) if event["type"] == "snapshot")
        self._cost = self.seconds or next(before, 0.0)

    def plan(self, total_steps: int, seconds_per_step: float) -> None:
        """Choose the steps, once it is known what a step takes."""
        self._due = film_steps(total_steps, self.affordable(total_steps * seconds_per_step))

    def affordable(self, training_seconds: float) -> int:
        """Return how many frames a training of so many seconds can have."""
        if self._cost <= 0:
            return MOST_FRAMES
        return int(np.clip(SHARE * training_seconds / self._cost, FEWEST_FRAMES, MOST_FRAMES))

    def is_due(self, step: int) -> bool:
        """Tell whether this step is kept."""
        return self._keeper is not None and self._due is not None and step in self._due

    def take(self, model: SentenceTransformer, step: int) -> None:
        """Keep this step's embeddings, and tell so."""
        if self._keeper is None:
            return
        seconds = self._keeper.take(model, step, self._batch)
        self.seconds += seconds
        self._log.write(SnapshotEvent(step, len(self._probes.texts), round(seconds, 4)))

    def take_kept(self, model: SentenceTransformer, step: int) -> None:
        """Keep the step whose weights the run keeps, unless that was done on the way."""
        if step not in snapshot_steps(self._folder):
            self.take(model, step)


def film_steps(total_steps: int, frames: int) -> frozenset[int]:
    """Return up to `frames` steps from 1 to the last, each about the same factor after the one before."""
    spaced: Any = np.geomspace(1, max(1, total_steps), max(2, frames)).round().astype(int)
    return frozenset(spaced.tolist())
