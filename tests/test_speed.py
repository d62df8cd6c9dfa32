"""Speed and size: real models timed, and figures that follow from the seconds that were taken."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.config import build_config
from core.errors import ModelError, StudioError
from core.files import read_json
from core.jobs import ask
from core.places import Places
from core.run_log import RunLog, Stopped
from tests.small_models import queue_run, write_sentence_model
from ui.speed_card import speed_card


@pytest.fixture(autouse=True)
def short_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything real but shorter."""
    monkeypatch.setattr("core.speed.QUERY_SECONDS", 0.02)
    monkeypatch.setattr("core.speed.BATCH_SECONDS", 0.02)


def measured(places: Places, *models: str) -> tuple[RunLog, dict[str, Any]]:
    from core.measuring_work import measure

    log = RunLog(ask(build_config({"kind": "measure", "task": "speed", "models": models}), places))
    measure(log)
    return log, read_json(log.run.path / "measured.json") or {}


def test_models_are_timed_and_their_sizes_told(runs_dir: Path, tmp_path: Path, small_data: Path) -> None:
    folder = write_sentence_model(tmp_path / "small")
    _, answer = measured(Places(small_data, runs_dir), "static-minilm", str(folder))
    static, small = answer["models"]
    assert (static["parameters"], static["dimension"], static["max_tokens"]) == (11_720_448, 384, 128)
    assert static["weight_bytes"] == 4 * 11_720_448 == static["disk_bytes"]
    assert (small["dimension"], small["max_tokens"]) == (16, 64)
    assert small["disk_bytes"] == sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    for model in (static, small):
        assert model["queries"] >= 50 and model["batched_texts"] % 64 == 0
        assert 0 < model["query_ms_median"] <= model["query_ms_p95"]
        assert model["texts_per_second_1"] < model["texts_per_second_64"]
    assert not answer["same_architecture"]
    assert answer["precision"] == "fp32" and answer["cores"] >= 1 and answer["load"] >= 0


def test_equal_architecture_is_said_to_be_equally_fast(runs_dir: Path) -> None:
    run = queue_run(runs_dir, "static-minilm")
    _, answer = measured(Places(None, runs_dir), f"untouched:{run.id}", "static-minilm")
    assert answer["same_architecture"]
    assert "equally fast" in speed_card(answer)


def test_other_length_limit_is_another_architecture(runs_dir: Path) -> None:
    run = queue_run(runs_dir, "static-minilm", max_seq_length=16)
    _, answer = measured(Places(None, runs_dir), f"untouched:{run.id}", "static-minilm")
    assert [model["max_tokens"] for model in answer["models"]] == [16, 128]
    assert not answer["same_architecture"]


def test_figures_follow_from_the_seconds_by_hand() -> None:
    from core.speed import Timed, rate_of

    timed = Timed(model=None, texts=iter(()), about={}, queries=[0.01, 0.02, 0.03, 0.14], batches=[0.5, 0.25, 4.0])  # type: ignore[arg-type]
    figures = timed.figures()
    assert figures["texts_per_second_1"] == pytest.approx(4 / 0.2)
    assert figures["query_ms_median"] == pytest.approx(25)
    # p95 of four lies 0.85 of the way from the third to the fourth.
    assert figures["query_ms_p95"] == pytest.approx(30 + 0.85 * 110)
    assert figures["texts_per_second_64"] == rate_of([0.5, 0.25, 4.0]) == 128
    assert (figures["queries"], figures["batched_texts"]) == (4, 192)


def test_same_model_twice_is_timed_once(runs_dir: Path) -> None:
    _, answer = measured(Places(None, runs_dir), "static-minilm", "static-minilm")
    assert [model["name"] for model in answer["models"]] == ["static-minilm"]
    assert not answer["same_architecture"]


def test_model_that_cannot_be_read_leaves_the_other(runs_dir: Path, tmp_path: Path) -> None:
    from core.measuring_work import measure

    folder = write_sentence_model(tmp_path / "gone")
    config = build_config({"kind": "measure", "task": "speed", "models": (str(folder), "static-minilm")})
    log = RunLog(ask(config, Places(None, runs_dir)))
    (folder / "model.safetensors").unlink()
    measure(log)
    answer = read_json(log.run.path / "measured.json") or {}
    assert "safetensors" in answer["models"][0]["fault"] and not answer["models"][1]["fault"]
    card = speed_card(answer)
    assert card.count("<th class='number'>") == 1 and "safetensors" in card


def test_no_model_at_all_is_one_sentence(runs_dir: Path, tmp_path: Path) -> None:
    from core.speed import measure

    folder = write_sentence_model(tmp_path / "gone")
    log = RunLog(ask(build_config({"kind": "measure", "task": "speed", "models": (str(folder),)}), Places(None, runs_dir)))
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="safetensors"):
        measure(log)
    with pytest.raises(StudioError, match="no run"):
        ask(build_config({"kind": "measure", "task": "speed", "models": ("untouched:20200101-000000-gone",)}), log.places)


def test_cancel_ends_the_timing(runs_dir: Path) -> None:
    from core.models import build_static_minilm
    from core.speed import time_batches, time_queries

    def stop() -> None:
        raise Stopped

    model, texts = build_static_minilm("cpu"), itertools.cycle(["A cat.", "A dog."])
    for work in (lambda: time_queries(model, texts, stop), lambda: time_batches(model, texts, 60.0, stop)):
        with pytest.raises(Stopped):
            work()


def test_seconds_are_measured_anew_at_each_press(runs_dir: Path) -> None:
    places = Places(None, runs_dir)
    log, first = measured(places, "static-minilm")
    again, second = measured(places, "static-minilm")
    assert log.run.path == again.run.path
    assert first["measured"] < second["measured"]


def test_texts_come_in_one_order_for_every_model() -> None:
    from core.evaluation import default_evaluation_set
    from core.speed import mixed_texts

    pairs = default_evaluation_set(Places())
    texts = mixed_texts(pairs)
    assert texts == mixed_texts(pairs) and len(texts) == len(set(texts))
    assert set(texts) == {*pairs.sentences1, *pairs.sentences2}
    lengths = np.array([len(text) for text in texts], float)
    # Neighbours are strangers: no run of one kind of text makes a batch short or long.
    assert abs(np.corrcoef(lengths[:-1], lengths[1:])[0, 1]) < 0.2


def test_card_warns_of_other_work_and_escapes(runs_dir: Path) -> None:
    _, answer = measured(Places(None, runs_dir), "static-minilm")
    busy = answer | {"load": answer["cores"] + 1.5, "found": "<b>"}
    assert "Other work was going on" in speed_card(busy) and "<b>.csv" not in speed_card(busy) and "&lt;b&gt;" in speed_card(busy)
    assert "Other work was going on" not in speed_card(answer | {"load": 0.1})
