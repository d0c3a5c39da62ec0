"""What the agent needs of its machine and was given, and is not there."""

import re

from lamplighter.planner.diagnosis.symptoms import (
    Clue,
    Confidence,
    Rule,
    Symptoms,
    short,
)
from lamplighter.planner.diagnosis.words import ENDS, kind_of, said_of, started

_MODULE = re.compile(
    r"No module named '?([\w.]+)|Cannot find module '([^']+)'|cannot import name '(\w+)' from '([\w.]+)'"
)
_PROGRAM = re.compile(
    r"No such file: '([^']+)'|(?:^|[ :])([\w./+-]+): (?:command )?not found|spawn (\S+) ENOENT|exec: \"([^\"]+)\""
)
_LIBRARY = re.compile(r"([\w.+-]+\.so[\w.]*): cannot open shared object")
_ENVIRONMENT = "the environment could not be built"


def _environment(s: Symptoms) -> Clue | None:
    _, found, reason = s.message.partition(_ENVIRONMENT)
    if not found and "the environment was not built within" not in s.message:
        return None
    reason = reason.removeprefix(": ") or s.message
    is_away = any(word in reason.lower() for word in ("dns error", "connect", "timed out", "fetch"))
    return Clue(
        Confidence.CERTAIN,
        f"The agent's requirements could not be installed: {short(reason, 400)}",
        (
            *(("Check that the server's machine reaches the package index",) if is_away else ()),
            (
                "Check the names and versions of `requirements` under `[agent]` in agent.toml, and deploy again:"
                " `lamplighter agent deploy DIR`"
            ),
            f"Read all that was said: {s.command('run logs')}",
        ),
        (short(reason, 400),),
    )


def _input(s: Symptoms) -> Clue | None:
    if "the input does not fit" not in s.message:
        return None
    reason = s.message.partition("the input does not fit")[2].partition(": ")[2]
    return Clue(
        Confidence.CERTAIN,
        f"The input is not what version {s.version} of the agent takes: {short(reason or s.message, 400)}",
        (
            f"See what it takes: {s.command_for_agent('agent show')}",
            (
                "Mend the input of the schedule (`lamplighter schedule edit AGENT SCHEDULE --input"
                " JSON`), or `[inputs]` in"
                " agent.toml"
            ),
        ),
        (short(s.message, 400),),
    )


def _secret(s: Symptoms) -> Clue | None:
    found = re.search(r"there is no secret named (.+?), which", s.message)
    if found is None:
        return None
    return Clue(
        Confidence.CERTAIN,
        f"The input or a destination refers to a secret that does not exist: {found[1]}",
        (
            (
                f"Set it: `lamplighter secret set {found[1].split(',')[0]}`; `lamplighter secret list`"
                " shows those there are"
            ),
            f"Then try again: {s.command('run restart')}",
        ),
        (short(s.message),),
    )


def _browser(s: Symptoms) -> Clue | None:
    said = said_of(s, "browser")
    if not said:
        return None
    return Clue(
        said[0].confidence,
        f"The browser that the agent drives is not installed: {short(said[0].text)}",
        (
            (
                "Install it for the user that the server runs as (`playwright install chromium`), or"
                " name the one of the"
                " system: `executable_path`, in Scrapy `PLAYWRIGHT_LAUNCH_OPTIONS`"
            ),
        ),
        tuple(short(one.text) for one in said[:3]),
    )


def _module(s: Symptoms) -> Clue | None:
    said = said_of(s, "module")
    if not said:
        return None
    found = _MODULE.search(said[0].text)
    if found and found[3]:
        what = f"{found[4]} has no {found[3]!r}: another version of it is installed than the agent is written for"
    elif found:
        what = f"the module {found[1] or found[2]!r} is not there"
    else:
        what = short(said[0].text)
    name = (found[1] or found[2] or found[4]).partition(".")[0] if found else "NAME"
    own = "the bundle must hold it, if it is a file of the agent's own; `.lamplighterignore` may leave it out"
    return Clue(
        said[0].confidence,
        f"Something that the agent imports is missing: {what}",
        (
            (
                "Add the package that brings it to `requirements` under `[agent]` in agent.toml,"
                f' such as ["{name}"], and'
                " deploy again: `lamplighter agent deploy DIR`. With `requirements`, only what they name is there"
            ),
            f"{own[0].upper()}{own[1:]}",
        ),
        tuple(short(one.text) for one in said[:3]),
    )


def _library(s: Symptoms) -> Clue | None:
    said = said_of(s, "library")
    if not said:
        return None
    found = _LIBRARY.search(said[0].text)
    return Clue(
        said[0].confidence,
        f"A library of the system is missing: {found[1] if found else short(said[0].text)}",
        ("Install the system's package that has it on the server's machine",),
        tuple(short(one.text) for one in said[:3]),
    )


def _program(s: Symptoms) -> Clue | None:
    said = said_of(s, "program")
    is_127 = s.exit_code == 127
    if not said and not is_127:
        return None
    text = said[0].text if said else s.message
    found = _PROGRAM.search(text)
    name = next(filter(None, found.groups()), "") if found else ""
    return Clue(
        Confidence.CERTAIN if is_127 or started(s, "could not be started") else said[0].confidence,
        f"A program that the agent needs is not there: {name or short(text)}",
        (
            (
                "Install it on the server's machine, or name it by its whole path; an agent's PATH"
                " begins with its own"
                " environment and goes on with that of the server"
            ),
            (
                "Check `run` under `[agent]` in agent.toml: a program of the bundle is `./NAME` and"
                " needs the right to be"
                " executed"
            ),
        ),
        (short(text), s.exit_text) if s.exit_text not in text else (short(text),),
    )


def _not_started(s: Symptoms) -> Clue | None:
    if not started(s, "could not be started") or kind_of(s.message):
        return None
    return Clue(
        Confidence.CERTAIN,
        f"The agent's program cannot be executed: {short(s.exit_text.partition(': ')[2] or s.message)}",
        (
            (
                'Check `run` under `[agent]` in agent.toml; a script is started with its interpreter (`["python",'
                ' "main.py"]`), or has the right to be executed and a first line such as `#!/bin/sh`'
            ),
        ),
        (s.exit_text or short(s.message),),
    )


def _spider(s: Symptoms) -> Clue | None:
    _, found, rest = s.message.partition("There is no spider named")
    if not found or kind_of(rest) == "module":
        return None
    return Clue(
        Confidence.CERTAIN,
        short((found + rest).rpartition("; ")[0] or found + rest, 400),
        (
            (
                "Mend `spider` under `[agent]` in agent.toml, or the spider's `name`, and deploy:"
                " `lamplighter agent deploy DIR`"
            ),
        ),
        (short(s.message, 400),),
    )


RULES = (
    Rule(
        "environment.failed",
        "the requirements cannot be installed",
        "the verdict, which has uv's words",
        _environment,
    ),
    Rule("input.invalid", "the input does not fit the agent", "the verdict", _input),
    Rule("secret.missing", "a secret does not exist", "the verdict", _secret),
    Rule("dependency.browser", "a browser is not installed", ENDS, _browser),
    Rule("dependency.module", "a module is missing", ENDS, _module),
    Rule("dependency.library", "a library of the system is missing", ENDS, _library),
    Rule("dependency.program", "a program is missing", f"exit status 127, {ENDS}", _program),
    Rule("process.not-started", "the program cannot be executed", "the verdict", _not_started),
    Rule("spider.unknown", "there is no such spider", "the verdict", _spider),
)
