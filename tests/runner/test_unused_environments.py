"""Old environments go, unless a run is going in one."""

import os
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from lamplighter.runner.attempt import Workshop
from lamplighter.runner.unused_environments import KEPT_FOR, remove_once
from lamplighter.store import runs
from lamplighter.store.database import Database
from lamplighter.store.tables import agent_versions
from package_index import PackageIndex
from real_workshop import make_workshop
from store_rows import make_agent, make_server, start_set
from virtual_clock import VirtualClock


@pytest.fixture
def shop(db: Database, clock: VirtualClock, tmp_path: Path) -> Workshop:
    return make_workshop(db, tmp_path, clock)


def agent_with(c: sa.Connection, *requirements: str) -> int:
    agent = make_agent(c, f"needs {requirements}")
    manifest = {"agent": {"run": ["true"], "requirements": list(requirements)}}
    c.execute(agent_versions.update().where(agent_versions.c.agent_id == agent).values(manifest=manifest))
    return agent


def test_only_what_is_old_and_not_in_use_is_removed(
    db: Database, shop: Workshop, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with PackageIndex() as index:
        monkeypatch.setenv("UV_DEFAULT_INDEX", index.url)
        for name in ("forgotten", "going", "waiting", "recent"):
            index.add(name, "1.0")
        places = {
            name: shop.environments.ready([name], lambda _: None, lambda: True)
            for name in ("forgotten", "going", "waiting", "recent")
        }
    now = clock.now()
    for name, place in places.items():
        used = now if name == "recent" else now - KEPT_FOR - timedelta(minutes=1)
        os.utime(place / "complete", (used.timestamp(),) * 2)
    with db.write() as c:
        start_set(c, agent_with(c, "going"))
        runs.claim(c, make_server(c), 1, now)
        start_set(c, agent_with(c, "Waiting"))
        make_agent(c, "without requirements")
        agent_with(c, "forgotten")  # an agent that has no run
    assert remove_once(shop, now) > now
    assert sorted(name for name, place in places.items() if place.exists()) == ["going", "recent", "waiting"]


def test_a_manifest_that_cannot_be_read_does_not_keep_the_others_from_being_looked_at(
    db: Database, shop: Workshop, clock: VirtualClock
) -> None:
    old, going = (shop.environments.place([name]) for name in ("forgotten", "going"))
    for place in (old, going):
        place.mkdir(parents=True)
        (place / "complete").touch()
        place.with_suffix(".lock").touch()
        used = (clock.now() - KEPT_FOR - timedelta(minutes=1)).timestamp()
        os.utime(place / "complete", (used, used))
    with db.write() as c:
        unreadable = agent_with(c, "unreadable")
        c.execute(
            agent_versions.update()
            .where(agent_versions.c.agent_id == unreadable)
            .values(manifest={"agent": {"run": 5}})
        )
        start_set(c, unreadable)
        start_set(c, agent_with(c, "going"))
    remove_once(shop, clock.now())
    assert (old.exists(), going.exists()) == (False, True)
