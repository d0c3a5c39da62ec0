"""Pools of proxies on the command line."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_support import Cli

from lamplighter.client import ApiError, Client
from lamplighter.service.proxy_checks import NOWHERE
from recording_proxies import HttpProxy
from running_server import KEY, RunningServer


@pytest.fixture
def cli(server: RunningServer) -> Cli:
    return Cli(server.url)


@pytest.fixture
def pool(cli: Cli) -> Iterator[dict[str, Any]]:
    """A pool of two."""
    addresses = ("--proxy", "http://ada:s3cret@host:1", "--proxy", "http://host:2")
    made = cli.ok("proxy", "add", "pool", *addresses, "--rotation", "random", "--json").json
    yield made
    cli.ok("proxy", "remove", made["id"], "--yes")


def test_a_pool_is_added_listed_and_shown_without_credentials(cli: Cli, pool: dict[str, Any]) -> None:
    assert [row[:5] for row in cli.ok("proxy", "list").rows] == [
        [str(pool["id"]), "pool", "Random", "2", "0"]
    ]
    shown = cli.ok("proxy", "show", "pool")
    assert [row[1:3] for row in shown.rows] == [["http://***@host:1", "0"], ["http://host:2", "0"]]
    assert "s3cret" not in shown.out + str(pool)
    assert cli.ok("proxy", "show", pool["id"], "--json").json == pool


def test_addresses_come_from_a_file_or_from_standard_input(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "proxies.txt"
    file.write_text("# ours\nhttp://ada:s3cret@host:1\n\n  socks5://host:2  \n")
    made = cli.ok("proxy", "add", "from a file", "--from", file, "--proxy", "http://host:3", "--json").json
    assert [p["url"] for p in made["proxies"]] == ["http://host:3", "http://***@host:1", "socks5://host:2"]
    with file.open() as given:
        monkeypatch.setattr("sys.stdin", given)
        assert "2 proxies" in cli.ok("proxy", "add", "from a pipe", "--from", "-").out
    assert cli("proxy", "add", "no file", "--from", tmp_path / "none").status == 1


def test_a_pool_is_changed_piece_by_piece(cli: Cli, pool: dict[str, Any]) -> None:
    first, second = (proxy["id"] for proxy in pool["proxies"])
    grown = cli.ok("proxy", "set", "pool", "--proxy", "http://host:3", "--rotation", "sticky", "--json").json
    assert [proxy["id"] for proxy in grown["proxies"]][:2] == [first, second]
    assert (len(grown["proxies"]), grown["rotation"]) == (3, "Sticky")
    shrunk = cli.ok("proxy", "set", "pool", "--drop", first, "--json").json
    assert [proxy["url"] for proxy in shrunk["proxies"]] == ["http://host:2", "http://host:3"]
    only = cli.ok("proxy", "set", "pool", "--replace", "--proxy", "http://host:2", "--json").json
    assert [proxy["id"] for proxy in only["proxies"]] == [second]
    assert "renamed: 1 proxy, Sticky" in cli.ok("proxy", "set", "pool", "--name", "renamed").out


def test_a_check_ends_badly_when_a_proxy_takes_no_connection(cli: Cli) -> None:
    routes = {NOWHERE: 9, "shop.test": 9}
    with HttpProxy(routes=routes) as there, HttpProxy(mode="refuse") as gone:
        cli.ok("proxy", "add", "there", "--proxy", there.url)
        cli.ok("proxy", "add", "gone", "--proxy", gone.url)
        assert [row[1:3] for row in cli.ok("proxy", "check", "there").rows] == [[there.url, "ok"]]
        lost = cli("proxy", "check", "there", "--url", "https://shop.test")
        assert (lost.status, "does not reach shop.test:443" in lost.out) == (1, True)
        failed = cli("proxy", "check", "gone")
        assert (failed.status, failed.rows[0][2], "refused" in failed.rows[0][3]) == (1, "wrong", True)
        assert cli.ok("proxy", "show", "gone").rows[0][5].startswith("rests until")


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["proxy", "add", "x", "--proxy", "http://ada:s3cret@host"], 2, "proxies[0]: has no port"),
        (["proxy", "add", "x"], 2, "at least one proxy"),
        (["proxy", "show", "nowhere"], 5, "`lamplighter proxy list` shows what there is"),
        (["proxy", "set", "pool", "--drop", "99999"], 2, "no proxy 99999 in the pool"),
        (["proxy", "remove", "pool"], 2, "--yes"),
    ],
)
def test_what_is_wrong_is_told(
    cli: Cli, pool: dict[str, Any], words: list[str], status: int, told: str
) -> None:
    result = cli(*words)
    assert (result.status, told in result.err, "s3cret" in result.err) == (status, True, False), result


def test_the_client_knows_pools(server: RunningServer) -> None:
    with Client(server.url, KEY) as client:
        made = client.proxy_pools.create({"name": "of the client", "proxies": ["http://127.0.0.1:9"]})
        assert client.proxy_pools.get(made["id"]) == made
        assert client.proxy_pools.update(made["id"], {"rotation": "Random"})["rotation"] == "Random"
        assert [one["ok"] for one in client.proxy_pools.check(made["id"])] == [False]
        assert made["id"] in [one["id"] for one in client.proxy_pools.every()]
        client.proxy_pools.delete(made["id"])
        with pytest.raises(ApiError, match="no proxy pool"):
            client.proxy_pools.get(made["id"])
