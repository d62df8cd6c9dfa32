"""Chunks of a table, whose columns are known, as clean rows of one kind."""

from collections.abc import Callable, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from core.columns import NLI_NUMBERS, NO_LABEL, as_name, kind_of_columns
from core.errors import DataError
from core.examples import LABELLED_ROWS, NLI_LABELS, ROLES, VALUE_ROLES

# Says which row of the file, counted from 1, the one at an index of a chunk is.
RowNumber = Callable[[int], int]

SCORE_TOPS = (1.0, 5.0, 10.0, 100.0)
# Grades such as 0 to 3 or 1 to 7 are whole numbers; a rating that happens to end at 4.0 is not taken for one.
GRADE_TOPS = (2.0, 3.0, 4.0, 7.0)


class RowReader:
    """Turns chunks of a table into clean rows of one kind, and counts what was left out and why.

    Texts lose the white space around them. An NLI label is read as word or number; -1 is none. Scores stay as they are until
    `scale` knows the greatest.
    """

    def __init__(self, columns: Mapping[str, str], where: str) -> None:
        self.columns = dict(columns)
        self.kind = kind_of_columns(columns)
        self.dropped: dict[str, int] = {}
        self._where = where

    def read(self, chunk: pa.Table, row_number: RowNumber) -> pa.Table:
        """Return a chunk's clean rows, columns named by their roles; a column `topic` comes along.

        Raises:
            DataError: a label or a score cannot be read; the message names file, row and column.
        """
        rows, keep, unlabelled = {}, pa.array([True] * len(chunk), pa.bool_()), None
        for role in ROLES[self.kind]:
            column = chunk[self.columns[role]].combine_chunks()
            if role in VALUE_ROLES:
                rows[role] = self._values(role, column, row_number)
                unlabelled = pc.is_null(rows[role])
            else:
                rows[role] = pc.fill_null(pc.utf8_trim_whitespace(column), "")
                keep = pc.and_(keep, pc.not_equal(rows[role], ""))
        if unlabelled is not None:
            self._count("no label", unlabelled)
            self._count("an empty text", pc.and_(pc.invert(unlabelled), pc.invert(keep)))
            keep = pc.and_(keep, pc.invert(unlabelled))
        else:
            self._count("an empty text", pc.invert(keep))
        topic = next(
            (name for name in chunk.column_names if as_name(name) == "topic" and name not in self.columns.values()), None
        )
        if topic is not None:
            rows["topic"] = pc.fill_null(chunk[topic].combine_chunks(), "")
        return pa.table(rows).filter(keep)

    def _count(self, why: str, rows: pa.Array) -> None:
        count = pc.sum(rows).as_py() or 0
        if count:
            self.dropped[why] = self.dropped.get(why, 0) + count

    def _values(self, role: str, column: pa.Array, row_number: RowNumber) -> pa.Array:
        if role == "score":
            return self._scores(column, row_number)
        words = pc.fill_null(pc.utf8_trim_whitespace(column), "")
        if self.kind == LABELLED_ROWS:
            return pc.if_else(pc.is_in(words, pa.array(["", "-1"])), pa.scalar(None, pa.string()), words)
        words = pc.utf8_lower(words)
        known = pa.array(list(NLI_NUMBERS))
        places = pc.index_in(words, known)
        unknown = pc.and_(pc.is_null(places), pc.invert(pc.is_in(words, pa.array(NO_LABEL))))
        if pc.any(unknown).as_py():
            index = pc.index(unknown, True).as_py()
            raise DataError(
                f"{self._at(index, role, row_number)}: the label '{words[index].as_py()[:30]}' is not known; "
                f"write {', '.join(NLI_LABELS)} or 0, 1, 2 (-1 for none), or choose other columns."
            )
        return pc.take(pa.array(list(NLI_NUMBERS.values()), pa.int64()), places)

    def _scores(self, column: pa.Array, row_number: RowNumber) -> pa.Array:
        words = pc.fill_null(pc.utf8_trim_whitespace(column), "")
        # A decimal comma is how half of Europe writes it.
        words = pc.replace_substring(words, ",", ".")
        truths = {"true": "1", "false": "0"}
        for word, number in truths.items():
            words = pc.if_else(pc.equal(pc.utf8_lower(words), word), number, words)
        fits = pc.match_substring_regex(words, r"^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,3})?$")
        if pc.any(pc.invert(fits)).as_py():
            index = pc.index(fits, False).as_py()
            raise DataError(
                f"{self._at(index, 'score', row_number)}: the score is empty or no number; fill it in, take the row out, "
                "or choose other columns."
            )
        return pc.cast(words, pa.float64())

    def _at(self, index: int, role: str, row_number: RowNumber) -> str:
        return f"{self._where}, row {row_number(index)}, column {self.columns[role][:40]}"

    def scale(self, scores: pa.ChunkedArray) -> tuple[pa.ChunkedArray, tuple[str, ...]]:
        """Scale scores to 0..1 by the top of their range: 1, 5, 10 or 100, or 2, 3, 4 or 7 for whole grades; the note names it.

        Raises:
            DataError: they lie outside of every range.
        """
        low, high = pc.min(scores).as_py(), pc.max(scores).as_py()
        if low < 0 or high > SCORE_TOPS[-1]:
            raise DataError(
                f"{self._where}, column {self.columns['score'][:40]}: scores go from {low:g} to {high:g}; "
                "write them from 0 to 1, 5, 10 or 100."
            )
        whole = pc.all(pc.equal(scores, pc.floor(scores))).as_py()
        top = high if whole and high in GRADE_TOPS else next(top for top in SCORE_TOPS if high <= top)
        # STSB is rated 0 to 5; losses and evaluators expect 0 to 1.
        return pc.divide(scores, top), () if top == 1 else (f"scores divided by {top:g}",)
