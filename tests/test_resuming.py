"""A run that is stopped and goes on ends where a run ends that went through, the loss's own weights included."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from core import training
from core.adjusting import ADJUSTED, make_smaller
from core.checkpoints import BestCheckpoint, latest_checkpoint
from core.config import RunConfig, build_config
from core.errors import DataError, MachineError
from core.events import read_events
from core.files import read_json
from core.places import Places
from core.run_log import RunLog
from core.run_store import create_run
from core.runs import RunFolder
from core.settings import override
from tests.shared_runs import write_static_model
from tests.small_models import write_sentence_model

STEPS, STOP_AT = 8, 3
SHORT: dict[str, Any] = {
    "data": "sample", "batch_size": 8, "max_steps": STEPS, "epochs": 100.0, "eval_every": 1000, "snapshots": False,
    "best_by": "last",     "precision": "fp32",
}  # fmt: skip


@pytest.fixture(scope="module")
def small_bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the folders of a static model and of a transformer with dropout: how many weights they have plays no part."""
    folder = tmp_path_factory.mktemp("bases")
    return {
        "static": str(write_static_model(folder / "static")),
        "transformer": str(write_sentence_model(folder / "transformer")),
    }


class StoppedAt(RunLog):
    """A log whose person presses Stop during a step."""

    def __init__(self, run: RunFolder, step: int) -> None:
        super().__init__(run)
        self._calls, self._at = 0, step

    def stop_wish(self) -> str | None:
        """Return the wish once the trainer has asked so often: once a step, and once where a step is evaluated."""
        if self.has_stepped:
            self._calls += 1
        return "stop" if self._calls >= self._at else None


def config_of(loss: str, base: str, **settings: Any) -> RunConfig:
    return override(build_config({}), SHORT | {"loss": loss, "base_model": base} | settings, Places())


def weights_of(run: RunFolder) -> dict[str, torch.Tensor]:
    files = sorted((run.path / "model").rglob("*.safetensors"))
    return {f"{file.parent.name}/{name}": tensor for file in files for name, tensor in load_file(file).items()}


@pytest.mark.parametrize(
    ("loss", "base"),
    [("mnr", "static"), ("softmax", "transformer"), ("denoising", "transformer"), ("contrastive-tension", "transformer")],
)
def test_stopped_and_resumed_run_ends_with_the_same_weights(
    loss: str, base: str, runs_dir: Path, small_data: Path, small_bases: dict[str, str]
) -> None:
    config = config_of(loss, small_bases[base], learning_rate=5e-3)
    through = create_run(runs_dir, config, small_data)
    training.train(RunLog(through))
    run = create_run(runs_dir, config, small_data)
    training.train(StoppedAt(run, STOP_AT))
    stopped = run.status()
    assert stopped is not None and (stopped.state, stopped.has_model) == ("stopped", True)
    assert json.loads((run.path / "checkpoints" / "latest" / "trainer_state.json").read_text())["global_step"] == STOP_AT
    training.train(RunLog(run))
    done = run.status()
    assert done is not None and done.state == "done"
    steps = [event["step"] for event in read_events(run.events_path) if event["type"] == "step"]
    assert steps[-1] == STEPS and steps == sorted(set(steps)), "the curve goes on where it ended"
    expected, found = weights_of(through), weights_of(run)
    assert expected.keys() == found.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, rtol=0, atol=1e-6, msg=name)
    assert latest_checkpoint(run.path) is None, "a finished run keeps no checkpoint"


def test_half_written_checkpoint_is_passed_over_for_the_one_before(runs_dir: Path) -> None:
    run = create_run(runs_dir, config_of("mnr", "static-minilm"), None)
    folder = run.path / "checkpoints"
    for name in (".latest", "checkpoint-7"):
        (folder / name).mkdir()
        (folder / name / "trainer_state.json").write_text("{}")
    (folder / ".latest" / "training.safetensors").write_bytes(b"")
    assert latest_checkpoint(run.path) == folder / "latest"
    assert not (folder / "checkpoint-7").exists()


def test_best_of_the_earlier_turn_is_still_the_best(tmp_path: Path) -> None:
    model: Any = torch.nn.Linear(2, 1)
    assert BestCheckpoint(tmp_path, "spearman_cosine").consider(model, 4, 0.8)
    later = BestCheckpoint(tmp_path, "spearman_cosine")
    assert not later.consider(model, 9, 0.7)
    assert (later.step, later.best.worse_in_a_row) == (4, 1)


