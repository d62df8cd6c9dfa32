"""The task `pairs`: a run's two models on any scored pairs, with the verdict; what cannot be scored has its sentence."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch

from core.config import RunConfig, build_config
from core.errors import DataError, ModelError
from core.evaluation import EvaluationSet, check_gold, figures_of, load_evaluation_set, pair_values
from core.files import read_json
from core.jobs import ask
from core.measuring_work import measure
from core.models import load_model
from core.places import Places
from core.recipes import recipe_config
from core.run_log import RunLog
from core.run_store import create_run, delete_run
from core.runs import RunFolder
from core.settings import override
from core.training import train
from tests.conftest import end_supervisor, write_small_data

SHORT = {"data": "snli", "max_steps": 3, "batch_size": 8, "eval_every": 3, "best_by": "last", "snapshots": False}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunFolder]:
    folder = tmp_path_factory.mktemp("scored")
    (folder / "runs").mkdir()
    run = create_run(folder / "runs", override(recipe_config("mnr"), SHORT), write_small_data(folder / "data"))
    train(RunLog(run))
    yield run
    end_supervisor(folder / "runs")


def places_of(run: RunFolder) -> Places:
    return RunLog(run).places


def asked(*models: str, **more: object) -> RunConfig:
    return build_config({"kind": "measure", "task": "pairs", "models": models, "data": "stsb", "split": "validation", **more})


def answer_of(config: RunConfig, places: Places) -> dict[str, object]:
    job = ask(config, places)
    measure(RunLog(job))
    return dict(read_json(job.path / "measured.json"))


def test_run_keeps_cosines_before_and_after_and_no_texts(trained: RunFolder) -> None:
    for which in ("before", "after"):
        path = trained.path / "scores" / f"stsb-validation.{which}.json"
        record = read_json(path)
        assert len(record["cosines"]) == len(record["gold"]) == record["pairs"] == 12
        assert all(round(cosine, 6) == cosine for cosine in record["cosines"])
        assert "runs." not in json.dumps(record["cosines"]) and "A cat" not in path.read_text()
        assert set(trained.scores(which)["stsb/validation"]) == set(record["figures"]), "what is printed are figures alone"


def test_run_ends_with_a_verdict_on_the_same_pairs(trained: RunFolder) -> None:
    verdict = read_json(trained.path / "scores" / "stsb-validation.verdict.json")
    before, after = (trained.scores(which)["stsb/validation"]["spearman_cosine"] for which in ("before", "after"))
    interval = verdict["intervals"]["spearman_cosine"]
    # Four of these pairs are equal texts: their cosines of 1 are ties once they are rounded, and differ by noise before.
    assert (interval["before"], interval["after"]) == pytest.approx((before, after), abs=0.01)
    assert verdict["sentence"].startswith("On STSB validation, 12 pairs:")


def test_measured_pairs_are_what_the_run_was_scored_with(trained: RunFolder) -> None:
    answer = answer_of(asked(f"untouched:{trained.id}", f"run:{trained.id}"), places_of(trained))
    assert answer["about"] == "STSB validation, 12 pairs" and not answer["trained_on"]
    for side, which in zip(answer["sides"], ("before", "after"), strict=True):  # type: ignore[call-overload]
        stored = read_json(trained.path / "scores" / f"stsb-validation.{which}.json")
        assert side["record"]["figures"] == pytest.approx(stored["figures"], abs=1e-5)
        assert side["record"]["cosines"] == pytest.approx(stored["cosines"], abs=2e-6)
    assert answer["verdict"]["sentence"].startswith("On STSB validation, 12 pairs:")  # type: ignore[index]


def test_same_score_asked_again_is_read(trained: RunFolder) -> None:
    config, places = asked("static-minilm", data="sample"), places_of(trained)
    first = answer_of(config, places)
    # Another question that holds the same score.
    second = answer_of(asked("static-minilm", f"run:{trained.id}", data="sample"), places)
    assert first["sides"][0]["record"] == second["sides"][0]["record"]  # type: ignore[index]


def test_run_that_learned_the_part_is_told(trained: RunFolder) -> None:
    config = trained.config().model_dump(mode="json") | {"data": "stsb"}
    (trained.path / "config.json").write_text(json.dumps(config))
    try:
        assert answer_of(asked(f"run:{trained.id}", split="train"), places_of(trained))["trained_on"] is True
        assert answer_of(asked(f"run:{trained.id}", split="validation"), places_of(trained))["trained_on"] is False
    finally:
        (trained.path / "config.json").write_text(json.dumps(config | {"data": "snli"}))


@pytest.mark.parametrize("value", [float("nan"), 1.0])
def test_model_that_tells_nothing_apart_leaves_the_other_its_figures(trained: RunFolder, tmp_path: Path, value: float) -> None:
    model = load_model("static-minilm", trained.runs_dir, "cpu")
    with torch.no_grad():
        model[0].embedding.weight.fill_(value)
    model.save_pretrained(str(tmp_path / "broken"), create_model_card=False)
    answer = answer_of(asked("static-minilm", str(tmp_path / "broken")), places_of(trained))
    good, bad = answer["sides"]  # type: ignore[misc]
    assert len(good["record"]["figures"]) == 10 and "record" not in bad
    assert bad["fault"].startswith("The model gives every text the same embedding, or none that is a number")
    assert answer["verdict"] is None


def write_pairs(folder: Path, rows: list[tuple[str, str, float]]) -> Places:
    (folder / "stsb").mkdir(parents=True)
    pd.DataFrame(rows, columns=["sentence1", "sentence2", "label"]).to_csv(folder / "stsb" / "validation.csv", index=False)
    (folder / "runs").mkdir()
    return Places(folder, folder / "runs")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([(f"a {n}", f"b {n}", 3.0) for n in range(9)], "all gold scores are the same"),
        ([], "has a header and no rows"),
        ([("a", "b", 1.0), ("c", "d", 2.0)], "has 2 scored pairs; a correlation needs 3 or more"),
    ],
)
def test_useless_gold_scores_are_one_sentence(tmp_path: Path, rows: list[tuple[str, str, float]], said: str) -> None:
    places = write_pairs(tmp_path, rows)
    job = ask(asked("static-minilm"), places)
    job.set_status(data_dir=str(tmp_path))
    with pytest.raises(DataError, match=said):
        measure(RunLog(job))
    assert not (job.path / "measured.json").exists()


def test_deleted_run_is_one_sentence(runs_dir: Path, small_data: Path) -> None:
    run = create_run(runs_dir, recipe_config("mnr"), small_data)
    run.set_status(state="failed", finished=1.0)
    delete_run(run)
    with pytest.raises(ModelError, match="There is no run"):
        ask(asked(f"untouched:{run.id}"), Places(small_data, runs_dir))


def test_first_rows_of_a_large_part_say_that_they_are(trained: RunFolder) -> None:
    answer = answer_of(asked("static-minilm", max_rows=5), places_of(trained))
    assert answer["is_cut"] is True and answer["sides"][0]["record"]["pairs"] == 5  # type: ignore[index]


def evaluator_figures(name: str, pairs: EvaluationSet) -> dict[str, float]:
    """Score a model as a script without the studio does."""
    from sentence_transformers.sentence_transformer.evaluation import EmbeddingSimilarityEvaluator

    similarities = ["cosine", "dot", "manhattan", "euclidean"]
    plain = EmbeddingSimilarityEvaluator(
        pairs.sentences1, pairs.sentences2, pairs.gold, similarity_fn_names=similarities, write_csv=False
    )
    return {key: float(value) for key, value in plain(load_model(name, Path(), "cpu")).items()}


@pytest.mark.real_data
@pytest.mark.parametrize(("name", "count"), [("static-minilm", 1500), ("all-minilm-l6-v2", 80)])
def test_stored_score_equals_a_plain_script(runs_dir: Path, data_dir: Path, tmp_path: Path, name: str, count: int) -> None:
    from core.scoring import score

    frame = pd.read_csv(data_dir / "stsb" / "validation.csv").head(count)
    (tmp_path / "data" / "stsb").mkdir(parents=True)
    frame.to_csv(tmp_path / "data" / "stsb" / "validation.csv", index=False)
    job = create_run(
        runs_dir, build_config({"kind": "score", "base_model": name, "data": "stsb", "split": "validation"}), tmp_path / "data"
    )
    score(RunLog(job))
    stored = job.scores("after")["stsb/validation"]
    plain = evaluator_figures(name, load_evaluation_set("stsb", "validation", Places(tmp_path / "data")))
    assert len(stored) == 10 and stored == pytest.approx(plain, abs=1e-4)


def test_cosines_are_those_that_the_figures_come_from(runs_dir: Path) -> None:
    from scipy.stats import pearsonr

    from core.evaluation import embed_pairs

    pairs = load_evaluation_set("sample", "validation", Places())
    model = load_model("static-minilm", runs_dir, "cpu")
    sides = embed_pairs(model, pairs, 64)
    values = pair_values(pairs, *sides)
    figures = figures_of(model, pairs, *sides)
    assert pearsonr(values["cosines"], values["gold"])[0] == pytest.approx(figures["pearson_cosine"], abs=1e-5)
    with pytest.raises(DataError, match="all gold scores are the same"):
        check_gold(replace(pairs, gold=[0.5] * len(pairs.gold)))
