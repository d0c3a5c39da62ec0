"""Agents as uploaded archives: what is unpacked, and what is refused."""

import io
import socket
import stat
import subprocess
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from http_helpers import field_errors, problem_of, unique

from running_server import KEY, RunningServer

TOML = b'[agent]\nrun = ["python", "main.py"]\n'
# The program tells which files lie beside it.
MAIN = b"""from pathlib import Path
from lamplighter import agent
for path in sorted(Path().rglob("*")):
    if path.is_file():
        agent.emit({"path": str(path)})
"""
FILES = {"agent.toml": TOML, "main.py": MAIN}


def zipped(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred(files: Mapping[str, bytes], mode: str = "w:gz") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def tar_with(member: tarfile.TarInfo) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in FILES.items():
            plain = tarfile.TarInfo(name)
            plain.size = len(content)
            archive.addfile(plain, io.BytesIO(content))
        archive.addfile(member)
    return buffer.getvalue()


def upload(
    server: RunningServer, content: bytes, path: str = "/agent", method: str = "POST", **fields: str
) -> httpx.Response:
    fields = {"name": unique("bundle"), **fields} if method == "POST" else fields
    return server.http.request(method, path, data=fields, files={"bundle": ("agent.zip", content)})


def unpacked(server: RunningServer, answer: httpx.Response) -> list[str]:
    """The files that a run of the uploaded agent finds."""
    assert answer.status_code in (200, 201), answer.text
    agent_id = answer.json()["id"]
    run = server.run(agent_id)
    assert run["status"] == 9, run["message"]
    return [row["path"] for row in server.call("GET", f"/agent/{agent_id}/run/{run['id']}/records")]


@pytest.mark.parametrize(
    "pack", [zipped, tarred, lambda files: tarred(files, "w"), lambda files: tarred(files, "w:xz")]
)
def test_zip_and_tar_bundles_are_unpacked(
    server: RunningServer, pack: Callable[[Mapping[str, bytes]], bytes]
) -> None:
    answer = upload(server, pack({**FILES, "data/list.txt": b"\x00\xff"}))

    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/api/v1/agent/{answer.json()['id']}"
    assert unpacked(server, answer) == ["agent.toml", "data/list.txt", "main.py"]


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_a_single_folder_around_everything_is_taken_off(
    server: RunningServer, pack: Callable[[Mapping[str, bytes]], bytes]
) -> None:
    answer = upload(server, pack({f"shop-1.0/{name}": content for name, content in FILES.items()}))

    assert unpacked(server, answer) == ["agent.toml", "main.py"]


def test_paths_that_begin_with_a_dot_are_as_good(server: RunningServer) -> None:
    answer = upload(server, tarred({f"./{name}": content for name, content in FILES.items()}))

    assert unpacked(server, answer) == ["agent.toml", "main.py"]


def test_what_tools_leave_behind_is_left_out(server: RunningServer) -> None:
    clutter = {"__pycache__/main.cpython-311.pyc": b"x", "__MACOSX/._main.py": b"x", ".git/HEAD": b"x"}

    assert unpacked(server, upload(server, zipped({**FILES, **clutter}))) == ["agent.toml", "main.py"]


def test_the_fields_beside_the_bundle_are_read_in_any_letter_case(server: RunningServer) -> None:
    name = unique("fields")

    answer = server.http.post(
        "/agent",
        data={"NAME": name, "Description": "d", "documentation": "how", "startUrl": "u", "comments": "first"},
        files={"Bundle": ("x.zip", zipped(FILES))},
    )

    agent = answer.json()
    assert (agent["name"], agent["description"], agent["documentation"]) == (name, "d", "how")
    assert agent["startUrl"] == "u"
    assert server.call("GET", f"/agent/{agent['id']}/versions")[0]["comments"] == "first"


def test_a_bundle_saves_the_next_version(server: RunningServer) -> None:
    first = upload(server, zipped(FILES)).json()

    answer = upload(
        server, tarred({**FILES, "new.txt": b""}), f"/agent/{first['id']}", "PUT", comments="more"
    )

    assert answer.json()["version"] == 2
    assert unpacked(server, answer) == ["agent.toml", "main.py", "new.txt"]


def test_a_form_without_a_bundle_only_changes_the_fields(server: RunningServer) -> None:
    first = upload(server, zipped(FILES)).json()

    answer = server.http.put(f"/agent/{first['id']}", data={}, files={"description": (None, "new")})

    assert answer.json()["description"] == "new"
    assert answer.json()["version"] == 2


def test_the_files_of_a_version_are_downloaded_as_they_were_saved(server: RunningServer) -> None:
    files = {**FILES, "data/lïst.txt": b"\x00\xff"}
    agent = upload(server, zipped(files)).json()
    upload(server, zipped({**files, "new.txt": b""}), f"/agent/{agent['id']}", "PUT")

    first = server.http.get(f"/agent/{agent['id']}/version/1/bundle")
    again = server.http.get(f"/agent/{agent['id']}/version/1/bundle")

    assert first.headers["content-type"] == "application/zip"
    assert f"agent-{agent['id']}-version-1.zip" in first.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(first.content)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == files
    assert first.content == again.content
    problem_of(server.http.get(f"/agent/{agent['id']}/version/3/bundle"), 404)


def test_the_same_files_have_the_same_hash_however_they_are_packed(
    server: RunningServer, tmp_path: Path
) -> None:
    files = {**FILES, "data/list.txt": b"\x00\xff"}
    one, other = upload(server, zipped(files)).json(), upload(server, tarred(files)).json()
    third = upload(server, zipped({**files, "main.py": b""})).json()
    for path, content in files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(content)

    by_hand = "sha256sum " + " ".join(sorted(files)) + " | sha256sum"
    known = subprocess.run(by_hand, cwd=tmp_path, shell=True, capture_output=True, text=True, check=True)

    assert one["contentHash"] == other["contentHash"] == known.stdout.split()[0]
    assert third["contentHash"] != one["contentHash"]
    [version] = server.call("GET", f"/agent/{one['id']}/versions")
    assert version["contentHash"] == one["contentHash"]


def symbolic_link_in_zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in FILES.items():
            archive.writestr(name, content)
        link = zipfile.ZipInfo("passwd")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    return buffer.getvalue()


def member(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type = kind
    made.linkname = target
    return made


REFUSED = {
    "parent in zip": (zipped({**FILES, "../evil.txt": b""}), "relative path"),
    "parent in tar": (tarred({**FILES, "../evil.txt": b""}), "relative path"),
    "parent inside": (zipped({**FILES, "a/../../evil.txt": b""}), "relative path"),
    "absolute in zip": (zipped({**FILES, "/etc/evil.txt": b""}), "relative path"),
    "absolute in tar": (tarred({**FILES, "/etc/evil.txt": b""}), "relative path"),
    "backslashes": (zipped({**FILES, "..\\evil.txt": b""}), "relative path"),
    "link in zip": (symbolic_link_in_zip(), "link"),
    "link in tar": (tar_with(member("passwd", tarfile.SYMTYPE, "/etc/passwd")), "link"),
    "hard link": (tar_with(member("passwd", tarfile.LNKTYPE, "main.py")), "link"),
    "device": (tar_with(member("null", tarfile.CHRTYPE)), "device"),
    "pipe": (tar_with(member("pipe", tarfile.FIFOTYPE)), "device"),
    "empty zip": (zipped({}), "at least one file"),
    "only clutter": (zipped({"__pycache__/a.pyc": b""}), "at least one file"),
    "no archive": (b"hello", "neither a zip nor a tar.gz"),
    "nothing": (b"", "neither a zip nor a tar.gz"),
    "cut zip": (zipped(FILES)[:-30], "cannot be read"),
    "no manifest": (zipped({"main.py": MAIN}), "agent.toml is missing"),
}


@pytest.mark.parametrize(("content", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_a_bundle_that_cannot_be_taken_is_refused(server: RunningServer, content: bytes, words: str) -> None:
    errors = field_errors(upload(server, content))

    assert errors.keys() <= {"bundle", "files"}
    assert words in next(iter(errors.values()))


def damaged() -> dict[str, bytes]:
    """Archives that begin well and cannot be read to their end."""
    whole = bytearray(zipped({**FILES, "big": bytes(range(256)) * 400}))
    place = whole.index(b"big") + 40
    whole[place : place + 40] = b"\xff" * 40
    gzip = bytearray(tarred({**FILES, "big": bytes(range(256)) * 400}))
    gzip[-60:-20] = b"\xff" * 40
    locked = bytearray(zipped(FILES))
    for place in (locked.index(b"PK\x03\x04") + 6, locked.index(b"PK\x01\x02") + 8):
        locked[place] |= 1  # says that the first file is encrypted
    method = bytearray(zipped(FILES))
    for place in (method.index(b"PK\x03\x04") + 8, method.index(b"PK\x01\x02") + 10):
        method[place] = 99
    return {
        "zip": bytes(whole),
        "tar": bytes(gzip),
        "encrypted": bytes(locked),
        "unknown method": bytes(method),
    }


@pytest.mark.parametrize(
    "kind",
    [
        "tar",
        "zip",
        "encrypted",
        "unknown method",
    ],
)
def test_a_damaged_bundle_is_refused(server: RunningServer, kind: str) -> None:
    assert "cannot be read" in field_errors(upload(server, damaged()[kind]))["bundle"]


@pytest.mark.parametrize("name", ["../evil.txt", "/etc/evil.txt"])
def test_a_path_that_leaves_the_folder_is_refused_when_it_is_the_only_one(
    server: RunningServer, name: str
) -> None:
    files = {f"{name.rpartition('/')[0]}/{own}": content for own, content in FILES.items()}

    assert "relative path" in field_errors(upload(server, zipped(files)))["files"]


def bomb(size: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("zeros", "w", force_zip64=True) as file:
            for _ in range(size):
                file.write(bytes(1024**2))
        archive.writestr("agent.toml", TOML)
    return buffer.getvalue()


def test_a_bundle_that_grows_beyond_the_limit_is_too_large(server: RunningServer) -> None:
    content = bomb(201)
    assert len(content) < 1_000_000

    assert "200 times as large" in problem_of(upload(server, content), 413)["detail"]


def test_a_bundle_with_too_many_files_is_too_large(server: RunningServer) -> None:
    content = zipped(FILES | {f"{number}.txt": b"" for number in range(10_000)})

    assert "10000 files" in problem_of(upload(server, content), 413)["detail"]


def test_an_upload_beyond_the_limit_is_refused_before_it_is_sent(server: RunningServer) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    head = (
        f"POST /api/v1/agent HTTP/1.1\r\nHost: {host}\r\nAuthorization: ApiKey {KEY}\r\n"
        f"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {10**12}\r\n\r\n"
    )
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(head.encode())

        assert connection.recv(1000).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    ("sent", "field", "words"),
    [
        ({"files": {"bundle": (None, "text")}}, "bundle", "must be a file"),
        ({"files": {"other": ("a.zip", b"x")}}, "files", "is required"),
        ({"files": {"bundle": ("a.zip", zipped(FILES))}, "data": {"name": " "}}, "name", "1 to 200"),
        ({"files": {"bundle": ("a.zip", zipped(FILES))}}, "name", "is required"),
    ],
)
def test_a_form_that_lacks_something_is_refused(
    server: RunningServer, sent: dict[str, Any], field: str, words: str
) -> None:
    assert words in field_errors(server.http.post("/agent", **sent))[field]


def test_files_in_json_have_less_room_than_a_bundle(server: RunningServer) -> None:
    text = b'{"name": "large", "files": {"agent.toml": "' + b" " * 32 * 1024**2 + b'"}}'

    answer = server.http.post("/agent", content=text, headers={"Content-Type": "application/json"})

    assert "32 MiB" in problem_of(answer, 413)["detail"]


@pytest.mark.parametrize("name", ["caf\\udce9.txt", "a\\nb", "C:/x", "x" * 256])
def test_a_path_in_json_that_no_file_can_have_is_refused(server: RunningServer, name: str) -> None:
    text = f'{{"name": "odd", "files": {{"agent.toml": "", "{name}": ""}}}}'

    answer = server.http.post("/agent", content=text.encode(), headers={"Content-Type": "application/json"})

    field_errors(answer)


def test_a_path_in_a_tar_that_is_not_utf8_is_refused(server: RunningServer) -> None:
    link = member("caf\udce9", tarfile.SYMTYPE, "x")
    plain_file = member("caf\udce9", tarfile.REGTYPE)

    assert "link" in field_errors(upload(server, tar_with(link)))["bundle"]
    assert "UTF-8" in field_errors(upload(server, tar_with(plain_file)))["files"]


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary=other"])
def test_a_form_that_cannot_be_read_is_refused(server: RunningServer, kind: str) -> None:
    answer = server.http.post("/agent", content=b"--x\r\nnonsense", headers={"Content-Type": kind})

    field_errors(answer)
