"""A file as a table of texts: what it is, how it is encoded and cut into cells, and its rows in chunks.

Every cell becomes text or nothing; what the texts mean is for `core.columns`. Memory holds one chunk at a time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from core.csv_tables import csv_chunks, look_into_csv, text_chunks
from core.encodings import encoding_of
from core.errors import DataError
from core.json_tables import is_json, json_chunks, look_into_json
from core.parquet_tables import look_into_parquet, parquet_chunks
from core.table_layout import HEAD_BYTES, TableLayout

FILE_ENDINGS = (".csv", ".tsv", ".jsonl", ".json", ".parquet", ".txt")
MOST_CELL_CHARACTERS = 200_000
# Texts that are written once and meant often shrink to a twentieth; what unfolds to far more is no honest table.
MOST_TIMES, ON_TOP_BYTES = 20, 64 << 20
ARCHIVES = {b"PK\x03\x04": "a zip archive (Excel files are such archives too)", b"\x1f\x8b": "a gzip archive", b"%PDF": "a PDF"}


@dataclass
class TableFile(TableLayout):
    """One file, looked into, whose rows can be read."""

    rows_read: int = 0
    bytes_read: int = 0

    def chunks(self) -> Iterator[pa.Table]:
        """Yield the rows in order as tables of text columns.

        Raises:
            DataError: the file is broken; the message names the row where that is known.
        """
        self.skipped.clear()
        self.rows_read = self.bytes_read = 0
        read = {"csv": csv_chunks, "text": text_chunks, "json": json_chunks, "parquet": parquet_chunks}[self.form]
        try:
            for table in read(self):
                self._check_unfolding(table)
                self._check_cells(table)
                self.rows_read += len(table)
                yield table
                if self.skipped and len(self.skipped) > self.rows_read:
                    raise self._ragged()
        except DataError:
            raise
        except (ValueError, OSError, TypeError, pa.ArrowException, RecursionError) as error:
            raise self._broken(error) from None
        if self.skipped and len(self.skipped) > self.rows_read:
            raise self._ragged()

    def row_number(self, index: int) -> int:
        """Return the number, from 1, that a row read as the `index`-th (from 0) has in the file."""
        number = index + 1
        for skipped in self.skipped:
            number += skipped <= number
        return number

    def _check_unfolding(self, table: pa.Table) -> None:
        self.bytes_read += table.nbytes
        if self.bytes_read > MOST_TIMES * self.path.stat().st_size + ON_TOP_BYTES:
            raise DataError(
                f"{self.where} unfolds to more than {MOST_TIMES} times its size after row {self.rows_read:,}; "
                "take out rows that say the same, or cut it."
            )

    def _check_cells(self, table: pa.Table) -> None:
        for name in table.column_names:
            lengths = pc.utf8_length(table[name])
            if (pc.max(lengths).as_py() or 0) > MOST_CELL_CHARACTERS:
                index = pc.index(lengths, pc.max(lengths)).as_py()
                raise DataError(
                    f"{self.where}, row {self.row_number(self.rows_read + index)}, column {name[:40]}: the cell holds "
                    f"{lengths[index].as_py():,} characters and {MOST_CELL_CHARACTERS:,} are the most; "
                    "look for a quote that is never closed, or split the text."
                )

    def _broken(self, error: Exception) -> DataError:
        if isinstance(error, UnicodeDecodeError):
            return DataError(f"{self.where} changes its encoding in the middle; save it again as UTF-8.")
        if isinstance(error, pa.ArrowInvalid) and "straddling" in str(error):
            return DataError(
                f"{self.where}, after row {self.rows_read}: a quote is opened and never closed, or a cell is larger than "
                f"{self.block_bytes >> 20} MB; close the quote or shorten the cell."
            )
        # The parser's own words could hold a user's text: name the kind of fault only.
        return DataError(
            f"{self.where} cannot be read after row {self.rows_read} ({type(error).__name__}); "
            "save it again as CSV with a header."
        )

    def _ragged(self) -> DataError:
        delimiter = "tabs" if self.delimiter == "\t" else repr(self.delimiter)
        return DataError(
            f"{self.where}, row {self.skipped[0]}: this and most other rows have more or fewer cells than the header's "
            f"{len(self.columns)}; put texts that hold {delimiter} or line breaks in quotes."
        )


def look_into(path: Path, where: str) -> TableFile:
    """Find out what a file is by its content: form, encoding, delimiter, header and columns.

    Reads its head only; of a Parquet file the heads of its pages.

    Raises:
        DataError: it is empty, an archive, binary, or has no columns; the sentence says what to do.
    """
    try:
        return _look_into(path, where)
    except UnicodeError:
        raise DataError(f"{where} changes its encoding in the middle; save it again as UTF-8.") from None
    except OSError as error:
        raise DataError(f"{where} cannot be opened ({error.strerror or type(error).__name__}); check the file.") from None


def _look_into(path: Path, where: str) -> TableFile:
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    for magic, what in ARCHIVES.items():
        if head.startswith(magic):
            raise DataError(f"{where} is {what}, not a table; take the file out of it, or save the sheet as CSV.")
    if head.startswith(b"PAR1"):
        table = TableFile(path, where, "parquet", [])
        look_into_parquet(table)
        return table
    ending = path.suffix.lower()
    if ending == ".parquet":
        raise DataError(f"{where} is no Parquet file, or a damaged one; save it again, or give it the ending of what it is.")
    encoding, notes = encoding_of(path, where)
    text = head.decode(encoding, errors="ignore").lstrip("\ufeff")
    if not text.strip():
        raise DataError(f"{where} is empty; it needs rows.")
    table = TableFile(path, where, "csv", [], encoding, notes=notes)
    if ending in (".json", ".jsonl") or is_json(text):
        table.form = "json"
        look_into_json(table)
    elif ending == ".txt":
        table.form, table.columns = "text", ["text"]
    else:
        look_into_csv(table, text)
    return table
