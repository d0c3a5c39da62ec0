"""Real proxies on loopback that note what passes through them.

    with HttpProxy(username="ada", password="secret") as proxy:
        use(proxy.url)                                  # http://ada:secret@127.0.0.1:40001
        assert [r.host for r in proxy.requests] == ["shop.test"]

``mode`` may be changed while the proxy runs: ``ok``; ``refuse`` (nobody listens; only from the start);
``hang`` (connections are taken and never answered); ``status:407`` (every request is answered with that status;
SOCKS: every request is turned away). ``routes`` says which port of this machine is behind a name, so that
tests may use names that nobody resolves.
"""

import base64
import select
import socket
import ssl
import struct
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import quote, urlsplit

_BLOCK = 65536


@dataclass(frozen=True, slots=True)
class Passed:
    """A request that a proxy let pass: ``method`` of HTTP (``CONNECT`` for a tunnel), or SOCKS4 or SOCKS5."""

    method: str
    host: str
    port: int
    user: str | None


class RecordingProxy:
    """What the kinds of proxies have in common: listening, the threads, the notes."""

    scheme = "http"

    def __init__(
        self,
        *,
        username: str | None = None,
        password: str | None = None,
        mode: str = "ok",
        routes: Mapping[str, int] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.username, self.password, self.mode = username, password, mode
        self.routes = dict(routes or {})
        self.requests: list[Passed] = []
        self.connections = 0
        self._tls = tls
        self._over = threading.Event()
        self._sockets: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    @property
    def address(self) -> str:
        """Where the proxy is, without credentials."""
        scheme = "https" if self._tls and self.scheme == "http" else self.scheme
        return f"{scheme}://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """The address with the credentials that the proxy asks for."""
        if self.username is None:
            return self.address
        user = f"{quote(self.username, safe='')}:{quote(self.password or '', safe='')}"
        return self.address.replace("://", f"://{user}@")

    @property
    def hosts(self) -> list[str]:
        """The targets of what passed."""
        return [request.host for request in self.requests]

    def __enter__(self) -> Self:
        if self.mode != "refuse":
            self._listener.listen(128)
            self._listener.settimeout(0.05)
            self._begin(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        with self._lock:
            for open_socket in self._sockets:
                with suppress(OSError):
                    open_socket.shutdown(socket.SHUT_RDWR)
        while self._threads:
            self._threads.pop().join()
        self._listener.close()

    def _begin(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)  # type: ignore[arg-type]  # a callable
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            self.connections += 1
            self._begin(self._attend, client)

    def _attend(self, client: socket.socket) -> None:
        client.settimeout(60)
        if self._tls and self.mode != "hang":
            try:
                client = self._tls.wrap_socket(client, server_side=True)
            except OSError:
                client.close()
                return
        with client, suppress(OSError, ValueError, struct.error):
            self._keep(client)
            try:
                if self.mode == "hang":
                    self._over.wait()
                else:
                    self.serve(client)
            finally:
                self._forget(client)

    def serve(self, client: socket.socket) -> None:
        """Speak the protocol of this kind of proxy on one connection."""
        raise NotImplementedError

    def _keep(self, one: socket.socket) -> None:
        with self._lock:
            self._sockets.add(one)
        if self._over.is_set():
            one.shutdown(socket.SHUT_RDWR)

    def _forget(self, one: socket.socket) -> None:
        with self._lock:
            self._sockets.discard(one)

    def pass_on(self, client: socket.socket, target: tuple[str, int], hello: bytes, first: bytes) -> None:
        """Connect with the target; tell the client ``hello``, the target ``first``; then carry both ways."""
        host, port = target
        where = ("127.0.0.1", self.routes[host]) if host in self.routes else (host, port)
        with socket.create_connection(where, 10) as server:
            self._keep(server)
            try:
                if hello:
                    client.sendall(hello)
                if first:
                    server.sendall(first)
                _carry(client, server)
            finally:
                self._forget(server)


class HttpProxy(RecordingProxy):
    """An HTTP proxy: plain requests and CONNECT, Basic authentication; with ``tls`` one that speaks TLS itself."""

    def serve(self, client: socket.socket) -> None:
        head, rest = _read_head(client)
        lines = head.decode("latin-1").split("\r\n")
        method, target, version = lines[0].split(" ", 2)
        headers = [line for line in lines[1:] if line]
        user, known = self._authenticate(headers)
        status = self.mode.removeprefix("status:") if self.mode.startswith("status:") else None
        if status or not known:
            self._turn_away(client, status or "407")
            return
        if method == "CONNECT":
            host, _, port = target.rpartition(":")
            self.requests.append(Passed(method, host.strip("[]"), int(port), user))
            try:
                self.pass_on(client, (host.strip("[]"), int(port)), b"HTTP/1.1 200 OK\r\n\r\n", rest)
            except (ConnectionRefusedError, socket.gaierror):
                self._turn_away(client, "502")
            return
        parts = urlsplit(target)
        host, number = parts.hostname or "", parts.port or 80
        self.requests.append(Passed(method, host, number, user))
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        own = ("proxy-", "connection:", "keep-alive:")
        kept = [line for line in headers if not line.lower().startswith(own)]
        first = "\r\n".join([f"{method} {path} {version}", *kept, "Connection: close", "", ""])
        self.pass_on(client, (host, number), b"", first.encode("latin-1") + rest)

    def _authenticate(self, headers: list[str]) -> tuple[str | None, bool]:
        """Who asks, and whether that is who may."""
        given = {name.lower(): value.strip() for name, _, value in (h.partition(":") for h in headers)}
        scheme, _, token = given.get("proxy-authorization", "").partition(" ")
        user, _, password = base64.b64decode(token).decode().partition(":") if token else ("", "", "")
        asked = self.username is None or (user, password) == (self.username, self.password or "")
        return user or None, asked and scheme.lower() in ("", "basic")

    def _turn_away(self, client: socket.socket, status: str) -> None:
        challenge = 'Proxy-Authenticate: Basic realm="test"\r\n' if status == "407" else ""
        answer = f"HTTP/1.1 {status} No\r\n{challenge}Content-Length: 0\r\nConnection: close\r\n\r\n"
        client.sendall(answer.encode())


class SocksProxy(RecordingProxy):
    """A SOCKS proxy: version 5 with user name and password, and versions 4 and 4a."""

    scheme = "socks5h"

    def serve(self, client: socket.socket) -> None:
        version = _exactly(client, 1)[0]
        if version == 5:
            self._version_5(client)
        elif version == 4:
            self._version_4(client)

    def _version_5(self, client: socket.socket) -> None:
        offered = _exactly(client, _exactly(client, 1)[0])
        user: str | None = None
        if self.username is not None:
            if 2 not in offered:
                client.sendall(b"\x05\xff")
                return
            client.sendall(b"\x05\x02")
            _exactly(client, 1)
            user = _exactly(client, _exactly(client, 1)[0]).decode()
            password = _exactly(client, _exactly(client, 1)[0]).decode()
            right = (user, password) == (self.username, self.password or "")
            client.sendall(b"\x01\x00" if right else b"\x01\x01")
            if not right:
                return
        else:
            client.sendall(b"\x05\x00")
        _, _, _, kind = _exactly(client, 4)
        if kind == 1:
            host = socket.inet_ntoa(_exactly(client, 4))
        elif kind == 3:
            host = _exactly(client, _exactly(client, 1)[0]).decode()
        else:
            host = socket.inet_ntop(socket.AF_INET6, _exactly(client, 16))
        [port] = struct.unpack(">H", _exactly(client, 2))
        end = b"\x00\x01" + bytes(6)
        if self.mode != "ok":
            client.sendall(b"\x05\x01" + end)  # general failure
            return
        self.requests.append(Passed("SOCKS5", host, port, user))
        self.pass_on(client, (host, port), b"\x05\x00" + end, b"")

    def _version_4(self, client: socket.socket) -> None:
        _, port = struct.unpack(">BH", _exactly(client, 3))
        number = _exactly(client, 4)
        user = _until_zero(client)
        named = number[:3] == bytes(3) and number[3] != 0
        host = _until_zero(client) if named else socket.inet_ntoa(number)
        if self.mode != "ok" or (self.username is not None and user != self.username):
            client.sendall(b"\x00\x5b" + bytes(6))
            return
        self.requests.append(Passed("SOCKS4", host, port, user or None))
        self.pass_on(client, (host, port), b"\x00\x5a" + bytes(6), b"")


def _exactly(client: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        block = client.recv(count - len(found))
        if not block:
            raise ConnectionError("the client went away")
        found += block
    return found


def _until_zero(client: socket.socket) -> str:
    found = b""
    while (sign := _exactly(client, 1)) != b"\x00":
        found += sign
    return found.decode()


def _read_head(client: socket.socket) -> tuple[bytes, bytes]:
    """The head of an HTTP request, and what came behind it."""
    found = b""
    while b"\r\n\r\n" not in found:
        block = client.recv(_BLOCK)
        if not block:
            raise ConnectionError("the client went away")
        found += block
    head, _, rest = found.partition(b"\r\n\r\n")
    return head, rest


def _carry(client: socket.socket, server: socket.socket) -> None:
    """Carry bytes both ways until one side has no more."""
    other = {client: server, server: client}
    while True:
        # What TLS has decrypted already is not seen by select.
        waiting = [s for s in other if isinstance(s, ssl.SSLSocket) and s.pending()]
        for ready in waiting or select.select([*other], [], [])[0]:
            block = ready.recv(_BLOCK)
            if not block:
                return
            other[ready].sendall(block)
