"""A secret reaches the agent that needs it and is found nowhere else."""

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from running_server import RunningServer, eventually

VALUE = "correct-horse-battery-staple"
HASHES_IT = """
import hashlib, os, stat
from pathlib import Path
from lamplighter import agent
key = agent.input()["deep"][0]["key"]
file = Path(os.environ["LAMPLIGHTER_INPUT"])
agent.emit({"hash": hashlib.sha256(key.encode()).hexdigest(), "mode": stat.S_IMODE(file.stat().st_mode)})
print("done")
"""
WAITS = """
import json, os, time
from pathlib import Path
from lamplighter import agent
print("begun", flush=True)
while not Path(agent.input()["gate"]).exists():
    time.sleep(0.02)
"""


@pytest.fixture(scope="module")
def guarded(server: RunningServer) -> RunningServer:
    """The server with a secret."""
    server.call("PUT", "/secrets/PASSPHRASE", {"value": VALUE}, expect=201)
    return server


def holding_it(folder: Path) -> Iterator[str]:
    """The files below a folder in which the value can be found."""
    for path in folder.rglob("*"):
        if path.is_file() and VALUE.encode() in path.read_bytes():
            yield str(path.relative_to(folder))


def test_the_agent_gets_the_value_and_no_file_keeps_it(guarded: RunningServer) -> None:
    agent = guarded.agent("hashes", HASHES_IT)
    text = json.dumps({"deep": [{"key": "${secret:PASSPHRASE}"}], "literal": "$${secret:PASSPHRASE}"})
    schedule = guarded.call(
        "POST",
        f"/agent/{agent}/schedules",
        {"name": "s", "startTime": "2190-01-01T00:00:00Z", "inputParameters": text},
        expect=201,
    )

    run = guarded.call("POST", f"/agent/{agent}/schedules/{schedule['id']}/run", expect=202)
    ended = guarded.ended(agent, run["id"])

    assert ended["status"] == 9, ended["message"]
    [record] = guarded.call("GET", f"/agent/{agent}/run/{run['id']}/records")
    assert record == {"hash": hashlib.sha256(VALUE.encode()).hexdigest(), "mode": 0o600}
    assert list(holding_it(guarded.data)) == []
    assert VALUE not in (guarded.data.parent / "server.log").read_text()
    kept = next((guarded.data / "runs").glob(f"*/{run['id']}/attempt-1/input.json"))
    assert json.loads(kept.read_text()) == json.loads(text)


def test_no_answer_of_the_api_holds_it(guarded: RunningServer) -> None:
    agent = guarded.agent("shown", "", '[inputs.key]\ndefault = "${secret:PASSPHRASE}"\n')
    run = guarded.run(agent)
    own = f"/agent/{agent}/run/{run['id']}"
    for path in ("/secrets", f"/agent/{agent}", "/agent/all", f"{own}/status", f"{own}/log", f"{own}/files"):
        answer = guarded.http.get(path)
        assert answer.status_code == 200
        assert VALUE not in answer.text


def test_the_database_keeps_it_sealed(guarded: RunningServer) -> None:
    with sqlite3.connect(guarded.data / "lamplighter.db") as database:
        [(sealed,)] = database.execute("SELECT sealed FROM secrets WHERE name = 'PASSPHRASE'")
    database.close()
    assert VALUE not in sealed
    assert (guarded.data / "vault.key").stat().st_mode & 0o077 == 0


def test_while_the_run_goes_only_its_own_input_holds_it(guarded: RunningServer, tmp_path: Path) -> None:
    agent = guarded.agent("waits", WAITS)
    gate = tmp_path / "gate"
    text = json.dumps({"gate": str(gate), "key": "${secret:PASSPHRASE}"})
    run = guarded.call("POST", f"/agent/{agent}/start", {"inputParameters": text}, expect=202)
    eventually(lambda: "begun" in guarded.log(agent, run["id"]))

    assert list(holding_it(guarded.data)) == [f"runs/0/{run['id']}/attempt-1/input.json"]

    gate.touch()
    guarded.ended(agent, run["id"])
    assert list(holding_it(guarded.data)) == []


def test_a_run_that_ended_without_its_server_leaves_nothing_either(tmp_path: Path) -> None:
    with RunningServer(tmp_path / "data") as server:
        server.call("PUT", "/secrets/PASSPHRASE", {"value": VALUE}, expect=201)
        gate = tmp_path / "gate"
        agent = server.agent("waits", WAITS)
        text = json.dumps({"gate": str(gate), "key": "${secret:PASSPHRASE}"})
        run = server.call("POST", f"/agent/{agent}/start", {"inputParameters": text}, expect=202)
        eventually(lambda: "begun" in server.log(agent, run["id"]))
        server.kill()
        gate.touch()
        eventually(lambda: any(server.data.glob("runs/*/*/attempt-1/exit.json")))
        assert any(holding_it(server.data))

        server.start()

        assert server.ended(agent, run["id"])["status"] == 9
        assert list(holding_it(server.data)) == []


