"""Comparing models: rows of real ones, stored scores that are read, and models that fail in their own row."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.comparison import (
    MOST,
    best_rows,
    chapter_runs,
    chosen_names,
    compare_values,
    last_runs,
    one_name_each,
    split_here,
    why_not_here,
)
from core.config import build_config
from core.errors import ConfigError, ModelError
from core.files import read_json, write_json
from core.jobs import ask
from core.places import Places
from core.run_log import RunLog
from tests.compared_models import compared, finished, static
from tests.small_models import queue_run, write_sentence_model


@pytest.fixture(autouse=True)
def short_timing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.comparing.TIMED_SECONDS", 0.02)


def test_rows_of_real_models(runs_dir: Path) -> None:
    places = Places(None, runs_dir)
    run = finished(runs_dir, static(), loss="mnr", recipe="quick-demo")
    answer = compared(places, f"run:{run.id}", f"untouched:{run.id}", "static-random")
    tuned, untouched, fresh = answer["rows"]
    assert (tuned["recipe"], tuned["loss"], tuned["base"], tuned["training"]) == ("Quick demo", "mnr", "static-minilm", 12.5)
    assert "training" not in untouched and fresh["dimension"] == 256
    assert tuned["spearman"] == pytest.approx(untouched["spearman"], abs=1e-6)
    for row in answer["rows"]:
        assert row["speed"] > 0 and row["megabytes"] > 1 and -1 <= row["pearson"] <= 1
    assert untouched["megabytes"] == pytest.approx(11_720_448 * 4 / 1e6)
    assert answer["data"] == "sample/validation" and answer["pairs"] == 400


def test_score_equals_the_evaluators(runs_dir: Path) -> None:
    from core.evaluation import default_evaluation_set, score_pairs

    places = Places(None, runs_dir)
    row = compared(places, "static-minilm", "static-random")["rows"][0]
    figures = score_pairs(static(), default_evaluation_set(places), 64)
    assert row["spearman"] == pytest.approx(figures["spearman_cosine"], abs=1e-4)
    assert row["pearson"] == pytest.approx(figures["pearson_cosine"], abs=1e-4)


def test_stored_score_is_read_and_one_of_other_pairs_is_not(runs_dir: Path) -> None:
    from core.comparing import is_valid
    from core.evaluation import default_evaluation_set
    from core.machine import library_versions

    places = Places(None, runs_dir)
    pairs, run = default_evaluation_set(places), finished(runs_dir, static())
    record = {
        "data": pairs.id, "data_sha256": pairs.sha256, "precision": "fp32", "versions": library_versions(),
        "figures": {"spearman_cosine": 0.123, "pearson_cosine": 0.234},
    }  # fmt: skip
    write_json(run.path / "scores" / "sample-validation.after.json", record)
    assert compared(places, f"run:{run.id}", "static-minilm")["rows"][0]["spearman"] == 0.123
    assert is_valid(record, pairs)
    for change in ({"data_sha256": "x"}, {"precision": "bf16"}, {"versions": {}}, {"figures": {"spearman": 0.1}}):
        assert not is_valid(record | change, pairs)
    write_json(run.path / "scores" / "sample-validation.after.json", record | {"data_sha256": "x"})
    assert compared(places, f"run:{run.id}", "static-minilm")["rows"][0]["spearman"] > 0.3


def test_second_comparison_computes_no_score_again(runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = Places(None, runs_dir)
    first = compared(places, "static-minilm", "static-random")

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("scored again")

    monkeypatch.setattr("core.scoring.embed_pairs", refuse)
    again = compared(places, "static-random", "static-minilm")
    assert [row["spearman"] for row in again["rows"]] == [row["spearman"] for row in first["rows"]][::-1]


def test_failing_models_are_rows_that_say_why(runs_dir: Path, tmp_path: Path) -> None:
    places = Places(None, runs_dir)
    pickled = write_sentence_model(tmp_path / "pickled")
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    nan = finished(runs_dir, static(math.nan))
    same = finished(runs_dir, static(1.0))
    names = (
        "static-minilm", "run:20200101-000000-gone", "untouched:20200101-000000-gone", str(pickled), "owner/never-fetched",
        f"run:{nan.id}", f"run:{same.id}",
    )  # fmt: skip
    answer = compared(places, *names)
    said = {row["name"]: row["fault"] for row in answer["rows"]}
    assert list(said) == list(names)
    assert said["static-minilm"] == ""
    for name, words in zip(names[1:], ("no run", "no run", "pickle", "not here", "collapsed", "collapsed"), strict=True):
        assert words in said[name] and "base_model" not in said[name]
    assert answer["rows"][0]["speed"] > 0 and answer["closest"] is None


def test_model_deleted_meanwhile_leaves_the_others(runs_dir: Path) -> None:
    from core.measuring_work import measure

    places, run = Places(None, runs_dir), finished(runs_dir, static())
    values = compare_values((f"untouched:{run.id}", f"run:{run.id}", "static-minilm"), places)
    log = RunLog(ask(build_config({"kind": "measure", "task": "compare", **values}), places))
    (run.path / "status.json").unlink()
    (run.path / "model" / "modules.json").unlink()
    measure(log)
    rows = (read_json(log.run.path / "measured.json") or {})["rows"]
    assert [bool(row["fault"]) for row in rows] == [True, True, False]


def test_nothing_here_at_all_is_one_sentence(runs_dir: Path) -> None:
    with pytest.raises(ModelError, match="None of these models is here; the first: there is no run"):
        compare_values(("run:20200101-gone", "owner/never-fetched"), Places(None, runs_dir))


def test_cross_encoder_is_refused_in_its_row(runs_dir: Path, tmp_path: Path) -> None:
    folder = write_sentence_model(tmp_path / "joint")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"architectures": ["BertForSequenceClassification"]}))
    places = Places(None, runs_dir)
    assert "cross-encoder" in why_not_here(str(folder), places)
    assert split_here(("static-minilm", str(folder)), places) == (("static-minilm",), (str(folder),))


def test_too_few_too_many_and_the_same_twice() -> None:
    assert chosen_names([" a ", "b", "a", ""]) == ("a", "b")
    with pytest.raises(ConfigError, match="named twice"):
        chosen_names(["a", "a"])
    for few in ([], ["a"], ["", "a"]):
        with pytest.raises(ConfigError, match="two or more"):
            chosen_names(few)
    with pytest.raises(ConfigError, match="12 at most"):
        chosen_names([str(n) for n in range(MOST + 1)])


def test_same_weights_by_another_name_are_told(runs_dir: Path) -> None:
    run = queue_run(runs_dir, "static-minilm")
    answer = compared(Places(None, runs_dir), "static-minilm", f"untouched:{run.id}")
    assert [row["same_as"] for row in answer["rows"]] == ["", "static-minilm"]
    # One model is no two that could differ.
    assert answer["closest"] is None


def test_two_spellings_of_one_model_are_one_row(runs_dir: Path, tmp_path: Path) -> None:
    places, run = Places(None, runs_dir), finished(runs_dir, static())
    folder = runs_dir / run.id / "model"
    for spelt in (f"run:{run.id}", run.id, str(folder), f"{folder.parent}/../{run.id}/model"):
        assert one_name_each((spelt, f"run:{run.id}"), places) == (f"run:{run.id}",)
    hub = "sentence-transformers/all-MiniLM-L6-v2"
    for spelt in ("all-minilm-l6-v2", hub, f"hub:{hub}", hub.lower()):
        assert one_name_each((spelt, "static-minilm", hub), places) == ("all-minilm-l6-v2", "static-minilm")
    # All of these are built from the same files, to different models.
    different = ("static-minilm", "static-random", "minilm-from-nothing", f"untouched:{run.id}", "owner/never-fetched")
    assert one_name_each(different, places) == different
    answer = compared(places, str(folder), "static-random", f"run:{run.id}")
    assert [row["name"] for row in answer["rows"]] == [f"run:{run.id}", "static-random"]
    with pytest.raises(ConfigError, match="two names of the same model"):
        compare_values((run.id, str(folder)), places)


def test_unrest_of_a_speed_is_what_its_median_may_be_off() -> None:
    from core.comparing import unrest_of

    # One batch says nothing of how restless the machine is.
    assert unrest_of([0.5]) == 0.25 == unrest_of([0.5] * 5) and unrest_of([0.2] * 30) == 0
    # One burst of other work moves nothing; batches that differ do.
    assert unrest_of([0.2] * 40 + [9.0]) == 0
    assert unrest_of([0.9, 1.0, 1.1] * 2) == pytest.approx(0.1) and unrest_of([0.5, 1.0, 1.5]) == pytest.approx(0.5)
    random = np.random.default_rng(0)
    batches = [random.normal(1.0, 0.1, 100) for _ in range(200)]
    covered = [abs(np.median(each) - 1) < unrest_of(each.tolist()) * np.median(each) for each in batches]
    assert 0.85 < np.mean(covered) < 1


def test_best_is_compared_with_the_next_by_a_paired_bootstrap(runs_dir: Path) -> None:
    from core.comparing import closest_to_best

    random = np.random.default_rng(0)
    gold = random.random(300)
    good, poor = gold + 0.1 * random.normal(size=300), gold + 2 * random.normal(size=300)

    def record(cosines: np.ndarray) -> dict[str, Any]:
        return {"cosines": cosines.tolist(), "gold": gold.tolist()}

    rows = [{"label": name, "spearman": value} for name, value in (("poor", 0.1), ("good", 0.9), ("twin", 0.89), ("none", None))]
    found = closest_to_best(rows, [record(poor), record(good), None, None])
    assert found is not None and (found["best"], found["second"], found["verdict"]) == ("good", "poor", "better")
    close = closest_to_best(rows, [record(poor), record(good), record(good + 0.01 * random.normal(size=300)), None])
    assert close is not None and (close["second"], close["verdict"]) == ("twin", "same")
    assert closest_to_best(rows, [record(poor), None, {}, None]) is None


def test_best_of_a_column() -> None:
    rows: list[dict[str, Any]] = [
        {"spearman": 0.5, "megabytes": 40, "dimension": 1},
        {"spearman": 0.7, "megabytes": 40, "dimension": 2},
        {"spearman": 0.7, "megabytes": 90, "dimension": 3},
        {"spearman": 0.9, "megabytes": 1, "fault": "broken"},
    ]
    assert best_rows(rows, "spearman") == {1, 2}
    assert best_rows(rows, "megabytes") == {0, 1}
    assert best_rows(rows, "dimension") == best_rows(rows, "training") == best_rows(rows[1:3], "spearman") == frozenset()


def test_presets(runs_dir: Path) -> None:
    places, model = Places(None, runs_dir), static()
    runs = [finished(runs_dir, model, batch_size=size) for size in (8, 9, 10)]
    queue_run(runs_dir, "static-minilm")
    newest = [f"run:{run.id}" for run in reversed(runs)]
    assert last_runs(places) == tuple(newest) and last_runs(places, 2) == tuple(newest[:2])
    assert chapter_runs(places) == ()
    members = [{"label": "MNR", "runs": [runs[0].id, runs[1].id]}, {"label": "Softmax", "runs": ["20200101-gone"]}]
    (runs_dir / ".experiments").mkdir()
    about = {"id": "20260101-000000-chapter-abc", "title": "The chapter", "kind": "chapter", "size": "instant"}
    write_json(runs_dir / ".experiments" / f"{about['id']}.json", about | {"members": members, "created": 1.0})
    assert chapter_runs(places) == (f"run:{runs[1].id}",)


@pytest.mark.real_data
def test_stsb_figures_of_word_vectors(runs_dir: Path, data_dir: Path) -> None:
    """The figures that `../shared/notes` gives for averaged word vectors, and their own at fewer bytes."""
    answer = compared(Places(data_dir, runs_dir), "static-minilm", "static-random")
    assert answer["data"] == "stsb/validation" and answer["pairs"] == 1500
    assert answer["rows"][0]["pearson"] == pytest.approx(0.607, abs=1e-3)
    assert answer["closest"]["verdict"] == "better"
