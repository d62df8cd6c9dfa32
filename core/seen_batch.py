"""A batch as its loss sees it: embedded column by column, and laid out by what the loss compares."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from sentence_transformers.util import batch_to_device

from core.batch_view import Batch, BatchView, Floats, unit
from core.config import RunConfig
from core.errors import DivergenceError
from core.examples import BINARY_PAIRS, CLASS_PAIRS, DAMAGED_PAIRS, LABELLED_TEXTS, SCORED_PAIRS, text_roles
from core.false_negatives import right_answers
from core.loss_building import build_dataset
from core.losses import loss_spec
from core.models import load_plain
from core.prompts import prompt_for
from core.ranking_view import AGAIN_WORDS, COPY_WORDS, Ranking, guided, ranking_view
from core.shape_views import (
    binary_view,
    class_pairs_view,
    classes_view,
    diagonal_view,
    margins_view,
    scored_view,
    triplets_view,
)

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from core.training_run import TrainingRun

TEXTS_AT_ONCE = 64


def view_of(run: "TrainingRun", examples: pd.DataFrame, classes: Mapping[str, str] | None) -> BatchView:
    """Return what the run's loss sees of the batch that `run.examples` holds.

    `examples` are all there are, from which right answers are known; `classes` the class of each text, where texts have one.

    Raises:
        DivergenceError: the embeddings are no numbers.
        ConfigError: the teacher does not fit.
        ModelError: the teacher is not here.
    """
    spec, config, shape = loss_spec(run.config.loss), run.config, run.prepared.shape
    if spec.in_batch_negatives:
        return _ranking(run, examples, classes) if "anchor" in run.examples else _texts_ranking(run)
    batch = embed(run)
    if shape in SHAPE_VIEWS:
        return SHAPE_VIEWS[shape](batch, config, list(run.prepared.report.get("class_names", ())))
    if spec.id == "triplet":
        return triplets_view(batch, parameter(config, "triplet_margin"))
    return _taught(run, batch)


def parameter(config: RunConfig, name: str) -> float:
    """Return a parameter of the loss as it is set, or 0 for a loss that has none of that name."""
    known = {each.name: each.default for each in loss_spec(config.loss).parameters}
    return config.loss_params.get(name, known.get(name, 0.0))


ShapeView = Callable[[Batch, RunConfig, list[str]], BatchView]
# Shapes that only one kind of loss takes.
SHAPE_VIEWS: Mapping[str, ShapeView] = MappingProxyType(
    {
        LABELLED_TEXTS: lambda batch, config, names: classes_view(batch, config.loss, parameter(config, "margin"), names),
        CLASS_PAIRS: lambda batch, _, names: class_pairs_view(batch, names),
        BINARY_PAIRS: lambda batch, config, _: binary_view(batch, config.loss, parameter(config, "margin")),
        SCORED_PAIRS: lambda batch, config, _: scored_view(batch, config.loss, parameter(config, "scale")),
        DAMAGED_PAIRS: lambda batch, _, __: diagonal_view(batch, ("damaged", "original"), "the damaged text's own", None),
    }
)


def embed(run: "TrainingRun") -> Batch:
    """Embed the text columns of the batch with the prompts of training, without dropout; a teacher's word is its value."""
    frame, shape = run.examples, run.prepared.shape
    vectors = {}
    for place, column in enumerate(text_roles(shape)):
        run.log.progress("Embedding the batch", place, len(text_roles(shape)))
        # The original is what a decoder has to write; read as its damaged self is, the damage alone makes the difference.
        prompt = prompt_for("damaged" if column == "original" else column, run.settings["prompts"] or {})
        vectors[column] = read(run.model, frame[column].tolist(), prompt)
    value = next((column for column in ("label", "score") if column in frame), None)
    return Batch(
        {column: frame[column].tolist() for column in vectors}, vectors, None if value is None else frame[value].to_numpy()
    )


def read(model: "SentenceTransformer", texts: list[str], prompt: str) -> Floats:
    """Return the embeddings of texts, (texts, dim), as the model gives them when nothing is dropped out.

    Raises:
        DivergenceError: they are no numbers.
    """
    vectors = np.asarray(model.encode(texts, prompt=prompt, batch_size=TEXTS_AT_ONCE, show_progress_bar=False), dtype=np.float64)
    if not np.isfinite(vectors).all():
        raise DivergenceError("The base model gives embeddings that are no numbers: it has diverged. Choose another one.")
    return vectors


