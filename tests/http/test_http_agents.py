"""Agents: creating, saving, versions, archiving, deleting, listing."""

from typing import Any

import pytest
from http_helpers import SLEEPS, emits, field_errors, instant, json_text, problem_of, unique

from running_server import RunningServer

TOML = '[agent]\nrun = ["python", "main.py"]\n'
FILES = {"agent.toml": TOML, "main.py": "print('hello')\n"}

PROPERTIES: dict[str, tuple[type, ...]] = {
    "id": (int,),
    "name": (str,),
    "description": (str, type(None)),
    "documentation": (str, type(None)),
    "icon": (str, type(None)),
    "image": (str, type(None)),
    "inputParameters": (dict,),
    "configType": (str,),
    "proxyPoolId": (int, type(None)),
    "spaceId": (int,),
    "startUrl": (str, type(None)),
    "status": (int, type(None)),
    "userId": (int,),
    "validationStatus": (str,),
    "version": (int,),
    "created": (str,),
    "updated": (str,),
    "lastActivity": (str, type(None)),
    "agentTemplates": (type(None),),
    # ours
    "isArchived": (bool,),
    "contentHash": (str, type(None)),
}


def create(server: RunningServer, **body: Any) -> dict[str, Any]:
    agent: dict[str, Any] = server.call(
        "POST", "/agent", {"name": unique("agent"), "files": FILES, **body}, expect=201
    )
    return agent


# --- create ---


def test_a_new_agent_has_exactly_the_documented_properties_and_types(server: RunningServer) -> None:
    agent = create(server)

    assert agent.keys() == PROPERTIES.keys()
    for name, value in agent.items():
        assert type(value) in PROPERTIES[name], name
    assert agent["version"] == 1
    assert agent["status"] is None
    assert agent["lastActivity"] is None
    assert agent["isArchived"] is False
    assert agent["configType"] == "Command"
    assert server.call("GET", f"/agent/{agent['id']}") == agent


def test_creating_tells_where_the_agent_is(server: RunningServer) -> None:
    answer = server.http.post("/agent", json={"name": unique("agent"), "files": FILES})

    assert answer.headers["Location"] == f"/api/v1/agent/{answer.json()['id']}"


def test_names_of_properties_may_have_any_letter_case(server: RunningServer) -> None:
    name = unique("Pascal")
    body = {"Name": name, "Description": "d", "STARTURL": "https://example.com", "Files": FILES}

    agent = server.call("POST", "/agent", body, expect=201)

    assert agent["name"] == name
    assert agent["description"] == "d"
    assert agent["startUrl"] == "https://example.com"


def test_the_name_and_description_may_stand_in_the_manifest(server: RunningServer) -> None:
    name = unique("from the file")
    toml = f'{TOML}name = "{name}"\ndescription = "what it does"\n'

    agent = server.call("POST", "/agent", {"files": {**FILES, "agent.toml": toml}}, expect=201)

    assert agent["name"] == name
    assert agent["description"] == "what it does"


def test_the_inputs_are_told_with_their_defaults(server: RunningServer) -> None:
    toml = f'{TOML}[inputs.url]\nrequired = true\n[inputs.pages]\ndefault = 3\ntype = "integer"\n'

    agent = create(server, files={**FILES, "agent.toml": toml})

    assert agent["inputParameters"] == {"url": None, "pages": 3}


def test_a_spider_is_of_the_type_agent(server: RunningServer) -> None:
    files = {"agent.toml": '[agent]\nspider = "one"\n', "spider.py": ""}

    assert create(server, files=files)["configType"] == "Agent"


