"""What wins: the person, then the recipe as long as it fits the base model, then the automatic value."""

import json
from pathlib import Path
from typing import Any

import pytest

from core.base_models import SENTENCE, STATIC
from core.config import RunConfig, build_config
from core.errors import ConfigError, ModelError
from core.example_choice import holdout_share, negatives_of, shape_for
from core.examples import LABELLED_ROWS, NLI_ROWS, PAIR_ROWS, SCORED_ROWS, TEXT_ROWS, TRIPLET_ROWS
from core.machine import Machine
from core.recipes import recipe_config
from core.settings import override, settle, settled_as_json, settled_values

CPU = Machine("cpu", "a test's machine", 2, 8 * 2**30, "fp32", "")
GPU = Machine("cuda", "a test's card", 8, 64 * 2**30, "bf16", "")
RECIPE = recipe_config("quick-demo")


def origins(config: RunConfig, kind: str = STATIC) -> dict[str, str]:
    return {key: setting.origin for key, setting in settle(config, kind, CPU).items()}


def values_of(config: RunConfig, kind: str = STATIC, machine: Machine = CPU) -> dict[str, Any]:
    return settled_values(settle(config, kind, machine))


def test_persons_value_wins_over_the_recipes() -> None:
    config = override(RECIPE, {"batch_size": 8})
    assert (values_of(config)["batch_size"], origins(config)["batch_size"]) == (8, "yours")
    assert config.yours == ("batch_size",)


def test_recipes_value_wins_over_the_automatic_one() -> None:
    assert (values_of(RECIPE)["learning_rate"], origins(RECIPE)["learning_rate"]) == (3e-3, "recipe")


def test_what_nobody_set_is_automatic() -> None:
    found = settle(RECIPE, STATIC, CPU)
    assert (found["gradient_accumulation"].value, found["gradient_accumulation"].origin) == (1, "automatic")
    assert {setting.origin for setting in settle(build_config({}), STATIC, CPU).values()} == {"automatic"}


def test_value_of_none_hands_the_choice_back_to_the_recipe() -> None:
    config = override(RECIPE, {"batch_size": None, "seed": 7})
    assert (config.batch_size, config.yours) == (32, ("seed",))


def test_base_model_of_another_kind_takes_the_recipes_tuning_away() -> None:
    config = override(RECIPE, {"base_model": "all-minilm-l6-v2"})
    found = settle(config, SENTENCE, CPU)
    assert (found["learning_rate"].value, found["learning_rate"].origin) == (2e-5, "automatic")
    assert (found["batch_size"].value, found["epochs"].value) == (32, 1.0)
    assert (config.data, config.loss, found["loss"].origin) == ("sample", "mnr", "recipe")


def test_base_model_of_another_kind_keeps_what_the_person_set() -> None:
    config = override(RECIPE, {"base_model": "all-minilm-l6-v2", "learning_rate": 1e-4})
    found = settle(config, SENTENCE, CPU)
    assert (found["learning_rate"].value, found["learning_rate"].origin) == (1e-4, "yours")


def test_unknown_base_model_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ModelError, match="static-minilm"):
        override(RECIPE, {"base_model": "bert-large"})


def test_another_loss_takes_the_examples_and_numbers_of_the_former_one_away() -> None:
    config = override(recipe_config("mnr-hard-negatives"), {"loss": "softmax"})
    assert (config.examples, config.negatives, config.loss_params) == (None, None, {})
    assert values_of(config)["examples"] == "class-pairs"


def test_other_rows_let_the_loss_choose_its_examples_again() -> None:
    config = override(recipe_config("softmax"), {"data": "stsb", "loss": "cosine-similarity"})
    assert values_of(config)["examples"] == "scored-pairs"


def test_hard_negatives_over_a_recipe_of_pairs_make_triplets() -> None:
    config = override(RECIPE, {"negatives": "hard"})
    assert (config.examples, values_of(config)["examples"]) == (None, "triplets")


@pytest.mark.parametrize(
    ("values", "rows", "shape"),
    [
        ({"loss": "softmax"}, NLI_ROWS, "class-pairs"),
        ({"loss": "cosine-similarity"}, NLI_ROWS, "scored-pairs"),
        ({"loss": "cosine-similarity"}, SCORED_ROWS, "scored-pairs"),
        ({"loss": "mnr"}, NLI_ROWS, "positive-pairs"),
        ({"loss": "mnr", "negatives": "hard"}, NLI_ROWS, "triplets"),
        ({"loss": "mnr", "examples": "triplets"}, NLI_ROWS, "triplets"),
    ],
)
def test_shape_follows_from_loss_and_rows(values: dict[str, Any], rows: str, shape: str) -> None:
    assert shape_for(build_config(values), rows) == shape


