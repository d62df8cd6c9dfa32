"""Training in this process, on data small enough for seconds; and on real data, the chapter's ladder."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from transformers import TrainerCallback

from core import training
from core.config import RunConfig, build_config
from core.errors import ConfigError, DivergenceError
from core.evaluation import load_evaluation_set, score_pairs
from core.events import read_events
from core.models import load_model, load_plain
from core.places import Places
from core.recipes import recipe_config
from core.run_log import RunLog
from core.run_store import create_run
from core.runs import RunFolder
from core.settings import override
from core.spaces import run_space
from core.training import train
from core.training_run import TrainingRun, count_steps
from tests.shared_runs import write_static_model

SHORT = {"data": "snli", "max_steps": 3, "batch_size": 8, "eval_every": 1, "best_by": "last"}


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Three steps of a small table of word vectors."""
    return SHORT | {"base_model": str(write_static_model(tmp_path_factory.mktemp("base") / "static"))}


def trained(runs_dir: Path, data_dir: Path | None, config: RunConfig) -> RunFolder:
    run = create_run(runs_dir, config, data_dir)
    train(RunLog(run))
    return run


@pytest.mark.parametrize("recipe", ["softmax", "cosine-similarity", "mnr", "mnr-hard-negatives"])
def test_each_recipe_leaves_model_scores_events_and_map(
    recipe: str, runs_dir: Path, small_data: Path, short: dict[str, Any]
) -> None:
    run = trained(runs_dir, small_data, override(recipe_config(recipe), short))
    status, events = run.status(), list(read_events(run.events_path))
    assert status is not None and (status.state, status.has_model) == ("done", True)
    assert [event["n"] for event in events] == list(range(1, len(events) + 1))
    steps = [event for event in events if event["type"] == "step"]
    assert steps[-1]["step"] == 3 and sum(event["steps"] for event in steps) == 3
    assert [event["step"] for event in events if event["type"] == "evaluation"] == [0, 1, 2, 3]
    assert set(run.scores("before")) == set(run.scores("after")) == {"stsb/validation"}
    assert len(run.scores("after")["stsb/validation"]) == 10
    frames = run_space(run.path).frames()
    assert frames.shape[:2] == (len([event for event in events if event["type"] == "snapshot"]), 480)
    assert np.abs(frames[0] - frames[-1]).max() > 1e-3


def test_stored_score_is_that_of_the_saved_model(runs_dir: Path, small_data: Path, short: dict[str, Any]) -> None:
    run = trained(runs_dir, small_data, override(recipe_config("mnr"), short))
    pairs = load_evaluation_set("stsb", "validation", Places(small_data))
    again = score_pairs(load_model(f"run:{run.id}", runs_dir, "cpu"), pairs, 16)
    assert run.scores("after")["stsb/validation"] == pytest.approx(again, abs=1e-6)


def test_saved_model_holds_safetensors_only_and_no_training_sentence(
    runs_dir: Path, small_data: Path, short: dict[str, Any]
) -> None:
    run = trained(runs_dir, small_data, override(recipe_config("mnr"), short))
    files = [path for path in (run.path / "model").rglob("*") if path.is_file()]
    assert not [path for path in files if path.suffix in {".bin", ".pt", ".pkl"}]
    assert not [path for path in files if b"walks slowly along" in path.read_bytes()]
    assert "walks slowly along" not in run.events_path.read_text()


def test_same_seed_gives_the_same_weights_and_another_gives_others(
    runs_dir: Path, small_data: Path, short: dict[str, Any]
) -> None:
    configs = [override(recipe_config("softmax"), short | {"seed": seed}) for seed in (1, 1, 2)]
    folders = [trained(runs_dir, small_data, config).path / "model" for config in configs]
    weights = [load_file(folder / "model.safetensors") for folder in folders]
    assert torch.equal(weights[0]["embedding.weight"], weights[1]["embedding.weight"])
    assert not torch.equal(weights[0]["embedding.weight"], weights[2]["embedding.weight"])


