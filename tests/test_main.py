"""The command line's faults and lists: what is printed, and how it ends."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from core.base_models import BASE_MODELS
from core.data_catalogue import DATA_SETS
from core.losses import LOSSES
from core.recipes import RECIPES, recipe_config
from core.run_store import create_run
from tests import ready

SECONDS = 20.0


def run_core(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("STUDIO_")}
    return ready.run(ready.COMMAND, *arguments, environment=environment, seconds=SECONDS)


def fault_of(*arguments: str) -> str:
    """Return the one sentence of a command that ends with 2 before its first step."""
    done = run_core(*arguments)
    sentence = done.stderr.splitlines()[-1]
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"{sentence}\n"
    assert len(sentence) <= 300
    assert sentence.endswith((".", "?", "…"))
    return sentence


def listed(what: str, runs_dir: Path) -> list[dict[str, Any]]:
    done = run_core("list", what, "--json", "--runs-dir", str(runs_dir))
    assert (done.returncode, done.stderr) == (0, "")
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows


@pytest.mark.usefixtures("cold")
def test_unknown_recipe_is_refused_with_the_known_ones(runs_dir: Path) -> None:
    assert "quick-demo, softmax" in fault_of("train", "quick-demi", "--runs-dir", str(runs_dir))
    assert list(runs_dir.iterdir()) == []


@pytest.mark.parametrize(
    ("assignment", "part"),
    [
        ("batch_size=0", "batch_size: '0' cannot be used; choose a whole number from 1"),
        ("batchsize=4", "'batchsize' is no setting; did you mean batch_size?"),
        ("base_model=bert", "is not in the catalogue"),
        ("batch_size", "write name=value"),
    ],
)
def test_wrong_setting_is_refused_before_a_run_is_made(runs_dir: Path, assignment: str, part: str) -> None:
    assert part in fault_of("train", "quick-demo", "--set", assignment, "--runs-dir", str(runs_dir))
    assert list(runs_dir.iterdir()) == []


def test_runs_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    sentence = fault_of("train", "quick-demo", "--runs-dir", str(tmp_path / "file"))
    assert "cannot be written" in sentence
    assert "--runs-dir" in sentence


@pytest.mark.parametrize("content", [None, "[1, 2]", "{half"])
def test_missing_or_broken_config_is_refused(runs_dir: Path, tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "mine.json"
    if content is not None:
        path.write_text(content)
    assert "mine.json is missing or no JSON object" in fault_of("train", str(path), "--runs-dir", str(runs_dir))


def test_wrong_value_in_a_config_is_refused(runs_dir: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text('{"epochs": -1}')
    assert fault_of("train", str(path), "--runs-dir", str(runs_dir)).startswith("epochs: ")


@pytest.mark.parametrize("command", ["stop", "cancel", "delete", "score"])
def test_unknown_run_is_refused(runs_dir: Path, command: str) -> None:
    assert "There is no run 'nothing'" in fault_of(command, "nothing", "--runs-dir", str(runs_dir))


@pytest.mark.parametrize(
    ("what", "ids"), [("models", BASE_MODELS), ("data", DATA_SETS), ("losses", LOSSES), ("recipes", RECIPES)]
)
def test_catalogue_is_listed_as_json(runs_dir: Path, what: str, ids: dict[str, Any]) -> None:
    around = ["matryoshka"] if what == "losses" else []
    assert [row["id"] for row in listed(what, runs_dir)] == [*ids, *around]


def test_runs_are_listed_as_json(runs_dir: Path) -> None:
    run = create_run(runs_dir, recipe_config("quick-demo"), None)
    run.set_status(state="failed", started=100.0, finished=103.5)
    assert listed("runs", runs_dir) == [
        {"run": run.id, "state": "failed", "recipe": "quick-demo", "spearman_cosine": None, "seconds": 3.5}
    ]


def test_missing_runs_folder_lists_nothing_and_is_not_made(tmp_path: Path) -> None:
    assert listed("runs", tmp_path / "none") == []
    assert not (tmp_path / "none").exists()


def test_ended_run_is_deleted(runs_dir: Path) -> None:
    run = create_run(runs_dir, recipe_config("quick-demo"), None)
    run.set_status(state="done")
    done = run_core("delete", run.id, "--json", "--runs-dir", str(runs_dir))
    assert (done.returncode, json.loads(done.stdout)) == (0, {"run": run.id, "answer": "deleted"})
    assert not run.path.exists()
