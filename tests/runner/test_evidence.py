"""What is gathered when an attempt failed, whatever its agent left behind."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lamplighter.files import AttemptFolder
from lamplighter.model import GoodRun, RecordStatistics, Run, RunSettings, RunStatus
from lamplighter.runner.evidence import gather

NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
RUN = Run(
    id=7,
    agent_id=3,
    agent_name="prices",
    agent_version=5,
    space_id=1,
    set_id=1,
    sequence=1,
    set_size=1,
    settings=RunSettings(),
    schedule_id=None,
    fire_id=None,
    scheduled_time=None,
    started_by="admin",
    status=RunStatus.RUNNING,
    message=None,
    attempt=2,
    retries=1,
    stop_cause=None,
    stop_asked=None,
    kill_asked=False,
    server_id=1,
    server_name="server",
    input_json="{}",
    created=NOON,
    start_time=NOON - timedelta(seconds=90),
    end_time=None,
)
OTHERS = "a file of others"
TRACEBACK = """Traceback (most recent call last):
  File "{file}", line 2, in parse
    return int(text)
ValueError: invalid literal: 'n/a'
"""


@pytest.fixture
def folder(tmp_path: Path) -> AttemptFolder:
    """An attempt's folder as it is when the process has ended."""
    (tmp_path / "others.py").write_text(OTHERS)
    found = AttemptFolder(tmp_path / "attempt-2")
    found.work.mkdir(parents=True)
    found.log.write_text("begun\n")
    (found.work / "main.py").write_text("def parse(text):\n    return int(text)\n")
    return found


def gathered(folder: AttemptFolder, report: Any = None, **given: Any) -> dict[str, Any]:
    """The evidence as it was written."""
    gather(
        folder,
        RUN,
        given.pop("message", "exit status 1"),
        given.pop("exit_text", "exit status 1"),
        {} if report is None else report,
        given.pop("now_statistics", RecordStatistics(0)),
        given.pop("last_good", None),
        NOON,
        **given,
    )
    document: dict[str, Any] = json.loads((folder.evidence / "evidence.json").read_text("utf-8"))
    return document


def reported(*exceptions: Any, **stats: Any) -> dict[str, Any]:
    return {"exceptions": list(exceptions), "stats": stats}


# --- what it holds ---


def test_it_says_which_attempt_failed_and_how(folder: AttemptFolder) -> None:
    found = gathered(folder, message="exit status 1; 0 records")
    assert (found["runId"], found["attempt"]) == (7, 2)
    assert (found["agentId"], found["agentName"], found["agentVersion"]) == (3, "prices", 5)
    assert (found["startTime"], found["endTime"]) == ("2026-01-05T11:58:30.000Z", "2026-01-05T12:00:00.000Z")
    assert found["message"] == "exit status 1; 0 records"
    assert found["lastLines"] == ["begun"]
    assert (found["lastGood"], found["difference"], found["page"]) == (None, None, None)


def test_an_exception_in_the_log_is_shown_with_the_lines_of_the_agents_file(folder: AttemptFolder) -> None:
    folder.log.write_text(TRACEBACK.format(file=folder.work / "main.py"))
    [raised] = gathered(folder)["exceptions"]
    assert (raised["type"], raised["message"]) == ("ValueError", "invalid literal: 'n/a'")
    [frame] = raised["traceback"]
    assert (frame["file"], frame["line"], frame["function"]) == ("main.py", 2, "parse")
    texts = ["def parse(text):", "    return int(text)", ""]
    assert frame["source"] == [{"line": n, "text": text} for n, text in enumerate(texts, start=1)]


def test_the_agents_own_files_come_first_and_the_innermost_frame_of_them(folder: AttemptFolder) -> None:
    frames = (("main.py", 5), ("shop/page.py", 2), ("/usr/lib/python3/json/decoder.py", 7), ("<string>", 1))
    text = "".join(f'  File "{file}", line {line}, in f\n' for file, line in frames)
    folder.log.write_text(f"Traceback (most recent call last):\n{text}ValueError\n")
    [raised] = gathered(folder)["exceptions"]
    assert [frame["file"] for frame in raised["traceback"]] == [
        "shop/page.py",
        "main.py",
        "<string>",
        "/usr/lib/python3/json/decoder.py",
    ]


