import pytest

from core.config import RunConfig, build_config
from core.errors import ConfigError
from core.machine import Machine
from core.recipes import recipe_config
from core.settings import override, settle, settled_values, shape_for

LAPTOP = Machine("cpu", "a laptop", 8, 16 * 2**30, "bf16")


def test_yours_beats_the_recipe_and_the_recipe_beats_automatic() -> None:
    settled = settle(override(recipe_config("mnr"), {"batch_size": 64}), "static", LAPTOP)
    assert (settled["batch_size"].value, settled["batch_size"].origin) == (64, "yours")
    assert (settled["learning_rate"].value, settled["learning_rate"].origin) == (5e-3, "recipe")
    assert (settled["weight_decay"].value, settled["weight_decay"].origin) == (0.0, "automatic")


def test_recipe_values_do_not_reach_a_base_model_of_another_kind() -> None:
    settled = settle(override(recipe_config("mnr"), {"base_model": "all-minilm-l6-v2"}), "sentence", LAPTOP)
    assert (settled["learning_rate"].value, settled["learning_rate"].origin) == (2e-5, "automatic")
    assert settled["batch_size"].value == 32


def test_yours_stays_yours_on_a_base_model_of_another_kind() -> None:
    config = override(recipe_config("mnr"), {"base_model": "all-minilm-l6-v2", "learning_rate": 1e-4})
    assert config.learning_rate == 1e-4


def test_value_of_none_hands_the_choice_back() -> None:
    assert override(recipe_config("mnr"), {"batch_size": None}) == recipe_config("mnr")


def test_another_loss_lets_the_examples_be_chosen_again() -> None:
    config = override(recipe_config("mnr-hard-negatives"), {"loss": "softmax"})
    assert (config.examples, config.negatives) == (None, None)
    assert shape_for(config, "nli") == "class-pairs"


def test_hard_negatives_make_triplets() -> None:
    assert shape_for(override(recipe_config("mnr"), {"negatives": "hard"}), "nli") == "triplets"
    assert shape_for(recipe_config("mnr"), "nli") == "positive-pairs"


def test_data_that_cannot_become_what_the_loss_takes_is_refused() -> None:
    with pytest.raises(ConfigError, match="softmax needs class-pairs, and stsb gives scored-pairs"):
        override(recipe_config("softmax"), {"data": "stsb"})


def test_bf16_is_taken_where_the_machine_has_it_and_the_model_gains() -> None:
    assert settled_values(settle(RunConfig(), "sentence", LAPTOP))["precision"] == "bf16"
    assert settled_values(settle(RunConfig(), "static", LAPTOP))["precision"] == "fp32"


@pytest.mark.parametrize(("steps", "every"), [(100, 10), (3, 1), (1000, 100)])
def test_static_run_is_evaluated_about_ten_times(steps: int, every: int) -> None:
    assert settle(build_config({}), "static", LAPTOP, steps)["eval_every"].value == every
