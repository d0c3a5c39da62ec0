"""One connection to the broker, kept in a thread of its own; whoever uses it waits in plain functions.

Each connection is a client of its own. When it breaks, what waits for it fails at once instead of being sent again
later to somebody who may have done it already; a new one is tried for ever, and subscribes to the same.
"""

import asyncio
import random
import ssl
import threading
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import nats.errors
import nats.js.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from lamplighter.bus import subjects
from lamplighter.clock import Clock
from lamplighter.errors import AnswerFailed, BusAway, InvalidInput, LamplighterError, NobodyAnswers, TooLarge

log = structlog.get_logger()

Handler = Callable[[str, bytes], bytes]
Listener = Callable[[str, bytes], None]
Answer = TypeVar("Answer")

# A broker that is frozen or cut off is noticed after three of these; one that was killed, at once.
_PING_SECONDS = 4
_LOOK_SECONDS = 0.25
_HEARD_SECONDS = 2
_CONNECT_SECONDS = 5
_PAUSE_SECONDS = 0.5  # before another connection is tried
_MOST_OUTGOING = 16 * 1024 * 1024  # bytes that may wait in this process before publishing waits
_PATIENCE = "Lamplighter-Patience"  # a header: the seconds that whoever asks will wait
_FAILED, _FAILED_CODE = "Nats-Service-Error", "Nats-Service-Error-Code"  # headers, as NATS services have them


@dataclass(frozen=True, slots=True, eq=False)
class _Subscription:
    """What each new connection subscribes to."""

    subject: str
    queue: str
    callback: Callable[[Client, Msg], Awaitable[None]]


@dataclass(slots=True)
class _Line:
    """One connection, as long as it lasts, and what waits for something from it."""

    client: Client
    waiting: set[asyncio.Task[Any]] = field(default_factory=set)
    subscriptions: dict[_Subscription, Subscription] = field(default_factory=dict)


