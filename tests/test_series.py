import gc
import json
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

from core.events import EvaluationEvent, Event, EventWriter, MeasureEvent, NoticeEvent, StateEvent, StepEvent
from core.processes import spawn_detached, start_time
from core.series import MOST_EVALUATIONS, MOST_FOLLOWED, MOST_POINTS, FollowedRun, FollowedRuns
from core.worker_use import LOOK_SECONDS, WorkersInUse


def write_steps(path: Path, count: int, spike_at: int = 0) -> None:
    writer = EventWriter(path)
    for step in range(1, count + 1):
        loss = 99.0 if step == spike_at else 1.0 + step % 7
        writer.write(
            StepEvent(
                step=step, total_steps=count, epoch=0, loss=loss, loss_min=loss, loss_max=loss, learning_rate=0.1, grad_norm=1,
                examples_per_second=1, seconds_left=1,
            )
        )  # fmt: skip


def test_page_gets_only_what_it_has_not_drawn(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    write_steps(path, 10)
    runs = FollowedRuns()
    first = runs.news(path, 0, 0)
    assert first["whole"] and first["steps"]["step"] == list(range(1, 11))
    EventWriter(path).write(NoticeEvent("more"))
    second = runs.news(path, first["last"], first["generation"])
    assert not second["whole"] and second["steps"]["step"] == [] and second["lines"][0]["text"] == "more"


def test_long_series_stays_thin_and_keeps_its_spike_and_its_mean(tmp_path: Path) -> None:
    path, count = tmp_path / "events.jsonl", 3 * MOST_POINTS
    write_steps(path, count, spike_at=1234)
    followed = FollowedRun(path)
    followed.read_on(60)
    assert len(followed.steps) <= MOST_POINTS
    assert max(step["loss_max"] for step in followed.steps) == 99.0
    assert min(step["loss_min"] for step in followed.steps) == 1.0
    assert sum(step["steps"] for step in followed.steps) == count
    assert followed.steps[-1]["step"] == count


def test_page_that_drew_before_the_thinning_gets_everything_anew(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    write_steps(path, MOST_POINTS + 1)
    followed = FollowedRun(path)
    followed.read_on(60)
    assert followed.news(5, 0)["whole"]
    assert not followed.news(followed.last_number, followed.generation)["whole"]


def test_fifty_runs_are_followed_at_most(tmp_path: Path) -> None:
    runs = FollowedRuns()
    for number in range(MOST_FOLLOWED + 5):
        runs.news(tmp_path / f"{number}.jsonl", 0, 0)
    assert len(runs._runs) == MOST_FOLLOWED


def step_event(step: int, loss: float = 1.0, **more: float) -> StepEvent:
    known = {"epoch": step / 100, "learning_rate": 0.1, "grad_norm": 1.0, "examples_per_second": 1, "seconds_left": 1}
    return StepEvent(step=step, total_steps=1000, loss=loss, loss_min=loss, loss_max=loss, **(known | more))  # type: ignore[arg-type]


def write_timed(path: Path, timed: Iterable[tuple[float, Event]]) -> None:
    """Write events with clock times of our own, all at once: a writer's line a time would take minutes for 100,000."""
    lines = [json.dumps({"n": n, "t": t, "type": event.type} | vars(event)) for n, (t, event) in enumerate(timed, start=1)]
    path.write_text("\n".join(lines) + "\n")


def test_seconds_count_training_only_and_survive_a_clock_that_is_set_back(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    timed: list[tuple[float, Event]] = [
        (100, StateEvent("training")), (110, step_event(1)), (115, step_event(2)), (50, step_event(3)), (53, step_event(4)),
        (54, EvaluationEvent(4, "stsb/validation", 300, {"spearman_cosine": 0.7})),
        (9000, StateEvent("loading")), (9100, step_event(5)), (9102, step_event(6)),
    ]  # fmt: skip
    write_timed(path, timed)
    news = FollowedRuns().news(path, 0, 0)
    assert news["steps"]["seconds"] == [0, 5, 5, 8, 8, 10]
    assert (news["evaluations"][0]["seconds"], news["evaluations"][0]["epoch"]) == (9, 0.04)


def test_steps_that_a_resumed_run_does_again_take_the_place_of_the_first_ones(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    writer = EventWriter(path)
    for step in range(1, 11):
        writer.write(step_event(step, loss=1.0))
    writer.write(EvaluationEvent(10, "stsb/validation", 300, {"spearman_cosine": 0.7}))
    runs = FollowedRuns()
    first = runs.news(path, 0, 0)
    for step in range(7, 12):
        writer.write(step_event(step, loss=2.0))
    writer.write(EvaluationEvent(10, "stsb/validation", 300, {"spearman_cosine": 0.8}))
    news = runs.news(path, first["last"], first["generation"])
    assert news["whole"] and news["steps"]["step"] == list(range(1, 12))
    assert news["steps"]["loss"] == [1.0] * 6 + [2.0] * 5
    assert [event["value"] for event in news["evaluations"]] == [0.8]


def test_evaluations_are_bounded_and_keep_untouched_best_and_newest_of_each_set(tmp_path: Path) -> None:
    path, count = tmp_path / "events.jsonl", 3 * MOST_EVALUATIONS
    best = {"stsb/validation": 333, "own/held-out": 778}
    timed: list[tuple[float, Event]] = [(0, EvaluationEvent(0, data, 300, {"mrr@10": 0.1}, untouched=True)) for data in best]
    for step in range(1, count + 1):
        timed += [(step, EvaluationEvent(step, data, 300, {"mrr@10": 0.5}, best=step == best[data])) for data in best]
    write_timed(path, timed)
    followed = FollowedRun(path)
    followed.read_on(60)
    assert len(followed.evaluations) <= MOST_EVALUATIONS
    for data, best_step in best.items():
        kept = [event for event in followed.evaluations if event["data"] == data]
        assert kept[0]["untouched"] and kept[-1]["step"] == count and len(kept) > 100
        assert [event["step"] for event in kept if event["best"]] == [best_step]


def test_curve_shows_spearman_and_of_own_rows_the_first_figure(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    writer = EventWriter(path)
    writer.write(EvaluationEvent(1, "stsb/validation", 300, {"pearson_cosine": 0.1, "spearman_cosine": 0.2}, of_pairs=1500))
    writer.write(EvaluationEvent(1, "own/held-out", 50, {"mrr@10": 0.3, "ndcg@10": 0.4}, precision="bf16"))
    told = FollowedRuns().news(path, 0, 0)["evaluations"]
    assert [(event["figure"], event["value"], event["pairs"], event["of_pairs"], event["precision"]) for event in told] == [
        ("spearman_cosine", 0.2, 300, 1500, "fp32"), ("mrr@10", 0.3, 50, 0, "bf16"),
    ]  # fmt: skip


def test_only_the_newest_histogram_is_sent_and_only_once(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    writer = EventWriter(path)
    for step in (10, 20):
        writer.write(MeasureEvent(step, 0.5, -2.0, 0.1, None, positives=[step] * 40, negatives=[1] * 40))
    runs = FollowedRuns()
    news = runs.news(path, 0, 0)
    assert news["histogram"]["positives"] == [20] * 40 and news["histogram"]["step"] == 20
    assert [(each["step"], each["uniformity"], each["auc"]) for each in news["measures"]] == [(10, -2.0, None), (20, -2.0, None)]
    assert all("positives" not in each for each in news["measures"])
    assert runs.news(path, news["last"], news["generation"])["histogram"] is None


def test_gradient_spike_and_gap_outlive_the_thinning(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    norms = [None if step % 2 else 1.0 for step in range(2 * MOST_POINTS)]
    norms[101] = 77.0
    write_timed(path, [(step, step_event(step + 1, grad_norm=norm)) for step, norm in enumerate(norms)])  # type: ignore[arg-type]
    followed = FollowedRun(path)
    followed.read_on(60)
    assert max(step["grad_norm_max"] for step in followed.steps if step["grad_norm"] is not None) == 77.0
    means = {step["grad_norm"] for step in followed.steps}
    assert None in means, "a step without a norm stays a gap"
    assert len(means) == 3 and 1 < max(mean for mean in means if mean) < 77, "the line itself is the mean"


def test_every_answer_about_a_run_of_100_000_steps_takes_under_50_ms(tmp_path: Path) -> None:
    path, count = tmp_path / "events.jsonl", 100_000
    write_timed(path, ((step / 10, step_event(step, loss=2.0)) for step in range(1, count + 1)))
    runs, drawn, generation, slowest, answers = FollowedRuns(), 0, 0, 0.0, 0
    # What other tests have left in this process is not the web process's: it would be looked through for garbage in between.
    gc.collect()
    gc.freeze()
    # The processor's time: the machine may be busy with something else.
    while True:
        began = time.thread_time()
        news = runs.news(path, drawn, generation)
        answer = json.dumps(news)
        slowest, answers = max(slowest, time.thread_time() - began), answers + 1
        if not news["reading"] and news["share_read"] == 1.0:
            break
        assert 0 < news["share_read"] < 1 and answers < 5000
    assert news["steps"]["step"][-1] == count and sum(news["steps"]["steps"]) == count
    assert slowest < 0.05, f"{slowest:.3f} s"
    assert len(answer) < 1_000_000
    drawn, generation = news["last"], news["generation"]
    EventWriter(path).write(step_event(count + 1))
    began = time.thread_time()
    assert runs.news(path, drawn, generation)["steps"]["step"][-1] == count + 1
    assert time.thread_time() - began < 0.05


def test_process_is_measured_while_it_lives_and_free_after() -> None:
    child = spawn_detached(["-c", "import time\nheld = bytearray(80_000_000)\nwhile True: pass"])
    try:
        started, workers = start_time(child.pid), WorkersInUse()
        deadline = time.monotonic() + 20
        while (workers.look(child.pid, started).memory_bytes or 0) < 80_000_000 and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
        use = workers.look(child.pid, started)
        assert use.alive and use.memory_bytes is not None and use.memory_bytes > 80_000_000
        assert use.cpu_percent is not None and 0 < use.cpu_percent < 150
        assert not workers.look(child.pid, (started or 0) - 60).alive, "a pid that was used again is another process"
    finally:
        child.kill()
        child.wait(10)
    assert workers.look(child.pid, started) == workers.look(None, None) and not psutil.pid_exists(child.pid)
