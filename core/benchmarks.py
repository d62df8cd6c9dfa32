"""The measure `benchmark`: a task of MTEB, done by the mteb package itself, for the models that the folder asks for.

Muennighoff et al. 2023, MTEB: Massive Text Embedding Benchmark, arXiv:2210.07316.
"""

import hashlib
import math
import time
from collections.abc import Iterable, Mapping
from typing import Any

import mteb

from core.benchmark_data import OpenTask, look_between_draws, open_task, quietly
from core.benchmark_model import BATCH, Asked, NotedTexts, OnceEncoder
from core.benchmark_tasks import BENCHMARKS, FIGURES
from core.errors import DivergenceError, ModelError, StudioError, one_sentence
from core.machine import read_machine
from core.measuring import Measured
from core.measuring_work import asked_models, kept_record, open_measured
from core.models import model_fingerprint
from core.run_log import RunLog

# Changes when a record holds something else, or is made in another way.
VERSION = 1
# As wide as MiniLM's: the classifiers of a trial that is timed take as long as they will. Otherwise two numbers a text do.
TIMED_DIMENSION, NOTED_DIMENSION = 384, 2
Record = dict[str, Any]


class _NotKeptError(Exception):
    """A record was only looked for, and is not there."""


def measure(log: RunLog) -> dict[str, Any]:
    """Measure a task, or with `only=time` the time that it will take; `core.benchmark_tasks.benchmark_settings` asks for it.

    The answer holds the task's facts and `models`, each with its record or its fault: a model that cannot be measured leaves
    the other's figures as they are.

    Raises:
        ConfigError: mteb knows no such task.
        DataError: its data are not here, or cannot be used.
        DivergenceError: no model gives embeddings that say anything.
    """
    settings, models = log.run.config().task_settings, asked_models(log)
    name = str(settings.get("name", ""))
    log.enter("evaluating", f"Reading the data of {name[:60]}")
    opened = open_task(name, log.places, bool(settings.get("online")))
    if settings.get("only") == "time":
        return _expected(log, models, opened)
    work = _Work(log, opened)
    found = [_record_or_fault(measured, work) for measured in models]
    if all(isinstance(each, StudioError) for each in found):
        first = found[0]
        assert isinstance(first, StudioError)
        raise first
    book = BENCHMARKS[name].book if name in BENCHMARKS else {}
    about = [_about(measured, each) for measured, each in zip(models, found, strict=True)]
    return opened.facts | {"book": dict(book), "models": about}


def _record_or_fault(measured: Measured, work: "_Work") -> Record | StudioError:
    try:
        return kept_record(_what(work.opened), measured, work.log.run.runs_dir, lambda: work.record(measured))
    except (DivergenceError, ModelError) as error:
        return error


def _what(opened: OpenTask) -> list[Any]:
    facts = opened.facts
    return ["mteb", VERSION, facts["name"], facts["splits"], facts["subsets"], facts["data_mark"], facts["mteb"]]


def _about(measured: Measured, found: Record | StudioError) -> dict[str, Any]:
    about = {"name": measured.name, "label": measured.label}
    if isinstance(found, StudioError):
        return about | {"fault": one_sentence(found)}
    return {key: value for key, value in found.items() if key != "benchmark"} | about | {"fault": ""}


class _Work:
    """One task's work for one model after the other; the texts are noted once."""

    def __init__(self, log: RunLog, opened: OpenTask) -> None:
        self.log, self.opened = log, opened
        self._asked: dict[Asked, None] | None = None
        self._dimension = TIMED_DIMENSION if log.run.config().task_settings.get("only") == "time" else NOTED_DIMENSION
        self.trial_seconds = 0.0
        look_between_draws(opened, log.raise_if_stopped)

    @property
    def asked(self) -> dict[Asked, None]:
        """The texts that the task will ask for, noted in a trial with vectors of chance."""
        if self._asked is None:
            self.log.enter("evaluating", "Noting which texts the task asks for")
            noted, began = NotedTexts(self._dimension), time.monotonic()
            run_task(noted, self.opened)
            self._asked, self.trial_seconds = noted.asked, time.monotonic() - began
        return self._asked

    def encoder(self, measured: Measured) -> OnceEncoder:
        """Load a model for the task."""
        total = len(self.asked)
        self.log.enter("evaluating", f"Loading {measured.label}")
        fingerprint = model_fingerprint(measured.choice, self.log.run.runs_dir, measured.seed)
        name = hashlib.sha256(fingerprint.encode()).hexdigest()[:32]

        def between(done: int, of_all: int) -> None:
            self.log.raise_if_stopped()
            self.log.progress(f"Encoding texts by {measured.label}: {done:,} of {of_all:,}", done, of_all)

        return OnceEncoder(open_measured(measured, self.log), measured.label, name, between, total)

    def record(self, measured: Measured) -> Record:
        """Measure a model and return what is kept of it."""
        encoder = self.encoder(measured)
        result = run_task(encoder, self.opened)
        kept = {"benchmark": self.opened.facts, "texts": encoder.encoded, "precision": "fp32"}
        return kept | figures_of_task(result, measured.label)


