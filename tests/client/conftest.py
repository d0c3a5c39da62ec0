"""Each test of the client that asks for ``connect`` runs twice: with either client."""

from typing import Any

import pytest

from both_clients import Connect, in_asynchronous_clothes
from lamplighter.client import AsyncClient


@pytest.fixture
def anyio_backend() -> str:
    """The loop that runs asynchronous tests."""
    return "asyncio"


@pytest.fixture(params=["sync", "async"])
def connect(request: pytest.FixtureRequest) -> Connect:
    """Makes a client; both kinds are used as the asynchronous one is."""
    kind: Any = AsyncClient if request.param == "async" else in_asynchronous_clothes
    made: Connect = kind
    return made
