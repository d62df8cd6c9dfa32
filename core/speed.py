"""The measure `speed`: how fast models embed on this machine, and how large they are. Quality is no matter here."""

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import psutil
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import StaticEmbedding

from core.errors import ConfigError, DivergenceError, ModelError, StudioError, one_sentence
from core.evaluation import EvaluationSet, default_evaluation_set
from core.machine import Machine, read_machine
from core.measuring import Measured
from core.measuring_work import asked_models, open_measured
from core.model_facts import read_facts
from core.run_log import RunLog

BATCH = 64
# Ten seconds a model: two to load it and warm up, three of single texts, four of batches. The models take turns, so that other
# work on the machine slows all of them alike.
TURNS = 4
QUERY_SECONDS, BATCH_SECONDS = 3.0 / TURNS, 4.0 / TURNS
FEWEST_QUERIES, MOST_QUERIES, WARM_UP_QUERIES = 13, 250, 5
# A tokenizer without a limit says a number that no text reaches.
NO_LIMIT = 10**6
# What is wrong with one model is no matter to the others.
OF_ONE_MODEL = (ConfigError, DivergenceError, ModelError)
Check = Callable[[], None]


@dataclass
class Timed:
    """A loaded model, the texts it has still to read, and the seconds of single texts and of batches so far."""

    model: SentenceTransformer
    texts: Iterator[str]
    about: dict[str, Any]
    queries: list[float] = field(default_factory=list)
    batches: list[float] = field(default_factory=list)

    def take_turn(self, check: Check) -> None:
        """Time single texts and batches for their seconds."""
        self.queries += time_queries(self.model, self.texts, check)
        self.batches += time_batches(self.model, self.texts, BATCH_SECONDS, check)

    def figures(self) -> dict[str, Any]:
        """Return texts a second one by one and in batches of 64, milliseconds a single text, and how many were timed."""
        return self.about | {
            "texts_per_second_1": len(self.queries) / sum(self.queries),
            "texts_per_second_64": rate_of(self.batches),
            "query_ms_median": 1000 * float(np.median(self.queries)),
            "query_ms_p95": 1000 * float(np.percentile(self.queries, 95)),
            "queries": len(self.queries),
            "batched_texts": BATCH * len(self.batches),
        }


def measure(log: RunLog) -> dict[str, Any]:
    """Time the models that the folder asks for, in fp32, in turns, on sentences of the set that runs are compared by.

    The answer holds `models`, each with its figures or its fault, and what they were measured on; `load` is how many processes
    wanted a core in the minute before.

    Raises:
        DataError: there are no sentences.
        ModelError: a run was deleted meanwhile, or no model can be timed.
    """
    load = psutil.getloadavg()[0]
    models, pairs = asked_models_once(log), default_evaluation_set(log.places)
    texts = mixed_texts(pairs)
    found = [_loaded_or_fault(log, measured, texts) for measured in models]
    loaded = [each for each in found if isinstance(each, Timed)]
    if not loaded:
        raise next(each for each in found if isinstance(each, StudioError))
    _take_turns(log, loaded)
    shapes = [shape_of(each.model) for each in loaded]
    return {
        "models": [_about(measured, each) for measured, each in zip(models, found, strict=True)],
        "same_architecture": len(shapes) > 1 and all(shape == shapes[0] for shape in shapes),
        "data": pairs.id,
        "found": pairs.found,
        "precision": "fp32",
        "batch": BATCH,
        "load": round(load, 2),
        **where_measured(read_machine(log.run.runs_dir)),
    }


def _loaded_or_fault(log: RunLog, measured: Measured, texts: Sequence[str]) -> Timed | StudioError:
    """Return a model that is warmed up, or what is wrong with it."""
    log.raise_if_stopped()
    log.enter("evaluating", f"Loading {measured.label}")
    try:
        began = time.perf_counter()
        model = open_measured(measured, log)
        seconds = time.perf_counter() - began
        facts = read_facts(measured.choice.base_model, log.run.runs_dir)
        timed = Timed(model, itertools.cycle(texts), size_of(model))
        timed.about |= {"disk_bytes": facts.bytes_on_disk, "load_seconds": round(seconds, 3)}
    except OF_ONE_MODEL as error:
        return error
    for text in texts[:WARM_UP_QUERIES]:
        _encode(model, [text])
    _encode(model, list(texts[:BATCH]))
    return timed


