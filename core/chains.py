"""Several runs, one after the other: a later one starts from what the one before it has made."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core.base_models import PRETRAINED, SENTENCE, kind_of
from core.config import PREVIOUS, RunConfig, build_config
from core.places import Places
from core.recipe_runs import Chain
from core.recipes import RECIPES, recipe_chain
from core.run_store import create_run
from core.runs import RunFolder
from core.settings import override

# What a person sets holds for every run of a chain here; all else for its main run.
FOR_EACH_RUN = frozenset({
    "seed", "precision", "max_steps", "max_seq_length", "eval_batch_size", "eval_every", "log_every", "snapshots",
})  # fmt: skip
# Runs of a chain that read the same rows go on doing so.
OF_THE_ROWS = frozenset({"data", "split", "columns", "max_rows", "fixes", "holdout", "neutral_score"})


def main_run(chain: Chain) -> int:
    """Return the place of the run whose settings the form shows."""
    spec = RECIPES.get(str(chain[0].recipe))
    return spec.main % len(chain) if spec else len(chain) - 1


def asked_chain(recipe: str, size: str | None, yours: Mapping[str, Any], places: Places) -> Chain:
    """Return a recipe's runs with a person's values laid over them.

    Raises:
        ConfigError: the recipe is not known, or the outcome does not fit together.
        ModelError: a base model is not here.
    """
    chain = recipe_chain(recipe, size)
    main = main_run(chain)
    built: list[RunConfig] = []
    for place, config in enumerate(chain):
        mine = {
            key: value for key, value in yours.items() if place == main or _holds_for(key, value, config, chain[main], places)
        }
        follows = config.base_model == PREVIOUS
        if follows:
            # The model that it will start from is of the kind of the one before.
            config = config.model_copy(update={"base_model": built[-1].base_model})
            mine.pop("base_model", None)
        done = override(config, mine, places)
        built.append(done.model_copy(update={"base_model": PREVIOUS}) if follows else done)
    return tuple(built)


def _holds_for(key: str, value: Any, config: RunConfig, main: RunConfig, places: Places) -> bool:
    """Tell whether what is set for the main run holds for this other one of its chain."""
    if key == "base_model":
        if config.base_model != main.base_model:
            return False
        # A bi-encoder may start from what cannot become a cross-encoder.
        return config.kind != "cross-encoder" or value is None or kind_of(str(value), places.runs_dir) in (SENTENCE, PRETRAINED)
    if key in OF_THE_ROWS:
        return config.data == main.data
    return key in FOR_EACH_RUN


def main_config(recipe: str, size: str | None, yours: Mapping[str, Any], places: Places) -> RunConfig:
    """Return the main run of `asked_chain`."""
    chain = asked_chain(recipe, size, yours, places)
    return chain[main_run(chain)]


def create_chain(runs_dir: Path, chain: Sequence[RunConfig], data_dir: Path | None, by_hand: bool = False) -> list[RunFolder]:
    """Queue the runs of a chain; "previous" becomes the name of the run before.

    Raises:
        RunError: a folder cannot be written.
    """
    made: list[RunFolder] = []
    for config in chain:
        made.append(create_run(runs_dir, follow_on(config, made[-1].id) if made else config, data_dir, by_hand))
    return made


def follow_on(config: RunConfig, before: str) -> RunConfig:
    """Return a configuration that starts from the run `before` wherever it says "previous"."""
    values = config.model_dump() | {"after": before}
    for key in ("base_model", "teacher"):
        if values[key] == PREVIOUS:
            values[key] = f"run:{before}"
    if values["silver"] and values["silver"]["judge"] == PREVIOUS:
        values["silver"]["judge"] = f"run:{before}"
    return build_config(values)
