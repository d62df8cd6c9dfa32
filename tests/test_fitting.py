"""The measure `fitting` as a worker does it: sampling, what is left out, two models, what is kept, and what is wrong."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.config import build_config
from core.errors import DataError, DivergenceError, ModelError, StudioError
from core.files import read_json
from core.fitting_choice import fitting_settings, has_seen, kind_of_rows, reference_split
from core.fitting_kinds import MOST_CORPUS, MOST_ROWS, fitting_specs, verdict
from core.fitting_rows import Material, materials, sample_rows
from core.jobs import ask
from core.places import Places
from core.rows import Asked, Rows, load_rows
from core.run_log import RunLog
from core.run_store import create_run, delete_run

MODELS = ("static-random", "static-minilm")


def asked(places: Places, data: str, split: str, models: tuple[str, ...] = MODELS) -> RunLog:
    """Ask as the page does, with no supervisor to take it."""
    settings = fitting_settings(data, split, places)
    values = {"kind": "measure", "task": "fitting", "models": models, "data": data, "split": split, "task_settings": settings}
    return RunLog(ask(build_config(values), places))


def fit(places: Places, data: str, split: str, models: tuple[str, ...] = MODELS) -> dict[str, Any]:
    from core.measuring_work import measure

    log = asked(places, data, split, models)
    measure(log)
    answer: dict[str, Any] = read_json(log.run.path / "measured.json")
    return answer


def rows_of(frame: pd.DataFrame, kind: str) -> Rows:
    return Rows(frame, kind, "mine.csv", "")


def own_file(folder: Path, frame: pd.DataFrame) -> str:
    path = folder / "mine.csv"
    frame.to_csv(path, index=False)
    return f"file:{path}"


def damaged_model(folder: Path, value: float) -> str:
    """Save word vectors that are all one number."""
    import torch

    from core.models import build_static_minilm

    model = build_static_minilm("cpu")
    with torch.no_grad():
        next(model.parameters()).fill_(value)
    model.save(str(folder), create_model_card=False)
    return str(folder)


def test_two_models_are_compared_on_everything_that_the_rows_tell(runs_dir: Path) -> None:
    answer = fit(Places(None, runs_dir), "sample", "train")
    assert [each["id"] for each in answer["measures"]] == ["triplets", "binary", "retrieval"]
    assert (answer["rows"], answer["of_rows"], answer["kind"]) == (1920, 1920, "nli")
    assert [each["fault"] for each in answer["models"]] == ["", ""]
    figures = {figure["id"]: figure for each in answer["measures"] for figure in each["figures"]}
    for name in ("ndcg_10", "mrr_10", "recall_10"):
        before, after = figures[name]["values"]
        assert figures[name]["low"] < after - before == figures[name]["difference"] < figures[name]["high"]
        assert figures[name]["verdict"] == "better" and figures[name]["low"] > 0
    assert "verdict" not in figures["f1_threshold"]


def test_same_score_asked_again_is_read(runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = Places(None, runs_dir)
    first = fit(places, "sample", "reviews")
    shutil.rmtree(runs_dir / ".measured")
    monkeypatch.setattr("core.fitting.open_measured", lambda *_: pytest.fail("it was measured already"))
    again = fit(places, "sample", "reviews")
    assert again["measures"] == first["measures"] and again["models"] == first["models"]


def test_record_says_what_it_was_measured_with_and_holds_no_text(runs_dir: Path) -> None:
    fit(Places(None, runs_dir), "sample", "reviews", ("static-minilm",))
    (path,) = (runs_dir / ".scores").glob("*/score.json")
    record = read_json(path)
    assert record["precision"] == "fp32" and record["texts"] == 300
    assert record["seconds"] > 0 and "torch" in record["versions"]
    assert "positive" not in path.read_text() and "mandoline" not in path.read_text()


def test_one_model_alone_has_figures_and_no_difference(runs_dir: Path) -> None:
    answer = fit(Places(None, runs_dir), "sample", "reviews", ("static-minilm",))
    figures = [figure for each in answer["measures"] for figure in each["figures"]]
    assert figures and all(len(figure["values"]) == 1 and figure["difference"] is None for figure in figures)


@pytest.mark.real_data
def test_labelled_texts_with_a_train_part_are_compared_with_it(runs_dir: Path, data_dir: Path) -> None:
    places = Places(data_dir, runs_dir)
    answer = fit(places, "banking77", "test", ("static-minilm",))
    assert [each["id"] for each in answer["measures"]] == ["neighbours", "silhouette", "classes"]
    assert (answer["rows"], answer["of_rows"]) == (2000, 3079)
    assert answer["models"][0]["texts"] <= 4000
    assert answer["measures"][0]["figures"][0]["values"][0] == pytest.approx(0.698, abs=0.02)
    assert reference_split("banking77", "train", places) is None


@pytest.mark.real_data
def test_nli_sample_keeps_premises_whole_and_fills_the_corpus(data_dir: Path) -> None:
    rows = load_rows(Asked("snli"), Places(data_dir))
    sampled = sample_rows(rows)
    assert MOST_ROWS - 20 < len(sampled.frame) <= MOST_ROWS
    whole = rows.frame["premise"].str.lower().value_counts()
    taken = sampled.frame["premise"].str.lower().value_counts()
    assert (taken == whole[taken.index]).all()
    retrieval = materials(fitting_specs("nli", False), sampled)["retrieval"]
    assert isinstance(retrieval, Material) and len(retrieval.corpus) == MOST_CORPUS
    assert all(found <= retrieval.corpus.keys() for found in retrieval.right.values())
    assert sample_rows(rows).frame.equals(sampled.frame)


def test_reference_has_as_many_texts_of_each_label_as_there_are() -> None:
    labels = ["rare"] * 30 + ["common"] * 5_000
    frame = pd.DataFrame({"text": [f"text {number}" for number in range(len(labels))], "label": labels})
    sampled = sample_rows(rows_of(frame, "labelled"), rows_of(frame, "labelled"))
    assert sampled.reference is not None and len(sampled.reference) == MOST_ROWS
    assert sampled.reference["label"].value_counts().to_dict() == {"common": 1970, "rare": 30}
    assert len(sampled.frame) == MOST_ROWS


def test_equal_labelled_texts_count_once() -> None:
    frame = pd.DataFrame({"text": [*(f"text {n}" for n in range(12)), "Text 3", "text 3 "], "label": ["a", "b"] * 7})
    assert len(sample_rows(rows_of(frame, "labelled")).whole) == 12


def test_right_answers_that_were_not_drawn_do_not_count_as_wrong() -> None:
    pairs = [("q", f"answer {number}") for number in range(3_000)] + [(f"other {n}", f"text {n}") for n in range(500)]
    frame = pd.DataFrame(pairs, columns=["anchor", "positive"])
    found = materials(fitting_specs("pairs", False), sample_rows(rows_of(frame, "pairs")))["retrieval"]
    assert isinstance(found, Material)
    answers = [text for text in found.corpus.values() if text.startswith("answer")]
    (query,) = found.frame.loc[found.frame["anchor"] == "q", "id"]
    assert len(answers) == len(found.right[query]) < 2_000


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (pd.DataFrame({"text": list("abcdefghijkl"), "label": ["one"] * 12}), "one label"),
        (pd.DataFrame({"text": list("abcdefg"), "label": list("aabbaab")}), "7 rows .* 10 are needed"),
        (pd.DataFrame({"text": [f"text number {n}" for n in range(12)]}), "texts alone do not say"),
        (
            pd.DataFrame({"premise": ["a"] * 12, "hypothesis": [f"h {n}" for n in range(12)], "label": ["neutral"] * 12}),
            "only 0 of its rows fit.*all pairs are alike, or none is",
        ),
        (pd.DataFrame({"anchor": ["a"] * 10 + ["b"] * 4, "positive": ["c"] * 14, "negative": ["d"] * 14}), None),
    ],
    ids=["one-label", "few-rows", "texts", "no-entailment", "triplets"],
)
def test_rows_that_tell_nothing_are_refused_in_a_sentence(
    runs_dir: Path, tmp_path: Path, frame: pd.DataFrame, reason: str | None
) -> None:
    data = own_file(tmp_path, frame)
    if reason is None:
        answer = fit(Places(None, runs_dir), data, "train")
        assert [bool(each["left_out"]) for each in answer["measures"]] == [False, True]
        return
    with pytest.raises(DataError, match=reason) as caught:
        fit(Places(None, runs_dir), data, "train")
    assert "text number" not in str(caught.value) and len(str(caught.value)) < 300


def test_empty_split_is_refused_and_names_the_file(runs_dir: Path, tmp_path: Path) -> None:
    data = own_file(tmp_path, pd.DataFrame({"sentence1": [], "sentence2": [], "score": []}))
    with pytest.raises(DataError, match=r"mine\.csv has a header and no rows"):
        fit(Places(None, runs_dir), data, "train")


@pytest.mark.parametrize("gold", [1.0, 0.0])
def test_constant_gold_scores_leave_out_what_needs_two_sides(runs_dir: Path, tmp_path: Path, gold: float) -> None:
    pairs = {"sentence1": [f"cat {n}" for n in range(12)], "sentence2": [f"dog {n}" for n in range(12)], "score": [gold] * 12}
    answer = fit(Places(None, runs_dir), own_file(tmp_path, pd.DataFrame(pairs)), "train")
    left_out = {each["id"]: each["left_out"] for each in answer["measures"]}
    assert "nothing to tell apart" in left_out["binary"] and not left_out["space"]
    assert ("none to find" in left_out["paraphrases"]) == (gold == 0)
    space = next(each for each in answer["measures"] if each["id"] == "space")
    assert [figure["id"] for figure in space["figures"]] == (["alignment", "uniformity"] if gold else ["uniformity"])


@pytest.mark.parametrize(("value", "said"), [(float("nan"), "no numbers"), (1.0, "same embedding")])
def test_broken_model_leaves_the_other_ones_figures(runs_dir: Path, tmp_path: Path, value: float, said: str) -> None:
    broken = damaged_model(tmp_path / "broken", value)
    answer = fit(Places(None, runs_dir), "sample", "reviews", ("static-minilm", broken))
    assert answer["models"][0]["fault"] == "" and said in answer["models"][1]["fault"]
    figures = [figure for each in answer["measures"] for figure in each["figures"]]
    assert figures and all(figure["values"][1] is None and figure["difference"] is None for figure in figures)
    assert len(list((runs_dir / ".scores").glob("*/score.json"))) == 1
    with pytest.raises(DivergenceError, match=said):
        fit(Places(None, runs_dir), "sample", "reviews", (broken,))


def test_model_deleted_meanwhile_leaves_the_other_ones_figures(runs_dir: Path, tmp_path: Path) -> None:
    from core.measuring_work import measure

    gone = damaged_model(tmp_path / "gone", 0.5)
    log = asked(Places(None, runs_dir), "sample", "reviews", ("static-minilm", gone))
    shutil.rmtree(gone)
    measure(log)
    answer = read_json(log.run.path / "measured.json")
    assert answer["models"][0]["fault"] == "" and "gone" in answer["models"][1]["fault"]
    assert answer["measures"][0]["figures"][0]["values"][0] is not None


def test_run_deleted_meanwhile_is_one_sentence(runs_dir: Path) -> None:
    from core.measuring_work import measure

    run = create_run(runs_dir, build_config({}), None)
    log = asked(Places(None, runs_dir), "sample", "reviews", (f"untouched:{run.id}",))
    delete_run(run)
    with pytest.raises(ModelError, match="There is no run"):
        measure(log)


def test_stopping_ends_the_work_between_texts(runs_dir: Path) -> None:
    from core.measuring_work import measure

    log = asked(Places(None, runs_dir), "sample", "train")
    log.run.request_stop()
    measure(log)
    status = log.run.status()
    assert status is not None and status.state == "stopped"
    assert not (log.run.path / "measured.json").exists()


def test_run_has_seen_its_own_rows_and_those_of_what_it_began_with(runs_dir: Path) -> None:
    places = Places(None, runs_dir)
    first = create_run(runs_dir, build_config({"data": "snli+mnli"}), None)
    second = create_run(runs_dir, build_config({"base_model": f"run:{first.id}", "data": "allnli"}), None)
    assert has_seen(f"run:{first.id}", "snli", "train", places)
    assert not has_seen(f"untouched:{first.id}", "snli", "train", places)
    assert has_seen(f"untouched:{second.id}", "mnli", "train", places)
    assert has_seen(f"run:{second.id}", "snli+mnli", "train", places)
    assert not has_seen(f"run:{second.id}", "sample", "train", places)
    assert not has_seen(f"run:{second.id}", "sample", "validation", places)
    assert not has_seen("static-minilm", "snli", "train", places)
    delete_run(first)
    assert not has_seen(f"run:{first.id}", "snli", "train", places)


def test_kind_is_told_by_the_columns_then_the_catalogue_then_the_file(tmp_path: Path) -> None:
    places = Places()
    data = own_file(tmp_path, pd.DataFrame({"query": ["a b", "c d"], "answer": ["e f g", "h i j"]}))
    assert kind_of_rows(data, "train", places) == "pairs"
    assert kind_of_rows(data, "train", places, {"text": "query"}) == "texts"
    assert kind_of_rows("sample", "reviews", places) == "labelled"
    assert reference_split("sample", "reviews", places) is None
    with pytest.raises(StudioError, match="no file"):
        kind_of_rows("file:/nowhere.csv", "train", places)


@pytest.mark.parametrize(
    ("better", "low", "high", "said"),
    [
        ("higher", 0.01, 0.02, "better"), ("higher", -0.02, -0.01, "worse"), ("higher", -0.01, 0.02, "no real difference"),
        ("lower", 0.01, 0.02, "worse"), ("lower", -0.02, -0.01, "better"), ("", 0.01, 0.02, "no real difference"),
        ("higher", 0.0, 0.02, "no real difference"),
    ],
)  # fmt: skip
def test_verdict_needs_an_interval_without_zero(better: str, low: float, high: float, said: str) -> None:
    assert verdict(better, low, high) == said


def test_sample_is_drawn_with_one_seed_and_keeps_its_order() -> None:
    frame = pd.DataFrame({"anchor": [f"a{n}" for n in range(5_000)], "positive": [f"p{n}" for n in range(5_000)]})
    drawn = sample_rows(rows_of(frame, "pairs")).frame
    numbers = drawn["anchor"].str[1:].astype(int).to_numpy()
    assert len(drawn) == MOST_ROWS and (np.diff(numbers) > 0).all()
    assert sample_rows(rows_of(frame, "pairs")).frame.equals(drawn)
