"""The texts of a search: read from a choice of data, each once. Loads no torch."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa

from core.columns import check_columns, guess_columns
from core.config import RunConfig
from core.data_catalogue import data_parts
from core.errors import DataError
from core.examples import VALUE_ROLES
from core.measuring import Measured
from core.places import Places
from core.prepared import weights_mark
from core.sources import HEAD_ROWS, Table, open_table

MOST_INDEXED = 100_000
TEXTS = "texts.parquet"
# Of the untouched and of the tuned model; of a model alone the first.
VECTORS = ("vectors-before.npy", "vectors-after.npy")
# Of a folder of them, among all that was measured.
INDEX_NAME = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class IndexTexts:
    """Texts in the order of their rows, each once; `repeated` were left out, and so was what came after the most (`is_cut`).

    `labels` are those of labelled texts, the first one where a text has several; else empty strings.
    """

    texts: list[str]
    labels: list[str]
    found: str
    repeated: int
    is_cut: bool

    @property
    def sha256(self) -> str:
        """What names these very texts in this order."""
        content = hashlib.sha256()
        for text in self.texts:
            said = text.encode(errors="surrogatepass")
            content.update(len(said).to_bytes(8, "little") + said)
        return content.hexdigest()


def read_texts(config: RunConfig, places: Places, tell: Callable[[int], None] = lambda count: None) -> IndexTexts:
    """Read the texts of `config.data`: those of `task_settings["column"]`, else of every column of texts.

    `task_settings["most"]` are read, 100,000 at most; `tell` hears how many there are so far.

    Raises:
        DataError: the data is not here, cannot be read, has no such column or no text.
    """
    column = str(config.task_settings.get("column") or "")
    most = max(1, min(int(config.task_settings.get("most") or MOST_INDEXED), MOST_INDEXED))
    texts: dict[str, str] = {}
    found, repeated, is_cut = [], 0, False
    for name in data_parts(config.data):
        table = open_table(name, config.split, places)
        found.append("the sample that ships with the studio" if name == "sample" else table.where)
        for text, label in () if is_cut else _texts_of(table, column):
            if text in texts:
                repeated += 1
            elif len(texts) == most:
                is_cut = True
                break
            else:
                texts[text] = label
                if len(texts) % HEAD_ROWS == 0:
                    tell(len(texts))
    if not texts:
        raise DataError(f"{' and '.join(found)} has no text there; choose another column or other data.")
    return IndexTexts(list(texts), list(texts.values()), " and ".join(found), repeated, is_cut)


def _texts_of(table: Table, column: str) -> Iterator[tuple[str, str]]:
    """Yield texts and their labels row by row, white space around them and blank ones left out."""
    columns: list[str] | None = None
    label: str | None = None
    for chunk in table.chunks():
        if columns is None and len(chunk):
            columns, label = _columns_of(table, column, chunk), _label_of(table, chunk)
        labels = chunk[label].cast(pa.string()).to_pylist() if label else [""] * len(chunk)
        for own, *row in zip(labels, *(chunk[name].to_pylist() for name in columns or ()), strict=True):
            yield from ((text.strip(), own or "") for text in row if text and text.strip())


def _label_of(table: Table, chunk: pa.Table) -> str | None:
    """Return the column of the texts' labels, where each row is one text with its label."""
    try:
        guess = guess_columns(chunk.slice(0, HEAD_ROWS), table.where)
    except DataError:
        return None
    return guess["label"] if set(guess) == {"text", "label"} else None


def _columns_of(table: Table, column: str, chunk: pa.Table) -> list[str]:
    if column:
        return [check_columns({"text": column}, table.columns, table.where)["text"]]
    return text_columns(guess_columns(chunk.slice(0, HEAD_ROWS), table.where))


def text_columns(guess: Mapping[str, str]) -> list[str]:
    """Return the columns that hold texts, of columns by role."""
    return [column for role, column in guess.items() if role not in VALUE_ROLES]


def model_mark(measured: Measured, places: Places) -> str:
    """Return what changes when a model's weights do, or how it is read: an embedding of another is worth nothing then.

    Raises:
        ModelError: the model is not here.
    """
    choice = measured.choice
    how = [choice.base_model, choice.max_seq_length, choice.pooling, dict(choice.prompts or {}), measured.seed]
    return hashlib.sha256(json.dumps([how, weights_mark(choice.base_model, places)]).encode()).hexdigest()
