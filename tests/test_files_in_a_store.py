"""The files of runs and bundles where all servers of a fleet find them: a real S3 server, and a shared folder."""

import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lamplighter.disk import remove
from lamplighter.files import PART_SIZE, Files, FileStoreDamaged
from lamplighter.object_store import FileStoreUnavailable, ObjectStore
from lamplighter.pieces import size_of
from real_s3 import Bucket, s3_server

MakeFiles = Callable[[str], Files]


@pytest.fixture(scope="module")
def bucket() -> Iterator[Bucket]:
    with s3_server() as bucket:
        bucket.make("files")
        yield bucket


@pytest.fixture(params=["s3", "folder"])
def server(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeFiles:
    """Makes the files of a server by its name; all of them share a store."""
    address, endpoint = f"file://{tmp_path}/shared", None
    if request.param == "s3":
        bucket: Bucket = request.getfixturevalue("bucket")
        address, endpoint = f"s3://files/{tmp_path.name}", bucket.url
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "user")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-told")
    return lambda name: Files.at(tmp_path / name, address, endpoint)


def test_a_bundle_that_one_server_keeps_is_unpacked_by_another(server: MakeFiles, tmp_path: Path) -> None:
    address = server("api").keep_bundle({"main.py": b"print(1)\n", "run": b"#!/bin/sh\n"})
    worker = server("worker")
    worker.unpack(address, tmp_path / "work")
    assert (tmp_path / "work" / "main.py").read_bytes() == b"print(1)\n"
    assert os.access(tmp_path / "work" / "run", os.X_OK)
    assert worker.bundle_names(address) == ["main.py", "run"]


def test_a_bundle_is_fetched_once(server: MakeFiles) -> None:
    address = server("api").keep_bundle({"main.py": b"print(1)\n"})
    worker = server("worker")
    assert worker.bundle_files(address) == {"main.py": b"print(1)\n"}
    assert worker.store is not None
    worker.store.remove(f"bundles/{address}.zip")
    assert worker.bundle_files(address) == {"main.py": b"print(1)\n"}


def test_a_bundle_that_is_not_what_its_address_says_is_refused(server: MakeFiles, tmp_path: Path) -> None:
    files = server("api")
    address = files.keep_bundle({"main.py": b"print(1)\n"})
    other = tmp_path / "other.zip"
    other.write_bytes(b"something else")
    assert files.store is not None
    name = f"bundles/{'0' * 64}.zip"
    files.store.put_new(name, other)
    with pytest.raises(FileStoreDamaged):
        server("worker").bundle_files("0" * 64)
    assert server("worker").bundle_files(address), "and the others are as they were"


def test_a_growing_log_is_read_elsewhere_as_it_grows(server: MakeFiles) -> None:
    worker, api = server("worker"), server("api")
    folder = worker.attempt(7, 1)
    folder.path.mkdir(parents=True)
    there = api.attempt(7, 1).log
    assert api.open_of_run(there) is None
    whole = b""
    for text in (b"one\n", b"two\n", b"three\n"):
        with folder.log.open("ab") as log:
            log.write(text)
        assert worker.send_growth(folder.log) == len(text)
        assert worker.send_growth(folder.log) == 0, "nothing is sent twice"
        whole += text
        file = api.open_of_run(there)
        assert file is not None
        with file:
            assert size_of(file) == len(whole)
            assert file.read() == whole
            file.seek(2)
            assert file.read(3) == whole[2:5]


def test_another_process_of_the_worker_goes_on_where_the_one_before_it_was(server: MakeFiles) -> None:
    folder = server("worker").attempt(7, 1)
    folder.path.mkdir(parents=True)
    folder.log.write_bytes(b"one\n")
    server("worker").send_growth(folder.log)
    folder.log.write_bytes(b"one\ntwo\n")
    assert server("worker").send_growth(folder.log) == 4


def test_a_log_that_the_agent_has_replaced_by_a_shorter_one_is_sent_anew(server: MakeFiles) -> None:
    worker, api = server("worker"), server("api")
    folder = worker.attempt(7, 1)
    folder.path.mkdir(parents=True)
    folder.log.write_bytes(b"a long line\n")
    worker.send_growth(folder.log)
    folder.log.write_bytes(b"short\n")
    worker.hand_over([folder.path])
    file = api.open_of_run(api.attempt(7, 1).log)
    assert file is not None
    with file:
        assert file.read() == b"short\n"


NAMES = [
    "export/records.jsonl",
    "files/Äpfel & mehr/50 %.csv",
    "files/a b#c?.txt",
    "evidence/e.json",
    "log.txt",
]