@pytest.mark.parametrize(
    ("loss", "rows", "shape"),
    [
        ("softmax", SCORED_ROWS, "class-pairs"), ("mnr", SCORED_ROWS, "positive-pairs"), ("mnr", LABELLED_ROWS, "positive-pairs"),
        ("mnr", TRIPLET_ROWS, "triplets"), ("cosine-similarity", TRIPLET_ROWS, "scored-pairs"),
        ("mnr", PAIR_ROWS, "positive-pairs"),
    ],
)  # fmt: skip
def test_rows_become_what_the_loss_takes(loss: str, rows: str, shape: str) -> None:
    assert shape_for(build_config({"loss": loss}), rows) == shape


@pytest.mark.parametrize(("loss", "rows"), [("mnr", TEXT_ROWS), ("softmax", PAIR_ROWS), ("cosine-similarity", LABELLED_ROWS)])
def test_rows_that_a_loss_cannot_take_are_refused_with_what_they_give(loss: str, rows: str) -> None:
    with pytest.raises(ConfigError, match=r"data: .* needs .*, and sample gives .*; change one of the two"):
        shape_for(build_config({"loss": loss}), rows)


def test_hard_negatives_without_labels_need_a_judge() -> None:
    with pytest.raises(ConfigError, match=r"set mining\.judge to its folder, or choose semi-hard"):
        shape_for(build_config({"negatives": "hard"}), PAIR_ROWS)
    assert shape_for(build_config({"negatives": "hard", "mining": {"judge": "a folder"}}), PAIR_ROWS) == "triplets"


def test_given_negatives_need_a_column_of_them() -> None:
    with pytest.raises(ConfigError, match="no column of negatives"):
        shape_for(build_config({"negatives": "given"}), PAIR_ROWS)


@pytest.mark.parametrize(("rows", "negatives"), [(NLI_ROWS, "hard"), (TRIPLET_ROWS, "given"), (PAIR_ROWS, "random")])
def test_negatives_of_triplets_follow_from_the_rows(rows: str, negatives: str) -> None:
    assert negatives_of(build_config({"examples": "triplets"}), rows) == negatives


def test_other_rows_take_a_recipes_negatives_away(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text("anchor,positive\na,b\nc,d\n")
    config = override(recipe_config("mnr-hard-negatives"), {"data": f"file:{path}"})
    assert (config.negatives, config.examples) == (None, None)
    assert override(recipe_config("mnr-hard-negatives"), {"data": "snli"}).negatives == "hard"


def test_a_tenth_of_own_data_is_held_out_by_itself() -> None:
    assert [holdout_share(build_config({"data": data})) for data in ("sample", "file:a.csv", "hub:a/b")] == [0.0, 0.1, 0.1]
    assert holdout_share(build_config({"data": "file:a.csv", "holdout": 0})) == 0.0


@pytest.mark.parametrize(("kind", "rate", "batch"), [(STATIC, 5e-3, 256), (SENTENCE, 2e-5, 32)])
def test_automatic_values_fit_the_kind_of_model(kind: str, rate: float, batch: int) -> None:
    found = values_of(build_config({}), kind)
    assert (found["learning_rate"], found["batch_size"]) == (rate, batch)


def test_precision_is_the_machines_except_for_a_static_model() -> None:
    config = build_config({})
    assert values_of(config, SENTENCE, GPU)["precision"] == "bf16"
    assert values_of(config, STATIC, GPU)["precision"] == "fp32"


def test_distance_of_evaluations_is_left_to_the_run() -> None:
    assert values_of(build_config({}))["eval_every"] is None


def test_settled_settings_go_out_as_json() -> None:
    written = json.loads(json.dumps(settled_as_json(settle(override(RECIPE, {"seed": 7}), STATIC, CPU))))
    assert written["seed"] == {"value": 7, "origin": "yours"}
    assert written["eval_every"] == {"value": None, "origin": "automatic"}


@pytest.mark.parametrize("key", ["kind", "recipe", "size", "yours"])
def test_what_the_studio_writes_cannot_be_set(key: str) -> None:
    with pytest.raises(ConfigError, match="written by the studio"):
        override(recipe_config("mnr"), {key: "score"})


def test_earlier_choices_outlive_another_base_model() -> None:
    mine = override(recipe_config("mnr"), {"batch_size": 8})
    assert override(mine, {"base_model": "all-minilm-l6-v2"}).batch_size == 8
