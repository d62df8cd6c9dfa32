"""What a model card is made of: a run's files without any place of this machine, and the runs that came before it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from core.base_models import LONGEST_CHAIN, RUN
from core.card_scores import Measured, measured_of
from core.config import RunConfig
from core.data_catalogue import DATA_SETS, HUB_NAME, data_parts
from core.errors import StudioError
from core.hub_models import hub_model, spec_of
from core.outgoing import places_in, public_data, public_model, without_places
from core.run_store import open_run
from core.runs import RunFolder

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
# What ships with the studio began there; the two with fresh weights began nowhere.
BEGAN_WITH: Mapping[str, str] = MappingProxyType({"static-minilm": MINILM, "all-minilm-l6-v2": MINILM})
LICENCES: Mapping[str, str] = MappingProxyType({"Apache 2.0": "apache-2.0", "MIT": "mit"})
UNKNOWN_LICENCE = "not known to the studio"


@dataclass(frozen=True)
class Facts:
    """What a card is made of: the run's files, without any place of this machine in them."""

    run: RunFolder
    config: RunConfig
    resolved: Mapping[str, Any]
    measured: list[Measured]

    @property
    def is_cross_encoder(self) -> bool:
        """Whether the model gives a score for two texts, and no embedding."""
        return self.config.kind == "cross-encoder"

    def value(self, setting: str) -> Any:
        """Return what was used of a setting."""
        found = self.resolved.get("settings", {}).get(setting, {}).get("value")
        return getattr(self.config, setting, None) if found is None else found


def read_facts(run: RunFolder) -> Facts:
    """Return what a card says of a run.

    Raises:
        RunError: its config.json cannot be read.
    """
    config = run.config()
    places = places_in(run, config.model_dump(mode="json"))
    return Facts(run, config, without_places(run.resolved(), places), measured_of(run))


def lineage(facts: Facts) -> Iterator[tuple[RunFolder, RunConfig]]:
    """Yield the runs that a model was made by before this one, the latest first."""
    config, runs_dir = facts.config, facts.run.runs_dir
    for _ in range(LONGEST_CHAIN):
        if not config.base_model.startswith(RUN):
            return
        try:
            run = open_run(runs_dir, config.base_model.removeprefix(RUN))
            config = run.config()
        except StudioError:
            return
        yield run, config


def origin_of(facts: Facts) -> str:
    """Return the model that the first of the runs began with."""
    return ([facts.config] + [config for _, config in lineage(facts)])[-1].base_model


def on_the_hub(base_model: str) -> str:
    """Return the id on the Hub of a model that others can get there, or nothing."""
    if base_model in BEGAN_WITH:
        return BEGAN_WITH[base_model]
    model = hub_model(base_model) if public_model(base_model) == base_model else None
    return model.id if model else ""


def licence_of(base_model: str) -> str:
    """Return a model's licence, as the catalogue has it."""
    spec = spec_of(base_model)
    return spec.licence if spec else UNKNOWN_LICENCE


def hub_data(facts: Facts) -> list[str]:
    """Return the ids on the Hub of the data sets that went in, earlier runs included."""
    found: list[str] = []
    for config in (facts.config, *(config for _, config in lineage(facts))):
        for name in data_parts(config.data):
            spec, match = DATA_SETS.get(name), HUB_NAME.fullmatch(name)
            found += [spec.hub[0]] if spec and spec.hub else [match["id"]] if match else []
    return list(dict.fromkeys(found))


def called_data(facts: Facts) -> str:
    """Return how a run's rows are called: an upload by the name that the person gave it."""
    found = str(facts.resolved.get("data", {}).get("found") or "")
    return found if found and facts.config.data.startswith("upload:") else public_data(facts.config.data)
