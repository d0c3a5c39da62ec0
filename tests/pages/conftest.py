"""What tests of pages share."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from browser import chromium
from browsing import Reader
from running_server import RunningServer


@pytest.fixture
def stranger(server: RunningServer) -> Iterator[Reader]:
    """Somebody who has not signed in."""
    reader = Reader(server)
    yield reader
    reader.close()


@pytest.fixture
def admin(server: RunningServer) -> Iterator[Reader]:
    """The administrator, signed in."""
    reader = Reader(server)
    assert reader.sign_in().status_code == 303
    yield reader
    reader.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real browser."""
    with chromium() as running:
        yield running
