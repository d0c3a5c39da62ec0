"""A folder of data that the version before wrote: the new version takes it over and goes on with it."""

import hashlib
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command

from lamplighter.files import Files
from lamplighter.store.database import Database
from lamplighter.store.migrations import configuration
from running_server import KEY, RunningServer

CREATED = 1_767_600_000_000
# As it was saved when the section [success] was optional, and other sections had less in them.
MANIFEST = {
    "agent": {"name": None, "description": None, "spider": None, "run": ["python", "main.py"]},
    "inputs": {"pages": {"type": "integer", "default": "${secret:}", "description": None, "required": False}},
    "success": None,
    "export": {"formats": ["jsonl", "csv"]},
    "limits": {"timeout_seconds": 600, "memory_mb": None},
}
MAIN = b"from lamplighter import agent\nagent.emit({'pages': agent.input()['pages']})\n"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Data of the first version: a user with a key, and an agent with one version."""
    folder = tmp_path / "data"
    bundle = Files(folder).keep_bundle({"main.py": MAIN, "agent.toml": b""})
    db = Database.embedded(folder / "lamplighter.db")
    with db.write() as c:
        command.upgrade(configuration(c), "0001")
        tables = sa.MetaData()
        tables.reflect(c)
        rows = {
            "spaces": {"id": 1, "name": "Default", "created": CREATED},
            "users": {"id": 1, "name": "admin", "is_admin": True, "created": CREATED},
            "api_keys": {
                "user_id": 1,
                "prefix": KEY[:7],
                "key_hash": hashlib.sha256(KEY.encode()).hexdigest(),
                "created": CREATED,
                "expires": CREATED * 2,
            },
            "agents": {
                "id": 1,
                "space_id": 1,
                "user_id": 1,
                "name": "prices",
                "config_type": "Command",
                "version": 1,
                "is_archived": False,
                "created": CREATED,
                "updated": CREATED,
            },
            "agent_versions": {
                "agent_id": 1,
                "version": 1,
                "user_id": 1,
                "created": CREATED,
                "file_size": 10,
                "bundle": bundle,
                "manifest": MANIFEST,
            },
        }
        for name, row in rows.items():
            c.execute(tables.tables[name].insert().values(row))
    db.close()
    return folder


def test_an_agent_of_the_version_before_is_listed_scheduled_and_run(data: Path) -> None:
    with RunningServer(data) as server:
        [agent] = server.call("GET", "/agent/all")
        assert agent["name"] == "prices"
        schedule = {"name": "s", "cronExpression": "0 9 * * *", "inputParameters": '{"pages": 3}'}
        made = server.call("POST", "/agent/1/schedules", schedule, expect=201)
        assert server.call("GET", "/secrets") == []
        started = server.call("POST", f"/agent/1/schedules/{made['id']}/run", expect=202)
        ended = server.ended(1, started["id"])
        assert ended["status"] == 9, ended["message"]
        assert server.call("GET", f"/agent/1/run/{started['id']}/records") == [{"pages": 3}]