def test_a_scrapy_project_needs_no_manifest(server: RunningServer) -> None:
    spider = 'import scrapy\nclass Books(scrapy.Spider):\n    name = "books"\n'
    files = {"scrapy.cfg": "[settings]\n", "shop/spiders/books.py": spider}

    assert create(server, files=files)["configType"] == "Agent"


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"main.py": ""}, "agent.toml is missing"),
        ({"scrapy.cfg": "", "a.py": "print()"}, "no spider"),
        ({"scrapy.cfg": "", "a.py": "not python ("}, "no spider"),
        (
            {"scrapy.cfg": "", "a.py": "".join(f"class S{n}(Spider):\n name = 's{n}'\n" for n in (1, 2))},
            "several spiders (s1, s2)",
        ),
    ],
)
def test_files_that_do_not_say_how_to_run_are_refused(
    server: RunningServer, files: dict[str, str], words: str
) -> None:
    errors = field_errors(server.http.post("/agent", json={"name": "x", "files": files}))

    assert words in errors["files"]


@pytest.mark.parametrize(
    ("toml", "fields"),
    [
        ("", {"agent.toml: agent": "[agent] is missing"}),
        ("[agent", {"agent.toml": "not valid TOML"}),
        ("[agent]\n", {"agent.toml: agent": "exactly one of spider and run"}),
        ('[agent]\nspider = "a"\nrun = ["b"]\n', {"agent.toml: agent": "exactly one of spider and run"}),
        ("[agent]\nrun = []\n", {"agent.toml: agent.run": "at least one element"}),
        ('[agent]\nrun = "python main.py"\n', {"agent.toml: agent.run": "list"}),
        (f"{TOML}colour = 'blue'\n", {"agent.toml: agent.colour": "not a key"}),
        (f"{TOML}[inputs.a]\ntype = 'date'\n", {"agent.toml: inputs.a.type": "'string'"}),
        (
            f"{TOML}[success]\nmin_records = -1\n",
            {"agent.toml: success.min_records": "must be 0 or more, not -1"},
        ),
        (f"{TOML}[export]\nformats = ['xlsx']\n", {"agent.toml: export.formats.0": "'jsonl'"}),
        (
            f"{TOML}[limits]\ntimeout_seconds = 0\n",
            {"agent.toml: limits.timeout_seconds": "1 or more, not 0"},
        ),
        (
            f"{TOML}[limits]\ntimeout_seconds = 0\nmemory_mb = 1\n[unknown]\n",
            {
                "agent.toml: limits.timeout_seconds": "1 or more, not 0",
                "agent.toml: limits.memory_mb": "16 or more, not 1",
                "agent.toml: unknown": "not a key",
            },
        ),
    ],
)
def test_every_mistake_in_a_manifest_is_named(
    server: RunningServer, toml: str, fields: dict[str, str]
) -> None:
    answer = server.http.post("/agent", json={"name": "x", "files": {**FILES, "agent.toml": toml}})

    errors = field_errors(answer)
    assert errors.keys() == fields.keys()
    for field, words in fields.items():
        assert words in errors[field]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"files": FILES}, "name"),
        ({"name": "", "files": FILES}, "name"),
        ({"name": "x" * 201, "files": FILES}, "name"),
        ({"name": 5, "files": FILES}, "name"),
        ({"name": "x"}, "files"),
        ({"name": "x", "files": {}}, "files"),
        ({"name": "x", "files": []}, "files"),
        ({"name": "x", "files": "main.py"}, "files"),
        ({"name": "x", "files": {**FILES, "a": 5}}, "files.a"),
        ({"name": "x", "files": {**FILES, "../a": ""}}, "files"),
        ({"name": "x", "files": {**FILES, "/etc/passwd": ""}}, "files"),
        ({"name": "x", "files": {**FILES, "a/../../b": ""}}, "files"),
        ({"name": "x", "files": {**FILES, "a\\..\\b": ""}}, "files"),
        ({"name": "x", "files": {**FILES, "": ""}}, "files"),
        ({"name": "x", "files": {**FILES, ".": ""}}, "files"),
        ({"name": "x", "files": FILES, "description": 5}, "description"),
        ({"name": "x", "files": FILES, "description": "a\0"}, "description"),
        ({"name": "x", "files": FILES, "startUrl": "u" * 2001}, "startUrl"),
    ],
)
def test_a_bad_agent_is_refused(server: RunningServer, body: dict[str, Any], field: str) -> None:
    assert list(field_errors(server.http.post("/agent", json=body))) == [field]


