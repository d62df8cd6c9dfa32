"""A task of the benchmark with its data in hand: from the data folder, the Hub's cache, or the Hub where that is allowed.

The data sets on the Hub are those that mteb names, at the revisions that it pins.
"""

import logging
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import mteb
import pandas as pd
from datasets import Dataset, DatasetDict

from core.benchmark_tasks import CLASSIFICATION, STS, has_local_rows, local_parts, split_name
from core.errors import ConfigError, DataError, MissingDataError, is_disk_full
from core.evaluation import FEWEST_PAIRS
from core.examples import LABELLED_ROWS, SCORED_ROWS
from core.hub import check_reachable
from core.places import Places
from core.rows import Asked, Rows, load_rows

STS_SCALE = 5.0
MOST_NAMED = 3


@dataclass(frozen=True)
class OpenTask:
    """A task that can be measured: mteb's own object, where its data were found, and a text that changes when they do."""

    name: str
    task: Any
    found: str
    mark: str

    @property
    def facts(self) -> dict[str, Any]:
        """What a record says of the task: its kind, its main figure, and which parts and languages are measured."""
        metadata = self.task.metadata
        every = len(metadata.hf_subsets)
        return {
            "name": self.name,
            "kind": str(metadata.type),
            "main": str(metadata.main_score),
            "splits": list(self.task.eval_splits),
            "subsets": list(self.task.hf_subsets) if every > 1 else [],
            "of_subsets": every,
            "found": self.found,
            "data_mark": self.mark,
            "mteb": mteb.__version__,
        }


class QuickColumns(Dataset):
    """A data set whose columns come as plain lists.

    The library's lazy columns hand out one cell at a time, and mteb asks for labels in many small steps: without this the
    ten experiments on Banking77 take 25 s, with it 1.5 s, to the same score.
    """

    def __getitem__(self, key: Any) -> Any:
        """Return a row, some rows, or a whole column as a list."""
        found = super().__getitem__(key)
        return found[:] if isinstance(key, str) else found


def open_task(name: str, places: Places, online: bool) -> OpenTask:
    """Return a task with its data; the Hub is asked only where `online` says so.

    Raises:
        ConfigError: mteb knows no such task or part, or it is none for embeddings of text.
        MissingDataError: its data are not on this machine.
        DataError: they cannot be used, or the Hub does not give them.
    """
    with quietly():
        task = _find(name)
        if has_local_rows(name, places):
            return _from_rows(name, task, places)
        _load_from_hub(name, task, online)
    splits = set(_splits_in(task))
    missing = [split for split in task.eval_splits if splits and split not in splits]
    if missing:
        raise ConfigError("task", f"{name[:60]} has no part '{missing[0][:40]}'; choose {' or '.join(sorted(splits))[:100]}.")
    return OpenTask(name, task, f"the Hub's {task.metadata.dataset['path']}", _revision(task))


def look_between_draws(opened: OpenTask, look: Callable[[], None]) -> None:
    """Have `look` called before each draw of a task whose draws mteb hands to an evaluator of its own; it may raise to leave.

    Those are classification, regression and the older kind of clustering; others are left between chunks of texts.
    """
    evaluator: Any = getattr(opened.task, "evaluator", None)

    def looking(*given: Any, **named: Any) -> Any:
        look()
        return evaluator(*given, **named)

    if evaluator is not None:
        opened.task.evaluator = looking


@contextmanager
def quietly() -> Iterator[None]:
    """Keep mteb's advice on models and newer tasks out of the run's log."""
    logger = logging.getLogger("mteb")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)


def _find(name: str) -> Any:
    """Return mteb's task; of a task in many languages only the English part, where it has one."""
    wanted, split = split_name(name)
    try:
        task = mteb.get_task(wanted)
    except KeyError as error:
        near = re.search(r"Did you mean: '([^']{1,80})'", str(error))
        way_out = f"did you mean {near[1]}?" if near else "names are written as on the leaderboard, such as STS12."
        raise ConfigError("task", f"mteb {mteb.__version__} knows no task '{wanted[:60]}'; {way_out}") from None
    if task.is_aggregate:
        parts = [part.metadata.name for part in task.metadata.tasks]
        some = ", ".join(parts[:MOST_NAMED]) + (" ..." if len(parts) > MOST_NAMED else "")
        raise ConfigError("task", f"{wanted} is a bundle of tasks; measure one of them: {some[:160]}.")
    if list(task.metadata.modalities) != ["text"]:
        raise ConfigError("task", f"{wanted} is about {', '.join(task.metadata.modalities)}; choose a task of texts.")
    if len(task.hf_subsets) > 1:
        try:
            task = task.filter_languages(["eng"], exclusive_language_filter=True)
        except ValueError:
            task = task.filter_languages(None)
    return task.filter_eval_splits([split]) if split else task


