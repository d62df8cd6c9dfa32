"""The live figure in a real Chromium: a run that somebody else writes is followed, drawn and redrawn without a leak."""

import contextlib
import json
import math
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, CDPSession, Page

from core.config import build_config
from core.events import EvaluationEvent, Event, EventWriter, MeasureEvent, StateEvent, StepEvent
from core.figures import PALETTE
from core.files import write_json
from core.launching import ensure_supervisor
from core.overlay import MOST_POINTS, OverlaidRun, curve_of, differences, evaluation_title, loss_overlay, smooth
from core.processes import spawn_detached, start_time
from core.run_store import create_folder, list_runs
from core.runs import RunFolder
from tests.conftest import end_supervisor
from tests.real_app import CHROMIUM, SAYS, RealApp, load, open_page, open_tab, plotted, wait_until_says, watched_page
from ui.live import news_of_run
from ui.overlay import choose_colours, news_of_overlay
from ui.studio import Studio

UPDATES = 500
# The points themselves, 650 of them or more in every chart, are a good part of it.
MOST_GROWTH_BYTES = 5_000_000
# The page asks every 0.4 s, which 500 times over would take minutes: here it asks as soon as it has drawn.
QUICK = """
const later = window.setTimeout;
window.setTimeout = (work, ms, ...rest) => later(work, String(work).includes('pull(') ? 0 : ms, ...rest);
"""
LOSS = "document.querySelector('[data-plot=loss]')"
HISTOGRAM = "document.querySelector('[data-plot=histogram]')"
EVALUATION = "document.querySelector('[data-plot=evaluation]')"


def step_event(step: int, total: int) -> StepEvent:
    loss = 0.2 + 2 * math.exp(-6 * step / total) + 0.1 * (step % 3)
    return StepEvent(
        step=step, total_steps=total, epoch=2 * step / total, loss=loss, loss_min=loss, loss_max=loss, learning_rate=2e-5,
        grad_norm=1.0 + step % 2, examples_per_second=900, seconds_left=total - step, tokens_per_second=31_000, padding=0.07,
    )  # fmt: skip


def measure_event(step: int) -> MeasureEvent:
    hill = [round(100 * math.exp(-(((place - 20) / 5) ** 2))) for place in range(40)]
    return MeasureEvent(step, 0.4, -2.0, 0.1, 0.9, positives=[0] * 8 + hill[:-8], negatives=hill)


def told_until(step: int, total: int) -> list[Event]:
    """Return what a run tells that is evaluated every 100 steps on 300 of 1,500 pairs, best at step 200."""
    events: list[Event] = [
        StateEvent("training"),
        EvaluationEvent(0, "stsb/validation", 1500, {"spearman_cosine": 0.79}, untouched=True),
        EvaluationEvent(0, "stsb/validation", 300, {"spearman_cosine": 0.8}, untouched=True, precision="bf16", of_pairs=1500),
        EvaluationEvent(0, "own/held-out", 50, {"mrr@10": 0.6, "ndcg@10": 0.5}, untouched=True, of_pairs=50),
    ]
    for done in range(1, step + 1):
        events.append(step_event(done, total))
        if done % 100 == 0:
            figure, best = {"spearman_cosine": 0.86 - abs(done - 200) / 10_000}, done <= 200
            events.append(EvaluationEvent(done, "stsb/validation", 300, figure, precision="bf16", best=best, of_pairs=1500))
            events.append(EvaluationEvent(done, "own/held-out", 50, {"mrr@10": 0.6 + done / 10_000}, of_pairs=50))
            events.append(measure_event(done))
    return events


def write_run(runs_dir: Path, name: str, events: list[Event], **status: Any) -> RunFolder:
    """Make a run that no worker has; its events are 0.1 s apart."""
    config = build_config({"base_model": "static-minilm", "data": "sample", "loss": "mnr"})
    # Nor would the supervisor begin it in the moment that it is queued.
    run = create_folder(runs_dir / name, config, None, by_hand=True)
    lines = [
        json.dumps({"n": n, "t": 1000 + n / 10, "type": event.type} | asdict(event)) for n, event in enumerate(events, start=1)
    ]
    run.events_path.write_text("\n".join(lines) + "\n")
    run.set_status(**({"state": "done", "detail": "Saved", "started": 1000.0, "finished": 1100.0} | status))
    return run


@dataclass
class Watched:
    """A run that goes on, and the process that stands for its worker."""

    run: RunFolder
    worker: subprocess.Popen[bytes]


@pytest.fixture(scope="module")
def live_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("live")
    ensure_supervisor(folder)
    yield folder
    end_supervisor(folder)


@pytest.fixture(scope="module")
def app(live_dir: Path) -> Iterator[RealApp]:
    started = RealApp(live_dir)
    yield started
    started.kill()


