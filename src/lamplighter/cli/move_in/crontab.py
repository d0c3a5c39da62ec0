"""Crontabs: their lines, as cron reads them, and the agents that do the same.

A crontab says more than times: variables for the lines below them, input after a ``%``, a user. What a command had
with cron it gets from ``command.sh``, which people can read and change.
"""

import hashlib
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from lamplighter.cli.move_in.wanted import Found, WantedAgent, WantedSchedule, agent_toml
from lamplighter.errors import InvalidInput
from lamplighter.triggers import parse_cron, zone

_VARIABLE = re.compile(r"""(?:"([A-Za-z_]\w*)"|'([A-Za-z_]\w*)'|([A-Za-z_]\w*))\s*=\s*(.*)""", re.ASCII)
_UNEVEN = re.compile(r"\*/(\d+)", re.ASCII)
_A_JOB = re.compile(r"[-\d*@]\S*\s")
_HEADER = re.compile(r"m\s+h\s+dom\b")
_ABOUT_MAIL = {"MAILTO", "MAILFROM", "CONTENT_TYPE", "CONTENT_TRANSFER_ENCODING"}
_NOT_FOR_COMMANDS = {*_ABOUT_MAIL, "CRON_TZ", "RANDOM_DELAY", "SHELL", "LOGNAME", "USER"}
_MAY_BE_SECRET = re.compile(r"PASS|SECRET|TOKEN|API_?KEY", re.IGNORECASE)
_SPIDER = re.compile(r"\bscrapy\s+crawl\s+([\w.-]+)")
_SCRAPYD = re.compile(r"/schedule\.json\b")
_LONGEST_NAME = 60
_LONGEST_DESCRIPTION = 1000
_DEFAULT_PATH = "/usr/bin:/bin"  # cron's own
_MACROS = {"@every_minute": "* * * * *"}  # as FreeBSD has it; the others mean here what they mean there


@dataclass(frozen=True, slots=True)
class Job:
    """A line that runs a command: ``variables`` are those of the lines above it."""

    line: int
    expression: str
    command: str
    given: str | None  # its standard input
    user: str | None
    variables: Mapping[str, str]
    comment: str | None

    @property
    def where(self) -> str:
        """The place, as a note names it."""
        return f"line {self.line}"


def read_crontab(text: str, *, source: str, timezone: str, has_users: bool) -> Found:
    """The agents and schedules of a crontab whose times are those of ``timezone``.

    ``has_users``: a sixth field names a user, as in /etc/crontab.
    """
    found = Found(source)
    agents: dict[str, WantedAgent] = {}
    jobs = read_jobs(text, found, has_users=has_users)
    for job in jobs:
        body = _timing(job, timezone, found)
        if body is None:
            continue
        _tell_of_differences(job, found)
        files = _files(job)
        agent = WantedAgent(_short(job.command), files, job.comment)
        agent = agents.setdefault(agent.fingerprint(), agent)
        zone_said = f", {body['timezone']}" if "CRON_TZ" in job.variables else ""
        name = job.expression + zone_said
        if any(schedule.name == name for schedule in agent.schedules):
            found.lost(job.where, f"says the same as a line above it: {job.expression} {job.command}")
            continue
        agent.schedules.append(WantedSchedule(name, body))
    found.agents = list(agents.values())
    _name_apart(found.agents)
    _tell_of_variables(jobs, found)
    return found


def read_jobs(text: str, found: Found, *, has_users: bool) -> list[Job]:
    """The lines that run commands; what cron would not understand either is noted in ``found``."""
    jobs: list[Job] = []
    variables: dict[str, str] = {}
    comments: list[str] = []
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip(" \t\r")
        if line.startswith("#"):
            comments.append(line.lstrip("# \t"))
            continue
        match = _VARIABLE.fullmatch(line)
        if match:
            variables[match[1] or match[2] or match[3]] = _unquoted(match[4])
        elif line:
            job = _job(number, line, dict(variables), _said(comments), has_users=has_users)
            if job is None:
                parts = "five fields, a user and a command" if has_users else "five fields and a command"
                found.lost(f"line {number}", f"is not {parts}: {line}")
            else:
                jobs.append(job)
        comments = []
    return jobs


def _job(
    number: int, line: str, variables: Mapping[str, str], comment: str | None, *, has_users: bool
) -> Job | None:
    if line.startswith("-"):  # some crons then keep the line out of their log
        line = line[1:].lstrip()
    parts = line.split(None, (1 if line.startswith("@") else 5) + has_users)
    fields = 1 if line.startswith("@") else 5
    if len(parts) != fields + has_users + 1:
        return None
    command, given = _split_input(parts[-1])
    user = parts[fields] if has_users else None
    return Job(number, " ".join(parts[:fields]), command, given, user, variables, comment)


def _split_input(text: str) -> tuple[str, str | None]:
    r"""The command and its standard input: behind the first ``%``, where every other ``%`` ends a line.

    A ``\%`` is a percent sign.
    """
    parts = [part.replace("\\%", "%") for part in re.split(r"(?<!\\)%", text)]
    if len(parts) == 1:
        return parts[0], None
    return parts[0], "\n".join(parts[1:]) + "\n"


