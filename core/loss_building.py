"""What the trainer gets: the prepared examples as the loss binds them, and the loss itself."""

import os
import shutil
import zlib
from collections.abc import Mapping
from inspect import signature
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from datasets import Dataset
from sentence_transformers import CrossEncoder, SentenceTransformer
from sentence_transformers.base.sampler import DefaultBatchSampler
from sentence_transformers.sentence_transformer import losses
from sentence_transformers.sentence_transformer.losses import BatchHardTripletLossDistanceFunction, TripletDistanceMetric
from sentence_transformers.sentence_transformer.modules import Normalize

from core.conversions import delete_words
from core.cross_encoders import Told, load_cross_encoder, score_jointly
from core.errors import ConfigError
from core.examples import DAMAGED_PAIRS
from core.language_modelling import MaskedLanguageModelLoss
from core.losses import loss_numbers, loss_spec, sampler_name
from core.model_parts import freeze_layers
from core.models import load_plain
from core.negatives import telling
from core.sampling import BucketedBatchSampler, BucketedNoDuplicatesBatchSampler
from core.team import team_size

if TYPE_CHECKING:
    from core.training_run import TrainingRun

TEACHER_BATCH = 64
OUR_SAMPLERS: Mapping[str, type[DefaultBatchSampler]] = MappingProxyType(
    {sampler.__name__: sampler for sampler in (BucketedBatchSampler, BucketedNoDuplicatesBatchSampler)}
)
# Candidates of the other processes' batches count among the negatives.
GATHER = "gather_across_devices"


def build_dataset(run: "TrainingRun") -> Dataset:
    """Return the examples as the trainer reads them: columns in the order in which the loss binds them.

    Raises:
        ConfigError: the teacher's embeddings have another dimension than the model's.
        ModelError: the teacher is not here.
    """
    frame, loss = run.examples, run.config.loss
    if loss == "simcse":
        # The same text twice: dropout reads it differently each time.
        frame = frame.assign(again=frame["text"])
    if loss == "mse":
        frame = frame.assign(label=list(_teacher_vectors(run, frame["text"].tolist())))
    if loss == "margin-mse":
        frame = frame.assign(label=_margins(run, frame))
    dataset = Dataset.from_pandas(frame, preserve_index=False)
    if run.prepared.shape == DAMAGED_PAIRS:
        dataset.set_transform(FreshNoise(run.config.seed))
    return dataset


class FreshNoise:
    """Deletes other words of a text in each epoch; the file holds one draw, for the person to look at.

    What is deleted follows from seed, epoch and text alone, so that a run which goes on from a checkpoint reads the same.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.epoch = 0

    def __call__(self, batch: dict[str, list[str]]) -> dict[str, list[str]]:
        """Return texts as they are read: with what is left of them beside each."""
        return {"damaged": [self._damage(text) for text in batch["original"]], "original": batch["original"]}

    def _damage(self, text: str) -> str:
        return delete_words(text, np.random.default_rng((self._seed, self.epoch, zlib.crc32(text.encode()))))


def _teacher_vectors(run: "TrainingRun", texts: list[str]) -> np.ndarray:
    """Return the teacher's embeddings of the texts, (texts, dimension)."""
    teacher = load_plain(run.settings["teacher"], run.log.run.runs_dir, run.machine.device)
    theirs, ours = teacher.get_embedding_dimension(), run.model.get_embedding_dimension()
    if theirs != ours:
        raise ConfigError(
            "teacher", f"its embeddings have {theirs} dimensions and this model's have {ours}; choose one with {ours}."
        )

    def told(done: int, total: int) -> None:
        run.log.raise_if_stopped()
        run.log.progress("The teacher reads the texts", done, total)

    with telling(teacher, told, len(texts)):
        return np.asarray(teacher.encode(texts, batch_size=TEACHER_BATCH, show_progress_bar=False))


def _margins(run: "TrainingRun", frame: pd.DataFrame) -> np.ndarray:
    """Return by how much the teacher prefers each positive to its negative, (triplets,)."""
    teacher = load_cross_encoder(run.settings["teacher"], run.log.run.runs_dir, run.machine.device, "teacher")

    def told(done: int, total: int) -> None:
        run.log.raise_if_stopped()
        run.log.progress("The cross-encoder scores the triplets", done, total)

    return margins_of(teacher, frame, run.model, run.machine.precision, told)


