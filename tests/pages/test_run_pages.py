"""Runs on pages: what agents print, extract and keep is shown, and can do nothing."""

import itertools
from collections.abc import Iterator

import pytest

from browsing import Reader, text_of
from running_server import RunningServer, eventually

_numbers = itertools.count(1)
HOSTILE = "<script>alert('x')</script>"
NASTY = f"""from lamplighter import agent
print({HOSTILE!r} + " ERROR in the log")
for n in range(120):
    agent.emit({{"n": n, "text": {HOSTILE!r} if n == 7 else "plain", "<b>name</b>": "v"}})
agent.snapshot("<h1>A page</h1><script>document.title='owned'</script>", "http://shop.example/", 200)
"""
FAILS = """print("about to fail")
def parse(page):
    return page["headline"]
parse({})
"""
SLEEPS = "import time\nprint('begun', flush=True)\ntime.sleep(300)\n"


@pytest.fixture(scope="module")
def nasty(server: RunningServer) -> int:
    """A run of an agent that means us no good."""
    agent = server.agent("nasty", NASTY)
    return int(server.run(agent, logMode="TextAndHtml")["id"])


@pytest.fixture(scope="module")
def failed(server: RunningServer) -> int:
    """A run that failed."""
    return int(server.run(server.agent("fails", FAILS))["id"])


@pytest.fixture
def going(server: RunningServer) -> Iterator[tuple[int, int]]:
    """An agent and its run, which goes on for as long as it is let."""
    agent = server.agent(f"sleeper {next(_numbers)}", SLEEPS)
    run = int(server.call("POST", f"/agent/{agent}/start", expect=202)["id"])
    eventually(lambda: server.status(agent, run)["status"] == 1)
    yield agent, run
    for _ in range(2):
        server.http.post(f"/agent/{agent}/run/{run}/kill")
    server.ended(agent, run)


def test_records_are_a_table_with_statistics_and_a_search(admin: Reader, nasty: int) -> None:
    page = admin.look(f"/runs/{nasty}/records")
    assert HOSTILE not in page
    assert "&lt;b&gt;name&lt;/b&gt;" in page
    said = text_of(page)
    assert "120 records" in said
    assert "n 100 % number 120 0 119" in said
    assert "plain × 119" in said
    found = text_of(admin.look(f"/runs/{nasty}/records?q=ALERT"))
    assert HOSTILE in found
    assert "No record has this in it." in admin.look(f"/runs/{nasty}/records?q=nothing-like-it")
    assert "> 119<" in admin.look(f"/runs/{nasty}/records?page=3").replace('">119', '"> 119')


def test_a_page_that_an_agent_kept_is_framed_and_powerless(admin: Reader, nasty: int) -> None:
    listing = admin.look(f"/runs/{nasty}/files")
    address = next(
        part.split('"')[0] for part in listing.split('href="') if "snapshots" in part.split("</a>")[0]
    )
    page = admin.look(address)
    assert f'<iframe class="snapshot" sandbox src="{address}/frame"' in page
    framed = admin.http.get(f"{address}/frame")
    assert "<script>" in framed.text
    policy = framed.headers["content-security-policy"]
    assert "sandbox" in policy
    assert "default-src 'none'" in policy
    assert "allow" not in policy
    assert framed.headers["x-frame-options"] == "SAMEORIGIN"


def test_files_are_listed_shown_and_downloaded(admin: Reader, nasty: int) -> None:
    listing = admin.look(f"/runs/{nasty}/files")
    files = [part.split('"')[0] for part in listing.split(f'href="/runs/{nasty}/files/')[1:]]
    number = next(one for one in files if one.isdigit())
    assert "records.jsonl" in admin.look(f"/runs/{nasty}/files/{number}")
    address = admin.http.get(f"/runs/{nasty}/files/{number}/download").headers["location"]
    saved = admin.http.get(address)
    assert saved.status_code == 200
    assert saved.headers["content-disposition"].startswith("attachment")
    admin.look(f"/runs/{nasty}/files/999999", 404)
    text = admin.http.get(f"/runs/{nasty}/files/{number}/frame")
    assert text.status_code == 404


def test_the_log_is_text_and_a_stream(admin: Reader, nasty: int) -> None:
    text = admin.http.get(f"/runs/{nasty}/log")
    assert text.headers["content-type"] == "text/plain; charset=utf-8"
    assert HOSTILE in text.text
    with admin.http.stream("GET", f"/runs/{nasty}/log?follow=true") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        events = list(stream.iter_lines())
    assert "event: end" in events
    assert any(line.startswith("data: ") and "alert" in line for line in events)
    admin.look(f"/runs/{nasty}/log?attempt=9", 404)


