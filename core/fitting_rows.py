"""Rows made into what each measure looks at: a sample, and of it each measure's texts, or why it has nothing to look at."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import pandas as pd

from core.conversions import Choices, nli_to_triplets
from core.errors import DataError
from core.examples import CONTRADICTION, ENTAILMENT, LABELLED_ROWS, NLI_ROWS, SCORED_ROWS, TRIPLET_ROWS, VALUE_ROLES, text_keys
from core.fitting_kinds import ALIKE_FROM, FEWEST_ROWS, MOST_CORPUS, MOST_ROWS, SEED, FittingSpec
from core.measures import POSITIVE_FROM
from core.rows import Rows


@dataclass(frozen=True)
class Material:
    """What one measure looks at.

    `frame` holds texts under the names that decide their prompts (`core.prompts.role_of`), and beside them what is said of them
    (`label`, `gold`, `id`). `corpus` maps ids to the texts that are searched; `right` maps an id of `frame` to the ids that are
    right for it. `reference` holds labelled texts to compare with. `about` says in words how much it is.
    """

    frame: pd.DataFrame
    about: str
    corpus: Mapping[str, str] = field(default_factory=dict)
    right: Mapping[str, frozenset[str]] = field(default_factory=dict)
    reference: pd.DataFrame | None = None

    def texts(self) -> list[tuple[str, list[str]]]:
        """Return all texts by the name of their column."""
        told = VALUE_ROLES | {"gold", "id"}
        found = [(str(column), self.frame[column].tolist()) for column in self.frame if column not in told]
        found += [("passage", list(self.corpus.values()))] if self.corpus else []
        return found + ([("text", self.reference["text"].tolist())] if self.reference is not None else [])


class _Nothing(Exception):  # noqa: N818  not an error: this one measure is left out
    """These rows have nothing for the measure; the text says why."""


@dataclass(frozen=True)
class SampledRows:
    """The rows that are measured on: `whole` are all of them, `frame` the sample, `reference` the part to compare with."""

    whole: pd.DataFrame
    frame: pd.DataFrame
    kind: str
    reference: pd.DataFrame | None = None


def sample_rows(rows: Rows, reference: Rows | None = None) -> SampledRows:
    """Return at most 2,000 of the rows, drawn with one seed and in their order; all rows of a premise stay together.

    Of labelled texts equal ones count once. Of a `reference` part as many texts of each label are taken as there are.

    Raises:
        DataError: there are fewer than 10.
    """
    whole = rows.frame
    if rows.kind == LABELLED_ROWS:
        whole = whole[~pd.Series(text_keys(whole["text"])).duplicated().to_numpy()].reset_index(drop=True)
    if len(whole) < FEWEST_ROWS:
        raise DataError(f"{rows.found} has {len(whole)} rows to measure on, and {FEWEST_ROWS} are needed; choose other data.")
    rng = np.random.default_rng(SEED)
    if len(whole) <= MOST_ROWS:
        frame = whole
    elif rows.kind == NLI_ROWS:
        frame = whole[_some_premises(text_keys(whole["premise"]), rng)].reset_index(drop=True)
    else:
        frame = whole.iloc[np.sort(rng.permutation(len(whole))[:MOST_ROWS])].reset_index(drop=True)
    return SampledRows(whole, frame, rows.kind, _evenly(reference.frame) if reference else None)


def _some_premises(premises: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return which rows belong to premises drawn at random, (rows,) bool, until one more would make too many."""
    _, numbers = np.unique(premises, return_inverse=True)
    sizes = np.bincount(numbers)
    order = rng.permutation(len(sizes))
    taken = np.zeros(len(sizes), dtype=bool)
    taken[order[np.cumsum(sizes[order]) <= MOST_ROWS]] = True
    kept: np.ndarray = taken[numbers]
    return kept


def _evenly(frame: pd.DataFrame) -> pd.DataFrame:
    """Return at most 2,000 labelled texts, drawn at random, of each label as many as of the others where it has them."""
    shuffled = frame.sample(frac=1, random_state=SEED)
    turn = shuffled.groupby("label", sort=False).cumcount().sort_values(kind="stable")
    return frame.loc[np.sort(turn.index[:MOST_ROWS].to_numpy())].reset_index(drop=True)


def materials(specs: tuple[FittingSpec, ...], rows: SampledRows) -> dict[str, Material | str]:
    """Return what each measure looks at, by its id, or in a sentence why it is left out.

    Raises:
        DataError: nothing is left.
    """
    made: dict[str, Material | str] = {}
    for spec in specs:
        try:
            made[spec.id] = _enough(BUILDERS[spec.id](rows))
        except _Nothing as reason:
            made[spec.id] = str(reason)
    if not any(isinstance(each, Material) for each in made.values()):
        reasons = ", ".join(dict.fromkeys(str(each) for each in made.values())) or "texts alone do not say what belongs together"
        raise DataError(f"Nothing can be measured on these rows: {reasons}; choose other data.")
    return made


def _enough(material: Material) -> Material:
    if len(material.frame) < FEWEST_ROWS:
        raise _Nothing(f"only {len(material.frame)} of its rows fit, and {FEWEST_ROWS} are needed")
    return material


def _triplets(rows: SampledRows) -> Material:
    given = (
        rows.frame[["anchor", "positive", "negative"]] if rows.kind == TRIPLET_ROWS else nli_to_triplets(rows.frame, Choices())
    )
    return Material(given, f"{len(given):,} triplets")


