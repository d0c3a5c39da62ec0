"""What an attempt needs before its process can start: files, input, environment, proxies."""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lamplighter import tracing
from lamplighter.disk import remove, write_whole
from lamplighter.errors import LamplighterError
from lamplighter.manifest import inputs
from lamplighter.model import LogMode
from lamplighter.runner import proxies
from lamplighter.runner.attempt import Attempt
from lamplighter.runner.fork_server import Preload

SCRAPY_CHILD = Path(__file__).with_name("scrapy_child.py")
# What an agent gets of the server's own environment: what programs need to run at all, and nothing else.
_PASSED_ON = ("HOME", "LANG", "LC_ALL", "LC_CTYPE", "USER")


class CannotPrepare(LamplighterError):
    """The attempt cannot begin; the message says why."""

    code = "cannot_prepare"


@dataclass(frozen=True, slots=True)
class Command:
    """What is to be started: the arguments, the whole environment, and what may be imported already by then."""

    argv: list[str]
    environment: dict[str, str]
    preload: Preload | None = None


def prepare(attempt: Attempt, is_wanted: Callable[[], bool]) -> Command:
    """Make the attempt's folder and, if it needs one, the agent's Python environment.

    ``is_wanted`` is asked while something takes long; once it says no, what is returned does not count.
    CannotPrepare when the input does not fit, and what the environment's making raises.
    """
    folder, shop = attempt.folder, attempt.shop
    # Left by another life of this data folder, when an older database was put back.
    shop.files.put_aside(folder.path)
    # What earlier attempts extracted is not what this one does.
    for number in range(1, attempt.run.attempt):
        shop.files.put_aside(shop.files.export_folder(attempt.run.id, number))
    folder.export.mkdir(parents=True)
    folder.files.mkdir()
    folder.evidence.mkdir()
    shop.files.unpack(attempt.bundle, folder.work)
    _write_input(attempt)
    folder.records.touch()
    python = _python(attempt, is_wanted)
    environment = _environment(attempt, python)
    section = attempt.manifest.agent
    if section.spider is not None:
        environment["LAMPLIGHTER_SPIDER"] = section.spider
        argv = [str(python), str(SCRAPY_CHILD)]
        return Command(argv, environment, Preload(tuple(argv), _common_environment(python)))
    return Command(list(section.run or ()), environment)


def seal_input(attempt: Attempt) -> None:
    """Put the references back in the place of the secrets: from here on, nobody needs them."""
    if not attempt.is_loaded:  # the agent's version is gone, and nobody knows where the references were
        remove(attempt.folder.input)
        return
    given = _given_input(attempt)
    if not attempt.folder.input.exists() or not inputs.secret_names(given):
        return
    try:
        _write_private(attempt.folder.input, given)
    except OSError:  # the disk is full: better no input than one with secrets in it
        remove(attempt.folder.input)


def _given_input(attempt: Attempt) -> Any:
    """The input with the defaults of the agent's version, secrets as references."""
    return attempt.manifest.complete_input(json.loads(attempt.input_json))


def _write_input(attempt: Attempt) -> None:
    given = _given_input(attempt)
    wrong = inputs.problems(attempt.manifest, given)
    if wrong:
        raise CannotPrepare(f"the input does not fit version {attempt.run.agent_version}: {'; '.join(wrong)}")
    _write_private(attempt.folder.input, reveal(attempt, given))


def reveal(attempt: Attempt, value: Any) -> Any:
    """``value`` with the secrets that it refers to; CannotPrepare when there is one that does not exist."""
    names = inputs.secret_names(value)
    values = attempt.shop.control.secrets(attempt.claim) if names else {}
    unknown = sorted(names - values.keys())
    if unknown:
        raise CannotPrepare(f"there is no secret named {', '.join(unknown)}, which the agent refers to")
    return inputs.with_secrets(value, values)


def _write_private(path: Path, value: object) -> None:
    # When the machine goes down, this attempt is over, and the next one has its input from the database.
    write_whole(path, json.dumps(value, ensure_ascii=False).encode(), is_lasting=False)


def _python(attempt: Attempt, is_wanted: Callable[[], bool]) -> Path:
    """The Python that the agent is run with: the server's, or that of its own environment."""
    requirements = attempt.manifest.agent.requirements
    if not requirements:
        return Path(sys.executable)
    attempt.shop.control.explain(attempt.claim, "its environment is being made ready")
    return attempt.shop.environments.ready(requirements, attempt.say, is_wanted) / "bin" / "python"


def _environment(attempt: Attempt, python: Path) -> dict[str, str]:
    run, folder, shop = attempt.run, attempt.folder, attempt.shop
    due = run.scheduled_time
    own = _common_environment(python) | {
        "LAMPLIGHTER_INPUT": str(folder.input),
        "LAMPLIGHTER_RECORDS": str(folder.records),
        "LAMPLIGHTER_REPORT": str(folder.report),
        "LAMPLIGHTER_FILES": str(folder.files),
        "LAMPLIGHTER_EVIDENCE": str(folder.evidence),
        "LAMPLIGHTER_RUN_ID": str(run.id),
        "LAMPLIGHTER_ATTEMPT": str(run.attempt),
        "LAMPLIGHTER_SHARD_INDEX": str(run.sequence),
        "LAMPLIGHTER_SHARD_COUNT": str(run.set_size),
        "LAMPLIGHTER_LOG_LEVEL": run.settings.log_level.value,
        "LAMPLIGHTER_SCHEDULED_TIME": "" if due is None else due.isoformat().replace("+00:00", "Z"),
    }
    if tracing.is_wanted(os.environ):
        own["TRACEPARENT"] = tracing.traceparent(attempt.installation, run.id, run.attempt)
    if run.settings.log_mode is LogMode.TEXT_AND_HTML:
        folder.snapshots.mkdir()
        own["LAMPLIGHTER_SNAPSHOTS"] = str(folder.snapshots)
    plan = None if run.settings.proxy_pool_id is None else shop.control.proxies(attempt.claim)
    if plan is None:
        return own
    attempt.say(plan.describe())
    return own | proxies.write(plan, folder)


def _common_environment(python: Path) -> dict[str, str]:
    """What is the same for every run with this Python."""
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return passed_on | {
        "PATH": f"{python.parent}:{os.environ.get('PATH', os.defpath)}",
        "PYTHONUNBUFFERED": "1",
        "PYTHONIOENCODING": "utf-8",
    }
