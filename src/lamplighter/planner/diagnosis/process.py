"""What became of the agent's process, and of the machine under it."""

import re

from lamplighter.planner.diagnosis.symptoms import (
    Clue,
    Confidence,
    Kind,
    Rule,
    Symptoms,
    many,
    short,
)
from lamplighter.planner.diagnosis.words import ENDS, said_of, started

_SHELL_SIGNALS = {
    129: "SIGHUP",
    130: "SIGINT",
    134: "SIGABRT",
    135: "SIGBUS",
    136: "SIGFPE",
    137: "SIGKILL",
    139: "SIGSEGV",
}
_CRASHES = {"SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGABRT"}


def _mib(size: int) -> str:
    return f"{size / 1024**2:,.0f} MiB"


def _signal_of(s: Symptoms) -> str | None:
    """The signal that ended the agent, or a program that its shell waited for."""
    return s.signal or _SHELL_SIGNALS.get(s.exit_code or 0)


def _lost(s: Symptoms) -> Clue | None:
    is_lost, is_vanished = started(s, "server lost"), started(s, "vanished")
    if not is_lost and not is_vanished:
        return None
    cause = (
        "The server that the run was on is gone: it was not heard of for its whole lease"
        if is_lost
        else "The process ended while nobody saw it: the machine went down, or its keeper was killed"
    )
    return Clue(
        Confidence.CERTAIN,
        cause,
        (
            (
                "See which servers live: `lamplighter server list`; look at the machine (power,"
                " memory, network) and its"
                " service's log"
            ),
            (
                f"Try again: {s.command('run restart')}; with `maxRetries` the next attempt goes to a"
                " server that lives"
            ),
        ),
        (short(s.message),),
    )


def _disk(s: Symptoms) -> Clue | None:
    said = [] if s.undelivered else said_of(s, "disk")
    if not said:
        return None
    return Clue(
        said[0].confidence,
        f"The disk is full: {short(said[0].text)}",
        (
            "Make room on the disk of the server's data folder: `lamplighter doctor` says how much is left",
            "Keep less: `lamplighter retention set`; `lamplighter run delete` removes a run with its files",
            f"Then try again: {s.command('run restart')}",
        ),
        tuple(short(one.text) for one in said[:3]),
    )


def _memory_killed(s: Symptoms) -> Clue | None:
    if not s.memory_kills or _signal_of(s) != "SIGKILL" or started(s, "time-out"):
        return None
    peak = f"; its largest process had {_mib(s.peak_memory)}" if s.peak_memory else ""
    return Clue(
        Confidence.CERTAIN if s.memory_kills == 1 else Confidence.LIKELY,
        f"The machine had no memory left, and the kernel killed the agent{peak}",
        (
            "Let the agent hold less at a time: write records as they come, do not collect pages in lists",
            (
                "Give the machine (or the container's limit) more memory, or let fewer runs go at once: a lower"
                " `--concurrency` of `lamplighter up`"
            ),
            (
                "Set `memory_mb` under `[limits]` in agent.toml, so that this agent fails alone before"
                " the machine is full"
            ),
        ),
        (s.exit_text, f"processes that the kernel killed for want of memory meanwhile: {s.memory_kills}"),
    )


def _memory(s: Symptoms) -> Clue | None:
    said = said_of(s, "memory")
    if not (s.out_of_memory or said):
        return None
    limit = f" (`memory_mb` = {s.memory_limit // 1024**2})" if s.memory_limit else ""
    peak = f"; its largest process had {_mib(s.peak_memory)}" if s.peak_memory else ""
    raise_it = (
        f"Raise `memory_mb` under `[limits]` in agent.toml, which is {s.memory_limit // 1024**2} now"
        if s.memory_limit
        else "Give the machine more memory; in Scrapy, raise `MEMUSAGE_LIMIT_MB` if the project sets it"
    )
    what = "reached its memory limit" if s.memory_limit else "could get no more memory"
    return Clue(
        Confidence.CERTAIN
        if s.out_of_memory or said[0].confidence is Confidence.CERTAIN
        else said[0].confidence,
        f"The agent {what}{limit}{peak}",
        (
            raise_it,
            (
                "Let the agent hold less at a time: write records as they come, do not collect pages"
                " in lists; split the"
                " input with `parallelism`"
            ),
        ),
        (*(short(one.text) for one in said[:3]),),
    )


