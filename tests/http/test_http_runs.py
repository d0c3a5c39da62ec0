"""Runs: starting, looking, stopping, killing, restarting, deleting."""

import json
from typing import Any

import pytest
from http_helpers import FAILS, SLEEPS, emits, field_errors, instant, json_text, problem_of, unique

from running_server import TERMINAL, RunningServer, eventually

PROPERTIES: dict[str, tuple[type, ...]] = {
    "id": (int,),
    "configId": (int,),
    "configName": (str,),
    "spaceId": (int,),
    "organizationId": (int,),
    "organizationName": (str,),
    "sequence": (int,),
    "parallelism": (int,),
    "parallelMaxConcurrency": (int, type(None)),
    "parallelExport": (str,),
    "parallelSet": (int,),
    "startTime": (str, type(None)),
    "endTime": (str, type(None)),
    "created": (str,),
    "status": (int,),
    "message": (str, type(None)),
    "configVersion": (int,),
    "actionCount": (int,),
    "pageCount": (int,),
    "dynamicPageCount": (int,),
    "requestCount": (int,),
    "dataCount": (int,),
    "inputCount": (int,),
    "errorCount": (int,),
    "exportCount": (int,),
    "traffic": (int,),
    "runTimeSec": (int,),
    "serverName": (str, type(None)),
    "tableType": (str,),
    "tag": (type(None),),
    "errorMessage": (str, type(None)),
    "recordsExtracted": (int,),
    "recordsExported": (int,),
    "startedBy": (str,),
    "logLevel": (str,),
    "logMode": (str,),
    "scheduleId": (int, type(None)),
    "scheduledTime": (str, type(None)),
    # ours
    "runId": (int,),
    "attempt": (int,),
    "retries": (int,),
    "warnings": (list,),
    "inputParameters": (str,),
    "proxyPoolId": (int, type(None)),
    "serverGroupId": (int, type(None)),
    "isExclusive": (bool,),
    "isWaitOnFailure": (bool,),
    "maxRetries": (int, type(None)),
    "retryDelaySeconds": (int, type(None)),
    "timeoutSeconds": (int, type(None)),
    "priority": (int,),
}

# Ignores a polite request to end, and says when it got one.
STUBBORN = """import signal, time
signal.signal(signal.SIGTERM, lambda *_: print("not yet", flush=True))
print("begun", flush=True)
while True:
    time.sleep(1)
"""
COUNTS = """from lamplighter import agent
agent.emit({"a": 1})
agent.emit({"a": 2})
agent.report(pages=3, dynamic_pages=1, requests=4, errors=1, traffic=500)
"""


@pytest.fixture(scope="module")
def quick(server: RunningServer) -> int:
    return server.agent("quick", emits({"n": 1}))


@pytest.fixture(scope="module")
def sleeper(server: RunningServer) -> int:
    return server.agent("sleeper", SLEEPS)


@pytest.fixture(scope="module")
def stubborn(server: RunningServer) -> int:
    return server.agent("stubborn", STUBBORN)


@pytest.fixture(scope="module")
def failing(server: RunningServer) -> int:
    return server.agent("failing", FAILS)


def start(server: RunningServer, agent_id: int, **settings: Any) -> dict[str, Any]:
    run: dict[str, Any] = server.call("POST", f"/agent/{agent_id}/start", settings, expect=202)
    return run


def going(server: RunningServer, agent_id: int, **settings: Any) -> str:
    """The address of a new run whose program has begun."""
    run = start(server, agent_id, **settings)
    eventually(lambda: "begun" in server.log(agent_id, run["id"]))
    return f"/agent/{agent_id}/run/{run['id']}"


