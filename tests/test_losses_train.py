"""Each loss of the catalogue trains 20 steps on the sample through the product's own trainer and lowers its own loss."""

from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from sentence_transformers import CrossEncoder

from core.base_models import STATIC, kind_of
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
from tests.shared_runs import write_static_model
from tests.small_models import write_sentence_model, write_transformer

STEPS = 20
# Small enough for a step of some milliseconds.
SMALL = {
    "data": "sample",
    # So few that twenty steps see each of them again: vectors without a meaning learn nothing of texts that they have not seen.
    "max_rows": 160,
    "epochs": 30.0,
    "batch_size": 16,
    "max_steps": STEPS,
    "precision": "fp32",
    "eval_every": 1000,
    "snapshots": False,
    "sampler": "shuffled",
}
RATES = {STATIC: 2e-2}


class Small(NamedTuple):
    """Folders of small models: what is trained, a table of word vectors or three fresh layers, and who teaches it."""

    static: Path
    transformer: Path
    teacher: Path
    cross_encoder: Path


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """Save the models. A cross-encoder with a fresh head: its scores mean nothing, and differ from pair to pair."""
    folder = tmp_path_factory.mktemp("small")
    read = write_transformer(folder / "read")
    torch.manual_seed(3)
    model = CrossEncoder(str(read), num_labels=1, max_length=32, local_files_only=True)
    # Far apart, so that there is something to learn.
    model.model.classifier.weight.data.mul_(100)
    model.save(str(folder / "cross-encoder"))
    transformer = write_sentence_model(folder / "transformer")
    teacher = write_transformer(folder / "teacher", "distilbert")
    return Small(write_static_model(folder / "static"), transformer, teacher, folder / "cross-encoder")


def config_for(loss: str, small: Small, **settings: Any) -> RunConfig:
    spec = loss_spec(loss)
    base = str(small.transformer if spec.not_static or spec.teacher == "model" else small.static)
    values: dict[str, Any] = {"loss": loss, "base_model": base, "learning_rate": RATES.get(kind_of(base), 2e-3)}
    if spec.by_label:
        values["split"] = "reviews"
    if loss in ("denoising", "masked-language-model"):
        # Each token has a probability of each of 30,522 words.
        values |= {"batch_size": 8, "max_seq_length": 16}
    if spec.teacher:
        values["teacher"] = str(small.cross_encoder if spec.teacher == "cross-encoder" else small.teacher)
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
def test_loss_falls_on_a_fixed_batch_within_twenty_steps(loss: str, runs_dir: Path, small: Small) -> None:
    run = loaded(runs_dir, config_for(loss, small))
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
def test_matryoshka_goes_around_each_loss_that_nests(loss: str, runs_dir: Path, small: Small) -> None:
    run = loaded(runs_dir, config_for(loss, small, matryoshka=(4, 2)))
    nested = build_loss(run)
    assert list(nested.matryoshka_dims) == [8, 4, 2]
    assert type(nested.loss).__name__ == loss_spec(loss).class_name


def test_more_matryoshka_dimensions_than_the_model_has_are_refused(runs_dir: Path, small: Small) -> None:
    run = loaded(runs_dir, config_for("mnr", small, matryoshka=(512,)))
    with pytest.raises(ConfigError, match="512 is more than the model's 8"):
        build_loss(run)


def test_noise_of_the_denoising_loss_is_fresh_each_time(runs_dir: Path, small: Small) -> None:
    dataset = build_dataset(loaded(runs_dir, config_for("denoising", small)))
    first, again = dataset[:50], dataset[:50]
    dataset.format["format_kwargs"]["transform"].epoch = 1
    second = dataset[:50]
    assert first == again, "a run that goes on within an epoch reads the same"
    assert first["original"] == second["original"] and first["damaged"] != second["damaged"]
    shares = [len(damaged.split()) / len(original.split()) for damaged, original in zip(*first.values(), strict=True)]
    assert 0.3 < sum(shares) / len(shares) < 0.5


def test_decoder_of_the_denoising_loss_is_tied_and_frozen_layers_stay_frozen(runs_dir: Path, small: Small) -> None:
    run = loaded(runs_dir, config_for("denoising", small, frozen_layers=1, pooling="cls"))
    loss = build_loss(run)
    encoder, decoder = run.model[0].auto_model, loss.decoder.bert
    assert encoder.encoder.layer[2].output.dense.weight is decoder.encoder.layer[2].output.dense.weight
    assert not encoder.encoder.layer[0].output.dense.weight.requires_grad
    assert encoder.encoder.layer[1].output.dense.weight.requires_grad
    assert not (run.log.run.path / "checkpoints" / "start").exists()


def test_teacher_of_another_dimension_is_refused(runs_dir: Path, small: Small) -> None:
    run = loaded(runs_dir, config_for("mse", small, base_model="static-random", teacher="static-minilm"))
    with pytest.raises(ConfigError, match="384 dimensions and this model's have 256"):
        build_dataset(run)


def test_distillation_moves_texts_towards_the_teacher(runs_dir: Path, small: Small) -> None:
    run = loaded(runs_dir, config_for("mse", small, base_model="static-minilm", teacher=None, max_rows=20))
    dataset = build_dataset(run)
    teacher = load_plain("all-minilm-l6-v2", runs_dir, "cpu")
    assert dataset[3]["label"] == pytest.approx(teacher.encode(dataset[3]["text"]).tolist(), abs=1e-5)


def test_a_folder_that_is_no_cross_encoder_teaches_no_margins(runs_dir: Path, tmp_path: Path, small: Small) -> None:
    run = loaded(runs_dir, config_for("margin-mse", small, teacher=str(tmp_path / "none")))
    with pytest.raises(ModelError, match=r"teacher: .* is no cross-encoder's folder"):
        build_dataset(run)
