"""The two texts of scored pairs, read again where they lie: a score's record holds numbers only. Loads no torch."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from core.errors import DataError, MissingDataError
from core.places import Places
from core.prepared import PREPARED
from core.rows import Asked, load_rows
from core.runs import HELD_OUT
from core.sources import fingerprint, is_here

Texts = Sequence[Sequence[str]]
COLUMNS = ["sentence1", "sentence2"]


def read_pair_texts(record: Mapping[str, Any], places: Places, max_rows: int | None = None) -> Texts:
    """Return the texts of the pairs that a record scored, (pairs, 2), in its order.

    Args:
        record: a score's; its `data_sha256`, or for the held-out part its `folder`, names the very pairs.
        places: where the data is looked for.
        max_rows: as it was scored with.

    Raises:
        DataError: they are not in a file here, or are other ones now.
    """
    if record["data"] == HELD_OUT:
        return _held_out(str(record["folder"]), places)
    data, _, split = str(record["data"]).rpartition("/")
    if not is_here(data, split, places):
        raise MissingDataError("The texts of these pairs are in no file here any more, so only their numbers are shown.")
    sha256, texts = _read(f"{data}/{split}", max_rows, places, fingerprint(data, split, places))
    if sha256 != record.get("data_sha256"):
        raise DataError("The data has changed since it was scored, so only the numbers are shown; score it again to read pairs.")
    return texts


def _held_out(folder: str, places: Places) -> Texts:
    assert places.runs_dir is not None
    try:
        frame = pd.read_parquet(places.runs_dir / PREPARED / folder / "held-out.parquet")
    except OSError:
        raise MissingDataError(
            "The held-out part was removed since, so only its numbers are shown; train again to have it."
        ) from None
    return _texts_of(frame)


def _texts_of(frame: pd.DataFrame) -> Texts:
    return list(zip(*(frame[column].tolist() for column in COLUMNS), strict=True))


@functools.lru_cache(maxsize=4)
def _read(name: str, max_rows: int | None, places: Places, mark: str) -> tuple[str, Texts]:
    """Read pairs once for each state of their file, which `mark` names: every click on a point asks for one of them."""
    data, _, split = name.rpartition("/")
    rows = load_rows(Asked(data, split, max_rows=max_rows), places)
    return rows.sha256, _texts_of(rows.frame) if set(COLUMNS) <= set(rows.frame) else []
