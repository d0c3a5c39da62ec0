"""Whether a proxy answers as such a proxy does, and takes our credentials: its handshake, and no more.

Without a target, an HTTP proxy is asked for a tunnel to a name that is reserved to lead nowhere, so that it says
who may use it and goes nowhere; whatever it answers but 407, it is alive. A SOCKS 5 proxy is only greeted.
"""

import base64
import ipaddress
import re
import socket
import ssl
import struct
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from lamplighter.errors import InvalidInput
from lamplighter.proxy_address import ProxyAddress, host_and_port

PATIENCE = 5  # seconds for the connection, and again for the answer
REFUSES = "the proxy refuses the credentials"
NOWHERE = "proxy-check.invalid"
_LONGEST_HEAD = 64 * 1024
_HOST = re.compile(r"[A-Za-z0-9._:-]{1,253}")
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})(?: |\r)")
# What a proxy that works says when it does not reach a target, and of SOCKS 5 what its replies mean.
_NOT_REACHED = {502, 503, 504}
_SOCKS5_REPLIES = {
    2: "not allowed",
    3: "network unreachable",
    4: "host unreachable",
    5: "connection refused",
    6: "time-out",
}


@dataclass(frozen=True, slots=True)
class Target:
    """What a proxy is asked to reach; ``is_plain``: by a request of its own and not by a tunnel."""

    host: str
    port: int
    is_plain: bool

    @classmethod
    def read(cls, name: str, url: str) -> "Target":
        """The site of an address that stands in the field ``name``; InvalidInput."""
        try:
            parts = urlsplit(url.strip())
            host = (parts.hostname or "").encode("idna").decode()
            port = parts.port or {"http": 80, "https": 443}[parts.scheme]
        except (KeyError, ValueError):
            host, port = "", 0
        if not _HOST.fullmatch(host):
            raise InvalidInput.of(name, "must be an address such as https://shop.example/")
        return cls(host, port, parts.scheme == "http")

    @property
    def place(self) -> str:
        """Host and port as HTTP writes them."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a proxy cannot be used; ``at_proxy`` is false when it works but does not reach the target."""

    error: str
    at_proxy: bool = True


class _Faulty(Exception):
    """Carries a fault out of a handshake."""

    def __init__(self, error: str, at_proxy: bool = True) -> None:
        super().__init__(error)
        self.fault = Fault(error, at_proxy)


def find_fault(proxy: ProxyAddress, target: Target | None) -> Fault | None:
    """What is wrong with a proxy, None when nothing is; with a target, whether it reaches that one, too."""
    try:
        with _Connection(proxy.address) as connection:
            if proxy.address.startswith("http"):
                _speak_http(connection, proxy, target)
            elif proxy.address.startswith("socks5"):
                _speak_socks5(connection, proxy, target)
            else:
                _speak_socks4(connection, proxy, target)
    except _Faulty as found:
        return found.fault
    except TimeoutError:
        return Fault(f"takes the connection, but does not answer within {PATIENCE} seconds")
    except (OSError, EOFError, ValueError):
        return Fault("takes the connection, but does not answer as such a proxy does")
    return None


class _Connection:
    """A connection with a proxy that is given up ``PATIENCE`` seconds after it was made."""

    def __init__(self, address: str) -> None:
        self._socket = _connect(address)
        self._until = time.monotonic() + PATIENCE

    def __enter__(self) -> "_Connection":
        return self

    def __exit__(self, *error: object) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        self._socket.settimeout(self._left())
        self._socket.sendall(data)

    def receive(self, count: int) -> bytes:
        """Exactly so many bytes; EOFError."""
        found = b""
        while len(found) < count:
            found += self._some(count - len(found))
        return found

    def receive_line(self) -> bytes:
        """What comes up to the end of the first line; EOFError, ValueError when it has none."""
        found = b""
        while b"\n" not in found:
            if len(found) > _LONGEST_HEAD:
                raise ValueError("no end of line")
            found += self._some(4096)
        return found

    def _some(self, most: int) -> bytes:
        self._socket.settimeout(self._left())
        block = self._socket.recv(most)
        if not block:
            raise EOFError
        return block

    def _left(self) -> float:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


