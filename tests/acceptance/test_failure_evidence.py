"""What a failed run keeps, as people get it over the API."""

import json
from pathlib import Path
from typing import Any

import pytest

from running_server import RunningServer, eventually

FAILURE = 6
MAIN = """
from lamplighter import agent
given = agent.input()
for n in range(20):
    agent.emit({"title": f"book {n}", "price": 5})
agent.report(stats={"response_status_count/200": 20, "response_status_count/403": 40 * len(given)})


def parse(text):
    return int(text)


if given.get("price"):
    parse(given["price"])
"""
# It knows nothing of Lamplighter, so that its log is all there is.
PLAIN = """import json, os
given = json.load(open(os.environ["LAMPLIGHTER_INPUT"]))
def parse(text):
    return int(text)
try:
    parse(given["price"])
except ValueError as problem:
    raise RuntimeError("no price") from problem
"""


def failed(server: RunningServer, agent: int, **settings: Any) -> dict[str, Any]:
    """The evidence of a run that failed."""
    ended = server.run(agent, **settings)
    assert ended["status"] == FAILURE
    found: dict[str, Any] = server.call("GET", f"/agent/{agent}/run/{ended['id']}/evidence")
    assert (found["runId"], found["attempt"]) == (ended["id"], ended["attempt"])
    assert found["message"] == ended["message"]
    return found


def test_a_failing_agent_leaves_its_exception_and_what_is_other_than_in_the_last_good_run(
    server: RunningServer,
) -> None:
    agent = server.agent("prices", MAIN)
    good = server.run(agent)
    found = failed(server, agent, inputParameters='{"price": "n/a"}')
    [raised] = found["exceptions"]
    assert (raised["type"], raised["count"]) == ("ValueError", 1)
    assert raised["message"] == "invalid literal for int() with base 10: 'n/a'"
    frame = raised["traceback"][0]
    assert (frame["file"], frame["function"]) == ("main.py", "parse")
    assert {"line": frame["line"], "text": "    return int(text)"} in frame["source"]
    assert found["exceptionTypes"] == {"ValueError": 1}
    assert found["statusCodes"] == {"200": 20, "403": 40}
    assert found["exit"]["code"] == 1
    assert found["exit"]["peakMemory"] > 0
    assert (found["lastGood"]["runId"], found["lastGood"]["dataCount"]) == (good["id"], 20)
    assert found["difference"]["stats"] == [{"name": "response_status_count/403", "now": 40, "then": 0}]
    assert "ValueError: invalid literal for int() with base 10: 'n/a'" in found["lastLines"]


def test_a_program_that_reports_nothing_has_its_log_read(server: RunningServer) -> None:
    found = failed(server, server.agent("plain", PLAIN), inputParameters='{"price": "n/a"}')
    assert [e["type"] for e in found["exceptions"]] == ["RuntimeError", "ValueError"]
    frame = found["exceptions"][1]["traceback"][0]
    assert (frame["file"], frame["line"], frame["function"]) == ("main.py", 4, "parse")
    assert [line["text"] for line in frame["source"][2:5]] == [
        "def parse(text):",
        "    return int(text)",
        "try:",
    ]
    assert (found["lastGood"], found["difference"]) == (None, None)


def test_a_signal_that_ended_it_is_named(server: RunningServer) -> None:
    found = failed(server, server.agent("killed", "import os\nos.kill(os.getpid(), 11)\n"))
    assert (found["exit"]["signal"], found["exit"]["code"]) == ("SIGSEGV", None)


def test_each_attempt_that_failed_has_its_own(server: RunningServer) -> None:
    main = (
        "import os\nnumber = int(os.environ['LAMPLIGHTER_ATTEMPT'])\n"
        "if number < 3:\n    raise ValueError(f'attempt {number}')\n"
    )
    agent = server.agent("third time", main)
    ended = server.run(agent, maxRetries=2)
    assert (ended["status"], ended["attempt"]) == (9, 3)
    path = f"/agent/{agent}/run/{ended['id']}/evidence"
    for number in (1, 2):
        found = server.call("GET", f"{path}?attempt={number}")
        assert found["exceptions"][0]["message"] == f"attempt {number}"
    problem = server.call("GET", path, expect=404)
    assert "which is Completed" in problem["detail"]
    assert "there is some of attempt 2" in problem["detail"]
    assert "there is no attempt 4" in server.call("GET", f"{path}?attempt=4", expect=404)["detail"]


