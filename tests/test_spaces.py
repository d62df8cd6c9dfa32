"""What Explore can show: a run's probes, or texts that were made ready to be asked."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from core.errors import DataError
from core.files import write_json
from core.recipes import recipe_config
from core.run_store import create_run
from core.spaces import MOST_TEXTS, PROBES_FILE, index_space, run_space, snapshot_steps
from tests.small_films import INDEX, add_frame, film_index, film_run, made_up_film

FRAMES = made_up_film(3, 12)


def test_frames_of_a_run_are_in_the_order_of_their_steps(runs_dir: Path) -> None:
    run = film_run(runs_dir, FRAMES[[0, 2, 1]], (0, 200, 9))
    space = run_space(run.path)
    assert (space.steps, snapshot_steps(run.path / "snapshots")) == ((0, 9, 200), [0, 9, 200])
    np.testing.assert_array_equal(space.frames(), FRAMES)
    assert space.models == (f"untouched:{run.id}", f"run:{run.id}")
    assert len(space.texts) == 12
    assert space.pairs[0] == (0, 4, 1.0)


def test_the_kept_frame_is_that_of_the_kept_model(runs_dir: Path) -> None:
    run = film_run(runs_dir, FRAMES, (0, 5, 9))
    assert run_space(run.path).kept == 2, "without one the last"
    write_json(run.path / "resolved.json", {"kept_step": 5})
    assert run_space(run.path).kept == 1
    write_json(run.path / "resolved.json", {"kept_step": 7})
    assert run_space(run.path).kept == 2
    add_frame(run, 7, FRAMES[1])
    assert run_space(run.path).kept == 2
    assert run_space(run.path).steps == (0, 5, 7, 9)


def test_half_written_snapshots_are_not_seen(runs_dir: Path) -> None:
    run = film_run(runs_dir, FRAMES, (0, 5, 9))
    np.save(run.path / "snapshots" / ".step-00000011.npy", FRAMES[0])
    assert run_space(run.path).steps == (0, 5, 9)


def test_a_run_without_snapshots_says_how_to_have_them(runs_dir: Path) -> None:
    run = create_run(runs_dir, recipe_config("quick-demo"), None)
    with pytest.raises(DataError, match="switch them on under More settings"):
        run_space(run.path)
    write_json(run.path / "snapshots" / PROBES_FILE, {"texts": []})
    with pytest.raises(DataError, match="no snapshots"):
        run_space(run.path)


def test_texts_that_were_made_ready_are_before_and_after(runs_dir: Path) -> None:
    film_index(runs_dir, FRAMES[:2])
    space = index_space(runs_dir, INDEX)
    assert (space.steps, space.kept, space.models) == ((0, 1), 1, ("static-minilm", "run:none"))
    assert space.texts == [f"text {row}" for row in range(12)]
    assert space.found == "12 texts of a file"
    np.testing.assert_array_equal(space.frames(), FRAMES[:2])


def test_texts_of_one_model_are_one_frame(runs_dir: Path) -> None:
    film_index(runs_dir, FRAMES[:1])
    space = index_space(runs_dir, INDEX)
    assert (space.steps, space.kept, len(space.frames())) == ((0,), 0, 1)


def test_of_too_many_texts_a_seeded_part_is_shown_and_said_so(runs_dir: Path) -> None:
    count = MOST_TEXTS + 500
    film_index(runs_dir, np.arange(2 * count, dtype=np.float32).reshape(2, count, 1))
    space, again = index_space(runs_dir, INDEX), index_space(runs_dir, INDEX)
    assert len(space.texts) == MOST_TEXTS
    assert space.texts == again.texts
    assert space.found == "20,000 texts of a file, drawn from 20,500"
    rows = [int(text.split()[1]) for text in space.texts]
    assert rows == sorted(rows)
    assert space.frames()[0, :, 0].tolist() == rows, "each embedding stays with its text"
    assert (space.frames()[1, :, 0] - count).tolist() == rows


def test_of_too_many_labelled_texts_each_label_keeps_its_share(runs_dir: Path) -> None:
    count = 2 * MOST_TEXTS
    labels = ["rare" if row < 40 else "some" if row < count // 4 else "most" for row in range(count)]
    film_index(runs_dir, np.zeros((1, count, 1), np.float32), labels=labels)
    assert Counter(index_space(runs_dir, INDEX).groups["label"]) == {"rare": 20, "some": 4_980, "most": 15_000}


@pytest.mark.parametrize("name", ["f" * 32, f"../.measured/{INDEX}", "", ".."])
def test_texts_that_are_not_at_hand_are_said_so(runs_dir: Path, name: str) -> None:
    film_index(runs_dir, FRAMES[:2])
    with pytest.raises(DataError, match="press Get ready again"):
        index_space(runs_dir, name)


def test_an_answer_of_another_task_is_no_space(runs_dir: Path) -> None:
    film_index(runs_dir, FRAMES[:2], task="pairs")
    with pytest.raises(DataError, match="press Get ready again"):
        index_space(runs_dir, INDEX)
