"""Which losses fit which rows and models, and that each of the others says why, and the way there."""

from itertools import product

import pytest

from core.base_models import STATIC, kind_of
from core.config import build_config
from core.conversions import shapes_from
from core.errors import ConfigError
from core.example_choice import shape_for
from core.examples import ROLES, TRIPLETS
from core.losses import GIVERS, LOSSES, check_loss_params, loss_spec, losses_for, why_not

EVERY_CASE = [(loss, kind, static) for loss, kind, static in product(LOSSES, ROLES, (False, True))]


@pytest.mark.parametrize(("loss", "kind", "static"), EVERY_CASE)
def test_loss_fits_or_says_why_not_and_names_a_way(loss: str, kind: str, static: bool) -> None:
    spec = loss_spec(loss)
    reason = why_not(spec, kind, static)
    fits = bool(set(spec.shapes) & set(shapes_from(kind))) and not (static and spec.not_static)
    assert (reason == "") is fits
    assert (spec in losses_for(kind, static)) is fits
    if reason:
        assert reason[0].isupper() and reason.endswith(".")
        assert "choose a transformer as the base model" in reason or any(f"{way} give." in reason for way in GIVERS.values())


@pytest.mark.parametrize(("loss", "kind"), list(product(LOSSES, ROLES)))
def test_reason_agrees_with_what_training_refuses(loss: str, kind: str) -> None:
    needed = {"teacher": "run:somebody"} if loss_spec(loss).teacher == "cross-encoder" else {}
    config = build_config({"loss": loss, "base_model": "all-minilm-l6-v2"} | needed)
    if why_not(loss_spec(loss), kind, static=False):
        with pytest.raises(ConfigError):
            shape_for(config, kind)
    else:
        assert shape_for(config, kind) in loss_spec(loss).shapes


@pytest.mark.parametrize("loss", [spec.id for spec in LOSSES.values() if spec.not_static])
def test_reason_against_a_static_model_is_the_losses_own(loss: str) -> None:
    reason = why_not(loss_spec(loss), "nli", static=True)
    assert reason.lower().startswith(loss_spec(loss).not_static.lower())
    assert kind_of("static-minilm") == STATIC


@pytest.mark.parametrize(("loss", "kind"), [(loss, kind) for loss, kind, static in EVERY_CASE if static])
def test_named_rows_can_be_turned_into_what_the_loss_needs(loss: str, kind: str) -> None:
    reason = why_not(loss_spec(loss), kind, static=False)
    named = [giver for giver in GIVERS if reason.endswith(" give.") and GIVERS[giver] in _ways_in(reason)]
    assert all(not why_not(loss_spec(loss), giver, static=False) for giver in named)
    assert bool(named) is bool(reason)


def _ways_in(reason: str) -> list[str]:
    return reason.removesuffix(" give.").partition(", which ")[2].split(" or ")


@pytest.mark.parametrize("kind", ROLES)
@pytest.mark.parametrize("static", [False, True])
def test_every_kind_of_rows_has_a_loss(kind: str, static: bool) -> None:
    assert losses_for(kind, static)


def test_losses_keep_the_order_of_the_catalogue() -> None:
    order = list(LOSSES)
    for kind in ROLES:
        places = [order.index(spec.id) for spec in losses_for(kind, static=False)]
        assert places == sorted(places)


def test_triplets_are_made_of_whatever_gives_positive_pairs() -> None:
    for spec in LOSSES.values():
        if TRIPLETS in spec.shapes:
            assert not any(why_not(spec, kind, static=False) for kind in ("nli", "pairs", "given-triplets", "scored"))


def test_unknown_loss_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="choose one of softmax") as caught:
        loss_spec("no-such-loss" * 20)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("loss", LOSSES)
def test_parameter_outside_its_range_is_refused_with_the_range(loss: str) -> None:
    for parameter in loss_spec(loss).parameters:
        check_loss_params(loss, {parameter.name: parameter.low})
        check_loss_params(loss, {parameter.name: parameter.high})
        for value in (parameter.low / 2 - 1, parameter.high * 2):
            with pytest.raises(ConfigError, match=f"from {parameter.low:g} to {parameter.high:g}"):
                check_loss_params(loss, {parameter.name: value})
        if parameter.whole:
            with pytest.raises(ConfigError, match="a whole number"):
                check_loss_params(loss, {parameter.name: parameter.low + 0.5})
    with pytest.raises(ConfigError, match="has no parameter 'colour'"):
        check_loss_params(loss, {"colour": 1.0})