def ended(server: RunningServer, own: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        run: dict[str, Any] = server.call("GET", f"{own}/status")
        return run if run["status"] in TERMINAL else None

    return eventually(look)


def end(server: RunningServer, own: str) -> dict[str, Any]:
    """End a run by force."""
    for _ in range(2):
        server.http.post(f"{own}/kill")
    return ended(server, own)


# --- start and status ---


def test_a_start_answers_at_once_with_the_run(server: RunningServer, quick: int) -> None:
    run = start(server, quick)

    assert run["id"] == run["runId"]
    assert run["configId"] == quick
    assert run["configName"] == "quick"
    assert run["status"] in (4, 3, 1)
    assert run["startedBy"] == "admin"
    assert run["scheduleId"] is None
    assert server.ended(quick, run["id"])["status"] == 9


def test_a_run_has_exactly_the_documented_properties_and_types(server: RunningServer, quick: int) -> None:
    begun = start(server, quick)
    for run in (begun, server.ended(quick, begun["id"])):
        assert run.keys() == PROPERTIES.keys()
        for name, value in run.items():
            assert type(value) in PROPERTIES[name], name


def test_an_ended_run_tells_what_it_did(server: RunningServer) -> None:
    agent = server.agent(unique("counting"), COUNTS)

    run = server.run(agent, inputParameters=json_text([{"x": 1}, {"x": 2}, {"x": 3}]))

    assert run["status"] == 9
    numbers = {
        "dataCount": 2,
        "recordsExtracted": 2,
        "exportCount": 2,
        "recordsExported": 2,
        "pageCount": 3,
        "dynamicPageCount": 1,
        "requestCount": 4,
        "errorCount": 1,
        "traffic": 500,
        "inputCount": 3,
        "attempt": 1,
        "warnings": [],
        "configVersion": 1,
        "sequence": 1,
    }
    assert {name: run[name] for name in numbers} == numbers
    assert run["errorMessage"] is None
    assert run["serverName"]
    assert instant(run["created"]) <= instant(run["startTime"]) <= instant(run["endTime"])
    for name in ("created", "startTime", "endTime"):
        assert run[name].endswith("Z")
        assert instant(run[name]).microsecond % 1000 == 0


def test_a_failed_run_says_why(server: RunningServer, failing: int) -> None:
    run = server.run(failing)

    assert run["status"] == 6
    assert run["errorMessage"] == run["message"]
    assert "exit status 3" in run["message"]


def test_the_settings_of_a_start_are_kept(server: RunningServer, quick: int) -> None:
    settings = {
        "ParallelMaxConcurrency": 1,
        "parallelExport": "separate",
        "loglevel": "error",
        "logMode": "TEXTANDHTML",
        "parallelism": 2,
        "inputParameters": '[{"a": 1}, {"a": 2}]',
        "proxyPoolId": None,
        "unknown": 1,
    }

    run = start(server, quick, **settings)

    assert run["parallelMaxConcurrency"] == 1
    assert run["parallelExport"] == "Separated"
    assert run["logLevel"] == "Error"
    assert run["logMode"] == "TextAndHtml"
    assert run["parallelism"] == 2
    server.ended(quick, run["id"])


def test_a_run_tells_how_it_was_started(server: RunningServer, quick: int) -> None:
    pool_body = {"name": unique("pool"), "proxies": ["http://127.0.0.1:9"]}
    pool = server.call("POST", "/proxy-pools", pool_body, expect=201)["id"]
    group = server.call("POST", "/server-groups", {"name": unique("group")}, expect=201)["id"]
    settings = {
        "proxyPoolId": pool,
        "serverGroupId": group,
        "isExclusive": False,
        "isWaitOnFailure": True,
        "maxRetries": 4,
        "retryDelaySeconds": 90,
        "timeoutSeconds": 1234,
        "priority": -7,
    }

    run = start(server, quick, **settings)

    assert {name: run[name] for name in settings} == settings
    assert run["retries"] == 0
    end(server, f"/agent/{quick}/run/{run['id']}")


def test_the_input_of_a_run_is_told_with_references_to_secrets(server: RunningServer, quick: int) -> None:
    server.call("PUT", "/secrets/told", {"value": "open sesame"}, expect=201)

    run = server.run(quick, inputParameters='{"password": "${secret:told}"}')

    assert json.loads(run["inputParameters"]) == {"password": "${secret:told}"}
    assert "open sesame" not in json.dumps(run)


def test_a_parallel_start_makes_that_many_runs_of_one_set(server: RunningServer) -> None:
    agent = server.agent(unique("parallel"), emits({"n": 1}))

    first = start(server, agent, parallelism=3, inputParameters='[{"a": 1}, {"a": 2}, {"a": 3}]')

    runs = server.call("GET", f"/agent/{agent}/runs")
    assert sorted(run["sequence"] for run in runs) == [1, 2, 3]
    assert {run["parallelSet"] for run in runs} == {first["parallelSet"]}
    assert first["sequence"] == 1
    for run in runs:
        assert server.ended(agent, run["id"])["inputCount"] == 1


def test_what_waits_for_a_place_in_its_set_says_so(server: RunningServer, sleeper: int) -> None:
    first = start(server, sleeper, parallelism=2, parallelMaxConcurrency=1)
    both = [
        r for r in server.call("GET", f"/agent/{sleeper}/runs") if r["parallelSet"] == first["parallelSet"]
    ]

    waiting = next(run for run in both if run["sequence"] == 2)

    assert (waiting["status"], waiting["message"]) == (12, "waits: at most 1 run of the set goes at once")
    for run in reversed(both):
        end(server, f"/agent/{sleeper}/run/{run['id']}")


def test_the_input_reaches_the_program(server: RunningServer) -> None:
    agent = server.agent(
        unique("echo"), "from lamplighter import agent\nagent.emit({'got': agent.input()})\n"
    )
    given = {"text": "ä🕯\u0000\n", "deep": [[[{"a": None}]]], "big": 2**70, "float": 1.5}

    run = server.run(agent, inputParameters=json_text(given))

    assert server.call("GET", f"/agent/{agent}/run/{run['id']}/records") == [{"got": given}]


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({"proxyPoolId": 7}, "proxyPoolId", "no proxy pool with the id 7"),
        ({"serverGroupId": 8}, "serverGroupId", "no server group with the id 8"),
        ({"parallelism": 0}, "parallelism", "must be 1 to 50"),
        ({"parallelism": 51}, "parallelism", "must be 1 to 50"),
        ({"inputParameters": "nonsense"}, "inputParameters", "not valid JSON"),
        ({"inputParameters": "[1]"}, "inputParameters", "array of JSON objects"),
        ({"inputParameters": {"a": 1}}, "inputParameters", "string with JSON in it"),
        ({"inputParameters": '{"a": "\\ud800"}'}, "inputParameters", "surrogate"),
        ({"inputParameters": '{"a": NaN}'}, "inputParameters", "NaN"),
        ({"logLevel": "Loud"}, "logLevel", "Fatal, Error, Warning, Info"),
        ({"isExclusive": "yes"}, "isExclusive", "true or false"),
        ({"isRunSynchronously": 1}, "isRunSynchronously", "true or false"),
        ({"timeout": 0}, "timeout", "must be 1 to 3,600"),
        ({"timeout": 3601}, "timeout", "must be 1 to 3,600"),
        ({"timeout": "60"}, "timeout", "whole number"),
    ],
)
def test_a_bad_start_is_refused_and_starts_nothing(
    server: RunningServer, body: dict[str, Any], field: str, words: str
) -> None:
    agent = server.agent(unique("untouched"), "")

    errors = field_errors(server.http.post(f"/agent/{agent}/start", json=body))

    assert list(errors) == [field]
    assert words in errors[field]
    assert server.call("GET", f"/agent/{agent}/runs") == []