def test_resolved_settings_name_their_origin(runs_dir: Path, small_data: Path, short: dict[str, Any]) -> None:
    run = trained(runs_dir, small_data, override(recipe_config("mnr"), short))
    settings: dict[str, Any] = run.resolved()["settings"]
    assert settings["batch_size"] == {"value": 8, "origin": "yours"}
    assert settings["learning_rate"] == {"value": 5e-3, "origin": "recipe"}
    assert settings["precision"]["origin"] == "automatic"


def test_second_run_reads_the_untouched_score_of_the_first(runs_dir: Path, small_data: Path, short: dict[str, Any]) -> None:
    for _ in range(2):
        trained(runs_dir, small_data, override(recipe_config("mnr"), short))
    # One for the record, one for the curve and its space.
    assert len(list((runs_dir / ".scores").iterdir())) == 2


def test_finished_run_is_a_base_model(runs_dir: Path, small_data: Path, short: dict[str, Any]) -> None:
    first = trained(runs_dir, small_data, override(recipe_config("mnr"), short))
    config = override(recipe_config("mnr"), short | {"base_model": f"run:{first.id}"}, Places(None, runs_dir))
    second = trained(runs_dir, small_data, config)
    data = "stsb/validation"
    assert second.scores("before")[data] == pytest.approx(first.scores("after")[data], abs=1e-6)


def test_model_with_nan_weights_is_refused_before_the_first_step(
    runs_dir: Path, small_data: Path, short: dict[str, Any], tmp_path: Path
) -> None:
    model = load_plain(short["base_model"], runs_dir, "cpu")
    embedding = model[0]
    assert isinstance(embedding, StaticEmbedding)
    torch.nn.init.constant_(embedding.embedding.weight, float("nan"))
    model.save(str(tmp_path / "broken"), create_model_card=False)
    config = override(recipe_config("mnr"), short | {"base_model": str(tmp_path / "broken")}, Places(None, runs_dir))
    with pytest.raises(DivergenceError, match="collapsed"):
        trained(runs_dir, small_data, config)


