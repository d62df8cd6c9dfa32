"""Two processes that train one run together do what one with the doubled batch does."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from core import launching, team
from core.__main__ import main
from core.config import build_config
from core.events import read_events
from core.files import read_json
from core.machine import read_machine
from core.models import load_model
from core.places import Places
from core.run_log import RunLog
from core.run_store import create_run
from core.runs import RunFolder
from core.settings import override
from core.supervisor import Supervisor
from core.training import train
from tests.test_resuming import SHORT, weights_of

TOGETHER = 2


@pytest.fixture(scope="module")
def still_base(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a small transformer's folder, without dropout: its numbers depend on nothing but rows and weights."""
    folder = tmp_path_factory.mktemp("still")
    model = load_model(build_config({"base_model": "minilm-from-nothing"}), folder, "cpu", 1)
    transformer = model[0].auto_model
    transformer.config.hidden_dropout_prob = transformer.config.attention_probs_dropout_prob = 0.0
    model.save(str(folder), create_model_card=False)
    return str(folder)


def run_of(runs_dir: Path, still_base: str, data_dir: Path | None = None, **settings: Any) -> RunFolder:
    """Return a queued run whose rows come in the library's order: two batches of 8 are then the one of 16."""
    short = SHORT | {"base_model": still_base, "sampler": "shuffled", "learning_rate": 1e-3, "max_steps": 5}
    if settings.get("loss") == "mnr" and "data" not in settings:
        # No text comes twice: an example that has to wait for another batch would wait in another one.
        rows = runs_dir / "pairs.csv"
        rows.write_text("anchor,positive\n" + "".join(f"what is {n} times {n}?,{n * n} it is\n" for n in range(80)))
        short |= {"data": f"file:{rows}", "holdout": 0.0}
    return create_run(runs_dir, override(build_config({}), short | settings, Places()), data_dir)


def train_together(run: RunFolder, module: str = "core.worker") -> None:
    """Train a run in two processes, as the supervisor starts them."""
    arguments = [word if word != "core.worker" else module for word in launching.worker_arguments(run, TOGETHER)]
    done = subprocess.run([sys.executable, *arguments], timeout=240, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:] + "\n".join(run.last_log_lines(30))


def events_of(run: RunFolder, kind: str) -> list[dict[str, Any]]:
    return [event for event in read_events(run.events_path) if event["type"] == kind]


def losses_of(run: RunFolder) -> list[float]:
    return [event["loss"] for event in events_of(run, "step")]


@pytest.mark.parametrize("loss", ["mnr", "softmax"])
def test_two_processes_have_the_losses_of_one_with_the_doubled_batch(
    loss: str, runs_dir: Path, still_base: str, small_data: Path
) -> None:
    # Softmax has weights of its own, which the library does not keep alike.
    alone = run_of(runs_dir, still_base, small_data, loss=loss, batch_size=16, eval_every=2)
    train(RunLog(alone))
    both = run_of(runs_dir, still_base, small_data, loss=loss, batch_size=8, eval_every=2)
    train_together(both)
    status = both.status()
    assert status is not None and (status.state, status.has_model) == ("done", True), both.last_log_lines()
    assert losses_of(both) == pytest.approx(losses_of(alone), abs=1e-4) and len(losses_of(both)) == 5
    evaluations = [
        {event["step"]: event["figures"]["pearson_cosine"] for event in events_of(run, "evaluation")} for run in (alone, both)
    ]
    assert evaluations[1] == pytest.approx(evaluations[0], abs=1e-3) and list(evaluations[1]) == [0, 2, 4, 5]
    assert f"on each of {TOGETHER} devices" in both.events_path.read_text()


def test_two_processes_go_on_where_they_stopped(runs_dir: Path, still_base: str) -> None:
    # Few rows, so that the checkpoint lies in the second epoch: its batches are other ones than the first one's.
    settings = {"loss": "softmax", "batch_size": 4, "max_rows": 16, "max_steps": 6}
    through, stopped = (run_of(runs_dir, still_base, **settings) for _ in range(2))
    train_together(through)
    train_together(stopped, "tests.stopping_team")
    status = stopped.status()
    assert status is not None and status.state == "stopped"
    assert (read_json(stopped.path / "checkpoints" / "latest" / "trainer_state.json") or {})["global_step"] == 3
    train_together(stopped)
    ended, expected = weights_of(stopped), weights_of(through)
    assert all(torch.allclose(ended[name], expected[name], atol=1e-6) for name in expected)


def test_what_is_wrong_with_a_run_is_said_once(runs_dir: Path, still_base: str) -> None:
    run = run_of(runs_dir, still_base, loss="mnr", data="file:/nowhere/rows.csv")
    done = subprocess.run(
        [sys.executable, *launching.worker_arguments(run, TOGETHER)], timeout=120, capture_output=True, text=True, check=False
    )
    status = run.status()
    assert done.returncode != 0
    assert status is not None and status.state == "failed" and "/nowhere/rows.csv" in status.detail


def test_supervisor_takes_as_many_processes_as_there_are_gpus(
    runs_dir: Path, still_base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, score = run_of(runs_dir, still_base), create_run(runs_dir, build_config({"kind": "score"}), None)
    monkeypatch.setattr(launching, "gpu_count", lambda: 4)
    assert launching.processes_of(run) == 4 and launching.processes_of(score) == 1
    assert "--num_processes=4" in launching.worker_arguments(run, 4)
    monkeypatch.setenv("STUDIO_PROCESSES", "2")
    assert launching.processes_of(run) == 2


def test_one_process_leads_and_is_alone() -> None:
    assert team.leads() and team.team_size() == 1 and team.agreed("so") == "so"
    assert read_machine().device in ("cpu", "cuda")


def test_run_made_by_hand_waits_for_its_launcher(runs_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "quick-demo", "--by-hand", "--runs-dir", str(runs_dir), "--set", "max_steps=2"]) == 0
    run = RunFolder(Path(json.loads(capsys.readouterr().out)["folders"][0]))
    status = run.status()
    assert status is not None and (status.state, status.detail) == ("queued", "Waits to be started by hand.")
    Supervisor(runs_dir, fork=False).tick()
    assert run.status() == status and not (runs_dir / ".supervisor.json").exists()
