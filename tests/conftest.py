"""Fixtures that tests of several parts share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from foreign_client import ForeignClient
from lamplighter.store.database import Database
from lamplighter.store.migrations import migrate
from real_postgresql import Databases, postgresql_server
from running_server import RunningServer
from virtual_clock import VirtualClock

# Machines differ in speed, and no test may depend on it: not the time of an example, nor the time of making one.
settings.register_profile("lamplighter", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("lamplighter")


@pytest.fixture
def clock() -> VirtualClock:
    """A clock that stands at noon of Monday 5 January 2026."""
    return VirtualClock()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Databases]:
    """A real PostgreSQL, which gives out empty databases."""
    with postgresql_server() as address:
        yield Databases(address)


@pytest.fixture(params=["sqlite", "postgresql"])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A real, empty database of each kind: a test that takes it says what holds on both."""
    if request.param == "sqlite":
        database = Database.embedded(tmp_path / "lamplighter.db")
        migrate(database)
        yield database
        database.close()
        return
    databases: Databases = request.getfixturevalue("postgresql")
    address = databases.make()
    database = Database(address)
    yield database
    database.close()
    databases.drop(address)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A real server for the tests of one module."""
    with RunningServer(tmp_path_factory.mktemp("server") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Iterator[ForeignClient]:
    """A client that knows nothing of this server but its address and a key."""
    with ForeignClient(server) as made:
        yield made


@pytest.fixture(scope="module")
def agent_id(server: RunningServer) -> int:
    """An agent that emits two records."""
    emits = "from lamplighter import agent\nagent.emit({'sku': 'a-1'})\nagent.emit({'sku': 'a-2'})\n"
    return server.agent("product catalog", emits, '[inputs.url]\ndefault = "https://example.com"\n')


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that it does not go on alone at the end."""
    items.sort(key=lambda item: "simulation" not in item.path.parts)
