"""What the Explore tab answers its script, and what its lists hold."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core import explore_answers
from core.errors import ModelError
from core.run_store import delete_run
from tests.small_films import INDEX, add_frame, ask_directly, film_index, film_run, made_up_film
from ui import explorer
from ui.explore_events import list_beside, list_texts
from ui.explore_tab import THE_PROBES, map_value
from ui.explorer import NO_RUN, NOT_YET, save_map, space_of, type_on_map
from ui.studio import Studio

FRAMES = made_up_film(3, 40)


@pytest.fixture(autouse=True)
def desk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explore_answers, "ask_desk", ask_directly)


@pytest.fixture
def studio(runs_dir: Path) -> Studio:
    return Studio(runs_dir, None)


def shown(studio: Studio, mark: str = "", quick: bool = False, **value: Any) -> dict[str, Any]:
    return space_of(studio, [{"method": "pca", **value}, mark, quick])


def test_frames_are_sent_once_and_again_when_one_comes(studio: Studio) -> None:
    run = film_run(studio.runs_dir, FRAMES[:2], (0, 3))
    first = shown(studio, run=run.id)
    assert (len(first["films"]), first["final"], first["isLive"]) == (1, True, False)
    assert len(first["space"]["texts"]) == 40
    assert "films" not in shown(studio, first["mark"], run=run.id)
    add_frame(run, 9, FRAMES[2])
    assert shown(studio, first["mark"], run=run.id)["films"][0]["steps"] == (0, 3, 9)


def test_a_quick_answer_does_not_stand_for_the_whole_one(studio: Studio) -> None:
    run = film_run(studio.runs_dir, FRAMES, (0, 3, 9))
    quick = shown(studio, quick=True, run=run.id)
    assert "frames" not in quick["films"][0]
    assert "frames" in shown(studio, quick["mark"], run=run.id)["films"][0]


def test_a_run_that_goes_on_is_asked_for_again(studio: Studio) -> None:
    run = film_run(studio.runs_dir, FRAMES[:2], (0, 3), is_live=True)
    answer = shown(studio, run=run.id)
    assert (answer["final"], answer["isLive"]) == (False, True)
    assert "the run goes on" in answer["says"]
    waits = shown(studio, run=film_run(studio.runs_dir, FRAMES[:0], (), is_live=True).id)
    assert (waits["final"], waits["fault"]) == (False, NOT_YET)
    diverged = shown(studio, run=film_run(studio.runs_dir, FRAMES * np.nan, (0, 3, 9), is_live=True).id)
    assert not diverged["final"]
    assert "has diverged" in diverged["fault"]


@pytest.mark.parametrize(
    ("value", "said"),
    [({}, NO_RUN), ({"run": "nobody"}, "There is no run 'nobody'"), ({"index": "f" * 32}, "press Get ready again")],
)
def test_what_is_not_there_is_one_sentence_and_not_asked_for_again(studio: Studio, value: dict[str, Any], said: str) -> None:
    answer = shown(studio, **value)
    assert said in answer["fault"]
    assert answer["final"]


def test_broken_embeddings_a_missing_film_and_a_deleted_run_are_one_sentence(studio: Studio) -> None:
    broken = FRAMES.copy()
    broken[1, 2] = np.nan
    assert "has diverged" in shown(studio, run=film_run(studio.runs_dir, broken, (0, 3, 9)).id)["fault"]
    assert "no snapshots" in shown(studio, run=film_run(studio.runs_dir, FRAMES[:0], ()).id)["fault"]
    run = film_run(studio.runs_dir, FRAMES, (0, 3, 9))
    delete_run(run)
    assert "There is no run" in shown(studio, run=run.id)["fault"]


def test_what_the_desk_says_is_wrong_with_typed_texts_reaches_the_page(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> dict[str, Any]:
        raise ModelError("This model was deleted.")

    monkeypatch.setattr(explorer, "ask_desk", refuse)
    assert type_on_map(studio, [{"run": "x"}, ["a text"]]) == {"fault": "This model was deleted."}


def test_a_film_is_saved_with_those_beside_it(studio: Studio) -> None:
    runs = [film_run(studio.runs_dir, FRAMES, (0, 3, 9)) for _ in range(2)]
    page = save_map(studio, [{"run": runs[0].id, "beside": [runs[1].id], "method": "pca"}])["html"]
    assert all(f'"title": "{run.id}"' in page for run in runs)
    assert "no snapshots" in save_map(studio, [{"run": film_run(studio.runs_dir, FRAMES[:0], ()).id}])["fault"]


def test_texts_of_this_run_and_of_a_model_alone_can_be_chosen(studio: Studio) -> None:
    run = film_run(studio.runs_dir, FRAMES, (0, 3, 9))
    of_run = [{"name": f"untouched:{run.id}"}, {"name": f"run:{run.id}"}]
    film_index(studio.runs_dir, FRAMES[:2], name="1" * 32, models=of_run, found="mine.csv")
    film_index(studio.runs_dir, FRAMES[:2])
    assert list_texts(studio, run.id)["choices"] == [THE_PROBES, ("40 texts of mine.csv", "1" * 32)]
    film_index(studio.runs_dir, FRAMES[:1], name="2" * 32, found="its own")
    assert {name for _, name in list_texts(studio, "another")["choices"]} == {"", "2" * 32}


def test_runs_with_snapshots_can_stand_beside_this_one(studio: Studio) -> None:
    runs = [film_run(studio.runs_dir, FRAMES, (0, 3, 9)) for _ in range(3)]
    film_run(studio.runs_dir, FRAMES[:0], ())
    assert {name for _, name in list_beside(studio, runs[0].id)["choices"]} == {runs[1].id, runs[2].id}


def test_only_probes_are_laid_side_by_side() -> None:
    assert map_value("a", "", ["a", "b"])["beside"] == ["b"]
    assert map_value("a", INDEX, ["b"]) == {"run": "a", "index": INDEX, "beside": [], "seen": ""}
    assert map_value(None, None, None) == {"run": None, "index": None, "beside": [], "seen": ""}
