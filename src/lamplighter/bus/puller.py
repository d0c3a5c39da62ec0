"""What a worker takes from the stream: never more announcements than it has free places.

Each pull is a request to the broker for messages of one group, with an inbox of its own: the broker delivers
messages with the subject of the stream, so only the inbox tells which pull they belong to. A pull is over when it
got all that it asked for, when the broker says so, when it was silent for too long, or with the connection.

While nothing is known to be there, a pull for one message waits at each group. A message tells how many are behind
it. As long as some are, that group is asked for as many as there are places, without waiting; the others are asked
in turn, and pulls that wait at them give their places up.
"""

import asyncio
import json
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from lamplighter.bus import subjects
from lamplighter.bus.connection import Bus

log = structlog.get_logger()

_EXPIRY_SECONDS = 30.0  # of a pull that waits; then another one begins
_TURN_SECONDS = 0.5  # the same while there are fewer places than groups, which then take turns
_HEARTBEAT_SECONDS = 5.0  # after which the broker says that it has nothing
_SILENCE_SECONDS = 12.0  # after which a pull of which nothing was heard is dead
_PAUSE_SECONDS = 0.5  # before a group is asked again that the broker could not serve
_TICK_SECONDS = 0.25
_NANO = 1_000_000_000
_NOBODY = "503"
_NOTHING_HERE = ("404", "408")  # statuses that end a pull in the usual way


@dataclass(frozen=True, slots=True)
class Announcement:
    """A run of this group is ready, says the broker, and says it again unless ``done`` is called in 30 seconds."""

    group: str | None
    payload: bytes
    _bus: Bus = field(repr=False, compare=False)
    _reply: str = field(repr=False)

    def done(self) -> None:
        """Nobody need hear of it again. Lost when the broker is away: it comes again then."""
        self._answer(b"+ACK")

    def back(self) -> None:
        """Somebody else may have it, at once."""
        self._answer(b"-NAK")

    def _answer(self, verdict: bytes) -> None:
        self._bus.send_soon(self._reply, verdict)


@dataclass(slots=True)
class _Group:
    """What is known of one group, in the loop's thread."""

    name: str | None
    behind: int = 0  # messages that the broker had after the last one
    asked: float = float("-inf")  # when, by the loop's clock
    not_before: float = float("-inf")
    pull: "_Pull | None" = None


@dataclass(slots=True, eq=False)
class _Pull:
    """One request for messages, in the loop's thread."""

    group: _Group
    left: int
    waits: bool
    client: Client
    heard: float
    subscription: Subscription | None = None
    is_ending: bool = False