class Bus:
    """The connection of this process to the broker.

    ``urls`` are all brokers of the cluster, such as ``tls://nats.example:4222``; ``name`` is the worker's, or one
    for this process: answers come to its inbox. ``credentials`` is a file with the seed of an nkey or the content
    of a ``.creds`` file; ``ca`` one with the certificates of the authority that signed the broker's. ``changed`` is
    called when a connection begins or ends, in the bus's own thread: it must not wait. ``threads`` is how many
    handlers run at a time.
    """

    def __init__(
        self,
        urls: Sequence[str],
        name: str,
        *,
        clock: Clock,
        credentials: Path | None = None,
        ca: Path | None = None,
        changed: Callable[[], None] | None = None,
        threads: int = 8,
    ) -> None:
        self.name = name
        self.away_since: datetime | None = None
        self.here_since: datetime | None = None
        self._urls = list(urls)
        self._clock = clock
        self._credentials = credentials
        self._ca = ca
        self._watchers = [changed] if changed else []
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="bus-handler")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="bus", daemon=True)
        self._lock = threading.Lock()  # of what follows
        self._is_open = False
        self._subscriptions: list[_Subscription] = []
        self._line: _Line | None = None  # only the loop's thread sets it
        self._end = asyncio.Event()
        self._background: set[asyncio.Task[None]] = set()
        self._options_of_each: dict[str, Any] = {}
        self._reported = ""

    # --- its life ---

    def start(self) -> None:
        """Connect, now and whenever the connection breaks. Returns at once; InvalidInput for a bad file."""
        self._options_of_each = self._options()
        self.away_since = self._clock.now()
        with self._lock:
            self._is_open = True
        self._thread.start()

    def close(self) -> None:
        """End the connection. Whoever waits gets BusAway; handlers that run are waited for."""
        with self._lock:
            was_open, self._is_open = self._is_open, False
        if was_open:
            self._loop.call_soon_threadsafe(self._end.set)
            self._thread.join()
        self._pool.shutdown()
        self._loop.close()

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection now, as far as is known."""
        line = self._line
        return line is not None and line.client.is_connected

    def is_heard(self) -> bool:
        """Whether the broker answers at this moment; it is waited for a little."""

        async def ask(client: Client) -> bool:
            await client.flush(_HEARD_SECONDS)
            return True

        try:
            return self.wait_for(ask, "see whether the broker is there")
        except BusAway:
            return False

    def watch(self, changed: Callable[[], None]) -> None:
        """Call this too when a connection begins or ends, as ``changed``."""
        self._watchers.append(changed)

    # --- what it is for ---

    def request(self, subject: str, payload: bytes, timeout: float) -> bytes:
        """Ask, and wait for the answer, ``timeout`` seconds at most.

        BusAway: there is no connection, nobody serves the subject or no answer came; AnswerFailed: whoever was
        asked could not do it; TooLarge: the broker takes no payload of this size.
        """
        headers = {_PATIENCE: str(timeout)}

        async def ask(client: Client) -> Msg:
            return await client.request(subject, payload, timeout=timeout, headers=headers)

        answer = self.wait_for(ask, subject)
        headers = answer.headers or {}
        if _FAILED in headers:
            raise AnswerFailed(f"{subject}: {headers[_FAILED]}")
        return bytes(answer.data)

    def publish(self, subject: str, payload: bytes) -> None:
        """Send to whoever listens now. It may be lost on the way. BusAway without a connection; TooLarge."""

        async def send(client: Client) -> None:
            await client.publish(subject, payload)

        self.wait_for(send, subject)

    def serve(self, subject: str, handler: Handler, queue: str = "control") -> Callable[[], None]:
        """Answer requests on this subject: of all processes with the same ``queue``, one gets each of them.

        The handler gets the subject and the payload, in one of the bus's threads. If it fails, the one who asked
        gets an error. Returns what ends it: from then on, no new request is taken.
        """

        async def take(client: Client, msg: Msg) -> None:
            if not subjects.may_answer(msg.subject, msg.reply):
                log.warning(
                    "a request was ignored: its answer would go to somebody else", subject=msg.subject
                )
                return
            # Not waited for here: the next request shall not wait for this one.
            self.spawn(self._answer(client, msg, handler))

        return self._subscribe(_Subscription(subject, queue, take))

    def subscribe(self, subject: str, listener: Listener) -> None:
        """Hear everything on this subject, one message after the other, in one of the bus's threads."""

        async def take(_: Client, msg: Msg) -> None:
            await self._loop.run_in_executor(self._pool, _heard, listener, msg)

        self._subscribe(_Subscription(subject, "", take))

    # --- for the other modules of this package ---

    def wait_for(self, work: Callable[[Client], Awaitable[Answer]], what: str) -> Answer:
        """Do something with the connection in the loop's thread and wait for it; errors as of ``request``."""
        try:
            return self._submit(self._with_line(work, what), what).result()
        except CancelledError:  # before it began
            raise BusAway(f"{what}: the connection to the broker ended") from None

    def call(self, function: Callable[[], None]) -> None:
        """Call the function soon in the loop's thread; not at all when the bus is closed."""
        with self._lock:
            if self._is_open:
                self._loop.call_soon_threadsafe(function)

    def send_soon(self, subject: str, payload: bytes) -> None:
        """Publish without waiting; not at all when there is no connection."""

        def send() -> None:
            if self.client is not None:
                self.spawn(_publish(self.client, subject, payload))

        self.call(send)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it beside everything else; from the loop's thread only."""
        task = self._loop.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    @property
    def client(self) -> Client | None:
        """The present connection, for use in the loop's thread."""
        line = self._line
        return line.client if line is not None and line.client.is_connected else None

    # --- the loop's thread ---

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._live())

    async def _live(self) -> None:
        keeping = self._loop.create_task(self._keep_connected())
        await self._end.wait()
        while not keeping.done():  # what the client waits for may take a cancellation for something else
            keeping.cancel()
            await asyncio.wait([keeping], timeout=_LOOK_SECONDS)
        await asyncio.sleep(0)  # whoever was let in before the end has begun now
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        if others:
            await asyncio.wait(others, timeout=_CONNECT_SECONDS)
        await self._loop.shutdown_default_executor()

    async def _keep_connected(self) -> None:
        while not self._end.is_set():
            client = Client()
            try:
                await client.connect(**self._options_of_each)
                _check_encryption(client, insist=self._must_encrypt())
                await self._use(client)
            except (OSError, nats.errors.Error, TimeoutError, ssl.SSLError) as problem:
                await self._report(problem)
            except Exception:
                log.exception("the connection to the broker failed")
            finally:
                await self._give_up(client)
            # Not all at the same moment, when a broker comes back.
            await asyncio.sleep(_PAUSE_SECONDS * (1 + random.random()))  # noqa: S311 - it guards nothing

    async def _use(self, client: Client) -> None:
        """From the beginning of a connection to its end."""
        line = _Line(client)
        with self._lock:
            self._line = line
            known = list(self._subscriptions)
        try:
            for one in known:
                await self._subscribe_with(client, one)
            await client.flush(_CONNECT_SECONDS)
            self.away_since, self.here_since, self._reported = None, self._clock.now(), ""
            log.info("connected to the broker", url=client.connected_url and client.connected_url.netloc)
            self._tell()
            # The client may be unable to say that it has ended, when it cannot get rid of what it wanted to send.
            while client.is_connected:  # noqa: ASYNC110 - so there is no event to wait for
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            with self._lock:
                self._line = None
            for task in line.waiting:
                task.cancel()
            if self.here_since is not None:
                if not self._end.is_set():
                    log.warning("the connection to the broker ended")
                self.away_since, self.here_since = self._clock.now(), None
                self._tell()

    async def _give_up(self, client: Client) -> None:
        with suppress(Exception):
            await asyncio.wait_for(client.close(), _CONNECT_SECONDS)
        writer = _writer_of(client)
        if writer is not None:  # it may wait for a broker that is frozen
            writer.transport.abort()

    async def _with_line(self, work: Callable[[Client], Awaitable[Answer]], what: str) -> Answer:
        line = self._line
        if line is None or not line.client.is_connected:
            raise BusAway(f"{what}: there is no connection to the broker")
        task = asyncio.current_task()
        assert task is not None
        line.waiting.add(task)
        try:
            return await work(line.client)
        except asyncio.CancelledError:
            raise BusAway(f"{what}: the connection to the broker ended before an answer came") from None
        except nats.errors.MaxPayloadError:
            raise TooLarge(f"{what}: the broker takes at most {line.client.max_payload} bytes") from None
        except nats.errors.NoRespondersError:
            raise NobodyAnswers(f"{what}: nobody serves this at the moment") from None
        except (TimeoutError, nats.errors.TimeoutError):
            raise BusAway(f"{what}: no answer came in time") from None
        except (OSError, nats.errors.Error, nats.js.errors.Error) as problem:
            raise BusAway(f"{what}: {problem}") from problem
        finally:
            line.waiting.discard(task)

    async def _answer(self, client: Client, msg: Msg, handler: Handler) -> None:
        due = self._loop.time() + float((msg.headers or {}).get(_PATIENCE, "inf"))
        answer = await self._loop.run_in_executor(self._pool, self._handled, handler, msg, due)
        if answer is None:
            return
        payload, headers = answer
        if len(payload) > client.max_payload:
            log.error("an answer is too large for the broker", subject=msg.subject, bytes=len(payload))
            payload, headers = b"", _error("too_large", "the answer is too large")
        with suppress(nats.errors.Error, OSError):  # the connection is gone, and who asked knows it
            await client.publish(msg.reply, payload, headers=headers)

    def _handled(self, handler: Handler, msg: Msg, due: float) -> tuple[bytes, dict[str, str] | None] | None:
        """The answer, and its headers if it is an error. In a thread of the pool."""
        if self._loop.time() > due:
            return None  # nobody waits for it any more
        try:
            return handler(msg.subject, bytes(msg.data)), None
        except LamplighterError as problem:
            log.warning("a request could not be answered", subject=msg.subject, problem=str(problem))
            return b"", _error(problem.code, str(problem))
        except Exception:
            log.exception("a request could not be answered", subject=msg.subject)
            return b"", _error("error", "it failed; the log of the process that was asked says why")

    # --- subscriptions ---

    def _subscribe(self, wanted: _Subscription) -> Callable[[], None]:
        with self._lock:
            self._subscriptions.append(wanted)
            line = self._line
        if line is not None:  # otherwise the next connection does it
            with suppress(BusAway):
                self.wait_for(lambda client: self._subscribed(client, line, wanted), wanted.subject)
        return lambda: self._unsubscribe(wanted)

    def _unsubscribe(self, wanted: _Subscription) -> None:
        with self._lock:
            self._subscriptions.remove(wanted)
            subscription = None if self._line is None else self._line.subscriptions.pop(wanted, None)

        async def end(_: Client) -> None:
            if subscription is not None:
                await subscription.unsubscribe()

        with suppress(BusAway):  # then it has ended with the connection
            self.wait_for(end, wanted.subject)

    async def _subscribed(self, client: Client, line: _Line, wanted: _Subscription) -> None:
        if client is line.client:  # a later one found it in the list
            await self._subscribe_with(client, wanted)
            await client.flush(_CONNECT_SECONDS)

    async def _subscribe_with(self, client: Client, wanted: _Subscription) -> None:
        async def callback(msg: Msg) -> None:
            await wanted.callback(client, msg)

        subscription = await client.subscribe(wanted.subject, wanted.queue, callback)
        if self._line is not None and self._line.client is client:
            self._line.subscriptions[wanted] = subscription

    # --- small things ---

    def _options(self) -> dict[str, Any]:
        options: dict[str, Any] = {
            "servers": self._urls,
            "name": self.name,
            "inbox_prefix": subjects.inbox(self.name),
            "error_cb": self._report,
            "allow_reconnect": False,  # a new client does it, see above
            "max_reconnect_attempts": -1,
            "reconnect_time_wait": _PAUSE_SECONDS,
            "connect_timeout": _CONNECT_SECONDS,
            "ping_interval": _PING_SECONDS,
            "pending_size": _MOST_OUTGOING,
        }
        if self._credentials is not None:
            options |= _credentials(self._credentials)
        if self._must_encrypt():
            options["tls"] = _trusting(self._ca)
        return options

    def _must_encrypt(self) -> bool:
        return self._ca is not None or any(url.startswith(("tls://", "wss://")) for url in self._urls)

    async def _report(self, problem: Exception) -> None:
        said = str(problem) or type(problem).__name__
        if said != self._reported:  # while the broker is away, the same is said with every try
            log.warning("the broker cannot be used", problem=said)
        self._reported = said

    def _tell(self) -> None:
        for changed in self._watchers:
            try:
                changed()
            except Exception:
                log.exception("whoever watches the connection failed")

    def _submit(self, work: Coroutine[Any, Any, Answer], what: str) -> "Future[Answer]":
        with self._lock:
            if self._is_open:
                return asyncio.run_coroutine_threadsafe(work, self._loop)
        work.close()
        raise BusAway(f"{what}: the connection to the broker is closed")


