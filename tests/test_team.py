"""Two processes that train one run together do what one with the doubled batch does."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch

from core import launching, team
from core.__main__ import main
from core.config import build_config
from core.events import read_events
from core.files import read_json, write_json
from core.machine import read_machine
from core.places import Places
from core.run_log import RunLog
from core.run_store import create_run
from core.runs import RunFolder
from core.settings import override
from core.supervisor import Supervisor
from core.training import train
from tests.conftest import write_small_data
from tests.small_models import write_sentence_model
from tests.stopping_team import ENDED, HALFWAY
from tests.test_resuming import SHORT, weights_of

TOGETHER = 2
SOFTMAX: dict[str, Any] = {"loss": "softmax", "eval_every": 2}
MNR: dict[str, Any] = {"loss": "mnr", "eval_every": 2}


class Launched(NamedTuple):
    """Runs that the same two processes did, one after the other, and how these and the worker's own two ended."""

    softmax: RunFolder
    through: RunFolder
    stopped: RunFolder
    mnr: RunFolder
    wrong: RunFolder
    done: subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def still_base(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a small transformer's folder, without dropout: its numbers depend on nothing but rows and weights."""
    folder = write_sentence_model(tmp_path_factory.mktemp("still"))
    config = read_json(folder / "config.json") or {}
    write_json(folder / "config.json", config | {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0})
    return str(folder)


@pytest.fixture(scope="module")
def launched(still_base: str, tmp_path_factory: pytest.TempPathFactory) -> Launched:
    """Do all runs that may share a launch in one: importing the libraries takes longer than they."""
    runs_dir = tmp_path_factory.mktemp("launched")
    data = write_small_data(tmp_path_factory.mktemp("data") / "small")
    softmax = run_of(runs_dir, still_base, data, **SOFTMAX, batch_size=8)
    # Few rows, so that the checkpoint lies in the second epoch: its batches are other ones than the first one's.
    few: dict[str, Any] = {"loss": "softmax", "batch_size": 4, "max_rows": 16, "max_steps": 6}
    through, stopped = (run_of(runs_dir, still_base, data, **few) for _ in range(2))
    wrong = run_of(runs_dir, still_base, loss="mnr", data="file:/nowhere/rows.csv")
    mnr = run_of(runs_dir, still_base, data, **MNR, batch_size=8)
    # After a run that fails its follower waits for the end: nothing can come behind it.
    done = launch([softmax, through, stopped, stopped, mnr, wrong], "tests.stopping_team")
    return Launched(softmax, through, stopped, mnr, wrong, done)


def run_of(runs_dir: Path, still_base: str, data_dir: Path | None = None, **settings: Any) -> RunFolder:
    """Return a queued run whose rows come in the library's order: two batches of 8 are then the one of 16."""
    short = SHORT | {"base_model": still_base, "sampler": "shuffled", "learning_rate": 1e-3, "max_steps": 5}
    if settings.get("loss") == "mnr" and "data" not in settings:
        # No text comes twice: an example that has to wait for another batch would wait in another one.
        rows = runs_dir / "pairs.csv"
        rows.write_text("anchor,positive\n" + "".join(f"what is {n} times {n}?,{n * n} it is\n" for n in range(80)))
        short |= {"data": f"file:{rows}", "holdout": 0.0}
    return create_run(runs_dir, override(build_config({}), short | settings, Places()), data_dir)


def launch(runs: list[RunFolder], module: str = "core.worker") -> subprocess.CompletedProcess[str]:
    """Start two processes as the supervisor does; `module` is what they run."""
    *arguments, last = launching.worker_arguments(runs[-1], TOGETHER)
    arguments = [word if word != "core.worker" else module for word in arguments] + [str(run.path) for run in runs[:-1]]
    return subprocess.run([sys.executable, *arguments, last], timeout=240, capture_output=True, text=True, check=False)


def events_of(run: RunFolder, kind: str) -> list[dict[str, Any]]:
    return [event for event in read_events(run.events_path) if event["type"] == kind]


def losses_of(run: RunFolder) -> dict[int, float]:
    """Return the sum of the losses up to each step that a line ends with; quick steps share a line, as their mean."""
    total, before, sums = 0.0, 0, {}
    for event in events_of(run, "step"):
        total += event["loss"] * (event["step"] - before)
        before = event["step"]
        sums[before] = total
    return sums


def check_losses(ours: RunFolder, theirs: RunFolder) -> None:
    first, second = losses_of(ours), losses_of(theirs)
    shared = first.keys() & second.keys()
    assert 5 in shared and all(first[step] == pytest.approx(second[step], abs=1e-4 * step) for step in shared)


def check_like_one_with_the_doubled_batch(both: RunFolder, alone: RunFolder) -> None:
    train(RunLog(alone))
    status = both.status()
    assert status is not None and (status.state, status.has_model) == ("done", True), both.last_log_lines()
    check_losses(both, alone)
    evaluations = [
        {event["step"]: event["figures"]["pearson_cosine"] for event in events_of(run, "evaluation")} for run in (alone, both)
    ]
    assert evaluations[1] == pytest.approx(evaluations[0], abs=1e-3) and list(evaluations[1]) == [0, 2, 4, 5]
    assert f"on each of {TOGETHER} devices" in both.events_path.read_text()


def test_two_workers_have_the_losses_of_one_with_the_doubled_batch(
    launched: Launched, runs_dir: Path, still_base: str, small_data: Path
) -> None:
    alone = run_of(runs_dir, still_base, small_data, **MNR, batch_size=16)
    check_like_one_with_the_doubled_batch(launched.mnr, alone)
    assert [(launched.mnr.path / f"{ENDED}-{rank}").read_text() for rank in range(TOGETHER)] == ["0"] * TOGETHER


def test_two_processes_keep_a_losss_own_weights_alike(
    launched: Launched, runs_dir: Path, still_base: str, small_data: Path
) -> None:
    # Softmax has weights of its own, which the library does not keep alike.
    alone = run_of(runs_dir, still_base, small_data, **SOFTMAX, batch_size=16)
    check_like_one_with_the_doubled_batch(launched.softmax, alone)


def test_two_processes_go_on_where_they_stopped(launched: Launched) -> None:
    assert read_json(launched.stopped.path / HALFWAY) == {"state": "stopped", "step": 3}, launched.done.stderr[-2000:]
    status = launched.stopped.status()
    assert status is not None and status.state == "done"
    ended, expected = weights_of(launched.stopped), weights_of(launched.through)
    assert all(torch.allclose(ended[name], expected[name], atol=1e-6) for name in expected)


def test_what_is_wrong_with_a_run_is_said_once(launched: Launched) -> None:
    status = launched.wrong.status()
    assert launched.done.returncode != 0
    assert status is not None and status.state == "failed" and "/nowhere/rows.csv" in status.detail


def test_leader_who_is_stopped_before_the_first_step_leaves_nobody_waiting(
    runs_dir: Path, still_base: str, small_data: Path
) -> None:
    early = run_of(runs_dir, still_base, small_data, **MNR, batch_size=8)
    early.request_stop()
    done = launch([early])
    status = early.status()
    assert status is not None and (status.state, status.has_model) == ("stopped", False), done.stderr[-2000:]
    assert not events_of(early, "step")
    assert done.returncode != 0, "so that the other one, who waits for a step, was ended"


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
