"""The work of a folder whose kind is `score`: measure one model on one evaluation set."""

from pathlib import Path
from typing import Any

import numpy as np
from sentence_transformers import SentenceTransformer

from core.base_models import kind_of
from core.config import RunConfig
from core.evaluation import EvaluationSet, embed_pairs, figures_of, load_evaluation_set, pair_values, score_model, write_score
from core.machine import Machine, read_machine
from core.models import load_model, model_fingerprint
from core.run_log import RunLog, Stopped
from core.settings import settle, settled_values


def score(log: RunLog) -> None:
    """Score `base_model` on `data`/`split` in fp32 and keep the record as the folder's "after".

    Raises:
        DataError: the pairs are not here.
        ModelError: the model is not here.
    """
    config, runs_dir, machine = log.run.config(), log.run.runs_dir, read_machine(log.run.runs_dir)
    pairs = load_evaluation_set(config.data, config.split, log.places)
    batch = evaluation_batch(config, machine, runs_dir)
    log.enter("evaluating", f"Scoring {config.base_model} on {pairs.id}")
    scoring = Scoring(log, pairs, batch)
    try:
        record = score_model(
            model_fingerprint(config, runs_dir, config.seed),
            pairs,
            runs_dir,
            lambda: scoring.figures(load_model(config, runs_dir, machine.device, config.seed)),
            scoring.values,
        )
    except Stopped:
        log.end("stopped", "Stopped before the score was whole.")
        return
    write_score(log.run.path, "after", record)
    log.end("done", f"Scored on {pairs.id}")


def evaluation_batch(config: RunConfig, machine: Machine, runs_dir: Path) -> int:
    """Return how many texts the base model embeds at a time on this machine.

    Raises:
        ModelError: it is not here.
    """
    settled = settle(config, kind_of(config.base_model, runs_dir), machine, runs_dir=runs_dir)
    return int(settled_values(settled)["eval_batch_size"])


class Scoring:
    """One scoring of pairs that can be watched and stopped: the figures first, then what the record holds of each pair."""

    def __init__(self, log: RunLog, pairs: EvaluationSet, batch_size: int, phase: str = "Scoring") -> None:
        self._log, self._pairs, self._batch_size, self._phase = log, pairs, batch_size, phase
        self._sides: tuple[np.ndarray, np.ndarray] | None = None

    def figures(self, model: SentenceTransformer) -> dict[str, float]:
        """Return the ten figures.

        Raises:
            DataError: the gold scores are no use.
            DivergenceError: as of `figures_of`.
            Stopped: somebody pressed Cancel.
        """
        self._sides = embed_pairs(model, self._pairs, self._batch_size, self._between)
        return figures_of(model, self._pairs, *self._sides)

    def values(self) -> dict[str, Any]:
        """Return the cosines and gold scores of what was scored just now."""
        assert self._sides is not None
        return dict(pair_values(self._pairs, *self._sides))

    def _between(self, done: int, total: int) -> None:
        self._log.raise_if_stopped()
        self._log.progress(self._phase, done, total)
