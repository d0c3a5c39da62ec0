"""The module for authors of Python agents, used as they use it: in a program of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

MODULE = Path(__file__).parents[1] / "src" / "lamplighter" / "agent.py"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A folder with nothing but a copy of the module, as a lone file."""
    folder = tmp_path / "bundle"
    folder.mkdir()
    (folder / "agent.py").write_bytes(MODULE.read_bytes())
    return folder


def run(bundle: Path, code: str, *, status: int = 0, **environment: str) -> str:
    """The standard output of a program that has imported the module."""
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("LAMPLIGHTER_")}
    program = [sys.executable, "-W", "error", "-c", f"import agent, json\n{code}"]
    done = subprocess.run(
        program,
        check=False,
        cwd=bundle,
        env=inherited | environment,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    assert done.returncode == status, done.stderr
    return done.stdout


def given(bundle: Path, value: Any) -> str:
    path = bundle / "input.json"
    path.write_text(json.dumps(value))
    return str(path)


def test_outside_lamplighter_there_is_no_input_and_records_are_printed(bundle: Path) -> None:
    code = (
        "assert (agent.input(), agent.rows(), agent.proxies()) == ({}, [], [])\n"
        "assert (agent.run_id, agent.attempt, agent.shard_index, agent.shard_count) == (None, 1, 1, 1)\n"
        "assert (agent.scheduled_time, str(agent.files), agent.log_level) == (None, '.', 20)\n"
        "agent.report(problem='nobody reads this')\n"
        "agent.emit({'name': 'Ä'})"
    )
    assert run(bundle, code) == '{"name":"Ä"}\n'


def test_the_run_is_told_by_the_environment(bundle: Path) -> None:
    code = (
        "print(json.dumps([agent.run_id, agent.attempt, agent.shard_index, agent.shard_count, agent.log_level,"
        " agent.scheduled_time.isoformat(), str(agent.files), agent.proxies(), agent.share('abcdefg')]))"
    )
    (bundle / "proxies").write_text("http://one:1\n\nhttp://two:2\n")
    told = run(
        bundle,
        code,
        LAMPLIGHTER_RUN_ID="7",
        LAMPLIGHTER_ATTEMPT="2",
        LAMPLIGHTER_SHARD_INDEX="2",
        LAMPLIGHTER_SHARD_COUNT="3",
        LAMPLIGHTER_LOG_LEVEL="Fatal",
        LAMPLIGHTER_SCHEDULED_TIME="2026-03-29T01:00:00Z",
        LAMPLIGHTER_FILES="out",
        LAMPLIGHTER_PROXIES=str(bundle / "proxies"),
    )
    assert json.loads(told) == [
        "7", 2, 2, 3, 50, "2026-03-29T01:00:00+00:00", "out", ["http://one:1", "http://two:2"], ["b", "e"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "seen", "rows"),
    [
        ({"a": 1}, {"a": 1}, [{"a": 1}]),
        ([{"a": 1}, {"a": 2}], [{"a": 1}, {"a": 2}], [{"a": 1}, {"a": 2}]),
        (None, {}, []),
        ({}, {}, []),
    ],
)
def test_the_input_is_an_object_or_rows(bundle: Path, value: Any, seen: Any, rows: Any) -> None:
    told = run(
        bundle, "print(json.dumps([agent.input(), agent.rows()]))", LAMPLIGHTER_INPUT=given(bundle, value)
    )
    assert json.loads(told) == [seen, rows]


def test_an_input_of_another_kind_is_refused(bundle: Path) -> None:
    code = "try:\n    agent.input()\nexcept TypeError as error:\n    print(error)"
    told = run(bundle, code, LAMPLIGHTER_INPUT=given(bundle, [1]))
    assert told == "the input must be a JSON object, or an array of objects\n"


def test_records_are_appended_with_every_value_in_a_form_json_knows(bundle: Path) -> None:
    code = (
        "import datetime, decimal, pathlib\n"
        "many = [{'on': datetime.date(2026, 3, 29), 'price': decimal.Decimal('9.90'), 'tags': {'b', 'a'}},\n"
        "        {'nan': float('nan'), 'word': 'NaN', 'path': pathlib.PurePosixPath('a/b'),"
        " 'raw': b'x', 'half': '\\ud83d'}]\n"
        "assert agent.emit_many(iter(many)) == 2"
    )
    records = bundle / "records.jsonl"
    records.write_text('{"first":true}\n')
    assert run(bundle, code, LAMPLIGHTER_RECORDS=str(records)) == ""
    assert [json.loads(line) for line in records.read_text().splitlines()] == [
        {"first": True},
        {"on": "2026-03-29", "price": "9.90", "tags": ["a", "b"]},
        {"nan": None, "word": "NaN", "path": "a/b", "raw": "x", "half": "\ud83d"},
    ]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ("[1]", "a record is a dict of field names and values, not list"),
        ("{'x': object()}", "a value of type object has no JSON form"),
    ],
)
def test_what_is_no_record_is_refused_with_a_reason(bundle: Path, record: str, message: str) -> None:
    code = f"try:\n    agent.emit({record})\nexcept TypeError as error:\n    print(error)"
    assert run(bundle, code) == f"{message}\n"


def test_lines_of_many_threads_and_processes_never_mix(bundle: Path) -> None:
    code = (
        "import os, threading\n"
        "def work(name):\n"
        "    for number in range(200):\n"
        "        agent.emit({'name': name, 'number': number, 'text': 'x' * 5000})\n"
        "child = os.fork()\n"
        "threads = [threading.Thread(target=work, args=(f'{child == 0}{n}',)) for n in range(4)]\n"
        "for thread in threads: thread.start()\n"
        "for thread in threads: thread.join()\n"
        "if child:\n"
        "    os.waitpid(child, 0)\n"
    )
    records = bundle / "records.jsonl"
    run(bundle, code, LAMPLIGHTER_RECORDS=str(records))
    found = [json.loads(line) for line in records.read_text().splitlines()]
    assert len({(record["name"], record["number"]) for record in found}) == len(found) == 1600


def test_the_report_adds_up_and_is_final_at_the_end(bundle: Path) -> None:
    code = (
        "import pathlib, os\n"
        "path = pathlib.Path(os.environ['LAMPLIGHTER_REPORT'])\n"
        "agent.report(pages=1, requests=2, problem='The shop was closed.')\n"
        "assert json.loads(path.read_text())['final'] is False\n"
        "agent.report(pages=5, dynamic_pages=1, errors=3, traffic=900, stats={'shelves': 4},"
        " problem='It rained.')\n"
        "agent.emit({'n': 1})\n"
        "raise SystemExit(3)"
    )
    report = bundle / "report.json"
    run(bundle, code, status=3, LAMPLIGHTER_REPORT=str(report))
    assert json.loads(report.read_text()) == {
        "final": True,
        "finishReason": None,
        "problems": ["The shop was closed.", "It rained."],
        "counts": {"pages": 5, "dynamicPages": 1, "requests": 2, "errors": 3, "traffic": 900, "records": 1},
        "stats": {"shelves": 4},
    }


def test_an_agent_that_reports_nothing_leaves_no_report(bundle: Path) -> None:
    run(bundle, "agent.emit({'n': 1})", LAMPLIGHTER_REPORT=str(bundle / "report.json"))
    assert not (bundle / "report.json").exists()
