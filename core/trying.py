"""The work of a folder whose kind is `try`: typed texts, each against each, under the untouched model and a tuned one."""

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from core.errors import DivergenceError
from core.files import write_json
from core.machine import read_machine
from core.models import load_model, load_plain
from core.quick_jobs import typed_texts

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from core.run_log import RunLog


def try_texts(log: "RunLog") -> None:
    """Compare the typed texts by the base model as configured, and by `mining.model` as it is, where one is named.

    Raises:
        ConfigError: there are fewer than two texts.
        ModelError: one of the models is not here.
        DivergenceError: a model gives embeddings that are no numbers.
    """
    config, runs_dir, device = log.run.config(), log.run.runs_dir, read_machine(log.run.runs_dir).device
    texts, against, began = typed_texts(config), config.mining.model, time.monotonic()
    log.enter("loading", "Reading the texts")
    log.progress("Reading the texts", 0, 2 if against else 1)
    before = cosine_matrix(load_model(config, runs_dir, device, config.seed), texts)
    after = None
    if against:
        log.progress("Reading the texts", 1, 2)
        after = cosine_matrix(load_plain(against, runs_dir, device), texts)
    answer: dict[str, Any] = {"texts": texts, "model": config.base_model, "against": against, "before": before, "after": after}
    write_json(log.run.path / "tried.json", answer | {"seconds": round(time.monotonic() - began, 3)})
    log.end("done", f"Compared {len(texts)} texts")


def cosine_matrix(model: "SentenceTransformer", texts: list[str]) -> list[list[float]]:
    """Return the cosines of all texts, (texts, texts) in −1..1 to three decimals; each gets the prompt of a query.

    Raises:
        DivergenceError: the embeddings are no numbers.
    """
    vectors = np.asarray(model.encode(texts, normalize_embeddings=True, show_progress_bar=False))
    if not np.isfinite(vectors).all():
        raise DivergenceError("The model gives embeddings that are no numbers: it has diverged. Choose another model or run.")
    # Adding zero turns −0.0 into 0.0.
    cosines: list[list[float]] = (np.clip(vectors @ vectors.T, -1, 1).round(3) + 0.0).tolist()
    return cosines
