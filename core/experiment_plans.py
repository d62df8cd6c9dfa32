"""What an experiment is, and its runs before they are queued: the ladder of the chapter, or one setting with several values."""

import json
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.chains import asked_chain, main_run
from core.config import RunConfig
from core.errors import ConfigError
from core.places import Places
from core.recipe_runs import Chain
from core.recipes import RECIPES

# The chapter's order.
CHAPTER = ("softmax", "cosine-similarity", "mnr", "mnr-hard-negatives", "fine-tune", "augmented-sbert", "tsdae")
# What makes a method of the chapter the method that it is.
OF_THE_METHOD = frozenset({"loss", "loss_params", "examples", "negatives", "teacher", "silver"})
FEWEST_VALUES, MOST_VALUES = 2, 6


@dataclass(frozen=True)
class VarySpec:
    """A question to begin with: one setting of one recipe, and its values."""

    recipe: str
    field: str
    values: tuple[Any, ...]


# The book's own invitation: how does the batch size change what MNR learns? 16 gave way to the limit of six values.
VARY_EXAMPLE = VarySpec("mnr", "batch_size", (8, 32, 64, 128, 256, 512))


@dataclass(frozen=True)
class Member:
    """One row of the experiment: `runs` are the ids of its chain, `book` the book's score, -1..1, where there is one."""

    label: str
    runs: tuple[str, ...]
    value: Any = None
    book: float | None = None


@dataclass(frozen=True)
class Experiment:
    """Runs that answer one question. `kind` is "chapter" or "vary"; the latter has a `recipe` and the `field` that varies."""

    id: str
    title: str
    kind: str
    size: str
    members: tuple[Member, ...]
    recipe: str | None = None
    field: str | None = None
    created: float = 0.0


@dataclass(frozen=True)
class Plan:
    """An experiment before anything is queued: every configuration is built, and none of them was refused."""

    experiment: Experiment
    chains: tuple[Chain, ...]


def chapter_recipes(size: str) -> tuple[str, ...]:
    """Return the rungs of the ladder that a size has, in the chapter's order."""
    return tuple(recipe for recipe in CHAPTER if size in RECIPES[recipe].sizes)


def plan_chapter(size: str, yours: Mapping[str, Any], places: Places) -> Plan:
    """Build every run of the ladder at one size, with a person's seed and such laid over each.

    Raises:
        ConfigError: a setting is wrong, or is what makes a method of the chapter that method.
        ModelError: a base model is not here.
    """
    for key in sorted(OF_THE_METHOD & yours.keys()):
        raise ConfigError(key, "each method of the chapter has its own; leave it out, or vary it for one method.")
    if not chapter_recipes(size):
        raise ConfigError("size", f"'{size[:40]}' is not known; choose instant, laptop or book.")
    chains = tuple(asked_chain(recipe, size, yours, places) for recipe in chapter_recipes(size))
    specs = [RECIPES[recipe] for recipe in chapter_recipes(size)]
    members = tuple(Member(spec.title, (), spec.id, spec.book) for spec in specs)
    title = f"The chapter, {size}, seed {chains[0][-1].seed}"
    return Plan(Experiment(_new_id("chapter"), title, "chapter", size, members), chains)


def plan_vary(recipe: str, size: str | None, vary: tuple[str, Sequence[Any]], yours: Mapping[str, Any], places: Places) -> Plan:
    """Build a recipe's runs once for each value of one setting.

    Args:
        recipe: its id; the setting belongs to the run of its chain that the form shows.
        size: one of the recipe's, or None for its first.
        vary: the setting's name, such as batch_size or loss_params.scale, and 2 to 6 different values.
        yours: what a person set besides.
        places: where models lie.

    Raises:
        ConfigError: a value is wrong or stands there twice; the message names it and the setting's range.
        ModelError: a base model is not here.
    """
    field, values = vary
    if not FEWEST_VALUES <= len(values) <= MOST_VALUES:
        raise ConfigError(field, f"{len(values)} values were given; write {FEWEST_VALUES} to {MOST_VALUES} different ones.")
    chains = tuple(_with_value(recipe, size, (field, value), yours, places) for value in values)
    _check_all_differ(field, values, chains)
    found = [value_in(chain[main_run(chain)], field) for chain in chains]
    members = tuple(Member(value_text(value), (), value) for value in found)
    size = chains[0][0].size or ""
    title = f"{RECIPES[recipe].title}, {size}: {field}"
    return Plan(Experiment(_new_id("vary"), title, "vary", size, members, recipe, field), chains)


def _with_value(recipe: str, size: str | None, setting: tuple[str, Any], yours: Mapping[str, Any], places: Places) -> Chain:
    field, value = setting
    if value is None or value == "":
        raise ConfigError(field, "an empty value says nothing; write each one, such as 8, 32, 64.")
    try:
        return asked_chain(recipe, size, laid_in(yours, field, value), places)
    except ConfigError as error:
        # What is wrong with a value together with other settings does not always name it.
        if error.field.partition(".")[0] != field.partition(".")[0] or str(value) in str(error):
            raise
        raise ConfigError(field, f"{value} does not fit: {str(error).removeprefix(f'{error.field}: ')}") from None


def laid_in(yours: Mapping[str, Any], field: str, value: Any) -> dict[str, Any]:
    """Return a person's settings with one more, whose name may be dotted, such as loss_params.scale."""
    part, dot, name = field.partition(".")
    if not dot:
        return {**yours, field: value}
    inside = yours.get(part)
    return {**yours, part: {**(inside if isinstance(inside, Mapping) else {}), name: value}}


def value_in(config: RunConfig, field: str) -> Any:
    """Return a setting's value, whose name may be dotted, as a configuration holds it."""
    part, dot, name = field.partition(".")
    value = getattr(config, part)
    if dot:
        value = value.get(name) if isinstance(value, Mapping) else getattr(value, name)
    return value


def value_text(value: Any) -> str:
    """Return a value as a person reads it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _check_all_differ(field: str, values: Sequence[Any], chains: Sequence[Chain]) -> None:
    """Refuse values that lead to the same runs: that is 8 twice, and 8 beside 8.0."""
    seen: dict[str, Any] = {}
    for value, chain in zip(values, chains, strict=True):
        said = "".join(config.model_dump_json() for config in chain)
        if said in seen:
            raise ConfigError(field, f"{seen[said]} and {value} give the same runs; write {FEWEST_VALUES} or more that differ.")
        seen[said] = value


def parse_values(text: str) -> tuple[Any, ...]:
    """Turn "8, 32, 64" or "cls mean" into values; what is no JSON stays text."""
    return tuple(_parse_value(part) for part in text.replace(",", " ").replace(";", " ").split())


def _parse_value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _new_id(kind: str) -> str:
    return f"{time.strftime('%Y%m%d-%H%M%S', time.localtime())}-{kind}-{secrets.token_hex(3)}"
