"""The data sets that can be chosen, as data, and how any other one is named. Their rows are found by `core.sources`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from core.errors import ConfigError
from core.examples import LABELLED_ROWS, NLI_ROWS, SCORED_ROWS

UPLOAD = re.compile(r"upload:[0-9a-f]{64}")
HUB_NAME = re.compile(r"hub:(?P<id>\w[\w.-]*(/\w[\w.-]*)?)(:(?P<configuration>[\w.-]+))?(@(?P<revision>\w[\w./-]*))?")
SPLIT = re.compile(r"[A-Za-z0-9_][\w.+-]{0,79}")
OWN_PREFIXES = ("file:", "upload:", "hub:")


@dataclass(frozen=True)
class DataSpec:
    """One data set: `splits` maps a split's name to the kind of its rows, `hub` is (id, configuration) on the Hub.

    `columns` are those that count; `size` says in words how much there is on the Hub.
    """

    id: str
    title: str
    splits: Mapping[str, str]
    columns: tuple[str, ...]
    what: str
    size: str
    licence: str
    source: str
    hub: tuple[str, str | None] | None = None


@dataclass(frozen=True)
class HubName:
    """A data set on the Hub: `hub:<id>[:<configuration>][@<revision>]`."""

    id: str
    configuration: str | None
    revision: str | None


DATA_SETS: Mapping[str, DataSpec] = MappingProxyType(
    {
        spec.id: spec
        for spec in (
            DataSpec(
                id="sample",
                title="Sample",
                splits=MappingProxyType({"train": NLI_ROWS, "reviews": LABELLED_ROWS, "validation": SCORED_ROWS}),
                columns=("premise", "hypothesis", "label"),
                what="480 small groups of sentences in 24 topics, 300 short reviews in two sentiments and 400 judged pairs, "
                "written for this studio. Works at once.",
                size="1,920 rows, 300 reviews, 400 pairs",
                licence="that of this project",
                source="ships with the studio",
            ),
            DataSpec(
                id="snli",
                title="SNLI",
                splits=MappingProxyType({"train": NLI_ROWS}),
                columns=("premise", "hypothesis", "label"),
                what="Captions of photographs, each with a sentence that follows, may follow or contradicts.",
                size="550,152 rows, about 20 MB",
                licence="CC BY-SA 4.0",
                source="Bowman et al. 2015, arXiv:1508.05326",
                hub=("stanfordnlp/snli", None),
            ),
            DataSpec(
                id="mnli",
                title="MNLI",
                splits=MappingProxyType({"train": NLI_ROWS}),
                columns=("premise", "hypothesis", "label"),
                what="Premises from ten kinds of speech and writing; the chapter's training data.",
                size="392,702 rows, about 55 MB",
                licence="several, by genre (see the paper)",
                source="Williams et al. 2018, arXiv:1704.05426",
                hub=("nyu-mll/glue", "mnli"),
            ),
            DataSpec(
                id="allnli",
                title="AllNLI",
                splits=MappingProxyType({"train": NLI_ROWS}),
                columns=("premise", "hypothesis", "label"),
                what="SNLI and MNLI joined, as most sentence embedding models were trained on.",
                size="942,069 rows, about 45 MB",
                licence="those of SNLI and MNLI",
                source="Reimers and Gurevych 2019, arXiv:1908.10084",
                hub=("sentence-transformers/all-nli", "pair-class"),
            ),
            DataSpec(
                id="stsb",
                title="STS Benchmark",
                splits=MappingProxyType({"train": SCORED_ROWS, "validation": SCORED_ROWS, "test": SCORED_ROWS}),
                columns=("sentence1", "sentence2", "score"),
                what="Sentence pairs rated from 0 to 5 for similarity; validation is the yardstick, test is for the report.",
                size="5,749, 1,500 and 1,379 rows, about 1 MB",
                licence="CC BY-SA 4.0 for the scores",
                source="Cer et al. 2017, arXiv:1708.00055",
                hub=("sentence-transformers/stsb", None),
            ),
            DataSpec(
                id="quora",
                title="Quora duplicates",
                splits=MappingProxyType({"train": SCORED_ROWS}),
                columns=("sentence1", "sentence2", "label"),
                what="Pairs of questions that people asked, and whether they ask the same: 1 or 0.",
                size="404,290 rows, about 35 MB",
                licence="Quora's terms of service; not for commercial use",
                source="First Quora Dataset Release: Question Pairs, 2017",
                hub=("sentence-transformers/quora-duplicates", "pair-class"),
            ),
            DataSpec(
                id="banking77",
                title="Banking77",
                splits=MappingProxyType({"train": LABELLED_ROWS, "test": LABELLED_ROWS}),
                columns=("text", "label"),
                what="Questions to a bank with one of 77 intents each; MTEB's classification task of the chapter.",
                size="10,003 and 3,080 rows, about 1 MB",
                licence="CC BY 4.0",
                source="Casanueva et al. 2020, arXiv:2003.04807",
                hub=("mteb/banking77", None),
            ),
        )
    }
)
# What is only measured on: nothing may be trained on it.
YARDSTICKS = frozenset({("stsb", "validation"), ("stsb", "test"), ("sample", "validation"), ("banking77", "test")})


def data_parts(data: str) -> list[str]:
    """Return the data sets that `a+b` joins; a file's path is one, whatever stands in it."""
    return [data] if data.startswith("file:") else data.split("+")


def called(data: str) -> str:
    """Return how a choice of data is called in a sentence: a file by its name, an upload as what it is."""
    if data.startswith("file:"):
        return data.rpartition("/")[2][:60]
    return "Your file" if data.startswith("upload:") else data[:60]


def is_own(data: str) -> bool:
    """Tell whether rows are the person's own choice and no catalogue entry: then a part is held out by itself."""
    return any(part.startswith(OWN_PREFIXES) for part in data_parts(data))


def hub_name(data: str) -> HubName:
    """Return where on the Hub a catalogue entry or a `hub:` name lies.

    Raises:
        ConfigError: it is neither.
    """
    spec = DATA_SETS.get(data)
    if spec is not None and spec.hub is not None:
        return HubName(*spec.hub, None)
    match = HUB_NAME.fullmatch(data)
    # Two dots lead out of a folder, and the library takes a folder's name as well.
    if match is None or ".." in data:
        raise ConfigError(
            "data", f"'{data[:60]}' is no data set of the Hub; write hub:owner/name, hub:owner/name:configuration@revision."
        )
    return HubName(match["id"], match["configuration"], match["revision"])


def check_data(data: str, split: str) -> None:
    """Refuse a data set or split that nobody knows; `a+b` joins data sets."""
    if not SPLIT.fullmatch(split):
        raise ConfigError("split", f"'{split[:40]}' is no name of a split; write letters, digits, dots, + and -.")
    for name in data_parts(data):
        if name.startswith("file:") or UPLOAD.fullmatch(name):
            continue
        if name.startswith("hub:"):
            hub_name(name)
            continue
        if name not in DATA_SETS:
            known = ", ".join(DATA_SETS)
            raise ConfigError("data", f"'{name[:60]}' is not known; choose one of {known}, file:<path> or hub:<id>.")
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
