"""``lamplighter doctor``: what works, what does not, and what to do about it."""

import importlib
import importlib.metadata
import importlib.util
import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
import uv

import lamplighter
from lamplighter.cli.output import as_json, hint, size, table
from lamplighter.cli.session import Json, default_data, find_key, server_url
from lamplighter.cli.times import lasting, read
from lamplighter.client import ApiError, CannotConnect, Client, Health, is_local
from lamplighter.clock import SystemClock
from lamplighter.errors import LamplighterError

_MOST_CLOCK_DIFFERENCE = 5.0
_LEAST_FREE = 1024**3
_SOON = 14 * 86_400
OK, WARNING, WRONG = "ok", "warning", "wrong"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at; ``remedy`` says what to do when it is not ok."""

    what: str
    state: str
    found: str
    remedy: str = ""


def doctor(
    data: Annotated[
        Path | None,
        typer.Option(
            help="The server's data folder, if it is on this machine. Default: as for `up`.",
            show_default=False,
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Check the server, the key, the clocks, this machine.

    The exit status is 1 if something is wrong.
    """
    url = server_url()
    checks = [_python(), *_server(url)]
    if is_local(url):
        checks += [_scrapy(), _uv(), *_data_folder(data or default_data(), said=data is not None)]
    if json:
        as_json([asdict(check) for check in checks])
    else:
        _show(checks)
    if any(check.state == WRONG for check in checks):
        raise typer.Exit(1)


def _show(checks: list[Check]) -> None:
    table(["CHECK", "STATE", "FOUND"], [[c.what, c.state, c.found] for c in checks], wraps=["FOUND"])
    for check in checks:
        if check.remedy:
            hint(f"{check.what}: {check.remedy}")


def _server(url: str) -> Iterator[Check]:
    try:
        with Client(url, find_key(url).key) as client:
            client.live()
            yield Check("server", OK, f"answers at {url}")
            yield from _readiness(client)
            yield _key(client, url)
    except CannotConnect as problem:
        text = str(problem)
        found, _, remedy = text.partition(". ")
        yield Check("server", WRONG, found, remedy)
    except LamplighterError as problem:
        yield Check(
            "server", WRONG, str(problem), "check that LAMPLIGHTER_URL is the address of a Lamplighter server"
        )


def _readiness(client: Client) -> Iterator[Check]:
    asked = SystemClock().now()
    try:
        health = client.ready()
    except ApiError as problem:
        yield Check("ready", WRONG, str(problem), "the log of the server says more")
        return
    yield Check("ready", OK, f"{health['runsGoing']} runs going, {health['runsWaiting']} waiting")
    yield _version(health)
    yield _clock(health, asked, SystemClock().now())
    yield _tzdata(health)


def _version(health: Health) -> Check:
    here, there = lamplighter.__version__, health["version"]
    if here == there:
        return Check("version", OK, here)
    return Check(
        "version", WARNING, f"{here} here, {there} on the server", "install the same version on both sides"
    )


def _clock(health: Health, asked: datetime, answered: datetime) -> Check:
    """How far the clocks are apart at the least, whatever the request took on its way."""
    there = read(health["time"])
    apart = max((asked - there).total_seconds(), (there - answered).total_seconds(), 0)
    if apart < _MOST_CLOCK_DIFFERENCE:
        return Check("clock", OK, "this machine and the server agree")
    return Check(
        "clock",
        WRONG,
        f"this machine and the server are {lasting(int(apart))} apart",
        "keep both clocks right with NTP: schedules fire by the server's clock",
    )


def _tzdata(health: Health) -> Check:
    here, there = importlib.import_module("tzdata").IANA_VERSION, health["tzdataVersion"]
    if here == there:
        return Check("time zones", OK, f"tzdata {here}")
    return Check(
        "time zones",
        WARNING,
        f"tzdata {here} here, {there} on the server",
        "times shown here may differ from those the server fires at: install the same version of Lamplighter",
    )


def _key(client: Client, url: str) -> Check:
    found = find_key(url)
    try:
        client.agents(recordsPerPage=1)
    except ApiError as problem:
        text = str(problem) if found.key else "none"
        return Check(
            "API key", WRONG, f"{text} ({found.source})", "set LAMPLIGHTER_API_KEY to a key of this server"
        )
    return _expiry(client, found.key or "", found.source)


def _expiry(client: Client, key: str, source: str) -> Check:
    try:
        known = [
            one for one in client.api_keys.every() if key.startswith(one["prefix"]) and one["revoked"] is None
        ]
    except ApiError:  # only administrators may look
        known = []
    left = [int((read(one["expires"]) - SystemClock().now()).total_seconds()) for one in known]
    if len(left) == 1 and left[0] < _SOON:
        return Check(
            "API key",
            WARNING,
            f"valid, but only for {lasting(left[0])}",
            "make a new one: `lamplighter key create`",
        )
    return Check("API key", OK, f"valid, from {source}")


def _python() -> Check:
    return Check("python", OK, f"{platform.python_version()}, lamplighter {lamplighter.__version__}")


def _scrapy() -> Check:
    if importlib.util.find_spec("scrapy") is None:
        return Check("scrapy", WARNING, "not installed", "spiders need it: pip install 'lamplighter[scrapy]'")
    return Check("scrapy", OK, importlib.metadata.version("scrapy"))


def _uv() -> Check:
    try:
        uv.find_uv_bin()
    except FileNotFoundError:
        return Check("uv", WARNING, "not found", "agents with requirements need it: pip install uv")
    return Check("uv", OK, importlib.metadata.version("uv"))


def _data_folder(data: Path, *, said: bool) -> Iterator[Check]:
    if not data.is_dir():
        if said:
            yield Check("data folder", WRONG, f"there is no {data}", "`lamplighter up --data DIR` makes it")
        else:
            yield Check("data folder", OK, f"{data} is not there: another one is used, or none yet")
        return
    if os.access(data, os.W_OK | os.X_OK):
        yield Check("data folder", OK, f"{data} can be written")
    else:
        yield Check(
            "data folder", WRONG, f"{data} cannot be written", f"let this user own it: chown -R $USER {data}"
        )
    free = shutil.disk_usage(data).free
    if free >= _LEAST_FREE:
        yield Check("disk", OK, f"{size(free)} free")
    else:
        yield Check(
            "disk", WRONG, f"only {size(free)} free", "make room: runs cannot keep their records without"
        )
