"""Batches of like length: every example once, no text twice, the same again for the same seed, and where a run goes on."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from accelerate import skip_first_batches
from datasets import Dataset
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.base.sampler import DefaultBatchSampler, NoDuplicatesBatchSampler
from sentence_transformers.sentence_transformer import losses
from tokenizers import Tokenizer

from core.base_models import bundled_folder
from core.config import build_config
from core.looking import before_first_step
from core.loss_building import batch_sampler, build_dataset
from core.models import build_static_minilm
from core.run_log import RunLog
from core.run_store import create_run
from core.sampling import BatchMeter, BucketedBatchSampler, BucketedNoDuplicatesBatchSampler, estimated_tokens, shared_texts
from tests.small_models import write_sentence_model

LABELS = ["label", "labels", "score", "scores"]
OURS = (BucketedBatchSampler, BucketedNoDuplicatesBatchSampler)
WORDS = ("a", "the", "man", "woman", "dog", "runs", "slowly", "over", "green", "because", "yesterday", "unexpectedly", "tunes")


def sentences(count: int, seed: int, spread: float = 0.5) -> list[str]:
    """Texts whose lengths are spread as sentences' are: most short, some long."""
    draw = np.random.default_rng(seed)
    lengths = np.maximum(2, draw.lognormal(2.3, spread, count).astype(int))
    return [" ".join(draw.choice(WORDS, length)) + f" {number}." for number, length in enumerate(lengths)]


def nli_like(rows: int = 1000, premises: int = 400) -> Dataset:
    """Pairs of which several have the same anchor, and some anchors are positives elsewhere."""
    draw, anchors, positives = np.random.default_rng(5), sentences(premises, 1), sentences(rows, 2, 0.4)
    chosen = draw.integers(premises, size=rows)
    for row in range(0, rows, 50):
        positives[row] = f"  {anchors[draw.integers(premises)].upper()} "
    return Dataset.from_dict({"anchor": [anchors[one] for one in chosen], "positive": positives, "label": [0.5] * rows})


def build(kind: type[DefaultBatchSampler], dataset: Dataset, size: int = 32, seed: int = 3, **more: Any) -> DefaultBatchSampler:
    drop_last = more.pop("drop_last", False)
    return kind(dataset, size, drop_last, LABELS, torch.Generator().manual_seed(seed), seed)


def epoch_of(sampler: DefaultBatchSampler, epoch: int = 0) -> list[list[int]]:
    sampler.set_epoch(epoch)
    return list(sampler)


def has_text_twice(dataset: Dataset, batch: list[int]) -> bool:
    rows = [{dataset[row][name].strip().lower() for name in ("anchor", "positive")} for row in batch]
    return len(set().union(*rows)) < sum(len(texts) for texts in rows)