# --- the list ---


def test_runs_are_listed_newest_first_and_as_many_as_wanted(server: RunningServer) -> None:
    agent = server.agent(unique("listed"), "")
    made = [start(server, agent)["id"] for _ in range(3)]

    for run_id in made:
        server.ended(agent, run_id)
    newest_first = [run["id"] for run in server.call("GET", f"/agent/{agent}/runs")]
    two = [run["id"] for run in server.call("GET", f"/agent/{agent}/runs?maxRecords=2")]

    assert newest_first == made[::-1]
    assert two == newest_first[:2]


@pytest.mark.parametrize("number", ["0", "-1", "1001", "all", ""])
def test_a_list_of_another_length_is_refused(server: RunningServer, quick: int, number: str) -> None:
    answer = server.http.get(f"/agent/{quick}/runs", params={"maxRecords": number})

    assert list(field_errors(answer)) == ["maxRecords"]


@pytest.mark.parametrize(
    ("method", "suffix"),
    [
        *(("GET", "/status"), ("POST", "/stop"), ("POST", "/kill"), ("POST", "/restart"), ("DELETE", "")),
        *(("GET", "/files"), ("GET", "/log"), ("GET", "/records"), ("GET", "/file/1/download")),
    ],
)
def test_a_run_is_found_only_under_its_own_agent(
    server: RunningServer, quick: int, failing: int, method: str, suffix: str
) -> None:
    run = server.run(quick)

    for own in (f"/agent/{failing}/run/{run['id']}", f"/agent/{quick}/run/999999", "/agent/999999/run/1"):
        problem_of(server.http.request(method, own + suffix), 404)


