"""Runs the Scrapy child as the server does: by path, in a bundle's folder, with nothing of ours importable.

``SCRAPY_PYTHON`` names another Python whose Scrapy is used instead, to try an older version.
"""

import json
import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SOURCES = Path(__file__).parents[2] / "src" / "lamplighter"
CHILD = SOURCES / "runner" / "scrapy_child.py"
BOOKSHOP = SOURCES / "demo" / "bookshop"
PYTHON = os.environ.get("SCRAPY_PYTHON", sys.executable)

# A spider without a network, whose body a test fills in.
SPIDER = """
import scrapy
{top}

class TestSpider(scrapy.Spider):
    name = "test"
    start_urls = ["data:text/html,<p>hello</p>"]
{attributes}

    def parse(self, response):
{body}
"""


@dataclass(frozen=True)
class Outcome:
    """What a run has left."""

    status: int
    log: str
    records: list[Any]
    report: dict[str, Any]

    @property
    def problems(self) -> list[str]:
        found: list[str] = self.report["problems"]
        return found


def spider(body: str, *, attributes: str = "", top: str = "") -> str:
    """The source of a spider named "test" that loads one page and does ``body`` with its ``response``."""
    return SPIDER.format(
        body=textwrap.indent(textwrap.dedent(body).strip(), " " * 8),
        attributes=textwrap.indent(textwrap.dedent(attributes).strip(), " " * 4),
        top=textwrap.dedent(top).strip(),
    )


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
    return folder


def project(folder: Path, source: str, *, settings: str = "", **modules: str) -> Path:
    """A Scrapy project "shop" with one spider file, further settings and further modules."""
    lines = ['BOT_NAME = "shop"', 'SPIDER_MODULES = ["shop.spiders"]', textwrap.dedent(settings)]
    files = {
        "scrapy.cfg": "[settings]\ndefault = shop.settings\n",
        "shop/__init__.py": "",
        "shop/settings.py": "\n".join(lines),
        "shop/spiders/__init__.py": "",
        "shop/spiders/test.py": source,
    }
    return write(folder, files | {f"shop/{name}.py": text for name, text in modules.items()})


def environment(folder: Path, name: str, given: Any, level: str) -> dict[str, str]:
    """Of a run whose files lie beside its bundle."""
    inputs = folder.parent / f"{folder.name}.input.json"
    inputs.write_text(json.dumps(given), encoding="utf-8")
    inherited = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return inherited | {
        "PYTHONDONTWRITEBYTECODE": "1",
        "LAMPLIGHTER_SPIDER": name,
        "LAMPLIGHTER_INPUT": str(inputs),
        "LAMPLIGHTER_RECORDS": str(folder.parent / f"{folder.name}.records.jsonl"),
        "LAMPLIGHTER_REPORT": str(folder.parent / f"{folder.name}.report.json"),
        "LAMPLIGHTER_LOG_LEVEL": level,
    }


def start(
    folder: Path, name: str = "test", given: Any = None, level: str = "Info", **more: str
) -> subprocess.Popen[str]:
    """``more`` are further variables of the environment."""
    return subprocess.Popen(
        [PYTHON, str(CHILD)],
        cwd=folder,
        env=environment(folder, name, given, level) | more,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def finish(process: subprocess.Popen[str], folder: Path, log: str = "") -> Outcome:
    """Wait for the end; ``log`` is what was read of the log before."""
    rest = process.communicate(timeout=60)[1]
    records = folder.parent / f"{folder.name}.records.jsonl"
    lines = records.read_text(encoding="utf-8").splitlines() if records.is_file() else []
    report = json.loads((folder.parent / f"{folder.name}.report.json").read_text(encoding="utf-8"))
    assert report["final"]
    return Outcome(process.returncode, log + rest, [json.loads(line) for line in lines], report)


def run(folder: Path, name: str = "test", given: Any = None, level: str = "Info", **more: str) -> Outcome:
    return finish(start(folder, name, given, level, **more), folder)
