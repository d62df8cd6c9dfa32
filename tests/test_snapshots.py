"""When the probes' embeddings are kept, and what that may cost."""

from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from core.events import read_events
from core.models import build_static_minilm
from core.prepared import PreparedExamples
from core.recipes import recipe_config
from core.run_log import RunLog
from core.run_store import create_run
from core.snapshots import FEWEST_FRAMES, MOST_FRAMES, SHARE, LiveSnapshots, film_steps
from core.spaces import snapshot_steps


def snapshots_of(runs_dir: Path, wanted: bool = True) -> LiveSnapshots:
    run = create_run(runs_dir, recipe_config("quick-demo"), None)
    folder = runs_dir / "prepared"
    folder.mkdir(exist_ok=True)
    pd.DataFrame({"anchor": [], "positive": []}).to_parquet(folder / "held-out.parquet")
    asked: Any = SimpleNamespace(
        log=RunLog(run), settings={"eval_batch_size": 32, "snapshots": wanted}, config=run.config(),
        prepared=PreparedExamples(folder, {"shape": "positive-pairs"}),
    )  # fmt: skip
    return LiveSnapshots(asked)


def run_path(runs_dir: Path) -> Path:
    return next(path.parent for path in runs_dir.glob("*/status.json"))


@pytest.mark.parametrize(("total", "frames"), [(1, 16), (2, 16), (7, 16), (100, 12), (1000, 16), (100_000, 5)])
def test_film_steps_are_spaced_by_a_factor_from_the_first_to_the_last(total: int, frames: int) -> None:
    steps = sorted(film_steps(total, frames))
    assert (steps[0], steps[-1]) == (1, total)
    assert len(steps) <= frames
    if total >= 1000:
        wide = [(one, other) for one, other in pairwise(steps) if one > 20]
        factors = [other / one for one, other in wide]
        assert max(factors) / min(factors) < 1.1
        assert len(steps) >= frames - 4


def test_film_of_no_step_or_no_frame_is_no_error() -> None:
    assert film_steps(0, 16) == film_steps(1, 0) == {1}
    assert film_steps(50, 0) == {1, 50}


def test_frames_are_as_many_as_their_share_of_the_time_pays_for(runs_dir: Path) -> None:
    snapshots = snapshots_of(runs_dir)
    assert snapshots.affordable(1.0) == MOST_FRAMES, "nothing was taken yet, so nothing costs"
    snapshots.take_untouched(build_static_minilm("cpu"))
    cost = snapshots.seconds
    assert cost > 0
    assert snapshots.affordable(10 * cost / SHARE) == pytest.approx(10, abs=1)
    assert snapshots.affordable(0.0) == FEWEST_FRAMES
    assert snapshots.affordable(1e9) == MOST_FRAMES


def test_steps_that_are_due_are_those_of_the_plan(runs_dir: Path) -> None:
    snapshots = snapshots_of(runs_dir)
    assert not snapshots.is_due(1), "before the plan nothing is"
    snapshots.plan(500, 1.0)
    assert {step for step in range(501) if snapshots.is_due(step)} == film_steps(500, MOST_FRAMES)


def test_each_snapshot_is_told_with_what_it_cost_and_none_is_taken_twice(runs_dir: Path) -> None:
    snapshots, model = snapshots_of(runs_dir), build_static_minilm("cpu")
    snapshots.take_untouched(model)
    snapshots.take(model, 3)
    snapshots.take_kept(model, 3)
    snapshots.take_kept(model, 5)
    snapshots.take_untouched(model)
    path = run_path(runs_dir)
    told = [event for event in read_events(path / "events.jsonl") if event["type"] == "snapshot"]
    assert [event["step"] for event in told] == snapshot_steps(path / "snapshots") == [0, 3, 5]
    assert sum(event["seconds"] for event in told) == pytest.approx(snapshots.seconds, abs=1e-3)
    assert {event["texts"] for event in told} == {len(snapshots._probes.texts)}


def test_switched_off_nothing_is_kept(runs_dir: Path) -> None:
    snapshots, model = snapshots_of(runs_dir, wanted=False), build_static_minilm("cpu")
    snapshots.take_untouched(model)
    snapshots.plan(10, 1.0)
    snapshots.take_kept(model, 10)
    assert not snapshots.is_due(1)
    assert list((run_path(runs_dir) / "snapshots").iterdir()) == []