def _connect(address: str) -> socket.socket:
    """With TLS for https, its certificate checked."""
    where = host_and_port(address)
    try:
        made = socket.create_connection(where, PATIENCE)
    except TimeoutError:
        raise _Faulty(f"takes no connection within {PATIENCE} seconds") from None
    except socket.gaierror:
        raise _Faulty("its host name cannot be resolved") from None
    except (OSError, UnicodeError) as problem:
        raise _Faulty((getattr(problem, "strerror", None) or "its address is not usable").lower()) from None
    if not address.startswith("https:"):
        return made
    try:
        return ssl.create_default_context().wrap_socket(made, server_hostname=where[0])
    except ssl.SSLCertVerificationError as problem:
        made.close()
        raise _Faulty(f"its certificate is not trusted: {problem.verify_message}") from None
    except BaseException:
        made.close()
        raise


def _speak_http(connection: _Connection, proxy: ProxyAddress, target: Target | None) -> None:
    asked = target or Target(NOWHERE, 443, is_plain=False)
    line = f"HEAD http://{asked.place}/" if asked.is_plain else f"CONNECT {asked.place}"
    head = f"{line} HTTP/1.1\r\nHost: {asked.place}\r\nConnection: close\r\n"
    if proxy.username is not None:
        token = base64.b64encode(f"{proxy.username}:{proxy.password or ''}".encode()).decode()
        head += f"Proxy-Authorization: Basic {token}\r\n"
    connection.send(f"{head}\r\n".encode())
    found = _STATUS_LINE.match(connection.receive_line())
    if found is None:
        raise ValueError("no status line")
    status = int(found[1])
    if status == 407:
        raise _Faulty(REFUSES)
    if target and (status in _NOT_REACHED or (not target.is_plain and not 200 <= status < 300)):
        raise _Faulty(f"does not reach {target.place}: HTTP {status}", at_proxy=False)


def _speak_socks5(connection: _Connection, proxy: ProxyAddress, target: Target | None) -> None:
    connection.send(b"\x05\x01\x00" if proxy.username is None else b"\x05\x02\x00\x02")
    version, method = connection.receive(2)
    if version != 5:
        raise ValueError("another version")
    if method == 2 and proxy.username is not None:
        user, password = proxy.username.encode(), (proxy.password or "").encode()
        connection.send(bytes([1, len(user)]) + user + bytes([len(password)]) + password)
        if connection.receive(2)[1] != 0:
            raise _Faulty(REFUSES)
    elif method != 0:
        raise _Faulty(REFUSES if proxy.username is not None else "wants credentials")
    if target is None:
        return
    connection.send(b"\x05\x01\x00" + _socks5_address(target.host) + struct.pack(">H", target.port))
    reply = connection.receive(2)[1]
    if reply != 0:
        text = _SOCKS5_REPLIES.get(reply, f"reply {reply}")
        raise _Faulty(f"does not reach {target.place}: {text}", at_proxy=reply not in _SOCKS5_REPLIES)


def _socks5_address(host: str) -> bytes:
    """A name goes as it is, also with socks5://: who looks it up makes no difference to whether it is reached."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return bytes([3, len(host)]) + host.encode()
    return bytes([1 if address.version == 4 else 4]) + address.packed


def _speak_socks4(connection: _Connection, proxy: ProxyAddress, target: Target | None) -> None:
    """Version 4a, where there is no greeting: without a target, any reply will do."""
    asked = target or Target(NOWHERE, 443, is_plain=False)
    begin = struct.pack(">BBH", 4, 1, asked.port) + b"\0\0\0\1"
    connection.send(begin + (proxy.username or "").encode() + b"\0" + asked.host.encode() + b"\0")
    version, reply = connection.receive(8)[:2]
    if version != 0:
        raise ValueError("another version")
    if reply in (0x5C, 0x5D):
        raise _Faulty(REFUSES)
    if target and reply != 0x5A:
        raise _Faulty(f"does not reach {target.place}: reply {reply}", at_proxy=False)
