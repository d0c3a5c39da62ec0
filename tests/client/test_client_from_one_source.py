"""The client that waits is made from the asynchronous one, and both have full types."""

import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Iterator
from pathlib import Path
from typing import assert_type

import httpx
import pytest

from lamplighter.client import Agent, AsyncClient, Client, Run
from lamplighter.client.secrets import Secret

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
URL = "http://127.0.0.1:8080"


def test_what_is_generated_is_up_to_date() -> None:
    command = [sys.executable, str(ROOT / "tools/generate_client.py"), "--check"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_what_is_generated_has_nothing_asynchronous_left() -> None:
    for path in (ROOT / "src/lamplighter/client/generated").glob("*.py"):
        words = path.read_text(encoding="utf-8")
        assert "async" not in words.lower(), path
        assert "await" not in words, path


def answer(request: httpx.Request) -> httpx.Response:
    """An agent, or a list without anything in it."""
    is_one = request.url.path.endswith(("/agent/1", "/start"))
    return httpx.Response(200, json={"id": 1} if is_one else [])


def test_the_types_of_the_client_are_known() -> None:
    with Client(URL, transport=httpx.MockTransport(answer)) as client:
        assert_type(client.agent(1), Agent)
        assert_type(client.start(1), Run)
        assert_type(client.secrets.every(), list[Secret])
        assert_type(client.follow_log(1, 2), Iterator[str])
        assert_type(client.download(1, 2, 3), Iterator[bytes])


async def test_the_types_of_the_asynchronous_client_are_known() -> None:
    async with AsyncClient(URL, transport=httpx.MockTransport(answer)) as client:
        assert_type(await client.agent(1), Agent)
        asked: Awaitable[Run] = client.start(1)
        assert_type(await asked, Run)
        assert_type(await client.secrets.every(), list[Secret])
        assert_type(client.follow_log(1, 2), AsyncIterator[str])
        assert_type(client.download(1, 2, 3), AsyncIterator[bytes])