@pytest.mark.parametrize("kind", OURS)
@pytest.mark.parametrize(("rows", "size"), [(1000, 32), (1024, 32), (20, 32), (1000, 1), (6001, 16)])
def test_every_example_comes_once_in_as_few_batches_as_can_be(kind: type[DefaultBatchSampler], rows: int, size: int) -> None:
    sampler = build(kind, nli_like(rows), size)
    batches = epoch_of(sampler)
    assert sorted(row for batch in batches for row in batch) == list(range(rows))
    assert len(batches) == len(sampler) == -(-rows // size)
    assert [len(batch) for batch in batches[:-1]] == [size] * (len(batches) - 1), "the batch that is not full comes last"


def test_no_text_comes_twice_in_a_batch_in_whatever_column_and_case() -> None:
    dataset = nli_like()
    assert any(has_text_twice(dataset, batch) for batch in epoch_of(build(BucketedBatchSampler, dataset)))
    for epoch in range(3):
        batches = epoch_of(build(BucketedNoDuplicatesBatchSampler, dataset), epoch)
        assert not [batch for batch in batches if has_text_twice(dataset, batch)]


def test_text_that_a_row_has_twice_does_not_keep_the_row_out() -> None:
    texts = sentences(64, 1)
    batches = epoch_of(build(BucketedNoDuplicatesBatchSampler, Dataset.from_dict({"text": texts, "again": texts})))
    assert [len(batch) for batch in batches] == [32, 32]


@pytest.mark.parametrize("texts", [20, 50, 200])
def test_where_texts_repeat_too_often_no_more_is_lost_than_with_the_library(texts: int) -> None:
    draw = np.random.default_rng(1)
    anchors = [f"class {number}" for number in draw.integers(texts, size=1000)]
    dataset = Dataset.from_dict({"anchor": anchors, "positive": sentences(1000, 3)})
    ours, theirs = (epoch_of(build(kind, dataset)) for kind in (BucketedNoDuplicatesBatchSampler, NoDuplicatesBatchSampler))
    assert sorted(row for batch in ours for row in batch) == list(range(1000))
    assert all(len(batch) >= len(later) for batch, later in pairwise(ours)), "the trainer ends an epoch after the promised number"
    promised = -(-1000 // 32)
    assert sum(map(len, ours[:promised])) >= sum(map(len, theirs[:promised]))
    assert not [batch for batch in ours if has_text_twice(dataset, batch)]


def test_drop_last_gives_full_batches_only_and_as_many_as_it_promises() -> None:
    for dataset in (nli_like(1010), Dataset.from_dict({"anchor": [str(row % 40) for row in range(1010)]})):
        sampler = build(BucketedNoDuplicatesBatchSampler, dataset, drop_last=True)
        assert [len(batch) for batch in epoch_of(sampler)] == [32] * 31


@pytest.mark.parametrize("kind", OURS)
def test_batches_follow_from_seed_and_epoch_alone(kind: type[DefaultBatchSampler]) -> None:
    dataset = nli_like()
    sampler = build(kind, dataset)
    second, first = epoch_of(sampler, 1), epoch_of(sampler, 0)
    torch.manual_seed(99)
    np.random.seed(99)
    state = torch.get_rng_state()
    assert (epoch_of(build(kind, dataset), 0), epoch_of(build(kind, dataset), 1)) == (first, second)
    assert torch.equal(state, torch.get_rng_state()), "nothing was drawn from everybody's random numbers"
    assert epoch_of(build(kind, dataset, seed=4)) != first
    assert {frozenset(batch) for batch in first}.isdisjoint({frozenset(batch) for batch in second}), "other neighbours each epoch"


def token_counts(dataset: Dataset) -> np.ndarray:
    tokenizer = Tokenizer.from_file(str(bundled_folder() / "tokenizer.json"))
    tokenizer.no_padding()
    columns = [tokenizer.encode_batch(list(dataset[name])) for name in ("anchor", "positive")]
    return np.array([[len(encoding.ids) for encoding in column] for column in columns]).T


def padding_of(lengths: np.ndarray, batches: list[list[int]]) -> float:
    return 1 - lengths.sum() / sum(int((lengths[batch].max(axis=0) * len(batch)).sum()) for batch in batches)


def test_batches_of_like_length_have_half_the_padding_of_shuffled_ones() -> None:
    dataset = nli_like(3200, 1600)
    lengths = token_counts(dataset)
    shuffled = padding_of(lengths, epoch_of(build(NoDuplicatesBatchSampler, dataset)))
    assert shuffled > 0.4
    for kind in OURS:
        assert padding_of(lengths, epoch_of(build(kind, dataset))) < shuffled / 2


@pytest.mark.real_data
def test_snli_in_batches_of_32_has_a_fifth_of_padding(data_dir: Path) -> None:
    frame = pd.read_csv(data_dir / "snli" / "train.csv").query("label == 'entailment'").dropna()
    dataset = Dataset.from_dict({"anchor": frame["premise"].tolist(), "positive": frame["hypothesis"].tolist()})
    lengths = token_counts(dataset)
    assert padding_of(lengths, epoch_of(build(NoDuplicatesBatchSampler, dataset))) == pytest.approx(0.50, abs=0.02)
    assert padding_of(lengths, epoch_of(build(BucketedNoDuplicatesBatchSampler, dataset))) < 0.22


def test_long_batches_are_spread_over_the_epoch() -> None:
    dataset = nli_like(3200, 1600)
    lengths = token_counts(dataset).sum(axis=1)
    means = [lengths[batch].mean() for batch in epoch_of(build(BucketedBatchSampler, dataset))]
    assert abs(np.corrcoef(np.arange(len(means)), means)[0, 1]) < 0.4
    assert means != sorted(means)


def test_estimate_orders_texts_as_their_tokens_do() -> None:
    dataset = nli_like()
    estimate = estimated_tokens(dataset.with_format("arrow")[:]["anchor"])
    assert np.corrcoef(estimate, token_counts(dataset)[:, 0])[0, 1] > 0.98


def test_texts_of_one_row_only_have_no_number() -> None:
    columns = Dataset.from_dict({"a": ["x", "Y", "z", "z"], "b": ["p", "x ", "z", "q"]}).with_format("arrow")[:]
    found = shared_texts([columns["a"], columns["b"]])
    shared_x, shared_z = found.max(axis=1)[[0, 2]]
    assert [sorted(row) for row in found.tolist()] == [[-1, shared_x], [-1, shared_x], [-1, shared_z], [-1, shared_z]]
    assert shared_x != shared_z


def test_transform_is_neither_asked_nor_taken_away() -> None:
    asked: list[int] = []

    def transform(batch: dict[str, list[str]]) -> dict[str, list[str]]:
        asked.append(1)
        return {"anchor": ["!" + text for text in batch["anchor"]]}

    dataset = Dataset.from_dict({"anchor": sentences(100, 1)})
    dataset.set_transform(transform)
    assert len(epoch_of(build(BucketedNoDuplicatesBatchSampler, dataset))) == 4
    assert not asked
    assert dataset[0]["anchor"].startswith("!")


class PlainTrainer(SentenceTransformerTrainer):
    """Writes down what it has trained on; a loader's batches would not do, since it makes one ahead."""

    read: list[list[list[int]]]

    def add_model_card_callback(self, default_args_dict: dict[str, Any]) -> None:
        """Leave the model card out."""

    def training_step(self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None) -> Any:
        self.read.append(inputs["positive_input_ids"].tolist())
        return super().training_step(model, inputs, num_items_in_batch)


def trainer_of(folder: Path, model: Path, sampler: Any, steps: int, **more: Any) -> PlainTrainer:
    built = SentenceTransformer(str(model), device="cpu")
    args = SentenceTransformerTrainingArguments(
        output_dir=str(folder), per_device_train_batch_size=8, max_steps=steps, batch_sampler=sampler, use_cpu=True, seed=6,
        report_to="none", disable_tqdm=True, logging_strategy="no", **({"save_strategy": "no"} | more),
    )  # fmt: skip
    dataset = nli_like(100, 60).remove_columns("label")
    trainer = PlainTrainer(
        model=built, args=args, train_dataset=dataset, loss=losses.MultipleNegativesRankingLoss(built),
    )  # fmt: skip
    trainer.read = []
    return trainer


# 13 batches an epoch: the checkpoint is in the first epoch, at its end, and in the second.
@pytest.mark.parametrize(
    ("sampler", "saved_at"),
    [*((kind, step) for kind in OURS for step in (5, 13, 17)), ("no_duplicates", 17), ("batch_sampler", 17)],
)
def test_resumed_run_reads_what_the_straight_run_reads(sampler: Any, saved_at: int, tmp_path: Path) -> None:
    model = write_sentence_model(tmp_path / "model")
    straight = trainer_of(tmp_path / "straight", model, sampler, 20, save_strategy="steps", save_steps=saved_at)
    straight.train()
    resumed = trainer_of(tmp_path / "resumed", model, sampler, 20)
    resumed.train(resume_from_checkpoint=str(tmp_path / "straight" / f"checkpoint-{saved_at}"))
    assert len(straight.read) == 20
    assert resumed.read == straight.read[saved_at:]


@pytest.mark.parametrize("kind", OURS)
def test_skipped_batches_are_the_first_of_the_trainers_own_loader(kind: type[DefaultBatchSampler], tmp_path: Path) -> None:
    trainer = trainer_of(tmp_path, write_sentence_model(tmp_path / "model"), kind, 20)
    whole = [batch["positive_input_ids"].tolist() for batch in trainer.get_train_dataloader()]
    skipped = skip_first_batches(trainer.get_train_dataloader(), 4)
    assert (len(whole), len(skipped)) == (13, 9)
    assert [batch["positive_input_ids"].tolist() for batch in skipped] == whole[4:]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"loss": "mnr", "sampler": "bucketed"}, BucketedNoDuplicatesBatchSampler),
        ({"loss": "mnr"}, "no_duplicates"),
        ({"loss": "softmax", "sampler": "bucketed"}, BucketedBatchSampler),
        ({"loss": "softmax", "sampler": "shuffled"}, "batch_sampler"),
        ({"loss": "batch-all-triplet", "data": "sample", "split": "reviews", "sampler": "bucketed"}, "group_by_label"),
        ({"loss": "denoising", "base_model": "minilm-from-nothing"}, BucketedBatchSampler),
        ({"loss": "simcse", "base_model": "minilm-from-nothing", "sampler": "shuffled"}, "batch_sampler"),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else "",
)
def test_sampler_follows_from_setting_and_loss(values: dict[str, Any], expected: Any, runs_dir: Path, small_data: Path) -> None:
    log = RunLog(create_run(runs_dir, build_config({"data": "snli", "batch_size": 8} | values), small_data))
    run = before_first_step(log)
    sampler = batch_sampler(run)
    assert sampler == expected
    if not isinstance(sampler, str):
        dataset = build_dataset(run)
        assert sorted(row for batch in epoch_of(build(sampler, dataset, 8)) for row in batch) == list(range(len(dataset)))


