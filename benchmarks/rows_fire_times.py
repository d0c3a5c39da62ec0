"""Next fires, parsing and memory of expressions, beside the libraries that others use for them."""

import sys

from peers import ask, python_of
from report import OURS, Case, Table

EXPRESSIONS = {
    "every minute": "* * * * *",
    "every quarter of an hour": "*/15 * * * *",
    "every night": "30 2 * * *",
    "working days": "0 9 * * 1-5",
    "three times a day": "0 8,12,16 * * *",
    "first of the month": "0 0 1 * *",
    "days or weekdays": "0 9 1,15 * 5",
    "leap days": "0 0 29 2 *",
}
ZONES = ("UTC", "America/New_York", "Australia/Lord_Howe")
FIRES = 200
_LIBRARIES = {
    OURS: "lamplighter",
    "cronsim": "cronsim",
    "croniter": "croniter",
    "croniter-rs": "croniter-rs",
    "APScheduler": "apscheduler",
}
_REMEMBERED = (
    " Ours remembers fields that it has read before; what it remembers of whole texts is forgotten each time."
)
_KINDS = {
    "warm": ("one fire after another of a parsed expression", "µs a fire"),
    "cold": ("a new text is parsed and asked for its first fire", "µs"),
    "parse": ("a text is parsed", "µs"),
    "bytes": ("how much memory one expression keeps", "bytes"),
}


def measure(rounds: int) -> list[Table]:
    """A table for each kind of question; subjects take turns."""
    cases = [
        (f"{name}, {zone}", expression, zone, 5 if name == "leap days" else FIRES)
        for name, expression in EXPRESSIONS.items()
        for zone in ZONES
    ]
    never = ("never (30 February), UTC", "0 0 30 2 *", "UTC", 1)
    found: dict[str, dict[str, dict[str, list[float]]]] = {kind: {} for kind in _KINDS}
    for number in range(rounds):
        print(f"fire times, round {number + 1} of {rounds}", flush=True)
        for subject, library in _LIBRARIES.items():
            python = sys.executable if subject == OURS else python_of(library)
            asked = {"library": library, "cases": [case[1:] for case in (*cases, never)]}
            for case, answer in zip((*cases, never), ask(python, "fire_times", asked), strict=True):
                for kind in _KINDS:
                    value = answer.get(kind)
                    if isinstance(value, float):
                        found[kind].setdefault(case[0], {}).setdefault(subject, []).append(value)
    return [_table(kind, found[kind]) for kind in _KINDS]


def _table(kind: str, found: dict[str, dict[str, list[float]]]) -> Table:
    how, unit = _KINDS[kind]
    extra = {
        "cold": " A fire that never comes is refused; APScheduler looks for it until it has gone through all years."
        + _REMEMBERED,
        "parse": _REMEMBERED,
    }.get(kind, "")
    return Table(
        name=f"fire-times-{kind}",
        title=f"Fire times: {how}",
        unit=unit,
        how=f"Each library in a process of its own with the same Python, {FIRES} answers a figure.{extra}",
        aim="5 times faster than cronsim on typical expressions, never slower than any on any row",
        against=tuple(subject for subject in _LIBRARIES if subject != OURS),
        cases=[Case(name, dict(values)) for name, values in found.items()],
    )
