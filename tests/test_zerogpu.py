"""The studio on a ZeroGPU Space, imitated: the real app beside a package `spaces` that forks, asked as a browser asks it."""

import contextlib
import json
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from core import zerogpu
from core.config import build_config
from core.files import read_json
from core.processes import is_alive
from core.run_store import create_run, iter_runs
from core.runs import RunFolder
from core.settings import Setting
from core.visitors import new_token, owner_of, shelf_of
from core.zerogpu import GPU_SECONDS, LATE_SECONDS, RESERVE_SECONDS, _end_in_time, _refusal, gpu_seconds, is_zerogpu
from tests.conftest import wait_for
from tests.ready import ROOT
from tests.real_app import RealApp
from tests.test_layering import CORE_FILES, PAGE_FILES, imports_of
from ui.run_form import FORM_KEYS


class Visitor:
    """Somebody with the page open: their own token, and a stream in which Gradio tells how far their events are."""

    def __init__(self, app: RealApp) -> None:
        self.app = app
        self.token = new_token()
        self.session = self.token[:10]
        with urllib.request.urlopen(f"{app.url}/config", timeout=30) as answer:
            self.events = json.load(answer)["dependencies"]

    def event(self, name: str) -> int:
        return next(each["id"] for each in self.events if each["api_name"] == name)

    def send(self, where: str, event: int, values: list[Any]) -> Any:
        body = {"data": [self.token, *values], "fn_index": event, "session_hash": self.session}
        headers = {"Content-Type": "application/json"}
        asked = urllib.request.Request(f"{self.app.url}/gradio_api/{where}", json.dumps(body).encode(), headers)
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return json.load(answer)

    def fill_in(self, **settings: Any) -> None:
        """Fill in the form as a browser does; what is remembered of it lies with the server."""
        filled = self.send("run/predict", self.event("choose_recipe"), [None, None])["data"][-len(FORM_KEYS) :]
        shown = (each.get("value") if isinstance(each, dict) else each for each in filled)
        values = dict(zip(FORM_KEYS, shown, strict=True)) | settings
        self.send("run/predict", self.event("edit_form"), [None, None, None, *values.values()])

    def start(self) -> Any:
        """Do what a press of Start training leads to, and return the stream of messages."""
        self.send("queue/join", self.event("train_on_gpu"), [None, None])
        return urllib.request.urlopen(f"{self.app.url}/gradio_api/queue/data?session_hash={self.session}", timeout=90)

    @property
    def runs(self) -> list[RunFolder]:
        return list(iter_runs(shelf_of(Path(self.app.command[-1]), owner_of(self.token))))


def messages(stream: Any) -> Iterator[dict[str, Any]]:
    for line in stream:
        if line.startswith(b"data: "):
            yield json.loads(line[6:])


def last_message(stream: Any) -> dict[str, Any]:
    with stream:
        return next(each for each in messages(stream) if each["msg"] == "process_completed")


def until_it_trains(visitor: Visitor) -> RunFolder:
    deadline = time.monotonic() + 60
    while not visitor.runs:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    wait_for(visitor.runs[0], lambda status: status.state == "training" or status.is_final, 60)
    return visitor.runs[0]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealApp]:
    runs_dir = tmp_path_factory.mktemp("zerogpu") / "runs"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUDIO_HOSTED", "1")
        patch.setenv("SPACES_ZERO_GPU", "true")
        patch.setenv("PYTHONPATH", str(ROOT / "tests" / "imitated"))
        patch.setenv("IMITATED_REFUSAL", str(runs_dir.parent / "refused"))
        app = RealApp(runs_dir)
    yield app
    # What was forked does not die of its parent's end, as it would with the container of a Space.
    lent = psutil.Process(app.process.pid).children(recursive=True)
    app.kill()
    for process in lent:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def test_start_training_checks_the_form_at_once_and_then_waits_in_gradios_queue(app: RealApp) -> None:
    events = {each["id"]: each for each in Visitor(app).events}
    training = next(each for each in events.values() if each["api_name"] == "train_on_gpu")
    checking = events[training["trigger_after"]]
    assert checking["api_name"] == "check_training" and training["trigger_only_on_success"] and training["queue"]
    pressed = events[checking["trigger_after"]]
    assert [how for _, how in pressed["targets"]] == ["click"] and pressed["api_name"].startswith("edit_form")
    assert not any(each["api_name"] == "start_training" for each in events.values())