def test_a_run_that_goes_or_went_well_has_none(server: RunningServer) -> None:
    agent = server.agent("well", "")
    ended = server.run(agent)
    server.call("GET", f"/agent/{agent}/run/{ended['id']}/evidence", expect=404)
    server.call("GET", f"/agent/{agent}/run/999999/evidence", expect=404)
    server.call("GET", f"/agent/{agent}/run/{ended['id']}/evidence?attempt=0", expect=400)


def test_an_agent_cannot_make_up_evidence_of_a_run_that_went_well(server: RunningServer) -> None:
    main = (
        "import os, pathlib\n"
        "place = pathlib.Path(os.environ['LAMPLIGHTER_RECORDS']).parent / 'evidence'\n"
        "place.mkdir(exist_ok=True)\n(place / 'evidence.json').write_text('{}')\n"
    )
    agent = server.agent("liar", main)
    ended = server.run(agent)
    server.call("GET", f"/agent/{agent}/run/{ended['id']}/evidence", expect=404)


@pytest.mark.parametrize(
    "trick",
    [
        "evidence.symlink_to(elsewhere)",
        "evidence.write_text('')",
        "os.mkfifo(evidence)",
        "(evidence / 'evidence.json' / 'x').mkdir(parents=True)",
        "evidence.mkdir(); (evidence / 'evidence.json').symlink_to(elsewhere / 'secret.py')",
        "log.write_bytes(b'\\0\\xff' * 1_000_000)",
        "report.symlink_to(elsewhere / 'secret.py')",
        'report.write_text(\'{"exceptions": [{"type": [], "traceback": [{"line": "x"}]}]}\')',
        "report.write_text('[' * 100_000)",
        "print(f'Traceback (most recent call last):\\n  File \"{elsewhere}/secret.py\", line 1, in f\\nE: x')",
    ],
)
def test_whatever_an_agent_leaves_there_is_evidence_and_no_file_of_others(
    server: RunningServer, tmp_path: Path, trick: str
) -> None:
    (tmp_path / "secret.py").write_text("a file of others")
    main = (
        "import os, pathlib, shutil\n"
        "folder = pathlib.Path(os.environ['LAMPLIGHTER_RECORDS']).parent\n"
        f"elsewhere = pathlib.Path({str(tmp_path)!r})\n"
        "evidence, log, report = folder / 'evidence', folder / 'log.txt', folder / 'report.json'\n"
        "shutil.rmtree(evidence, ignore_errors=True)\n"
        f"{trick}\n"
        "os._exit(3)\n"
    )
    found = failed(server, server.agent(trick, main))
    assert found["exit"]["code"] == 3
    assert "a file of others" not in json.dumps(found)
    assert (tmp_path / "secret.py").read_text() == "a file of others"
    assert [path.name for path in tmp_path.iterdir()] == ["secret.py"]


def test_evidence_is_among_the_files_of_the_run(server: RunningServer) -> None:
    agent = server.agent("listed", "raise ValueError(1)\n")
    ended = server.run(agent)
    [file] = [
        file
        for file in server.call("GET", f"/agent/{agent}/run/{ended['id']}/files")
        if file["name"] == "evidence/evidence.json"
    ]
    assert file["fileType"] == "Evidence"


def test_secrets_are_hidden_in_evidence(server: RunningServer) -> None:
    server.call("PUT", "/secrets/TOKEN", {"value": "s3cret-token"}, expect=201)
    main = (
        "from lamplighter import agent\ntoken = agent.input()['token']\n"
        "print('token', token)\nraise ValueError(f'refused {token}')\n"
    )
    agent = server.agent("spy", main)
    found = failed(server, agent, inputParameters='{"token": "${secret:TOKEN}"}')
    assert found["exceptions"][0]["message"] == "refused ***"
    assert "s3c" not in json.dumps(found)


def test_evidence_goes_with_its_run(server: RunningServer) -> None:
    agent = server.agent("gone", "raise ValueError(1)\n")
    ended = server.run(agent)
    server.call("DELETE", f"/agent/{agent}/run/{ended['id']}", expect=204)
    server.call("GET", f"/agent/{agent}/run/{ended['id']}/evidence", expect=404)
    assert eventually(lambda: not list(server.data.glob(f"runs/*/{ended['id']}")))


def test_a_page_that_failed_on_the_way_to_a_good_end_is_not_kept(server: RunningServer) -> None:
    main = """
import os, pathlib
pathlib.Path(os.environ["LAMPLIGHTER_EVIDENCE"], "failing-page.html").write_text("one of many")
"""
    agent = server.agent("went well", main)
    run = server.run(agent)
    assert run["status"] == 9
    files = server.call("GET", f"/agent/{agent}/run/{run['id']}/files")
    assert [file["name"] for file in files if file["fileType"] == "Evidence"] == []