def read_with_dropout(model: "SentenceTransformer", texts: list[str], prompt: str) -> Floats:
    """Return the embeddings of texts, (texts, dim), as in training: other neurons are dropped out at each reading."""
    model.train()
    parts = []
    with torch.no_grad():
        for start in range(0, len(texts), TEXTS_AT_ONCE):
            features: dict[str, Any] = model.preprocess(texts[start : start + TEXTS_AT_ONCE], prompt=prompt)
            parts.append(model(batch_to_device(features, model.device))["sentence_embedding"].float().cpu().numpy())
    model.eval()
    return np.concatenate(parts).astype(np.float64)


def _ranking(run: "TrainingRun", examples: pd.DataFrame, classes: Mapping[str, str] | None) -> BatchView:
    """Return anchors against positives and hard negatives: MNR, and GIST with what its guide strikes out."""
    batch = embed(run)
    columns = [column for column in batch.vectors if column != "anchor"]
    candidates = [text for column in columns for text in batch.texts[column]]
    vectors = batch.vectors["anchor"], np.concatenate([batch.vectors[column] for column in columns])
    scale = _scale(run.config)
    ranking = Ranking(
        batch.texts["anchor"],
        candidates,
        unit(vectors[0]) @ unit(vectors[1]).T,
        scale,
        right_answers(batch.texts["anchor"], candidates, examples, classes),
    )
    if loss_spec(run.config.loss).teacher == "model":
        found = guided(vectors, _guide(run, columns), scale)
        ranking = Ranking(
            ranking.anchors, candidates, ranking.cosines, scale, ranking.right, struck=found.struck, beside=found.beside
        )
    return ranking_view(ranking)


def _scale(config: RunConfig) -> float:
    temperature = parameter(config, "temperature")
    return 1 / temperature if temperature else parameter(config, "scale")


def _guide(run: "TrainingRun", columns: list[str]) -> tuple[Floats, Floats]:
    """Return the guide's embeddings of anchors and candidates; it reads the texts with the model's prompts."""
    guide = load_plain(run.settings["teacher"], run.log.run.runs_dir, run.machine.device)
    prompts = run.settings["prompts"] or {}
    anchors, *others = (
        read(guide, run.examples[column].tolist(), prompt_for(column, prompts)) for column in ("anchor", *columns)
    )
    return anchors, np.concatenate(others)


def _texts_ranking(run: "TrainingRun") -> BatchView:
    """Return texts against themselves: read twice with dropout for SimCSE, by two equal copies for contrastive tension."""
    texts, prompt = run.examples["text"].tolist(), prompt_for("text", run.settings["prompts"] or {})
    twice = run.config.loss == "simcse"
    first, second = (unit((read_with_dropout if twice else read)(run.model, texts, prompt)) for _ in range(2))
    pairs = pd.DataFrame({"anchor": texts, "positive": texts})
    right = right_answers(texts, texts, pairs)
    ranking = Ranking(texts, texts, first @ second.T, _scale(run.config), right, both_ways=not twice)
    return ranking_view(ranking, AGAIN_WORDS if twice else COPY_WORDS)


def _taught(run: "TrainingRun", batch: Batch) -> BatchView:
    """Return what is compared with a teacher's word, and texts alone where the loss compares none of them."""
    if run.config.loss == "margin-mse":
        return margins_view(Batch(batch.texts, batch.vectors, np.asarray(build_dataset(run)["label"])))
    if run.config.loss == "mse":
        teacher = np.asarray(build_dataset(run)["label"], dtype=np.float64)
        losses = ((batch.vectors["text"] - teacher) ** 2).mean(axis=1)
        both = Batch(
            {"text": batch.texts["text"], "teacher": batch.texts["text"]}, {"text": batch.vectors["text"], "teacher": teacher}
        )
        return diagonal_view(both, ("text", "teacher"), "the same text by the teacher", losses)
    return diagonal_view(batch, ("text", "text"), "", None)