def test_run_goes_on_in_the_lent_process_and_is_whole_within_its_seconds(app: RealApp) -> None:
    visitor = Visitor(app)
    visitor.fill_in(time_budget_seconds=30, max_steps=60)
    ended: list[dict[str, Any]] = []
    waiting = threading.Thread(target=lambda stream: ended.append(last_message(stream)), args=(visitor.start(),))
    waiting.start()
    run = until_it_trains(visitor)
    status = run.status()
    assert status is not None and status.by_hand and status.pid is not None
    assert psutil.Process(status.pid).ppid() == app.process.pid
    waiting.join(60)
    assert ended and ended[0]["success"], (ended, run.last_log_lines(20))
    status = wait_for(run, lambda status: status.is_final, 5)
    assert status.finished and status.started and status.has_model and status.owner == owner_of(visitor.token)
    seconds = status.finished - status.started
    # On a machine that is too slow for so little time it is stopped, but it is whole.
    assert seconds < 30 + RESERVE_SECONDS and (status.state == "done" or seconds > 30 + LATE_SECONDS)
    assert run.scores("before").keys() == run.scores("after").keys() and run.scores("after")
    assert (run.path / "model" / "model.safetensors").is_file() and list((run.path / "snapshots").glob("*.npy"))
    events = [json.loads(line) for line in run.events_path.read_text().splitlines()]
    assert {"state", "step", "evaluation"} <= {each["type"] for each in events}
    # The examples were made by the supervisor's worker before the GPU was asked for.
    prepared = read_json(next((run.runs_dir / ".prepared").iterdir()) / "status.json")
    assert prepared["state"] == "done" and prepared["finished"] <= status.started
    # Nothing of it is left in a process that serves the next visitor.
    assert status.pid is None


def test_leaving_the_page_ends_the_run_like_stop_and_stops_nobody_else(app: RealApp) -> None:
    visitor = Visitor(app)
    visitor.fill_in(epochs=500)
    stream = visitor.start()
    run = until_it_trains(visitor)
    stream.close()
    began, slowest = time.monotonic(), 0.0
    while (status := run.status()) is not None and not status.is_final and time.monotonic() - began < 30:
        asked = time.monotonic()
        urllib.request.urlopen(f"{app.url}/gradio_api/startup-events", timeout=30).close()
        slowest = max(slowest, time.monotonic() - asked)
    status = run.status()
    assert status is not None and (status.state, status.has_model) == ("stopped", True), run.last_log_lines(20)
    assert (run.path / "model" / "model.safetensors").is_file() and run.scores("after")
    assert slowest < 2.0
    settings = run.resolved()["settings"]
    assert settings["time_budget_seconds"] == {"value": GPU_SECONDS - RESERVE_SECONDS, "origin": "automatic"}
    assert settings["max_steps"]["value"] > 1000


def test_when_no_gpu_is_lent_the_run_and_the_page_say_why(app: RealApp) -> None:
    visitor = Visitor(app)
    refusal = Path(app.command[-1]).parent / "refused"
    refusal.touch()
    visitor.fill_in(epochs=1)
    said = last_message(visitor.start())
    refusal.unlink()
    status = visitor.runs[0].status()
    assert not said["success"] and said["output"]["error"].startswith("No GPU was lent (Your quota is used up. Join)")
    assert status is not None and status.state == "failed" and status.detail == said["output"]["error"]


def test_a_run_that_its_owner_cancels_ends_with_its_process(app: RealApp) -> None:
    visitor = Visitor(app)
    visitor.fill_in(epochs=500)
    stream = visitor.start()
    run = until_it_trains(visitor)
    status = run.status()
    assert status is not None and status.pid is not None
    run.request_cancel()
    assert last_message(stream)["success"]
    assert not is_alive(status.pid, status.pid_started)
    status = wait_for(run, lambda status: status.is_final, 5)
    assert (status.state, status.detail, status.has_model) == ("stopped", "Cancelled; nothing was kept.", False)