def _unquoted(text: str) -> str:
    text = text.rstrip()
    return text[1:-1] if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"" else text


def _said(comments: list[str]) -> str | None:
    """What the comments right above a line say, without lines that were taken out and the usual header."""
    kept = [line for line in comments if line and not _A_JOB.match(line) and not _HEADER.match(line)]
    return _printable(" ".join(kept))[:_LONGEST_DESCRIPTION] or None


def _printable(text: str) -> str:
    return "".join(sign if sign.isprintable() else "?" for sign in text)


# --- when -----------------------------------------------------------------------------------------------------


def _timing(job: Job, timezone: str, found: Found) -> dict[str, object] | None:
    """What the API takes for the job's times; None, and a note, when they cannot be had."""
    if job.expression == "@reboot":
        found.lost(
            job.where, f"@reboot: nothing here runs when the machine starts, which would run {job.command}"
        )
        return None
    expression = _MACROS.get(job.expression, job.expression)
    try:
        parse_cron(expression)
        timezone = zone(job.variables.get("CRON_TZ", timezone)).key
    except InvalidInput as problem:
        found.lost(job.where, f"{problem.errors[0].message} ({job.command})")
        return None
    body: dict[str, object] = {"cronExpression": expression, "timezone": timezone}
    delay = job.variables.get("RANDOM_DELAY", "")
    if delay.isascii() and delay.isdigit() and int(delay):
        body["jitterSeconds"] = min(int(delay), 1440) * 60
    return body


# --- what -----------------------------------------------------------------------------------------------------


def _files(job: Job) -> dict[str, bytes]:
    """The agent that does what cron did: the same shell, variables, folder and input."""
    exported = {
        "PATH": _DEFAULT_PATH,
        **{name: value for name, value in job.variables.items() if name not in _NOT_FOR_COMMANDS},
    }
    lines = ["# What cron gave the command, and the command."]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in exported.items()]
    if job.given is not None:
        lines.append("exec < input.txt")
    lines += ['cd "${HOME:-/}" || exit', job.command]
    shell = job.variables.get("SHELL") or "/bin/sh"
    files = {
        "agent.toml": agent_toml(run=[shell, "command.sh"]),
        "command.sh": ("\n".join(lines) + "\n").encode(errors="surrogateescape"),
    }
    if job.given is not None:
        files["input.txt"] = job.given.encode(errors="surrogateescape")
    return files


def _short(command: str) -> str:
    """A name for a command: what it does, without where it is done and where its output goes."""
    words = re.sub(r"^\s*cd\s+\S+\s*(?:&&|;)\s*", "", command)
    words = re.split(r"\s+(?:[0-9]|&)?>|\s+\|", words)[0].strip() or command
    first, _, rest = words.partition(" ")
    name = " ".join(f"{first.rstrip('/').rpartition('/')[2] or first} {rest}".split())
    name = _printable(name) or "?"
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1].rstrip() + "…"


def _name_apart(agents: list[WantedAgent]) -> None:
    """Give agents whose names are the same a sign of their own, which is the same in every import."""
    names = [agent.name for agent in agents]
    for agent in agents:
        if names.count(agent.name) > 1:
            content = agent.files["command.sh"] + agent.files.get("input.txt", b"")
            agent.name += f" #{hashlib.sha256(content).hexdigest()[:6]}"


# --- what is not the same -------------------------------------------------------------------------------------


def _tell_of_differences(job: Job, found: Found) -> None:
    variables = job.variables
    minute = job.expression.split()[0]
    uneven = _UNEVEN.fullmatch(minute)
    if uneven and 60 % int(uneven[1]):
        last = 59 // int(uneven[1]) * int(uneven[1])
        what = f"is due at minute 0, {uneven[1]} … {last} and then at 0 again, as with cron"
        found.look_at(job.where, f"{minute} {what}")
    if job.user is not None:
        found.look_at(job.where, f"ran as {job.user}; here it runs as the user of the server")
    if "TZ" in variables:
        found.look_at(job.where, f"TZ={variables['TZ']} is for the command only, not for the times")
    spider = _SPIDER.search(job.command)
    if spider:
        found.look_at(
            job.where,
            f"crawls the spider {spider[1]}: `lamplighter import scrapyd DIR` brings its project,"
            " and so records, statistics and stopping",
        )
    if _SCRAPYD.search(job.command):
        found.look_at(
            job.where,
            "asks a Scrapyd to run a spider, which it still will: `lamplighter import scrapyd DIR --cron …` brings"
            " the spider itself",
        )


def _tell_of_variables(jobs: list[Job], found: Found) -> None:
    """Cron mails what commands print; and what is in a script is not sealed."""
    for to in sorted({to for job in jobs if (to := job.variables.get("MAILTO"))}):
        what = f"mail to {to} of what commands print: `lamplighter notify add` tells of failures instead"
        found.lost("MAILTO", what)
    for name in sorted({name for job in jobs for name in job.variables if _MAY_BE_SECRET.search(name)}):
        what = "stands in command.sh as it is: a secret is safer there (`lamplighter secret set`)"
        found.look_at(name, what)