def test_characters_that_cannot_be_kept_are_refused(server: RunningServer) -> None:
    for text in ('{"name": "x", "files": {"a": "\\ud800"}}', '{"name": "x", "files": {"\\ud800": "a"}}'):
        answer = server.http.post("/agent", content=text, headers={"Content-Type": "application/json"})

        (field,) = field_errors(answer)
        assert field.startswith("files.")


def test_a_file_cannot_be_a_folder_too(server: RunningServer) -> None:
    answer = server.http.post("/agent", json={"name": unique("x"), "files": {**FILES, "a": "", "a/b": ""}})

    assert list(field_errors(answer)) == ["files"]


def test_a_name_that_is_taken_is_a_conflict(server: RunningServer) -> None:
    agent = create(server)

    problem = problem_of(server.http.post("/agent", json={"name": agent["name"], "files": FILES}), 409)

    assert f"id {agent['id']}" in problem["detail"]


# --- versions ---


def test_saving_makes_the_next_version(server: RunningServer) -> None:
    agent = create(server, description="old", comments="the first")
    own = f"/agent/{agent['id']}"

    saved = server.call(
        "PUT",
        own,
        {"files": {**FILES, "main.py": "print('more')\n"}, "comments": "better", "description": "new"},
    )

    assert saved["version"] == 2
    assert saved["name"] == agent["name"]
    assert saved["description"] == "new"
    assert server.call("GET", own) == saved
    newest, oldest = server.call("GET", f"{own}/versions")
    assert newest.keys() == {"version", "userName", "created", "comments", "fileSize", "contentHash"}
    assert (newest["version"], newest["comments"], newest["userName"]) == (2, "better", "admin")
    assert (oldest["version"], oldest["comments"]) == (1, "the first")
    assert oldest["fileSize"] == sum(len(text) for text in FILES.values())
    assert instant(newest["created"]) >= instant(oldest["created"])


def test_saving_without_files_keeps_them(server: RunningServer) -> None:
    agent = create(server, files={**FILES, "main.py": emits({"n": 1})})
    name = unique("renamed")

    saved = server.call("PUT", f"/agent/{agent['id']}", {"name": name})

    assert (saved["version"], saved["name"]) == (2, name)
    assert server.run(agent["id"])["dataCount"] == 1


def test_a_run_uses_the_newest_version_and_says_which(server: RunningServer) -> None:
    agent = create(server, files={**FILES, "main.py": emits({"n": 1})})
    server.call("PUT", f"/agent/{agent['id']}", {"files": {**FILES, "main.py": emits({"n": 1}, {"n": 2})}})

    run = server.run(agent["id"])

    assert run["configVersion"] == 2
    assert run["dataCount"] == 2


def test_restoring_makes_a_new_version_with_the_old_content(server: RunningServer) -> None:
    agent = create(server, files={**FILES, "main.py": emits({"n": 1})})
    own = f"/agent/{agent['id']}"
    server.call("PUT", own, {"files": {**FILES, "main.py": emits({"n": 1}, {"n": 2})}})

    restored = server.call("POST", f"{own}/version/1/restore", {"content": "the new one was wrong"})

    assert restored["version"] == 3
    newest, _, oldest = server.call("GET", f"{own}/versions")
    assert newest["comments"] == "the new one was wrong"
    assert newest["fileSize"] == oldest["fileSize"]
    run = server.run(agent["id"])
    assert (run["configVersion"], run["dataCount"]) == (3, 1)


def test_restoring_needs_no_reason(server: RunningServer) -> None:
    agent = create(server)

    answer = server.http.post(f"/agent/{agent['id']}/version/1/restore")

    assert answer.status_code == 200
    assert server.call("GET", f"/agent/{agent['id']}/versions")[0]["comments"] == "version 1 restored"


def test_an_unknown_version_cannot_be_restored(server: RunningServer) -> None:
    agent = create(server)

    problem_of(server.http.post(f"/agent/{agent['id']}/version/9/restore"), 404)
    assert list(field_errors(server.http.post(f"/agent/{agent['id']}/version/0/restore"))) == ["version"]


