"""Runs that warn and runs that failed, on the command line."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cli_support import Cli

from running_server import RunningServer, eventually

PROGRAM = """
from pathlib import Path
from lamplighter import agent
given = agent.input()
few = given.get("few")
for n in range(2 if few is True or few and Path(few).exists() else 20):
    agent.emit({"n": n})


def parse(text):
    return int(text)


if given.get("price"):
    print("\\x1b]0;owned\\x07 about to fail")
    parse(given["price"])
"""
WARNING = "extracted 2 records; the last 3 good runs had 20"


@pytest.fixture
def cli(server: RunningServer) -> Cli:
    return Cli(server.url)


@pytest.fixture(scope="module")
def shop(server: RunningServer) -> int:
    """An agent with three good runs, one that warned and one that failed."""
    agent = server.agent("shop", PROGRAM)
    for given in ({}, {}, {}, {"few": True}, {"price": "n/a"}):
        server.run(agent, inputParameters=json.dumps(given))
    return agent


def number_of(server: RunningServer, agent: int, status: int) -> int:
    """The newest run of the agent in the status."""
    found = server.call("GET", f"/agent/{agent}/runs")
    return int(next(run["id"] for run in found if run["status"] == status))


# --- warnings ---


def test_a_run_that_warns_is_marked_in_the_list(cli: Cli, shop: int) -> None:
    result = cli.ok("run", "list", shop)
    assert [row[1] for row in result.rows] == [
        "Failure",
        "Completed !",
        "Completed",
        "Completed",
        "Completed",
    ]
    assert "lamplighter run status shop RUN" in result.err


def test_the_mark_is_coloured_on_a_terminal_only(cli: Cli, shop: int) -> None:
    assert "\x1b[33mCompleted !" in cli.ok("run", "list", shop, FORCE_COLOR="1").out
    assert "\x1b" not in cli.ok("run", "list", shop).out


def test_the_status_of_a_run_tells_its_warnings(cli: Cli, server: RunningServer, shop: int) -> None:
    out = cli.ok("run", "status", shop, number_of(server, shop, 9)).out.splitlines()
    assert "Status\tCompleted !" in out
    assert f"Warning\t{WARNING}" in out


def test_who_waits_for_a_run_is_warned_at_its_end(cli: Cli, server: RunningServer) -> None:
    agent = server.agent("waited for", PROGRAM)
    for _ in range(3):
        assert "Warning" not in cli.ok("run", "start", agent, "--wait").out
    out = cli.ok("run", "start", agent, "--follow", "--input", '{"few": true}').out.splitlines()
    assert out[-2:] == [
        next(line for line in out if "ended as Completed: finished; 2 records" in line),
        f"Warning: {WARNING}",
    ]


def test_why_tells_the_warnings_of_the_run(cli: Cli, server: RunningServer, tmp_path: Path) -> None:
    agent = server.agent("scheduled", PROGRAM)
    far = datetime.now(UTC) + timedelta(days=1)
    given = json.dumps({"few": str(tmp_path / "few")})
    cli.ok("schedule", "add", agent, "--every", "7 hours", "--start", far.isoformat(), "--input", given)
    schedule = server.call("GET", f"/agent/{agent}/schedules")[0]["id"]
    for _ in range(3):
        run = server.call("POST", f"/agent/{agent}/schedules/{schedule}/run", expect=202)
        assert server.ended(agent, run["id"])["warnings"] == []
    (tmp_path / "few").touch()
    due = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=3)
    cli.ok("schedule", "edit", agent, schedule, "--start", due.isoformat())
    fire = eventually(lambda: server.call("GET", f"/agent/{agent}/schedules/{schedule}/fires"))[0]
    server.ended(agent, fire["runIds"][0])
    out = cli.ok("schedule", "why", agent, schedule, due.isoformat()).out.splitlines()
    assert f"Warning\t{WARNING}" in out
    assert any(line.startswith(f"Run\t{fire['runIds'][0]} Completed !") for line in out)


# --- evidence ---


def test_the_newest_failure_is_explained(cli: Cli, server: RunningServer, shop: int) -> None:
    out = cli.ok("run", "evidence", shop).out
    good = number_of(server, shop, 9)
    assert "Message\texit status 1; 20 records" in out
    assert "ValueError: invalid literal for int() with base 10: 'n/a'" in out
    assert "main.py, line 11, in parse" in out
    assert "  >    11     return int(text)" in out
    assert f"Compared with run {good}, the last good one:" in out
    assert "records\t2\t20" in out
    assert "about to fail" in out
    assert "\x1b" not in out


def test_all_of_the_evidence_is_the_answer_of_the_api(cli: Cli, server: RunningServer, shop: int) -> None:
    number = number_of(server, shop, 6)
    path = f"/agent/{shop}/run/{number}/evidence"
    assert cli.ok("run", "evidence", shop, number, "--json").json == server.call("GET", path)


def test_the_evidence_fits_a_terminal(cli: Cli, shop: int) -> None:
    out = cli.ok("run", "evidence", shop, FORCE_COLOR="1", NO_COLOR="1", COLUMNS="80", TERM="dumb").out
    assert max(map(len, out.splitlines())) <= 80


def test_a_run_that_did_not_fail_has_no_evidence(cli: Cli, server: RunningServer, shop: int) -> None:
    result = cli("run", "evidence", shop, number_of(server, shop, 9))
    assert result.status == 5
    assert "which is Completed" in result.err


def test_an_agent_that_never_failed_has_no_evidence(cli: Cli, server: RunningServer) -> None:
    server.agent("faultless", PROGRAM)
    result = cli("run", "evidence", "faultless")
    assert (result.status, "has no run in Failure" in result.err) == (5, True)


def test_a_failure_without_evidence_points_at_its_log(cli: Cli, server: RunningServer) -> None:
    agent = server.agent("twofold", "raise ValueError('explained')")
    explained, bare = server.run(agent), server.run(agent)
    [place] = server.data.glob(f"runs/*/{bare['id']}/attempt-1/evidence")
    shutil.rmtree(place)

    result = cli.ok("run", "diagnose", "twofold")

    assert f"`lamplighter run logs twofold {bare['id']}` shows its log" in result.err
    assert f"`lamplighter run evidence twofold {explained['id']}`" in (
        cli.ok("run", "diagnose", "twofold", explained["id"]).err
    )
    assert cli.ok("run", "evidence", "twofold", "--json").json["runId"] == explained["id"]


def test_failures_of_which_none_has_evidence_are_told(cli: Cli, server: RunningServer) -> None:
    run = server.run(server.agent("mute", "raise ValueError('x')"))
    [place] = server.data.glob(f"runs/*/{run['id']}/attempt-1/evidence")
    shutil.rmtree(place)

    result = cli("run", "evidence", "mute")

    assert result.status == 5
    assert f"no failed run of the agent has evidence; `lamplighter run logs mute {run['id']}`" in result.err


def test_the_evidence_of_an_earlier_attempt_is_asked_for_by_its_number(
    cli: Cli, server: RunningServer
) -> None:
    main = "import os\nraise ValueError('attempt ' + os.environ['LAMPLIGHTER_ATTEMPT'])\n"
    server.run(server.agent("twice", main), maxRetries=1)
    assert "ValueError: attempt 2" in cli.ok("run", "evidence", "twice").out
    assert "ValueError: attempt 1" in cli.ok("run", "evidence", "twice", "--attempt", 1).out


def test_a_failed_run_says_how_it_is_explained(cli: Cli, shop: int) -> None:
    assert "lamplighter run diagnose shop" in cli.ok("run", "status", shop).err
    result = cli("run", "start", shop, "--wait", "--input", '{"price": "n/a"}')
    assert "lamplighter run diagnose shop" in result.err


def test_the_page_that_failed_is_named_and_can_be_downloaded(
    cli: Cli, server: RunningServer, tmp_path: Path
) -> None:
    main = (
        "import os, pathlib\n"
        "place = pathlib.Path(os.environ['LAMPLIGHTER_EVIDENCE'])\n"
        "(place / 'page.html').write_text('<h1>Blocked</h1>')\n"
        "raise ValueError('blocked')\n"
    )
    server.run(server.agent("blocked", main))
    result = cli.ok("run", "evidence", "blocked")
    assert "Page\tpage.html" in result.out
    command = result.err.split("`")[1].split()[1:]
    cli.ok(*command, "--to", tmp_path)
    assert (tmp_path / "evidence" / "page.html").read_text() == "<h1>Blocked</h1>"
