"""Records as one Parquet file: a column a field, each of one type, written a group of rows at a time."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

from lamplighter.errors import LamplighterError
from lamplighter.export.lines import read_records, whole_file
from lamplighter.export.values import Kind, clean_text, json_text, kinds_of

PARQUET = "records.parquet"
# A group is held in memory, so it is bounded by its cells too: 1,000 columns must not cost 1,000 times as much.
_ROWS_OF_GROUP = 20_000
_CELLS_OF_GROUP = 1_000_000


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

    kinds = kinds_of(read_records(records))
    types = {
        Kind.BOOLEAN: pa.bool_(),
        Kind.INTEGER: pa.int64(),
        Kind.NUMBER: pa.float64(),
    }
    names = list(columns)
    schema = pa.schema([(clean_text(name), types.get(kinds[name], pa.string())) for name in names])
    with whole_file(target) as out, pq.ParquetWriter(out, schema, compression="zstd") as writer:
        for group in _groups(read_records(records), len(names)):
            arrays = [
                pa.array(map(_CELLS[kinds[name]], (record.get(name) for record in group)), kind.type)
                for name, kind in zip(names, schema, strict=True)
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))


def _groups(records: Iterator[Mapping[str, Any]], width: int) -> Iterator[list[Mapping[str, Any]]]:
    rows = max(1, min(_ROWS_OF_GROUP, _CELLS_OF_GROUP // max(1, width)))
    while group := list(islice(records, rows)):
        yield group


def _as_it_is(value: Any) -> Any:
    return value


def _as_number(value: Any) -> float | None:
    return None if value is None else float(value)


def _as_text(value: Any) -> str | None:
    return None if value is None else clean_text(value)


def _as_json(value: Any) -> str | None:
    return None if value is None else clean_text(json_text(value))


_CELLS: Mapping[Kind, Callable[[Any], Any]] = {
    Kind.EMPTY: _as_it_is,
    Kind.BOOLEAN: _as_it_is,
    Kind.INTEGER: _as_it_is,
    Kind.NUMBER: _as_number,
    Kind.TEXT: _as_text,
    Kind.JSON: _as_json,
}