@pytest.mark.parametrize("run_id", ["0", "-1", "abc", str(2**63)])
def test_a_run_id_out_of_range_is_refused(server: RunningServer, quick: int, run_id: str) -> None:
    answer = server.http.get(f"/agent/{quick}/run/{run_id}/status")

    assert list(field_errors(answer)) == ["runId"]


# --- stop and kill ---


def test_a_stopped_run_ends_as_stopped(server: RunningServer, sleeper: int) -> None:
    own = going(server, sleeper)

    assert server.call("POST", f"{own}/stop", expect=204) is None

    run = ended(server, own)
    assert run["status"] == 8
    assert "stopped" in run["message"]
    assert run["errorMessage"] is None


def test_a_run_that_is_stopping_can_be_stopped_again(server: RunningServer, stubborn: int) -> None:
    own = going(server, stubborn)

    for _ in range(2):
        server.call("POST", f"{own}/stop", expect=204)

    assert server.call("GET", f"{own}/status")["status"] == 5
    assert end(server, own)["status"] == 8


def test_the_first_kill_is_a_stop_and_the_second_ends_the_process(
    server: RunningServer, stubborn: int
) -> None:
    own = going(server, stubborn)

    server.call("POST", f"{own}/kill", expect=204)
    eventually(lambda: "not yet" in server.http.get(f"{own}/log").text)
    assert server.call("GET", f"{own}/status")["status"] == 5

    server.call("POST", f"{own}/kill", expect=204)
    assert ended(server, own)["status"] == 8
    assert "SIGKILL" in server.http.get(f"{own}/log").text


@pytest.mark.parametrize("word", ["stop", "kill"])
def test_a_run_that_has_ended_cannot_be_stopped(server: RunningServer, quick: int, word: str) -> None:
    run = server.run(quick)

    problem = problem_of(server.http.post(f"/agent/{quick}/run/{run['id']}/{word}"), 409)

    assert "ended already: Completed" in problem["detail"]


def test_a_run_that_waits_is_stopped_without_having_begun(server: RunningServer) -> None:
    agent = server.agent(unique("exclusive"), SLEEPS)
    first = going(server, agent, isExclusive=True)
    second = start(server, agent, isExclusive=True)
    assert second["status"] == 12

    server.call("POST", f"/agent/{agent}/run/{second['id']}/stop", expect=204)

    run = server.status(agent, second["id"])
    assert (run["status"], run["startTime"]) == (8, None)
    assert "before it started" in run["message"]
    end(server, first)


# --- restart ---


def test_a_failure_is_restarted_in_place(server: RunningServer) -> None:
    agent = server.agent(
        unique("moody"),
        "import sys\nfrom lamplighter import agent\n"
        "agent.emit(agent.input())\nsys.exit(3 if agent.attempt == 1 else 0)\n",
    )
    failed = server.run(agent, inputParameters='{"a": 1}')
    assert failed["status"] == 6
    own = f"/agent/{agent}/run/{failed['id']}"

    again = server.call("POST", f"{own}/restart", expect=202)

    assert again["id"] == failed["id"]
    run = server.ended(agent, failed["id"])
    assert (run["status"], run["attempt"], run["errorMessage"]) == (9, 2, None)
    assert server.call("GET", f"{own}/records") == [{"a": 1}]
    assert len(server.call("GET", f"/agent/{agent}/runs")) == 1


def test_only_a_failure_can_be_restarted(server: RunningServer, quick: int, sleeper: int) -> None:
    completed = f"/agent/{quick}/run/{server.run(quick)['id']}"
    running = going(server, sleeper)

    for own in (completed, running):
        assert "only a run in Failure" in problem_of(server.http.post(f"{own}/restart"), 409)["detail"]
    end(server, running)
    problem_of(server.http.post(f"{running}/restart"), 409)


