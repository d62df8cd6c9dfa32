import pytest

from core.config import RunConfig, build_config, parse_assignments, range_of
from core.errors import ConfigError


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"batch_size": 0}, "batch_size: '0' cannot be used; choose a whole number from 1 to 8,192."),
        ({"batchsize": 3}, "'batchsize' is no setting; did you mean batch_size?"),
        ({"precision": "fp8"}, "precision: 'fp8' is not known; choose 'fp32', 'bf16' or 'fp16'."),
        ({"learning_rate": float("nan")}, "learning_rate: 'nan' cannot be used; choose a number above 0, 10 at most."),
        ({"loss": "contrast"}, "loss: 'contrast' is not known; choose one of softmax, cosine-similarity, mnr."),
        (
            {"loss": "softmax", "examples": "triplets"},
            "examples: softmax needs class-pairs, not triplets; change one of the two.",
        ),
        ({"data": "wiki"}, "data: 'wiki' is not known; choose one of sample, snli, mnli, stsb, or file:<path>."),
        ({"data": "snli+stsb"}, "data: snli+stsb joins rows of different kinds (nli, scored)."),
        ({"data": "snli", "split": "test"}, "split: snli has no 'test'; choose train."),
    ],
)
def test_fault_names_the_field_and_the_way_out(values: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build_config(values)
    assert str(caught.value) == sentence


def test_stsb_validation_is_never_trained_on() -> None:
    with pytest.raises(ConfigError, match="never for training"):
        build_config({"data": "stsb", "split": "validation", "loss": "cosine-similarity"})
    assert build_config({"kind": "score", "data": "stsb", "split": "validation"}).kind == "score"


def test_in_batch_negatives_need_a_batch() -> None:
    with pytest.raises(ConfigError, match="2 examples or more"):
        build_config({"loss": "mnr", "batch_size": 1})
    assert build_config({"loss": "softmax", "batch_size": 1}).batch_size == 1


@pytest.mark.parametrize("values", [{"loss": "softmax", "negatives": "hard"}, {"examples": "triplets", "negatives": "none"}])
def test_negatives_that_contradict_the_examples_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="negatives"):
        build_config(values)


def test_loss_parameter_outside_its_range_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"scale is 900; choose a number from 0.1 to 200"):
        build_config({"loss_params": {"scale": 900}})
    with pytest.raises(ConfigError, match="softmax has no parameter 'scale'; it takes: none"):
        build_config({"loss": "softmax", "loss_params": {"scale": 10}})


def test_config_cannot_be_changed_once_built() -> None:
    with pytest.raises(ValueError, match="frozen"):
        RunConfig().seed = 3


def test_assignments_become_nested_values_and_text_stays_text() -> None:
    values = parse_assignments(["batch_size=64", "loss_params.scale=10", "data=snli+mnli", "snapshots=false", "epochs=null"])
    assert values == {"batch_size": 64, "loss_params": {"scale": 10}, "data": "snli+mnli", "snapshots": False, "epochs": None}


@pytest.mark.parametrize("assignment", ["batch_size", "=3"])
def test_assignment_without_a_name_or_value_is_refused(assignment: str) -> None:
    with pytest.raises(ConfigError, match="write name=value"):
        parse_assignments([assignment])


def test_every_setting_says_its_range_or_needs_none() -> None:
    assert range_of("seed") == "a whole number from 0 to 4,294,967,295"
    assert range_of("scheduler").startswith("linear or cosine")
    assert range_of("snapshots") == "true or false"
