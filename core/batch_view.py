"""What is shown of one batch: a matrix of cosines with marks, or points, with plain sentences and the hardest rows."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
SHOWN_ROWS, HARDEST_ROWS, SHOWN_CHARACTERS = 32, 5, 80


@dataclass(frozen=True)
class Mark:
    """Cells of a matrix that have a meaning: (row, column) from 0; `name` is its word in the legend."""

    kind: str
    name: str
    cells: list[tuple[int, int]]


@dataclass(frozen=True)
class Matrix:
    """Cosines of row texts and column texts, None where nothing is compared; `unmarked` says what a cell without mark is."""

    row_title: str
    column_title: str
    rows: list[str]
    columns: list[str]
    cosines: list[list[float | None]]
    marks: list[Mark]
    unmarked: str = ""


@dataclass(frozen=True)
class Points:
    """One point a row of the batch; `x` may be names. `line` is where points would lie if all were as wanted: two ends."""

    x_title: str
    y_title: str
    x: list[float] | list[str]
    y: list[float]
    texts: list[str]
    line: list[tuple[float, float]]


@dataclass(frozen=True)
class HardRow:
    """One of the rows that the loss finds hardest: its number in the batch from 1, its texts and its numbers by name."""

    row: int
    texts: Mapping[str, str]
    numbers: Mapping[str, float]


@dataclass(frozen=True)
class BatchView:
    """What a loss sees of one batch. `shares` are each shown row's part of its softmax on the own positive, 0..1.

    `pushes` are which candidates pull and push some anchors, as `core.pushes` has them.
    """

    picture: Matrix | Points
    sentences: list[str]
    hardest: list[HardRow]
    mean_loss: float | None = None
    shares: list[float] | None = None
    pushes: list[dict[str, Any]] | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as `look.json` holds it."""
        said = asdict(self)
        return {"matrix" if isinstance(self.picture, Matrix) else "points": said.pop("picture"), **said}


@dataclass(frozen=True)
class Batch:
    """The rows of one batch: texts and embeddings by column, (rows, dim), and what is said of them, (rows,)."""

    texts: Mapping[str, Sequence[str]]
    vectors: Mapping[str, Floats]
    values: NDArray[Any] | None = None

    def unit(self, column: str) -> Floats:
        """Return a column's embeddings at length 1."""
        return unit(self.vectors[column])

    def cosines(self, first: str, second: str) -> Floats:
        """Return the cosine of each row's two texts, (rows,)."""
        cosines: Floats = (self.unit(first) * self.unit(second)).sum(axis=1)
        return cosines


def unit(vectors: Floats) -> Floats:
    """Return vectors at length 1; those of length 0 stay."""
    lengths: Floats = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1)


def short(text: str) -> str:
    """Return the first 80 characters of a text."""
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 1]}…"


def rounded(values: Floats) -> list[Any]:
    """Return numbers to three decimals, NaN as None: no reader of JSON takes it."""
    return [
        rounded(value) if isinstance(value, np.ndarray) else None if np.isnan(value) else round(float(value), 3) + 0.0
        for value in values
    ]


def cells_of(flags: Flags) -> list[tuple[int, int]]:
    """Return where flags stand, as (row, column)."""
    return [(int(row), int(column)) for row, column in np.argwhere(flags)]


def hardest_of(hardness: Floats) -> list[int]:
    """Return the five rows of the greatest hardness, the hardest first; equal ones in the batch's order."""
    return [int(row) for row in np.argsort(-hardness, kind="stable")[:HARDEST_ROWS]]


def shown_note(rows: int, what: str = "") -> list[str]:
    """Say that a picture shows only the first rows, where that is so."""
    if rows <= SHOWN_ROWS:
        return []
    return [f"The picture shows the first {SHOWN_ROWS} of {rows} rows{what and f'; {what} over all of them'}."]