def test_reported_exceptions_go_before_those_of_the_log(folder: AttemptFolder) -> None:
    folder.log.write_text(TRACEBACK.format(file="main.py"))
    folder.evidence.mkdir()
    (folder.evidence / "page-1.html").write_text("<html>")
    frame = {"file": "spider.py", "line": 4, "function": "parse", "source": [[3, "a"], [4, "b"]]}
    given = {
        "type": "KeyError",
        "message": "'price'",
        "url": "http://shop/1",
        "page": "page-1.html",
        "count": 12,
        "traceback": [frame],
    }
    found = gathered(folder, reported(given))
    lines = [{"line": 3, "text": "a"}, {"line": 4, "text": "b"}]
    assert found["exceptions"] == [given | {"traceback": [frame | {"source": lines}]}]
    assert found["page"] == "page-1.html"


def test_reported_frames_without_source_are_completed_from_the_agents_files(folder: AttemptFolder) -> None:
    given = {"type": "KeyError", "traceback": [{"file": "main.py", "line": 1, "function": "f"}]}
    [raised] = gathered(folder, reported(given))["exceptions"]
    assert raised["traceback"][0]["source"][0] == {"line": 1, "text": "def parse(text):"}


def test_a_page_without_an_exception_is_the_page_that_failed(folder: AttemptFolder) -> None:
    folder.evidence.mkdir()
    for name in ("0001.html", "0002.html"):
        (folder.evidence / name).write_text("<html>")
    assert gathered(folder)["page"] == "0002.html"


def test_status_codes_and_types_of_exceptions_are_counted_under_names_that_stay(
    folder: AttemptFolder,
) -> None:
    stats = {
        "downloader/response_status_count/200": 3,
        "downloader/response_status_count/403": 12,
        "spider_exceptions/KeyError": 4,
        "spider_exceptions/count": 4,
        "downloader/exception_type_count/twisted.internet.error.TimeoutError": 9,
    }
    found = gathered(folder, reported({"type": "KeyError", "count": 2}, **stats))
    assert found["statusCodes"] == {"200": 3, "403": 12}
    assert found["exceptionTypes"] == {"TimeoutError": 9, "KeyError": 4}


def test_the_end_of_the_process_is_told_with_what_it_took(folder: AttemptFolder) -> None:
    noted = {"exitCode": None, "signal": 9, "maxRssKb": 2048, "cpuSeconds": 1.5}
    (folder.path / "exit.json").write_text(json.dumps(noted))
    assert gathered(folder, exit_text="killed by SIGKILL")["exit"] == {
        "text": "killed by SIGKILL",
        "code": None,
        "signal": "SIGKILL",
        "peakMemory": 2048 * 1024,
        "outOfMemory": False,
        "memoryKills": None,
        "memoryLimit": None,
        "cpuSeconds": 1.5,
    }
    (folder.path / "exit.json").write_text('{"exitCode": 3}')
    assert gathered(folder, exit_text="exit status 3")["exit"]["code"] == 3


def test_too_little_memory_is_seen(folder: AttemptFolder) -> None:
    assert gathered(folder, reported({"type": "MemoryError"}))["exit"]["outOfMemory"] is True
    assert gathered(folder, reported(**{"memusage/limit_reached": 1}))["exit"]["outOfMemory"] is True


def test_counts_are_those_of_the_run(folder: AttemptFolder) -> None:
    report = {"counts": {"pages": 3, "errors": 2, "traffic": 10**30}}
    found = gathered(folder, report, now_statistics=RecordStatistics(4))["counters"]
    assert found == {
        "dataCount": 4,
        "errorCount": 2,
        "pageCount": 3,
        "dynamicPageCount": 0,
        "requestCount": 0,
        "traffic": 2**53,
    }


def test_it_is_compared_with_the_last_good_run(folder: AttemptFolder) -> None:
    then = RecordStatistics(100, {"title": 100, "price": 99, "note": 10})
    good = GoodRun(6, then, {"pages": 100, "bytes": 1000, "gone": 5}, 4, NOON - timedelta(days=1))
    found = gathered(
        folder,
        reported(pages=90, bytes=1001, **{"response_status_count/403": 40}),
        now_statistics=RecordStatistics(50, {"title": 50, "price": 1, "note": 5}),
        last_good=good,
    )
    assert found["lastGood"] == {
        "runId": 6,
        "agentVersion": 4,
        "endTime": "2026-01-04T12:00:00.000Z",
        "dataCount": 100,
    }
    assert found["difference"] == {
        "records": {"now": 50, "then": 100},
        "fields": [{"name": "price", "now": 0.02, "then": 0.99}],
        "stats": [
            {"name": "response_status_count/403", "now": 40, "then": 0},
            {"name": "gone", "now": 0, "then": 5},
        ],
    }


