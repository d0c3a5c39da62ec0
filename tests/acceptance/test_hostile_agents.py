"""Agents that do strange things with their files and their time: every run still ends, truly and alone."""

from pathlib import Path

import pytest

from running_server import RunningServer, eventually

COMPLETED, FAILURE, STOPPED = 9, 6, 8
FILES = "import os, pathlib\nfiles = pathlib.Path(os.environ['LAMPLIGHTER_FILES'])\n"


def start(server: RunningServer, agent: int, **settings: object) -> int:
    return int(server.call("POST", f"/agent/{agent}/start", settings, expect=202)["id"])


def names(server: RunningServer, agent: int, run: int) -> set[str]:
    return {file["name"] for file in server.call("GET", f"/agent/{agent}/run/{run}/files")}


def test_a_retry_after_a_time_out_can_succeed(server: RunningServer) -> None:
    main = "import os, signal\nif os.environ['LAMPLIGHTER_ATTEMPT'] == '1': signal.pause()\n"
    ended = server.run(server.agent("slow at first", main), timeoutSeconds=1, maxRetries=1)
    assert (ended["status"], ended["attempt"]) == (COMPLETED, 2), ended["message"]


def test_a_stop_while_a_time_out_ends_the_run_means_that_it_is_not_tried_again(server: RunningServer) -> None:
    main = (
        "import os, signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('ready')\n"
        "while True: time.sleep(1)\n"
    )
    agent = server.agent("stubborn and slow", main)
    run = start(server, agent, timeoutSeconds=1, maxRetries=5)
    eventually(lambda: server.status(agent, run)["status"] == 5)
    server.call("POST", f"/agent/{agent}/run/{run}/kill", expect=204)
    ended = server.ended(agent, run)
    assert (ended["status"], ended["attempt"]) == (STOPPED, 1)


def test_file_names_in_any_encoding_are_kept_under_a_name_for_everybody(server: RunningServer) -> None:
    agent = server.agent(
        "latin",
        FILES
        + "folder = os.path.join(os.fsencode(files), b'\\xe9t\\xe9')\nos.mkdir(folder)\n"
        + "open(os.path.join(folder, b'caf\\xe9.html'), 'w').write('x')\n",
    )
    ended = server.run(agent, isExclusive=True)
    assert ended["status"] == COMPLETED
    assert "�t�/caf�.html" in names(server, agent, ended["id"])
    assert server.run(agent, isExclusive=True)["status"] == COMPLETED, "the agent is free again"


def test_a_pipe_in_place_of_the_report_keeps_nobody_waiting(server: RunningServer) -> None:
    agent = server.agent(
        "piper", "import os, signal\nos.mkfifo(os.environ['LAMPLIGHTER_REPORT'])\nsignal.pause()\n"
    )
    ended = server.run(agent, timeoutSeconds=3)
    assert ended["status"] == FAILURE
    assert ended["message"].startswith("time-out")


@pytest.mark.parametrize("trick", ["os.mkfifo(log)", "os.symlink(TARGET, log)", "os.mkdir(log)"])
def test_what_takes_the_place_of_the_log_gives_way(server: RunningServer, tmp_path: Path, trick: str) -> None:
    target = tmp_path / "target"
    target.write_text("untouched")
    main = f"""
import os
TARGET = {str(target)!r}
log = os.path.join(os.path.dirname(os.environ["LAMPLIGHTER_RECORDS"]), "log.txt")
os.remove(log)
{trick}
"""
    agent = server.agent(f"no log by {trick}", main)
    run = server.run(agent)
    assert run["status"] == 9
    assert "Completed: finished" in server.log(agent, run["id"])
    assert target.read_text() == "untouched"


def test_links_lead_nowhere(server: RunningServer, tmp_path: Path) -> None:
    treasure = tmp_path / "treasure"
    treasure.mkdir()
    (treasure / "coin.txt").write_text("gold")
    agent = server.agent(
        "linker",
        FILES
        + f"os.symlink({str(treasure / 'coin.txt')!r}, files / 'coin.txt')\n"
        + f"os.symlink({str(treasure)!r}, files / 'chest')\n"
        + "work = pathlib.Path.cwd()\nos.chdir('/')\nwork.rename(str(work) + '-old')\n"
        + f"os.symlink({str(treasure)!r}, work)\n",
    )
    ended = server.run(agent)
    assert ended["status"] == COMPLETED
    assert not any("coin" in name for name in names(server, agent, ended["id"]))
    assert (treasure / "coin.txt").read_text() == "gold"


