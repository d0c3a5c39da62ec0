"""``lamplighter proxy …``"""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from lamplighter.cli.output import as_json, facts, hint, on_terminal, say, size, table
from lamplighter.cli.session import Json, Yes, confirm, connect, keep_said, quoted, the_pool
from lamplighter.cli.times import read, shown
from lamplighter.client.proxy_pools import Proxy, ProxyPool
from lamplighter.clock import SystemClock
from lamplighter.errors import InvalidInput

app = typer.Typer()


class Rotation(StrEnum):
    """How the runs of a pool take turns."""

    ROUND_ROBIN = "RoundRobin"
    RANDOM = "Random"
    STICKY = "Sticky"


PoolWord = Annotated[str, typer.Argument(metavar="POOL", help="Id or name of the pool.")]
Addresses = Annotated[
    list[str] | None,
    typer.Option(
        "--proxy",
        metavar="URL",
        help="Such as http://user:password@host:8080; may be repeated.",
        show_default=False,
    ),
]
AddressFile = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="FILE",
        help="Read addresses from FILE, or - for standard input: one a line.",
        show_default=False,
    ),
]
RotationOption = Annotated[
    Rotation | None,
    typer.Option("--rotation", help="How runs take turns.", case_sensitive=False, show_default=False),
]


@app.command()
def add(
    name: Annotated[str, typer.Argument(metavar="POOL", help="Name of the pool.")],
    proxy: Addresses = None,
    from_: AddressFile = None,
    rotation: RotationOption = None,
    json: Json = False,
) -> None:
    """Make a pool of proxies.

    Addresses begin with http://, https://, socks5://, socks5h:// or socks4:// and have a port. With --from,
    passwords stay out of the history of the shell and the list of processes.
    """
    body = {"name": name, "proxies": _addresses(proxy, from_) or [], "rotation": rotation}
    with connect() as client:
        made = client.proxy_pools.create(keep_said(**body))
    _tell(made, json=json)
    if not json:
        word = quoted(made["name"])
        hint(f"`lamplighter proxy check {word}` tries them; --proxy-pool {word} uses them.")


@app.command("set")
def set_(
    pool: PoolWord,
    name: Annotated[str | None, typer.Option(help="Its new name.", show_default=False)] = None,
    proxy: Addresses = None,
    from_: AddressFile = None,
    drop: Annotated[
        list[int] | None,
        typer.Option(metavar="ID", help="Take this proxy out; may be repeated.", show_default=False),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="The addresses given are all there are: take out the others.")
    ] = False,
    rotation: RotationOption = None,
    json: Json = False,
) -> None:
    """Change a pool: its name, its rotation, its proxies.

    Addresses that are given come behind the proxies that the pool has, or in their place with --replace.
    """
    with connect() as client:
        known = the_pool(client, pool)
        given = _addresses(proxy, from_)
        wanted: list[Any] | None = given if replace else _changed(known, given, drop)
        body = keep_said(name=name, rotation=rotation, proxies=wanted)
        changed = client.proxy_pools.update(known["id"], body)
    _tell(changed, json=json)


@app.command("list")
def list_(json: Json = False) -> None:
    """Show the pools and what went through them."""
    with connect() as client:
        pools = client.proxy_pools.every()
    if json:
        as_json(pools)
        return
    rows = [
        [
            p["id"],
            p["name"],
            p["rotation"],
            p["proxyCount"],
            p["restingCount"],
            p["requests"],
            p["failures"],
            size(p["traffic"]),
        ]
        for p in pools
    ]
    columns = ["ID>", "NAME", "ROTATION", "PROXIES>", "RESTING>", "REQUESTS>", "FAILURES>", "TRAFFIC>"]
    table(columns, rows, wraps=["NAME"])
    if not pools:
        hint("No proxy pools yet. `lamplighter proxy add NAME --proxy URL` makes one.")


@app.command()
def show(
    pool: PoolWord,
    hosts: bool = typer.Option(False, "--hosts", help="Each target host, too."),
    json: Json = False,
) -> None:
    """Show a pool, its proxies and how they do."""
    with connect() as client:
        found = the_pool(client, pool)
    if json:
        as_json(found)
        return
    if on_terminal():
        facts([("Pool", f"{found['id']} {found['name']}"), ("Rotation", found["rotation"])])
        say()
    rows = [row for proxy in found["proxies"] for row in _rows(proxy, hosts=hosts)]
    columns = ["ID>", "PROXY", "REQUESTS>", "FAILURES>", "TRAFFIC>", "STATE", "LAST ERROR"]
    table(columns, rows, wraps=["STATE", "LAST ERROR"])


@app.command()
def check(
    pool: PoolWord,
    url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Ask each to reach this site, too.", show_default=False),
    ] = None,
    json: Json = False,
) -> None:
    """Connect with each proxy of a pool; exit status 1 when one does not answer or refuses the credentials."""
    with connect() as client:
        checks = client.proxy_pools.check(the_pool(client, pool)["id"], url)
    if json:
        as_json(checks)
    else:
        rows = [[one["id"], one["url"], "ok" if one["ok"] else "wrong", one["error"]] for one in checks]
        table(["ID>", "PROXY", "STATE", "ERROR"], rows, wraps=["ERROR"])
    if not all(one["ok"] for one in checks):
        raise typer.Exit(1)


@app.command()
def remove(pool: PoolWord, yes: Yes = False) -> None:
    """Delete a pool that no schedule and no unfinished run uses."""
    with connect() as client:
        found = the_pool(client, pool)
        confirm(f"Delete proxy pool {found['id']} ({found['name']})?", yes=yes)
        client.proxy_pools.delete(found["id"])
    say(f"Proxy pool {found['id']} ({found['name']}) is deleted.")


def _tell(pool: ProxyPool, *, json: bool) -> None:
    if json:
        as_json(pool)
        return
    count = len(pool["proxies"])
    noun = "proxy" if count == 1 else "proxies"
    say(f"Proxy pool {pool['id']} {pool['name']}: {count} {noun}, {pool['rotation']}")


def _rows(proxy: Proxy, *, hosts: bool) -> list[list[Any]]:
    def row(name: str, place: Any, of: Any) -> list[Any]:
        return [place, name, of["requests"], of["failures"], size(of["traffic"]), _state(of), of["lastError"]]

    own = row(proxy["url"], proxy["id"], proxy)
    return [own, *(row(f"  {one['host']}", "", one) for one in proxy["hosts"] if hosts)]


def _state(of: Any) -> str:
    until = of["restedUntil"]
    if until is None or read(until) <= SystemClock().now():
        return "ok"
    return f"rests until {shown(until)}"


def _addresses(given: list[str] | None, file: str | None) -> list[str] | None:
    """The addresses that were given, and those in the file; lines that are empty or begin with # are none."""
    if file is None:
        return given
    text = sys.stdin.read() if file == "-" else Path(file).expanduser().read_text(encoding="utf-8")
    lines = [line.strip() for line in text.splitlines()]
    return [*(given or ()), *(line for line in lines if line and not line.startswith("#"))]


def _changed(pool: ProxyPool, given: list[str] | None, drop: list[int] | None) -> list[Any] | None:
    if given is None and not drop:
        return None
    unknown = set(drop or ()) - {proxy["id"] for proxy in pool["proxies"]}
    if unknown:
        raise InvalidInput.of("--drop", f"there is no proxy {min(unknown)} in the pool")
    kept = [{"id": proxy["id"]} for proxy in pool["proxies"] if proxy["id"] not in (drop or ())]
    return [*kept, *(given or ())]
