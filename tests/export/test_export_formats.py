"""CSV and Parquet hold what the JSON Lines hold."""

import csv
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from export_places import BOOKS, a_delivery
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lamplighter.errors import InvalidInput
from lamplighter.export.parquet_file import PARQUET, write_parquet
from lamplighter.manifest import read_manifest

NO_SURROGATES = st.characters(codec="utf-8")
TEXTS = st.text(NO_SURROGATES, max_size=8) | st.sampled_from(
    ["=1+1", "-12.5", "+x", "@a", "\tb", "\rc", "a\r\nb"]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
VALUES = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(TEXTS, SCALARS, max_size=3)
RECORDS = st.lists(st.dictionaries(TEXTS, VALUES, max_size=5), min_size=1, max_size=8).filter(any)
# Each example makes its files anew in the same folder.
IN_ONE_FOLDER = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def columns_of(records: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for record in records for name in record))


def guarded(text: str) -> str:
    plain = re.fullmatch(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?", text)
    return "'" + text if text[:1] in {"=", "+", "-", "@", "\t", "\r"} and not plain else text


def as_cell(value: Any) -> str:
    if value is None:
        return ""
    return guarded(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def from_parquet(value: Any, type_name: str, given: Any) -> Any:
    """The value behind a cell: JSON where the column is text and the value was none."""
    if value is None or type_name != "string" or (isinstance(given, str) and value == given):
        return value
    return json.loads(value)


@IN_ONE_FOLDER
@given(RECORDS)
def test_a_csv_read_back_says_what_the_records_say(tmp_path: Path, records: list[dict[str, Any]]) -> None:
    delivery = a_delivery(tmp_path, records)
    with delivery.files["csv"].open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    columns = columns_of(records)
    wanted = [{guarded(name): as_cell(record.get(name)) for name in columns} for record in records]
    if len({guarded(name) for name in columns}) == len(
        columns
    ):  # else a reader of rows by name sees one of two
        assert found == wanted


@IN_ONE_FOLDER
@given(RECORDS)
def test_parquet_read_back_is_what_the_records_are(tmp_path: Path, records: list[dict[str, Any]]) -> None:
    table = pq.read_table(a_delivery(tmp_path, records).files["parquet"])
    assert table.column_names == columns_of(records)
    for number, name in enumerate(table.column_names):
        kind = str(table.schema.field(number).type)
        for cell, record in zip(table.column(number).to_pylist(), records, strict=True):
            given = record.get(name)
            assert from_parquet(cell, kind, given) == given


def test_a_csv_has_lines_as_excel_writes_them_and_no_formula(tmp_path: Path) -> None:
    records = [
        {"title": "Größe", "a": "=1+1", "b": "-12.5", "c": "x\ny", "d": -3, "e": None, "f": "@x", "g": "-a"}
    ]
    content = a_delivery(tmp_path, records).files["csv"].read_bytes()
    assert content.decode() == ("title,a,b,c,d,e,f,g\r\nGröße,'=1+1,-12.5,\"x\ny\",-3,,'@x,'-a\r\n")


def test_the_json_lines_keep_the_raw_values(tmp_path: Path) -> None:
    delivery = a_delivery(tmp_path, [{"a": "=1+1"}])
    assert delivery.files["jsonl"].read_text() == '{"a": "=1+1"}\n'


def test_a_column_of_parquet_has_one_type_over_all_records(tmp_path: Path) -> None:
    records: list[dict[str, Any]] = [
        {"n": 1, "f": 1, "b": True, "t": "a", "m": 1, "l": [1], "h": 2**70, "w": 2**60},
        {"n": 2**62, "f": 0.5, "b": None, "t": None, "m": "x", "l": {"a": None}, "h": 1, "w": 0.5},
        {"only here": 3},
    ]
    table = pq.read_table(a_delivery(tmp_path, records).files["parquet"])
    types = {field.name: str(field.type) for field in table.schema}
    assert types == {
        "n": "int64",
        "f": "double",
        "b": "bool",
        "t": "string",
        "m": "string",
        "l": "string",
        "h": "string",
        "w": "string",
        "only here": "int64",
    }
    assert table.column("h").to_pylist() == [str(2**70), "1", None]
    assert table.column("m").to_pylist() == ["1", '"x"', None]


def test_parquet_is_written_in_groups_of_rows(tmp_path: Path) -> None:
    line = json.dumps({f"c{number}": number for number in range(1000)}) + "\n"
    (tmp_path / "records.jsonl").write_text(line * 1100)
    write_parquet(tmp_path / "records.jsonl", tmp_path / PARQUET, [f"c{number}" for number in range(1000)])
    file = pq.ParquetFile(tmp_path / PARQUET)
    rows = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
    most = 4 * 1024**2 // len(line) + 1
    assert rows == [most, most, most, 1100 - 3 * most]
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"


def test_hostile_records_can_be_written(tmp_path: Path) -> None:
    deep: Any = 1
    for _ in range(198):
        deep = {"a": deep}
    records = [{"": 1, "\ud800": "\udfff", "a\0b": "\0", 'x,"y"\n\'': [1], "deep": deep, "n": 10**300}]
    delivery = a_delivery(tmp_path, records)
    assert set(delivery.files) == {"jsonl", "csv", "parquet"}
    assert pq.read_table(delivery.files["parquet"]).num_rows == 1
    with delivery.files["csv"].open(encoding="utf-8", newline="") as file:
        assert len(list(csv.reader(file))) == 2


@pytest.mark.parametrize("columns", [0, 1001])
def test_what_is_no_table_gives_json_lines_only(tmp_path: Path, columns: int) -> None:
    a_delivery(tmp_path, BOOKS)  # of an attempt before
    delivery = a_delivery(tmp_path, [{f"c{number}": 1 for number in range(columns)}] if columns else [])
    assert set(delivery.files) == {"jsonl"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["raw.jsonl", "records.jsonl"]


def test_without_its_library_parquet_is_refused_at_deployment_and_when_it_is_written(tmp_path: Path) -> None:
    a_delivery(tmp_path, BOOKS)
    (tmp_path / PARQUET).unlink()
    program = f"""
import sys
from pathlib import Path
sys.modules["pyarrow"] = None  # as if it were not installed
from lamplighter.errors import LamplighterError
from lamplighter.export.parquet_file import write_parquet
from lamplighter.manifest import read_manifest
folder = Path({str(tmp_path)!r})
for call in (
    lambda: read_manifest({{"agent.toml": b'[agent]\\nrun = ["true"]\\n[export]\\nformats = ["parquet"]'}}),
    lambda: write_parquet(folder / "records.jsonl", folder / "records.parquet", ["url"]),
):
    try:
        call()
    except LamplighterError as problem:
        print(problem)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    told = "parquet needs lamplighter[parquet]: pip install 'lamplighter[parquet]'"
    assert done.stdout.splitlines() == [f"agent.toml: export.formats: {told}", told]
    assert not (tmp_path / PARQUET).exists()


def test_a_format_that_does_not_exist_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"export\.formats"):
        read_manifest({"agent.toml": b'[agent]\nrun = ["true"]\n[export]\nformats = ["xlsx"]'})
