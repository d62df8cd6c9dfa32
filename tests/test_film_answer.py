"""What is told of a film beside its places: of new frames alone, and in small numbers."""

import os
import time
from pathlib import Path

import numpy as np
import pytest

from core import film
from core.film_answer import pack_places, unpack_places
from tests.small_films import add_frame, film_run
from tests.test_explore import FRAMES, asked


@pytest.mark.parametrize(("rewritten", "measured"), [(None, 1), (0, 4), (1, 3)])
def test_new_frame_is_told_with_what_was_told_of_those_before(
    runs_dir: Path, monkeypatch: pytest.MonkeyPatch, rewritten: int | None, measured: int
) -> None:
    run = film_run(runs_dir, FRAMES, (0, 3, 9))
    asked(runs_dir, run=run.id)
    if rewritten is not None:
        # A run that goes on from a checkpoint writes some of its steps again.
        add_frame(run, (0, 3, 9)[rewritten], FRAMES[2])
        later = time.time_ns() + 1_000_000_000
        os.utime(run.path / "snapshots" / f"step-{(0, 3, 9)[rewritten]:08d}.npy", ns=(later, later))
    add_frame(run, 12, FRAMES[1])
    counted: list[int] = []
    plain = film._space
    monkeypatch.setattr(film, "_space", lambda *args: counted.append(1) or plain(*args))
    answer = asked(runs_dir, run=run.id)
    assert len(counted) == measured
    for kept in (run.path / "snapshots").glob("film-*.json"):
        kept.unlink()
    assert answer == asked(runs_dir, run=run.id)


def test_places_survive_their_packing_and_lie_at_the_edge_beyond_it() -> None:
    places = np.array([[[1.23456, -7.5], [100.0, -9.0]]])
    np.testing.assert_allclose(unpack_places(pack_places(places), 1, 2)[0], [[1.23456, -7.5], [8.0, -8.0]], atol=2e-4)