def _timeout(s: Symptoms) -> Clue | None:
    if not started(s, "time-out"):
        return None
    limit = re.search(r"after (\d+ seconds?)", s.message)
    after = f" after {limit[1]}" if limit else ""
    did = f"{many(s.records, 'record')} and {many(s.pages, 'page')} were done by then"
    slow = s.records or s.pages
    # Retries of what fails take the time: then that is the cause, and the time-out follows from it.
    bad = sum(count for status, count in s.statuses.items() if status >= 400)
    is_troubled = bool(s.failures) or 2 * bad > sum(s.statuses.values())
    return Clue(
        Confidence.LIKELY if is_troubled else Confidence.CERTAIN,
        f"The run was not finished when its time-out came{after}; {did}",
        (
            (
                "Give it longer: `timeoutSeconds` of the start or schedule (`--timeout 2h`), or"
                " `timeout_seconds` under"
                " `[limits]` in agent.toml"
            ),
            "Share the work out: `parallelism` splits the rows of the input among runs"
            if slow
            else f"It had done nothing: see where it hangs, {s.command('run logs')}",
        ),
        (short(s.message),),
    )


def _signal(s: Symptoms) -> Clue | None:
    name = _signal_of(s)
    if name is None or started(s, "time-out") or (name == "SIGKILL" and s.memory_kills):
        return None
    told = s.exit_text if name in s.exit_text else f"{s.exit_text}, which stands for {name}"
    if name in _CRASHES:
        cause = f"The program crashed: {told}"
        actions = (
            "It is a defect of the program or of a compiled package: try other versions of them in `requirements`",
        )
    elif name == "SIGKILL":
        was_it = (
            "whether the kernel did it for want of memory is not known"
            if s.memory_kills is None
            else "the kernel did not do it for want of memory"
        )
        cause = f"The process was killed from outside: {told}; {was_it}"
        actions = (
            (
                "Find out who kills processes on the server's machine: an operator, a limit of the"
                " container or service,"
                " or the agent itself"
            ),
        )
    else:
        cause = f"The process was ended from outside, or by itself: {told}"
        actions = (
            "Find out who sends signals on the server's machine: an operator, a script, or the agent itself",
        )
    again = f"Then try again: {s.command('run restart')}"
    return Clue(
        Confidence.CERTAIN if s.signal else Confidence.LIKELY, cause, (*actions, again), (s.exit_text,)
    )


def _cut_off(s: Symptoms) -> Clue | None:
    words = (
        "cut off before it could report",
        "was cut off before its spider was closed",
        "finish reason: shutdown",
    )
    if not any(word in s.message for word in words):
        return None
    return Clue(
        Confidence.CERTAIN,
        f"The spider ended before it was closed: {short(s.message)}",
        (
            (
                "Look for what ends its process in the project: `os._exit`, `sys.exit`, a signal,"
                " `CLOSESPIDER_*` settings"
            ),
            f"Read the end of the log: {s.command('run logs')}",
        ),
        (short(s.message),),
    )


def _exit(s: Symptoms) -> Clue | None:
    if s.exit_code in (None, 0):
        return None
    lines = [line for line in s.log if "[lamplighter]" not in line and line.strip()]
    last = f"; the last line of its log is {short(lines[-1])!r}" if lines else ", and its log is empty"
    return Clue(
        Confidence.CERTAIN,
        f"The program ended with {s.exit_text} and did not say why{last}",
        (
            f"Read the log: {s.command('run logs')}",
            (
                "Let the program log to standard error what goes wrong; in Python an exception that"
                " nobody catches is"
                " enough, and `lamplighter.agent.report(problem=…)` gives the reason in a sentence"
            ),
        ),
        (s.exit_text,),
    )


def _unknown(s: Symptoms) -> Clue | None:
    return Clue(
        Confidence.POSSIBLE,
        f"Nothing that was kept says more than the verdict: {short(s.message or 'no verdict', 400)}",
        (
            f"Read the log: {s.command('run logs')}",
            f"Try again with pages kept: {s.command_for_agent('run start', '--log-mode', 'TextAndHtml')}",
        ),
        (short(s.message, 400),) if s.message else (),
    )


RULES = (
    Rule("server.lost", "the server or its machine went away", "the verdict", _lost),
    Rule("disk.full", "the disk is full", ENDS, _disk),
    Rule(
        "memory.killed",
        "the kernel killed it for want of memory",
        "SIGKILL or exit status 137, and the kernel's count of such kills",
        _memory_killed,
    ),
    Rule("memory.limit", "it reached a memory limit", f"`memory_mb`, the peak of memory, {ENDS}", _memory),
    Rule("process.signal", "a signal ended it", "the signal, exit statuses above 128", _signal),
    Rule("spider.cut-off", "the spider was ended before it was closed", "the verdict", _cut_off),
)
# Behind what may have taken the time.
TIME_RULES = (Rule("run.timeout", "the run took too long", "the verdict, the counters", _timeout),)
# What is said when nothing else is known.
LAST_RULES = (
    Rule(
        "exit.status",
        "an exit status without a reason",
        "the exit status, the last line of the log",
        _exit,
        Kind.FALLBACK,
    ),
    Rule("unknown", "nothing else is known", "the verdict", _unknown, Kind.FALLBACK),
)