@pytest.fixture
def watched(live_dir: Path, request: pytest.FixtureRequest) -> Iterator[Watched]:
    """A run of 400 steps so far, or of as many as the test says; the page shows it, for it is the newest."""
    worker = spawn_detached(["-c", "import time; time.sleep(600)"])
    alive = {"pid": worker.pid, "pid_started": start_time(worker.pid)}
    name, steps = f"20260101-00000{len(list_runs(live_dir))}-mnr-abc", getattr(request, "param", 400)
    run = write_run(live_dir, name, told_until(steps, 3000), state="training", detail="", **alive)
    yield Watched(run, worker)
    worker.kill()
    worker.wait(10)
    run.set_status(state="done", finished=1100.0)


def heap_bytes(session: CDPSession) -> float:
    session.send("HeapProfiler.collectGarbage")
    session.send("HeapProfiler.collectGarbage")
    return float({each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}["JSHeapUsedSize"])


def follow(page: Page, run: RunFolder, updates: int) -> None:
    """Write on until the page has asked and been answered so many times."""
    writer, asked = EventWriter(run.events_path), []
    page.on("requestfinished", lambda request: asked.append(1) if "news_of_run" in (request.post_data or "") else None)
    step = int(page.evaluate(f"{LOSS}.data[0].x.length"))
    written = 0
    while len(asked) < updates:
        # A step for each answer: more would only be more points to draw.
        if written <= len(asked):
            step, written = step + 1, written + 1
            writer.write(step_event(step, 3000))
            if step % 50 == 0:
                # Without a heartbeat the supervisor would take the worker for one that hangs.
                run.set_status(heartbeat=float(step))
        page.wait_for_timeout(5)
    page.wait_for_function(f"{LOSS}.data[0].x.length > {min(step, 1000) - 5}")


def check_curves(page: Page) -> None:
    assert len(plotted(page, "loss")) == 400
    names = page.evaluate(f"{EVALUATION}.data.map(trace => trace.name)")
    assert names[0] == "stsb validation, 300 of 1,500 pairs, bf16"
    assert plotted(page, "evaluation", 1) == [0.8, 0.8], "the untouched figure of the same pairs, not of all"
    star = page.evaluate(f"{EVALUATION}.data.find(trace => trace.marker && trace.marker.symbol === 'star')")
    assert star["x"] == [200] and star["y"] == [0.86]
    assert plotted(page, "evaluation", 3) == [0.6, 0.61, 0.62, 0.63, 0.64]
    assert "MRR@10, own held-out" in page.locator("[data-title=evaluation]").inner_text()
    assert len(plotted(page, "norm")) == len(plotted(page, "tokens")) == 400
    assert sum(plotted(page, "histogram")) == pytest.approx(1) == sum(plotted(page, "histogram", 1))
    assert plotted(page, "uniformity") == [-2.0] * 4
    # What share of the processor is used is known at the second look, a moment after the curves.
    page.wait_for_function("document.querySelector('#live-figure .tiles').innerText.includes('cores')")
    tiles = page.locator("#live-figure .tiles").inner_text()
    assert "7.0 %" in tiles and "31,000" in tiles and "Memory" in tiles and "cores" in tiles


def check_controls(page: Page) -> None:
    before = plotted(page, "loss", 1)
    page.get_by_label("Smoothing").fill("0.95")
    page.wait_for_function(f"{LOSS}.data[1].y[300] !== {before[300]}")
    raw, smoother = plotted(page, "loss"), plotted(page, "loss", 1)
    assert smoother == pytest.approx(smooth(raw, 0.95)) and before == pytest.approx(smooth(raw, 0.6))
    page.get_by_label("Log scale").check()
    page.wait_for_function(f"{LOSS}.layout.yaxis.type === 'log'")
    for along, end in (("epoch", 400 * 2 / 3000), ("seconds", 40.8)):
        page.get_by_label("x axis").select_option(along)
        page.wait_for_function(f"Math.abs({LOSS}.data[0].x.at(-1) - {end}) < 1e-6")
        assert page.evaluate(f"Math.abs({EVALUATION}.data[0].x.at(-1) - {end}) < .11")


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: apt-get install chromium")
def test_run_is_drawn_as_chosen_and_its_end_says_that_the_memory_is_free(
    watched: Watched, app: RealApp, browser: Browser
) -> None:
    with contextlib.closing(open_page(browser, app.url, complaints := [])) as page:
        open_tab(page, "Train")
        page.wait_for_function(f"({HISTOGRAM}.data || []).length > 0", timeout=30_000)
        check_curves(page)
        check_controls(page)
        EventWriter(watched.run.events_path).write(step_event(401, 3000))
        page.wait_for_function(f"{LOSS}.data[0].x.length === 401")
        chosen = "[...document.querySelectorAll('#live-figure [data-control]')].map(node => node.value)"
        assert page.evaluate(chosen) == ["0.95", "on", "seconds"] and page.evaluate(f"{LOSS}.layout.yaxis.type") == "log"
        watched.run.set_status(state="done", detail="Saved", finished=1100.0)
        wait_until_says(page, "Done")
        assert "memory is free" not in page.evaluate(SAYS), "its process still lives"
        watched.worker.kill()
        watched.worker.wait(10)
        page.wait_for_function(f"{SAYS} === 'Done · Saved. Its process has ended; all of its memory is free.'", timeout=10_000)
        assert not complaints


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: apt-get install chromium")
@pytest.mark.parametrize("watched", [100], indirect=True)
def test_500_updates_leave_the_heap_as_it_was(watched: Watched, app: RealApp, browser: Browser) -> None:
    with contextlib.closing(watched_page(browser, complaints := [])) as page:
        page.set_viewport_size({"width": 900, "height": 600})
        page.add_init_script(QUICK)
        load(page, app.url)
        open_tab(page, "Train")
        page.wait_for_function(f"({HISTOGRAM}.data || []).length > 0", timeout=30_000)
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable")
        follow(page, watched.run, 50)
        before = heap_bytes(session)
        follow(page, watched.run, UPDATES)
        grown = heap_bytes(session) - before
        print(f"heap before {before / 1e6:.1f} MB, grown by {grown / 1e6:.2f} MB")
        assert grown < MOST_GROWTH_BYTES, f"the heap grew by {grown / 1e6:.1f} MB"
        assert not complaints