def run_task(encoder: Any, opened: OpenTask) -> Any:
    """Let mteb measure an encoder on a task and return its `TaskResult`; mteb's own store of scores is left out.

    Raises:
        Stopped: somebody pressed Cancel.
        DivergenceError: the embeddings say nothing.
    """
    with quietly():
        result = mteb.evaluate(
            encoder,
            opened.task,
            cache=None,
            co2_tracker=False,
            show_progress_bar=False,
            encode_kwargs={"batch_size": BATCH, "show_progress_bar": False},
        )
    return result.task_results[0]


def figures_of_task(result: Any, label: str) -> dict[str, Any]:
    """Return what a `TaskResult` says: `main_score`, `figures`, `parts`, `experiments` and `evaluation_seconds`.

    `figures` are means over parts and languages, those that are no numbers left out; `parts` tell the main score of each, and
    `experiments` that of each draw where the task draws several times.

    Raises:
        DivergenceError: the main score is no number.
    """
    parts = [(split, scores) for split, each in result.scores.items() for scores in each]
    main = float(result.get_score())
    if not math.isfinite(main):
        raise DivergenceError(
            f"The model {label} gives no order at all here: all its similarities, or all gold scores, are the same. "
            "Choose another model or task."
        )
    names = [name for name, value in parts[0][1].items() if isinstance(value, (int, float)) and name != "main_score"]
    draws = parts[0][1].get("scores_per_experiment") or [] if len(parts) == 1 else []
    metric = result.task.metadata.main_score
    return {
        "main_score": main,
        "figures": dict(_means(names, [scores for _, scores in parts])),
        "parts": [{"split": split, "subset": scores["hf_subset"], "main_score": scores["main_score"]} for split, scores in parts],
        "experiments": [float(draw[metric]) for draw in draws if metric in draw],
        "evaluation_seconds": round(float(result.evaluation_time or 0.0), 3),
    }


def _means(names: Iterable[str], scores: list[Mapping[str, Any]]) -> Iterable[tuple[str, float]]:
    # The figures that the page explains come first.
    for name in sorted(names, key=lambda name: list(FIGURES).index(name) if name in FIGURES else len(FIGURES)):
        values = [each.get(name, math.nan) for each in scores]
        if all(math.isfinite(value) for value in values):
            yield name, float(sum(values) / len(values))


def _expected(log: RunLog, models: list[Measured], opened: OpenTask) -> dict[str, Any]:
    """Return how long the task will take here: of each model `seconds`, 0 where its score is kept already."""
    work, told = _Work(log, opened), []
    for measured in models:
        kept, seconds = _is_kept(opened, measured, log), 0.0
        if not kept:
            seconds = work.encoder(measured).seconds_for(work.asked) + work.trial_seconds
        told.append({"label": measured.label, "seconds": round(seconds, 1), "kept": kept})
    machine = read_machine(log.run.runs_dir)
    device = machine.device_name if machine.device == "cuda" else f"{machine.cores} CPU cores"
    texts = len(work.asked) if any(not each["kept"] for each in told) else 0
    return opened.facts | {"only": "time", "models": told, "texts": texts, "device": device}


def _is_kept(opened: OpenTask, measured: Measured, log: RunLog) -> bool:
    def look_only() -> Record:
        raise _NotKeptError

    try:
        kept_record(_what(opened), measured, log.run.runs_dir, look_only)
    except _NotKeptError:
        return False
    return True
