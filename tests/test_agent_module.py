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
        "exceptions": [],
    }


def test_an_agent_that_reports_nothing_leaves_no_report(bundle: Path) -> None:
    run(bundle, "agent.emit({'n': 1})", LAMPLIGHTER_REPORT=str(bundle / "report.json"))
    assert not (bundle / "report.json").exists()


def test_an_exception_that_nobody_caught_is_reported_with_its_source(bundle: Path) -> None:
    (bundle / "main.py").write_text(
        "import agent\n\n\ndef fetch(url):\n    # like this: http://me:secret@shop.test/\n"
        "    raise ValueError(f'nothing at {url}')\n\n\ndef main():\n    fetch('http://me:secret@shop.test/')\n"
    )
    report = bundle / "report.json"
    code = "import main, sys\nagent.emit({'n': 1})\nmain.main()"
    told = run(bundle, code, status=1, LAMPLIGHTER_REPORT=str(report), LAMPLIGHTER_RECORDS=str(bundle / "r"))
    assert told == ""
    content = json.loads(report.read_text())
    assert content["final"] is True
    assert content["counts"]["records"] == 1
    (entry,) = content["exceptions"]
    assert (entry["type"], entry["message"]) == ("ValueError", "nothing at http://…@shop.test/")
    assert (entry["url"], entry["page"], entry["count"]) == (None, None, 1)
    inner, outer, *_ = entry["traceback"]
    assert (inner["file"], inner["line"], inner["function"]) == ("main.py", 6, "fetch")
    assert inner["source"] == [
        [3, ""],
        [4, "def fetch(url):"],
        [5, "    # like this: http://…@shop.test/"],
        [6, "    raise ValueError(f'nothing at {url}')"],
        [7, ""],
        [8, ""],
        [9, "def main():"],
    ]
    assert (outer["file"], outer["line"], outer["function"]) == ("main.py", 10, "main")


def test_the_traceback_is_printed_and_the_status_is_1_as_without_the_module(bundle: Path) -> None:
    for environment in ({}, {"LAMPLIGHTER_REPORT": "report.json"}):
        program = [sys.executable, "-c", "import agent\nraise ValueError('no')"]
        done = subprocess.run(
            program, check=False, cwd=bundle, env=os.environ | environment, capture_output=True, text=True
        )
        assert done.returncode == 1
        assert done.stderr.startswith("Traceback (most recent call last):")
        assert done.stderr.endswith("ValueError: no\n")


SNAPSHOT = """
agent.snapshot("<p>Ä</p>", "http://me:secret@shop.test/a--b", 503)
agent.snapshot("<p>no address</p>")
"""


def test_snapshots_are_kept_and_named_in_the_log(bundle: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import agent{SNAPSHOT}"],
        check=True,
        cwd=bundle,
        env=os.environ | {"LAMPLIGHTER_SNAPSHOTS": str(bundle / "snapshots")},
        capture_output=True,
        encoding="utf-8",
    )
    assert done.stderr.splitlines() == [
        "snapshots/0001-503-shop.test.html: http://…@shop.test/a--b answered 503",
        "snapshots/0002.html: was kept",
    ]
    first, second = sorted((bundle / "snapshots").iterdir())
    head, page = first.read_text(encoding="utf-8").split("\n")
    assert head.startswith("<!-- http://…@shop.test/a- -b | status 503 | 20")
    assert head.endswith("Z -->")
    assert page == "<p>Ä</p>"
    assert second.read_text(encoding="utf-8").endswith("-->\n<p>no address</p>")


def test_without_a_folder_no_snapshot_is_kept(bundle: Path) -> None:
    assert run(bundle, SNAPSHOT) == ""
    assert {path.name for path in bundle.iterdir()} <= {"agent.py", "__pycache__"}


def test_snapshots_are_bounded_in_size_and_in_number(bundle: Path) -> None:
    code = (
        "for _ in range(9):\n    agent.snapshot('ä' * 2 * 1024**2, 'http://shop.test/')\n"
        "for _ in range(200):\n    agent.snapshot('x', 'http://shop.test/')"
    )
    folder = bundle / "snapshots"
    run(bundle, code, LAMPLIGHTER_SNAPSHOTS=str(folder))
    sizes = [path.stat().st_size for path in sorted(folder.iterdir())]
    assert len(sizes) == 110
    assert 2 * 1024**2 <= sizes[0] < 2 * 1024**2 + 500
    text = (folder / "0001-shop.test.html").read_text(encoding="utf-8")
    assert " | cut after 2097152 bytes -->" in text
    run(bundle, "for _ in range(20):\n    agent.snapshot('x' * 3 * 1024**2)", LAMPLIGHTER_SNAPSHOTS="more")
    assert sum(path.stat().st_size for path in (bundle / "more").iterdir()) == 20 * 1024**2


def test_that_no_more_snapshots_are_kept_is_told_once(bundle: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import agent\nfor _ in range(115):\n    agent.snapshot('x')"],
        check=True,
        cwd=bundle,
        env=os.environ | {"LAMPLIGHTER_SNAPSHOTS": str(bundle / "snapshots")},
        capture_output=True,
        encoding="utf-8",
    )
    lines = done.stderr.splitlines()
    assert len(lines) == 111
    assert lines[-1] == "No more pages are kept in snapshots: 110 are there."
