"""What is measured on, and what decides its answer: the kind of rows, their train part, and who has seen them. Loads no torch."""

import json
from collections.abc import Mapping
from types import MappingProxyType

from core.columns import kind_of_columns
from core.data_catalogue import data_parts, row_kind_of
from core.errors import RunError
from core.examples import LABELLED_ROWS
from core.measuring import RUN, UNTOUCHED
from core.places import Places
from core.run_store import open_run
from core.sources import fingerprint, is_here, peek

# Another way of measuring is another answer: it is asked anew.
VERSION = 2
# The first set is made of the others' rows.
JOINED: Mapping[str, tuple[str, ...]] = MappingProxyType({"allnli": ("snli", "mnli")})


def kind_of_rows(data: str, split: str, places: Places, columns: Mapping[str, str] | None = None) -> str:
    """Return the kind of rows of a choice: as the columns say, else the catalogue, else the head of the file.

    Raises:
        DataError: the file is not here, or is no table.
    """
    if columns:
        return kind_of_columns(columns)
    return row_kind_of(data, split) or peek(data_parts(data)[0], split, places).kind


def reference_split(data: str, split: str, places: Places) -> str | None:
    """Return the part in which the neighbours of labelled texts are looked for, or None: then among themselves.

    Raises:
        DataError: that part's file is no table.
    """
    # A person's own file is the same one whatever split is named.
    if split == "train" or data.startswith(("file:", "upload:")) or not is_here(data, "train", places):
        return None
    return "train" if kind_of_rows(data, "train", places) == LABELLED_ROWS else None


def fitting_settings(data: str, split: str, places: Places, columns: Mapping[str, str] | None = None) -> dict[str, str | float]:
    """Return what decides the answer besides models and rows, for `task_settings`.

    Raises:
        DataError: a part's file is no table.
    """
    reference = reference_split(data, split, places)
    return {
        "version": VERSION,
        "columns": json.dumps(dict(columns or {}), sort_keys=True),
        "reference": fingerprint(data, reference, places) if reference else "",
    }


def has_seen(name: str, data: str, split: str, places: Places) -> bool:
    """Tell whether a model, or one that it began with, was trained on the rows of this very data set and split."""
    asked = _with_joined(data)
    while name.startswith((RUN, UNTOUCHED)):
        assert places.runs_dir is not None
        try:
            config = open_run(places.runs_dir, name.partition(":")[2]).config()
        except RunError:
            return False
        if name.startswith(RUN) and config.split == split and asked & _with_joined(config.data):
            return True
        name = config.base_model
    return False


def _with_joined(data: str) -> set[str]:
    parts = set(data_parts(data))
    return parts.union(*(JOINED.get(part, ()) for part in parts))
