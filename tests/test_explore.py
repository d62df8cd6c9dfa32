"""What the desk answers about a space, by the very functions that it calls; what it answers by UMAP is in test_umap_places."""

import base64
import os
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core import explore, neighbours
from core.desk_client import BUSY, DESK
from core.desk_shelf import Deadline, Shelf
from core.errors import ConfigError, DataError, MachineError, RunError
from core.explore import film, mark_of, place_typed
from core.files import write_json
from core.film_answer import unpack_places
from core.models import build_static_minilm
from core.probes import sample_probes
from core.projection import principal_plane
from core.run_store import delete_run
from core.spaces import run_space
from tests.small_films import INDEX, add_frame, film_index, film_run, made_up_film

FRAMES = made_up_film(3, 48)
PROBES = sample_probes().texts[:60]


def asked(runs_dir: Path, seconds: float = 60, **values: Any) -> dict[str, Any]:
    return film(Shelf(runs_dir), values, Deadline(seconds))


def typed(runs_dir: Path, *texts: str, **values: Any) -> dict[str, Any]:
    return place_typed(Shelf(runs_dir), {"index": INDEX, "texts": list(texts), **values}, Deadline(60))


def places_of(answer: dict[str, Any]) -> np.ndarray:
    return unpack_places(answer["places"], len(answer["steps"]), answer["texts"])


def unpack(packed: str, kind: type) -> np.ndarray:
    return np.frombuffer(base64.b64decode(packed), kind)


def read_space(runs_dir: Path, models: int) -> Path:
    """Make the first probes of the sample ready, read by one model or by the same one twice."""
    vectors = build_static_minilm("cpu").encode(PROBES, normalize_embeddings=True)
    said = [{"name": "static-minilm"}] * models
    return film_index(runs_dir, np.stack([vectors] * models), PROBES, models=said)


def check_deleted_meanwhile(runs_dir: Path, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run = film_run(runs_dir, FRAMES, (0, 3, 9))
    plain = explore._places

    def delete_first(space: Any, *rest: Any) -> Any:
        shutil.rmtree(run.path)
        return plain(space, *rest)

    monkeypatch.setattr(explore, "_places", delete_first)
    with pytest.raises(DataError, match="deleted meanwhile"):
        asked(runs_dir, run=run.id, method=method)


def test_main_axes_are_those_of_the_kept_frame(runs_dir: Path) -> None:
    run = film_run(runs_dir, FRAMES, (0, 3, 9))
    write_json(run.path / "resolved.json", {"kept_step": 3})
    answer = asked(runs_dir, run=run.id)
    plane = principal_plane(FRAMES[1])
    np.testing.assert_allclose(places_of(answer), plane.place(FRAMES).clip(-8, 8), atol=2e-4)
    assert (answer["steps"], answer["kept"], answer["texts"], answer["method"]) == ((0, 3, 9), 1, 48, "pca")
    assert answer["explained"] == pytest.approx(plane.explained.sum(), abs=1e-4)


def test_neighbours_are_told_before_and_after(runs_dir: Path) -> None:
    answer = asked(runs_dir, run=film_run(runs_dir, FRAMES, (0, 3, 9)).id)
    for name, vectors in (("before", FRAMES[0]), ("after", FRAMES[2])):
        rows, cosines = neighbours.nearest_by_cosine(vectors)
        assert unpack(answer["neighbours"][name]["rows"], np.uint16).reshape(48, 10).tolist() == rows.tolist()
        packed = unpack(answer["neighbours"][name]["cosines"], np.int16).reshape(48, 10)
        np.testing.assert_allclose(packed / 10_000, cosines, atol=1e-4)
    turned = unpack(answer["movement"], np.float32)
    np.testing.assert_allclose(turned, 1 - (FRAMES[0] * FRAMES[2]).sum(axis=1), atol=1e-5)
    assert len(unpack(answer["recall"], np.float32)) == len(unpack(answer["clusters"], np.uint16)) == 48
    first, second, gold, before, after = answer["pairs"][0]
    assert (first, second, gold) == (0, 4, 1.0)
    assert (before, after) == tuple(pytest.approx(float(side[0] @ side[4]), abs=1e-4) for side in FRAMES[[0, 2]])
    assert len(answer["frames"]) == 3


def test_quick_answer_has_the_same_places_and_no_more(runs_dir: Path) -> None:
    run = film_run(runs_dir, FRAMES, (0, 3, 9))
    quick = asked(runs_dir, run=run.id, quick=True)
    assert "frames" not in quick
    assert quick["places"] == asked(runs_dir, run=run.id)["places"]


def test_nothing_is_reckoned_again_until_a_frame_comes(runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = film_run(runs_dir, FRAMES[:2], (0, 3))
    reckoned: list[int] = []
    plain = explore._reckon

    def count(space: Any, *rest: Any) -> dict[str, Any]:
        reckoned.append(len(space.steps))
        return plain(space, *rest)

    monkeypatch.setattr(explore, "_reckon", count)
    first, again = asked(runs_dir, run=run.id), asked(runs_dir, run=run.id)
    assert reckoned == [2]
    assert first == again | {"steps": tuple(again["steps"])}
    add_frame(run, 9, FRAMES[2])
    assert asked(runs_dir, run=run.id)["steps"] == (0, 3, 9)
    asked(runs_dir, run=run.id)
    assert reckoned == [2, 3]


def test_another_kept_frame_and_a_step_that_was_written_again_change_the_mark(runs_dir: Path) -> None:
    run = film_run(runs_dir, FRAMES, (0, 3, 9))
    marks = [mark_of(run_space(run.path))]
    write_json(run.path / "resolved.json", {"kept_step": 3})
    marks.append(mark_of(run_space(run.path)))
    os.utime(run.path / "snapshots" / "step-00000009.npy", (1, 1))
    marks.append(mark_of(run_space(run.path)))
    assert len(set(marks)) == 3


@pytest.mark.parametrize("method", ["pca", "umap"])
@pytest.mark.parametrize("texts", [1, 2, 4])
def test_few_texts_have_a_map(runs_dir: Path, method: str, texts: int) -> None:
    film_index(runs_dir, FRAMES[:2, :texts])
    answer = asked(runs_dir, index=INDEX, method=method)
    assert places_of(answer).shape == (2, texts, 2)
    assert answer["count"] == texts - 1
    assert len(unpack(answer["neighbours"]["after"]["rows"], np.uint16)) == texts * (texts - 1)


@pytest.mark.parametrize("method", ["pca", "umap"])
def test_texts_all_alike_have_a_map(runs_dir: Path, method: str) -> None:
    film_index(runs_dir, np.tile(FRAMES[:2, :1], (1, 30, 1)))
    np.testing.assert_allclose(places_of(asked(runs_dir, index=INDEX, method=method))[1], 0, atol=1e-3)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"method": "tsne"}, "'tsne' is none of pca, umap"),
        ({"neighbours": 1}, "2 to 100"),
        ({"neighbours": 101}, "2 to 100"),
        ({"min_dist": 1.0}, "0 to 0.99"),
        ({"min_dist": -0.1}, "0 to 0.99"),
        ({"min_dist": float("nan")}, "0 to 0.99"),
    ],
)
def test_what_cannot_be_asked_for_is_one_sentence(runs_dir: Path, values: dict[str, Any], said: str) -> None:
    run = film_run(runs_dir, FRAMES, (0, 3, 9))
    with pytest.raises(ConfigError, match=said):
        asked(runs_dir, **({"run": run.id, "method": "umap"} | values))


