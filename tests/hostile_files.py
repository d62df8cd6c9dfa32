"""Files that lie, break off, nest or unfold without an end: made as small as what they stand for allows."""

import io
import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import pyarrow.parquet

LONG = "x" * 150_000


def written(table: pa.Table, **how: Any) -> bytes:
    out = io.BytesIO()
    pa.parquet.write_table(table, out, **({"compression": "zstd"} | how))
    return out.getvalue()


def listed() -> bytes:
    """Return thirty gigabytes in a hundred kilobytes: one text, and its number 200,000 times."""
    cells = pa.DictionaryArray.from_arrays(pa.array([0] * 200_000, pa.int32()), [LONG])
    return written(pa.table({"anchor": cells, "positive": pa.array(["b"] * 200_000)}))


def shared_beginnings() -> bytes:
    """Return texts of which each says only how it goes on after the one before."""
    table = pa.table({"anchor": [LONG + str(row) for row in range(50)], "positive": ["b"] * 50})
    return written(table, use_dictionary=False, column_encoding={"anchor": "DELTA_BYTE_ARRAY"})


def repeated() -> bytes:
    """Return fifteen megabytes that shrink to a few kilobytes."""
    return written(pa.table({"anchor": [LONG] * 100, "positive": ["b"] * 100}), use_dictionary=False)


def with_a_page_of(size: bytes) -> bytes:
    """Return a file whose first page says that it unfolds to something else; numbers are written as Thrift writes them."""
    content = written(pa.table({"anchor": ["a"] * 9}), use_dictionary=False, compression="none", write_statistics=False)
    # The head: field 1 (kind 0), field 2 (bytes unfolded), and so on.
    assert content[:7] == b"PAR1\x15\x00\x15" and content[7] < 0x80
    return content[:7] + size + content[8:]


def with_rows(count: int) -> bytes:
    """Return a file whose footer says more rows than it has."""
    content = written(pa.table({"anchor": ["a", "b"]}), compression="none")
    start = content.rindex(b"\x16\x04")
    return content[:start] + b"\x16" + bytes([2 * count]) + content[start + 2 :]


def nested(deep: int) -> str:
    return '{"text": ' + '{"a": ' * deep + "1" + "}" * deep + "}"


def zip_of_a_table() -> bytes:
    return b"PK\x03\x04" + bytes(60)


# What is made of it: a part of the refusal, or None where it may be read as the texts that it holds.
FILES: Mapping[str, tuple[str, Callable[[], str | bytes], str | None]] = MappingProxyType(
    {
        "parquet: one text 200,000 times": ("a.parquet", listed, "unfolds to more than 20 times"),
        "parquet: texts that share their beginnings": ("a.parquet", shared_beginnings, None),
        "parquet: what shrinks too well": ("a.parquet", repeated, "unfolds to more than 20 times"),
        "parquet: a page of less than nothing": ("a.parquet", lambda: with_a_page_of(b"\x01"), "damaged Parquet"),
        "parquet: a page of two gigabytes": ("a.parquet", lambda: with_a_page_of(b"\xfe\xff\xff\xff\x0f"), "unfolds to more"),
        "parquet: a size without an end": ("a.parquet", lambda: with_a_page_of(b"\xff" * 12), "damaged Parquet"),
        "parquet: more rows than it has": ("a.parquet", lambda: with_rows(60), ""),
        "parquet: a footer and nothing else": ("a.parquet", lambda: b"PAR1" + b"\xff\xff\xff\x7fPAR1", "damaged Parquet"),
        "parquet: half of it": ("a.parquet", lambda: written(pa.table({"anchor": ["a"] * 99}))[:150], "damaged Parquet"),
        "parquet: two thousand columns": (
            "a.parquet", lambda: written(pa.table({f"c{place}": ["a"] for place in range(2_000)})), "1,000 are the most",
        ),
        "parquet: named as another file": ("a.csv", listed, "unfolds to more than 20 times"),
        "json: a hundred thousand lists": ("a.json", lambda: "[" * 100_000 + "]" * 100_000, "no JSON object"),
        "json: fifty thousand records in each other": ("a.jsonl", lambda: nested(50_000), "no JSON object"),
        "json: a number of five thousand digits": ("a.jsonl", lambda: '{"text": ' + "9" * 5_000 + "}", "no JSON object"),
        "json: numbers beyond all numbers": (
            "a.jsonl", lambda: '{"sentence1": "a", "sentence2": "b", "score": 1e999}\n' * 9, "the score is empty or no number",
        ),
        "json: no number": (
            "a.jsonl", lambda: '{"sentence1": "a", "sentence2": "b", "score": NaN}\n' * 9, "the score is empty or no number",
        ),
        "json: two thousand names": ("a.jsonl", lambda: json.dumps({f"c{at}": "a" for at in range(2_000)}), "1,000 are the most"),
        "json: a line of 17 MB": ("a.jsonl", lambda: '{"text": "' + "x" * 17_500_000 + '"}', "larger than 16 MB"),
        "json: half a letter": ("a.jsonl", lambda: '{"anchor": "\\ud800", "positive": "b"}\n' * 9, None),
        "csv: twenty thousand columns": ("a.csv", lambda: "a," * 20_000 + "\n" + "b," * 20_000, "1,000 are the most"),
        "csv: a quote that is never closed": ("a.csv", lambda: 'anchor,positive\n"a,b\n' + "c,d\n" * 99, "never closed"),
        "csv: a cell of 300,000 letters": ("a.csv", lambda: f"anchor,positive\na,{LONG * 2}\n", "200,000 are the most"),
        "csv: zero bytes": ("a.csv", lambda: b"anchor,positive\n\0\0\0,b\n" * 9, "no text file"),
        "csv: a score beyond all numbers": (
            "a.csv", lambda: "sentence1,sentence2,score\n" + "a,b,1e999\n" * 9, "write them from 0 to 1",
        ),
        "csv: formulas": ("a.csv", lambda: 'anchor,positive\n"=HYPERLINK(""http://x"")",@SUM(1)\n+1,-1|cmd\n' * 3, None),
        "csv: scripts": ("a.csv", lambda: "anchor,positive\n<script>alert(1)</script>,<img src=x onerror=alert(1)>\n" * 3, None),
        "a zip": ("a.csv", zip_of_a_table, "a zip archive"),
        "a gzip": ("a.jsonl", lambda: b"\x1f\x8b\x08" + bytes(60), "a gzip archive"),
        "a program": ("a.txt", lambda: b"\x7fELF\x02\x01\x01" + bytes(200), "no text file"),
        "a pickle": ("a.csv", lambda: b"\x80\x04\x95" + bytes(60), "no text file"),
        "nothing": ("a.csv", lambda: "", "is empty"),
    }
)  # fmt: skip
