"""Bringing, starting, changing and putting away agents on pages."""

import io
import random
import zipfile

import httpx
import pytest

from browsing import Reader, text_of, wrong_at
from running_server import RunningServer

SCRIPT = (
    "from lamplighter import agent\nfor row in agent.rows():\n    agent.emit({'n': row.get('count', 1)})\n"
)
TOML = """[agent]
run = ["python", "main.py"]
[inputs.count]
type = "integer"
default = 3
description = "How many"
[inputs.fresh]
type = "boolean"
default = true
[inputs.tags]
type = "array"
"""


@pytest.fixture(scope="module")
def counter(server: RunningServer) -> int:
    """An agent with inputs."""
    files = {"agent.toml": TOML, "main.py": SCRIPT}
    return int(server.call("POST", "/agent", {"name": "counter", "files": files}, expect=201)["id"])


def last_path(answer: httpx.Response) -> str:
    return answer.headers["location"]


def test_a_script_that_is_typed_in_becomes_an_agent_that_runs(admin: Reader, server: RunningServer) -> None:
    form = {"name": "typed <in>", "code": SCRIPT.replace("\n", "\r\n"), "requirements": ""}
    made = admin.send("/agents/new", form)
    assert made.status_code == 303
    path = last_path(made)
    page = admin.look(path)
    assert "typed &lt;in&gt; is saved as version 1." in page
    assert "is saved" not in admin.look(path)  # it is said once
    run = last_path(admin.send(f"{path}/start"))
    agent, number = int(path.split("/")[-1]), int(run.split("/")[-1])
    assert server.ended(agent, number)["status"] == 9
    assert "Completed" in admin.look(run)


def test_an_archive_that_is_uploaded_becomes_an_agent(admin: Reader) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("shop/agent.toml", TOML.replace("[agent]", '[agent]\nname = "from a zip"'))
        archive.writestr("shop/main.py", SCRIPT)
    files = {"bundle": ("shop.zip", packed.getvalue())}
    answer = admin.http.post("/agents/new", files=files, headers={"Sec-Fetch-Site": "same-origin"})
    assert answer.status_code == 303
    assert "from a zip" in admin.look(answer.headers["location"])


def test_what_cannot_become_an_agent_is_told_at_its_field(admin: Reader) -> None:
    headers = {"Sec-Fetch-Site": "same-origin"}
    answer = admin.http.post("/agents/new", files={"bundle": ("x.zip", b"no zip")}, headers=headers)
    assert answer.status_code == 400
    assert "neither a zip nor a tar.gz" in wrong_at(answer.text, "bundle")
    answer = admin.send("/agents/new", {"code": SCRIPT, "name": ""})
    assert "is required" in wrong_at(answer.text, "name")
    assert "for row in agent.rows()" in answer.text  # nothing of what was typed is lost
    answer = admin.send("/agents/new", {"code": SCRIPT, "name": "x", "requirements": "../evil"})
    assert "is a path" in text_of(answer.text)


def test_a_name_that_is_taken_is_told_and_nothing_is_lost(admin: Reader, counter: int) -> None:
    answer = admin.send("/agents/new", {"code": SCRIPT, "name": "counter"})
    assert answer.status_code == 409
    assert "exists already" in text_of(answer.text)
    assert "for row in agent.rows()" in answer.text


def test_inputs_are_a_form(admin: Reader, server: RunningServer, counter: int) -> None:
    page = admin.look(f"/agents/{counter}/start")
    assert "How many (integer, default 3)" in text_of(page)
    form = {"input.count": "7", "input.fresh.shown": "yes", "input.tags": '["a"]', "settings": "yes"}
    run = last_path(admin.send(f"/agents/{counter}/start", {**form, "priority": "5"}))
    number = int(run.split("/")[-1])
    server.ended(counter, number)
    given = server.http.get(f"/agent/{counter}/run/{number}/status").json()
    assert given["inputParameters"] == '{"count": 7, "fresh": false, "tags": ["a"]}'
    assert server.http.get(f"/agent/{counter}/run/{number}/records").json() == [{"n": 7}]


