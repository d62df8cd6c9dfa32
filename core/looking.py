"""The work of a folder whose kind is `look`: the first batch of a training run, as its loss would see it."""

import dataclasses
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch
from datasets import Dataset
from sentence_transformers.base.sampler import DefaultBatchSampler, GroupByLabelBatchSampler, NoDuplicatesBatchSampler
from torch.utils.data import RandomSampler
from transformers import set_seed

from core.base_models import kind_of
from core.errors import ConfigError
from core.evaluation import default_evaluation_set
from core.example_choice import shape_for
from core.example_making import classes_of
from core.examples import LABELLED_ROWS
from core.files import write_json
from core.loss_building import batch_sampler
from core.losses import loss_spec
from core.machine import read_machine
from core.models import load_model
from core.prepare import prepare
from core.rows import Asked, load_rows
from core.sampling import BucketedBatchSampler, BucketedNoDuplicatesBatchSampler
from core.seen_batch import view_of
from core.settings import settle, settled_values
from core.training_run import TrainingRun

if TYPE_CHECKING:
    from core.run_log import RunLog

# Of a batch of thousands so many rows are read: enough to see by, and a matter of seconds. Where a row is looked at by
# itself, and perhaps by a teacher too, fewer tell as much.
MOST_ROWS, MOST_ROWS_ALONE = 512, 64
SAMPLERS: Mapping[str, type[DefaultBatchSampler]] = MappingProxyType(
    {"no_duplicates": NoDuplicatesBatchSampler, "group_by_label": GroupByLabelBatchSampler}
)
SAMPLED: Mapping[str | type, str] = MappingProxyType(
    {
        BucketedNoDuplicatesBatchSampler: "texts of like length, no text twice",
        BucketedBatchSampler: "texts of like length",
        "no_duplicates": "at random, no text twice",
        "group_by_label": "at random, two texts of a class at a time",
        "batch_sampler": "at random",
    }
)
ALONE = frozenset({"triplet", "margin-mse", "mse", "denoising", "masked-language-model"})
LABEL_COLUMNS = ("label", "labels", "score", "scores")


def look(log: "RunLog") -> None:
    """Draw the batch that training would begin with, embed it with the untouched model, and write down what the loss sees.

    Raises:
        StudioError: the rows, the model or the settings cannot be used; as training would say.
    """
    began = time.monotonic()
    run = before_first_step(log)
    sampler, size = batch_sampler(run), run.settings["batch_size"]
    drawn = first_batch(run.examples, sampler, size, run.config.seed)
    rows = drawn[: MOST_ROWS_ALONE if run.config.loss in ALONE else MOST_ROWS]
    batch = dataclasses.replace(run, examples=run.examples.iloc[rows].reset_index(drop=True))
    log.enter("loading", "Embedding the batch")
    view = view_of(batch, run.examples, _classes(run))
    answer = {
        "loss": run.config.loss,
        "title": loss_spec(run.config.loss).title,
        "model": run.config.base_model,
        "found": run.prepared.report["found"],
        "shape": run.prepared.shape,
        "examples": len(run.examples),
        "batch_size": size,
        "drawn": len(drawn),
        "rows": len(rows),
        "sampled": SAMPLED[sampler],
        "notes": _notes(run, len(drawn), len(rows)),
        "seconds": round(time.monotonic() - began, 3),
    }
    write_json(log.run.path / "look.json", answer | view.as_json())
    log.end("done", f"Looked at a batch of {len(rows)} {run.prepared.shape}")


def before_first_step(log: "RunLog") -> TrainingRun:
    """Return what training would have in hand before its first step; silver pairs alone are missing."""
    config, machine, places = log.run.config(), read_machine(log.run.runs_dir), log.places
    log.enter("loading", "Preparing the examples")
    prepared = prepare(config, places, log)
    kind = prepared.report["kind"]
    shape_for(config, kind)
    log.enter("loading", "Loading the base model")
    set_seed(config.seed)
    model = load_model(config, log.run.runs_dir, machine.device, config.seed)
    settings = settled_values(settle(config, kind_of(config.base_model, log.run.runs_dir), machine, kind, log.run.runs_dir))
    return TrainingRun(log, config, machine, settings, prepared, prepared.frame(), default_evaluation_set(places), model, 1)


def first_batch(examples: pd.DataFrame, sampler: str | type[DefaultBatchSampler], batch_size: int, seed: int) -> list[int]:
    """Return the rows of the batch that the library's trainer draws first.

    Args:
        examples: as the loss binds them; the columns `label` and `score` hold no text.
        sampler: a class, or the library's name for one: "no_duplicates", "group_by_label" or "batch_sampler".
        batch_size: examples a step, on one device.
        seed: the run's.

    Raises:
        ConfigError: no batch can be made so.
    """
    dataset, generator = Dataset.from_pandas(examples, preserve_index=False), torch.Generator().manual_seed(seed)
    told: dict[str, Any] = {
        "batch_size": batch_size, "drop_last": False, "valid_label_columns": list(LABEL_COLUMNS),
        "generator": generator, "seed": seed,
    }  # fmt: skip
    try:
        own = SAMPLERS.get(sampler) if isinstance(sampler, str) else sampler
        if own is not None:
            return next(iter(own(dataset, **told)))
        return next(iter(DefaultBatchSampler(RandomSampler(dataset, generator=generator), **told)))
    except ValueError as error:
        raise ConfigError(
            "batch_size",
            "batches by class take an even number of texts, and two classes of two texts each; change one of the two.",
        ) from error


def _classes(run: TrainingRun) -> Mapping[str, str] | None:
    """Return each text's class where pairs were made of labelled rows: the prepared file no longer says it."""
    if run.prepared.report["kind"] != LABELLED_ROWS or "anchor" not in run.examples:
        return None
    config = run.config
    rows = load_rows(Asked(config.data, config.split, config.columns, config.max_rows), run.log.places)
    return classes_of(rows.frame, rows.kind)


def _notes(run: TrainingRun, drawn: int, rows: int) -> list[str]:
    """Return what is otherwise in training than it is here."""
    notes = []
    if drawn > rows:
        notes.append(f"Of the batch's {drawn:,} rows the first {rows} were read.")
    if run.config.matryoshka:
        notes.append("Matryoshka asks the same of the first dimensions alone; here all dimensions are compared.")
    if run.config.silver is not None and not run.config.silver.gold_only:
        notes.append("Silver pairs are not in this batch: they are scored when a run starts.")
    return notes
