"""A run's configuration back into the tabs: its recipe is chosen, and what differs from it is laid over the form."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr

from core.base_models import RUN
from core.chains import main_run
from core.config import BOOKKEEPING, PREVIOUS, RunConfig
from core.errors import ConfigError, RunError, StudioError, one_sentence
from core.recipes import RECIPES, recipe_chain, split_size
from core.runs import RunFolder
from core.settings import DEFAULTS
from ui.chain_view import chain_of
from ui.form_events import form_answer, name_recipe
from ui.run_form import FormState, set_values
from ui.studio import Studio

NESTED_KEYS = ("mining", "silver", "prompts", "loss_params")
FALLBACK = "quick-demo"
MOST_NAMED = 6


@dataclass(frozen=True)
class Duplicate:
    """The recipe with its size, the form with the run's values in it, and what could not be laid over, in sentences."""

    recipe: str
    form: FormState
    said: list[str]


def duplicate(studio: Studio, run: RunFolder) -> Duplicate:
    """Return the form that starts the same run again; of a chain's run, the chain that it belongs to.

    Raises:
        StudioError: the run is gone, or its kind has no place on the tabs.
    """
    run, said = _main_of_its_chain(studio, run)
    config = _as_asked(run.config())
    if config.kind != "train":
        raise RunError("A cross-encoder on its own has no place on the tabs; start it again with python -m core train.")
    found = [_lay_over(studio, recipe, config, run) for recipe in _recipes_for(config)]
    best = min(found, key=lambda one: (one.form.config is None, len(_differing(one.form, config))))
    return Duplicate(best.recipe, best.form, said + best.said)


def _main_of_its_chain(studio: Studio, run: RunFolder) -> tuple[RunFolder, list[str]]:
    """Return the run of a recipe's chain whose settings the form shows: pressing Start training queues all of them."""
    chain = [each for each, _ in chain_of(studio, run.id)]
    if len(chain) < 2:
        return run, []
    config = run.config()
    try:
        place = main_run(recipe_chain(str(config.recipe), config.size))
    except ConfigError:
        return run, []
    main = chain[place] if place < len(chain) else run
    return main, [] if main == run else [f"The tabs show {main.id}, the run of its chain that settings are made for."]


def _as_asked(config: RunConfig) -> RunConfig:
    """Return a run's configuration with "previous" where a chain had put the name of the run before."""
    before = f"{RUN}{config.after}"
    changes: dict[str, Any] = {key: PREVIOUS for key in ("base_model", "teacher") if getattr(config, key) == before}
    if config.silver is not None and config.silver.judge == before:
        changes["silver"] = config.silver.model_copy(update={"judge": PREVIOUS})
    return config.model_copy(update=changes) if config.after else config


def _recipes_for(config: RunConfig) -> list[str]:
    """Return the recipe that a run came from; for one without, those of its loss, to see which is nearest."""
    spec = RECIPES.get(str(config.recipe))
    if spec is not None:
        return [f"{spec.id}@{config.size if config.size in spec.sizes else spec.sizes[0]}"]
    each = [(f"{spec.id}@{size}", spec.build(size)) for spec in RECIPES.values() for size in spec.sizes]
    alike = [name for name, chain in each if len(chain) == 1 and chain[0].loss == config.loss]
    return alike or [f"{FALLBACK}@{RECIPES[FALLBACK].sizes[0]}"]


def _lay_over(studio: Studio, recipe: str, config: RunConfig, run: RunFolder) -> Duplicate:
    """Lay the person's values over a recipe, then whatever else still differs from the run's."""
    yours = config.yours if config.recipe else [key for key in _settings(config) if _settings(config)[key] != DEFAULTS[key]]
    values = _flat({key: value for key, value in _settings(config).items() if key in yours})
    form = set_values(studio, recipe, {}, values, {})
    differing = _differing(form, config)
    if not differing:
        return Duplicate(recipe, form, [])
    resolved = run.resolved().get("settings", {})
    worked_out = {key: resolved[key]["value"] for key in differing if _settings(config)[key] is None and key in resolved}
    more = _flat({key: _settings(config)[key] for key in differing} | worked_out)
    form = set_values(studio, recipe, {}, values | more, {})
    return Duplicate(recipe, form, _say(form, config, worked_out))


def _settings(config: RunConfig) -> dict[str, Any]:
    """Return what a person can set, None where it is left to recipe or machine."""
    return config.model_dump(mode="json", exclude=set(BOOKKEEPING))


def _differing(form: FormState, config: RunConfig) -> list[str]:
    """Return the settings that the form would start with another value; none where it says itself what is wrong."""
    if form.config is None:
        return []
    asked, now = _settings(config), _settings(form.config)
    return [key for key in asked if asked[key] != now[key]]


def _say(form: FormState, config: RunConfig, worked_out: Mapping[str, Any]) -> list[str]:
    differing = _differing(form, config)
    same = [key for key in differing if form.config is not None and _settings(form.config)[key] == worked_out.get(key)]
    other = [key for key in differing if key not in same]
    said = [f"Left to the machine there, and given as it was worked out here: {_named(same)}."] if same else []
    return said + ([f"These could not be laid over the form: {_named(other)}."] if other else [])


def _named(keys: list[str]) -> str:
    more = f" and {len(keys) - MOST_NAMED} more" if len(keys) > MOST_NAMED else ""
    return ", ".join(keys[:MOST_NAMED]) + more


def _flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values by the names of the form's widgets: "mining.margin" in place of {"mining": {"margin": ...}}."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if key in NESTED_KEYS and isinstance(value, dict):
            flat |= {f"{key}.{name}": part for name, part in value.items() if part not in (None, "", PREVIOUS)}
        elif value not in (None, "", PREVIOUS):
            flat[key] = value
    return flat


def duplicate_chosen(studio: Studio, name: str) -> tuple[Any, ...]:
    """Fill the tabs as the chosen run was started, and say what could not be laid over.

    Raises:
        gr.Error: the run is gone, or its kind has no place on the tabs.
    """
    run = studio.run(name)
    try:
        if run is None:
            raise RunError(f"Run {name[:60]} is gone; choose another one.")
        found = duplicate(studio, run)
    except StudioError as error:
        raise gr.Error(one_sentence(error), print_exception=False) from None
    for sentence in found.said:
        gr.Warning(sentence)
    if not found.said and not found.form.fault:
        gr.Info(f"The settings of {run.id} are in the tabs; Start training runs them again.")
    method, size = split_size(found.recipe)
    recipe, sizes = name_recipe(method, size)
    return method, sizes, recipe, gr.Tabs(selected="train"), *form_answer(studio, recipe, found.form, {})
