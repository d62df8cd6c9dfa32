from pathlib import Path

from core.events import EventWriter, NoticeEvent, StepEvent
from core.series import MOST_FOLLOWED, MOST_POINTS, FollowedRun, FollowedRuns


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
    followed.read_on()
    assert len(followed.steps) <= MOST_POINTS
    assert max(step["loss_max"] for step in followed.steps) == 99.0
    assert min(step["loss_min"] for step in followed.steps) == 1.0
    assert sum(step["steps"] for step in followed.steps) == count
    assert followed.steps[-1]["step"] == count


def test_page_that_drew_before_the_thinning_gets_everything_anew(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    write_steps(path, MOST_POINTS + 1)
    followed = FollowedRun(path)
    followed.read_on()
    assert followed.news(5, 0)["whole"]
    assert not followed.news(followed.last_number, followed.generation)["whole"]


def test_fifty_runs_are_followed_at_most(tmp_path: Path) -> None:
    runs = FollowedRuns()
    for number in range(MOST_FOLLOWED + 5):
        runs.news(tmp_path / f"{number}.jsonl", 0, 0)
    assert len(runs._runs) == MOST_FOLLOWED
