"""Cross-encoders: one is trained from gold pairs in this process; what is none, or is no use as one, is refused."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sentence_transformers import CrossEncoder

from core.base_models import bundled_folder, model_folder
from core.config import RunConfig, build_config
from core.cross_encoders import CHUNK_PAIRS, cross_encoder_folder, load_cross_encoder, score_jointly
from core.cross_training import joint_figures, load_fresh, train_cross_encoder
from core.errors import ConfigError, DivergenceError, ModelError
from core.evaluation import EvaluationSet
from core.events import read_events
from core.machine import read_machine
from core.places import Places
from core.run_log import RunLog, Stopped
from core.run_store import create_run
from core.runs import RunFolder, spearman_of
from core.settings import override
from tests.conftest import write_small_data

PAIRS = [("A cat runs.", "A dog runs."), ("A cat runs.", "A cat is running."), ("Rain.", "The sun shines.")]
SHORT: dict[str, Any] = {
    "data": "snli", "base_model": "all-minilm-l6-v2", "max_seq_length": 16, "max_steps": 2, "batch_size": 4, "eval_every": 1,
    "precision": "fp32",
}  # fmt: skip


def asked(**changes: Any) -> RunConfig:
    return override(build_config({"kind": "cross-encoder", "examples": "scored-pairs"}), SHORT | changes)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = tmp_path_factory.mktemp("cross")
    run = create_run(folder / "runs", asked(), write_small_data(folder / "data"))
    train_cross_encoder(RunLog(run))
    return run


@pytest.fixture(scope="module")
def encoder(trained: RunFolder) -> CrossEncoder:
    return load_cross_encoder(f"run:{trained.id}", trained.runs_dir, "cpu", "teacher")


def test_run_ends_with_a_cross_encoder_and_its_figures(trained: RunFolder) -> None:
    status = trained.status()
    assert status is not None
    assert (status.state, status.detail, status.has_model) == ("done", "Finished 2 steps; the cross-encoder is saved.", True)
    figures = trained.scores("after")["stsb/validation"]
    assert set(figures) == {"pearson", "spearman"}
    assert spearman_of(trained.yardstick("after")[1]) == figures["spearman"]
    assert trained.scores("before") == {}
    assert trained.yardstick("after")[0] == "stsb/validation"


def test_curve_of_a_cross_encoder_has_its_own_figures(trained: RunFolder) -> None:
    curve = [event for event in read_events(trained.events_path) if event["type"] == "evaluation"]
    assert [event["step"] for event in curve] == [1, 2]
    assert all(set(event["figures"]) == {"pearson", "spearman"} for event in curve)


def test_saved_folder_holds_safetensors_and_no_training_sentence(trained: RunFolder) -> None:
    files = [path for path in (trained.path / "model").rglob("*") if path.is_file()]
    assert any(path.suffix == ".safetensors" for path in files)
    assert not [path for path in files if path.suffix in {".bin", ".pt", ".pkl"} or b"walks slowly along" in path.read_bytes()]


def test_saved_cross_encoder_scores_as_it_was_scored(trained: RunFolder, encoder: CrossEncoder) -> None:
    from core.evaluation import load_evaluation_set

    pairs = load_evaluation_set("stsb", "validation", RunLog(trained).places)
    again = joint_figures(encoder, pairs, lambda _done, _total: None)
    assert again == pytest.approx(trained.scores("after")["stsb/validation"], abs=1e-5)
    assert encoder.max_seq_length == 16


def test_cross_encoder_is_no_base_model(trained: RunFolder) -> None:
    with pytest.raises(ModelError, match="is a cross-encoder or classifier"):
        model_folder(f"run:{trained.id}", trained.runs_dir)
    with pytest.raises(ModelError, match="choose it as judge or teacher"):
        override(build_config({}), {"base_model": f"run:{trained.id}"}, Places(None, trained.runs_dir))


@pytest.mark.parametrize(
    ("base_model", "why"),
    [
        ("static-minilm", "reads two texts at once, which a static model cannot"),
        ("static-random", "reads two texts at once"),
        ("minilm-from-nothing", "needs a model that has learned a language"),
    ],
)
def test_base_model_that_cannot_read_two_texts_is_refused(base_model: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why) as caught:
        asked(base_model=base_model)
    assert caught.value.field == "base_model"


def test_stop_before_the_first_step_leaves_no_model(runs_dir: Path, small_data: Path) -> None:
    run = create_run(runs_dir, asked(), small_data)
    run.request_stop()
    train_cross_encoder(RunLog(run))
    status = run.status()
    assert status is not None and (status.state, status.has_model) == ("stopped", False)


def test_stop_pressed_twice_skips_the_scoring_and_keeps_the_cross_encoder(
    runs_dir: Path, small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = create_run(runs_dir, asked(max_steps=50, eval_every=1000), small_data)
    monkeypatch.setattr("core.run_log.LOOK_SECONDS", 0.0)

    def load_and_press_stop(config: RunConfig, folder: Path, machine: Any) -> CrossEncoder:
        run.request_stop()
        run.request_stop()
        return load_fresh(config, folder, machine)

    monkeypatch.setattr("core.cross_training.load_fresh", load_and_press_stop)
    train_cross_encoder(RunLog(run))
    status = run.status()
    assert status is not None and (status.state, status.has_model) == ("stopped", True)
    assert run.scores("after") == {}


def test_missing_cross_encoder_is_one_sentence(trained: RunFolder, tmp_path: Path) -> None:
    faults = {
        "run:nobody": "has no finished model",
        "previous": "made by this recipe's first run",
        str(tmp_path / "nothing"): "silver.judge: .* is no cross-encoder's folder",
        "x" * 5000: "is no cross-encoder's folder",
    }
    for name, why in faults.items():
        with pytest.raises(ModelError, match=why) as caught:
            load_cross_encoder(name, trained.runs_dir, "cpu", "silver.judge")
        assert len(str(caught.value)) < 300


def test_bi_encoder_is_no_cross_encoder(tmp_path: Path) -> None:
    """The library would put a head of chance on it, and say nothing."""
    with pytest.raises(ModelError, match=r"teacher: .* is no cross-encoder's folder"):
        load_cross_encoder(str(bundled_folder()), tmp_path, "cpu", "teacher")


def test_pickled_cross_encoder_is_refused(trained: RunFolder, tmp_path: Path) -> None:
    folder = tmp_path / "pickled"
    folder.mkdir()
    for path in (trained.path / "model").iterdir():
        if path.suffix != ".safetensors":
            (folder / path.name).write_bytes(path.read_bytes())
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="with safetensors"):
        load_cross_encoder(str(folder), tmp_path, "cpu", "teacher")


def test_more_than_one_label_is_refused(tmp_path: Path) -> None:
    CrossEncoder(str(bundled_folder()), num_labels=3, local_files_only=True, device="cpu").save(str(tmp_path / "three"))
    with pytest.raises(ModelError, match="names one of 3 classes; choose a cross-encoder of one score"):
        load_cross_encoder(str(tmp_path / "three"), tmp_path, "cpu", "teacher")


def test_run_is_named_without_leaving_the_runs_folder(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "runs").mkdir()
    for name in ("run:../..", "run:..", "run:"):
        with pytest.raises(ModelError, match="has no finished model"):
            cross_encoder_folder(name, tmp_path / "runs")
        with pytest.raises(ModelError):
            model_folder(name, tmp_path / "runs")


def test_scores_are_sigmoids_of_the_logits(encoder: CrossEncoder) -> None:
    scores = score_jointly(encoder, PAIRS, lambda _done, _total: None)
    logits = score_jointly(encoder, PAIRS, lambda _done, _total: None, logits=True)
    assert scores.shape == (3,) and ((scores > 0) & (scores < 1)).all()
    assert scores == pytest.approx(1 / (1 + np.exp(-logits)), abs=1e-5)


class CountingEncoder:
    """Scores a pair by the number in its first text."""

    device = torch.device("cpu")

    def eval(self) -> None:
        return

    def predict(self, pairs: list[tuple[str, str]], **_: Any) -> torch.Tensor:
        return torch.tensor([float(first) for first, _ in pairs])


def test_each_chunk_is_told_before_it_is_scored_and_scores_keep_their_order() -> None:
    told: list[tuple[int, int]] = []
    count = 2 * CHUNK_PAIRS + 3
    pairs = [(str(number), "") for number in range(count)]
    scores = score_jointly(CountingEncoder(), pairs, lambda *place: told.append(place))  # type: ignore[arg-type]
    assert told == [(0, count), (CHUNK_PAIRS, count), (2 * CHUNK_PAIRS, count)]
    assert scores.tolist() == list(range(count))


def test_scoring_can_be_left_between_two_chunks() -> None:
    def stop(done: int, _total: int) -> None:
        if done:
            raise Stopped

    with pytest.raises(Stopped):
        score_jointly(CountingEncoder(), [("1", "")] * (CHUNK_PAIRS + 1), stop)  # type: ignore[arg-type]


@pytest.mark.parametrize("numbers", [["1", "1", "1"], ["nan", "1", "2"]])
def test_cross_encoder_that_tells_nothing_apart_has_no_figures(numbers: list[str]) -> None:
    pairs = EvaluationSet("x", numbers, ["", "", ""], [0.0, 0.5, 1.0], "", "")
    with pytest.raises(DivergenceError, match="same score"):
        joint_figures(CountingEncoder(), pairs, lambda *_: None)  # type: ignore[arg-type]


def test_figures_are_correlations_with_gold() -> None:
    pairs = EvaluationSet("x", ["1", "2", "9"], ["", "", ""], [0.0, 0.5, 1.0], "", "")
    expected = float(np.corrcoef([1, 2, 9], pairs.gold)[0, 1])
    figures = joint_figures(CountingEncoder(), pairs, lambda *_: None)  # type: ignore[arg-type]
    assert figures == pytest.approx({"pearson": expected, "spearman": 1.0})


def test_head_is_new_and_drawn_from_the_seed(tmp_path: Path) -> None:
    machine = dataclasses.replace(read_machine(), device="cpu")
    heads = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        heads.append(load_fresh(asked(), tmp_path, machine).model.classifier.weight.detach().numpy())
    assert (heads[0] == heads[1]).all() and (heads[0] != heads[2]).any()
