"""The data sets that can be chosen, as data. Their rows are looked for by `core.sources`."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from core.errors import ConfigError
from core.examples import NLI_ROWS, SCORED_ROWS


@dataclass(frozen=True)
class DataSpec:
    """One data set: `splits` maps a split's name to the kind of its rows, `hub` is (id, configuration) on the Hub."""

    id: str
    title: str
    splits: Mapping[str, str]
    what: str
    licence: str
    source: str
    hub: tuple[str, str | None] | None = None


DATA_SETS: Mapping[str, DataSpec] = MappingProxyType(
    {
        spec.id: spec
        for spec in (
            DataSpec(
                id="sample",
                title="Sample",
                splits=MappingProxyType({"train": NLI_ROWS, "validation": SCORED_ROWS}),
                what="48 small groups of sentences in 8 topics, written for this studio, and 60 judged pairs. Works at once.",
                licence="that of this project",
                source="ships with the studio",
            ),
            DataSpec(
                id="snli",
                title="SNLI",
                splits=MappingProxyType({"train": NLI_ROWS}),
                what="Captions of photographs, each with a sentence that follows, may follow or contradicts.",
                licence="CC BY-SA 4.0",
                source="Bowman et al. 2015, arXiv:1508.05326",
                hub=("stanfordnlp/snli", None),
            ),
            DataSpec(
                id="mnli",
                title="MNLI",
                splits=MappingProxyType({"train": NLI_ROWS}),
                what="Premises from ten kinds of speech and writing; the chapter's training data.",
                licence="several, by genre (see the paper)",
                source="Williams et al. 2018, arXiv:1704.05426",
                hub=("nyu-mll/glue", "mnli"),
            ),
            DataSpec(
                id="stsb",
                title="STS Benchmark",
                splits=MappingProxyType({"train": SCORED_ROWS, "validation": SCORED_ROWS}),
                what="Sentence pairs that people rated from 0 to 5 for similarity; its validation part is the yardstick.",
                licence="CC BY-SA 4.0 for the scores",
                source="Cer et al. 2017, arXiv:1708.00055",
                hub=("sentence-transformers/stsb", None),
            ),
        )
    }
)


def data_parts(data: str) -> list[str]:
    """Return the data sets that `a+b` joins; a file's path is one, whatever stands in it."""
    return [data] if data.startswith("file:") else data.split("+")


def check_data(data: str, split: str) -> None:
    """Refuse an unknown data set or split; `a+b` joins data sets, `file:<path>` is any file of rows."""
    for name in data_parts(data):
        if name.startswith("file:"):
            continue
        if name not in DATA_SETS:
            raise ConfigError("data", f"'{name[:60]}' is not known; choose one of {', '.join(DATA_SETS)}, or file:<path>.")
        splits = DATA_SETS[name].splits
        if split not in splits:
            raise ConfigError("split", f"{name} has no '{split[:40]}'; choose {' or '.join(splits)}.")
    kinds = {row_kind_of(name, split) for name in data_parts(data)} - {None}
    if len(kinds) > 1:
        raise ConfigError("data", f"{data[:60]} joins rows of different kinds ({', '.join(sorted(map(str, kinds)))}).")


def row_kind_of(data: str, split: str) -> str | None:
    """Return the kind of rows that a choice of data gives, or None for a file nobody has looked into."""
    first = data_parts(data)[0]
    return DATA_SETS[first].splits.get(split) if first in DATA_SETS else None