class Poison(TrainerCallback):
    """Makes a model's weights NaN after its first step, as a step that is far too large does."""

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Do so before the second step."""
        if state.global_step == 1:
            for weights in kwargs["model"].parameters():
                torch.nn.init.constant_(weights, float("nan"))


def test_diverged_run_keeps_the_best_model_of_before(
    runs_dir: Path, small_data: Path, short: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def poisoned(run: TrainingRun) -> SentenceTransformerTrainer:
        trainer = build_trainer(run)
        trainer.add_callback(Poison())
        return trainer

    build_trainer = training.build_trainer
    monkeypatch.setattr(training, "build_trainer", poisoned)
    run = create_run(runs_dir, override(recipe_config("mnr"), short | {"best_by": "spearman_cosine"}), small_data)
    with pytest.raises(DivergenceError, match=r"The model of step 1, the best before, is kept\."):
        training.train(RunLog(run))
    status = run.status()
    assert status is not None and status.has_model
    assert np.isfinite(load_plain(f"run:{run.id}", runs_dir, "cpu").encode(["a text"])).all()


def test_examples_that_the_rows_cannot_become_are_refused(runs_dir: Path, small_data: Path) -> None:
    with pytest.raises(ConfigError, match="hard negatives are contradictions of NLI rows"):
        override(recipe_config("mnr"), {"data": "stsb", "negatives": "hard"})
    path = small_data / "texts.txt"
    path.write_text("a plain text\nanother one\na third one\n")
    with pytest.raises(ConfigError, match=r"texts\.txt gives plain-texts"):
        trained(runs_dir, small_data, RunConfig(data=f"file:{path}", loss="mnr"))


@pytest.mark.parametrize(
    ("content", "settings"),
    [
        ("anchor,positive\n", {"negatives": "random"}),
        ("anchor,positive\n", {"negatives": "semi-hard", "mining": {"rank_from": 1, "ceiling": 0.999}}),
        ("sentence1,sentence2,score\n", {"loss": "softmax", "learning_rate": 1e-3}),
    ],
)
def test_own_files_are_trained_on(
    runs_dir: Path, small_data: Path, short: dict[str, Any], content: str, settings: dict[str, Any]
) -> None:
    animals = ["otter", "falcon", "badger", "salmon", "beetle", "heron", "marten", "viper", "lynx", "raven"]
    end = ["", ",5", ",1"] if "score" in content else ["", "", ""]
    rows = [
        f"the {a} number {n} sleeps by the river,a {a} is resting near water {n}{end[1 + n % 2]}\n"
        for n in range(6)
        for a in animals
    ]
    path = small_data / "mine.csv"
    path.write_text(content + "".join(rows))
    run = trained(runs_dir, small_data, override(build_config({}), {**short, "data": f"file:{path}", **settings}))
    status = run.status()
    assert status is not None and status.state == "done"
    assert run.resolved()["data"]["held_out"] == 6
    if settings.get("loss") != "softmax":
        assert run.scores("before")["own/held-out"]["mrr_10"] > 0 < run.scores("after")["own/held-out"]["mrr_10"]
    assert run.yardstick("after")[0] == "stsb/validation"


def test_best_step_is_kept_when_later_ones_are_worse(runs_dir: Path, small_data: Path, short: dict[str, Any]) -> None:
    changes = short | {"best_by": "pearson_cosine", "learning_rate": 1.0, "max_steps": 8}
    run = trained(runs_dir, small_data, override(recipe_config("mnr"), changes))
    curve = [event for event in read_events(run.events_path) if event["type"] == "evaluation" and not event["untouched"]]
    best = max(event["figures"]["pearson_cosine"] for event in curve)
    assert run.scores("after")["stsb/validation"]["pearson_cosine"] == pytest.approx(best, abs=1e-6)
    assert curve[-1]["figures"]["pearson_cosine"] < best


@pytest.mark.parametrize(
    ("examples", "epochs", "most", "expected"), [(100, 1.0, None, 4), (100, 2.5, None, 10), (100, 9.0, 7, 7), (5, 1.0, None, 1)]
)
def test_steps_are_epochs_over_batches_cut_at_the_most(examples: int, epochs: float, most: int | None, expected: int) -> None:
    settings = {"batch_size": 32, "gradient_accumulation": 1, "epochs": epochs, "max_steps": most, "time_budget_seconds": None}
    assert count_steps(settings, examples) == expected


@pytest.mark.real_data
def test_the_ladder_climbs_on_real_data(runs_dir: Path, data_dir: Path) -> None:
    # The order shows on fewer rows than all; at the top two epochs of five are enough.
    fewer = {"max_rows": 8000, "eval_every": 100_000, "snapshots": False}
    configs = {recipe: override(recipe_config(recipe), fewer) for recipe in ("softmax", "cosine-similarity", "mnr")}
    configs["mnr-hard-negatives"] = override(recipe_config("mnr-hard-negatives"), {"epochs": 2.0})
    runs = {recipe: trained(runs_dir, data_dir, config) for recipe, config in configs.items()}
    pearson = {recipe: run.scores("after")["stsb/validation"]["pearson_cosine"] for recipe, run in runs.items()}
    before = runs["mnr"].scores("before")["stsb/validation"]["pearson_cosine"]
    assert before >= 0.60
    assert pearson["softmax"] < pearson["cosine-similarity"] < pearson["mnr"]
    assert pearson["mnr-hard-negatives"] >= max(0.75, pearson["mnr"])


@pytest.mark.real_data
def test_minilm_scores_as_published(runs_dir: Path, data_dir: Path) -> None:
    model: SentenceTransformer = load_model("all-minilm-l6-v2", runs_dir, "cpu")
    figures = score_pairs(model, load_evaluation_set("stsb", "validation", Places(data_dir)), 64)
    assert figures["pearson_cosine"] == pytest.approx(0.8696, abs=1e-4)
    assert figures["spearman_cosine"] == pytest.approx(0.8672, abs=1e-4)
