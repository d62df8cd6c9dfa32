"""Each loss of the catalogue trains 20 steps on the sample through the product's own trainer and lowers its own loss."""

from pathlib import Path
from typing import Any

import pytest
import torch
from sentence_transformers import CrossEncoder

from core.base_models import STATIC, bundled_folder, kind_of
from core.checkpoints import BestCheckpoint
from core.config import RunConfig, build_config
from core.errors import ConfigError, ModelError
from core.live_evaluation import Course, LiveEvaluation, Measurement
from core.loss_building import build_dataset, build_loss
from core.losses import LOSSES, loss_spec
from core.models import load_plain
from core.places import Places
from core.run_log import RunLog
from core.run_store import create_run
from core.settings import override
from core.training import build_trainer
from core.training_run import TrainingRun, load
from core.training_watch import Watching, watch_over

STEPS = 20
# Small enough for a step of some milliseconds: a table of word vectors, or two fresh layers.
SMALL = {
    "data": "sample",
    "epochs": 3.0,
    "batch_size": 16,
    "max_steps": STEPS,
    "precision": "fp32",
    "eval_every": 1000,
    "snapshots": False,
    # Twenty steps see a third of the sample: what they learn of it should be about all of its texts.
    "sampler": "shuffled",
}
RATES = {STATIC: 5e-3}


@pytest.fixture(scope="session")
def cross_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cross-encoder with a fresh head: its scores mean nothing, and differ from pair to pair."""
    folder = tmp_path_factory.mktemp("cross-encoder")
    torch.manual_seed(3)
    model = CrossEncoder(str(bundled_folder()), num_labels=1, max_length=32, local_files_only=True)
    # Far apart, so that there is something to learn.
    model.model.classifier.weight.data.mul_(100)
    model.save(str(folder))
    return folder


def config_for(loss: str, cross_encoder: Path, **settings: Any) -> RunConfig:
    spec = loss_spec(loss)
    base = "minilm-from-nothing" if spec.not_static else "static-minilm"
    values: dict[str, Any] = {"loss": loss, "base_model": base, "learning_rate": RATES.get(kind_of(base), 5e-4)}
    if spec.by_label:
        values["split"] = "reviews"
    if spec.teacher == "cross-encoder":
        values["teacher"] = str(cross_encoder)
    return override(build_config({}), SMALL | values | settings, Places())


def loaded(runs_dir: Path, config: RunConfig) -> TrainingRun:
    return load(RunLog(create_run(runs_dir, config, None)))


def value_of(loss: torch.nn.Module, features: Any, labels: Any) -> float:
    """Return the loss of a batch with dropout off, and with the same hidden words each time."""
    loss.eval()
    torch.manual_seed(5)
    with torch.no_grad():
        value = loss(features, labels)
    loss.train()
    return float(value)


@pytest.mark.parametrize("loss", list(LOSSES))
def test_loss_falls_on_a_fixed_batch_within_twenty_steps(loss: str, runs_dir: Path, cross_encoder: Path) -> None:
    run = loaded(runs_dir, config_for(loss, cross_encoder))
    trainer = build_trainer(run)
    best = BestCheckpoint(run.log.run.path / "checkpoints", "last")
    course = Course(lambda _model, _step, _few: Measurement([]))
    watch_over(trainer, run, Watching(LiveEvaluation(run.log, run.settings, course, best)))
    features, labels = trainer.collect_features(next(iter(trainer.get_train_dataloader())))
    before = value_of(trainer.loss, features, labels)
    trainer.train()
    assert trainer.state.global_step == STEPS
    assert value_of(trainer.loss, features, labels) < before
    assert before > 0


@pytest.mark.parametrize("loss", [spec.id for spec in LOSSES.values() if spec.nests and not spec.not_static])
def test_matryoshka_goes_around_each_loss_that_nests(loss: str, runs_dir: Path, cross_encoder: Path) -> None:
    run = loaded(runs_dir, config_for(loss, cross_encoder, matryoshka=(128, 32)))
    nested = build_loss(run)
    assert nested.matryoshka_dims == (384, 128, 32) or list(nested.matryoshka_dims) == [384, 128, 32]
    assert type(nested.loss).__name__ == loss_spec(loss).class_name


def test_more_matryoshka_dimensions_than_the_model_has_are_refused(runs_dir: Path, cross_encoder: Path) -> None:
    run = loaded(runs_dir, config_for("mnr", cross_encoder, matryoshka=(512,)))
    with pytest.raises(ConfigError, match="512 is more than the model's 384"):
        build_loss(run)


def test_noise_of_the_denoising_loss_is_fresh_each_time(runs_dir: Path, cross_encoder: Path) -> None:
    dataset = build_dataset(loaded(runs_dir, config_for("denoising", cross_encoder)))
    first, again = dataset[:50], dataset[:50]
    dataset.format["format_kwargs"]["transform"].epoch = 1
    second = dataset[:50]
    assert first == again, "a run that goes on within an epoch reads the same"
    assert first["original"] == second["original"] and first["damaged"] != second["damaged"]
    shares = [len(damaged.split()) / len(original.split()) for damaged, original in zip(*first.values(), strict=True)]
    assert 0.3 < sum(shares) / len(shares) < 0.5


def test_decoder_of_the_denoising_loss_is_tied_and_frozen_layers_stay_frozen(runs_dir: Path, cross_encoder: Path) -> None:
    run = loaded(runs_dir, config_for("denoising", cross_encoder, base_model="all-minilm-l6-v2", frozen_layers=3, pooling="cls"))
    loss = build_loss(run)
    encoder, decoder = run.model[0].auto_model, loss.decoder.bert
    assert encoder.encoder.layer[5].output.dense.weight is decoder.encoder.layer[5].output.dense.weight
    assert not encoder.encoder.layer[2].output.dense.weight.requires_grad
    assert encoder.encoder.layer[3].output.dense.weight.requires_grad
    assert not (run.log.run.path / "checkpoints" / "start").exists()


def test_teacher_of_another_dimension_is_refused(runs_dir: Path, cross_encoder: Path) -> None:
    run = loaded(runs_dir, config_for("mse", cross_encoder, base_model="static-random", teacher="static-minilm"))
    with pytest.raises(ConfigError, match="384 dimensions and this model's have 256"):
        build_dataset(run)


def test_distillation_moves_texts_towards_the_teacher(runs_dir: Path, cross_encoder: Path) -> None:
    run = loaded(runs_dir, config_for("mse", cross_encoder))
    dataset = build_dataset(run)
    teacher = load_plain("all-minilm-l6-v2", runs_dir, "cpu")
    assert dataset[3]["label"] == pytest.approx(teacher.encode(dataset[3]["text"]).tolist(), abs=1e-5)


def test_a_folder_that_is_no_cross_encoder_teaches_no_margins(runs_dir: Path, tmp_path: Path) -> None:
    run = loaded(runs_dir, config_for("margin-mse", tmp_path / "none"))
    with pytest.raises(ModelError, match=r"teacher: .* is no cross-encoder's folder"):
        build_dataset(run)