def _binary(rows: SampledRows) -> Material:
    frame = rows.frame
    if rows.kind == NLI_ROWS:
        sure = frame[frame["label"].isin([ENTAILMENT, CONTRADICTION])]
        pairs = _pairs(sure, "premise", "hypothesis").assign(label=(sure["label"] == ENTAILMENT).to_numpy(dtype=np.int64))
    else:
        pairs = _pairs(frame, "sentence1", "sentence2").assign(label=_alike(frame).astype(np.int64))
    alike = int(pairs["label"].sum())
    if alike in (0, len(pairs)):
        raise _Nothing("all pairs are alike, or none is, so there is nothing to tell apart")
    return Material(pairs, f"{len(pairs):,} pairs, {alike / len(pairs):.0%} of them alike")


def _pairs(frame: pd.DataFrame, first: str, second: str) -> pd.DataFrame:
    return frame[[first, second]].set_axis(["sentence1", "sentence2"], axis=1).reset_index(drop=True)


def _alike(frame: pd.DataFrame) -> np.ndarray:
    # A score such as 3 of 5 is 0.6000000000000001 in one file and 0.6 in another one's fp32.
    alike: np.ndarray = frame["score"].to_numpy(dtype=np.float64) >= ALIKE_FROM - 1e-6
    return alike


def _retrieval(rows: SampledRows) -> Material:
    """Gather queries and documents; ids are the texts' keys, so that equal texts are one."""
    pairs, others = _belonging(rows.frame, rows.kind), _belonging(rows.whole, rows.kind)
    queries = pairs.drop_duplicates("query")[["query", "anchor"]].set_axis(["id", "anchor"], axis=1).reset_index(drop=True)
    right = {str(query): frozenset(map(str, found)) for query, found in pairs.groupby("query")["answer"]}
    corpus = dict(zip(pairs["answer"], pairs["positive"], strict=True))
    # What is right for a query and was not drawn would count as wrong.
    answers = others.loc[others["query"].isin(queries["id"]), "answer"]
    rest = others[~others["answer"].isin(answers)].drop_duplicates("answer").sample(frac=1, random_state=SEED)
    rest = rest.head(max(0, MOST_CORPUS - len(corpus)))
    corpus |= dict(zip(rest["answer"], rest["positive"], strict=True))
    if len(corpus) < FEWEST_ROWS:
        raise _Nothing(f"only {len(corpus)} different texts can be found, and {FEWEST_ROWS} are needed")
    return Material(queries, f"{len(queries):,} queries among {len(corpus):,} texts", corpus, right)


def _belonging(frame: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Return the pairs that belong together, with the keys of their texts; a text that is its own answer is left out."""
    if kind == NLI_ROWS:
        pairs = frame.loc[frame["label"] == ENTAILMENT, ["premise", "hypothesis"]].set_axis(["anchor", "positive"], axis=1)
    else:
        pairs = frame[["anchor", "positive"]]
    keys = {name: [str(key) for key in text_keys(pairs[text])] for name, text in (("query", "anchor"), ("answer", "positive"))}
    pairs = pairs.assign(**keys)
    return pairs[pairs["query"] != pairs["answer"]].reset_index(drop=True)


def _paraphrases(rows: SampledRows) -> Material:
    pairs = _pairs(rows.frame, "sentence1", "sentence2")
    keys = [[str(key) for key in text_keys(pairs[column])] for column in pairs]
    texts = dict(zip(keys[0] + keys[1], [*pairs["sentence1"], *pairs["sentence2"]], strict=True))
    right: dict[str, set[str]] = {}
    for first, second, alike in zip(*keys, _alike(rows.frame), strict=True):
        if alike and first != second:
            right.setdefault(first, set()).add(second)
            right.setdefault(second, set()).add(first)
    if not right:
        raise _Nothing("no pair is alike, so there is none to find")
    frame = pd.DataFrame({"id": list(texts), "text": list(texts.values())})
    found = sum(map(len, right.values())) // 2
    return Material(
        frame, f"{found:,} alike pairs among {len(texts):,} texts", {}, {key: frozenset(of) for key, of in right.items()}
    )


def _space(rows: SampledRows) -> Material:
    if rows.kind == SCORED_ROWS:
        frame = _pairs(rows.frame, "sentence1", "sentence2").assign(gold=rows.frame["score"].to_numpy(dtype=np.float64))
    else:
        frame = rows.frame[["anchor", "positive"]].assign(gold=1.0)
    return Material(frame, f"{len(frame):,} pairs, {int((frame['gold'] >= POSITIVE_FROM).sum()):,} of them positive")


def _neighbours(rows: SampledRows) -> Material:
    reference = rows.reference
    against = "each against all others" if reference is None else f"against {len(reference):,} of the train part"
    return Material(_labelled(rows), f"{len(rows.frame):,} texts, {against}", reference=reference)


def _labelled(rows: SampledRows) -> pd.DataFrame:
    frame = rows.frame[["text", "label"]].astype({"label": "object"})
    if frame["label"].nunique() < 2:
        raise _Nothing("all texts have one label, so there is nothing to tell apart")
    return frame


def _silhouette(rows: SampledRows) -> Material:
    frame = _labelled(rows)
    labels = frame["label"].nunique()
    if labels == len(frame):
        raise _Nothing("every text has a label of its own, which makes no cluster")
    return Material(frame, f"{len(frame):,} texts of {labels:,} labels")


def _classes(rows: SampledRows) -> Material:
    reference = rows.reference
    assert reference is not None
    return Material(_labelled(rows), f"{len(rows.frame):,} texts, trained on {len(reference):,} others", reference=reference)


BUILDERS: Mapping[str, Callable[[SampledRows], Material]] = MappingProxyType(
    {
        "triplets": _triplets,
        "binary": _binary,
        "retrieval": _retrieval,
        "paraphrases": _paraphrases,
        "space": _space,
        "neighbours": _neighbours,
        "silhouette": _silhouette,
        "classes": _classes,
    }
)