def test_without_records_no_field_is_compared(folder: AttemptFolder) -> None:
    good = GoodRun(6, RecordStatistics(100, {"title": 100}), {}, 4, NOON)
    assert gathered(folder, last_good=good)["difference"]["fields"] == []


# --- the log ---


def test_only_the_last_hundred_lines_are_kept(folder: AttemptFolder) -> None:
    folder.log.write_text("".join(f"line {n}\n" for n in range(100_000)))
    assert gathered(folder)["lastLines"] == [f"line {n}" for n in range(99_900, 100_000)]


def test_a_binary_log_is_text_all_the_same(folder: AttemptFolder) -> None:
    folder.log.write_bytes(bytes(range(256)) * 40)
    (folder.evidence).mkdir()
    lines = gathered(folder)["lastLines"]
    assert any("\ufffd" in line for line in lines)
    assert all(len(line) <= 1001 for line in lines)


def test_long_lines_are_cut_and_an_endless_one_is_told(folder: AttemptFolder) -> None:
    folder.log.write_text("x" * 5000 + "\n" + "y" * 10)
    assert gathered(folder)["lastLines"] == ["x" * 1000 + "…", "y" * 10]
    folder.log.write_text("x" * 2_000_000)
    assert gathered(folder)["lastLines"] == ["(the last line is too long to be shown)"]


def test_secrets_are_masked_before_anything_is_cut(folder: AttemptFolder) -> None:
    secret = "s3cret-token"
    folder.log.write_text("x" * 995 + secret + "\n" + TRACEBACK.format(file="main.py").replace("n/a", secret))
    (folder.work / "main.py").write_text(f"key = '{secret}'\nint(key)\n")
    gathered(
        folder,
        reported(
            {"type": secret, "message": "m" * 1995 + secret, "url": f"http://{secret}@host/", "traceback": []}
        ),
        message=f"no luck with {secret}",
        mask=lambda text: text.replace(secret, "***"),
    )
    gathered(folder, mask=lambda text: text.replace(secret, "***"))
    assert "s3c" not in (folder.evidence / "evidence.json").read_text()


# --- what agents leave behind ---


def put_link(path: Path) -> None:
    """A link to a file that is none of the agent's."""
    path.symlink_to(next(parent for parent in path.parents if (parent / "others.py").exists()) / "others.py")


def put_link_in_a_circle(path: Path) -> None:
    path.symlink_to(path)


def put_folder(path: Path) -> None:
    (path / "a" / "b").mkdir(parents=True)
    (path / "a").chmod(0)


STRANGE = [put_link, put_link_in_a_circle, put_folder, os.mkfifo]


@pytest.mark.parametrize("put", STRANGE)
@pytest.mark.parametrize("name", ["log.txt", "exit.json", "work/main.py"])
def test_what_is_not_a_plain_file_is_not_read(folder: AttemptFolder, name: str, put: Any) -> None:
    folder.log.write_text(TRACEBACK.format(file="main.py"))
    path = folder.path / name
    path.unlink(missing_ok=True)
    put(path)
    found = gathered(folder)
    assert OTHERS not in json.dumps(found)
    assert found["exit"]["code"] is None
    if path.is_dir():
        (path / "a").chmod(0o700)


@pytest.mark.parametrize("put", STRANGE)
@pytest.mark.parametrize("name", ["evidence", "evidence/evidence.json", "evidence/page.html"])
def test_whatever_is_in_its_place_gives_way(folder: AttemptFolder, name: str, put: Any) -> None:
    path = folder.path / name
    path.parent.mkdir(exist_ok=True)
    put(path)
    found = gathered(folder, reported({"type": "E", "page": "page.html"}))
    assert found["page"] is None
    assert (folder.evidence / "evidence.json").is_file()
    assert not (folder.evidence / "evidence.json").is_symlink()
    assert not folder.evidence.is_symlink()
    assert (folder.path.parent / "others.py").read_text() == OTHERS
    for left in folder.path.rglob("a"):
        left.chmod(0o700)


