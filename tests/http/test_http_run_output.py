"""What a run leaves: files and their download, the log, the records."""

import csv
import hashlib
import hmac
import io
import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from http_helpers import SLEEPS, field_errors, instant, problem_of, unique

from running_server import RunningServer, eventually

TALKATIVE = """from lamplighter import agent
for number in range(5):
    print("line", number, flush=True)
    agent.emit({"n": number, "text": "ä, \\"b\\""})
(agent.files / "photo.bin").write_bytes(bytes(range(256)))
"""
# Goes on when the file "go" of its folder appears.
PATIENT = """import time
from pathlib import Path
from lamplighter import agent
agent.emit({"n": 1})
agent.emit({"n": 2})
print("first half", flush=True)
while not Path("GATE").exists():
    time.sleep(0.05)
agent.emit({"n": 3})
print("second half", flush=True)
"""


@pytest.fixture(scope="module")
def agent_id(server: RunningServer) -> int:
    return server.agent("talkative", TALKATIVE)


@pytest.fixture(scope="module")
def own(server: RunningServer, agent_id: int) -> str:
    """The address of a run that has ended."""
    return f"/agent/{agent_id}/run/{server.run(agent_id)['id']}"


@pytest.fixture
def gated(server: RunningServer) -> Iterator[str]:
    """The address of a run that is half way; it ends after ``open_gate``."""
    gate = server.data.parent / f"gate-{unique('').strip()}"
    agent = server.agent(unique("patient"), PATIENT.replace("GATE", str(gate)))
    run = server.call("POST", f"/agent/{agent}/start", expect=202)
    eventually(lambda: "first half" in server.log(agent, run["id"]))
    address = f"/agent/{agent}/run/{run['id']}"
    _gates[address] = gate
    yield address
    gate.touch()
    server.ended(agent, run["id"])


_gates: dict[str, Any] = {}


def open_gate(address: str) -> None:
    _gates[address].touch()


# --- files ---


def test_the_files_of_a_run_are_listed(server: RunningServer, own: str) -> None:
    files = server.call("GET", f"{own}/files")

    assert {f["name"]: f["fileType"] for f in files} == {
        "records.jsonl": "Export",
        "records.csv": "Export",
        "log.txt": "Log",
        "photo.bin": "File",
    }
    for file in files:
        assert file.keys() == {"id", "name", "fileType", "fileSize", "created", "regionId"}
        assert instant(file["created"])
        assert file["fileSize"] > 0


def link(server: RunningServer, own: str, name: str) -> httpx.Response:
    [file] = [f for f in server.call("GET", f"{own}/files") if f["name"] == name]
    return server.http.get(f"{own}/file/{file['id']}/download")


def test_a_download_needs_no_credentials_once_it_was_asked_for(server: RunningServer, own: str) -> None:
    answer = link(server, own, "photo.bin")

    assert answer.status_code == 302
    file = httpx.get(answer.headers["Location"])
    assert file.status_code == 200
    assert file.content == bytes(range(256))
    assert file.headers["content-disposition"] == 'attachment; filename="photo.bin"'


def test_the_redirect_may_be_followed(server: RunningServer, own: str) -> None:
    [file] = [f for f in server.call("GET", f"{own}/files") if f["name"] == "records.jsonl"]

    answer = server.http.get(f"{own}/file/{file['id']}/download", follow_redirects=True)

    assert [json.loads(line)["n"] for line in answer.text.splitlines()] == [0, 1, 2, 3, 4]
    assert len(answer.content) == file["fileSize"]


def test_records_can_be_downloaded_as_csv(server: RunningServer, own: str) -> None:
    answer = httpx.get(link(server, own, "records.csv").headers["Location"])

    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert rows[4] == {"n": "4", "text": 'ä, "b"'}


def forged(address: str) -> Iterator[str]:
    parts = urlsplit(address)
    plain = f"{parts.scheme}://{parts.netloc}{parts.path}"
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    expires, signature = query["expires"], query["signature"]
    other_file = plain.rsplit("/", 1)[0] + f"/{int(plain.rsplit('/', 1)[1]) + 1}"
    yield f"{plain}?expires={int(expires) + 1000}&signature={signature}"
    yield f"{plain}?expires={expires}&signature={signature[:-1]}"
    yield f"{plain}?expires={expires}&signature={'0' * len(signature)}"
    yield f"{plain}?expires={expires}&signature="
    yield f"{plain}?expires={expires}&signature=%F0%9F%95%AF%ED%A0%80"
    yield f"{other_file}?expires={expires}&signature={signature}"


