"""Archives that were made to do harm: each is refused in words, soon, and without taking the memory."""

import bz2
import gzip
import io
import lzma
import stat
import tarfile
import tracemalloc
import zipfile
import zlib
from pathlib import PurePosixPath

import pytest
from crafted_archives import (
    deflated,
    ended,
    padded,
    pax,
    pax_record,
    plain,
    raw_header,
    tar_of,
    tarred,
    zip_entries,
    zipped,
)
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lamplighter import archives
from lamplighter.archives import MOST_BYTES, MOST_FILES, checked_files, files_of_archive
from lamplighter.errors import InvalidInput, LamplighterError, TooLarge

TOML = b'[agent]\nrun = ["true"]\n'
MIB = 1024**2


def unpack(content: bytes) -> dict[str, bytes]:
    """The files of an archive."""
    return files_of_archive("agent.zip", io.BytesIO(content))


def memory_of(content: bytes) -> int:
    """The most bytes that unpacking an archive holds at a time, whatever comes of it."""
    tracemalloc.start()
    try:
        unpack(content)
    except LamplighterError:
        pass
    finally:
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return most


def of_type(kind: int) -> bytes:
    """A zip whose only file says that it is one of this kind."""
    return zip_entries([(b"a", TOML, {"attributes": (kind | 0o644) << 16})])


def packed(method: int, content: bytes) -> bytes:
    """A zip of one file that says it is ten bytes, packed with one of the rarer methods."""
    return zip_entries([(b"a", content, {"method": method, "size": 10, "crc": zlib.crc32(bytes(10))})])