class Puller:
    """Takes announcements of these groups; None: those of runs without a group. ``arrived`` must not wait.

    It begins with the first ``take`` and ends with ``close``.
    """

    def __init__(self, bus: Bus, groups: Sequence[str | None], arrived: Callable[[], None]) -> None:
        self._bus = bus
        self._arrived = arrived
        self._lock = threading.Lock()  # of the three that follow
        self._here: deque[Announcement] = deque()
        self._wanted = 0  # places for which nothing is here yet
        self._is_closed = False
        # What follows is used in the loop's thread only.
        self._groups = [_Group(name) for name in dict.fromkeys(groups)]
        self._is_ticking = False
        bus.watch(lambda: bus.call(self._adjust))

    def take(self, free: int) -> list[Announcement]:
        """What has arrived, for at most ``free`` places; never waits. Asks for more for the places that are left.

        What arrived for places that are not free any more goes back.
        """
        with self._lock:
            taken = [self._here.popleft() for _ in range(min(free, len(self._here)))]
            surplus = list(self._here)
            self._here.clear()
            self._wanted = 0 if self._is_closed else free - len(taken)
        for announcement in surplus:
            announcement.back()
        self._bus.call(self._adjust)
        return taken

    def close(self) -> None:
        """Take nothing more; what has arrived and was not taken goes back."""
        with self._lock:
            self._is_closed = True
        self.take(0)

    # --- the loop's thread ---

    def _adjust(self) -> None:
        """See that the pulls are those that there should be."""
        self._tick_on()
        client, now = self._bus.client, _now()
        pulls = [group.pull for group in self._groups if group.pull is not None]
        for pull in pulls:
            if pull.client is not client or now > pull.heard + _SILENCE_SECONDS:
                self._end(pull)
        if client is None:
            return
        with self._lock:
            room = self._wanted - sum(g.pull.left for g in self._groups if g.pull is not None)
        candidates = sorted((g for g in self._groups if g.pull is None), key=lambda group: group.asked)
        candidates = [group for group in candidates if now >= group.not_before]
        if any(group.behind for group in candidates):
            candidates = [g for g in candidates if g.behind or now > g.asked + _TURN_SECONDS]
            room = self._ask_at_once(client, candidates, room)
            missing = any(group.behind and group.pull is None for group in candidates)
        else:
            missing = False
            for group in candidates[: max(room, 0)]:
                self._ask(client, group, 1, waits=True)
        if room < 0 or missing:
            self._give_a_place_up()

    def _ask_at_once(self, client: Client, groups: list[_Group], room: int) -> int:
        """Ask for what is there now, shared among these groups; returns the places that are left."""
        for number, group in enumerate(groups):
            if room <= 0:
                break
            share = -(-room // (len(groups) - number))
            count = min(share, max(group.behind, 1))
            self._ask(client, group, count, waits=False)
            room -= count
        return room

    def _give_a_place_up(self) -> None:
        """End one pull that waits, so that its place can be used for another group, or for none."""
        waiting = [g.pull for g in self._groups if g.pull is not None and g.pull.waits]
        if waiting and not any(pull.is_ending for pull in waiting):
            pull = min(waiting, key=lambda one: one.group.asked)
            pull.is_ending = True
            self._bus.spawn(self._take_back(pull))

    def _ask(self, client: Client, group: _Group, count: int, *, waits: bool) -> None:
        group.asked = _now()
        pull = group.pull = _Pull(group, count, waits, client, heard=group.asked)
        self._bus.spawn(self._send(pull))

    async def _send(self, pull: _Pull) -> None:
        async def callback(msg: Msg) -> None:
            self._got(pull, msg)

        request: dict[str, int | bool] = {"batch": pull.left}
        if pull.waits:
            expiry = _EXPIRY_SECONDS if self._wanted >= len(self._groups) else _TURN_SECONDS
            request["expires"] = int(expiry * _NANO)
            if expiry > 2 * _HEARTBEAT_SECONDS:
                request["idle_heartbeat"] = int(_HEARTBEAT_SECONDS * _NANO)
        else:
            request["no_wait"] = True
        consumer = subjects.consumer(pull.group.name)
        inbox = pull.client.new_inbox()
        try:
            pull.subscription = await pull.client.subscribe(inbox, cb=callback)
            await pull.client.publish(
                f"$JS.API.CONSUMER.MSG.NEXT.{subjects.STREAM}.{consumer}", json.dumps(request).encode(), inbox
            )
        except (nats.errors.Error, OSError):
            self._end(pull)

    async def _take_back(self, pull: _Pull) -> None:
        """End a pull such that nothing is lost that the broker has sent for it already."""
        try:
            if pull.subscription is not None:
                await pull.subscription.drain()  # type: ignore[no-untyped-call]  # it has no types
        except (nats.errors.Error, OSError):
            pass
        finally:
            pull.subscription = None
            self._end(pull)
        self._adjust()

    def _end(self, pull: _Pull) -> None:
        if pull.group.pull is pull:
            pull.group.pull = None
        if pull.subscription is not None:
            self._bus.spawn(_unsubscribe(pull.subscription))
            pull.subscription = None

    def _got(self, pull: _Pull, msg: Msg) -> None:
        pull.heard = _now()
        status = (msg.headers or {}).get("Status")
        if status is None:
            self._keep(pull, msg)
            pull.left -= 1
            if pull.left > 0:
                return
        elif status == "100":  # a heartbeat
            return
        else:
            pull.group.behind = 0
            if status not in _NOTHING_HERE:
                pull.group.not_before = pull.heard + _PAUSE_SECONDS
                said = (msg.headers or {}).get("Description", "").strip()
                if status == _NOBODY:  # the client takes the next header for what it says
                    said = "there is no consumer for it yet"
                log.warning("announcements cannot be had", group=pull.group.name, status=status, said=said)
        self._end(pull)
        self._adjust()

    def _keep(self, pull: _Pull, msg: Msg) -> None:
        pull.group.behind = int(msg.reply.rpartition(".")[2])
        announcement = Announcement(pull.group.name, bytes(msg.data), self._bus, msg.reply)
        with self._lock:
            is_closed = self._is_closed
            if not is_closed:
                self._here.append(announcement)
                self._wanted -= 1
        if is_closed:
            announcement.back()
        else:
            self._arrived()

    def _tick_on(self) -> None:
        """Look again now and then: at pulls that went silent, and groups whose turn has come."""

        def tick() -> None:
            self._is_ticking = False
            if not self._is_closed:
                self._adjust()

        if not self._is_ticking:
            self._is_ticking = True
            asyncio.get_running_loop().call_later(_TICK_SECONDS, tick)


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _unsubscribe(subscription: Subscription) -> None:
    with suppress(nats.errors.Error, OSError):
        await subscription.unsubscribe()