def margins_of(teacher: CrossEncoder, frame: pd.DataFrame, model: SentenceTransformer, precision: str, told: Told) -> np.ndarray:
    """Return by how much a cross-encoder prefers each positive to its negative, (triplets,).

    An embedding of length 1 gives dot products of -1..1, so its margins are those of the scores 0..1; otherwise of the logits.
    """
    bounded = any(isinstance(module, Normalize) for module in model)
    pairs = [pair for column in ("positive", "negative") for pair in zip(frame["anchor"], frame[column], strict=True)]
    scores = score_jointly(teacher, pairs, told, logits=not bounded, precision=precision)
    margins: np.ndarray = scores[: len(frame)] - scores[len(frame) :]
    return margins


def build_loss(run: "TrainingRun") -> torch.nn.Module:
    """Build the loss named in the catalogue, with its own parameters, inside a Matryoshka where one is asked for.

    Raises:
        ConfigError: the model has no such dimensions.
        ModelError: the guide is not here.
    """
    inner: torch.nn.Module = _build_inner(run)
    sizes = run.config.matryoshka
    if not sizes:
        return inner
    dimension = run.model.get_embedding_dimension()
    if sizes[0] > dimension:
        raise ConfigError("matryoshka", f"{sizes[0]} is more than the model's {dimension} dimensions; choose smaller ones.")
    nested: torch.nn.Module = losses.MatryoshkaLoss(run.model, inner, matryoshka_dims=sorted({dimension, *sizes}, reverse=True))
    return nested


def _build_inner(run: "TrainingRun") -> torch.nn.Module:
    spec, model = loss_spec(run.config.loss), run.model
    needs: dict[str, Any] = dict(loss_numbers(spec.id, run.config.loss_params))
    if spec.cosine_distance:
        triplet = spec.class_name == "TripletLoss"
        needs["distance_metric"] = (
            TripletDistanceMetric.COSINE if triplet else BatchHardTripletLossDistanceFunction.cosine_distance
        )
    if spec.id == "softmax":
        needs |= {"embedding_dimension": model.get_embedding_dimension(), "num_labels": run.prepared.report["classes"]}
    if spec.id in ("gist", "cached-gist"):
        needs["guide"] = load_plain(run.settings["teacher"], run.log.run.runs_dir, run.machine.device)
    if spec.id == "masked-language-model":
        return MaskedLanguageModelLoss(model, **needs)
    if spec.id == "denoising":
        folder = run.log.run.path / "checkpoints" / f"start-{os.getpid()}"
        return build_denoising(model, folder, run.config.frozen_layers or 0)
    loss = getattr(losses, spec.class_name)
    if team_size() > 1 and GATHER in signature(loss.__init__).parameters:
        needs[GATHER] = True
    return loss(model, **needs)  # type: ignore[no-any-return]


def build_denoising(model: SentenceTransformer, folder: Path, frozen_layers: int) -> torch.nn.Module:
    """Build TSDAE's loss, its decoder tied to the encoder: the library reads the decoder from a folder, so one is written.

    Raises:
        ConfigError: the model's kind cannot be a decoder.
    """
    transformer = model[0].auto_model
    transformer.save_pretrained(str(folder))
    model.tokenizer.save_pretrained(str(folder))
    named = transformer.config._name_or_path
    transformer.config._name_or_path = str(folder)
    try:
        loss = losses.DenoisingAutoEncoderLoss(model, tie_encoder_decoder=True)
    except (ValueError, AttributeError, KeyError) as error:
        raise ConfigError(
            "loss", f"denoising needs a model whose kind can be a decoder, such as BERT ({type(error).__name__}); choose simcse."
        ) from error
    finally:
        transformer.config._name_or_path = named
        shutil.rmtree(folder, ignore_errors=True)
    # Tying takes the decoder's weights, which are trained from the bottom up.
    freeze_layers(model, frozen_layers)
    built: torch.nn.Module = loss
    return built


def batch_sampler(run: "TrainingRun") -> str | type[DefaultBatchSampler]:
    """Return the sampler: ours, or the library's name of its own."""
    name = sampler_name(run.config.loss, run.prepared.shape, run.settings["sampler"])
    return OUR_SAMPLERS.get(name, name)
