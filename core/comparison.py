"""Several models in one table: which can be chosen, what the columns say, and who is best at what. Loads no torch."""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from core.base_models import BASE_MODELS, BUNDLED_ON_HUB, RUN, model_folder
from core.errors import ConfigError, ModelError, StudioError, one_sentence
from core.experiments import list_experiments, runs_of
from core.measuring import UNTOUCHED, measured_model
from core.places import Places
from core.run_store import list_runs
from core.runs import RUN_ID, RunFolder
from core.stored_scores import run_of, stored_classes

# Another way of measuring is another answer: it is asked anew.
VERSION = 1
FEWEST, MOST = 2, 12
HIGH, LOW, NEITHER = "high", "low", ""
# Twice the same model differs by so much of its seconds, even where nothing else goes on.
EVEN_SECONDS = 0.05


@dataclass(frozen=True)
class ColumnSpec:
    """One column of the table: what stands over it, how to read it, what is better, and how a number is written.

    Figures are even that differ by no more than `even_within`, or by `even_share` of the better one: that is no difference, or
    the unrest of a machine.
    """

    id: str
    title: str
    reading: str
    better: str = NEITHER
    written: str = ".4f"
    even_within: float = 0.0005
    even_share: float = 0.0


COLUMNS: Mapping[str, ColumnSpec] = MappingProxyType(
    {
        spec.id: spec
        for spec in (
            ColumnSpec("spearman", "Spearman", "do cosines put pairs into people's order? −1 to 1, the field's own figure", HIGH),
            ColumnSpec(
                "pearson", "Pearson", "do cosines lie on one line with people's scores? −1 to 1, the chapter's figure", HIGH
            ),
            ColumnSpec("held_out", "Own held-out", "on rows of your own that these runs never saw", HIGH),
            ColumnSpec(
                "classes", "Banking77", "share of bank customers' questions whose label is found, 0 to 1, where stored", HIGH
            ),
            ColumnSpec(
                "speed",
                "Texts/s",
                "texts a second in batches of 64, fp32, timed here for 3 s; 5 % apart is even, more on a restless machine",
                HIGH,
                ",.0f",
                even_share=EVEN_SECONDS,
            ),
            ColumnSpec("dimension", "Dimension", "numbers an embedding has; times 4 that is its bytes", NEITHER, ",.0f"),
            ColumnSpec(
                "megabytes",
                "MB",
                "what the model takes on disk, in millions of bytes",
                LOW,
                ",.1f",
                even_within=0.05,
                even_share=0.02,
            ),
            ColumnSpec(
                "training",
                "Training s",
                "seconds from the run's start to its end, scoring and saving included",
                LOW,
                ",.0f",
                even_within=0.5,
                even_share=EVEN_SECONDS,
            ),
        )
    }
)


