"""Files of Parquet: typed columns, read as texts."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from core.errors import DataError
from core.parquet_pages import MOST_TOGETHER_BYTES, TooWideError, unfolding_of
from core.table_layout import CHUNK_ROWS, TableLayout, distinct_names, leave_out_nested, refuse_many_columns

# Of these bytes at once; a row is read alone where it takes more. A list's texts may be long, each of them many times.
BLOCKS_AT_ONCE, FEW_ROWS = 4, 64


def look_into_parquet(table: TableLayout) -> None:
    """Find the columns that are not nested.

    Raises:
        DataError: the file is damaged, has nested columns only, or unfolds to more than any honest one.
    """
    try:
        schema = pa.parquet.read_schema(table.path)
        refuse_many_columns(table.where, len(schema.names))
        names = _flat_columns(schema)
        unfolding_of(table.path, names)
    except TooWideError:
        raise DataError(
            f"{table.where} unfolds to more than {MOST_TOGETHER_BYTES >> 20} MB at once; write it with smaller pages (one MB is "
            "usual) or with fewer columns."
        ) from None
    except (pa.ArrowException, OSError, ValueError):
        raise DataError(f"{table.where} is a damaged Parquet file; save it again.") from None
    table.columns = distinct_names(names)
    leave_out_nested(table, [name for name, kind in zip(schema.names, schema.types, strict=True) if pa.types.is_nested(kind)])


def _flat_columns(schema: pa.Schema) -> list[str]:
    return [name for name, kind in zip(schema.names, schema.types, strict=True) if not pa.types.is_nested(kind)]


def parquet_chunks(table: TableLayout) -> Iterator[pa.Table]:
    """Yield the rows in order, values written as texts; so many at once as fit into some blocks."""
    most = BLOCKS_AT_ONCE * table.block_bytes
    names = _flat_columns(pa.parquet.read_schema(table.path))
    unfolding = unfolding_of(table.path, names)
    rows = max(1, min(CHUNK_ROWS, int(most / max(1.0, unfolding.bytes_a_row))))
    # As numbers of their lists, cells stay small until it is known how long they are.
    with pa.parquet.ParquetFile(table.path, read_dictionary=list(unfolding.listed)) as file:
        for batch in file.iter_batches(rows, columns=names):
            step = FEW_ROWS if sum(map(_written_out, batch.columns)) > most else len(batch)
            for start in range(0, len(batch), max(1, step)):
                texts = [_as_text(column.slice(start, step)) for column in batch.columns]
                yield pa.table(dict(zip(table.columns, texts, strict=True)))


def _written_out(column: pa.Array) -> int:
    """Return how many bytes a column's cells take once each stands for itself."""
    if not pa.types.is_dictionary(column.type):
        return int(column.nbytes)
    try:
        lengths = pc.binary_length(column.dictionary)
    except pa.ArrowNotImplementedError:  # a list of numbers
        return int(column.nbytes)
    return int(pc.sum(lengths.take(column.indices)).as_py() or 0)


def _as_text(column: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    try:
        # Some programs write texts as bytes.
        texts = pc.cast(column, pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return pa.nulls(len(column), pa.string())
    return pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)
