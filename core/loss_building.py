"""What the trainer gets: the prepared examples as the loss binds them, and the loss itself."""

import os
import shutil
import zlib
from inspect import signature
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from datasets import Dataset
from sentence_transformers.base.sampler import DefaultBatchSampler
from sentence_transformers.sentence_transformer import losses
from sentence_transformers.sentence_transformer.losses import BatchHardTripletLossDistanceFunction, TripletDistanceMetric
from sentence_transformers.sentence_transformer.modules import Normalize

from core.conversions import delete_words
from core.cross_encoders import load_cross_encoder, score_jointly
from core.errors import ConfigError
from core.examples import DAMAGED_PAIRS, PLAIN_TEXTS
from core.language_modelling import MaskedLanguageModelLoss
from core.losses import loss_spec
from core.model_parts import freeze_layers
from core.models import load_plain
from core.negatives import telling
from core.sampling import BucketedBatchSampler, BucketedNoDuplicatesBatchSampler
from core.team import team_size

if TYPE_CHECKING:
    from core.training_run import TrainingRun

TEACHER_BATCH = 64
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
    """Return by how much the cross-encoder prefers each positive to its negative, (triplets,).

    An embedding of length 1 gives dot products of -1..1, so its margins are those of the scores 0..1; otherwise of the logits.
    """
    teacher = load_cross_encoder(run.settings["teacher"], run.log.run.runs_dir, run.machine.device, "teacher")
    bounded = any(isinstance(module, Normalize) for module in run.model)
    scores: list[np.ndarray] = []

    def told(done: int, total: int) -> None:
        run.log.raise_if_stopped()
        run.log.progress("The cross-encoder scores the triplets", len(scores) * len(frame) + done, 2 * len(frame))

    for column in ("positive", "negative"):
        pairs = list(zip(frame["anchor"], frame[column], strict=True))
        scores.append(score_jointly(teacher, pairs, told, logits=not bounded, precision=run.machine.precision))
    margins: np.ndarray = scores[0] - scores[1]
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
    needs: dict[str, Any] = {
        parameter.name: int(value) if parameter.whole else value
        for parameter in spec.parameters
        if (value := run.config.loss_params.get(parameter.name, parameter.default)) is not None
    }
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
        return _build_denoising(run)
    loss = getattr(losses, spec.class_name)
    if team_size() > 1 and GATHER in signature(loss.__init__).parameters:
        needs[GATHER] = True
    return loss(model, **needs)  # type: ignore[no-any-return]


def _build_denoising(run: "TrainingRun") -> torch.nn.Module:
    """Build TSDAE's loss, its decoder tied to the encoder: the library reads the decoder from a folder, so one is written."""
    folder = run.log.run.path / "checkpoints" / f"start-{os.getpid()}"
    transformer = run.model[0].auto_model
    transformer.save_pretrained(str(folder))
    run.model.tokenizer.save_pretrained(str(folder))
    named = transformer.config._name_or_path
    transformer.config._name_or_path = str(folder)
    try:
        loss = losses.DenoisingAutoEncoderLoss(run.model, tie_encoder_decoder=True)
    except (ValueError, AttributeError, KeyError) as error:
        raise ConfigError(
            "loss", f"denoising needs a model whose kind can be a decoder, such as BERT ({type(error).__name__}); choose simcse."
        ) from error
    finally:
        transformer.config._name_or_path = named
        shutil.rmtree(folder, ignore_errors=True)
    # Tying takes the decoder's weights, which are trained from the bottom up.
    freeze_layers(run.model, run.config.frozen_layers or 0)
    built: torch.nn.Module = loss
    return built


def batch_sampler(run: "TrainingRun") -> str | type[DefaultBatchSampler]:
    """Return the sampler: ours, or the library's name of its own.

    Equal texts come apart where they would be false negatives, and the texts of a class together where the loss asks for it;
    else `sampler` says whether texts of like length do.
    """
    spec = loss_spec(run.config.loss)
    if spec.by_label:
        return "group_by_label"
    apart = spec.in_batch_negatives and run.prepared.shape != PLAIN_TEXTS
    if run.settings["sampler"] == "bucketed":
        return BucketedNoDuplicatesBatchSampler if apart else BucketedBatchSampler
    return "no_duplicates" if apart else "batch_sampler"