def test_what_is_handed_over_is_found_elsewhere_and_here_it_can_go(server: MakeFiles) -> None:
    worker, api = server("worker"), server("api")
    folder = worker.attempt(1007, 2).path
    for name in (*NAMES, "work/left.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"this is {name}")
    worker.hand_over([folder])
    worker.hand_over([folder])
    worker.let_go(1007)
    assert not worker.run_folder(1007).exists()
    for files in (worker, api):
        for name in NAMES:
            file = files.copy_of_run(files.attempt(1007, 2).path / name)
            assert file is not None, name
            with file:
                assert file.fileno() >= 0
                assert file.read().decode() == f"this is {name}"
        assert files.open_of_run(files.attempt(1007, 2).path / "work/left.txt") is None
    assert [path.name for path in api.folders_of(1007)] == ["attempt-2"]


def test_what_another_server_has_is_fetched_with_its_names(server: MakeFiles) -> None:
    worker, other = server("worker"), server("other")
    folder = worker.attempt(7, 1).path
    for name in NAMES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"this is {name}")
    worker.hand_over([folder])
    there = other.attempt(7, 1).path
    (there / "log.txt").parent.mkdir(parents=True)
    (there / "log.txt").write_text("what is here stays")
    other.fetch(there)
    assert (there / "log.txt").read_text() == "what is here stays"
    for name in NAMES[:-1]:
        assert (there / name).read_text() == f"this is {name}"


def test_a_large_file_is_kept_in_parts_and_read_as_one(server: MakeFiles) -> None:
    worker, api = server("worker"), server("api")
    folder = worker.attempt(7, 1)
    folder.path.mkdir(parents=True)
    content = os.urandom(1024) * (2 * PART_SIZE // 1024) + b"the end"
    folder.records.write_bytes(content)
    worker.hand_over([folder.path])
    file = api.open_of_run(api.attempt(7, 1).records)
    assert file is not None
    with file:
        assert file.read() == content


def test_what_is_removed_is_gone_everywhere(server: MakeFiles) -> None:
    worker, api = server("worker"), server("api")
    for run_id in (7, 70):
        for number in (1, 2):
            folder = worker.attempt(run_id, number)
            folder.files.mkdir(parents=True)
            (folder.files / "a.txt").write_text("a")
            folder.input.write_text("{}")
            worker.hand_over([folder.path])
            worker.let_go(run_id)
    api.put_run_aside(7, keep_input=True)
    assert api.open_of_run(api.attempt(7, 1).files / "a.txt") is None
    kept = worker.open_of_run(worker.attempt(7, 2).input)
    assert kept is not None
    kept.close()
    api.put_aside(api.attempt(70, 1).files)
    assert api.open_of_run(api.attempt(70, 1).files / "a.txt") is None
    other = api.open_of_run(api.attempt(70, 2).files / "a.txt")
    assert other is not None
    other.close()
    api.put_aside(api.run_folder(70))
    assert api.folders_of(70) == []


def test_what_the_end_of_a_process_left_here_goes_and_what_is_held_stays(server: MakeFiles) -> None:
    worker = server("worker")
    for run_id in (7, 8):
        worker.attempt(run_id, 1).path.mkdir(parents=True)
    worker.let_go_of_all_but({8})
    assert not worker.run_folder(7).exists()
    assert worker.run_folder(8).exists()


def test_a_store_that_is_away_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "user")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-told")
    with socket.socket() as reserved:  # nobody listens there
        reserved.bind(("127.0.0.1", 0))
        files = Files.at(tmp_path, "s3://files/x", f"http://127.0.0.1:{reserved.getsockname()[1]}")
        with pytest.raises(FileStoreUnavailable) as told:
            files.open_of_run(files.attempt(1, 1).log)
    assert told.value.retryable


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    appended=st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=8),
    begin=st.integers(0, 300),
    count=st.integers(0, 300),
)
def test_any_piece_of_a_file_in_parts_is_that_of_the_file(
    tmp_path: Path, appended: list[bytes], begin: int, count: int
) -> None:
    shutil.rmtree(tmp_path / "store", ignore_errors=True)
    store, whole = ObjectStore(f"file://{tmp_path}/store"), b""
    for content in appended:
        store.append("a/log.txt", len(whole), content)
        whole += content
    file = store.open("a/log.txt")
    assert file is not None
    with file:
        file.seek(begin)
        assert file.read(count) == whole[begin : begin + count]
        assert file.seek(0, os.SEEK_END) == len(whole)


class _JustGone(type(Path())):  # type: ignore[misc]  # the class that Path makes on this system
    """A folder that somebody else removes between one look at it and the next."""

    def is_dir(self) -> bool:
        return True


def test_what_somebody_else_has_removed_meanwhile_is_no_problem(tmp_path: Path) -> None:
    remove(_JustGone(tmp_path / "gone"))


def test_bundles_that_nobody_uses_make_room_and_are_fetched_again(server: MakeFiles, tmp_path: Path) -> None:
    files, folder = server("worker"), tmp_path / "worker"
    old, young = files.keep_bundle({"a": b"1"}), files.keep_bundle({"a": b"2"})
    [kept] = [path for path in (folder / "bundles").glob("*.zip") if path.stem == old]
    os.utime(kept, (0, 0))
    assert files.drop_unused_bundles() == 1
    assert {path.stem for path in (folder / "bundles").glob("*.zip")} == {young}
    assert files.bundle_names(old) == ["a"]
    assert files.drop_unused_bundles() == 0, "it was used just now"