def test_full_gpu_is_answered_with_half_the_batch(
    runs_dir: Path, small_bases: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # A GPU that holds 4 examples: the error is the library's own, the rest of the run is real.
    real = training.train_steps

    def train_steps(run: Any, course: Any, snapshots: Any) -> Any:
        if run.settings["batch_size"] > 4:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(run, course, snapshots)

    monkeypatch.setattr(training, "train_steps", train_steps)
    run = create_run(runs_dir, config_of("softmax", small_bases["static"], batch_size=16, max_steps=2), None)
    training.train(RunLog(run))
    status, settings = run.status(), run.resolved()["settings"]
    assert status is not None and status.state == "done"
    assert settings["batch_size"] == {"value": 4, "origin": "adjusted"}
    assert settings["gradient_accumulation"]["value"] == 4
    told = [event["text"] for event in read_events(run.events_path) if event["type"] == "notice"]
    assert [text for text in told if "goes on with batches of 4, 4 to a step" in text]


def test_mnr_keeps_its_batch_and_is_reckoned_in_pieces(runs_dir: Path) -> None:
    config = config_of("mnr", "minilm-from-nothing", batch_size=64)
    run = create_run(runs_dir, config, None)
    said = make_smaller(run.path, config, {"batch_size": 64, "gradient_accumulation": 1}, "too small")
    assert said == "the same batch of 64, reckoned 32 at a time (cached-mnr)"
    adjusted = read_json(run.path / ADJUSTED)
    assert adjusted == {"loss": "cached-mnr", "loss_params": {"mini_batch_size": 32.0}, "why": "too small"}


def test_word_vectors_take_half_the_batch_since_no_cached_loss_trains_them(runs_dir: Path) -> None:
    config = config_of("mnr", "static-minilm", batch_size=64)
    run = create_run(runs_dir, config, None)
    said = make_smaller(run.path, config, {"batch_size": 64, "gradient_accumulation": 1}, "too small")
    assert said == "batches of 32, 2 to a step"


def test_rows_that_changed_meanwhile_are_not_gone_on_with(runs_dir: Path, small_data: Path, small_bases: dict[str, str]) -> None:
    asked = SHORT | {"data": "snli", "loss": "mnr", "base_model": small_bases["static"]}
    config = override(build_config({}), asked, Places(small_data))
    run = create_run(runs_dir, config, small_data)
    training.train(StoppedAt(run, STOP_AT))
    rows = (small_data / "snli" / "train.csv").read_text().splitlines()
    (small_data / "snli" / "train.csv").write_text("\n".join(rows[:-8]) + "\n")
    with pytest.raises(DataError, match="rows have changed since this run began"):
        training.train(RunLog(run))


def test_budget_of_seconds_ends_in_time_with_a_model(runs_dir: Path, small_bases: dict[str, str]) -> None:
    config = config_of("mnr", small_bases["static"], max_steps=None, epochs=None, time_budget_seconds=8.0)
    run = create_run(runs_dir, config, None)
    began = time.monotonic()
    training.train(RunLog(run))
    took, status = time.monotonic() - began, run.status()
    steps = [event for event in read_events(run.events_path) if event["type"] == "step"]
    assert status is not None and (status.state, status.has_model) == ("done", True)
    assert 2 < took < 9.5
    # How many steps that are is the machine's affair; what was planned once the speed was known is trained.
    known_after, planned = run.resolved()["watching"]["planned"][-1]
    assert known_after < steps[-1]["step"] <= planned
    assert run.resolved()["watching"]["train_seconds"] > 1
    assert max(step["learning_rate"] for step in steps) > 0.8 * config_rate(run) > 0
    assert steps[-1]["step"] <= steps[-1]["total_steps"]


def config_rate(run: RunFolder) -> float:
    return float(run.resolved()["settings"]["learning_rate"]["value"])


def test_gpu_that_is_too_small_for_anything_says_so(
    runs_dir: Path, small_bases: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def train_steps(*_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(training, "train_steps", train_steps)
    run = create_run(runs_dir, config_of("softmax", small_bases["static"], batch_size=4), None)
    with pytest.raises(MachineError, match="too small even for the smallest batch"):
        training.train(RunLog(run))