def test_an_agent_cannot_take_the_name_of_another(server: RunningServer) -> None:
    one, other = create(server), create(server)

    problem_of(server.http.put(f"/agent/{one['id']}", json={"name": other["name"]}), 409)

    assert server.call("GET", f"/agent/{one['id']}") == one
    assert server.call("PUT", f"/agent/{one['id']}", {"name": one["name"]})["name"] == one["name"]


def test_a_refused_save_makes_no_version(server: RunningServer) -> None:
    agent = create(server)

    field_errors(server.http.put(f"/agent/{agent['id']}", json={"files": {"main.py": ""}}))

    assert server.call("GET", f"/agent/{agent['id']}") == agent


@pytest.mark.parametrize(
    ("method", "suffix"),
    [
        *(("GET", ""), ("PUT", ""), ("DELETE", ""), ("POST", "/archive"), ("POST", "/unarchive")),
        *(("GET", "/versions"), ("POST", "/version/1/restore"), ("GET", "/runs"), ("POST", "/start")),
    ],
)
def test_an_unknown_agent_is_404(server: RunningServer, method: str, suffix: str) -> None:
    problem = problem_of(server.http.request(method, f"/agent/4711{suffix}", json={}), 404)

    assert "4711" in problem["detail"]


# --- archive and delete ---


def test_an_archived_agent_is_kept_and_cannot_be_started(server: RunningServer) -> None:
    agent = create(server)
    own = f"/agent/{agent['id']}"

    for _ in range(2):
        assert server.call("POST", f"{own}/archive", expect=204) is None
    assert server.call("GET", own)["isArchived"] is True
    assert "archived" in problem_of(server.http.post(f"{own}/start"), 409)["detail"]

    for _ in range(2):
        server.call("POST", f"{own}/unarchive", expect=204)
    assert server.call("GET", own)["isArchived"] is False
    assert server.run(agent["id"])["status"] == 9


def test_a_deleted_agent_is_gone_and_its_name_free(server: RunningServer) -> None:
    agent = create(server)
    schedule = {"name": "s", "cronExpression": "* * * * *"}
    server.call("POST", f"/agent/{agent['id']}/schedules", schedule, expect=201)

    assert server.call("DELETE", f"/agent/{agent['id']}", expect=204) is None

    for suffix in ("", "/schedules", "/schedules/1", "/runs", "/versions"):
        problem_of(server.http.get(f"/agent/{agent['id']}{suffix}"), 404)
    assert agent["id"] not in [a["id"] for a in server.call("GET", "/agent/all")]
    again = create(server, name=agent["name"])
    assert again["id"] > agent["id"], "an id is never given out twice"


def test_an_agent_that_runs_cannot_be_deleted(server: RunningServer) -> None:
    agent = server.agent(unique("busy"), SLEEPS)
    run = server.call("POST", f"/agent/{agent}/start", expect=202)

    problem = problem_of(server.http.delete(f"/agent/{agent}"), 409)

    assert "stop them first" in problem["detail"]
    server.call("POST", f"/agent/{agent}/run/{run['id']}/kill", expect=204)
    server.http.post(f"/agent/{agent}/run/{run['id']}/kill")
    server.ended(agent, run["id"])
    server.call("DELETE", f"/agent/{agent}", expect=204)


@pytest.mark.parametrize("name", ["shop\r\nBcc: everybody@example.com", "shop\x1b[2J", "shop\x00"])
def test_a_name_that_would_break_a_line_is_refused(server: RunningServer, name: str) -> None:
    files = {"agent.toml": '[agent]\nrun = ["true"]\n'}
    named_there = {"agent.toml": f'[agent]\nname = {json_text(name)}\nrun = ["true"]\n'}

    assert "name" in field_errors(server.http.post("/agent", json={"name": name, "files": files}))
    field_errors(server.http.post("/agent", json={"files": named_there}))