@pytest.mark.parametrize(
    ("form", "field", "words"),
    [
        ({"input.count": "many"}, "inputParameters", "count: "),
        ({"inputParameters": "{"}, "inputParameters", "is not valid JSON"),
        ({"settings": "yes", "parallelism": "51"}, "parallelism", "1 to 50"),
        ({"settings": "yes", "priority": "high"}, "priority", "must be a whole number"),
        ({"settings": "yes", "proxyPoolId": "99"}, "proxyPoolId", "there is no proxy pool"),
    ],
)
def test_what_is_wrong_with_a_start_stands_at_its_field(
    admin: Reader, counter: int, form: dict[str, str], field: str, words: str
) -> None:
    answer = admin.send(f"/agents/{counter}/start", form)
    assert answer.status_code == 400
    assert words in wrong_at(answer.text, field)


def test_a_file_is_changed_as_the_next_version_and_an_old_one_comes_back(admin: Reader, counter: int) -> None:
    changed = SCRIPT.replace("'n'", "'number'")
    form = {"file": "main.py", "text": changed, "comments": "another <name>"}
    assert admin.send(f"/agents/{counter}/code", form).status_code == 303
    page = admin.look(f"/agents/{counter}/versions")
    assert "another &lt;name&gt;" in page
    assert "+    agent.emit({&#39;number&#39;" in page
    assert admin.send(f"/agents/{counter}/versions/1/restore").status_code == 303
    assert "number" not in admin.look(f"/agents/{counter}/code?file=main.py")
    assert "number" in admin.look(f"/agents/{counter}/code?file=main.py&version=2")
    admin.look(f"/agents/{counter}/code?file=none.py", 404)
    admin.look(f"/agents/{counter}/code?version=99", 404)


def test_a_manifest_that_is_broken_is_not_saved(admin: Reader, counter: int) -> None:
    answer = admin.send(f"/agents/{counter}/code", {"file": "agent.toml", "text": "[agent"})
    assert answer.status_code == 400
    assert "is not valid TOML" in text_of(answer.text)
    assert "[agent" in answer.text


def test_an_agent_is_archived_taken_back_and_deleted(admin: Reader, server: RunningServer) -> None:
    agent = server.agent("short lived", SCRIPT)
    admin.send(f"/agents/{agent}/archive", {"archived": "yes"})
    page = admin.look(f"/agents/{agent}")
    assert "This agent is archived" in page
    assert "Run now" not in page
    admin.send(f"/agents/{agent}/archive", {"archived": "no"})
    assert "Run now" in admin.look(f"/agents/{agent}")
    assert last_path(admin.send(f"/agents/{agent}/delete")) == "/agents"
    admin.look(f"/agents/{agent}", 404)


def test_the_list_is_narrowed_and_sorted(admin: Reader, server: RunningServer, counter: int) -> None:
    server.run(counter)
    assert "counter" in admin.look("/agents?q=COUNT")
    assert "No agent is like that" in admin.look("/agents?q=nothing+like+it")
    assert "counter" in admin.look("/agents?sort=lastActivity&status=Completed")
    for nonsense in ("status=x", "sort=x", "page=x", "page=0", "space=x", "page=99999999999"):
        admin.look(f"/agents?{nonsense}")


def test_a_large_archive_is_taken(admin: Reader) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("agent.toml", TOML.replace("[agent]", '[agent]\nname = "large"'))
        archive.writestr("main.py", SCRIPT)
        archive.writestr("data.bin", random.Random(1).randbytes(5_000_000))
    answer = admin.http.post(
        "/agents/new",
        files={"bundle": ("large.zip", packed.getvalue())},
        headers={"Sec-Fetch-Site": "same-origin"},
    )
    assert answer.status_code == 303
    assert "It is no text, or a long one" in admin.look(f"{answer.headers['location']}/code?file=data.bin")
