"""A configuration is checked when it is built; a fault names the field and the way out."""

import json
from typing import Any

import pytest

from core.config import CHOICES, RunConfig, build_config, parse_assignments, range_of
from core.errors import ConfigError


def fault_of(**values: Any) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        build_config(values)
    return caught.value


def test_empty_configuration_trains_on_the_sample() -> None:
    config = build_config({})
    assert (config.base_model, config.data, config.loss, config.kind) == ("static-minilm", "sample", "mnr", "train")
    assert config.batch_size is None


def test_configuration_comes_back_from_json() -> None:
    config = build_config({"loss_params": {"scale": 10}, "batch_size": 64, "yours": ("batch_size",), "epochs": 0.5})
    assert build_config(json.loads(config.model_dump_json())) == config


def test_built_configuration_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        build_config({}).seed = 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("batch_size", 0), ("batch_size", 8193), ("batch_size", 2.5), ("batch_size", "many"), ("epochs", 0), ("epochs", -1),
        ("epochs", float("nan")), ("learning_rate", float("inf")), ("learning_rate", 0), ("seed", -1), ("seed", 2**32),
        ("warmup", -0.1), ("weight_decay", 1.5), ("max_steps", 0), ("max_seq_length", 3), ("gradient_accumulation", 0),
        ("snapshots", "perhaps"), ("log_every", 0), ("eval_every", 0), ("eval_batch_size", 0),
    ],
)  # fmt: skip
def test_value_out_of_range_is_refused_with_its_field_and_range(field: str, value: Any) -> None:
    error = fault_of(**{field: value})
    assert error.field == field
    assert str(error).endswith(f"choose {range_of(field)}.")


@pytest.mark.parametrize(
    ("field", "value"),
    [("batch_size", 2), ("batch_size", 8192), ("seed", 0), ("seed", 2**32 - 1), ("warmup", 0), ("max_seq_length", 4)],
)
def test_value_at_the_edge_is_taken(field: str, value: int) -> None:
    assert getattr(build_config({field: value}), field) == value


@pytest.mark.parametrize("field", CHOICES)
def test_unknown_choice_is_refused_with_the_known_ones(field: str) -> None:
    error = fault_of(**{field: "wrong"})
    assert error.field == field
    for choice in CHOICES[field]:
        assert choice in str(error)


@pytest.mark.parametrize("field", CHOICES)
def test_listed_choices_are_those_that_the_field_takes(field: str) -> None:
    for choice in CHOICES[field]:
        assert getattr(RunConfig.model_validate({field: choice, "kind": "prepare"}), field) == choice


def test_unknown_setting_is_refused_with_its_likely_name() -> None:
    assert "did you mean batch_size?" in str(fault_of(batchsize=4))


def test_unknown_setting_like_no_other_is_refused_with_the_list() -> None:
    assert "choose from also_score, base_model" in str(fault_of(qqqqqq=4))


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"loss": "no-such-loss"}, "loss"),
        ({"data": "squad"}, "data"),
        ({"data": "snli+stsb"}, "data"),
        ({"data": "snli", "split": "test"}, "split"),
        ({"data": "stsb", "split": "validation", "loss": "cosine-similarity"}, "split"),
        ({"loss": "softmax", "examples": "triplets"}, "examples"),
        ({"loss": "softmax", "negatives": "hard"}, "negatives"),
        ({"negatives": "hard", "examples": "positive-pairs"}, "negatives"),
        ({"negatives": "none", "examples": "triplets"}, "negatives"),
        ({"loss": "mnr", "batch_size": 1}, "batch_size"),
        ({"loss_params": {"scale": 0}}, "loss_params"),
        ({"loss_params": {"margin": 1}}, "loss_params"),
        ({"loss": "softmax", "loss_params": {"scale": 20}}, "loss_params"),
    ],
)
def test_settings_that_do_not_fit_are_refused(values: dict[str, Any], field: str) -> None:
    assert fault_of(**values).field == field


def test_stsb_validation_may_be_scored() -> None:
    config = build_config({"kind": "score", "data": "stsb", "split": "validation"})
    assert config.split == "validation"


