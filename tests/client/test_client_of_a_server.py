"""Both clients against a real server, by the same tests."""

import io
import json
import zipfile
from uuid import uuid4

import pytest

from both_clients import Connect
from lamplighter.client import SUCCEEDED, ApiError
from running_server import KEY, RunningServer

pytestmark = pytest.mark.anyio

PROGRAM = """
from lamplighter import agent
print("the first line", flush=True)
for number in range(agent.input().get("count", 3)):
    agent.emit({"number": number})
print("the last line", flush=True)
"""


def bundle() -> io.BytesIO:
    """An agent as a zip file."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("agent.toml", '[agent]\nrun = ["python", "main.py"]\n')
        archive.writestr("main.py", PROGRAM)
    content.seek(0)
    return content


async def test_an_agent_is_created_run_and_read(connect: Connect, server: RunningServer) -> None:
    async with connect(server.url, KEY) as api:
        agent = await api.create_agent(bundle(), {"name": f"counter {uuid4()}"})
        run = await api.start(agent["id"], {"inputParameters": '{"count": 2}'})
        lines = [line async for line in api.follow_log(agent["id"], run["id"])]
        assert "the first line" in lines
        assert "the last line" in lines
        assert (await api.run(agent["id"], run["id"]))["status"] in SUCCEEDED
        assert [r["number"] async for r in api.records(agent["id"], run["id"])] == [0, 1]
        assert "the last line" in "".join([piece async for piece in api.log(agent["id"], run["id"])])
        page = await api.records_page(agent["id"], run["id"], 1, 1)
        assert page["totalRecordCount"] == 2
        (found,) = [f for f in await api.files(agent["id"], run["id"]) if f["name"].endswith(".jsonl")]
        content = [block async for block in api.download(agent["id"], run["id"], found["id"])]
        assert [json.loads(line)["number"] for line in b"".join(content).splitlines()] == [0, 1]


async def test_a_synchronous_start_answers_the_records(connect: Connect, server: RunningServer) -> None:
    async with connect(server.url, KEY) as api:
        agent = await api.create_agent(bundle(), {"name": f"at once {uuid4()}"})
        assert [record["number"] for record in await api.records_of_start(agent["id"])] == [0, 1, 2]


async def test_a_schedule_is_made_changed_and_taken_away(connect: Connect, server: RunningServer) -> None:
    async with connect(server.url, KEY) as api:
        agent = await api.create_agent(bundle(), {"name": f"scheduled {uuid4()}"})
        made = await api.create_schedule(agent["id"], {"name": "daily", "cronExpression": "0 9 * * *"})
        await api.switch_schedule(agent["id"], made["id"], on=False)
        changed = await api.update_schedule(agent["id"], made["id"], {"name": "weekly"})
        assert (changed["name"], changed["isEnabled"]) == ("weekly", False)
        assert await api.fires(agent["id"], made["id"]) == []
        await api.delete_schedule(agent["id"], made["id"])
        assert await api.schedules(agent["id"]) == []


async def test_schedules_of_all_agents_are_read_and_looked_at_together(
    connect: Connect, server: RunningServer
) -> None:
    async with connect(server.url, KEY) as api:
        space = await api.spaces.create({"name": f"Many {uuid4()}"})
        agent = await api.create_agent(bundle(), {"name": "one", "spaceId": str(space["id"])})
        made = await api.create_schedule(agent["id"], {"name": "daily", "cronExpression": "0 9 * * *"})
        assert await api.all_schedules(spaceId=space["id"]) == [made]
        good, bad = await api.preview_many([{"cronExpression": "0 9 * * *"}, {"cronExpression": "x"}])
        assert len(good["fires"]) == 5
        assert [error["field"] for error in bad["errors"]] == ["cronExpression"]


async def test_the_files_of_a_version_are_downloaded(connect: Connect, server: RunningServer) -> None:
    async with connect(server.url, KEY) as api:
        agent = await api.create_agent(bundle(), {"name": f"downloaded {uuid4()}"})
        content = b"".join([block async for block in api.bundle(agent["id"], agent["version"])])
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            assert archive.namelist() == ["agent.toml", "main.py"]


async def test_every_group_of_routes_reaches_its_server(connect: Connect, server: RunningServer) -> None:
    async with connect(server.url, KEY) as api:
        assert (await api.ready())["status"] == "ready"
        assert (await api.secrets.put("token", "x"))["name"] == "token"
        assert [secret["name"] for secret in await api.secrets.every()] == ["token"]
        made = await api.api_keys.create("for a test")
        assert made["id"] in [key["id"] for key in await api.api_keys.every()]
        await api.api_keys.revoke(made["id"])
        assert await api.proxy_pools.every() == []
        group = await api.server_groups.create("a group")
        await api.server_groups.delete(group["id"])
        assert await api.notifications.every() == []
        assert "runsDays" in await api.retention.of_space()


async def test_users_and_spaces_are_made_changed_and_taken_away(
    connect: Connect, server: RunningServer
) -> None:
    async with connect(server.url, KEY) as api:
        user = await api.users.create({"name": f"ada {uuid4()}", "email": "ada@example.com"})
        space = await api.spaces.create({"name": f"Team {uuid4()}"})
        assert (await api.users.me())["isAdmin"]
        assert (await api.users.update(user["id"], {"isActive": False}))["isActive"] is False
        assert user["id"] in [one["id"] for one in await api.users.every()]
        assert (await api.users.get(user["id"]))["email"] == "ada@example.com"
        assert (await api.spaces.named(space["name"].upper()))["id"] == space["id"]
        assert (await api.spaces.put_member(space["id"], user["id"], "editor"))["role"] == "editor"
        assert [one["userId"] for one in await api.spaces.members(space["id"])] == [user["id"]]
        await api.spaces.remove_member(space["id"], user["id"])
        assert (await api.spaces.update(space["id"], {"description": "d"}))["description"] == "d"
        assert await api.spaces.agents(space["id"]) == []
        assert (await api.spaces.run_all(space["id"]))["totalAgents"] == 0
        key = await api.api_keys.create(is_read_only=True, space_id=space["id"], user_id=user["id"])
        assert (key["isReadOnly"], key["spaceId"], key["userId"]) == (True, space["id"], user["id"])
        await api.spaces.delete(space["id"])
        await api.users.delete(user["id"])
        assert [one["action"] for one in await api.audit_log.every(maxRecords=2)] == [
            "user.delete",
            "space.delete",
        ]
        assert space["id"] not in [one["id"] for one in await api.spaces.every()]


async def test_a_refusal_names_the_field(connect: Connect, server: RunningServer) -> None:
    async with connect(server.url, KEY) as api:
        with pytest.raises(ApiError) as caught:
            await api.create_schedule(1_000_000, {"name": "daily", "cronExpression": "0 9 * * *"})
        assert (caught.value.status, caught.value.code) == (404, "not_found")
        with pytest.raises(ApiError) as caught:
            await api.preview({"cronExpression": "99 * * * *"})
        assert [error.field for error in caught.value.fields] == ["cronExpression"]


async def test_a_client_without_credentials_is_told_so(connect: Connect, server: RunningServer) -> None:
    async with connect(server.url) as api:
        with pytest.raises(ApiError) as caught:
            await api.agents()
    assert caught.value.status == 401
