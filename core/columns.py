"""What the columns of a table are: guessed from names and content, and corrected by hand.

A choice of columns maps a role ("anchor", "score") to a column's name; the roles alone tell the kind of rows
(`core.examples.ROLES`).
"""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import pyarrow as pa
import pyarrow.compute as pc

from core.errors import ConfigError, DataError
from core.examples import LABELLED_ROWS, NLI_LABELS, NLI_ROWS, PAIR_ROWS, ROLES, SCORED_ROWS, TRIPLET_ROWS
from core.table_layout import NUMBER

MOST_CLASSES = 300
FEWEST_TO_COUNT = 5
# Columns that stand beside what is said: numbers of rows, dates, addresses.
BESIDE = re.compile(r"(^|_)(id|ids|uuid|guid|nr|no|index|idx|row|date|time|timestamp|datetime|url|link|email|phone|ip)($|_)|_at$")
NO_LABEL = ("", "-1", "-1.0", "-")
# Labels may be numbers, also as a table writes them that once held a missing one: 1.0.
NLI_NUMBERS = {label: number for number, label in enumerate(NLI_LABELS)} | {
    text: number for number in range(len(NLI_LABELS)) for text in (str(number), f"{number}.0")
}

# Names that people give their columns, spaces and case forgiven; the first kind whose every role is found is taken.
KNOWN_NAMES: Mapping[str, Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        NLI_ROWS: {
            "premise": ("premise",),
            "hypothesis": ("hypothesis",),
            "label": ("label", "gold_label", "labels", "entailment_judgment"),
        },
        TRIPLET_ROWS: {
            "anchor": ("anchor", "query", "question"),
            "positive": ("positive", "pos", "positive_passage", "answer"),
            "negative": ("negative", "neg", "negative_passage", "hard_negative"),
        },
        SCORED_ROWS: {
            "sentence1": ("sentence1", "sentence_1", "sentence_a", "question1", "text1", "text_a", "sent1"),
            "sentence2": ("sentence2", "sentence_2", "sentence_b", "question2", "text2", "text_b", "sent2"),
            "score": ("score", "similarity", "similarity_score", "label", "is_duplicate", "relatedness_score"),
        },
        PAIR_ROWS: {
            "anchor": ("anchor", "query", "question", "title", "sentence1", "sentence_1", "text1"),
            "positive": (
                "positive", "pos", "answer", "passage", "document", "response", "duplicate", "sentence2", "sentence_2", "text2",
            ),
        },
        LABELLED_ROWS: {
            "text": ("text", "sentence", "content", "review", "document", "utterance", "query", "message", "body"),
            "label": ("label_text", "label", "labels", "class", "category", "intent", "sentiment", "topic", "target"),
        },
    }
)  # fmt: skip


def as_name(column: str) -> str:
    """Return a column's name as it is compared: no case, spaces as underscores."""
    return "_".join(column.strip().lower().split())


def kind_of_columns(columns: Mapping[str, str]) -> str:
    """Return the kind of rows whose roles these are.

    Raises:
        ConfigError: no kind has just these roles.
    """
    for kind, roles in ROLES.items():
        if set(roles) == set(columns):
            return kind
    known = "; ".join(", ".join(roles) for roles in ROLES.values())
    raise ConfigError("columns", f"these roles make no rows together: {', '.join(sorted(columns))[:60]}; choose one of: {known}.")


def check_columns(columns: Mapping[str, str], have: Sequence[str], where: str) -> dict[str, str]:
    """Return the choice with each column as the table writes it.

    Raises:
        DataError: the table lacks a column; the message names those it has.
        ConfigError: one column was chosen for two roles.
    """
    by_name = {as_name(column): column for column in have}
    found = {}
    for role, column in columns.items():
        exact = column if column in have else by_name.get(as_name(column))
        if exact is None:
            raise DataError(
                f"{where} has no column {column[:40]}; it has {', '.join(have)[:120]}: choose one of these as {role[:20]}."
            )
        found[role] = exact
    if len(set(found.values())) < len(found):
        raise ConfigError("columns", "one column was chosen twice; choose another one for each role.")
    return found