def test_loss_without_negatives_in_the_batch_takes_batches_of_one() -> None:
    assert build_config({"loss": "softmax", "batch_size": 1}).batch_size == 1


def test_long_wrong_value_is_cut_in_the_message() -> None:
    assert len(str(fault_of(batch_size="9" * 60 + "x"))) < 150


def test_assignments_become_nested_values() -> None:
    given = ["batch_size=64", "loss_params.scale=10", "learning_rate=2e-5", "snapshots=false", "loss=mnr", "data=file:a=b.csv"]
    assert parse_assignments(given) == {
        "batch_size": 64, "loss_params": {"scale": 10}, "learning_rate": 2e-5, "snapshots": False, "loss": "mnr",
        "data": "file:a=b.csv",
    }  # fmt: skip


@pytest.mark.parametrize("assignment", ["batch_size", "=64", ""])
def test_assignment_without_name_or_value_is_refused(assignment: str) -> None:
    with pytest.raises(ConfigError, match="write name=value"):
        parse_assignments([assignment])


def test_part_of_a_value_that_is_no_part_is_refused() -> None:
    with pytest.raises(ConfigError, match="loss_params was given a value already"):
        parse_assignments(["loss_params=5", "loss_params.scale=1"])


def test_range_says_what_a_number_may_be() -> None:
    assert range_of("max_seq_length").startswith("a whole number from 4 to 8")
    assert range_of("epochs").startswith("a number above 0, 1")
    assert range_of("snapshots") == "true or false"


def test_name_given_as_a_number_and_number_given_as_yes_are_refused() -> None:
    with pytest.raises(ConfigError, match="loss: '5' cannot be used; choose a name"):
        build_config({"loss": 5})
    with pytest.raises(ConfigError, match="batch_size: 'True' cannot be used"):
        build_config({"loss": "softmax", "batch_size": True})


@pytest.mark.parametrize("data", ["file:/a/b.csv", "upload:" + "0" * 64, "hub:owner/name", "hub:owner/name:part@v1.0"])
def test_data_of_ones_own_is_named(data: str) -> None:
    assert build_config({"data": data}).data == data


@pytest.mark.parametrize("data", ["upload:../../etc/passwd", "upload:12", "hub:", "hub:a/b/c", "hub:../x/y", "hub:a b", "imdb"])
def test_names_that_lead_elsewhere_are_refused(data: str) -> None:
    assert fault_of(data=data).field == "data"


@pytest.mark.parametrize("split", ["../../etc/passwd", "a/b", "", "..", ".hidden", "x" * 90])
def test_split_that_leads_elsewhere_is_refused(split: str) -> None:
    assert fault_of(data="hub:a/b", split=split).field == "split"


def test_yardsticks_are_never_trained_on() -> None:
    for data, split in (("stsb", "validation"), ("sample", "validation"), ("banking77", "test")):
        assert "never for training" in str(fault_of(data=data, split=split, loss="cosine-similarity"))


def test_columns_tell_the_kind_of_rows_or_are_refused() -> None:
    assert build_config({"columns": {"anchor": "title", "positive": "body"}}).columns["anchor"] == "title"
    assert "these roles make no rows together" in str(fault_of(columns={"anchor": "title", "score": "n"}))


@pytest.mark.parametrize(("given", "share"), [(True, 0.1), (False, 0.0), (0, 0.0), (0.25, 0.25), (None, None)])
def test_holdout_is_a_share_or_yes_or_no(given: Any, share: float | None) -> None:
    assert build_config({"holdout": given}).holdout == share


def test_fixes_are_known_and_stand_in_the_order_in_which_they_are_made() -> None:
    assert build_config({"fixes": ["drop-overlap", "drop-one-word"]}).fixes == ("drop-one-word", "drop-overlap")
    assert "drop-duplicates" in str(fault_of(fixes=["drop-everything"]))


def test_window_of_ranks_has_to_be_open() -> None:
    assert "rank_to" in str(fault_of(mining={"rank_from": 50, "rank_to": 50}))


