"""How many tokens a batch is padded to: the longest text of it, from how long the texts are."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.prompts import prompt_for

Lengths = Mapping[int, int]
CHARACTERS_A_TOKEN = 4
# Where no text was measured: about a sentence of SNLI.
UNMEASURED: Lengths = {32: 1}


def longest_of(lengths: Lengths, draws: int) -> float:
    """Return the expected length of the longest of so many texts, drawn with replacement; `lengths` counts texts by length.

    The longest is at most v with the probability F(v)^draws, F being the share of texts that have v tokens or less.
    """
    values = np.array(sorted(lengths), dtype=float)
    counts = np.array([lengths[int(value)] for value in values], dtype=float)
    at_most = (np.cumsum(counts) / counts.sum()) ** max(1, draws)
    return float(values @ np.diff(at_most, prepend=0.0))


@dataclass(frozen=True)
class ColumnLengths:
    """The lengths of each column's texts, in tokens as the model reads them: with prompt, and cut."""

    columns: tuple[Lengths, ...]

    def padded(self, batch_size: int, texts_seen: int) -> tuple[int, ...]:
        """Return to how many tokens each column is padded in the largest batch of a run that sees so many texts a column.

        Columns hardly ever have their longest texts in one batch: the one that grows most does, the others are as usual.
        """
        usual = [longest_of(lengths, batch_size) for lengths in self.columns]
        most = [longest_of(lengths, max(batch_size, texts_seen)) for lengths in self.columns]
        growths = [after - before for before, after in zip(usual, most, strict=True)]
        grown = growths.index(max(growths))
        return tuple(math.ceil(most[place] if place == grown else usual[place]) for place in range(len(usual)))

    def joined(self, limit: int | None) -> "ColumnLengths":
        """Return the lengths of rows whose texts are read at once, as if a long text came with a long one."""
        joint: dict[int, int] = {}
        for length, count in self.columns[0].items():
            whole = length * len(self.columns)
            read = min(whole, limit or whole)
            joint[read] = joint.get(read, 0) + count
        return ColumnLengths((joint,))


def column_lengths(
    counts: Mapping[str, int], columns: Sequence[str], prompts: Mapping[str, str], limit: int | None
) -> ColumnLengths:
    """Return each column's lengths, from the counts of texts by length in a prepared file's report: uncut and without prompts.

    The report counts all columns together. Where one is shorter than another this reckons up to a fifth too much.
    """
    counted = {int(length): count for length, count in counts.items()} or UNMEASURED
    found = []
    for column in columns:
        more = math.ceil(len(prompt_for(column, prompts)) / CHARACTERS_A_TOKEN)
        cut: dict[int, int] = {}
        for length, count in counted.items():
            read = min(length + more, limit or length + more)
            cut[read] = cut.get(read, 0) + count
        found.append(cut)
    return ColumnLengths(tuple(found))
