"""What the pages of a Parquet file unfold to, by their own heads, before one of them is unfolded: a kilobyte can say a gigabyte.

Pages are walked as Arrow walks them, so that it meets no other ones. https://github.com/apache/parquet-format, "Data Pages";
their heads are structs of Thrift's compact protocol.
"""

import mmap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet

# Writers stay below 100 MB a page, most of them at one.
MOST_PAGE_BYTES, MOST_TOGETHER_BYTES, MOST_PAGES = 128 << 20, 256 << 20, 100_000
# Fields of a page's head, and of what it says of its values; the kinds of pages and of encodings that matter here.
KIND, UNFOLDED, PACKED, DATA, DATA_2 = 1, 2, 3, 5, 8
DATA_KINDS, DICTIONARY_KIND = (0, 3), 2
SHARED_BEGINNINGS, BY_NUMBER = 7, (2, 8)
MOST_FIELDS, DEEPEST = 64, 4


class TooWideError(ValueError):
    """The pages of a file take more than is read at once."""


@dataclass(frozen=True)
class Page:
    """One page: its kind, the bytes that it unfolds to, how many values it holds, and how they are written."""

    kind: int
    size: int
    values: int
    encoding: int

    @property
    def bytes_a_value(self) -> float:
        """What its values take on the average, 0 for a list; where they share their beginnings each may be the whole."""
        if self.kind not in DATA_KINDS:
            return 0.0
        return float(self.size) if self.encoding == SHARED_BEGINNINGS else self.size / max(1, self.values)

    @property
    def is_listed(self) -> bool:
        """Whether it is a list of texts, or numbers of such a list."""
        return self.kind == DICTIONARY_KIND or self.encoding in BY_NUMBER


@dataclass(frozen=True)
class Unfolding:
    """The most bytes that a row takes, and the columns whose cells are numbers of a list of texts."""

    bytes_a_row: float
    listed: tuple[str, ...]


def unfolding_of(path: Path, names: Sequence[str]) -> Unfolding:
    """Return what the named columns unfold to.

    Raises:
        TooWideError: it takes more than is read at once.
        ValueError: the file is damaged.
    """
    metadata = pa.parquet.read_metadata(path)
    widest: dict[str, float] = {}
    largest: dict[tuple[int, str], int] = {}
    listed = set()
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        for count, (part, page) in enumerate(_named_pages(content, metadata, names), 1):
            _check(page, count)
            largest[part.group, part.name] = max(largest.get((part.group, part.name), 0), page.size)
            widest[part.name] = max(widest.get(part.name, 0.0), page.bytes_a_value, part.fixed_bytes)
            if part.is_text and page.is_listed:
                listed.add(part.name)
    for group in range(metadata.num_row_groups):
        if sum(size for (number, _), size in largest.items() if number == group) > MOST_TOGETHER_BYTES:
            raise TooWideError
    return Unfolding(sum(widest.values()), tuple(sorted(listed)))


@dataclass(frozen=True)
class Part:
    """One column in one group of rows; `fixed_bytes` are those that each of its values has, however it is written."""

    group: int
    name: str
    is_text: bool
    fixed_bytes: int


def _named_pages(content: mmap.mmap, metadata: Any, names: Sequence[str]) -> Iterator[tuple[Part, Page]]:
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        for place in range(group.num_columns):
            column = group.column(place)
            if column.path_in_schema in names:
                kind = column.physical_type
                fixed = metadata.schema.column(place).length if kind == "FIXED_LEN_BYTE_ARRAY" else 0
                part = Part(number, column.path_in_schema, kind == "BYTE_ARRAY", fixed)
                yield from ((part, page) for page in _pages(content, column))


def _check(page: Page, count: int) -> None:
    if page.size < 0:
        raise ValueError("a page of less than nothing")
    if page.size > MOST_PAGE_BYTES or count > MOST_PAGES:
        raise TooWideError


def _pages(content: mmap.mmap, column: Any) -> Iterator[Page]:
    """Yield the pages of one column in one group of rows."""
    at = column.data_page_offset
    if column.has_dictionary_page and 0 < column.dictionary_page_offset < at:
        at = column.dictionary_page_offset
    end, left = at + column.total_compressed_size, column.num_values
    while at < end and left > 0:
        head = _Head(content, at)
        said = head.struct()
        about = said.get(DATA) or said.get(DATA_2) or {}
        about = about if isinstance(about, dict) else {}
        told = [said.get(KIND), said.get(UNFOLDED), said.get(PACKED), about.get(1, 0), about.get(4 if DATA_2 in said else 2, 0)]
        # A true or a number in place of one another would be no honest writer's.
        if not all(type(number) is int for number in told) or said[PACKED] < 0:
            raise ValueError("a page without a size")
        page = Page(told[0], told[1], told[3], told[4])
        yield page
        left -= page.values if page.kind in DATA_KINDS else 0
        at = head.at + said[PACKED]


class _Head:
    """Reads a struct; of its fields only numbers and structs are kept."""

    def __init__(self, content: mmap.mmap, at: int) -> None:
        self.content = content
        self.at = at

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """Return the fields by number."""
        fields: dict[int, Any] = {}
        last = 0
        for _ in range(MOST_FIELDS):
            head = self._byte()
            if not head:
                return fields
            last = last + (head >> 4) if head >> 4 else self._number()
            fields[last] = self._value(head & 15, depth)
        raise ValueError("too many fields")

    def _value(self, kind: int, depth: int) -> Any:
        match kind:
            case 1 | 2:
                return kind == 1
            case 3:
                return self._byte()
            case 4 | 5 | 6:
                return self._number()
            case 7:
                self.at += 8
            case 8:
                # Not `+=`: it would remember where it stood before the length was read.
                length = self._varint()
                self.at += length
            case 12 if depth < DEEPEST:
                return self.struct(depth + 1)
            case _:
                raise ValueError("no field of a page's head")
        return None

    def _byte(self) -> int:
        if not 0 <= self.at < len(self.content):
            raise ValueError("the file ends within a page's head")
        self.at += 1
        return self.content[self.at - 1]

    def _varint(self) -> int:
        value = 0
        for shift in range(0, 70, 7):
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise ValueError("a number without an end")

    def _number(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)
