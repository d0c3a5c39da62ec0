"""Archives that no tool makes, written field by field."""

import gzip
import io
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Mapping

BLOCK = tarfile.BLOCKSIZE


def zipped(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip as every tool makes it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return buffer.getvalue()


def tarred(files: Mapping[str, bytes], mode: str = "w:gz") -> bytes:
    """A tar as every tool makes it."""
    return tar_of([(plain(name, content), content) for name, content in files.items()], mode)


def plain(name: str, content: bytes = b"") -> tarfile.TarInfo:
    """The header of a plain file."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    return member


def tar_of(members: Iterable[tuple[tarfile.TarInfo, bytes]], mode: str = "w:gz") -> bytes:
    """A tar of these headers, each with what comes behind it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode, format=tarfile.PAX_FORMAT) as archive:  # type: ignore[call-overload]
        for member, content in members:
            archive.addfile(member, io.BytesIO(content) if content else None)
    return buffer.getvalue()


def raw_header(name: bytes, size: int, kind: bytes = b"0", size_field: bytes | None = None) -> bytes:
    """One block that says ``size`` whatever comes behind it; ``size_field`` has its 12 bytes."""
    said = b"%011o\0" % size if size_field is None else size_field
    head = name.ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2 + said + b"00000000000\0"
    head += b" " * 8 + kind + b"\0" * 100 + b"ustar\x0000" + b"\0" * 247
    head = head.ljust(BLOCK, b"\0")
    total = b"%06o\0 " % (sum(head[:148]) + 8 * 32 + sum(head[156:]))
    return head[:148] + total + head[156:]


def padded(content: bytes) -> bytes:
    """``content`` up to the end of its last block."""
    return content + b"\0" * (-len(content) % BLOCK)


def pax(records: bytes, kind: bytes = b"x") -> bytes:
    """A header of the extended format with these records, for the next file or (``g``) for all."""
    return raw_header(b"pax", len(records), kind) + padded(records)


def pax_record(key: bytes, value: bytes) -> bytes:
    """One record, with its own length in front."""
    length = len(key) + len(value) + 3
    while len(b"%d" % length) + len(key) + len(value) + 3 != length:
        length += 1
    return b"%d %b=%b\n" % (length, key, value)


def ended(blocks: bytes) -> bytes:
    """A whole tar.gz of these blocks."""
    return gzip.compress(blocks + b"\0" * BLOCK * 2, mtime=0)


def zip_entries(
    entries: Iterable[tuple[bytes, bytes, Mapping[str, int]]], body: bytes | None = None, tail: bytes = b""
) -> bytes:
    """A zip whose fields say what ``entries`` want: name, packed bytes, and what is to be said otherwise.

    Of what is said there is: flags, method, crc, packed, size, offset, attributes, system. ``body``: in place of
    the local files.
    """
    local, central, count = bytearray(), bytearray(), 0
    for name, packed, said in entries:
        told = {
            "flags": 0,
            "method": 0,
            "crc": zlib.crc32(packed),
            "packed": len(packed),
            "size": len(packed),
        }
        told |= {"offset": len(local), "attributes": (stat.S_IFREG | 0o644) << 16, "system": 3, **said}
        common = (
            told["flags"],
            told["method"],
            0,
            0,
            told["crc"],
            told["packed"],
            told["size"],
            len(name),
            0,
        )
        central += struct.pack(
            "<4sBBBBHHHHLLLHHHHHLL",
            *(b"PK\x01\x02", 20, told["system"], 20, 0, *common, 0, 0, 0, told["attributes"], told["offset"]),
        )
        central += name
        local += struct.pack("<4sHHHHHLLLHH", b"PK\x03\x04", 20, *common) + name + packed
        count += 1
    body = bytes(local) if body is None else body
    end = struct.pack(
        "<4sHHHHLLH", b"PK\x05\x06", 0, 0, count & 0xFFFF, count & 0xFFFF, len(central), len(body), len(tail)
    )
    return body + bytes(central) + end + tail


def deflated(content: bytes) -> bytes:
    """``content`` as the method 8 of zips packs it."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(content) + packer.flush()