def _from_rows(name: str, task: Any, places: Places) -> OpenTask:
    """Put our own rows under a task, as mteb would have them from the Hub."""
    parts = {part: load_rows(Asked(*rows), places) for part, rows in local_parts(name).items()}
    frames = {CLASSIFICATION: _labelled, STS: _scored}[str(task.metadata.type)](parts)
    task.dataset = DatasetDict({part: _quick(Dataset.from_dict(frame.to_dict("list"))) for part, frame in frames.items()})
    task.data_loaded = True
    found = " and ".join(rows.found for rows in parts.values())
    return OpenTask(name, task, found, " ".join(rows.sha256 for rows in parts.values()))


def _labelled(parts: dict[str, Rows]) -> dict[str, pd.DataFrame]:
    """Return texts with their labels as numbers, one numbering for all parts."""
    for rows in parts.values():
        if rows.kind != LABELLED_ROWS:
            raise DataError(f"{rows.found} has no labelled texts to classify; put the task's own rows there.")
    if parts["train"].frame["label"].nunique() < 2:
        raise DataError(f"{parts['train'].found} has texts of one label only, so there is nothing to tell apart.")
    names = sorted({str(label) for rows in parts.values() for label in rows.frame["label"].unique()})
    numbers = {label: number for number, label in enumerate(names)}
    return {
        part: pd.DataFrame({"text": rows.frame["text"].astype(object), "label": rows.frame["label"].map(numbers)})
        for part, rows in parts.items()
    }


def _scored(parts: dict[str, Rows]) -> dict[str, pd.DataFrame]:
    """Return pairs with scores 0 to 5, as people gave them."""
    for rows in parts.values():
        if rows.kind != SCORED_ROWS:
            raise DataError(f"{rows.found} has no similarity scores; put the task's own rows there.")
        scores = rows.frame["score"]
        if len(scores) < FEWEST_PAIRS or scores.nunique() == 1:
            raise DataError(
                f"{rows.found} has {len(scores)} pairs and {scores.nunique()} different scores, and order needs {FEWEST_PAIRS} "
                "pairs and two scores; choose data that differ."
            )
    columns = ("sentence1", "sentence2")
    return {
        part: pd.DataFrame({name: rows.frame[name].astype(object) for name in columns}).assign(
            score=STS_SCALE * rows.frame["score"]
        )
        for part, rows in parts.items()
    }


def _quick(dataset: Dataset) -> QuickColumns:
    return QuickColumns(dataset.data, info=dataset.info, split=dataset.split, indices_table=dataset._indices)


def _load_from_hub(name: str, task: Any, online: bool) -> None:
    """Let mteb load a task's data: from the Hub's cache, or from the Hub itself."""
    path = task.metadata.dataset["path"]
    if not task.metadata.is_public:
        raise DataError(f"The data of {name[:60]} are not public; choose another task.")
    if online:
        check_reachable()
    try:
        task.load_data()
    except (OSError, ValueError) as error:
        if is_disk_full(error):
            raise
        raise (_broken_off if online else _needs_hub)(name, path, type(error).__name__) from None
    if isinstance(task.dataset, DatasetDict):
        task.dataset = _quick_parts(task.dataset)
    elif isinstance(task.dataset, dict):
        task.dataset = {key: _quick_parts(each) if isinstance(each, DatasetDict) else each for key, each in task.dataset.items()}


def _quick_parts(parts: DatasetDict) -> DatasetDict:
    return DatasetDict({split: _quick(dataset) if type(dataset) is Dataset else dataset for split, dataset in parts.items()})


def _needs_hub(name: str, path: str, _: str) -> MissingDataError:
    local = ", ".join(f"{data}/{split}.csv" for data, split in local_parts(name).values())
    here = f", or put {local} into your data folder" if local else ""
    return MissingDataError(
        f"{name[:60]} needs its data from the Hub ({path[:60]}), which is asked only when you say so: "
        f"tick “From the Hub” (--from-hub on the command line){here}."
    )


def _broken_off(name: str, path: str, how: str) -> DataError:
    return DataError(f"{name[:60]}: the Hub does not give its data ({path[:60]}, {how}); check the network and measure again.")


def _splits_in(task: Any) -> list[str]:
    """Return the parts that were loaded, or nothing where mteb keeps them in a form of its own."""
    first = next(iter(task.dataset.values()), None) if isinstance(task.dataset, dict) else None
    if isinstance(task.dataset, DatasetDict):
        return list(task.dataset)
    return list(first) if isinstance(first, DatasetDict) else []


def _revision(task: Any) -> str:
    dataset = task.metadata.dataset
    return f"{dataset['path']}@{dataset.get('revision', '')}"