def test_a_folder_of_evidence_that_leads_elsewhere_is_not_written_into(
    folder: AttemptFolder, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "page.html").write_text("a secret")
    folder.evidence.symlink_to(elsewhere)
    assert gathered(folder)["page"] is None
    assert [path.name for path in elsewhere.iterdir()] == ["page.html"]


def test_a_folder_that_nobody_may_write_into_is_written_into(folder: AttemptFolder) -> None:
    folder.evidence.mkdir(mode=0o500)
    assert gathered(folder)["lastLines"] == ["begun"]


def test_pages_are_named_only_when_they_are_there(folder: AttemptFolder) -> None:
    folder.evidence.mkdir()
    (folder.path / "secret.html").write_text("")
    pages = ["../secret.html", "/etc/passwd", "gone.html", "evidence.json", "", 5, None, ["a"]]
    found = gathered(folder, reported(*({"type": "E", "page": page} for page in pages)))
    assert [e["page"] for e in found["exceptions"]] == [None] * len(pages)


HOSTILE: list[Any] = [
    [],
    "text",
    {"exceptions": "none", "stats": [1], "counts": 3},
    {"exceptions": [1, None, "x", []]},
    reported({}),
    reported({"type": 5, "message": {"a": 1}, "url": [], "count": "many", "traceback": {"a": 1}}),
    reported({"type": "E", "count": -5, "traceback": [None, 3, {}, {"file": 3, "line": "x", "source": 1}]}),
    reported({"type": "E", "count": 10**30, "traceback": [{"file": "a", "line": 10**30, "source": [[1]]}]}),
    reported({"type": "E", "traceback": [{"file": "\0", "line": 1, "source": [[True, "x"], [1, 2], "xy"]}]}),
    reported({"type": "half \ud800", "message": "\ud800" * 100_000}),
    reported({"type": "E", "traceback": [{"file": "x/" * 100_000, "line": 1}] * 5000}),
    reported({"type": "E"}, **{"a": float("nan"), "b": 10**400, "half \ud800": 1, "c": "text"}),
]


@pytest.mark.parametrize("report", HOSTILE, ids=range(len(HOSTILE)))
def test_a_report_of_any_form_leads_to_evidence_of_the_right_form(folder: AttemptFolder, report: Any) -> None:
    found = gathered(folder, report)
    for raised in found["exceptions"]:
        assert isinstance(raised["type"], str)
        assert 1 <= raised["count"] <= 2**53
        assert all(isinstance(f["line"], int) and isinstance(f["file"], str) for f in raised["traceback"])
    json.dumps(found, ensure_ascii=False).encode()  # no half of a surrogate pair is left
    assert (folder.evidence / "evidence.json").stat().st_size < 1024**2


def test_evidence_is_bounded_whatever_is_reported(folder: AttemptFolder) -> None:
    frame = {"file": "f" * 5000, "line": 1, "function": "g" * 5000, "source": [[1, "s" * 5000]] * 100}
    raised = {"type": "t" * 5000, "message": "m" * 5000, "url": "u" * 5000, "traceback": [frame] * 1000}
    stats = {f"spider_exceptions/{'e' * 100}{n}": n for n in range(1000)}
    folder.log.write_text(("x" * 900 + "\n") * 1000)
    good = GoodRun(6, RecordStatistics(10, {f"{n}": 10 for n in range(150)}), {"a": 1}, 1, None)
    found = gathered(
        folder, reported(*[raised] * 1000, **stats), now_statistics=RecordStatistics(5), last_good=good
    )
    assert len(found["exceptions"]) == 10
    assert len(found["exceptions"][0]["traceback"]) == 30
    assert len(found["difference"]["stats"]) == 20
    assert (folder.evidence / "evidence.json").stat().st_size < 8 * 1024**2


def test_gathering_again_replaces_the_evidence_whole(folder: AttemptFolder) -> None:
    gathered(folder, message="first")
    assert gathered(folder, message="second")["message"] == "second"
    assert [path.name for path in folder.evidence.iterdir()] == ["evidence.json"]
    assert not [path for path in folder.path.iterdir() if path.name.startswith("tmp")]
