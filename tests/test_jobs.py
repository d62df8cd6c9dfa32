"""Jobs: one folder for one question, done once, by a worker that waits for no torch where none is needed."""

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from core.config import RunConfig, build_config
from core.files import read_json
from core.jobs import ask, is_answered, job_folder
from core.launching import ensure_supervisor
from core.places import Places
from core.processes import is_alive
from core.recipes import recipe_config
from core.run_store import create_run, list_runs
from core.runs import RunFolder
from core.settings import override
from tests.conftest import wait_for


def asked(kind: str, **values: Any) -> RunConfig:
    return build_config({"kind": kind, **values})


def answered(config: RunConfig, places: Places, seconds: float = 60.0) -> RunFolder:
    assert places.runs_dir is not None
    run = ask(config, places)
    ensure_supervisor(places.runs_dir)
    wait_for(run, lambda status: status.is_final, seconds)
    return run


def big_file(folder: Path, rows: int = 300_000) -> Path:
    path = folder / "big.csv"
    path.write_text("anchor,positive\n" + "".join(f"question {n} of many,answer {n} to it\n" for n in range(rows)))
    return path


def test_preparation_is_done_once_and_is_no_run_of_the_list(warm_dir: Path) -> None:
    places = Places(None, warm_dir)
    run = answered(asked("prepare"), places)
    made = (run.path / "report.json").stat().st_mtime_ns
    assert answered(asked("prepare", batch_size=8), places).path == run.path
    assert (run.path / "report.json").stat().st_mtime_ns == made
    assert list_runs(warm_dir) == []


@pytest.mark.usefixtures("cold")
def test_preparing_worker_neither_loads_torch_nor_waits_for_it(runs_dir: Path, tmp_path: Path) -> None:
    ensure_supervisor(runs_dir)
    run = ask(asked("prepare", data=f"file:{big_file(tmp_path, 60_000)}"), Places(None, runs_dir))
    working = wait_for(run, lambda status: status.is_working, 20)
    mapped = ""
    while is_alive(working.pid, working.pid_started):
        # It may end, and its maps with it, between the two.
        with contextlib.suppress(OSError):
            mapped = Path(f"/proc/{working.pid}/maps").read_text() or mapped
        time.sleep(0.02)
    assert "libtorch" not in mapped and "pyarrow" in mapped, "to the end of its work"
    assert wait_for(run, lambda status: status.is_final, 60).state == "done"


def test_preparing_worker_runs_beside_a_training_run_and_shares_what_is_loaded(warm_dir: Path, tmp_path: Path) -> None:
    training = create_run(warm_dir, override(recipe_config("quick-demo"), {"epochs": 900, "eval_every": 100_000}), None)
    ensure_supervisor(warm_dir)
    wait_for(training, lambda status: status.state == "training")
    run = ask(asked("prepare", data=f"file:{big_file(tmp_path, 60_000)}"), Places(None, warm_dir))
    working = wait_for(run, lambda status: status.is_working, 20)
    own, mapped = 0, ""
    while is_alive(working.pid, working.pid_started):
        with contextlib.suppress(psutil.Error, OSError):
            own = max(own, psutil.Process(working.pid).memory_full_info().uss)
            mapped = Path(f"/proc/{working.pid}/maps").read_text() or mapped
        time.sleep(0.02)
    assert "libtorch" in mapped and 0 < own < 300e6, "the pages of torch are the supervisor's"
    assert wait_for(run, lambda status: status.is_final, 60).state == "done"
    status = training.status()
    assert status is not None and status.state == "training"
    training.request_cancel()
    wait_for(training, lambda status: status.is_final, 8)


