"""A stored agent.toml that cannot be read keeps nobody from the secrets."""

from pathlib import Path

import pytest

from lamplighter.errors import Conflict
from lamplighter.service.secrets import SecretRequest, Secrets
from lamplighter.store.database import Database
from lamplighter.store.tables import agent_versions
from lamplighter.vault import Vault
from store_rows import ADMIN, make_agent, make_schedule
from virtual_clock import VirtualClock


def test_its_references_are_found_as_they_stand(db: Database, clock: VirtualClock, tmp_path: Path) -> None:
    with db.write() as c:
        agent = make_agent(c, "odd")
        manifest = {"agent": {"run": 5}, "inputs": {"k": {"default": "${secret:NEEDED}"}}}
        c.execute(agent_versions.update().values(manifest=manifest))
        make_schedule(c, agent)
    secrets = Secrets(db, clock, Vault.in_folder(tmp_path))
    secrets.put(ADMIN, "NEEDED", SecretRequest(value="v"))
    secrets.put(ADMIN, "OTHER", SecretRequest(value="v"))
    users = {one.name: [use.agent_name for use in one.used_by] for one in secrets.every(ADMIN)}
    assert users == {"NEEDED": ["odd", "odd"], "OTHER": []}
    with pytest.raises(Conflict, match="of odd"):
        secrets.delete(ADMIN, "NEEDED")
    secrets.delete(ADMIN, "OTHER")
