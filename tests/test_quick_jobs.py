"""Typed texts under two models: what is refused, what is answered, what is kept, and that no training run is waited for."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.config import RunConfig, build_config
from core.errors import ConfigError, ModelError
from core.files import read_json
from core.jobs import ask, is_answered, job_folder
from core.launching import DEVICE, QUICK, ensure_supervisor, lane_of
from core.places import Places
from core.quick_jobs import FEWEST_TEXTS, forget_oldest
from core.recipes import recipe_config
from core.run_store import create_run, iter_runs
from core.runs import RunFolder
from core.settings import override
from tests.conftest import wait_for

TEXTS = ("A man is eating food.", "Someone has a meal.", "The moon is far away.")


def trying(*texts: str, **values: Any) -> RunConfig:
    return build_config({"kind": "try", "texts": texts, **values})


def tried(config: RunConfig, places: Places) -> dict[str, Any]:
    from core.run_log import RunLog
    from core.trying import try_texts

    run = ask(config, places)
    try_texts(RunLog(run))
    answer: dict[str, Any] = read_json(run.path / "tried.json")
    return answer


@pytest.mark.parametrize("texts", [(), ("alone",), ("alone", "  ")])
def test_fewer_than_two_texts_are_refused_before_any_work(runs_dir: Path, texts: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="type two or more"):
        job_folder(trying(*texts), Places(None, runs_dir))
    assert FEWEST_TEXTS == 2


def test_model_that_is_not_here_is_refused_before_any_work(runs_dir: Path) -> None:
    for changes in ({"base_model": "run:nothing-of-this"}, {"mining": {"model": "run:nothing-of-this"}}):
        with pytest.raises(ModelError):
            job_folder(trying(*TEXTS, **changes), Places(None, runs_dir))


def test_race_without_a_cross_encoder_is_refused(runs_dir: Path) -> None:
    with pytest.raises(ConfigError, match="needs a cross-encoder"):
        job_folder(build_config({"kind": "race"}), Places(None, runs_dir))


def test_what_training_would_refuse_is_not_looked_at(runs_dir: Path) -> None:
    with pytest.raises(ConfigError, match="name one"):
        job_folder(build_config({"kind": "look", "loss": "margin-mse"}), Places(None, runs_dir))


def test_texts_are_compared_by_both_models(runs_dir: Path) -> None:
    answer = tried(trying(*TEXTS, mining={"model": "all-minilm-l6-v2"}), Places(None, runs_dir))
    before, after = np.array(answer["before"]), np.array(answer["after"])
    assert (answer["model"], answer["against"]) == ("static-minilm", "all-minilm-l6-v2")
    for cosines in (before, after):
        assert cosines.shape == (3, 3)
        assert np.allclose(cosines, cosines.T) and np.allclose(np.diag(cosines), 1, atol=1e-3)
    assert after[0, 1] > after[0, 2] + 0.2
    assert not np.allclose(before, after)


def test_pooling_and_prompts_count_and_no_second_model_is_none(runs_dir: Path) -> None:
    places, base = Places(None, runs_dir), "all-minilm-l6-v2"
    plain = tried(trying(*TEXTS, base_model=base), places)
    assert plain["after"] is None
    for changes in ({"pooling": "cls"}, {"prompts": {"query": "The weather: "}}, {"max_seq_length": 4}):
        assert tried(trying(*TEXTS, base_model=base, **changes), places)["before"] != plain["before"]


def test_other_questions_have_other_folders_and_the_same_one_has_one(runs_dir: Path) -> None:
    places = Places(None, runs_dir)
    changes: list[dict[str, Any]] = [{}, {"base_model": "all-minilm-l6-v2"}, {"prompts": {"query": "x"}}, {"seed": 7}]
    changes += [{"mining": {"model": "static-minilm"}}]
    folders = {job_folder(trying(*TEXTS, **change), places) for change in changes} | {job_folder(trying(*TEXTS[:2]), places)}
    assert len(folders) == len(changes) + 1
    assert job_folder(trying(" A man is eating food.", *TEXTS[1:], epochs=3), places) in folders


def test_only_the_newest_are_kept_and_never_one_that_goes_on(runs_dir: Path) -> None:
    places = Places(None, runs_dir)
    runs = [ask(trying(f"text {number}", "other"), places) for number in range(5)]
    for number, run in enumerate(runs):
        run.set_status(created=float(number), state="queued" if number == 0 else "done")
    forget_oldest(runs[0].path.parent, keep=3)
    assert {run.id for run in iter_runs(runs[0].path.parent)} == {runs[0].id, runs[3].id, runs[4].id}


def test_typed_texts_do_not_wait_for_a_training_run_and_stand_in_no_log(warm_dir: Path) -> None:
    training = create_run(warm_dir, override(recipe_config("quick-demo"), {"epochs": 900, "eval_every": 100_000}), None)
    ensure_supervisor(warm_dir)
    wait_for(training, lambda status: status.state == "training")
    run = ask(trying("the secret of Anna", "another one"), Places(None, warm_dir))
    assert wait_for(run, lambda status: status.is_final, 20).state == "done"
    assert is_answered(run)
    told = [run.log_path, run.events_path, run.path / "status.json", warm_dir / ".supervisor.log"]
    assert told[-1].is_file()
    assert not [path for path in told if path.is_file() and "Anna" in path.read_text()]
    status = training.status()
    assert status is not None and status.state == "training"
    training.request_cancel()
    wait_for(training, lambda status: status.is_final, 8)


def test_race_waits_for_the_device_and_looks_do_not(runs_dir: Path) -> None:
    lanes = {name: lane_of(RunFolder(runs_dir / name / "0123")) for name in (".tried", ".looked", ".raced", ".mined")}
    assert lanes == {".tried": QUICK, ".looked": QUICK, ".raced": DEVICE, ".mined": DEVICE}


def test_folder_with_other_weights_is_another_question(runs_dir: Path, tmp_path: Path) -> None:
    from core.models import load_plain

    places, folder = Places(None, runs_dir), tmp_path / "model"
    load_plain("static-minilm", runs_dir, "cpu").save_pretrained(str(folder), create_model_card=False)
    first = job_folder(trying(*TEXTS, base_model=str(folder)), places)
    weights = next(folder.rglob("*.safetensors"))
    shutil.copy(weights, tmp_path / "copy")
    (tmp_path / "copy").replace(weights)
    assert job_folder(trying(*TEXTS, base_model=str(folder)), places) != first
