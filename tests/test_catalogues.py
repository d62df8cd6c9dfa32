"""The catalogues: ids that name their entries, recipes that build, and the sample that ships with the studio."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.base_models import BASE_MODELS, BUNDLED_SHA256, bundled_folder, kind_of
from core.config import CHOICES, PREVIOUS, RunConfig, build_config
from core.conversions import CONVERSIONS
from core.data_catalogue import DATA_SETS, row_kind_of
from core.errors import ConfigError
from core.example_choice import shape_for
from core.examples import ROLES
from core.losses import LOSSES
from core.models import load_model
from core.places import Places
from core.recipes import RECIPES, recipe_chain, recipe_config
from core.rows import Asked, load_rows
from core.sources import SAMPLE_FOLDER

SIZES = [(recipe, size) for recipe, spec in RECIPES.items() for size in spec.sizes]


@pytest.fixture(scope="module")
def sample() -> pd.DataFrame:
    return load_rows(Asked("sample"), Places()).frame


@pytest.fixture(scope="module")
def judged() -> pd.DataFrame:
    return load_rows(Asked("sample", "validation"), Places()).frame


@pytest.mark.parametrize("catalogue", [BASE_MODELS, DATA_SETS, LOSSES, RECIPES], ids=["models", "data", "losses", "recipes"])
def test_ids_are_their_keys_and_titles_are_unique(catalogue: Mapping[str, Any]) -> None:
    assert [spec.id for spec in catalogue.values()] == list(catalogue)
    assert len({spec.title for spec in catalogue.values()}) == len(catalogue) > 0


@pytest.mark.parametrize("recipe", ["softmax", "cosine-similarity", "mnr", "mnr-hard-negatives", "quick-demo"])
def test_methods_of_the_chapter_are_recipes(recipe: str) -> None:
    assert recipe_config(recipe).recipe == recipe


@pytest.mark.parametrize(("recipe", "size"), SIZES)
def test_recipe_builds_a_valid_configuration_that_names_it(recipe: str, size: str) -> None:
    for config in recipe_chain(recipe, size):
        assert build_config(config.model_dump(mode="json")) == config
        assert (config.recipe, config.size, config.yours) == (recipe, size, ())
    assert config.kind == "train"


@pytest.mark.parametrize(("recipe", "size"), SIZES)
def test_recipe_fits_its_data_and_its_model(recipe: str, size: str) -> None:
    for config in recipe_chain(recipe, size):
        rows = row_kind_of(config.data, config.split)
        assert rows is not None
        assert shape_for(config, rows) == config.examples
        assert config.base_model == PREVIOUS or kind_of(config.base_model) == BASE_MODELS[config.base_model].kind


@pytest.mark.parametrize("recipe", RECIPES)
def test_size_that_a_recipe_has_not_says_why(recipe: str) -> None:
    spec = RECIPES[recipe]
    assert set(spec.sizes) | set(spec.why_not) == {"instant", "laptop", "book"}
    assert not set(spec.sizes) & set(spec.why_not)
    for size, why in spec.why_not.items():
        with pytest.raises(ConfigError, match=re.escape(why)):
            recipe_chain(recipe, size)


@pytest.mark.parametrize(("recipe", "size"), SIZES)
def test_a_chain_begins_with_a_model_and_goes_on_with_the_one_before(recipe: str, size: str) -> None:
    first, *rest = recipe_chain(recipe, size)
    assert PREVIOUS not in (first.base_model, first.teacher)
    for config in rest:
        assert PREVIOUS in (config.base_model, config.teacher, config.silver and config.silver.judge)


@pytest.mark.parametrize("recipe", ["mnr2", "", "Quick-Demo"])
def test_unknown_recipe_is_refused_with_the_known_ones(recipe: str) -> None:
    with pytest.raises(ConfigError, match="choose one of quick-demo, softmax"):
        recipe_config(recipe)


def test_size_that_a_recipe_lacks_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"quick-demo has no size 'book': it is there to be quick.*; choose instant"):
        recipe_config("quick-demo", "book")


@pytest.mark.parametrize("loss", LOSSES)
def test_loss_takes_shapes_that_some_rows_can_become(loss: str) -> None:
    assert set(LOSSES[loss].shapes) <= {shape for _, shape in CONVERSIONS}


@pytest.mark.parametrize("loss", LOSSES)
def test_defaults_of_a_loss_lie_in_their_ranges(loss: str) -> None:
    defaults = {parameter.name: parameter.default for parameter in LOSSES[loss].parameters}
    needed = {"teacher": "run:somebody"} if LOSSES[loss].teacher == "cross-encoder" else {}
    assert build_config({"loss": loss, "loss_params": defaults} | needed).loss_params == defaults


@pytest.mark.parametrize("name", DATA_SETS)
def test_splits_hold_rows_of_a_known_kind(name: str) -> None:
    assert set(DATA_SETS[name].splits.values()) <= set(ROLES)
    assert len(DATA_SETS[name].columns) == len(ROLES[next(iter(DATA_SETS[name].splits.values()))])


def test_choices_belong_to_settings() -> None:
    assert set(CHOICES) <= set(RunConfig.model_fields)


def test_bundled_model_holds_the_official_files() -> None:
    folder = bundled_folder()
    assert {path.name for path in folder.iterdir()} >= set(BUNDLED_SHA256)


def test_sample_has_480_groups_of_four_rows_in_24_topics(sample: pd.DataFrame) -> None:
    assert (len(sample), sample["premise"].nunique(), sample["topic"].nunique()) == (1920, 480, 24)
    assert set(sample.groupby("topic")["premise"].nunique()) == {20}
    labels = sample.groupby("premise", sort=False)["label"].agg(list)
    assert all(group == [0, 0, 1, 2] for group in labels)


def test_sample_premise_belongs_to_one_topic(sample: pd.DataFrame) -> None:
    assert set(sample.groupby("premise")["topic"].nunique()) == {1}


def test_sample_loses_no_row_when_it_is_read() -> None:
    for split in DATA_SETS["sample"].splits:
        rows = load_rows(Asked("sample", split), Places())
        assert rows.dropped == {}
        assert len(rows.frame) == len(pd.read_csv(SAMPLE_FOLDER / f"{split}.csv"))


def test_sample_has_400_judged_pairs_over_the_whole_range(judged: pd.DataFrame) -> None:
    assert len(judged) == 400
    assert all(60 <= count <= 100 for count in pd.cut(judged["score"], [-0.01, 0.19, 0.39, 0.59, 0.79, 1]).value_counts())
    assert (judged["score"].min() < 0.2) and (0.8 < judged["score"].max() <= 1.0)


def test_no_text_is_both_trained_on_and_judged(sample: pd.DataFrame, judged: pd.DataFrame) -> None:
    trained = {text.lower() for column in ("premise", "hypothesis") for text in sample[column]}
    seen = {text.lower() for column in ("sentence1", "sentence2") for text in judged[column]}
    assert len(trained) == 2400
    assert not trained & seen


def test_sample_has_300_reviews_balanced_in_sentiment_over_the_same_topics(sample: pd.DataFrame) -> None:
    reviews = load_rows(Asked("sample", "reviews"), Places()).frame
    assert reviews["label"].value_counts().to_dict() == {"positive": 150, "negative": 150}
    assert set(reviews["topic"]) == set(sample["topic"])
    assert reviews["text"].nunique() == 300
    assert min(reviews.groupby(["topic", "label"]).size()) >= 6


def test_labels_of_the_sample_do_not_show_in_the_hypothesis_alone(sample: pd.DataFrame) -> None:
    """A word of negation must not give the contradiction away."""
    negated = sample["hypothesis"].str.lower().str.contains(r"\b(?:not|no|nobody|never|nothing|none|without)\b|n't", regex=True)
    shares = negated.groupby(sample["label"]).mean()
    assert shares.max() < 0.3 and shares.max() < 3 * shares.min()


def test_topics_of_the_sample_lie_apart_under_minilm(sample: pd.DataFrame, tmp_path: Path) -> None:
    """A map has something to show: the nearest of 24 topic centres, built without the sentence itself, is mostly the own one."""
    premises = sample.drop_duplicates("premise")
    model = load_model("all-minilm-l6-v2", tmp_path, "cpu")
    vectors = model.encode(premises["premise"].tolist(), normalize_embeddings=True, show_progress_bar=False)
    topics, own = np.unique(premises["topic"].to_numpy(dtype=str), return_inverse=True)
    sums = np.stack([vectors[own == topic].sum(axis=0) for topic in range(len(topics))])
    right = 0
    for vector, topic in zip(vectors, own, strict=True):
        centres = sums - np.outer(np.arange(len(topics)) == topic, vector)
        right += int(np.argmax(centres @ vector / np.linalg.norm(centres, axis=1)) == topic)
    assert right / len(vectors) > 0.6


@pytest.mark.parametrize("catalogue", [BASE_MODELS, DATA_SETS, LOSSES, RECIPES], ids=["models", "data", "losses", "recipes"])
def test_every_entry_stands_in_the_readme(catalogue: Mapping[str, Any]) -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    assert [name for name in catalogue if f"`{name}`" not in readme] == []
