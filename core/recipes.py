"""The chapter's methods as recipes: each size is a whole `RunConfig` that anyone can run again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from core.config import RunConfig
from core.errors import ConfigError


def _instant_on_nli(recipe: str, loss: str, **settings: object) -> RunConfig:
    values: dict[str, object] = {"base_model": "static-minilm", "data": "snli+mnli", "epochs": 1.0, "batch_size": 256}
    values |= {"learning_rate": 5e-3, "warmup": 0.1, "scheduler": "linear"} | settings
    return RunConfig.model_validate(values | {"recipe": recipe, "size": "instant", "loss": loss})


def _softmax() -> RunConfig:
    return _instant_on_nli("softmax", "softmax", examples="class-pairs")


def _cosine_similarity() -> RunConfig:
    return _instant_on_nli("cosine-similarity", "cosine-similarity", examples="scored-pairs")


def _mnr() -> RunConfig:
    return _instant_on_nli("mnr", "mnr", examples="positive-pairs", negatives="none")


def _mnr_hard_negatives() -> RunConfig:
    return _instant_on_nli("mnr-hard-negatives", "mnr", examples="triplets", negatives="hard")


def _quick_demo() -> RunConfig:
    # Learning rate and length were chosen on STSB's train part; the sample's pairs had no say.
    tuned = {"batch_size": 32, "epochs": 4.0, "learning_rate": 3e-3}
    return _instant_on_nli("quick-demo", "mnr", data="sample", examples="positive-pairs", negatives="none", **tuned)


@dataclass(frozen=True)
class RecipeSpec:
    """One recipe: `sizes` maps a size to the function that makes its configuration; the first is the default."""

    id: str
    title: str
    teaches: str
    sizes: Mapping[str, Callable[[], RunConfig]]


RECIPES: Mapping[str, RecipeSpec] = MappingProxyType(
    {
        spec.id: spec
        for spec in (
            RecipeSpec(
                "quick-demo",
                "Quick demo",
                "A few seconds on the sentences that ship with the studio: the whole way from loss curve to map.",
                MappingProxyType({"instant": _quick_demo}),
            ),
            RecipeSpec(
                "softmax",
                "Softmax",
                "The first loss of the chapter. It learns to name the relation of two sentences; "
                "their cosine is not what it trains, and it shows.",
                MappingProxyType({"instant": _softmax}),
            ),
            RecipeSpec(
                "cosine-similarity",
                "Cosine similarity",
                "The same rows, asked directly for cosines: 1 for what follows, 0 for the rest.",
                MappingProxyType({"instant": _cosine_similarity}),
            ),
            RecipeSpec(
                "mnr",
                "MNR",
                "Entailments only. Every other positive of the batch is a negative for free, and that beats labels.",
                MappingProxyType({"instant": _mnr}),
            ),
            RecipeSpec(
                "mnr-hard-negatives",
                "MNR with hard negatives",
                "MNR again, with a contradiction of the same premise beside each positive: close in words, wrong in meaning.",
                MappingProxyType({"instant": _mnr_hard_negatives}),
            ),
        )
    }
)


def recipe_config(recipe: str, size: str | None = None) -> RunConfig:
    """Return a recipe's configuration at a size; without one, at the first that the recipe has.

    Raises:
        ConfigError: the recipe or the size is not known.
    """
    if recipe not in RECIPES:
        raise ConfigError("recipe", f"'{recipe[:60]}' is not known; choose one of {', '.join(RECIPES)}.")
    sizes = RECIPES[recipe].sizes
    chosen = size or next(iter(sizes))
    if chosen not in sizes:
        raise ConfigError("size", f"{recipe} has no size '{chosen[:40]}'; choose {' or '.join(sizes)}.")
    return sizes[chosen]()
