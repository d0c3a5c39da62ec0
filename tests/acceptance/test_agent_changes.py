"""What saving and deleting an agent does to what is kept of it."""

from running_server import RunningServer, eventually


def save(server: RunningServer, agent: int, toml: str) -> None:
    server.call("PUT", f"/agent/{agent}", {"files": {"agent.toml": toml, "main.py": ""}})


def test_the_description_in_agent_toml_is_taken_with_every_version(server: RunningServer) -> None:
    agent = server.agent("described", "", 'description = "first"\n')
    assert server.call("GET", f"/agent/{agent}")["description"] == "first"
    save(server, agent, '[agent]\nrun = ["python", "main.py"]\ndescription = "second"\n')
    assert server.call("GET", f"/agent/{agent}")["description"] == "second"


def test_only_the_formats_that_are_asked_for_are_files_of_the_run(server: RunningServer) -> None:
    main = "import os\nopen(os.environ['LAMPLIGHTER_RECORDS'], 'w').write('{\"a\": 1}\\n')\n"
    agent = server.agent("csv only", main, '[export]\nformats = ["csv"]\n')
    run = server.run(agent)
    files = server.call("GET", f"/agent/{agent}/run/{run['id']}/files")
    assert [file["name"] for file in files if file["fileType"] == "Export"] == ["records.csv"]
    assert server.call("GET", f"/agent/{agent}/run/{run['id']}/records") == [{"a": 1}]


def test_with_an_agent_the_files_of_its_runs_are_removed(server: RunningServer) -> None:
    agent = server.agent("short-lived", "print('hello')\n")
    run = server.run(agent)
    assert list(server.data.glob(f"runs/*/{run['id']}"))
    server.call("DELETE", f"/agent/{agent}", expect=204)
    assert list(server.data.glob(f"runs/*/{run['id']}")) == []
    server.call("GET", f"/agent/{agent}", expect=404)


def test_a_run_that_is_stopped_while_it_waits_for_its_retry_says_so(server: RunningServer) -> None:
    agent = server.agent("failing", "import sys\nsys.exit(1)\n")
    run = server.call("POST", f"/agent/{agent}/start", {"isWaitOnFailure": True}, expect=202)["id"]
    eventually(lambda: server.status(agent, run)["status"] == 12)
    server.call("POST", f"/agent/{agent}/run/{run}/stop", expect=204)
    ended = server.ended(agent, run)
    assert (ended["status"], ended["message"]) == (8, "stopped by admin while it waited for its retry")
