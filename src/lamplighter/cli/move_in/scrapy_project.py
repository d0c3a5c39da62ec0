"""A Scrapy project, as Scrapyd runs it: every spider becomes an agent with the project's files."""

import configparser
import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lamplighter.cli.move_in.wanted import Found, WantedAgent, WantedSchedule, agent_toml
from lamplighter.cli.pack import files_in
from lamplighter.errors import InvalidInput

_PATIENCE = 120  # seconds in which Scrapy has listed the spiders
_REQUIREMENT = re.compile(r"[A-Za-z0-9][^#]*", re.ASCII)
_LIST = """
import json
from scrapy.spiderloader import SpiderLoader
from scrapy.utils.project import get_project_settings
names = SpiderLoader.from_settings(get_project_settings()).list()
print()
print(json.dumps(sorted(names)))
"""


def read_project(
    folder: Path, *, spiders: Sequence[str], python: Path | None, when: Mapping[str, Any] | None
) -> Found:
    """The agents of a project's spiders: of those that are named, else of all that Scrapy lists.

    ``python`` is the one that has the project's requirements; when not said, that of its own ``.venv`` or ours.
    ``when`` becomes a schedule of each. InvalidInput when the folder is no project, or cannot be listed.
    """
    config = _config(folder)
    found = Found(f"Scrapy project {folder.resolve().name}")
    names = list(dict.fromkeys(spiders)) or _listed(folder, python)
    left_out: list[str] = []
    files = {str(path.relative_to(folder)): path.read_bytes() for path in files_in(folder, left_out)}
    for link in left_out:
        found.lost(link, "is a link to a folder or to nothing")
    requirements = _requirements(files.get("requirements.txt"), found)
    schedules = [] if when is None else [WantedSchedule(str(when["cronExpression"]), when)]
    for name in names:
        own = agent_toml(spider=name, requirements=requirements)
        found.agents.append(WantedAgent(name, {**files, "agent.toml": own}, schedules=list(schedules)))
    _tell_of_config(config, found)
    if when is None:
        found.look_at(
            "Scrapyd",
            "keeps no times: give a spider its own with `lamplighter schedule add`, or all the same with --cron",
        )
    return found


def _config(folder: Path) -> configparser.ConfigParser:
    config = configparser.ConfigParser(interpolation=None)
    try:
        text = (folder / "scrapy.cfg").read_text(encoding="utf-8")
        config.read_string(text, "scrapy.cfg")
    except FileNotFoundError as problem:
        raise InvalidInput.of("DIR", f"{folder} is no Scrapy project: it has no scrapy.cfg") from problem
    except (configparser.Error, UnicodeDecodeError) as problem:
        raise InvalidInput.of("DIR", f"scrapy.cfg cannot be read: {problem}") from problem
    if (folder / "agent.toml").exists():
        what = f"{folder} has an agent.toml and is an agent already: `lamplighter agent deploy` saves it"
        raise InvalidInput.of("DIR", what)
    return config


def _listed(folder: Path, python: Path | None) -> list[str]:
    """The spiders, as Scrapy finds them: this imports the project."""
    own = folder / ".venv" / "bin" / "python"
    chosen = python or (own.absolute() if own.exists() else Path(sys.executable))
    remedy = "say a Python that has what the project needs (--python), or which spiders there are (--spider)"
    try:
        done = subprocess.run(  # noqa: S603 - people import their own projects
            [str(chosen), "-c", _LIST],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise InvalidInput.of("--python", f"the spiders cannot be listed: {problem}; {remedy}") from problem
    # The project may print what it likes while it is imported; the last line is ours.
    names: list[str] = [] if done.returncode else json.loads(done.stdout.splitlines()[-1])
    if not names:
        last = (done.stderr.strip().splitlines() or ["there are none"])[-1]
        raise InvalidInput.of("DIR", f"the spiders cannot be listed by {chosen}: {last}; {remedy}")
    return names


def _requirements(content: bytes | None, found: Found) -> list[str]:
    """The lines of requirements.txt that an agent.toml can have; options and paths cannot be carried over."""
    kept = []
    for line in (content or b"").decode("utf-8", "replace").splitlines():
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        match = _REQUIREMENT.match(text)
        if match and not text.startswith(("git+", "http:", "https:", "file:")):
            kept.append(match[0].strip())
        else:
            found.lost("requirements.txt", f"not a name with versions: {text}")
    return kept


def _tell_of_config(config: configparser.ConfigParser, found: Found) -> None:
    for name, value in config.items("settings") if config.has_section("settings") else ():
        if name != "default":
            found.lost("scrapy.cfg", f"the project {name} = {value}: agents run the default one")
    for section in config.sections():
        if section == "deploy" or section.startswith("deploy:"):
            what = "not needed: agents are sent with `lamplighter agent deploy`, or by importing again"
            found.lost("scrapy.cfg", f"[{section}] is {what}")
