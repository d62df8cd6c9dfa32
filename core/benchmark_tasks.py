"""The benchmark's tasks as the page and the command line name them, and how their figures are read. Loads no torch and no mteb.

Muennighoff et al. 2023, MTEB: Massive Text Embedding Benchmark, arXiv:2210.07316. Any other task of the installed mteb can be
named, too; sizes are those that mteb publishes with its tasks, and a test compares them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from core.data_catalogue import DATA_SETS
from core.errors import ConfigError
from core.places import Places
from core.sources import fingerprint, is_here

NAME = re.compile(r"(?P<task>[A-Za-z0-9][\w.()+-]{1,79})(:(?P<split>\w{1,40}))?")
CLASSIFICATION, STS, RETRIEVAL = "Classification", "STS", "Retrieval"
CLUSTERING, DUPLICATES, RERANKING = "Clustering", "PairClassification", "Reranking"


@dataclass(frozen=True)
class BenchmarkSpec:
    """One task: its kind by mteb's name, the part that is measured on, and how many examples that has.

    `local` says which of our data sets, as (data, split), holds a part of the task; without it the Hub does. `book` is what the
    chapter prints for the task, by figure.
    """

    name: str
    kind: str
    what: str
    counts: Mapping[str, int]
    source: str
    split: str = "test"
    local: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    book: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class FigureReading:
    """A figure as mteb computes it: what it is called, and in one line how it is read."""

    title: str
    reading: str


def _sts(name: str, what: str, pairs: int, source: str) -> BenchmarkSpec:
    return BenchmarkSpec(name, STS, what, MappingProxyType({"test": pairs}), source)


def _search(name: str, what: str, texts: int, source: str) -> BenchmarkSpec:
    return BenchmarkSpec(name, RETRIEVAL, what, MappingProxyType({"test": texts}), source)


BENCHMARKS: Mapping[str, BenchmarkSpec] = MappingProxyType(
    {
        spec.name: spec
        for spec in (
            BenchmarkSpec(
                "Banking77Classification",
                CLASSIFICATION,
                "Questions to a bank, 77 intents: how often eight known texts an intent are enough to name the right one. "
                "The chapter's example",
                MappingProxyType({"train": 10_003, "test": 3_080}),
                "Casanueva et al. 2020, arXiv:2003.04807",
                local=MappingProxyType({"train": ("banking77", "train"), "test": ("banking77", "test")}),
                book=MappingProxyType({"accuracy": 0.4926, "f1": 0.4908}),
            ),
            BenchmarkSpec(
                "STSBenchmark",
                STS,
                "Pairs of sentences that people rated for similarity: the test part, to be reported once at the end",
                MappingProxyType({"test": 1_379}),
                "Cer et al. 2017, arXiv:1708.00055",
                local=MappingProxyType({"test": ("stsb", "test"), "validation": ("stsb", "validation")}),
            ),
            BenchmarkSpec(
                "STSBenchmark:validation",
                STS,
                "Pairs of sentences that people rated for similarity: the validation part, which settings are chosen by; "
                "leaderboards show the test part",
                MappingProxyType({"validation": 1_500}),
                "Cer et al. 2017, arXiv:1708.00055",
                split="validation",
                local=MappingProxyType({"test": ("stsb", "test"), "validation": ("stsb", "validation")}),
            ),
            _sts("STS12", "Pairs from paraphrases, news and translations", 3_108, "Agirre et al. 2012, SemEval"),
            _sts("STS13", "Pairs of headlines and of dictionary entries", 1_500, "Agirre et al. 2013, *SEM"),
            _sts("STS14", "Pairs from forums, news, headlines, captions and tweets", 3_750, "Agirre et al. 2014, SemEval"),
            _sts("STS15", "Pairs from forums, students' answers, headlines and captions", 3_000, "Agirre et al. 2015, SemEval"),
            _sts("STS16", "Pairs from questions, answers, headlines and plagiarism", 1_186, "Agirre et al. 2016, SemEval"),
            _sts("STS17", "Short captions and sentences, the English pairs", 250, "Cer et al. 2017, arXiv:1708.00055"),
            _sts("SICK-R", "Captions that differ in one word or in their order", 9_927, "Marelli et al. 2014, LREC"),
            _sts("BIOSSES", "Pairs of sentences from biomedical papers", 100, "Soğancıoğlu et al. 2017, Bioinformatics"),
            BenchmarkSpec(
                "EmotionClassification",
                CLASSIFICATION,
                "Tweets with one of six emotions",
                MappingProxyType({"train": 16_000, "test": 2_000}),
                "Saravia et al. 2018, EMNLP",
            ),
            BenchmarkSpec(
                "StackExchangeClustering.v2",
                CLUSTERING,
                "Titles of questions, to be put together by the site that they were asked on",
                MappingProxyType({"test": 2_048}),
                "Geigle et al. 2021, arXiv:2104.07081",
            ),
            BenchmarkSpec(
                "TwitterSemEval2015",
                DUPLICATES,
                "Pairs of tweets, paraphrases or not",
                MappingProxyType({"test": 16_777}),
                "Xu et al. 2015, SemEval",
            ),
            BenchmarkSpec(
                "AskUbuntuDupQuestions",
                RERANKING,
                "Questions about Ubuntu: those that ask the same, above those that only sound alike",
                MappingProxyType({"test": 7_581}),
                "Wang et al. 2021, arXiv:2104.06979",
            ),
            _search("NFCorpus", "Questions on nutrition, answered by medical abstracts", 3_956, "Boteva et al. 2016, ECIR"),
            _search(
                "SciFact", "Claims of science, and the abstracts that speak for or against them", 5_483, "Wadden et al. 2020"
            ),
        )
    }
)

# The main figure of each kind comes first.
FIGURES: Mapping[str, FigureReading] = MappingProxyType(
    {
        "accuracy": FigureReading("Accuracy", "the share of texts whose label is found, 0 to 1"),
        "f1": FigureReading("F1, macro", "precision and recall of each label in one number, every label counts alike, 0 to 1"),
        "precision": FigureReading("Precision, macro", "of the texts that were given a label, the share that has it, 0 to 1"),
        "recall": FigureReading("Recall, macro", "of the texts that have a label, the share that is given it, 0 to 1"),
        "cosine_spearman": FigureReading("Spearman of cosines", "whether cosines put pairs in the order that people do, −1 to 1"),
        "cosine_pearson": FigureReading("Pearson of cosines", "whether cosines rise evenly with what people say, −1 to 1"),
        "euclidean_spearman": FigureReading("Spearman of Euclidean distances", "the same order by straight distance, −1 to 1"),
        "manhattan_spearman": FigureReading("Spearman of Manhattan distances", "the same by the sum of differences, −1 to 1"),
        "v_measure": FigureReading("V-measure", "whether clusters hold one label each, and labels one cluster each, 0 to 1"),
        "max_ap": FigureReading("Average precision", "whether true pairs score above the others, by the best similarity, 0 to 1"),
        "ndcg_at_10": FigureReading("nDCG@10", "how near the top of ten the right texts stand, 0 to 1"),
        "map_at_1000": FigureReading("MAP", "the precision at each right text, averaged, 0 to 1"),
        "mrr_at_10": FigureReading("MRR@10", "one over the rank of the first right text, 0 beyond ten"),
        "recall_at_10": FigureReading("Recall@10", "the share of right texts among the first ten, 0 to 1"),
    }
)


def split_name(name: str) -> tuple[str, str | None]:
    """Return a task's name and, where `name:split` names one, the part to measure on.

    Raises:
        ConfigError: it cannot be the name of a task.
    """
    match = NAME.fullmatch(name.strip())
    if match is None:
        raise ConfigError(
            "task", f"'{name.strip()[:60]}' cannot be a task of MTEB; write a name such as Banking77Classification."
        )
    return match["task"], match["split"]


def local_parts(name: str) -> dict[str, tuple[str, str]]:
    """Return which of our data sets a task is measured on, by mteb's name of the part; nothing where only the Hub has it.

    Raises:
        ConfigError: as of `split_name`.
    """
    task, split = split_name(name)
    spec = BENCHMARKS.get(task)
    if spec is None:
        return {}
    wanted = {"train"} if spec.kind == CLASSIFICATION else set()
    return {part: rows for part, rows in spec.local.items() if part in wanted | {split or spec.split}}


def has_local_rows(name: str, places: Places) -> bool:
    """Tell whether everything that a task needs lies in the data folder."""
    parts = local_parts(name)
    return bool(parts) and all(is_here(data, split, places) for data, split in parts.values())


def benchmark_settings(name: str, places: Places, *, online: bool = False, only_time: bool = False) -> dict[str, str | float]:
    """Return what a measure of a task is asked with, the state of its rows included, so that others are measured anew.

    Args:
        name: a task of mteb, or `task:split`.
        places: where rows are looked for.
        online: whether this one piece of work may ask the Hub for the task's data.
        only_time: whether only the expected time is wanted.

    Raises:
        ConfigError: as of `split_name`.
    """
    rows = [f"{data}/{split} {fingerprint(data, split, places)}" for data, split in local_parts(name).values()]
    settings: dict[str, str | float] = {"name": name.strip(), "rows": " ".join(rows)}
    return settings | ({"online": 1.0} if online else {}) | ({"only": "time"} if only_time else {})


def about_task(name: str, places: Places) -> dict[str, Any]:
    """Return what there is to say of a task before it is measured: `what`, `size`, `source`, and where its data `lie`.

    Raises:
        ConfigError: as of `split_name`.
    """
    spec = BENCHMARKS.get(name.strip())
    task, _ = split_name(name)
    lie = "its data are not in your data folder: tick “From the Hub”, unless they were fetched before"
    local = local_parts(name)
    if local and has_local_rows(name, places):
        titles = " and ".join(f"{DATA_SETS[data].title} {split}" for data, split in local.values())
        lie = f"its data are in your data folder ({titles}): no network is needed"
    if spec is None:
        return {"what": f"{task}: not in the list; mteb is asked whether it knows it", "size": "", "source": "", "lie": lie}
    return {"what": spec.what, "size": size_of(spec), "source": spec.source, "lie": lie}


def size_of(spec: BenchmarkSpec) -> str:
    """Say how much a task measures on, such as "3,080 test texts, and 10,003 to draw the known ones from"."""
    measured = spec.counts[spec.split]
    unit = "pairs" if spec.kind in (STS, DUPLICATES) else "texts"
    drawn = f", and {spec.counts['train']:,} to draw the known ones from" if "train" in spec.counts else ""
    return f"{measured:,} {spec.split} {unit}{drawn}"
