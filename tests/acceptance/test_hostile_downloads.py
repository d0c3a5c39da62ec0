"""Agents that put links and pipes where their files are: nothing outside of the run's folder is ever sent."""

import os
from pathlib import Path
from typing import Any

import pytest

from lamplighter.disk import open_below
from running_server import RunningServer, eventually

GOLD = "gold-of-somebody-else"
HEAD = """
import os, pathlib, time
attempt = pathlib.Path(os.environ["LAMPLIGHTER_RECORDS"]).parent
run, files = attempt.parent, pathlib.Path(os.environ["LAMPLIGHTER_FILES"])
print("begun", flush=True)
(files / "page.html").write_text("<p>")
"""
WAIT = (
    "\n(pathlib.Path(GATE).with_suffix('.ready')).touch()\nwhile not os.path.exists(GATE): time.sleep(0.02)\n"
)


@pytest.fixture
def treasure(tmp_path: Path) -> Path:
    """A folder that looks like that of a run and of an attempt, and is no business of any agent."""
    folder = tmp_path / "treasure"
    for place in (folder, folder / "attempt-1"):
        for name in ("evidence", "files", "export", "snapshots"):
            (place / name).mkdir(parents=True)
        (place / "log.txt").write_text(f"{GOLD}\n")
        (place / "input.json").write_text(f'"{GOLD}"')
        (place / "records.jsonl").write_text(f'{{"is": "{GOLD}"}}\n')
        (place / "report.json").write_text(f'{{"problems": ["{GOLD}"]}}')
        (place / "export" / "records.jsonl").write_text(f'{{"is": "{GOLD}"}}\n')
        (place / "export" / "records.csv").write_text(GOLD)
        (place / "files" / "page.html").write_text(GOLD)
        (place / "snapshots" / "0001.html").write_text(GOLD)
        (place / "evidence" / "evidence.json").write_text(f'{{"message": "{GOLD}"}}')
    return folder


def all_that_is_sent(server: RunningServer, agent: int, run: int) -> str:
    """Everything that the API sends of a run, also by addresses of files it listed; no error of the server."""
    own = f"/agent/{agent}/run/{run}"
    paths = [f"{own}/{name}" for name in ("status", "files", "log", "log?attempt=1", "records", "evidence")]
    listed = server.call("GET", f"{own}/files")
    paths += [f"{own}/file/{file['id']}/download" for file in listed]
    answers = [server.http.get(path, follow_redirects=True) for path in paths]
    assert all(answer.status_code < 500 for answer in answers), [str(a.request.url) for a in answers]
    return "".join(answer.text for answer in answers)


TRICKS = {
    "the log": "(attempt / 'log.txt').unlink()\n(attempt / 'log.txt').symlink_to(T / 'log.txt')",
    "the records": "p = attempt / 'records.jsonl'\np.unlink()\np.symlink_to(T / 'records.jsonl')",
    "the report": "(attempt / 'report.json').symlink_to(T / 'report.json')",
    "the files": "files.rename(attempt / 'old')\nfiles.symlink_to(T / 'files')",
    "the evidence": "(attempt / 'evidence').rmdir()\n(attempt / 'evidence').symlink_to(T / 'evidence')",
    "the export": "(attempt / 'export').rmdir()\n(attempt / 'export').symlink_to(T / 'export')",
    "a file in place of the export": "(attempt / 'export').rmdir()\n(attempt / 'export').write_text('')",
    "the attempt": "attempt.rename(run / 'old')\nattempt.symlink_to(T)",
    "the run": "run.rename(str(run) + '-old')\nrun.symlink_to(T)",
}


@pytest.mark.parametrize("ending", ["", "raise SystemExit(1)\n"], ids=["good", "failed"])
@pytest.mark.parametrize("trick", TRICKS.values(), ids=TRICKS.keys())
def test_a_link_in_the_place_of_something_leads_nowhere_while_the_run_goes_and_afterwards(
    server: RunningServer, tmp_path: Path, treasure: Path, trick: str, ending: str
) -> None:
    gate = tmp_path / "gate"
    main = f"{HEAD}T, GATE = pathlib.Path({str(treasure)!r}), {str(gate)!r}\n{trick}\n{WAIT}{ending}"
    agent = server.agent(tmp_path.name, main)
    run = server.call("POST", f"/agent/{agent}/start", {"logMode": "TextAndHtml"}, expect=202)["id"]
    eventually(gate.with_suffix(".ready").exists)

    assert GOLD not in all_that_is_sent(server, agent, run)
    gate.touch()
    server.ended(agent, run)

    assert GOLD not in all_that_is_sent(server, agent, run)
    remaining = [path for path in treasure.rglob("*") if path.is_file() and GOLD in path.read_text()]
    assert len(remaining) >= 18, "and nothing of it was taken away"


