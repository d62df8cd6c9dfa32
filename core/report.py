"""What is said of prepared examples: counts, the first rows as the page shows them, and the numbers behind its pictures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core.base_models import tokenizer_file
from core.config import RunConfig
from core.conversions import CONVERSIONS, convert, shapes_from
from core.example_choice import choices_of, negatives_of
from core.examples import (
    BINARY_PAIRS,
    DAMAGED_PAIRS,
    EXAMPLE_COLUMNS,
    LABELLED_ROWS,
    NLI_LABELS,
    NLI_ROWS,
    PLAIN_TEXTS,
    POSITIVE_PAIRS,
    SCORED_ROWS,
    TRIPLETS,
    UNLABELLED_PAIRS,
    VALUE_ROLES,
    text_roles,
)
from core.false_negatives import class_conflicts, false_negative_conflicts
from core.files import write_json
from core.places import Places
from core.recombination import count_recombined
from core.rows import Rows

PREVIEW_ROWS, PREVIEW_CHARACTERS = 20, 400
MEASURED_TEXTS = 20_000
LONGEST_MEASURED = 1024
SCORE_BINS = 20
MOST_CLASSES_SHOWN = 100


def class_names(frame: pd.DataFrame, kind: str, shape: str) -> tuple[str, ...]:
    """Return the classes' names by number, for rows that have classes or can be given some."""
    if shape == BINARY_PAIRS:
        return ("different", "alike")
    if kind == LABELLED_ROWS:
        return tuple(sorted(set(frame["label"])))
    return {NLI_ROWS: NLI_LABELS, SCORED_ROWS: ("different", "alike")}.get(kind, ())


def count_rows(config: RunConfig, rows: Rows, kept: pd.DataFrame, shape: str, examples: pd.DataFrame) -> dict[str, Any]:
    """Return how many there are of what, `kept` being the rows that are trained on."""
    return {
        "data": config.data,
        "split": config.split,
        "found": rows.found,
        "rows": len(rows.frame),
        "notes": list(rows.notes),
        "kind": rows.kind,
        "shape": shape,
        "negatives": negatives_of(config, rows.kind) if shape == TRIPLETS else "none",
        "examples": len(examples),
        "shapes": count_shapes(config, kept, rows.kind) | {shape: len(examples)},
        "rows_sha256": rows.sha256,
        "fixes": list(config.fixes),
    }


def count_shapes(config: RunConfig, frame: pd.DataFrame, kind: str) -> dict[str, int]:
    """Return how many examples of each shape the rows give; drawn or mined negatives leave as many as positive pairs at most."""
    texts = list(text_roles(kind))
    distinct = int(pd.concat([frame[column] for column in texts]).nunique())
    counts = {}
    for shape in shapes_from(kind):
        if shape in (PLAIN_TEXTS, DAMAGED_PAIRS):
            counts[shape] = distinct
        elif shape == UNLABELLED_PAIRS:
            counts[shape] = count_recombined(frame)
        elif shape == TRIPLETS and (kind, TRIPLETS) not in CONVERSIONS:
            counts[shape] = counts[POSITIVE_PAIRS]
        else:
            counts[shape] = len(convert(frame, kind, shape, choices_of(config)))
    return counts


def measure_examples(
    config: RunConfig, examples: pd.DataFrame, places: Places, classes: Mapping[str, str] | None
) -> dict[str, Any]:
    """Return what the pictures show: balance of labels, spread of scores, lengths in tokens, and conflicts in a batch.

    `classes` are the texts' classes, where the rows have some: then each text of the anchor's class is a right answer.
    """
    found: dict[str, Any] = {"lengths": token_lengths(config, examples, places)}
    if "label" in examples:
        counts = examples["label"].value_counts()
        found["labels"] = {str(label): int(count) for label, count in counts.head(MOST_CLASSES_SHOWN).items()}
        found["classes"] = int(examples["label"].max()) + 1
    if "score" in examples:
        found["scores"] = np.histogram(examples["score"], bins=SCORE_BINS, range=(0, 1))[0].tolist()
    if {"anchor", "positive"} <= set(examples):
        conflicts = false_negative_conflicts(examples) if classes is None else class_conflicts(examples["anchor"].map(classes))
        found["conflicts_by"] = "texts" if classes is None else "classes"
        found["conflicts"] = {str(conflict): count for conflict, count in conflicts.items()}
    return found


def token_lengths(config: RunConfig, examples: pd.DataFrame, places: Places) -> dict[str, int]:
    """Count texts by their length in tokens under the base model's tokenizer, uncut; of 20,000 at most, from a seeded draw."""
    from tokenizers import Tokenizer  # noqa: PLC0415  the page reads reports and needs no tokenizer

    path = tokenizer_file(config.base_model, places.runs_dir)
    if path is None:
        return {}
    texts = pd.concat([examples[column] for column in examples if column not in VALUE_ROLES], ignore_index=True)
    if len(texts) > MEASURED_TEXTS:
        texts = texts.sample(MEASURED_TEXTS, random_state=config.seed)
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    lengths = [min(len(encoded.ids), LONGEST_MEASURED) for encoded in tokenizer.encode_batch_fast(texts.tolist())]
    values, counts = np.unique(lengths, return_counts=True)
    return {str(value): int(count) for value, count in zip(values, counts, strict=True)}


def write_preview(folder: Path, shape: str, examples: pd.DataFrame, names: Sequence[str], *, kind: str, whole: bool) -> None:
    """Write the first rows as the page shows them; it never receives more. `whole` says that all rows have been read."""
    columns = list(EXAMPLE_COLUMNS[shape])
    first = examples.head(PREVIEW_ROWS)
    rows = [[_as_cell(column, first[column].iloc[place], names) for column in columns] for place in range(len(first))]
    write_json(folder / "preview.json", {"kind": kind, "shape": shape, "columns": columns, "rows": rows, "whole": whole})


def _as_cell(column: str, value: Any, names: Sequence[str]) -> str:
    if column == "label":
        return f"{int(value)} {names[int(value)]}" if int(value) < len(names) else str(int(value))
    text = f"{value:.3g}" if column == "score" else str(value)
    return text if len(text) <= PREVIEW_CHARACTERS else text[:PREVIEW_CHARACTERS] + "…"
