"""Agents that misbehave in every way: the run ends with its true verdict, and nothing of it survives."""

import json
import os
from pathlib import Path

from run_processes import is_alive
from running_server import RunningServer, eventually

COMPLETED, FAILURE, STOPPED = 9, 6, 8
RECORD = """
import json, os, sys, time, signal
def record(**fields):
    with open(os.environ["LAMPLIGHTER_RECORDS"], "a") as f:
        f.write(json.dumps(fields) + "\\n")
"""


def pids_of(server: RunningServer, agent: int, run: int, count: int) -> list[int]:
    """The process ids that the agent has written into its records, when there are ``count``."""

    def look() -> list[int] | None:
        found = [r["pid"] for r in server.call("GET", f"/agent/{agent}/run/{run}/records")]
        return found if len(found) == count else None

    return eventually(look)


def start(server: RunningServer, agent: int) -> int:
    return int(server.call("POST", f"/agent/{agent}/start", {}, expect=202)["id"])


def test_a_graceful_stop_lets_the_agent_finish_its_work(server: RunningServer) -> None:
    agent = server.agent(
        "polite",
        RECORD
        + "def end(*_):\n    record(last=True)\n    sys.exit(0)\n"
        + "signal.signal(signal.SIGTERM, end)\nrecord(pid=os.getpid())\nsignal.pause()\n",
    )
    run = start(server, agent)
    pids_of(server, agent, run, 1)
    server.call("POST", f"/agent/{agent}/run/{run}/stop", expect=204)
    ended = server.ended(agent, run)
    assert ended["status"] == STOPPED
    assert ended["message"] == "stopped as asked; 2 records"
    assert ended["dataCount"] == 2


def test_a_child_that_ignores_sigterm_is_killed_by_the_second_kill(server: RunningServer) -> None:
    agent = server.agent(
        "stubborn",
        RECORD + "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nrecord(pid=os.getpid())\nsignal.pause()\n",
    )
    run = start(server, agent)
    [pid] = pids_of(server, agent, run, 1)
    server.call("POST", f"/agent/{agent}/run/{run}/kill", expect=204)
    assert server.status(agent, run)["status"] == 5
    assert is_alive(pid)
    server.call("POST", f"/agent/{agent}/run/{run}/kill", expect=204)
    assert server.ended(agent, run)["status"] == STOPPED
    assert not is_alive(pid)


def test_a_child_that_ignores_sigterm_is_killed_after_the_grace(tmp_path: Path) -> None:
    with RunningServer(tmp_path / "data", environment={"LAMPLIGHTER_STOP_GRACE_SECONDS": "1"}) as server:
        agent = server.agent(
            "stubborn",
            RECORD
            + "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nrecord(pid=os.getpid())\nsignal.pause()\n",
        )
        run = start(server, agent)
        [pid] = pids_of(server, agent, run, 1)
        server.call("POST", f"/agent/{agent}/run/{run}/stop", expect=204)
        assert server.ended(agent, run)["status"] == STOPPED
        assert not is_alive(pid)
        assert "killing: SIGKILL" in server.log(agent, run)


def test_grandchildren_do_not_survive_a_stop(server: RunningServer) -> None:
    agent = server.agent(
        "family",
        RECORD
        + "for detached in (False, True):\n"
        + "    if os.fork() == 0:\n"
        + "        if detached: os.setsid()\n"
        + "        record(pid=os.getpid())\n"
        + "        signal.pause()\n"
        + "record(pid=os.getpid())\nsignal.pause()\n",
    )
    run = start(server, agent)
    pids = pids_of(server, agent, run, 3)
    server.call("POST", f"/agent/{agent}/run/{run}/stop", expect=204)
    server.ended(agent, run)
    assert [pid for pid in pids if is_alive(pid)] == []


def test_grandchildren_do_not_survive_the_end_of_their_parent(server: RunningServer) -> None:
    agent = server.agent(
        "orphans",
        RECORD
        + "if os.fork() == 0:\n"
        + "    os.setsid()\n"
        + "    record(pid=os.getpid())\n"
        + "    signal.pause()\n"
        + "while not os.path.getsize(os.environ['LAMPLIGHTER_RECORDS']): time.sleep(0.01)\n",
    )
    ended = server.run(agent)
    assert ended["status"] == COMPLETED
    [record] = server.call("GET", f"/agent/{agent}/run/{ended['id']}/records")
    assert not is_alive(record["pid"])


