"""What is sealed: a stolen database tells nothing of it, and its key can be elsewhere and be changed."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from lamplighter.store.database import Database
from lamplighter.store.migrations import migrate
from lamplighter.store.sealed import change_all
from running_server import KEY, RunningServer

SECRET, PROXY, HOOK = "correct-horse-battery", "hunter2-of-the-proxy", "token-of-the-hook"
USES_IT = "from lamplighter import agent\nagent.emit({'length': len(agent.input()['key'])})\n"


def fill(server: RunningServer) -> int:
    """Store one of everything that is secret; returns an agent that needs all of it."""
    server.call("PUT", "/secrets/PASSPHRASE", {"value": SECRET}, expect=201)
    proxies = [{"url": f"http://user:{PROXY}@127.0.0.1:9"}]
    server.call("POST", "/proxy-pools", {"name": "pool", "proxies": proxies}, expect=201)
    rule = {"name": "n", "events": ["failure"], "targets": [f"json://127.0.0.1:9/{HOOK}"]}
    server.call("POST", "/notifications", rule, expect=201)
    return server.agent("uses it", USES_IT)


def run_with_secret(server: RunningServer, agent: int) -> int:
    """The status of a run that gets the secret."""
    run = server.run(agent, inputParameters='{"key": "${secret:PASSPHRASE}"}')
    if run["status"] == 9:
        records = server.call("GET", f"/agent/{agent}/run/{run['id']}/records")
        assert records == [{"length": len(SECRET)}]
    return int(run["status"])


def test_a_stolen_database_tells_no_secret_nor_key(tmp_path: Path) -> None:
    with RunningServer(tmp_path / "data") as server:
        agent = fill(server)
        assert run_with_secret(server, agent) == 9
        made = server.call("POST", "/api-keys", {"description": "another"}, expect=201)
        server.kill()  # what is in no file of the database yet is in its log

        vault_key = (server.data / "vault.key").read_text().strip()
        signing = (server.data / "secret.key").read_bytes()
        stolen = {path.name: path.read_bytes() for path in server.data.glob("lamplighter.db*")}

    assert "lamplighter.db-wal" in stolen
    for name, content in stolen.items():
        for word in (SECRET, PROXY, HOOK, KEY, made["key"], vault_key):
            assert word.encode() not in content, f"{word} in {name}"
        assert signing not in content, name


def test_what_else_is_in_the_data_folder_tells_no_secret_either(tmp_path: Path) -> None:
    with RunningServer(tmp_path / "data") as server:
        agent = fill(server)
        assert run_with_secret(server, agent) == 9
        server.stop()

        words = [word.encode() for word in (SECRET, PROXY, HOOK, KEY)]
        files = [path for path in server.data.rglob("*") if path.is_file() and path.name != "vault.key"]
        assert [path.name for path in files if any(word in path.read_bytes() for word in words)] == []
    log = (tmp_path / "server.log").read_text()
    assert not any(word in log for word in (SECRET, PROXY, HOOK, KEY))


def test_the_key_can_be_outside_of_the_data_folder(tmp_path: Path) -> None:
    key = tmp_path / "elsewhere" / "key"
    key.parent.mkdir()
    environment = {"LAMPLIGHTER_VAULT_KEY_FILE": str(key)}
    with RunningServer(tmp_path / "data", environment=environment) as server:
        agent = fill(server)

        assert run_with_secret(server, agent) == 9
        assert not (server.data / "vault.key").exists()
        assert key.stat().st_mode & 0o777 == 0o600


def test_a_key_is_changed_by_a_new_one_in_front_of_it_and_a_restart(tmp_path: Path) -> None:
    with RunningServer(tmp_path / "data") as server:
        agent = fill(server)
        made = once(server)
        server.stop()
        file, new = server.data / "vault.key", Fernet.generate_key()
        old, installation = file.read_bytes(), (server.data / "installation").read_text()
        file.write_bytes(new + b"\n" + old)
        server.start()
        assert run_with_secret(server, agent) == 9
        server.stop()

        assert sorted(opened(server.data, new)) == sorted(
            [SECRET, f'["user", "{PROXY}"]', f"json://127.0.0.1:9/{HOOK}"]
        )

        file.write_bytes(new)
        server.start()
        assert run_with_secret(server, agent) == 9
        assert once(server) == made
        assert (server.data / "installation").read_text() == installation
    assert "the others can be taken out" in (tmp_path / "server.log").read_text()


def once(server: RunningServer) -> dict[str, Any]:
    """A space, made once however often it is asked for: the answer is kept sealed."""
    answer = server.http.post("/spaces", json={"name": "once"}, headers={"Idempotency-Key": "once"})
    made: dict[str, Any] = answer.raise_for_status().json()
    return made


def opened(data: Path, key: bytes) -> list[str]:
    """All sealed texts of a database, opened with a key."""
    with sqlite3.connect(data / "lamplighter.db") as database:
        found = [row[0] for row in database.execute("SELECT sealed FROM secrets")]
        found += [row[0] for row in database.execute("SELECT sealed_credentials FROM proxies")]
        rules = database.execute("SELECT targets FROM notification_rules").fetchall()
        found += [target["sealed"] for (targets,) in rules for target in json.loads(targets)]
    database.close()
    return [Fernet(key).decrypt(text.encode()).decode() for text in found]


def test_no_sealed_text_is_forgotten_when_keys_change(tmp_path: Path) -> None:
    """Every column whose name says that it is sealed is asked for, also those that are added later."""
    database = Database.embedded(tmp_path / "lamplighter.db")
    migrate(database)
    with database.write() as c:
        assert change_all(c, lambda text: text) == 0
    database.close()


@pytest.mark.parametrize("value", [7, ["a-secret-value"], {"x": "a-secret-value"}, "", "x" * 70_000])
def test_a_refused_secret_is_not_repeated(server: RunningServer, value: object) -> None:
    answer = server.http.put("/secrets/REFUSED", json={"value": value})

    assert answer.status_code == 400
    assert "a-secret-value" not in answer.text
    assert "xxxx" not in answer.text


def test_refused_credentials_are_not_repeated(server: RunningServer) -> None:
    word = "a-secret-value"
    answers = [
        server.http.get("/agent/all", headers={"Authorization": f"ApiKey {word}"}),
        server.http.get("/agent/all", headers={"Authorization": f"Basic {word}"}),
        server.http.post(
            "/proxy-pools", json={"name": "p", "proxies": [{"url": f"ftp://user:{word}@host:1"}]}
        ),
        server.http.post(
            "/proxy-pools", json={"name": "p", "proxies": [{"url": f"http://user:{word}@host"}]}
        ),
        server.http.post(
            "/proxy-pools", json={"name": "p", "proxies": [{"url": f"http://u:{word}\n@host:1"}]}
        ),
        server.http.post(
            "/notifications",
            json={"name": "n", "events": ["failure"], "targets": [f"nothing://{word}/{word}"]},
        ),
        server.http.post(
            "/agent",
            json={
                "name": "d",
                "files": {
                    "agent.toml": f'[agent]\nrun = ["true"]\n[export]\ndestination = "ftp://user:{word}@host/x"\n'
                },
            },
        ),
    ]

    assert [answer.status_code for answer in answers] == [401, 401, 400, 400, 400, 400, 400]
    assert [answer.text for answer in answers if word in answer.text] == []