def test_a_forged_download_address_is_refused(server: RunningServer, own: str) -> None:
    for address in forged(link(server, own, "photo.bin").headers["Location"]):
        assert problem_of(httpx.get(address), 403)["code"] == "not_allowed"


def test_a_download_address_without_its_signature_is_refused(server: RunningServer, own: str) -> None:
    plain = link(server, own, "photo.bin").headers["Location"].partition("?")[0]

    assert field_errors(httpx.get(plain)).keys() == {"expires", "signature"}
    assert "expires" in field_errors(httpx.get(f"{plain}?expires=soon&signature=x"))


def test_an_expired_download_address_is_refused(server: RunningServer, own: str) -> None:
    plain = link(server, own, "photo.bin").headers["Location"].partition("?")[0]
    file_id = plain.rsplit("/", 1)[1]
    expires = int(time.time()) - 1
    secret = (server.data / "secret.key").read_bytes()
    signature = hmac.new(secret, f"download {file_id} {expires}".encode(), hashlib.sha256).hexdigest()

    problem = problem_of(httpx.get(f"{plain}?expires={expires}&signature={signature}"), 403)

    assert "expired" in problem["detail"]


def test_a_download_address_is_good_for_a_quarter_of_an_hour(server: RunningServer, own: str) -> None:
    query = parse_qs(urlsplit(link(server, own, "photo.bin").headers["Location"]).query)

    left = int(query["expires"][0]) - time.time()
    assert 13 * 60 < left <= 15 * 60


def test_only_a_file_of_the_run_can_be_downloaded(server: RunningServer, agent_id: int, own: str) -> None:
    file_id = server.call("GET", f"{own}/files")[0]["id"]
    other = server.run(agent_id)["id"]

    problem_of(server.http.get(f"/agent/{agent_id}/run/{other}/file/{file_id}/download"), 404)
    problem_of(server.http.get(f"{own}/file/999999/download"), 404)
    assert list(field_errors(server.http.get(f"{own}/file/0/download"))) == ["fileId"]


def test_a_file_that_was_removed_meanwhile_is_404(server: RunningServer, agent_id: int) -> None:
    address = f"/agent/{agent_id}/run/{server.run(agent_id)['id']}"
    download = link(server, address, "photo.bin").headers["Location"]
    server.call("DELETE", address, expect=204)

    problem_of(httpx.get(download), 404)


# --- the log ---


def test_the_log_is_plain_text(server: RunningServer, own: str) -> None:
    answer = server.http.get(f"{own}/log")

    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    lines = answer.text.splitlines()
    assert "starts" in lines[0]
    assert lines[1:-1] == [f"line {number}" for number in range(5)]
    assert "Completed" in lines[-1]


def test_the_log_can_be_read_while_the_run_goes(server: RunningServer, gated: str) -> None:
    assert "first half" in server.http.get(f"{gated}/log").text

    open_gate(gated)
    eventually(lambda: "second half" in server.http.get(f"{gated}/log").text)


def test_the_log_of_each_attempt_can_be_read(server: RunningServer) -> None:
    agent = server.agent(
        unique("moody"),
        "import sys\nfrom lamplighter import agent\n"
        "print('this is', agent.attempt)\nsys.exit(agent.attempt == 1)\n",
    )
    run = server.run(agent, maxRetries=1)
    own = f"/agent/{agent}/run/{run['id']}"

    assert run["attempt"] == 2
    assert "this is 2" in server.http.get(f"{own}/log").text
    assert "this is 1" in server.http.get(f"{own}/log?attempt=1").text
    assert "this is 2" in server.http.get(f"{own}/log?attempt=2").text
    problem_of(server.http.get(f"{own}/log?attempt=3"), 404)
    assert list(field_errors(server.http.get(f"{own}/log?attempt=0"))) == ["attempt"]