def test_a_failure_is_explained(admin: Reader, failed: int) -> None:
    said = text_of(admin.look(f"/runs/{failed}"))
    assert "Why it failed" in said
    assert "KeyError" in said
    said = text_of(admin.look(f"/runs/{failed}/failure"))
    assert "KeyError: 'headline' in main.py, line 3, in parse" in said
    assert 'return page["headline"]' in said
    assert "about to fail" in said
    assert "exit status 1" in said
    assert "KeyError" in text_of(admin.look("/"))


def test_a_run_that_did_not_fail_has_nothing_to_explain(admin: Reader, nasty: int) -> None:
    assert "there is no failure to explain" in text_of(admin.look(f"/runs/{nasty}/failure"))


def test_a_failed_run_is_restarted_in_place_and_deleted(
    admin: Reader, server: RunningServer, failed: int
) -> None:
    agent = int(server.http.get("/agent/all").json()[0]["id"])
    assert admin.send(f"/runs/{failed}/restart").headers["location"] == f"/runs/{failed}"
    agent = next(one["id"] for one in server.http.get("/agent/all").json() if one["name"] == "fails")
    server.ended(agent, failed)
    page = admin.look(f"/runs/{failed}/failure?attempt=1")
    assert "KeyError" in page
    assert admin.send(f"/runs/{failed}/delete").headers["location"] == f"/agents/{agent}"
    admin.look(f"/runs/{failed}", 404)


def test_a_run_is_stopped_and_killed(admin: Reader, server: RunningServer, going: tuple[int, int]) -> None:
    agent, run = going
    page = admin.look(f"/runs/{run}")
    assert "Stop" in text_of(page)
    assert f'data-live="/runs/{run}?live=stream"' in page
    admin.send(f"/runs/{run}/stop")
    admin.send(f"/runs/{run}/kill")
    assert server.ended(agent, run)["status"] == 8
    page = admin.look(f"/runs/{run}")
    assert "data-live" not in page
    refused = admin.send(f"/runs/{run}/stop")
    assert refused.status_code == 409
    assert "has ended already" in refused.text
    assert admin.send(f"/runs/{run}/explode").status_code == 404


def test_what_goes_is_streamed_as_it_changes(
    admin: Reader, server: RunningServer, going: tuple[int, int]
) -> None:
    agent, run = going
    with admin.http.stream("GET", f"/runs/{run}?live=stream") as stream:
        lines = stream.iter_lines()
        assert next(lines) == "event: block"
        seen = list(iter(lambda: next(lines), ""))
        assert any("Running" in line for line in seen)
        server.http.post(f"/agent/{agent}/run/{run}/stop")
        for line in lines:
            if "Stopping" in line or "Stopped" in line:
                break
        else:
            pytest.fail("the stream ended without it")


def test_without_streams_the_block_can_be_asked_for(admin: Reader) -> None:
    block = admin.look("/?live=block")
    assert "<html" not in block
    assert "Now" in block


def test_a_stream_ends_when_its_reader_is_signed_out(server: RunningServer) -> None:
    user = server.http.post("/users", json={"name": "leaver"}).json()["id"]
    server.http.put(f"/users/{user}/password", json={"password": "long enough word"})
    server.http.put(f"/spaces/1/members/{user}", json={"role": "viewer"})
    reader = Reader(server)
    reader.sign_in(name="leaver", password="long enough word")
    with reader.http.stream("GET", "/?live=stream") as stream:
        lines = stream.iter_lines()
        next(lines)
        server.http.post(f"/users/{user}/sign-out")
        assert any(line == "event: over" for line in lines)
    reader.close()


def test_a_parallel_set_is_one_page_with_its_parts(admin: Reader, server: RunningServer) -> None:
    agent = server.agent("parts", "from lamplighter import agent\nfor row in agent.rows(): agent.emit(row)\n")
    first = server.run(agent, inputParameters='[{"a": 1}, {"a": 2}, {"a": 3}]', parallelism=3)["id"]
    for number in range(3):
        server.ended(agent, first + number)
    said = text_of(admin.look(f"/runs/{first}"))
    assert "1 of 3" in said
    assert "3 of 3" in said
    assert "3 records in all" in said


def test_the_list_of_all_runs_is_narrowed(admin: Reader, nasty: int) -> None:
    assert f"/runs/{nasty}" in admin.look("/runs?status=completed")
    assert f"/runs/{nasty}" not in admin.look("/runs?status=failed")
    admin.look("/runs?status=nonsense&page=x")


def test_times_have_pages(admin: Reader, nasty: int) -> None:
    assert f'href="/runs/{nasty}"' in admin.look("/timeline")
    assert "any server" in admin.look("/timeline?by=group&hours=1")
    assert "Nothing ran or is planned" in admin.look("/timeline?from=2001-01-01T00:00:00Z&hours=6")
    for nonsense in ("from=x", "hours=99", "from=9999-12-31T23:59:59Z", "from=0001-01-01", "by=x"):
        admin.look(f"/timeline?{nonsense}")
    for week in ("2026-03-23", "x", "9999-12-31", "0001-01-01"):
        admin.look(f"/calendar?week={week}")