def chosen_names(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names of the models to compare, each once.

    Raises:
        ConfigError: there are fewer than two different ones, or more than twelve.
    """
    given = [name.strip() for name in names if name and name.strip()]
    different = tuple(dict.fromkeys(given))
    if len(given) > 1 and len(different) == 1:
        raise ConfigError("", "The same model was named twice; choose another one beside it.")
    if len(different) < FEWEST:
        raise ConfigError("", "A model can only be compared with another one; choose two or more.")
    if len(different) > MOST:
        raise ConfigError("", f"{len(different)} models are too many for one table; choose {MOST} at most.")
    return different


def one_name_each(names: Sequence[str], places: Places) -> tuple[str, ...]:
    """Return one name for each model: of several spellings a run's or the catalogue's, in the place of the first."""
    spellings: dict[str, list[str]] = {}
    for name in (_in_full(name, places) for name in names):
        spellings.setdefault(_place_of(name, places), []).append(name)
    return tuple(min(spelt, key=lambda name: not (name.startswith(RUN) or name in BASE_MODELS)) for spelt in spellings.values())


def _in_full(name: str, places: Places) -> str:
    """Return the studio's own name for a run's bare id, and for what comes with the studio and lies on the Hub as well."""
    assert places.runs_dir is not None
    if RUN_ID.fullmatch(name) and (places.runs_dir / name / "status.json").is_file():
        return f"{RUN}{name}"
    return "all-minilm-l6-v2" if name.removeprefix("hub:").lower() == BUNDLED_ON_HUB.lower() else name


def _place_of(name: str, places: Places) -> str:
    """Return what all spellings of a model share: the folder that it is loaded from, else its name."""
    is_shipped = name in BASE_MODELS and BASE_MODELS[name].hub_id is None
    if is_shipped or name.startswith(UNTOUCHED):
        return name
    try:
        return str(model_folder(name, places.runs_dir).resolve())
    except ModelError:
        return name


def split_here(names: Sequence[str], places: Places) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the models that are here, and those that are not: deleted, never fetched, or refused for what they are."""
    here = tuple(name for name in names if not why_not_here(name, places))
    return here, tuple(name for name in names if name not in here)


def why_not_here(name: str, places: Places) -> str:
    """Return in a sentence why a model cannot be measured, or nothing where it can."""
    try:
        model_folder(measured_model(name, places).choice.base_model, places.runs_dir)
    except ModelError as error:
        return fault_of(error)
    return ""


def fault_of(error: StudioError) -> str:
    """Return what is wrong with a model, as its row says it: there the setting's name says nothing."""
    return one_sentence(error).removeprefix("base_model: ")


def compare_values(names: Sequence[str], places: Places) -> dict[str, Any]:
    """Return the fields of a configuration that compares these models; one that is not here is among `task_settings` alone.

    Raises:
        ConfigError: all are one model.
        ModelError: none of them is here.
    """
    names = one_name_each(names, places)
    if len(names) < FEWEST:
        raise ConfigError("", "These are two names of the same model; choose another one beside it.")
    here, absent = split_here(names, places)
    if not here:
        raise ModelError(f"None of these models is here; the first: {why_not_here(absent[0], places)}")
    settings: dict[str, str | float] = {
        "version": VERSION,
        "asked": json.dumps(list(names)),
        "stored": _stored_mark(here, places),
    }
    return {"models": here, "data": "stsb", "split": "validation", "task_settings": settings}


def _stored_mark(names: Sequence[str], places: Places) -> str:
    """Return a text that changes when one of the runs has a further score."""
    classes = [stored_classes(name, places) for name in names]
    runs = [run for name in names if (run := run_of(name, places))]
    paths = [path for run in runs for path in sorted((run.path / "scores").glob("*.json"))]
    said = json.dumps([classes, *([path.parent.parent.name, path.name, path.stat().st_mtime_ns] for path in paths)])
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def best_rows(rows: Sequence[Mapping[str, Any]], column: str) -> frozenset[int]:
    """Return the places of the rows that are best in a column: several where they are even, none where all are.

    A row's own `<column>_unrest`, a share of the figure, widens what counts as even.
    """
    spec = COLUMNS[column]
    known = {place: row for place, row in enumerate(rows) if row.get(column) is not None and not row.get("fault")}
    if not spec.better or len(known) < 2:
        return frozenset()
    best = (max if spec.better == HIGH else min)(known.values(), key=lambda row: row[column])

    def is_even(row: Mapping[str, Any]) -> bool:
        share = max(spec.even_share, math.hypot(*(each.get(f"{column}_unrest", 0.0) for each in (best, row))))
        return bool(abs(row[column] - best[column]) <= max(spec.even_within, share * abs(best[column])))

    even = frozenset(place for place, row in known.items() if is_even(row))
    return even if len(even) < len(known) else frozenset()


def last_runs(places: Places, count: int = 5) -> tuple[str, ...]:
    """Return the names of the newest runs that made an embedding model."""
    assert places.runs_dir is not None
    found = (f"{RUN}{run.id}" for run, status in list_runs(places.runs_dir, ("train",)) if status.has_model)
    return tuple(name for name, _ in zip(found, range(count), strict=False))


def chapter_runs(places: Places) -> tuple[str, ...]:
    """Return the names of the models that the newest ladder of the chapter has made so far; none where there is no ladder."""
    chapter = next((each for each in list_experiments(places) if each.kind == "chapter"), None)
    if chapter is None:
        return ()
    lasts = {member.runs[-1] for member in chapter.members if member.runs}
    made = [run for run in runs_of(chapter, places) if run.id in lasts and _gives_embeddings(run)]
    return tuple(f"{RUN}{run.id}" for run in made)


def _gives_embeddings(run: RunFolder) -> bool:
    status = run.status()
    try:
        return bool(status and status.has_model) and run.config().kind == "train"
    except StudioError:
        return False