def test_the_log_of_a_run_that_has_not_begun_is_empty(server: RunningServer) -> None:
    agent = server.agent(unique("agent"), "import time\ntime.sleep(300)\n")
    first = server.call("POST", f"/agent/{agent}/start", {"isExclusive": True}, expect=202)
    second = server.call("POST", f"/agent/{agent}/start", {"isExclusive": True}, expect=202)

    answer = server.http.get(f"/agent/{agent}/run/{second['id']}/log")

    assert (answer.status_code, answer.text) == (200, "")
    for run in (second, first):
        server.call("POST", f"/agent/{agent}/run/{run['id']}/stop", expect=204)
        server.ended(agent, run["id"])


# --- the log as events ---


def events(server: RunningServer, own: str, last: str | None = None) -> Iterator[dict[str, str]]:
    """The server-sent events of a followed log, as they come."""
    headers = {} if last is None else {"Last-Event-ID": last}
    with server.http.stream("GET", f"{own}/log?follow=true", headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        event: dict[str, str] = {}
        for line in answer.iter_lines():
            if line:
                name, _, value = line.partition(": ")
                event[name] = value
            elif event:
                yield event
                event = {}


def test_a_followed_log_of_an_ended_run_is_whole_and_ends(server: RunningServer, own: str) -> None:
    *lines, last = events(server, own)

    assert [e["data"] for e in lines] == server.http.get(f"{own}/log").text.splitlines()
    assert len({e["id"] for e in lines}) == len(lines)
    assert last == {"event": "end", "data": "Completed"}


def test_a_followed_log_comes_as_it_is_written(server: RunningServer, gated: str) -> None:
    seen = []
    for event in events(server, gated):
        seen.append(event["data"])
        if event["data"] == "first half":
            assert server.call("GET", f"{gated}/status")["status"] in (1, 3)
            open_gate(gated)

    assert seen.index("first half") < seen.index("second half")
    assert seen[-1] == "Completed"


def test_a_followed_log_can_be_taken_up_after_any_event(server: RunningServer, own: str) -> None:
    *lines, _ = events(server, own)

    for number, event in enumerate(lines):
        *rest, last = events(server, own, event["id"])
        assert rest == lines[number + 1 :]
        assert last["event"] == "end"


@pytest.mark.parametrize("last", ["", "0", "nonsense", "-5", "9" * 30, "1-x", "x-1"])
def test_an_event_that_never_was_does_no_harm(server: RunningServer, own: str, last: str) -> None:
    assert list(events(server, own, last))[-1] == {"event": "end", "data": "Completed"}


def test_a_followed_log_goes_on_with_the_next_attempt_from_its_beginning(server: RunningServer) -> None:
    agent = server.agent(
        unique("moody"),
        "import sys\nfrom lamplighter import agent\n"
        "print('x' * 500 if agent.attempt == 1 else 'short')\nsys.exit(agent.attempt == 1)\n",
    )
    run = server.run(agent, maxRetries=1)
    own = f"/agent/{agent}/run/{run['id']}"
    whole = [e["data"] for e in events(server, own)]
    with server.http.stream("GET", f"{own}/log?follow=true&attempt=1") as answer:
        ids = [line for line in answer.iter_lines() if line.startswith("id: ")]

    resumed = [e["data"] for e in events(server, own, ids[-1].removeprefix("id: "))]

    assert resumed == whole


def test_a_carriage_return_does_not_break_an_event(server: RunningServer) -> None:
    agent = server.agent(unique("progress"), r"print('10 %\r20 %\rdone', flush=True)" + "\n")
    run = server.run(agent)

    text = [e["data"] for e in events(server, f"/agent/{agent}/run/{run['id']}")]

    assert "10 %20 %done" in "".join(text)


# --- the records ---


def test_all_records_are_an_array(server: RunningServer, own: str) -> None:
    records = server.call("GET", f"{own}/records")

    assert records == [{"n": number, "text": 'ä, "b"'} for number in range(5)]


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"pageIndex": 1, "recordsPerPage": 2}, [0, 1]),
        ({"pageIndex": 3, "recordsPerPage": 2}, [4]),
        ({"pageIndex": 4, "recordsPerPage": 2}, []),
        ({"pageIndex": 1}, [0, 1, 2, 3, 4]),
        ({"recordsPerPage": 3}, [0, 1, 2]),
    ],
)
def test_a_page_of_records_is_an_object_with_the_total(
    server: RunningServer, own: str, params: dict[str, int], found: list[int]
) -> None:
    page = server.http.get(f"{own}/records", params=params).json()

    assert page.keys() == {"items", "totalRecordCount"}
    assert [record["n"] for record in page["items"]] == found
    assert page["totalRecordCount"] == 5


