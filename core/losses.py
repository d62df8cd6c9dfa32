"""The losses that can be chosen: which examples and models each takes, and why another does not."""

from collections.abc import Mapping
from types import MappingProxyType

from core.conversions import CONVERSIONS, shapes_from
from core.errors import ConfigError
from core.examples import PLAIN_TEXTS, POSITIVE_PAIRS, TRIPLETS
from core.loss_entries import PAIR_LOSSES
from core.loss_spec import LossSpec
from core.text_losses import TEXT_LOSSES

# The variant that reckons the same loss in pieces, negatives of the whole batch included.
CACHED: Mapping[str, str] = MappingProxyType({"mnr": "cached-mnr", "gist": "cached-gist"})
LOSSES: Mapping[str, LossSpec] = MappingProxyType({spec.id: spec for spec in (*PAIR_LOSSES, *TEXT_LOSSES)})


def loss_spec(loss: str) -> LossSpec:
    """Return the catalogue entry of a loss; an unknown name is a `ConfigError` that lists the known ones."""
    if loss not in LOSSES:
        raise ConfigError("loss", f"'{loss[:40]}' is not known; choose one of {', '.join(LOSSES)}.")
    return LOSSES[loss]


def check_loss_params(loss: str, given: Mapping[str, float]) -> None:
    """Refuse a parameter that the loss does not have, or a value outside its range."""
    known = {parameter.name: parameter for parameter in loss_spec(loss).parameters}
    for name, value in given.items():
        if name not in known:
            names = ", ".join(known) or "none"
            raise ConfigError("loss_params", f"{loss} has no parameter '{name[:40]}'; it takes: {names}.")
        low, high, whole = known[name].low, known[name].high, known[name].whole
        if not low <= value <= high or (whole and value != int(value)):
            kind = "a whole number" if whole else "a number"
            raise ConfigError("loss_params", f"{name} is {value:g}; choose {kind} from {low:g} to {high:g}.")


def loss_numbers(loss: str, given: Mapping[str, float]) -> dict[str, float]:
    """Return a loss's own numbers by name, as its class takes them: what is given, else the catalogue's."""
    values = ((parameter, given.get(parameter.name, parameter.default)) for parameter in loss_spec(loss).parameters)
    return {parameter.name: int(value) if parameter.whole else value for parameter, value in values if value is not None}


def sampler_name(loss: str, shape: str, sampler: str) -> str:
    """Return the name of the sampler that makes a loss's batches: a class of `core.sampling`, or one of the library's own.

    Equal texts come apart where they would be false negatives, and the texts of a class together where the loss asks for it;
    else `sampler`, "bucketed" or "shuffled", says whether texts of like length do.
    """
    spec = loss_spec(loss)
    if spec.by_label:
        return "group_by_label"
    apart = spec.in_batch_negatives and shape != PLAIN_TEXTS
    if sampler == "bucketed":
        return "BucketedNoDuplicatesBatchSampler" if apart else "BucketedBatchSampler"
    return "no_duplicates" if apart else "batch_sampler"


def losses_for(row_kind: str, static: bool) -> list[LossSpec]:
    """Return the losses that rows of this kind can train on a static model, or on a transformer."""
    return [spec for spec in LOSSES.values() if not why_not(spec, row_kind, static)]


def why_not(spec: LossSpec, row_kind: str, static: bool) -> str:
    """Say why a loss does not fit these rows and this model, and which way leads there; nothing where it fits."""
    if static and spec.not_static:
        return f"{spec.not_static[0].upper()}{spec.not_static[1:]}; choose a transformer as the base model."
    if set(spec.shapes) & set(shapes_from(row_kind)):
        return ""
    needed = " or ".join(spec.shapes)
    givers = list(dict.fromkeys(kind for kind, shape in CONVERSIONS if shape in spec.shapes))
    if TRIPLETS in spec.shapes:
        givers += [kind for kind, shape in CONVERSIONS if shape == POSITIVE_PAIRS and kind not in givers]
    return f"Needs {needed}, which {' or '.join(GIVERS[kind] for kind in givers)} give."


GIVERS: Mapping[str, str] = MappingProxyType(
    {
        "nli": "NLI pairs",
        "scored": "scored pairs",
        "pairs": "pairs that belong together",
        "given-triplets": "triplets",
        "labelled": "labelled texts",
        "texts": "texts",
    }
)
