"""What is said of the records that an agent wrote."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from export_places import all_of
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lamplighter.errors import InvalidInput
from lamplighter.export.lines import checked_batches, record_of
from lamplighter.export.records import JSONL, RecordSummary, check_records, columns_of, merge
from lamplighter.manifest import Manifest, SuccessSection, read_manifest
from lamplighter.manifest.json_schema import BadSchema, RecordSchema
from lamplighter.model import RunStatus
from lamplighter.runner.verdict import Evidence, Report, decide

PRICES = {"type": "object", "properties": {"price": {"type": "number"}}}


def checked(folder: Path, content: bytes, schema: Any = None) -> RecordSummary:
    (folder / "raw").write_bytes(content)
    return check_records(folder / "raw", folder / JSONL, (), schema)


def lines(*records: Any) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def manifest(toml: str, **files: str) -> Manifest:
    content = {"agent.toml": f'[agent]\nrun = ["true"]\n{toml}', **files}
    return read_manifest({name: text.encode() for name, text in content.items()})


def test_a_field_is_filled_when_it_holds_more_than_nothing(tmp_path: Path) -> None:
    summary = checked(
        tmp_path, lines({"a": None, "b": "", "c": [], "d": {}, "e": 0, "f": False, "g": "x"}, {"g": [0]})
    )
    assert summary.filled == {"e": 1, "f": 1, "g": 2}


def test_the_count_of_filled_fields_is_bounded(tmp_path: Path) -> None:
    summary = checked(tmp_path, lines({f"k{number}": 1 for number in range(1200)}))
    assert len(summary.filled) == 1000


@pytest.mark.parametrize(
    "line",
    [
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": "\xff"}',
        b'{"a":' * 300 + b"1" + b"}" * 300,
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        '{"a": 1}'.encode("utf-16"),
        b"[1]",
        b"12",
    ],
)
def test_what_not_every_reader_of_json_takes_is_no_record(tmp_path: Path, line: bytes) -> None:
    summary = checked(tmp_path, line + b"\n" + lines({"a": 1}))
    assert summary.bad_lines > 0
    assert all_of(tmp_path / JSONL) == [{"a": 1}]


@pytest.mark.parametrize("number", [b"NaN", b"-Infinity", b"1e999", b"9" * 400 + b".5"])
def test_a_number_that_json_has_not_becomes_null(tmp_path: Path, number: bytes) -> None:
    assert checked(tmp_path, b'{"a": [' + number + b'], "b": 1}\n').bad_lines == 0
    assert (tmp_path / JSONL).read_bytes() == b'{"a":[null],"b":1}\n'


_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("\ud800")
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)


@given(
    text=st.dictionaries(st.text(), _VALUES, max_size=4).map(json.dumps)
    | st.text(alphabet='{}[]:,"\\u0123456789abcdeE+-. \t\r', max_size=60).map('{{"a":{}}}'.format)
)
@example('{"a":18446744073709551617,"b":-0,"c":-0.0,"d":1E400}')
@example('{"a":1,"a":2}')
def test_what_is_read_of_a_line_is_what_the_standard_library_reads(text: str) -> None:
    try:
        expected = json.loads(text, parse_constant=lambda _: None, parse_float=_finite)
    except ValueError:
        expected = None
    assert json.dumps(record_of(text.encode())) == json.dumps(expected)


def _finite(text: str) -> float | None:
    return None if math.isinf(float(text)) else float(text)


def test_a_byte_order_mark_is_taken_off_and_a_last_line_is_ended(tmp_path: Path) -> None:
    checked(tmp_path, b'\xef\xbb\xbf{"a": 1}\n{"a": 2}')
    assert (tmp_path / JSONL).read_bytes() == b'{"a": 1}\n{"a": 2}\n'


def test_large_but_finite_numbers_and_200_levels_are_kept(tmp_path: Path) -> None:
    deep = b'{"a":' * 200 + b"1" + b"}" * 200
    assert checked(tmp_path, b'{"a": 1e300, "b": 10000000000e100}\n' + deep).count == 2


def test_merged_parts_follow_each_other(tmp_path: Path) -> None:
    (tmp_path / "1").write_bytes(lines({"a": 1}, {"b": ""}))
    (tmp_path / "2").write_bytes(lines({"c": 3, "a": 2}))
    assert merge([tmp_path / "1", tmp_path / "2"], tmp_path / "all" / JSONL) == 3
    assert all_of(tmp_path / "all" / JSONL) == [{"a": 1}, {"b": ""}, {"c": 3, "a": 2}]
    assert columns_of(tmp_path / "all" / JSONL) == ["a", "b", "c"]


def test_a_merge_that_cannot_be_finished_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "1").write_bytes(lines({"a": 1}))
    with pytest.raises(FileNotFoundError):
        merge([tmp_path / "1", tmp_path / "2"], tmp_path / "all" / JSONL)
    assert list((tmp_path / "all").iterdir()) == []


# --- schema ---


def test_records_that_do_not_match_are_counted_and_the_first_is_explained(tmp_path: Path) -> None:
    content = lines({"price": 1}) + b"no record\n" + lines({"price": "12,50"}, {"price": None})
    summary = checked(tmp_path, content, PRICES)
    assert (summary.count, summary.mismatches, summary.first_mismatch) == (3, 2, 2)
    assert summary.mismatch == 'price: "12,50" is not of type "number"'


def test_a_mismatch_makes_the_run_a_failure_that_says_which_record(tmp_path: Path) -> None:
    success = SuccessSection(record_schema=PRICES)
    summary = checked(tmp_path, lines({"price": 1}, {"price": "12,50"}), PRICES)
    evidence = Evidence(True, "exit status 0", None, None, Report(), summary)
    verdict = decide(evidence, success)
    assert verdict.status is RunStatus.FAILURE
    assert verdict.message.startswith(
        'schema: 1 of 2 records do not match; the first is record 2: price: "12,50" is not of type "number"'
    )
    good = Evidence(
        True, "exit status 0", None, None, Report(), checked(tmp_path, lines({"price": 1}), PRICES)
    )
    assert decide(good, success).status is RunStatus.SUCCESS


def test_the_reason_is_bounded_and_names_a_place_inside(tmp_path: Path) -> None:
    schema = {"properties": {"tags": {"items": {"type": "integer"}}}}
    summary = checked(tmp_path, lines({"tags": [1, "x" * 100_000]}), schema)
    assert summary.mismatch is not None
    assert summary.mismatch.startswith("tags.1: ")
    assert len(summary.mismatch) < 400


@pytest.mark.parametrize("record", [{"\ud800": 1}, {"a": "\ud800"}, {"a": 10**400}, {"a": 2**70}])
def test_hostile_records_can_be_compared_with_a_schema(record: dict[str, Any]) -> None:
    schema = RecordSchema({"properties": {"a": {"type": "string"}}})
    reason = schema.mismatch(record)
    assert reason is None or reason.encode()


def test_the_draft_is_the_one_that_the_schema_names() -> None:
    draft_4 = {"$schema": "http://json-schema.org/draft-04/schema#", "minimum": 3, "exclusiveMinimum": True}
    properties = {"properties": {"a": draft_4}, "$schema": draft_4["$schema"]}
    assert RecordSchema(properties).mismatch({"a": 3}) is not None
    with pytest.raises(BadSchema, match="exclusiveMinimum"):
        RecordSchema({"minimum": 3, "exclusiveMinimum": True})


def test_a_format_is_checked() -> None:
    schema = RecordSchema({"properties": {"day": {"format": "date"}}})
    assert schema.mismatch({"day": "2026-11-22"}) is None
    assert schema.mismatch({"day": "22.11.2026"}) is not None


@pytest.mark.parametrize(
    "reference", ["http://127.0.0.1:1/schema.json", "file:///etc/hostname", "other.json"]
)
def test_nothing_outside_the_schema_is_fetched(reference: str) -> None:
    with pytest.raises(BadSchema):
        RecordSchema({"$ref": reference})


def test_the_manifest_holds_the_schema_of_a_file_in_the_bundle() -> None:
    found = manifest('[success]\nschema = "schemas/book.json"', **{"schemas/book.json": json.dumps(PRICES)})
    assert found.success.record_schema == PRICES
    assert Manifest.model_validate(found.model_dump(mode="json")) == found
    assert manifest('[success.schema]\ntype = "object"').success.record_schema == {"type": "object"}


@pytest.mark.parametrize(
    ("toml", "content", "message"),
    [
        ('schema = "book.json"', None, "there is no file 'book.json'"),
        ('schema = "book.json"', "{", "is not JSON"),
        ('schema = "book.json"', "[]", "must hold a JSON object"),
        ('schema = "book.json"', '{"type": "text"}', 'type: "text" is not valid'),
        (
            'schema = "book.json"',
            '{"$ref": "http://127.0.0.1:1/x"}',
            "which is not fetched: put it into the schema",
        ),
        ("schema = {minimum = 1979-05-27}", None, "is no valid JSON Schema"),
        ("schema = {minimum = nan}", None, "is no valid JSON Schema"),
        ("schema = 3", None, "must be a table with a JSON Schema"),
    ],
)
def test_a_wrong_schema_is_refused_at_deployment(toml: str, content: str | None, message: str) -> None:
    files = {} if content is None else {"book.json": content}
    with pytest.raises(InvalidInput) as refused:
        manifest(f"[success]\n{toml}", **files)
    assert [error.field for error in refused.value.errors] == ["agent.toml: success.schema"]
    assert message in refused.value.errors[0].message


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=20), max_size=3)),
    st.integers(1, 5),
    st.integers(1, 200),
)
def test_checked_records_come_whole_and_in_parts_of_which_none_is_large(
    tmp_path: Path, records: list[dict[str, Any]], most: int, size: int
) -> None:
    file = tmp_path / "checked.jsonl"
    file.write_text("".join(json.dumps(record) + "\n" for record in records))

    parts = list(checked_batches(file, most, size))

    assert [record for part in parts for record in part] == records
    for part in parts:
        assert 1 <= len(part) <= most
        assert sum(len(json.dumps(record)) + 1 for record in part[:-1]) <= size
