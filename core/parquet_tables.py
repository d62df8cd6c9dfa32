"""Files of Parquet: typed columns, read as texts."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from core.errors import DataError
from core.table_layout import CHUNK_ROWS, TableLayout, distinct_names, leave_out_nested


def look_into_parquet(table: TableLayout) -> None:
    """Find the columns that are not nested.

    Raises:
        DataError: the file is damaged, or has nested columns only.
    """
    try:
        schema = pa.parquet.read_schema(table.path)
    except (pa.ArrowException, OSError, ValueError):
        raise DataError(f"{table.where} is a damaged Parquet file; save it again.") from None
    table.columns = distinct_names(_flat_columns(schema))
    leave_out_nested(table, [name for name, kind in zip(schema.names, schema.types, strict=True) if pa.types.is_nested(kind)])


def _flat_columns(schema: pa.Schema) -> list[str]:
    return [name for name, kind in zip(schema.names, schema.types, strict=True) if not pa.types.is_nested(kind)]


def parquet_chunks(table: TableLayout) -> Iterator[pa.Table]:
    """Yield the rows in order, values written as texts."""
    with pa.parquet.ParquetFile(table.path) as file:
        for batch in file.iter_batches(CHUNK_ROWS, columns=_flat_columns(file.schema_arrow)):
            yield pa.table({name: _as_text(column) for name, column in zip(table.columns, batch.columns, strict=True)})


def _as_text(column: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    try:
        # Some programs write texts as bytes.
        texts = pc.cast(column, pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return pa.nulls(len(column), pa.string())
    return pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)