def test_a_hundred_megabytes_of_log_arrive_whole(server: RunningServer) -> None:
    agent = server.agent("chatty", "for _ in range(100):\n    print('x' * (1024 * 1024 - 1))\n")
    ended = server.run(agent)
    assert ended["status"] == COMPLETED
    [size] = [
        file["fileSize"]
        for file in server.call("GET", f"/agent/{agent}/run/{ended['id']}/files")
        if file["fileType"] == "Log"
    ]
    assert size > 100 * 1024 * 1024
    with server.http.stream("GET", f"/agent/{agent}/run/{ended['id']}/log") as answer:
        assert sum(map(len, answer.iter_bytes())) >= size


def test_bad_lines_in_the_records_are_left_out_counted_and_told(server: RunningServer) -> None:
    agent = server.agent(
        "sloppy",
        "import os\nwith open(os.environ['LAMPLIGHTER_RECORDS'], 'wb') as f:\n"
        "    f.write(b'{\"a\": 1}\\nnot json\\n[1, 2]\\n\\xff\\xfe\\n')\n"
        '    f.write(b\'[\' * 100_000 + b\'\\n{"a": 2, "b": "x"}\')\n',
    )
    ended = server.run(agent)
    assert ended["status"] == COMPLETED
    assert (ended["dataCount"], ended["errorCount"], ended["exportCount"]) == (2, 4, 2)
    assert "4 lines of the records file left out: not a JSON object (the first is line 2)" in ended["message"]
    assert server.call("GET", f"/agent/{agent}/run/{ended['id']}/records") == [
        {"a": 1},
        {"a": 2, "b": "x"},
    ]


def test_records_become_csv_with_the_columns_of_all_of_them(server: RunningServer) -> None:
    agent = server.agent("columns", RECORD + 'record(a=1, b="x, y")\nrecord(b="é", c={"d": [1]})\n')
    ended = server.run(agent)
    files = server.call("GET", f"/agent/{agent}/run/{ended['id']}/files")
    [csv_id] = [file["id"] for file in files if file["name"] == "records.csv"]
    text = server.http.get(
        f"/agent/{agent}/run/{ended['id']}/file/{csv_id}/download", follow_redirects=True
    ).text
    assert text.splitlines() == ["a,b,c", '1,"x, y",', ',é,"{""d"": [1]}"']


def test_death_by_a_signal_is_a_failure_that_names_it(server: RunningServer) -> None:
    agent = server.agent("crasher", RECORD + "record(a=1)\nos.kill(os.getpid(), signal.SIGSEGV)\n")
    ended = server.run(agent)
    assert ended["status"] == FAILURE
    assert ended["message"] == ended["errorMessage"] == "killed by SIGSEGV; 1 record"


def test_an_exit_status_is_a_failure_that_names_it_and_can_be_restarted(server: RunningServer) -> None:
    main = "import os, sys\nsys.exit(3 if os.environ['LAMPLIGHTER_ATTEMPT'] == '1' else 0)\n"
    agent = server.agent("three", main)
    failed = server.run(agent)
    assert (failed["status"], failed["message"]) == (FAILURE, "exit status 3; 0 records")
    server.call("POST", f"/agent/{agent}/run/{failed['id']}/restart", expect=202)
    again = server.ended(agent, failed["id"])
    assert (again["status"], again["attempt"]) == (COMPLETED, 2)


def test_a_program_that_does_not_exist_is_a_failure_that_says_so(server: RunningServer) -> None:
    files = {"agent.toml": '[agent]\nrun = ["no-such-program"]\n'}
    agent = server.call("POST", "/agent", {"name": "missing", "files": files}, expect=201)["id"]
    ended = server.run(agent)
    assert ended["status"] == FAILURE
    assert "no-such-program" in ended["message"]


