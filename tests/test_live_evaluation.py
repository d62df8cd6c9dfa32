"""Evaluation on the way has a budget; a time budget sets the steps; a clock leaves pauses out; kills for memory are counted."""

import itertools
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import get_scheduler

from core import memory_events
from core.checkpoints import BestCheckpoint
from core.config import build_config
from core.errors import DivergenceError
from core.events import EvaluationEvent, MeasureEvent, read_events
from core.live_evaluation import Course, LiveEvaluation, Measurement
from core.memory_events import memory_kills
from core.run_log import RunLog
from core.run_store import create_run
from core.step_clock import StepClock
from core.time_budget import TimeBudget

SETTINGS: dict[str, Any] = {"eval_every": None, "evaluations": 10, "early_stopping": None}
FEW = EvaluationEvent(0, "stsb/validation", 300, {"spearman_cosine": 0.6}, untouched=True, of_pairs=1500)


def evaluation(runs_dir: Path, course: Course, **settings: Any) -> LiveEvaluation:
    log = RunLog(create_run(runs_dir, build_config({}), None))
    best = BestCheckpoint(log.run.path / "checkpoints", "spearman_cosine")
    return LiveEvaluation(log, SETTINGS | settings, course, best)


def measured(figure: float) -> Measurement:
    return Measurement([EvaluationEvent(1, "stsb/validation", 300, {"spearman_cosine": figure})], figure)


def due_steps(live: LiveEvaluation, total: int) -> list[int]:
    return [step for step in range(1, total + 1) if live.is_due(step, step == total)]


@pytest.mark.parametrize(
    ("seconds", "few_seconds", "expected"),
    [
        # 1,000 steps of 0.1 s allow 10 s: a hundred points of 0.1 s would fit, ten are wanted.
        (0.1, 0.02, list(range(100, 1001, 100))),
        # Five points of 2 s fit.
        (2.0, 0.4, [200, 400, 600, 800, 1000]),
        # Three points of 8 s do not: 300 pairs serve the curve, at 1.6 s six of them fit.
        (8.0, 1.6, [167, 334, 501, 668, 835, 1000]),
        # Nothing fits: three points all the same.
        (80.0, 16.0, [334, 668, 1000]),
    ],
)
def test_points_are_as_many_as_a_tenth_of_the_time_allows(
    runs_dir: Path, seconds: float, few_seconds: float, expected: list[int]
) -> None:
    live = evaluation(runs_dir, Course(lambda *_: measured(0.5), seconds, few_seconds, FEW))
    live.plan(1000, 0.1)
    assert due_steps(live, 1000) == expected


@pytest.mark.parametrize(
    ("seconds", "every", "expected"),
    [
        # Ten points of 10 ms were foreseen; they take 9 ms.
        (0.009, None, [*range(10, 101, 10)]),
        # They take 30 ms each: after two of them there is room for one more, but a point in each third is the least.
        (0.03, None, [10, 20, 30, 60, 90, 100]),
        # They take 15 ms each: after two there is room for four more, one of them the last step's.
        (0.015, None, [10, 20, 40, 60, 80, 100]),
        # A distance that a person set stays.
        (0.03, 10, [*range(10, 101, 10)]),
    ],
)
def test_points_that_cost_more_than_foreseen_become_fewer(
    runs_dir: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, every: int | None, expected: list[int]
) -> None:
    clock = itertools.count(0.0, seconds)
    monkeypatch.setattr("core.live_evaluation.time", SimpleNamespace(monotonic=lambda: next(clock)))
    live = evaluation(runs_dir, Course(lambda *_: measured(0.5), 0.01), eval_every=every)
    live.plan(100, 0.01)
    points = []
    for step in range(1, 101):
        if live.is_due(step, step == 100):
            points.append(step)
            live.evaluate(torch.nn.Linear(1, 1), step)
            live.keep_to_budget(step, 100, 1.0)
    assert points == expected
    assert live.seconds == pytest.approx(seconds * len(points))


def test_distance_that_a_person_set_stays(runs_dir: Path) -> None:
    live = evaluation(runs_dir, Course(lambda *_: measured(0.5), 80.0, 16.0, FEW), eval_every=250)
    live.plan(1000, 0.1)
    assert due_steps(live, 1000) == [250, 500, 750, 1000]


def test_few_pairs_come_with_their_own_dashed_line(runs_dir: Path) -> None:
    asked: list[bool] = []

    def measure(_model: Any, _step: int, few: bool) -> Measurement:
        asked.append(few)
        return measured(0.5)

    live = evaluation(runs_dir, Course(measure, 8.0, 1.6, FEW))
    live.plan(1000, 0.1)
    live.evaluate(torch.nn.Linear(1, 1), 167)
    events = [event for event in read_events(live._log.run.events_path) if event["type"] == "evaluation"]
    assert asked == [True]
    assert [(event["pairs"], event["untouched"], event["best"]) for event in events] == [(300, True, False), (300, False, True)]


def test_resumed_run_keeps_the_pairs_of_its_earlier_turn(runs_dir: Path) -> None:
    course = Course(lambda *_: measured(0.5), 8.0, 1.6, FEW)
    live = evaluation(runs_dir, course)
    live.plan(1000, 0.1)
    live.evaluate(torch.nn.Linear(1, 1), 167)
    later = LiveEvaluation(live._log, SETTINGS, course, BestCheckpoint(live._log.run.path / "checkpoints", "spearman_cosine"))
    # Ten times as slow a machine could afford all pairs; their figures would be others.
    later.plan(1000, 1.0)
    assert later._few