def meter_of(model: SentenceTransformer, folder: Path) -> BatchMeter:
    trainer = PlainTrainer(
        model=model,
        args=SentenceTransformerTrainingArguments(output_dir=str(folder)),
        train_dataset=nli_like(8, 4).remove_columns("label"),
        loss=losses.MultipleNegativesRankingLoss(model),
    )
    return BatchMeter(trainer.data_collator)


def test_meter_counts_what_a_hand_counts(tmp_path: Path) -> None:
    meter = meter_of(SentenceTransformer(str(write_sentence_model(tmp_path / "model")), device="cpu"), tmp_path)
    assert meter.valid_label_columns == LABELS
    # With [CLS] and [SEP] 3 and 5 tokens, padded to 5; and 4 and 4.
    batch = meter([{"a": "dog", "b": "a dog"}, {"a": "the dog runs", "b": "the dog"}])
    assert batch["a_input_ids"].shape == (2, 5) and batch["b_input_ids"].shape == (2, 4)
    meter([{"a": "dog", "b": "dog"}])
    assert meter.take() == (16 + 6, pytest.approx(2 / 24))
    assert meter.take() == (0, None)


def test_meter_finds_no_padding_in_a_static_model(tmp_path: Path) -> None:
    meter = meter_of(build_static_minilm("cpu"), tmp_path)
    meter([{"a": "dog", "b": "a dog"}, {"a": "the dog runs", "b": "the dog"}])
    assert meter.take() == (8, None)