def test_a_run_that_takes_too_long_is_stopped_and_a_failure(server: RunningServer) -> None:
    agent = server.agent("slow", RECORD + "record(a=1)\nsignal.pause()\n")
    ended = server.run(agent, timeoutSeconds=1)
    assert ended["status"] == FAILURE
    assert ended["message"] == "time-out: not finished after 1 second; 1 record"


def test_retries_are_attempts_of_the_same_run(server: RunningServer) -> None:
    agent = server.agent(
        "flaky", "import os, sys\nprint('try')\nsys.exit(os.environ['LAMPLIGHTER_ATTEMPT'] != '3')\n"
    )
    ended = server.run(agent, maxRetries=2)
    assert (ended["status"], ended["attempt"]) == (COMPLETED, 3)
    for attempt in (1, 2, 3):
        log = server.http.get(f"/agent/{agent}/run/{ended['id']}/log?attempt={attempt}").text
        assert f"attempt {attempt}," in log


def test_success_criteria_decide(server: RunningServer) -> None:
    main = RECORD + 'record(title="x", price=1)\nrecord(title="", price=2)\n'
    met = server.agent("met", main, "[success]\nmin_records = 2\nrequired_fields = ['price']\n")
    few = server.agent("few", main, "[success]\nmin_records = 3\n")
    empty = server.agent("empty", main, "[success]\nrequired_fields = ['title']\n")
    assert server.run(met)["status"] == 10
    assert server.run(few)["message"].startswith("min_records: 2 records, at least 3 wanted")
    assert server.run(empty)["message"].startswith("required_fields: 1 of 2 records lack 'title'")


def test_an_agent_gets_what_it_is_given_and_nothing_of_the_servers(server: RunningServer) -> None:
    agent = server.agent(
        "curious",
        RECORD
        + "record(env=dict(os.environ), cwd=os.getcwd(), input=json.load(open(os.environ['LAMPLIGHTER_INPUT'])),"
        + " stdin=sys.stdin.read())\n",
        '[inputs.page]\ndefault = 1\n[inputs.word]\ntype = "string"\n',
    )
    ended = server.run(agent, inputParameters=json.dumps({"word": "lamp"}))
    [seen] = server.call("GET", f"/agent/{agent}/run/{ended['id']}/records")
    assert seen["input"] == {"page": 1, "word": "lamp"}
    assert seen["stdin"] == ""
    env = seen["env"]
    assert env["LAMPLIGHTER_RUN_ID"] == str(ended["id"])
    assert (env["LAMPLIGHTER_SHARD_INDEX"], env["LAMPLIGHTER_SHARD_COUNT"]) == ("1", "1")
    assert "LAMPLIGHTER_BOOTSTRAP_KEY" not in env
    known = {"PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "USER", "PYTHONUNBUFFERED", "PYTHONIOENCODING"}
    assert {name for name in env if not name.startswith("LAMPLIGHTER_")} <= known
    assert not (set(env.values()) & {os.environ.get("PWD", "?")})


def test_files_that_an_agent_leaves_can_be_downloaded(server: RunningServer) -> None:
    agent = server.agent(
        "filer",
        "import os\nopen(os.path.join(os.environ['LAMPLIGHTER_FILES'], 'page.html'), 'w').write('<p>')\n"
        "open('feed.json', 'w').write('[]')\n",
    )
    ended = server.run(agent)
    files = {f["name"]: f for f in server.call("GET", f"/agent/{agent}/run/{ended['id']}/files")}
    assert {"page.html", "feed.json", "log.txt"} <= files.keys()
    assert "main.py" not in files


def test_parallel_runs_share_out_the_rows(server: RunningServer) -> None:
    main = RECORD + "for row in json.load(open(os.environ['LAMPLIGHTER_INPUT'])): record(**row)\n"
    agent = server.agent("rows", main)
    rows = [{"n": number} for number in range(5)]
    first = server.run(agent, inputParameters=json.dumps(rows), parallelism=2)
    runs = [
        server.ended(agent, run["id"])
        for run in server.call("GET", f"/agent/{agent}/runs")
        if run["parallelSet"] == first["parallelSet"]
    ]
    assert [run["sequence"] for run in runs] == [2, 1]
    assert [run["dataCount"] for run in runs] == [2, 3]