def guess_columns(head: pa.Table, where: str) -> dict[str, str]:
    """Guess which column is what: by name where all roles of a kind are named, else by what the first rows hold.

    Raises:
        DataError: there is no column of texts.
    """
    by_name = {as_name(column): column for column in reversed(head.column_names)}
    for roles in KNOWN_NAMES.values():
        found = {role: next((by_name[name] for name in names if name in by_name), None) for role, names in roles.items()}
        columns = {role: column for role, column in found.items() if column is not None}
        if len(columns) == len(roles) == len(set(columns.values())):
            return _as_nli(columns) if "score" in columns and _are_nli_labels(head[columns["score"]]) else columns
    return _guess_by_content(head, where)


def _as_nli(scored: Mapping[str, str]) -> dict[str, str]:
    return dict(zip(ROLES[NLI_ROWS], scored.values(), strict=True))


def _guess_by_content(head: pa.Table, where: str) -> dict[str, str]:
    filled = [name for name in head.column_names if head[name].null_count < len(head)]
    told = [name for name in filled if not (BESIDE.search(as_name(name)) or _counts_up(head[name]))] or filled
    numbers = [name for name in told if _are_numbers(head[name])]
    classes = [name for name in told if name not in numbers and _are_classes(head[name])]
    texts = [name for name in told if name not in numbers and name not in classes]
    if not texts and classes:
        # A few short texts look like classes: the longest of them are the texts.
        texts = [max(classes, key=lambda name: _total_length(head[name]))]
        classes.remove(texts[0])
    if not texts:
        raise DataError(f"{where} has no column of texts (columns: {', '.join(head.column_names)[:100] or 'none'}); add one.")
    # Of many, the two that say most; never a negative: whether a text is wrong, only the person knows.
    longest = sorted(texts, key=lambda name: -_total_length(head[name]))[:2]
    texts = [name for name in texts if name in longest]
    labels = [name for name in (*classes, *numbers) if _are_nli_labels(head[name])]
    if len(texts) == 2 and labels:
        return {"premise": texts[0], "hypothesis": texts[1], "label": labels[0]}
    if len(texts) == 2 and numbers:
        return {"sentence1": texts[0], "sentence2": texts[1], "score": numbers[0]}
    if len(texts) == 2:
        return dict(zip(ROLES[PAIR_ROWS], texts, strict=True))
    if classes or numbers:
        return {"text": texts[0], "label": (classes or numbers)[0]}
    return {"text": texts[0]}


def _total_length(column: pa.ChunkedArray) -> int:
    return int(pc.sum(pc.utf8_length(column)).as_py() or 0)


def _counts_up(column: pa.ChunkedArray) -> bool:
    """Tell whether a column numbers the rows: whole numbers, none twice."""
    values = column.drop_null()
    return (
        len(values) >= FEWEST_TO_COUNT
        and len(values.unique()) == len(values)
        and all(value.strip().isdigit() for value in values.to_pylist())
    )


def _are_numbers(column: pa.ChunkedArray) -> bool:
    return all(NUMBER.fullmatch(value) for value in column.drop_null().to_pylist())


def _are_classes(column: pa.ChunkedArray) -> bool:
    """Tell whether values are names of classes: short, and each given several times."""
    values = column.drop_null()
    distinct = len(values.unique())
    return (
        len(values) >= 4
        and distinct * 2 <= len(values)
        and distinct <= MOST_CLASSES
        and pc.max(pc.utf8_length(values)).as_py() <= 60
    )


def _are_nli_labels(column: pa.ChunkedArray) -> bool:
    values = {value.strip().lower() for value in column.drop_null().to_pylist()} - set(NO_LABEL)
    # 0 and 1 alone may be a score; three numbers are labels.
    return values <= NLI_NUMBERS.keys() and (
        values & set(NLI_LABELS) != set() or len({NLI_NUMBERS[value] for value in values}) == 3
    )
