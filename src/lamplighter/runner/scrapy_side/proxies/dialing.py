"""Connections through proxies that speak SOCKS or TLS."""

import asyncio
import base64
import ipaddress
import os
import socket
import ssl
import struct
from asyncio import StreamReader, StreamWriter

from .blame import OF_THE_TARGET
from .plan import Proxy

DIAL_SECONDS = 30.0
HEAD_BYTES = 256 * 1024
_SOCKS5_REPLIES = {
    1: "general failure",
    2: "not allowed",
    3: "network unreachable",
    4: "host unreachable",
    5: "connection refused",
    6: "time-out",
    7: "command not supported",
    8: "address not supported",
}


class DialError(Exception):
    """No connection; the message says why, ``at_proxy`` whether that is the proxy's fault.

    ``refuses``: it is about our credentials.
    """

    def __init__(self, message: str, at_proxy: bool, refuses: bool = False) -> None:
        super().__init__(message)
        self.at_proxy, self.refuses = at_proxy, refuses


async def dial(proxy: Proxy, host: str, port: int) -> tuple[StreamReader, StreamWriter]:
    """A connection with ``host`` that goes through the proxy; DialError if there is none in 30 seconds."""
    reader, writer = await connect(proxy)
    try:
        async with asyncio.timeout(DIAL_SECONDS):
            if proxy.scheme == "https":
                await _tunnel(proxy, host, port, reader, writer)
            elif proxy.scheme.startswith("socks5"):
                await _socks5(proxy, host, port, reader, writer)
            else:
                await _socks4(proxy, host, port, reader, writer)
    except (OSError, EOFError, ValueError, asyncio.LimitOverrunError) as error:
        writer.close()
        text = "time-out" if isinstance(error, TimeoutError) else "it does not answer as such a proxy does"
        raise DialError(text, at_proxy=True) from error
    except BaseException:
        writer.close()
        raise
    return reader, writer


async def connect(proxy: Proxy) -> tuple[StreamReader, StreamWriter]:
    """A connection with the proxy itself; for https with TLS, its certificate checked."""
    context = ssl.create_default_context() if proxy.scheme == "https" else None
    try:
        async with asyncio.timeout(DIAL_SECONDS):
            return await asyncio.open_connection(proxy.host, proxy.port, ssl=context, limit=HEAD_BYTES)
    except TimeoutError as error:
        raise DialError("time-out", at_proxy=True) from error
    except OSError as error:
        raise DialError(_reason(error), at_proxy=True) from error


def _reason(error: OSError) -> str:
    """What asyncio puts in its place says where, but not why."""
    if error.errno and not isinstance(error, ssl.SSLError | socket.gaierror):
        return os.strerror(error.errno)
    return error.strerror or type(error).__name__


def authorization(proxy: Proxy) -> bytes:
    """The header line for a proxy that speaks HTTP; nothing when there are no credentials."""
    if not proxy.username and not proxy.password:
        return b""
    token = base64.b64encode(f"{proxy.username}:{proxy.password}".encode())
    return b"Proxy-Authorization: Basic " + token + b"\r\n"


async def _tunnel(proxy: Proxy, host: str, port: int, reader: StreamReader, writer: StreamWriter) -> None:
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    writer.write(f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n".encode() + authorization(proxy) + b"\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1][:3])
    if status != 200:
        raise DialError(f"HTTP {status} to CONNECT", status not in OF_THE_TARGET, refuses=status == 407)


async def _socks5(proxy: Proxy, host: str, port: int, reader: StreamReader, writer: StreamWriter) -> None:
    has_credentials = bool(proxy.username or proxy.password)
    writer.write(b"\x05\x02\x00\x02" if has_credentials else b"\x05\x01\x00")
    version, method = await reader.readexactly(2)
    if version != 5:
        raise ValueError("another version")
    if method == 2 and has_credentials:
        user, password = proxy.username.encode(), proxy.password.encode()
        writer.write(bytes([1, len(user)]) + user + bytes([len(password)]) + password)
        if (await reader.readexactly(2))[1] != 0:
            raise DialError("it refuses the credentials", at_proxy=True, refuses=True)
    elif method != 0:
        raise DialError("it wants other credentials", at_proxy=True, refuses=True)
    name = host if proxy.scheme == "socks5h" else await _resolve(host, socket.AF_UNSPEC)
    writer.write(b"\x05\x01\x00" + _socks5_address(name) + struct.pack(">H", port))
    _, reply, _, kind = await reader.readexactly(4)
    if reply != 0:
        text = _SOCKS5_REPLIES.get(reply, f"reply {reply}")
        raise DialError(text, at_proxy=reply not in (2, 3, 4, 5, 6))
    length = {1: 4, 4: 16}.get(kind) or (await reader.readexactly(1))[0]
    await reader.readexactly(length + 2)


def _socks5_address(host: str) -> bytes:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        name = host.encode("idna") if not host.isascii() else host.encode()
        return bytes([3, len(name)]) + name
    return bytes([1 if address.version == 4 else 4]) + address.packed


async def _socks4(proxy: Proxy, host: str, port: int, reader: StreamReader, writer: StreamWriter) -> None:
    """Version 4 has the address looked up here, 4a by the proxy."""
    number, name = b"\0\0\0\1", host.encode() + b"\0"
    if proxy.scheme == "socks4" or host.replace(".", "").isdecimal():
        number, name = socket.inet_aton(await _resolve(host, socket.AF_INET)), b""
    writer.write(struct.pack(">BBH", 4, 1, port) + number + proxy.username.encode() + b"\0" + name)
    reply = (await reader.readexactly(8))[1]
    if reply != 0x5A:
        raise DialError(f"it refuses (reply {reply})", at_proxy=True)


async def _resolve(host: str, family: int) -> str:
    """The first address of a name."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            host, None, family=family, type=socket.SOCK_STREAM
        )
    except socket.gaierror as error:
        raise DialError(f"{host} cannot be resolved", at_proxy=False) from error
    return str(found[0][4][0])