def test_training_ends_when_no_evaluation_is_better(runs_dir: Path) -> None:
    figures = iter([0.5, 0.6, 0.55, 0.58])
    live = evaluation(runs_dir, Course(lambda *_: measured(next(figures))), early_stopping=2)
    model = torch.nn.Linear(1, 1)
    assert [live.evaluate(model, step) for step in (1, 2, 3, 4)] == [False, False, False, True]


def test_collapsed_space_ends_the_run_and_is_never_the_best(runs_dir: Path) -> None:
    gone = Measurement([MeasureEvent(3, 0.0, 0.0, 1.0, 0.5)], collapsed=True)
    live = evaluation(runs_dir, Course(lambda *_: gone))
    with pytest.raises(DivergenceError, match="collapsed at step 3"):
        live.evaluate(torch.nn.Linear(1, 1), 3)
    assert [event["type"] for event in read_events(live._log.run.events_path)][-1] == "measure"


def test_time_budget_sets_the_steps_and_bends_the_schedule_to_them() -> None:
    settings: dict[str, Any] = {"warmup": 0.1, "scheduler": "linear", "max_steps": None}
    optimizer = torch.optim.SGD(torch.nn.Linear(1, 1).parameters(), lr=1.0)
    schedule = get_scheduler("linear", optimizer, num_warmup_steps=1_000_000, num_training_steps=10_000_000)
    for _ in range(5):
        optimizer.step()
        schedule.step()
    state: Any = SimpleNamespace(global_step=5, max_steps=10_000_000)
    total = TimeBudget(60.0, time.monotonic(), 10.0, settings).plan(state, schedule, 0.5)
    # 50 s at 0.5 s a step, a twentieth left for a slower machine and a tenth for evaluations.
    assert total == state.max_steps == pytest.approx(5 + 50 * 0.95 / 0.55, abs=1)
    rates = []
    for _ in range(total - 5):
        optimizer.step()
        schedule.step()
        rates.append(optimizer.param_groups[0]["lr"])
    assert max(rates) == pytest.approx(1.0, abs=0.02)
    assert rates[-1] == pytest.approx(0.0, abs=0.02)


def test_run_that_slows_down_is_planned_anew_and_its_rate_ends_at_nothing_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    settings: dict[str, Any] = {"warmup": 0.1, "scheduler": "linear", "max_steps": None}
    optimizer = torch.optim.SGD(torch.nn.Linear(1, 1).parameters(), lr=1.0)
    schedule = get_scheduler("linear", optimizer, num_warmup_steps=1_000_000, num_training_steps=10_000_000)
    state: Any = SimpleNamespace(global_step=0, max_steps=10_000_000)
    budget = TimeBudget(60.0, now[0], 10.0, settings)
    first = budget.plan(state, schedule, 0.5)
    while state.global_step < state.max_steps:
        # After a third of the time, a step takes twice as long.
        seconds = 0.5 if now[0] < 120 else 1.0
        optimizer.step()
        schedule.step()
        state.global_step, now[0] = state.global_step + 1, now[0] + seconds
        budget.keep_to(state, schedule, seconds)
    assert state.global_step < 0.8 * first and not budget.is_over()
    assert now[0] == pytest.approx(150, abs=8)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.0, abs=0.02)
    assert budget.planned[0] == (0, first) and 2 <= len(budget.planned) <= 8
    # A speed that wavers a little changes nothing.
    assert TimeBudget(60.0, now[0], 10.0, settings).keep_to(state, schedule, 0.5) == state.max_steps


def test_budget_is_over_when_only_the_reserve_is_left() -> None:
    began = time.monotonic() - 50
    over = TimeBudget(60.0, began, 11.0, {})
    state: Any = SimpleNamespace(global_step=5, max_steps=100)
    assert over.is_over()
    # Nothing is planned for a time that is over: what the last step said of the rest stands.
    assert over.keep_to(state, None, 0.5) == 100
    assert over.planned == []
    assert not TimeBudget(60.0, began, 5.0, {}).is_over()


def test_clock_leaves_pauses_out(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    clock = StepClock(32)
    clock.start()
    for seconds in (9.0, 0.5, 0.5):
        now[0] += seconds
        clock.tick()
    clock.pause()
    now[0] += 30
    assert clock.resume() == 30
    for _ in range(2):
        now[0] += 0.5
        clock.tick()
    assert clock.seconds == pytest.approx(11.0)
    assert clock.seconds_per_step() == pytest.approx(0.5), "the first step warms the machine up"
    assert clock.examples_per_second() == pytest.approx(64)


def test_kills_for_memory_are_read_from_whatever_counts_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events, old, missing = tmp_path / "memory.events", tmp_path / "memory.oom_control", tmp_path / "none"
    events.write_text("low 0\nhigh 4\nmax 9\noom 3\noom_kill 2\noom_group_kill 0\n")
    old.write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 1\n")
    monkeypatch.setattr(memory_events, "COUNTERS", (events, old, missing))
    assert memory_kills() == 3