async def _publish(client: Client, subject: str, payload: bytes) -> None:
    with suppress(nats.errors.Error, OSError):
        await client.publish(subject, payload)


def _heard(listener: Listener, msg: Msg) -> None:
    try:
        listener(msg.subject, bytes(msg.data))
    except Exception:
        log.exception("a message could not be taken", subject=msg.subject)


def _error(code: str, message: str) -> dict[str, str]:
    return {_FAILED: message, _FAILED_CODE: code}


def _credentials(file: Path) -> dict[str, Any]:
    """What the client is to be told of this file; InvalidInput without its content."""
    try:
        text = file.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as problem:
        raise InvalidInput.of(
            "LAMPLIGHTER_NATS_CREDENTIALS", f"{file} cannot be read: {problem}"
        ) from problem
    if "BEGIN NATS USER JWT" in text:
        return {"user_credentials": str(file)}
    if text.startswith("SU"):
        return {"nkeys_seed_str": text.strip()}
    raise InvalidInput.of(
        "LAMPLIGHTER_NATS_CREDENTIALS",
        f"{file} must be a .creds file, or have the seed of a user's nkey, which begins with SU",
    )


def _trusting(ca: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as problem:
        raise InvalidInput.of("LAMPLIGHTER_NATS_CA", f"{ca} has no certificates: {problem}") from problem


def _check_encryption(client: Client, *, insist: bool) -> None:
    """The client goes on in plain text when the broker says so; whoever named an authority does not want that."""
    writer = _writer_of(client)
    if insist and (writer is None or writer.get_extra_info("ssl_object") is None):
        raise ssl.SSLError("the broker does not encrypt, and the settings ask for it")


def _writer_of(client: Client) -> asyncio.StreamWriter | None:
    # The client has no way to ask for either; its exact version is pinned, and the tests would notice.
    writer = getattr(client._transport, "_io_writer", None)
    return writer if isinstance(writer, asyncio.StreamWriter) else None