@pytest.mark.parametrize("name", ["pageIndex", "recordsPerPage"])
@pytest.mark.parametrize("value", ["0", "-1", "1000001", "x"])
def test_a_page_that_cannot_be_is_refused(server: RunningServer, own: str, name: str, value: str) -> None:
    assert list(field_errors(server.http.get(f"{own}/records", params={name: value}))) == [name]


def test_records_can_be_read_while_the_run_goes(server: RunningServer, gated: str) -> None:
    assert server.call("GET", f"{gated}/records") == [{"n": 1}, {"n": 2}]
    page = server.call("GET", f"{gated}/records?recordsPerPage=1")
    assert page["items"] == [{"n": 1}]

    open_gate(gated)
    eventually(lambda: len(server.call("GET", f"{gated}/records")) == 3)


def test_a_run_without_records_has_an_empty_list(server: RunningServer) -> None:
    agent = server.agent(unique("agent"), "")
    own = f"/agent/{agent}/run/{server.run(agent)['id']}"

    assert server.call("GET", f"{own}/records") == []
    assert server.call("GET", f"{own}/records?pageIndex=1") == {"items": [], "totalRecordCount": 0}


@pytest.mark.parametrize("query", ["", "?pageIndex=1"])
def test_lines_that_are_no_json_are_left_out_and_what_json_lacks_is_told_as_null(
    server: RunningServer, query: str
) -> None:
    lines = r'{"a": NaN, "b": [-Infinity]}\nnonsense\n[1]\n{"c": "\\ud800"}\n{"d": 1e999}\n{"e": 1}'
    program = f"import os\nopen(os.environ['LAMPLIGHTER_RECORDS'], 'w').write('{lines}')\n"
    agent = server.agent(unique("agent"), program)
    own = f"/agent/{agent}/run/{server.run(agent)['id']}"

    answer = server.http.get(f"{own}/records{query}")

    found = json.loads(answer.text, parse_constant=pytest.fail)
    assert (found["items"] if query else found) == [
        *({"a": None, "b": [None]}, {"c": "\ud800"}, {"d": None}, {"e": 1}),
    ]


def test_half_of_a_surrogate_pair_does_not_fail_the_run(server: RunningServer) -> None:
    program = r"""import os
open(os.environ["LAMPLIGHTER_RECORDS"], "w").write('{"a": "\\ud800"}\n')
"""
    agent = server.agent(unique("agent"), program)

    run = server.run(agent)

    assert run["status"] == 9, run["message"]


def test_many_records_come_in_order(server: RunningServer) -> None:
    agent = server.agent(
        unique("many"),
        "from lamplighter import agent\nagent.emit_many({'n': n} for n in range(20_000))\n",
    )
    own = f"/agent/{agent}/run/{server.run(agent)['id']}"

    assert [record["n"] for record in server.call("GET", f"{own}/records")] == list(range(20_000))
    page = server.call("GET", f"{own}/records?pageIndex=20&recordsPerPage=1000")
    assert [record["n"] for record in page["items"]] == list(range(19_000, 20_000))
    assert page["totalRecordCount"] == 20_000


def test_a_log_is_followed_no_longer_than_the_key_is_good(server: RunningServer) -> None:
    agent = server.agent(unique("endless"), SLEEPS)
    run = server.call("POST", f"/agent/{agent}/start", {}, expect=202)
    key = server.call("POST", "/api-keys", {"description": "of a reader"}, expect=201)
    headers = {"Authorization": f"ApiKey {key['key']}"}
    path = f"/agent/{agent}/run/{run['id']}"
    with server.http.stream("GET", f"{path}/log?follow=true", headers=headers) as answer:
        assert answer.status_code == 200
        server.call("DELETE", f"/api-keys/{key['id']}", expect=204)
        for _ in answer.iter_lines():
            pass
    assert server.status(agent, run["id"])["status"] == 1, "it goes on: the log was not at its end"
    server.call("POST", f"{path}/stop", expect=204)
    server.ended(agent, run["id"])