def test_a_run_without_snapshots_is_one_sentence(runs_dir: Path) -> None:
    run = film_run(runs_dir, FRAMES[:0], ())
    with pytest.raises(DataError, match="no snapshots"):
        asked(runs_dir, run=run.id)


def test_a_run_that_was_deleted_is_one_sentence(runs_dir: Path) -> None:
    run = film_run(runs_dir, FRAMES, (0, 3, 9))
    asked(runs_dir, run=run.id)
    delete_run(run)
    with pytest.raises(RunError, match="There is no run"):
        asked(runs_dir, run=run.id)


def test_a_run_that_is_deleted_while_its_places_are_reckoned_is_one_sentence(
    runs_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_deleted_meanwhile(runs_dir, "pca", monkeypatch)


def test_embeddings_that_are_no_numbers_are_one_sentence(runs_dir: Path) -> None:
    broken = FRAMES.copy()
    broken[2, 5, 0] = np.nan
    with pytest.raises(DataError, match="has diverged"):
        asked(runs_dir, run=film_run(runs_dir, broken, (0, 3, 9)).id)


def test_time_that_is_over_is_one_sentence(runs_dir: Path) -> None:
    with pytest.raises(MachineError, match="took more than"):
        asked(runs_dir, seconds=-1, run=film_run(runs_dir, FRAMES, (0, 3, 9)).id)


def test_a_typed_text_lies_where_the_same_text_does(runs_dir: Path) -> None:
    read_space(runs_dir, 2)
    shown = places_of(asked(runs_dir, index=INDEX))
    answer = typed(runs_dir, PROBES[7], "Something quite else.")
    assert [side["frame"] for side in answer["sides"]] == [0, 1]
    for side, frame in zip(answer["sides"], shown, strict=True):
        np.testing.assert_allclose(side["places"][0], frame[7], atol=1e-3)
        assert (side["rows"][0][0], side["near"][0][0]) == (7, pytest.approx(1, abs=1e-4))
        assert [len(near) for near in side["near"]] == [10, 10]
        assert side["near"][0] == sorted(side["near"][0], reverse=True)
        np.testing.assert_allclose(np.diag(side["cosines"]), 1, atol=1e-4)
        assert side["cosines"][0][1] == side["cosines"][1][0] < 0.9


@pytest.mark.parametrize(("texts", "said"), [(["  "], "Type something"), ([], "Type something"), (["a" * 3000], "3,000")])
def test_nothing_and_too_much_typed_are_one_sentence(runs_dir: Path, texts: list[str], said: str) -> None:
    read_space(runs_dir, 1)
    with pytest.raises(ConfigError, match=said):
        typed(runs_dir, *texts)


def test_models_of_other_dimensions_are_one_sentence(runs_dir: Path) -> None:
    folder = film_index(runs_dir, FRAMES[:2])
    np.save(folder / "vectors-after.npy", FRAMES[1][:, :9])
    with pytest.raises(DataError, match="other dimensions"):
        asked(runs_dir, index=INDEX)


def test_umap_is_not_made_ready_while_a_run_trains(runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    warmed: list[bool] = []
    monkeypatch.setattr(explore, "warm_up", lambda: warmed.append(True))
    (runs_dir / DESK).mkdir()
    (runs_dir / DESK / BUSY).touch()
    assert explore.warm(Shelf(runs_dir), {}, Deadline(1)) == {"warms": False}
    (runs_dir / DESK / BUSY).unlink()
    assert explore.warm(Shelf(runs_dir), {}, Deadline(1)) == {"warms": True}
    until = time.monotonic() + 5
    while not warmed and time.monotonic() < until:
        time.sleep(0.01)
    assert warmed == [True]
