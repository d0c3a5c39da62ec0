"""Records as one Parquet file: a column a field, each of one type, written a group of rows at a time."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lamplighter.errors import LamplighterError
from lamplighter.export.lines import checked_batches, whole_file
from lamplighter.export.values import Kind, clean_text, json_text, kinds_of, most_rows

PARQUET = "records.parquet"
_SIZE_OF_GROUP = 4 * 1024**2  # bytes of JSON: a group of rows is held in memory


class ParquetMissing(LamplighterError):
    """The library that writes Parquet is not installed."""

    code = "parquet_missing"


def write_parquet(records: Path, target: Path, columns: Sequence[str]) -> None:
    """Write the records as Parquet with these columns, whole or not at all; memory stays flat.

    A column is boolean, int64, float64 or text when all its values are; a column of nested or differing values
    is text with the JSON of each. Raises ``ParquetMissing`` without pyarrow.
    """
    if find_spec("pyarrow") is None:
        raise ParquetMissing("parquet needs lamplighter[parquet]: pip install 'lamplighter[parquet]'")
    import pyarrow as pa  # here, because it is an extra
    import pyarrow.parquet as pq

    kinds = kinds_of(checked_batches(records))
    types = {
        Kind.BOOLEAN: pa.bool_(),
        Kind.INTEGER: pa.int64(),
        Kind.NUMBER: pa.float64(),
    }
    names = list(columns)
    schema = pa.schema([(clean_text(name), types.get(kinds[name], pa.string())) for name in names])
    with whole_file(target) as out, pq.ParquetWriter(out, schema, compression="zstd") as writer:
        for group in checked_batches(records, most_rows(len(names)), _SIZE_OF_GROUP):
            columns_of_group = (_cells([record.get(name) for record in group], kinds[name]) for name in names)
            arrays = [
                pa.array(cells, kind) for cells, kind in zip(columns_of_group, schema.types, strict=True)
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))


def _cells(values: list[Any], kind: Kind) -> list[Any]:
    """The values as a column of this kind takes them; those of most kinds it takes as they are."""
    if kind is Kind.JSON:
        return [None if value is None else clean_text(json_text(value)) for value in values]
    if kind is Kind.TEXT and not all(text.isascii() for text in values if text):
        return [None if value is None else clean_text(value) for value in values]
    return values