def test_failed_job_says_why_and_begins_anew_when_it_is_asked_again(warm_dir: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("premise,hypothesis,label\na,b,0\nc,d,maybe\n")
    config = asked("prepare", data=f"file:{path}")
    run = answered(config, Places(None, warm_dir))
    status = run.status()
    assert status is not None and status.state == "failed"
    assert "mine.csv, row 2, column label: the label 'maybe' is not known" in status.error["message"]
    assert not is_answered(run)
    assert ask(config, Places(None, warm_dir)).path == run.path
    again = run.status()
    assert again is not None and (again.state, again.error) == ("queued", {})


def test_cancelled_job_ends_and_leaves_no_answer(warm_dir: Path, tmp_path: Path) -> None:
    run = ask(asked("prepare", data=f"file:{big_file(tmp_path)}"), Places(None, warm_dir))
    ensure_supervisor(warm_dir)
    wait_for(run, lambda status: status.is_working, 30)
    run.request_cancel()
    assert wait_for(run, lambda status: status.is_final, 8).state == "stopped"
    assert not is_answered(run)


def test_killed_worker_of_a_job_shows_as_interrupted(warm_dir: Path, tmp_path: Path) -> None:
    run = ask(asked("prepare", data=f"file:{big_file(tmp_path)}"), Places(None, warm_dir))
    ensure_supervisor(warm_dir)
    working = wait_for(run, lambda status: status.is_working, 30)
    assert working.pid is not None
    os.kill(working.pid, signal.SIGKILL)
    assert wait_for(run, lambda status: status.is_final, 8).state == "interrupted"


def test_training_on_a_preparation_that_is_under_way_waits_for_it(warm_dir: Path, tmp_path: Path) -> None:
    path = big_file(tmp_path, 30_000)
    values = {"data": f"file:{path}", "max_steps": 2, "best_by": "last"}
    job = ask(asked("prepare", data=f"file:{path}"), Places(None, warm_dir))
    run = create_run(warm_dir, override(build_config({}), values, Places(None, warm_dir)), None)
    ensure_supervisor(warm_dir)
    assert wait_for(run, lambda status: status.is_final, 90).state == "done"
    assert wait_for(job, lambda status: status.is_final, 10).state == "done"
    assert run.resolved()["data"]["folder"] == job.id


@pytest.mark.parametrize("negatives", ["semi-hard", "random"])
def test_prepared_triplets_hold_the_negatives_that_were_asked_for(warm_dir: Path, small_data: Path, negatives: str) -> None:
    mining = {"rank_from": 0, "rank_to": 9, "ceiling": 0.999}
    run = answered(asked("prepare", data="snli", negatives=negatives, mining=mining), Places(small_data, warm_dir))
    report = read_json(run.path / "report.json")
    assert (report["shape"], report["negatives"]) == ("triplets", negatives)


def test_negatives_are_compared_for_the_same_anchors(warm_dir: Path, small_data: Path) -> None:
    config = asked("mine", data="snli", mining={"rank_from": 0, "ceiling": 0.999, "margin": 0.0})
    run = answered(config, Places(small_data, warm_dir))
    answer = read_json(run.path / "negatives.json")
    first = answer["anchors"][0]
    assert set(first["texts"]) == {"positive", "random", "semi-hard", "hard"}
    assert all(-1 <= one["cosine"] <= 1.0001 for one in first["texts"].values())
    assert "sleeps on a mountain" in first["texts"]["hard"]["text"], "a contradiction of the same premise"
    shares = answer["false_negatives"]
    assert list(shares) == sorted(shares)
    near = [sum(int(count) * rows for count, rows in counts.items()) for counts in shares.values()]
    assert near == sorted(near, reverse=True), "a higher threshold counts fewer"


def test_other_rows_other_columns_and_other_fixes_are_other_folders(runs_dir: Path, small_data: Path) -> None:
    places = Places(small_data, runs_dir)
    changes: list[dict[str, Any]] = [
        {}, {"data": "stsb"}, {"max_rows": 5}, {"fixes": ["drop-overlap"]}, {"seed": 7}, {"holdout": 0.2},
        {"negatives": "random"},
        {"examples": "class-pairs"}, {"columns": {"anchor": "premise", "positive": "hypothesis"}}, {"neutral_score": 0.5},
    ]  # fmt: skip
    folders = {job_folder(asked("prepare", **({"data": "snli"} | change)), places) for change in changes}
    assert len(folders) == len(changes)
    assert job_folder(asked("prepare", data="snli", learning_rate=1e-3), places) in folders


def test_cancel_of_a_preparation_leaves_the_run_that_makes_it_alone(warm_dir: Path, tmp_path: Path) -> None:
    path = big_file(tmp_path, 60_000)
    run = create_run(warm_dir, override(build_config({}), {"data": f"file:{path}", "max_steps": 2}, Places(None, warm_dir)), None)
    ensure_supervisor(warm_dir)
    job = RunFolder(job_folder(asked("prepare", data=f"file:{path}"), Places(None, warm_dir)))
    wait_for(job, lambda status: status.is_working, 60)
    job.request_cancel()
    assert wait_for(run, lambda status: status.is_final, 120).state == "done"


def test_finished_preparation_is_not_written_again_by_a_worker_that_comes_late(warm_dir: Path) -> None:
    places = Places(None, warm_dir)
    run = answered(asked("prepare"), places)
    made = (run.path / "examples.parquet").stat().st_mtime_ns
    run.set_status(state="queued")
    ensure_supervisor(warm_dir)
    wait_for(run, lambda status: status.is_final, 30)
    assert (run.path / "examples.parquet").stat().st_mtime_ns == made


def test_failed_job_is_not_begun_again_by_a_look(warm_dir: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("premise,hypothesis,label\na,b,0\nc,d,maybe\n")
    config = asked("prepare", data=f"file:{path}")
    run = answered(config, Places(None, warm_dir))
    ask(config, Places(None, warm_dir), again=False)
    status = run.status()
    assert status is not None and status.state == "failed"


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cross-encoder as somebody might have saved one: MiniLM with a new head, which judges badly and in the right form."""
    from sentence_transformers import CrossEncoder

    from core.base_models import bundled_folder

    folder = tmp_path_factory.mktemp("judge")
    CrossEncoder(str(bundled_folder()), num_labels=1, device="cpu").save_pretrained(str(folder))
    return folder


def test_hard_negatives_are_mined_and_judged_by_a_cross_encoder(warm_dir: Path, small_data: Path, judge: Path) -> None:
    rows = [
        f"the {one} number {n} sleeps,a {one} is resting {n}\n"
        for n in range(6)
        for one in ("otter", "falcon", "badger", "heron")
    ]
    path = small_data / "mine.csv"
    path.write_text("anchor,positive\n" + "".join(rows))
    mining = {"judge": str(judge), "rank_from": 0, "ceiling": 1.0, "margin": 0.0}
    config = asked("prepare", data=f"file:{path}", negatives="hard", mining=mining)
    run = answered(config, Places(small_data, warm_dir), 90)
    status = run.status()
    assert status is not None and status.state == "done", status
    report = read_json(run.path / "report.json")
    assert (report["shape"], report["negatives"]) == ("triplets", "hard")
    assert 0 < report["examples"] <= report["shapes"]["positive-pairs"]


def test_folder_that_is_no_cross_encoder_is_refused(warm_dir: Path, small_data: Path, tmp_path: Path) -> None:
    path = small_data / "mine.csv"
    path.write_text("anchor,positive\n" + "".join(f"question {n},answer {n}\n" for n in range(20)))
    config = asked("prepare", data=f"file:{path}", negatives="hard", mining={"judge": str(tmp_path)})
    status = answered(config, Places(small_data, warm_dir), 90).status()
    assert status is not None and status.state == "failed"
    assert "is no cross-encoder's folder with safetensors" in status.error["message"]