def test_a_file_that_becomes_a_link_afterwards_is_not_served(server: RunningServer, tmp_path: Path) -> None:
    agent = server.agent("swapper", FILES + "(files / 'page.html').write_text('<p>')\n")
    ended = server.run(agent)
    [file] = [
        f for f in server.call("GET", f"/agent/{agent}/run/{ended['id']}/files") if f["name"] == "page.html"
    ]
    [kept] = server.data.glob(f"runs/*/{ended['id']}/attempt-1/files/page.html")
    kept.unlink()
    secret = tmp_path / "secret"
    secret.write_text("secret")
    kept.symlink_to(secret)
    path = f"/agent/{agent}/run/{ended['id']}/file/{file['id']}/download"
    assert server.http.get(path, follow_redirects=True).status_code == 404


def test_an_agent_that_removes_its_records_has_none(server: RunningServer) -> None:
    main = "import os, time\nos.remove(os.environ['LAMPLIGHTER_RECORDS'])\ntime.sleep(0)\n"
    ended = server.run(server.agent("remover", main))
    assert (ended["status"], ended["dataCount"]) == (COMPLETED, 0)


def test_absurd_counts_in_a_report_are_cut_to_what_can_be_kept(server: RunningServer) -> None:
    main = (
        "import json, os\n"
        "report = {'counts': {'pages': 10**30, 'requests': -5}, 'problems': []}\n"
        "open(os.environ['LAMPLIGHTER_REPORT'], 'w').write(json.dumps(report))\n"
    )
    ended = server.run(server.agent("boaster", main))
    assert (ended["status"], ended["pageCount"], ended["requestCount"]) == (COMPLETED, 2**53, 0)


def test_a_key_of_its_own_for_every_record_makes_no_table(server: RunningServer) -> None:
    main = (
        "import json, os\n"
        "with open(os.environ['LAMPLIGHTER_RECORDS'], 'a') as f:\n"
        "    for n in range(1500): f.write(json.dumps({f'key {n}': n}) + '\\n')\n"
    )
    agent = server.agent("wide", main)
    ended = server.run(agent)
    assert ended["status"] == COMPLETED
    assert ended["message"].endswith("no CSV or Parquet: more than 1,000 columns")
    assert "records.csv" not in names(server, agent, ended["id"])
    assert "records.jsonl" in names(server, agent, ended["id"])


def test_files_that_nobody_may_remove_are_removed_with_the_run(server: RunningServer) -> None:
    agent = server.agent(
        "locker",
        FILES + "(files / 'a').mkdir()\n(files / 'a/b').write_text('')\n(files / 'a').chmod(0o500)\n",
    )
    ended = server.run(agent)
    server.call("DELETE", f"/agent/{agent}/run/{ended['id']}", expect=204)
    assert list(server.data.glob(f"runs/*/{ended['id']}")) == []
    assert list((server.data / "runs" / "trash").iterdir()) == []


def test_the_data_folder_is_for_the_servers_eyes_only(server: RunningServer) -> None:
    assert server.data.stat().st_mode & 0o077 == 0
    assert (server.data / "secret.key").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("place", ["../export/.records.jsonl.part", "../delivered.json", "../report.json"])
def test_a_pipe_where_the_server_writes_keeps_nobody_waiting(
    server: RunningServer, tmp_path: Path, place: str
) -> None:
    main = f"""
import os
path = os.path.join(os.getcwd(), {place!r})
os.makedirs(os.path.dirname(path), exist_ok=True)
os.mkfifo(path)
"""
    toml = f'[export]\ndestination = "{tmp_path}/delivered"\n'
    agent = server.agent(f"pipe at {place}", main, toml)
    assert server.run(agent)["status"] in (6, 9)


def test_folders_whose_names_differ_only_in_what_is_not_utf8_are_both_kept(server: RunningServer) -> None:
    main = """
import os
for letter in (b"\\xe9", b"\\xe8"):
    folder = os.path.join(os.environb[b"LAMPLIGHTER_FILES"], b"caf" + letter)
    os.mkdir(folder)
    open(os.path.join(folder, b"x"), "wb").write(letter)
"""
    agent = server.agent("twins", main)
    run = server.run(agent)
    assert run["status"] == 9, run["message"]
    files = server.call("GET", f"/agent/{agent}/run/{run['id']}/files")
    assert sorted(f["name"] for f in files if f["fileType"] == "File") == ["caf\ufffd-2/x", "caf\ufffd/x"]