@pytest.mark.parametrize("name", ["log.txt", "records.jsonl", "evidence/evidence.json", "input.json"])
def test_a_pipe_in_the_place_of_a_file_keeps_no_request_waiting(
    server: RunningServer, tmp_path: Path, name: str
) -> None:
    gate = tmp_path / "gate"
    pipe = f"path = attempt / {name!r}\npath.unlink(missing_ok=True)\nos.mkfifo(path)\n"
    main = f"{HEAD}GATE = {str(gate)!r}\n{pipe}{WAIT}"
    agent = server.agent(f"pipe as {name}", main)
    run = server.call("POST", f"/agent/{agent}/start", expect=202)["id"]
    eventually(gate.with_suffix(".ready").exists)

    all_that_is_sent(server, agent, run)
    gate.touch()
    server.ended(agent, run)

    [attempt] = server.data.glob(f"runs/*/{run}/attempt-1")
    (attempt / name).unlink(missing_ok=True)
    (attempt / name).parent.mkdir(exist_ok=True)
    os.mkfifo(attempt / name)
    all_that_is_sent(server, agent, run)
    removing = f"/agent/{agent}/run/{run}?removeMethod=RemoveAllFiles"
    assert server.http.delete(removing).status_code == 204


@pytest.mark.parametrize("what", ["log?follow=true", "log?follow=true&attempt=1"])
def test_a_followed_log_that_becomes_a_link_shows_nothing_of_what_it_leads_to(
    server: RunningServer, tmp_path: Path, treasure: Path, what: str
) -> None:
    gate = tmp_path / "gate"
    main = f"{HEAD}T, GATE = pathlib.Path({str(treasure)!r}), {str(gate)!r}\n{TRICKS['the log']}\n{WAIT}"
    agent = server.agent(f"followed {what}", main)
    run = server.call("POST", f"/agent/{agent}/start", expect=202)["id"]
    eventually(gate.with_suffix(".ready").exists)
    gate.touch()

    assert GOLD not in server.http.get(f"/agent/{agent}/run/{run}/{what}").text


@pytest.mark.parametrize("what", ["logs", "files", "runs"])
def test_retention_removes_nothing_that_a_link_leads_to(
    server: RunningServer, treasure: Path, what: str
) -> None:
    agent = server.agent(f"kept no longer: {what}", HEAD)
    run, other = server.run(agent)["id"], server.run(agent)["id"]
    [folder] = server.data.glob(f"runs/*/{run}")
    folder.rename(folder.with_name(f"{run}-old"))
    folder.symlink_to(treasure)

    server.call("PUT", f"/agent/{agent}/retention", {f"{what}Count": 1})

    eventually(lambda: not folder.is_symlink())
    assert (treasure / "attempt-1" / "log.txt").exists()
    assert (treasure / "attempt-1" / "files" / "page.html").exists()
    assert server.status(agent, other)["status"] == 9


def test_what_was_opened_is_what_is_read_whatever_takes_its_place(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    path, secret = tmp_path / "a" / "b" / "c", tmp_path / "secret"
    path.write_text("mine")
    secret.write_text(GOLD)
    opened = open_below(tmp_path, "a/b/c")
    path.unlink()
    path.symlink_to(secret)

    assert opened is not None
    with opened:
        assert opened.read() == b"mine"
    assert open_below(tmp_path, "a/b/c") is None


@pytest.mark.parametrize(
    "path", ["", ".", "..", "/etc/passwd", "a/../../x", "../x", "a/b", "a\0b", "x" * 300]
)
def test_a_path_that_is_none_below_the_folder_opens_nothing(tmp_path: Path, path: str) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").symlink_to("/etc/passwd")

    found: Any = open_below(tmp_path / "a", path)

    assert found is None
