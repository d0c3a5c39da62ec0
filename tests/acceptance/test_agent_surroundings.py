"""What an agent finds around itself: what it was given, and nothing of the server's own."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from running_server import KEY, RunningServer

LOOKS_AROUND = """
import os, signal, sys
from pathlib import Path
from lamplighter import agent

def environment(pid):
    text = Path(f"/proc/{pid}/environ").read_bytes().decode()
    return dict(entry.partition("=")[::2] for entry in text.split("\\0") if entry)

def descriptors(pid):
    found = {}
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            found[name] = os.readlink(f"/proc/{pid}/fd/{name}")
        except FileNotFoundError:
            pass  # the one that lists
    return found

umask = os.umask(0)
agent.emit({
    "environment": environment("self"),
    "descriptors": descriptors("self"),
    "keeper": {"environment": environment(os.getppid()), "descriptors": descriptors(os.getppid())},
    "folder": os.getcwd(),
    "umask": umask,
    "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
    "session": os.getsid(0) == os.getpid(),
    "path": sys.path,
})
"""
GIVEN = {
    *("HOME", "LANG", "LC_ALL", "LC_CTYPE", "USER", "PATH", "PYTHONUNBUFFERED", "PYTHONIOENCODING"),
    *("LAMPLIGHTER_INPUT", "LAMPLIGHTER_RECORDS", "LAMPLIGHTER_REPORT", "LAMPLIGHTER_FILES"),
    *("LAMPLIGHTER_EVIDENCE", "LAMPLIGHTER_RUN_ID", "LAMPLIGHTER_ATTEMPT", "LAMPLIGHTER_SHARD_INDEX"),
    *("LAMPLIGHTER_SHARD_COUNT", "LAMPLIGHTER_LOG_LEVEL", "LAMPLIGHTER_SCHEDULED_TIME"),
}
WORD = "only-for-the-server"
OF_SERVER = {
    "AWS_SECRET_ACCESS_KEY": WORD,
    "DATABASE_URL": f"postgresql://user:{WORD}@host/db",
    "HTTPS_PROXY": f"http://user:{WORD}@127.0.0.1:9",
    "LD_LIBRARY_PATH": f"/nowhere/{WORD}",
    "LAMPLIGHTER_PUBLIC_URL": f"https://{WORD}.example",
    "PIP_INDEX_URL": f"https://user:{WORD}@127.0.0.1:9/simple",
    "PYTHONPATH": f"/nowhere/{WORD}",
    "SSH_AUTH_SOCK": f"/nowhere/{WORD}",
    "UV_PUBLISH_TOKEN": WORD,
}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What an agent of a server with many secrets found, and where the server's data are."""
    data = tmp_path_factory.mktemp("rich") / "data"
    with RunningServer(data, environment=OF_SERVER) as server:
        server.call("PUT", "/secrets/OTHER", {"value": WORD}, expect=201)
        agent = server.agent("looks around", LOOKS_AROUND)
        run = server.run(agent)
        assert run["status"] == 9, run["message"]
        [record] = server.call("GET", f"/agent/{agent}/run/{run['id']}/records")
        yield {**record, "data": str(data)}


@pytest.mark.parametrize("who", ["agent", "keeper"])
def test_the_environment_holds_what_was_given_and_nothing_else(found: dict[str, Any], who: str) -> None:
    environment = found["environment"] if who == "agent" else found["keeper"]["environment"]

    assert environment.keys() <= GIVEN
    assert WORD not in str(environment)
    assert KEY not in str(environment)


def test_no_file_of_the_server_is_open(found: dict[str, Any]) -> None:
    for descriptors in (found["descriptors"], found["keeper"]["descriptors"]):
        assert descriptors.pop("0") == "/dev/null"
        log = descriptors.pop("1")
        assert log.endswith("/log.txt")
        assert descriptors.pop("2") == log
    assert [path for path in found["keeper"]["descriptors"].values() if not path.startswith("pipe:")] == []
    assert [path for path in found["descriptors"].values() if not path.endswith("/records.jsonl")] == []


def test_it_begins_in_its_own_folder_as_a_session_of_its_own_that_hears_all_signals(
    found: dict[str, Any],
) -> None:
    assert Path(found["folder"]).name == "work"
    assert found["folder"].startswith(found["data"])
    assert found["session"] is True
    assert found["blocked"] == []
    assert not any(WORD in place for place in found["path"])


def test_files_that_it_makes_have_the_rights_that_the_server_was_started_with(found: dict[str, Any]) -> None:
    umask = os.umask(0)
    os.umask(umask)
    assert found["umask"] == umask