@pytest.mark.parametrize(("asked", "lent"), [(None, 60), (5, 15), (7.5, 18), (50, 60), (300, 60)])
def test_no_more_seconds_are_asked_for_than_a_run_was_given(tmp_path: Path, asked: float | None, lent: int) -> None:
    run = create_run(tmp_path, build_config({"time_budget_seconds": asked}), None)
    assert gpu_seconds(str(run.path)) == lent


@pytest.mark.parametrize(
    ("budget", "max_steps", "changed"),
    [(None, None, (50.0, 30)), (None, 7, (50.0, 7)), (20, None, None), (300, None, (50.0, None)), (300, 9, (50.0, 9))],
)
def test_limit_of_time_takes_no_step_away_that_fits_and_adds_none(
    budget: float | None, max_steps: int | None, changed: tuple[float, int] | None
) -> None:
    from core.training_run import in_time

    asked = {"time_budget_seconds": budget, "max_steps": max_steps, "batch_size": 10, "gradient_accumulation": 1, "epochs": 3.0}
    settled = {key: Setting(value, "yours") for key, value in asked.items()}
    found = in_time(settled, 50.0, 100)
    assert (found["time_budget_seconds"].value, found["max_steps"].value) == changed if changed else found == {}
    assert in_time(settled, None, 100) == {}


def test_run_that_is_late_is_stopped_and_then_spared_its_scoring(tmp_path: Path) -> None:
    run = create_run(tmp_path, build_config({}), None)
    for late, wish in ((-1.0, None), (2.4, None), (2.6, "stop"), (4.9, "stop"), (5.1, "skip-scoring"), (9.0, "skip-scoring")):
        _end_in_time(run, late)
        assert run.stop_wish() == wish


def test_process_that_is_killed_before_the_run_has_ended_leaves_the_last_word_to_the_supervisor(tmp_path: Path) -> None:
    run = create_run(tmp_path, build_config({}), None, by_hand=True)
    run.set_status(state="training")
    assert "resume it, and it goes on on the CPU" in str(_refusal(run, RuntimeError("GPU task aborted")))
    status = run.status()
    assert status is not None and (status.state, status.error) == ("training", {})


def test_process_whose_generator_is_closed_lets_the_run_end_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = create_run(tmp_path, build_config({}), None, by_hand=True)
    told: list[str] = []

    def until_stopped(run: RunFolder, seconds: float) -> None:
        run.set_status(state="training")
        while not run.stop_wish():
            time.sleep(0.01)
        told.append(f"ended, of {seconds:g} s")

    monkeypatch.setattr(zerogpu, "do", until_stopped)
    monkeypatch.setattr(zerogpu, "_settle_in", lambda: None)
    monkeypatch.setattr(zerogpu, "_settle_up", lambda run: told.append(f"let go of {run.id}"))
    working = zerogpu.work(str(run.path))
    assert next(working) == "training"
    working.close()
    assert told == ["ended, of 50 s", f"let go of {run.id}"]
    # What is not waiting any more is not begun, however late its turn comes.
    assert list(zerogpu.work(str(run.path))) == []


@pytest.mark.parametrize(("said", "is_one"), [("true", True), ("1", True), ("false", False), ("", False), (None, False)])
def test_zerogpu_is_known_by_what_the_platform_sets(monkeypatch: pytest.MonkeyPatch, said: str | None, is_one: bool) -> None:
    monkeypatch.delenv("SPACES_ZERO_GPU", raising=False)
    if said is not None:
        monkeypatch.setenv("SPACES_ZERO_GPU", said)
    assert is_zerogpu() is is_one


def test_one_file_alone_knows_the_package() -> None:
    knowing = [path.name for path in (*CORE_FILES, *PAGE_FILES) if "spaces" in imports_of(path.read_text(encoding="utf-8"))]
    assert knowing == ["zerogpu.py"]