GNU_SPARSE = b"".join(
    pax_record(b"GNU.sparse." + key, value)
    for key, value in ((b"major", b"0"), (b"minor", b"1"), (b"size", b"100000000"), (b"map", b"0,0"))
)
REFUSED = {
    "a name cut by a NUL": (zip_entries([(b"a.py\0.txt", TOML, {})]), "control characters"),
    "a name that is not UTF-8 in a zip": (zip_entries([(b"\xff", TOML, {"flags": 0x800})]), "cannot be read"),
    "a name that is not UTF-8 in a tar": (ended(raw_header(b"caf\xe9", 0)), "not UTF-8"),
    "no name": (zip_entries([(b"", TOML, {}), (b"a", TOML, {})]), "cannot be read"),
    "a line break in a name": (tarred({"a\nb": b""}), "control characters"),
    "an escape sequence in a name": (tarred({"a\x1b[2Jb": b""}), "control characters"),
    "a drive letter": (tarred({"C:/x": b"", "y": b""}), "relative path"),
    "a backslash": (tarred({"..\\x": b"", "y": b""}), "relative path"),
    "another letter case": (tarred({"Main.py": b"", "main.py": b""}), "letter case"),
    "another form of the same letter": (tarred({"\u00e9": b"", "e\u0301": b""}), "letter case"),
    "the same path in other words": (tarred({"a/b": b"1", "a//b": b"2", "c": b""}), "letter case"),
    "the same name twice": (zip_entries([(b"a", b"1", {}), (b"a", b"2", {})]), "twice"),
    "the same name twice in a tar": (
        tar_of([(plain("a", b"1"), b"1"), (plain("a", b"2"), b"2")]),
        "twice",
    ),
    "a name that no file system takes": (tarred({"x" * 256: b""}), "too long"),
    "a path that is too long": (tarred({"/".join(["folder"] * 200): b"", "a": b""}), "too long"),
    "a file that is a folder too": (tarred({"a": b"", "a/b": b""}), "cannot be a file and the folder"),
    "a link in a zip": (of_type(stat.S_IFLNK), "link or device"),
    "a device in a zip": (of_type(stat.S_IFCHR), "link or device"),
    "a pipe in a zip": (of_type(stat.S_IFIFO), "link or device"),
    "a folder that has content": (of_type(stat.S_IFDIR), "link or device"),
    "a sparse file": (ended(pax(GNU_SPARSE) + raw_header(b"a", 0)), "sparse"),
    "entries that overlap": (zip_entries([(b"a", TOML, {}), (b"b", TOML, {"offset": 0})]), "overlap"),
    "an encrypted file": (zip_entries([(b"a", TOML, {"flags": 1})]), "encrypted"),
    "a zip packed with bzip2": (zipped({"a": TOML}, zipfile.ZIP_BZIP2), "deflate"),
    "a zip packed with LZMA": (zipped({"a": TOML}, zipfile.ZIP_LZMA), "deflate"),
    "a size that is too small": (
        zip_entries([(b"a", deflated(TOML * 99), {"method": 8, "size": 5, "crc": zlib.crc32(TOML * 99)})]),
        "cannot be read",
    ),
    "a negative size": (
        ended(raw_header(b"a", 0) + raw_header(b"b", 0, size_field=b"\xff" * 10 + b"\xfe\0")),
        "cannot be read",
    ),
    "a negative size in an extended header": (
        ended(raw_header(b"a", 0) + pax(pax_record(b"size", b"-1024")) + raw_header(b"b", 0)),
        "cannot be read",
    ),
    "a path that an extended header changes": (
        ended(pax(pax_record(b"path", b"../../evil")) + raw_header(b"a", 0) + raw_header(b"c", 0)),
        "relative path",
    ),
    "a path that a header changes for all files": (
        ended(pax(pax_record(b"path", b"/etc/evil"), b"g") + raw_header(b"a", 0)),
        "relative path",
    ),
    "a name longer than any": (
        ended(raw_header(b"././@LongLink", 60 * MIB, b"L") + bytes(60 * MIB) + raw_header(b"a", 0)),
        "cannot be read",
    ),
    "long names without an end": (
        ended((raw_header(b"l", 1, b"L") + padded(b"a")) * 2000),
        "cannot be read",
    ),
    "a damaged xz": (lzma.compress(tarred({"a": TOML}, "w"))[:40] + b"\xff" * 60, "cannot be read"),
    "a cut bzip2": (bz2.compress(tarred({"a": bytes(range(256)) * 40}, "w"))[:-80], "cannot be read"),
    "a zip behind a tar": (tarred({"../x": b"", "y": b""}, "w") + zipped({"a": TOML}), "relative path"),
    "a zip behind other bytes": (b"#!/bin/sh\n" + zipped({"a": TOML}), "neither a zip nor a tar"),
}


