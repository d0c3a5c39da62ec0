"""What open pages show of the present is made once for all who ask, and one after another."""

import threading
import time

import anyio
import pytest

from lamplighter.http.pages.live import Live


def test_all_who_ask_at_once_get_what_is_made_once() -> None:
    made: list[int] = []

    def make() -> str:
        made.append(1)
        time.sleep(0.01)
        return f"made {len(made)}"

    async def ask_all() -> list[str]:
        live, got = Live(), list[str]()

        async def ask() -> None:
            got.append(await live.block(("page",), make))

        async with anyio.create_task_group() as group:
            for _ in range(200):
                group.start_soon(ask)
        return got

    assert anyio.run(ask_all) == ["made 1"] * 200
    assert made == [1]


def test_no_two_blocks_are_made_at_the_same_time() -> None:
    going, most, lock = 0, 0, threading.Lock()

    def make() -> str:
        nonlocal going, most
        with lock:
            going += 1
            most = max(most, going)
        time.sleep(0.005)
        with lock:
            going -= 1
        return ""

    async def ask_all() -> None:
        live = Live()
        async with anyio.create_task_group() as group:
            for number in range(10):
                group.start_soon(live.block, (number,), make)

    anyio.run(ask_all)
    assert most == 1


def test_who_goes_away_takes_it_from_nobody_else() -> None:
    begun, may_end = threading.Event(), threading.Event()

    def make() -> str:
        begun.set()
        may_end.wait(60)
        return "made"

    async def ask_all() -> str:
        live = Live()
        async with anyio.create_task_group() as group:
            group.start_soon(live.block, ("page",), make)
            await anyio.to_thread.run_sync(begun.wait)
            group.cancel_scope.cancel()
        may_end.set()
        return await live.block(("page",), lambda: "made anew")

    assert anyio.run(ask_all) == "made"


def test_what_cannot_be_made_is_told_to_all_who_asked() -> None:
    def make() -> str:
        raise ValueError("no")

    async def ask() -> None:
        live = Live()
        with pytest.raises(ValueError, match="no"):
            await live.block(("page",), make)
        assert await live.block(("page",), lambda: "now") == "now"

    anyio.run(ask)