@pytest.mark.parametrize(
    ("values", "field", "way"),
    [
        ({"prompts": {"title": "x: "}}, "prompts", "choose query or passage"),
        ({"prompts": {"query": "x" * 401}}, "prompts", "write 400 at most"),
        ({"prompts": "query: "}, "prompts", "prompts.query='query: '"),
        ({"matryoshka": (0, 64)}, "matryoshka", "such as 256,128,64"),
        ({"matryoshka": tuple(range(1, 10))}, "matryoshka", "up to 8 numbers"),
        ({"matryoshka": "256, many"}, "matryoshka", "such as 256,128,64"),
        ({"matryoshka": "128", "loss": "softmax"}, "matryoshka", "choose one of"),
        ({"loss": "batch-all-triplet", "batch_size": 15}, "batch_size", "choose an even number from 4 on"),
        ({"loss": "batch-hard-triplet", "batch_size": 2}, "batch_size", "choose an even number from 4 on"),
        ({"loss": "margin-mse"}, "teacher", "take the recipe margin-mse"),
        ({"loss": "mnr", "silver": {}}, "silver", "choose loss=cosine-similarity"),
        ({"loss": "cosine-similarity", "silver": {"cut": 1}}, "silver", "silver.amount=10000"),
        ({"loss": "cosine-similarity", "silver": {"pairs": "all"}}, "silver", "'given', 'recombined' or 'top-k'"),
        ({"texts": ("a",) * 65}, "texts", "type 64 at most"),
        ({"texts": ("a" * 2001,)}, "texts", "type 2,000 at most"),
        ({"also_score": "imdb"}, "also_score", "choose from banking77"),
        ({"frozen_layers": -1}, "frozen_layers", "a whole number from 0 to 200"),
        ({"lora_rank": 0}, "lora_rank", "a whole number from 1 to 512"),
        ({"pooling": "median"}, "pooling", "weightedmean"),
    ],
)
def test_setting_of_model_loss_or_silver_that_cannot_be_is_refused_with_a_way_out(
    values: dict[str, Any], field: str, way: str
) -> None:
    error = fault_of(**values)
    assert error.field.partition(".")[0] == field
    assert way in str(error)


@pytest.mark.parametrize("given", ["256, 64 128", (64, 256, 128), [128, 256, 64, 64]])
def test_matryoshka_sizes_stand_from_long_to_short_and_once(given: Any) -> None:
    assert build_config({"matryoshka": given}).matryoshka == (256, 128, 64)


def test_one_matryoshka_size_may_be_written_as_a_number_and_none_as_nothing() -> None:
    assert build_config({"matryoshka": 64}).matryoshka == (64,)
    assert build_config({"matryoshka": ""}).matryoshka == ()


def test_classification_is_named_in_a_text_or_a_list() -> None:
    assert build_config({"also_score": "banking77"}).also_score == build_config({"also_score": ["banking77"]}).also_score


def test_empty_prompts_are_no_prompts_and_not_those_of_the_catalogue() -> None:
    assert build_config({"prompts": {}}).prompts == {}
    assert build_config({}).prompts is None


@pytest.mark.parametrize("kind", ["prepare", "look", "try", "score", "cross-encoder"])
def test_what_a_loss_cannot_take_matters_only_where_it_is_trained(kind: str) -> None:
    assert build_config({"kind": kind, "loss": "margin-mse", "batch_size": 1}).loss == "margin-mse"


def test_losses_of_scored_pairs_take_silver_pairs() -> None:
    for loss in ("cosine-similarity", "cosent", "angle"):
        config = build_config({"loss": loss, "silver": {"amount": 5}})
        assert config.silver is not None and (config.silver.judge, config.silver.amount) == ("previous", 5)


@pytest.mark.parametrize("loss", ["denoising", "masked-language-model"])
def test_lora_is_refused_where_a_decoder_is_tied_to_the_weights(loss: str) -> None:
    error = fault_of(loss=loss, lora_rank=8, base_model="all-minilm-l6-v2")
    assert error.field == "lora_rank" and "leave lora_rank empty" in str(error)