def test_every_start_of_an_attempt_gets_the_value_of_that_moment(guarded: RunningServer) -> None:
    guarded.call("PUT", "/secrets/ROTATED", {"value": "the first value"}, expect=201)
    agent = guarded.agent(
        "rotates",
        "import hashlib\nfrom lamplighter import agent\n"
        "agent.emit({'is': hashlib.sha256(agent.input()['key'].encode()).hexdigest()})\n"
        "raise SystemExit(agent.attempt == 1)\n",
    )
    failed = guarded.run(agent, inputParameters='{"key": "${secret:ROTATED}"}')
    assert failed["status"] == 6

    guarded.call("PUT", "/secrets/ROTATED", {"value": "the second value"})
    guarded.call("POST", f"/agent/{agent}/run/{failed['id']}/restart", expect=202)
    again = guarded.ended(agent, failed["id"])

    assert again["status"] == 9, again["message"]
    [record] = guarded.call("GET", f"/agent/{agent}/run/{failed['id']}/records")
    assert record["is"] == hashlib.sha256(b"the second value").hexdigest()


def test_a_secret_that_was_removed_meanwhile_fails_the_run_which_says_so(guarded: RunningServer) -> None:
    guarded.call("PUT", "/secrets/GONE", {"value": VALUE}, expect=201)
    agent = guarded.agent("fails first", "raise SystemExit(1)\n")
    failed = guarded.run(agent, inputParameters='{"key": "${secret:GONE}"}')
    guarded.call("DELETE", "/secrets/GONE", expect=204)

    guarded.call("POST", f"/agent/{agent}/run/{failed['id']}/restart", expect=202)
    again = guarded.ended(agent, failed["id"])

    assert again["status"] == 6
    assert "secret" in again["message"]
    assert "GONE" in again["message"]


def test_input_that_no_longer_fits_when_the_run_starts_fails_it_with_the_same_sentence(
    tmp_path: Path,
) -> None:
    with RunningServer(tmp_path / "data") as server:
        agent = server.agent("changes", "")
        schedule = {"name": "s", "cronExpression": "0 9 1 1 *", "inputParameters": '{"pages": "ten"}'}
        server.call("POST", f"/agent/{agent}/schedules", schedule, expect=201)
        files = {"agent.toml": '[agent]\nrun = ["true"]\n[inputs.pages]\ntype = "integer"\n'}
        server.call("PUT", f"/agent/{agent}", {"files": files})
        server.kill()
        with sqlite3.connect(server.data / "lamplighter.db") as database:
            # Its due time is brought to where the year is not to be waited for.
            database.execute("UPDATE schedules SET next_due = decided_until + 1, fire_at = decided_until + 1")
        database.close()
        server.start()

        [run] = eventually(lambda: server.call("GET", f"/agent/{agent}/runs"))
        ended = server.ended(agent, run["id"])

    assert ended["status"] == 6
    assert 'pages: "ten" is not an integer: write a whole number, such as 10' in ended["message"]


def test_the_message_and_the_evidence_of_a_run_hide_what_its_agent_said_of_the_secret(
    guarded: RunningServer,
) -> None:
    agent = guarded.agent(
        "tells",
        "from lamplighter import agent\nkey = agent.input()['key']\n"
        "agent.report(problem=f'no luck with {key}')\nraise ValueError(f'not with {key}')\n",
    )
    run = guarded.run(agent, inputParameters='{"key": "${secret:PASSPHRASE}"}')

    assert run["status"] == 6
    assert "no luck with ***" in run["message"]
    own = f"/agent/{agent}/run/{run['id']}"
    evidence = guarded.http.get(f"{own}/evidence").text
    assert "not with ***" in evidence
    assert VALUE not in evidence + guarded.http.get(f"/agent/{agent}/runs").text + guarded.log(
        agent, run["id"]
    )
    for file in guarded.call("GET", f"{own}/files"):
        download = guarded.http.get(f"{own}/file/{file['id']}/download", follow_redirects=True)
        assert VALUE not in download.text, file["name"]


def test_a_server_that_lost_its_vaults_key_fails_the_run_and_starts(tmp_path: Path) -> None:
    with RunningServer(tmp_path / "data") as server:
        server.call("PUT", "/secrets/PASSPHRASE", {"value": VALUE}, expect=201)
        agent = server.agent("needs it", "")
        server.kill()
        (server.data / "vault.key").unlink()
        server.start()

        run = server.run(agent, inputParameters='{"key": "${secret:PASSPHRASE}"}')

        assert run["status"] == 6
        assert "vault.key" in run["message"]
        server.call("PUT", "/secrets/PASSPHRASE", {"value": VALUE})
        assert server.run(agent, inputParameters='{"key": "${secret:PASSPHRASE}"}')["status"] == 9