def test_a_failure_of_an_archived_agent_cannot_be_restarted(server: RunningServer) -> None:
    agent = server.agent(unique("archived"), FAILS)
    run = server.run(agent)
    server.call("POST", f"/agent/{agent}/archive", expect=204)

    problem = problem_of(server.http.post(f"/agent/{agent}/run/{run['id']}/restart"), 409)

    assert "archived" in problem["detail"]


# --- delete ---


def inputs_kept(server: RunningServer, run_id: int) -> int:
    folder = server.data / "runs" / str(run_id // 1000) / str(run_id)
    return len(list(folder.rglob("input.json"))) if folder.exists() else 0


@pytest.mark.parametrize("query", ["", "?removeMethod=RemoveEntireRun", "?removeMethod=removeentirerun"])
def test_a_removed_run_is_gone_with_its_files(server: RunningServer, quick: int, query: str) -> None:
    run = server.run(quick)
    own = f"/agent/{quick}/run/{run['id']}"

    assert server.call("DELETE", own + query, expect=204) is None

    problem_of(server.http.get(f"{own}/status"), 404)
    problem_of(server.http.get(f"{own}/files"), 404)
    problem_of(server.http.delete(own), 404)
    assert run["id"] not in [r["id"] for r in server.call("GET", f"/agent/{quick}/runs")]
    assert not (server.data / "runs" / str(run["id"] // 1000) / str(run["id"])).exists()


@pytest.mark.parametrize(
    ("method", "inputs"),
    [("RemoveAllFiles", 1), ("removeallfiles", 1), ("RemoveAllFilesAndAgentInput", 0)],
)
def test_only_the_files_of_a_run_may_be_removed(
    server: RunningServer, quick: int, method: str, inputs: int
) -> None:
    before = server.run(quick)
    own = f"/agent/{quick}/run/{before['id']}"
    assert inputs_kept(server, before["id"]) == 1

    for _ in range(2):
        server.call("DELETE", f"{own}?removeMethod={method}", expect=204)

    shown = before["inputParameters"] if inputs else None
    assert server.call("GET", f"{own}/status") == {**before, "inputParameters": shown}
    assert server.call("GET", f"{own}/files") == []
    assert server.call("GET", f"{own}/records") == []
    assert server.http.get(f"{own}/log").text == ""
    assert inputs_kept(server, before["id"]) == inputs


@pytest.mark.parametrize("method", ["RemoveEntireRun", "RemoveAllFiles", "RemoveAllFilesAndAgentInput"])
def test_an_active_run_cannot_be_removed(server: RunningServer, sleeper: int, method: str) -> None:
    own = going(server, sleeper)

    problem = problem_of(server.http.delete(f"{own}?removeMethod={method}"), 409)

    assert "stop it first" in problem["detail"]
    assert "begun" in server.http.get(f"{own}/log").text
    end(server, own)


def test_an_unknown_way_to_remove_is_refused(server: RunningServer, quick: int) -> None:
    run = server.run(quick)

    errors = field_errors(server.http.delete(f"/agent/{quick}/run/{run['id']}?removeMethod=Everything"))

    assert "RemoveEntireRun" in errors["removeMethod"]
    assert server.status(quick, run["id"]) == run


def test_a_run_whose_input_was_removed_is_not_restarted(server: RunningServer) -> None:
    agent = server.agent(unique("failing"), FAILS)
    run = server.run(agent, inputParameters='{"password": "S3CRET"}')
    own = f"/agent/{agent}/run/{run['id']}"
    server.call("DELETE", f"{own}?removeMethod=RemoveAllFilesAndAgentInput", expect=204)
    assert "S3CRET" not in server.http.get(f"/agent/{agent}/runs").text
    problem = problem_of(server.http.post(f"{own}/restart"), 409)
    assert problem["detail"] == f"the input of run {run['id']} was removed: start the agent instead"


@pytest.mark.parametrize("text", ["1_0", "1.0", "+1", "%201", "1e0"])
@pytest.mark.parametrize("path", ["/agent/{}", "/agent/1/schedules/{}", "/agent/all?pageIndex={}"])
def test_a_number_in_an_address_has_digits_only(server: RunningServer, path: str, text: str) -> None:
    [message] = field_errors(server.http.get(path.format(text))).values()
    assert message == "must be a whole number"