def test_figure_is_told_what_the_process_uses_until_it_has_ended(watched: Watched, live_dir: Path) -> None:
    studio = Studio(live_dir, None)
    machine = news_of_run(studio, [watched.run.id, 0, 0])["machine"]
    assert machine["alive"] and machine["memory_bytes"] > 1_000_000 and machine["cores"] >= 1
    watched.worker.kill()
    watched.worker.wait(10)
    machine = news_of_run(studio, [watched.run.id, 0, 0])["machine"]
    assert (machine["alive"], machine["memory_bytes"], machine["cpu_percent"]) == (False, None, None)
    waiting = write_run(live_dir, "20260101-000009-mnr-def", [], state="queued", pid=None)
    assert news_of_run(studio, [waiting.id, 0, 0])["machine"] is None


def test_runs_laid_over_each_other_keep_their_colours_and_show_their_differences(runs_dir: Path) -> None:
    names = [f"20260101-00000{number}-mnr-abc{number}" for number in range(3)]
    for number, name in enumerate(names):
        run = write_run(runs_dir, name, told_until(200 + 2000 * number, 4200))
        settings = {"batch_size": 32, "learning_rate": 10.0**-number, "loss_params": {"scale": 20 + number // 2}, "data": "<b>"}
        write_json(run.path / "resolved.json", {"settings": {key: {"value": value} for key, value in settings.items()}})
    value = choose_colours(names, {})
    assert list(value.values()) == [0, 1, 2]
    assert choose_colours(names[1:], value) == {names[1]: 1, names[2]: 2}, "who stays keeps the colour"
    assert choose_colours([*names[1:], "new"], choose_colours(names[1:], value))["new"] == 0
    studio = Studio(runs_dir, None)
    news = read_all(studio, value)
    assert [trace["line"]["color"] for trace in news["loss"]["data"]] == [PALETTE[place] for place in range(3)]
    assert [trace["x"][-1] for trace in news["loss"]["data"]] == [200, 2200, 4200]
    assert all(len(trace["x"]) <= MOST_POINTS + 1 for trace in news["loss"]["data"])
    assert [trace["name"] for trace in news["loss"]["data"]] == ["mnr abc0", "mnr abc1", "mnr abc2"]
    assert news["final"] and "learning_rate" in news["html"] and "loss_params.scale" in news["html"]
    assert "batch_size" not in news["html"] and "<b>" not in news["html"]
    assert set(news_of_overlay(studio, [value, news["mark"]])) == {"mark", "final"}, "what is shown is not sent again"


def read_all(studio: Studio, value: dict[str, int]) -> dict[str, Any]:
    while not (news := news_of_overlay(studio, [value, ""]))["final"]:
        pass
    return news


def test_nested_differences_and_missing_settings_are_named() -> None:
    assert differences([{"a": 1, "b": None}, {"a": 1, "b": None, "c": 2}]) == [("c", [None, 2])]


def test_overlay_takes_the_yardstick_before_own_rows_and_says_when_sets_differ() -> None:
    def told(data: str, figure: str) -> dict[str, Any]:
        return {"data": data, "step": 1, "pairs": 10, "value": 0.5, "figure": figure, "best": False, "untouched": False}

    own, stsb = told("own/held-out", "mrr@10"), told("stsb/validation", "spearman_cosine")
    assert curve_of([own, stsb]) == [stsb] and curve_of([own]) == [own] and curve_of([]) == []
    both = [OverlaidRun("a", "red", {"evaluations": [own, stsb]}, "a"), OverlaidRun("b", "blue", {"evaluations": [own]}, "b")]
    assert evaluation_title(both[:1]) == "Spearman cosine, stsb validation · 10 pairs"
    assert "not to be compared" in evaluation_title(both)
    assert len(loss_overlay([OverlaidRun("a", "red", {"steps": {"step": [], "loss": []}}, "a")]).data[0].x) == 0