@pytest.mark.parametrize(("content", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_a_hostile_archive_is_refused_in_words(content: bytes, words: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        unpack(content)

    assert words in str(refused.value)
    str(refused.value).encode()


def zeros(count: int) -> bytes:
    """A zip of one file of so many MiB of zeros that says it has ten bytes."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    content = b"".join(packer.compress(bytes(MIB)) for _ in range(count)) + packer.flush()
    return zip_entries([(b"zeros", content, {"method": 8, "size": 2**32 - 1})])


def random_files(count: int) -> dict[str, bytes]:
    """Files of 10 MiB that cannot be packed any smaller."""
    block = bytes(hash((n, n * n)) & 0xFF for n in range(MIB))
    return {str(n): block * 10 for n in range(count)}


TOO_LARGE = {
    "zeros in a zip": (zeros(300), "times as large"),
    "zeros in a tar": (tarred({"a": bytes(100 * MIB)}), "times as large"),
    "zeros between the files": (
        ended(raw_header(b"__pycache__/a", 400 * MIB) + bytes(400 * MIB)),
        "times as large",
    ),
    "as many bytes as there are": (zipped(random_files(21), zipfile.ZIP_STORED), "200 MiB"),
    "too many files": (zipped({str(n): b"" for n in range(MOST_FILES + 1)}), "10000 files"),
    "too many folders": (
        zip_entries([(b"%d/" % n, b"", {"attributes": 0}) for n in range(60_000)]),
        "50000 entries",
    ),
    "too many folders in a tar": (ended(raw_header(b"f/", 0, b"5") * 60_000), "50000 entries"),
}


@pytest.mark.parametrize(("content", "words"), TOO_LARGE.values(), ids=TOO_LARGE.keys())
def test_an_archive_that_grows_beyond_a_limit_is_too_large(content: bytes, words: str) -> None:
    with pytest.raises(TooLarge) as refused:
        unpack(content)

    assert words in str(refused.value)


def test_a_directory_of_millions_of_entries_is_not_read() -> None:
    content = zip_entries([(b"%07d" % n, b"", {}) for n in range(200_000)])

    assert memory_of(content) < 2 * len(content)
    with pytest.raises(InvalidInput, match="cannot be read"):
        unpack(content)


MEMORY = {
    "bzip2 in a zip": packed(12, bz2.compress(bytes(40 * MIB))),
    "deflate in a zip": zeros(300),
    "a name longer than any": REFUSED["a name longer than any"][0],
    "extended headers for all files": ended(
        pax(b"".join(pax_record(b"%d" % n, b"") for n in range(2000)), b"g")
        + b"".join(raw_header(b"%d" % n, 0) for n in range(1000))
    ),
}


@pytest.mark.parametrize("content", MEMORY.values(), ids=MEMORY.keys())
def test_a_bomb_takes_little_memory(content: bytes) -> None:
    assert memory_of(content) < 80 * MIB


def test_what_is_unpacked_is_in_memory_once() -> None:
    content = zipped(random_files(10), zipfile.ZIP_STORED)

    assert memory_of(content) < 1.3 * len(content)


def test_digits_without_an_end_in_an_extended_header_are_not_searched_for_ever() -> None:
    with pytest.raises(InvalidInput, match="too long"):
        unpack(ended(pax(b"1" * 10 * MIB) + raw_header(b"a", 0)))


def test_an_archive_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "_MOST_SECONDS", -1.0)

    with pytest.raises(TooLarge, match="within"):
        unpack(tarred({"a": b""}))


def test_what_follows_the_end_of_an_archive_changes_nothing() -> None:
    files = {"agent.toml": TOML, "main.py": b"pass\n"}

    assert unpack(tarred(files) + tarred({"../x": b""})) == files
    assert unpack(tarred(files, "w") + b"rest") == files
    assert unpack(zip_entries([(b"a", b"1", {}), (b"b", b"2", {})], tail=b"a remark")) == {
        "a": b"1",
        "b": b"2",
    }


def test_a_gzip_of_several_members_is_one_archive() -> None:
    files = {"agent.toml": TOML, "main.py": bytes(range(256)) * 100}
    whole = tarred(files, "w")

    assert unpack(b"".join(gzip.compress(whole[at : at + 700]) for at in range(0, len(whole), 700))) == files


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_tars_as_tools_make_them_are_unpacked(mode: str, form: int) -> None:
    files = {f"{'folder/' * 20}café.txt" if form != tarfile.USTAR_FORMAT else "a/b.txt": b"x", "empty": b""}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode, format=form) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            archive.addfile(plain(f"./{name}", content), io.BytesIO(content))

    assert unpack(buffer.getvalue()) == files


def is_safe(path: str) -> bool:
    """Whether a path stays below the folder in which it is made, on every file system."""
    parts = path.split("/")
    return (
        str(PurePosixPath(path)) == path
        and all(part not in ("", ".", "..") and len(part.encode()) <= 255 for part in parts)
        and not any(letter < " " or letter in "\\\x7f" for letter in path)
    )


def check_whatever_comes(content: bytes) -> None:
    """Either a clear answer or files within the limits; and not more memory than these need."""
    tracemalloc.start()
    try:
        files = unpack(content)
    except (InvalidInput, TooLarge) as refused:
        str(refused).encode()
        files = {}
    finally:
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    size = sum(map(len, files.values()))
    assert most < 32 * MIB + 2 * (len(content) + size)
    assert len(files) <= MOST_FILES
    assert size <= MOST_BYTES
    assert all(map(is_safe, files))
    assert not {str(parent) for path in files for parent in PurePosixPath(path).parents} & files.keys()
    assert len({path.casefold() for path in files}) == len(files)


NAMES = st.text(st.sampled_from("aA./\\\0:\n\u00e9e\u0301x"), max_size=12)
SOME_FILES = st.dictionaries(NAMES, st.binary(max_size=40), max_size=5)
NUMBERS = st.integers(0, 2**16 - 1)
ENTRY_FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "flags": NUMBERS,
        "method": st.sampled_from([0, 8, 9, 12, 14, 93, 99]),
        "size": st.integers(0, 2**32 - 1),
        "packed": st.integers(0, 2**32 - 1),
        "offset": st.integers(0, 2**32 - 1),
        "attributes": st.integers(0, 2**32 - 1),
    },
)
ZIPS = st.lists(
    st.tuples(st.binary(max_size=12), st.binary(max_size=40), ENTRY_FIELDS), min_size=1, max_size=4
)
HEADERS = st.builds(
    raw_header,
    st.binary(max_size=99),
    st.integers(0, 2**33 - 1),
    st.sampled_from([bytes([n]) for n in b"01234567LKxgXSVDN\0"]),
    st.none() | st.binary(min_size=12, max_size=12),
)
RECORDS = st.builds(
    pax_record,
    st.sampled_from(
        [b"path", b"size", b"linkpath", b"hdrcharset", b"GNU.sparse.map", b"GNU.sparse.realsize"]
    ),
    st.binary(max_size=20),
)
BLOCKS = st.lists(
    HEADERS
    | st.builds(pax, RECORDS, st.sampled_from([b"x", b"g"]))
    | st.builds(padded, st.binary(max_size=600))
)


@settings(max_examples=300, deadline=None)
@given(st.binary() | st.builds(lambda rest: b"PK\x03\x04" + rest, st.binary()))
@example(b"")
def test_any_bytes_are_files_within_the_limits_or_refused(content: bytes) -> None:
    check_whatever_comes(content)


@settings(max_examples=300, deadline=None)
@given(st.builds(zip_entries, ZIPS, st.none() | st.binary(max_size=60), st.binary(max_size=30)))
def test_any_zip_is_files_within_the_limits_or_refused(content: bytes) -> None:
    check_whatever_comes(content)


@settings(max_examples=300, deadline=None)
@given(st.builds(b"".join, BLOCKS), st.booleans())
def test_any_tar_is_files_within_the_limits_or_refused(blocks: bytes, pack: bool) -> None:
    check_whatever_comes(ended(blocks) if pack else blocks + bytes(1024))


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(
        [
            zipped({"a/b": TOML * 9, "c": b"x" * 500}),
            tarred({"a/b": TOML * 9, "c": b"x" * 500}, "w"),
            tarred({"a/b": TOML * 9, "c" * 200: b"x" * 500}, "w:gz"),
            tarred({"a/b": TOML * 9}, "w:bz2"),
            tarred({"a/b": TOML * 9}, "w:xz"),
        ]
    ),
    st.lists(st.tuples(NUMBERS, st.integers(0, 255)), max_size=8),
    st.none() | NUMBERS,
)
def test_any_damage_is_refused_or_without_harm(
    whole: bytes, flips: list[tuple[int, int]], end: int | None
) -> None:
    content = bytearray(whole)
    for place, value in flips:
        content[place % len(content)] = value
    check_whatever_comes(bytes(content[:end]))


@settings(max_examples=300, deadline=None)
@given(SOME_FILES)
def test_any_paths_are_safe_or_refused(files: dict[str, bytes]) -> None:
    try:
        found = checked_files(files)
    except InvalidInput:
        return
    assert all(map(is_safe, found))
    assert sorted(found.values()) == sorted(files.values())
