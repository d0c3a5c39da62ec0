"""The text of a response as it came from the wire, before any middleware has touched it."""

import contextlib
import importlib
import zlib
from typing import Any

from scrapy.http import Response, TextResponse
from scrapy.responsetypes import responsetypes


def text_of(response: Response, most: int) -> str | None:
    """About the first ``most`` bytes of the page and a little more, so that it shows; None when it is not text."""
    cut = most + 1024
    with contextlib.suppress(Exception):  # whatever a broken page does to its decoder: then it has no text
        if response.headers.getlist("Content-Encoding"):
            response = _decompressed(response, cut)
        if isinstance(response, TextResponse):
            return (
                response.text
                if len(response.body) <= cut
                else response.replace(body=response.body[:cut]).text
            )
    return None


def _decompressed(response: Response, most: int) -> Response:
    """As Scrapy's own middleware would make it, but only the beginning."""
    body = response.body
    named = b",".join(response.headers.getlist("Content-Encoding")).lower()
    for encoding in reversed([name.strip() for name in named.split(b",")]):
        body = _decode(encoding, body, most)
    headers = response.headers.copy()
    headers.pop("Content-Encoding", None)
    kind: Any = responsetypes.from_args(headers=headers, url=response.url, body=body)
    made: Response = kind(response.url, status=response.status, headers=headers, body=body)
    return made


def _decode(encoding: bytes, body: bytes, most: int) -> bytes:
    if encoding in (b"gzip", b"x-gzip"):
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(body, most)
    if encoding == b"deflate":
        try:
            return zlib.decompressobj().decompress(body, most)
        except zlib.error:  # without its header, as some servers send it
            return zlib.decompressobj(-zlib.MAX_WBITS).decompress(body, most)
    if encoding == b"br":
        return _decode_pieces(importlib.import_module("brotli").Decompressor().process, body, most)
    if encoding == b"zstd":
        zstandard = importlib.import_module("zstandard")
        return _decode_pieces(zstandard.ZstdDecompressor().decompressobj().decompress, body, most)
    return body


def _decode_pieces(decode: Any, body: bytes, most: int) -> bytes:
    """In small pieces, since these decoders know no limit."""
    found = b""
    for begin in range(0, len(body), 1024):
        found += decode(body[begin : begin + 1024])
        if len(found) >= most:
            break
    return found