def _take_turns(log: RunLog, models: Sequence[Timed]) -> None:
    turns = [model for _ in range(TURNS) for model in models]
    log.enter("evaluating", "Timing single texts and batches")
    for done, model in enumerate(turns):
        log.progress("Timing single texts and batches", done, len(turns))
        model.take_turn(log.raise_if_stopped)


def _about(measured: Measured, found: Timed | StudioError) -> dict[str, Any]:
    about = {"name": measured.name, "label": measured.label}
    if isinstance(found, StudioError):
        return about | {"fault": one_sentence(found)}
    return about | {"fault": "", **found.figures()}


def asked_models_once(log: RunLog) -> list[Measured]:
    """Return the models that the folder asks for, one that was named twice once.

    Raises:
        ModelError: a run was deleted meanwhile.
    """
    return list({measured.name: measured for measured in asked_models(log)}.values())


def where_measured(machine: Machine) -> dict[str, Any]:
    """Return what seconds depend on: the device, the cores of this process, and how many of them torch works with."""
    return {
        "device": machine.device,
        "device_name": machine.device_name,
        "cores": machine.cores,
        "threads": torch.get_num_threads(),
    }


def mixed_texts(pairs: EvaluationSet) -> list[str]:
    """Return the different sentences of pairs in an order that is random and the same for every model."""
    texts = list(dict.fromkeys([*pairs.sentences1, *pairs.sentences2]))
    return [texts[place] for place in np.random.default_rng(0).permutation(len(texts))]


def time_queries(model: SentenceTransformer, texts: Iterator[str], check: Check) -> list[float]:
    """Return the seconds of each text that came alone: 13 texts or more, and as many as a turn holds.

    `check` is called between texts, and may raise to leave.
    """
    taken: list[float] = []
    began = time.perf_counter()
    while len(taken) < FEWEST_QUERIES or (len(taken) < MOST_QUERIES and time.perf_counter() - began < QUERY_SECONDS):
        check()
        text = next(texts)
        start = time.perf_counter()
        _encode(model, [text])
        taken.append(time.perf_counter() - start)
    return taken


def time_batches(model: SentenceTransformer, texts: Iterator[str], seconds: float, check: Check) -> list[float]:
    """Return the seconds of each batch of 64 texts: one batch or more, until `seconds` have passed; `check` as above."""
    taken: list[float] = []
    while not taken or sum(taken) < seconds:
        check()
        batch = list(itertools.islice(texts, BATCH))
        start = time.perf_counter()
        _encode(model, batch)
        taken.append(time.perf_counter() - start)
    return taken


def rate_of(batches: Sequence[float]) -> float:
    """Return texts a second from the seconds of batches of 64: of the median one, which a burst of other work does not move."""
    return BATCH / float(np.median(batches))


def _encode(model: SentenceTransformer, texts: list[str]) -> None:
    # As numpy: from a GPU that answer comes only when it is done.
    model.encode(texts, batch_size=BATCH, show_progress_bar=False, convert_to_numpy=True)


def size_of(model: SentenceTransformer) -> dict[str, Any]:
    """Return how large a loaded model is: parameters as a count, bytes of its weights, dimensions, tokens it reads of a text."""
    weights = list(model.parameters())
    return {
        "parameters": sum(weight.numel() for weight in weights),
        "weight_bytes": sum(weight.numel() * weight.element_size() for weight in weights),
        "dimension": model.get_embedding_dimension(),
        "max_tokens": token_limit(model),
    }


def shape_of(model: SentenceTransformer) -> list[Any]:
    """Return what is the same for two models of one architecture: modules, length limit, and the shapes of all weights."""
    shapes = [tuple(weight.shape) for weight in model.parameters()]
    return [[type(module).__name__ for module in model], token_limit(model), shapes]


def token_limit(model: SentenceTransformer) -> int | None:
    """Return after how many tokens a loaded model cuts a text, or None where nothing limits it."""
    first = model[0]
    if isinstance(first, StaticEmbedding):
        truncation = first.tokenizer.truncation
        return int(truncation["max_length"]) if truncation else None
    length = model.max_seq_length
    return int(length) if length and length < NO_LIMIT else None
