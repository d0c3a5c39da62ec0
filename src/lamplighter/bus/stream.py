"""The stream in which runs are announced, as those who announce see it.

It is a work queue on disk with a subject for each server group: a message is there until a worker has taken it, and
one of them takes it.
"""

import asyncio
import json
from collections.abc import Collection, Iterable
from contextlib import suppress
from typing import Any

import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import BadRequestError
from nats.js.errors import NotFoundError as NoSuchStream

from lamplighter.bus import subjects
from lamplighter.bus.connection import Bus
from lamplighter.errors import BusAway

log = structlog.get_logger()

ACK_SECONDS = 30  # what was delivered and not acknowledged is delivered again
_MOST_WAITING = 20_000  # pulls of one group; the default of 512 is less than the workers of a large fleet
_WINDOW = 1000  # announcements on their way at a time; the broker refuses more than some thousands
_PATIENCE_SECONDS = 10.0  # for one acknowledgement


class RunStream:
    """The stream of announcements; every function waits, and raises BusAway when the broker does not do it."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    def prepare(self, groups: Collection[str | None]) -> None:
        """See that the stream and a consumer for each of these groups are there; None: for runs without a group.

        To be repeated whenever the broker came back: it may have lost everything. What is there is left as it is.
        """

        async def make(client: Client) -> None:
            manager = client.jsm()
            try:
                await manager.stream_info(subjects.STREAM)
            except NoSuchStream:
                with suppress(BadRequestError):  # another process made it
                    await manager.add_stream(_stream())
                    log.info("made the stream of announcements", stream=subjects.STREAM)
            there = await _consumers(client)
            for group in groups:
                if subjects.consumer(group) not in there:
                    await manager.add_consumer(subjects.STREAM, _consumer(group))

        self._bus.wait_for(make, "prepare the stream of runs")

    def announce(self, announcements: Iterable[tuple[str, str, bytes]]) -> None:
        """Publish these; each is a subject of ``subjects.run``, an id and a payload.

        Returns when the broker has them all. An id that was announced in the last two minutes is not announced
        again. BusAway: some may not have arrived; all may be announced again with the same ids.
        """
        rest = list(announcements)
        while rest:
            window, rest = rest[:_WINDOW], rest[_WINDOW:]
            self._bus.wait_for(_Window(window).publish, f"announce {len(window)} runs")

    def answers(self) -> bool:
        """Whether whoever keeps the stream is heard of: then this broker is not cut off from its cluster."""

        async def ask(client: Client) -> bool:
            # Whatever it says of it, even that there is none.
            await client.request(
                f"$JS.API.CONSUMER.INFO.{subjects.STREAM}.{subjects.consumer(None)}",
                timeout=_PATIENCE_SECONDS,
            )
            return True

        try:
            return self._bus.wait_for(ask, "see whether the stream is there")
        except BusAway:
            return False

    def waiting(self) -> dict[str, int]:
        """How many announcements are in the stream, by subject; nothing when there is no stream."""

        async def count(client: Client) -> dict[str, int]:
            try:
                info = await client.jsm().stream_info(subjects.STREAM, subjects_filter=subjects.ALL_RUNS)
            except NoSuchStream:
                return {}
            return info.state.subjects or {}

        return self._bus.wait_for(count, "count the announcements")


class _Window:
    """Announcements that are published together, and the acknowledgements that are awaited."""

    def __init__(self, announcements: list[tuple[str, str, bytes]]) -> None:
        self._announcements = announcements
        self._missing = set(range(len(announcements)))
        self._problem = ""
        self._is_over = asyncio.Event()

    async def publish(self, client: Client) -> None:
        inbox = client.new_inbox()
        subscription = await client.subscribe(f"{inbox}.*", cb=self._acknowledged)
        try:
            for number, (subject, message_id, payload) in enumerate(self._announcements):
                headers = {"Nats-Msg-Id": message_id, "Nats-Expected-Stream": subjects.STREAM}
                await client.publish(subject, payload, f"{inbox}.{number}", headers)
            await asyncio.wait_for(self._is_over.wait(), _PATIENCE_SECONDS)
        finally:
            if client.is_connected:
                with suppress(nats.errors.Error):
                    await subscription.unsubscribe()
        if self._problem:
            raise BusAway(f"the broker did not take announcements: {self._problem}")

    async def _acknowledged(self, msg: Msg) -> None:
        number = int(msg.subject.rpartition(".")[2])
        self._problem = self._problem or _problem_of(msg)
        self._missing.discard(number)
        if self._problem or not self._missing:
            self._is_over.set()


def _problem_of(msg: Msg) -> str:
    if (msg.headers or {}).get("Status"):
        return "there is no stream for them"
    answer: dict[str, Any] = json.loads(msg.data)
    return str(answer["error"].get("description", "error")) if "error" in answer else ""


async def _consumers(client: Client) -> set[str]:
    names: set[str] = set()
    while True:
        request = json.dumps({"offset": len(names)}).encode()
        answer = await client.request(f"$JS.API.CONSUMER.NAMES.{subjects.STREAM}", request, timeout=5)
        page = json.loads(answer.data)
        names.update(page.get("consumers") or ())
        if not page.get("consumers") or len(names) >= page.get("total", 0):
            return names


def _stream() -> StreamConfig:
    return StreamConfig(
        name=subjects.STREAM,
        description="Runs that are ready, as Lamplighter announces them to its workers",
        subjects=[subjects.ALL_RUNS],
        retention=RetentionPolicy.WORK_QUEUE,
        storage=StorageType.FILE,
        duplicate_window=120,
    )


def _consumer(group: str | None) -> ConsumerConfig:
    name = subjects.consumer(group)
    return ConsumerConfig(
        name=name,
        durable_name=name,
        filter_subject=subjects.run(group),
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=ACK_SECONDS,
        max_ack_pending=-1,  # workers take no more than they have places for
        max_waiting=_MOST_WAITING,
    )
