"""An HTTP proxy inside this process, behind which proxies of other kinds are.

Scrapy speaks to HTTP proxies only, and not with TLS. For a SOCKS proxy or one with TLS, it is told of the bridge,
which passes everything on through that proxy. The bridge listens on loopback while the run goes, and only when
the plan has such a proxy. Who asks says which proxy by the user name, and proves by a password made for the run
that it is this agent and not another user of the machine.
"""

import asyncio
import base64
import binascii
import contextlib
import hmac
import logging
import secrets
import threading
from asyncio import StreamReader, StreamWriter
from urllib.parse import urlsplit

from .blame import Blame
from .dialing import DIAL_SECONDS, HEAD_BYTES, DialError, authorization, connect, dial
from .plan import Proxy

_HOP_HEADERS = (b"connection:", b"keep-alive:", b"proxy-")
log = logging.getLogger("lamplighter")


def needs_bridge(proxy: Proxy) -> bool:
    """Whether Scrapy itself cannot use it for everything."""
    return proxy.scheme != "http"


class Bridge:
    """The bridge to some proxies; without any, nothing is started."""

    def __init__(self, proxies: list[Proxy]) -> None:
        self._proxies = {str(proxy.id): proxy for proxy in proxies}
        self._password = secrets.token_hex(16)
        self._reasons: dict[tuple[int, str], Blame] = {}
        self._ready = threading.Event()
        self._over = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._port = 0
        self._problem: OSError | None = None

    def start(self) -> None:
        """Returns when it listens."""
        if not self._proxies or self._loop:
            return
        self._loop = asyncio.SelectorEventLoop()
        threading.Thread(target=self._run, name="proxy bridge", daemon=True).start()
        self._ready.wait()
        if self._problem:
            raise self._problem

    def close(self) -> None:
        """Stop listening; what is under way is cut off."""
        if self._loop and not self._loop.is_closed():
            with contextlib.suppress(RuntimeError):  # it has just ended
                self._loop.call_soon_threadsafe(self._over.set)

    def instead_of(self, proxy: Proxy) -> Proxy:
        """What Scrapy is to use for the proxy: the bridge, or the proxy itself."""
        if str(proxy.id) not in self._proxies:
            return proxy
        return Proxy(proxy.id, "http", "127.0.0.1", self._port, str(proxy.id), self._password)

    def reason(self, proxy: Proxy, host: str) -> Blame | None:
        """Why the last connection with the host through the proxy failed, if it did; told once."""
        return self._reasons.pop((proxy.id, host), None)

    # --- in the thread ---

    def _run(self) -> None:
        if self._loop is None:
            raise AssertionError("the thread was started with a loop")
        try:
            self._loop.run_until_complete(self._serve())
        except OSError as error:
            self._problem = error
        finally:
            self._ready.set()
            self._loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._attend, "127.0.0.1", 0, limit=HEAD_BYTES)
        self._port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._over.wait()
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _attend(self, reader: StreamReader, writer: StreamWriter) -> None:
        """One connection with one request, or one tunnel."""
        try:
            async with asyncio.timeout(DIAL_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
            await self._answer(head, reader, writer)
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError, asyncio.CancelledError):
            writer.transport.abort()  # the other side is told nothing but that it is over
        except Exception:
            log.exception("The bridge to the proxies failed")
            writer.transport.abort()
        finally:
            writer.close()

    async def _answer(self, head: bytes, reader: StreamReader, writer: StreamWriter) -> None:
        first, *headers = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
        method, target, _ = first.decode("latin-1").split(" ")
        proxy = self._asked_for(headers)
        if proxy is None:
            writer.write(
                b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=lamplighter\r\n"
                b"Content-Length: 0\r\nConnection: close\r\n\r\n"
            )
            await writer.drain()
            return
        parts = urlsplit(f"//{target}" if method == "CONNECT" else target)
        host, port = parts.hostname or "", parts.port or 80
        try:
            if method == "CONNECT":
                inner = await dial(proxy, host, port)
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                await _carry_both((reader, writer), inner)
                return
            inner = await (connect(proxy) if proxy.scheme == "https" else dial(proxy, host, port))
        except DialError as error:
            await self._refuse(proxy, host, error, writer if method == "CONNECT" else None)
            return
        inner[1].write(_request_head(proxy, first, headers))
        await _carry_both((reader, writer), inner, closing=True)

    async def _refuse(self, proxy: Proxy, host: str, error: DialError, writer: StreamWriter | None) -> None:
        """Scrapy is to see an error, not a page: for a plain request that is a connection cut off."""
        self._reasons[proxy.id, host] = Blame(
            f"{proxy.scheme} proxy: {error}"[:300], error.at_proxy, error.refuses
        )
        if len(self._reasons) > 1000:
            del self._reasons[next(iter(self._reasons))]
        if writer is None:
            raise ConnectionError(str(error))
        reason = f"{proxy.address}: {error}".encode("ascii", "replace")
        writer.write(b"HTTP/1.1 502 " + reason + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()

    def _asked_for(self, headers: list[bytes]) -> Proxy | None:
        """The proxy that the request names, if the password is right."""
        for header in headers:
            name, _, value = header.partition(b":")
            if name.lower() == b"proxy-authorization":
                token = value.strip().partition(b" ")[2]
                try:
                    user, _, password = base64.b64decode(token, validate=True).partition(b":")
                except binascii.Error:
                    return None
                if hmac.compare_digest(password, self._password.encode()):
                    return self._proxies.get(user.decode("latin-1"))
        return None


def _request_head(proxy: Proxy, first: bytes, headers: list[bytes]) -> bytes:
    """A plain request as the next one wants it: a proxy the whole address, a site the path."""
    method, target, version = first.split(b" ")
    own = b""
    if proxy.scheme == "https":
        own = authorization(proxy)
    else:
        rest = target.partition(b"://")[2]
        cut = min((at for sign in (b"/", b"?") if (at := rest.find(sign)) >= 0), default=len(rest))
        target = rest[cut:] if rest[cut:].startswith(b"/") else b"/" + rest[cut:]
    kept = [header for header in headers if not header.lower().startswith(_HOP_HEADERS)]
    lines = [b" ".join([method, target, version]), *kept, b"Connection: close"]
    return b"\r\n".join(lines) + b"\r\n" + own + b"\r\n"


async def _carry_both(
    outer: tuple[StreamReader, StreamWriter],
    inner: tuple[StreamReader, StreamWriter],
    closing: bool = False,
) -> None:
    """Carry bytes both ways until one side ends; ``closing`` tells the outer side that one answer is all."""
    ways = [
        asyncio.create_task(_carry(outer[0], inner[1])),
        asyncio.create_task(_carry_answer(inner[0], outer[1]) if closing else _carry(inner[0], outer[1])),
    ]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        results = await asyncio.gather(*ways, return_exceptions=True)
        inner[1].close()
    for result in results:
        if isinstance(result, Exception):
            raise result


async def _carry(reader: StreamReader, writer: StreamWriter) -> None:
    while block := await reader.read(65536):
        writer.write(block)
        await writer.drain()


async def _carry_answer(reader: StreamReader, writer: StreamWriter) -> None:
    """The next request may be for another proxy, so it must come on another connection."""
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *headers = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
        if not first.startswith((b"HTTP/1.0 1", b"HTTP/1.1 1")):
            break
        writer.write(head)  # "100 Continue" and the like: the answer is still to come
    kept = [header for header in headers if not header.lower().startswith(_HOP_HEADERS)]
    writer.write(b"\r\n".join([first, *kept, b"Connection: close", b"", b""]))
    await _carry(reader, writer)
