"""``lamplighter schedule why``: the answer to "why did it (not) run at nine?", from the fire ledger.

Every due time has a row in the ledger, so a row is the answer. Where there is none, that moment was no due time, or
the schedule was not there, not enabled or another one then; what is true is found out and said.
"""

from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from lamplighter.cli.due import DueTimes
from lamplighter.cli.output import as_json, counted, facts, hint, say, status_name, table, title
from lamplighter.cli.session import AgentWord, Json, ScheduleWord, connect, quoted, the_agent, the_schedule
from lamplighter.cli.times import Span, distance, iso, parse, read, shown_moment, zone_of
from lamplighter.client import Agent, ApiError, Client, Fire, Run, Schedule
from lamplighter.clock import SystemClock

_MILLISECOND = timedelta(milliseconds=1)
_MOST = 1000
_BY_HAND = 0


def why(
    agent: AgentWord,
    schedule: ScheduleWord,
    when: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="WHEN",
            help="9:00, yesterday 9:00, monday 9:00, 2026-03-01, 2026-03-01 9:00 or an ISO time;"
            " read in the schedule's timezone. Left out: the newest due times.",
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=_MOST, help="Without WHEN: how many.")
    ] = 20,
    json: Json = False,
) -> None:
    """Tell what became of a due time, and why.

    \b
    fired    on time          late     fired more than a minute after it was due
    merged   missed, and another fire stands for it
    skipped  not fired, for the reason that is shown
    held     fired; the run waits until the agent is free
    shadow   would have fired; the schedule was in shadow
    """
    with connect() as client:
        owner = the_agent(client, agent)
        found = the_schedule(client, owner, schedule)
        if when:
            spans = parse(" ".join(when), zone_of(found["timezone"]), SystemClock().now())
            _tell_about(client, owner, found, spans, json=json)
        else:
            fires = client.fires(owner["id"], found["id"], limit=limit)
            _list(owner, found, fires, json=json)


def _list(owner: Agent, s: Schedule, fires: list[Fire], *, json: bool) -> None:
    if json:
        as_json(fires)
        return
    zone = zone_of(s["timezone"])
    rows = [[_due_text(f, s), f["outcome"], " ".join(map(str, f["runIds"])), f["reason"]] for f in fires]
    table(["DUE", "OUTCOME", "RUN>", "REASON"], rows, wraps=["DUE", "REASON"])
    if fires:
        return
    if s["isEnabled"] and s["nextRunTime"]:
        moment = read(s["nextRunTime"])
        due = f"{shown_moment(moment, zone)}, {distance(moment, SystemClock().now())}"
        hint(f"No due time has come yet. The first one: {due}")
    elif s["scheduleType"] == _BY_HAND:
        hint(f"It has no trigger: `lamplighter schedule run {quoted(owner['name'])} {s['id']}` starts it.")
    else:
        hint("No due time has come while it was enabled.")


def _tell_about(client: Client, owner: Agent, s: Schedule, spans: list[Span], *, json: bool) -> None:
    due = DueTimes(client, s)
    fires = [fire for span in spans for fire in _rows(client, s, span, due)]
    runs = {run_id: _run(client, owner, run_id) for fire in fires for run_id in fire["runIds"]}
    told = [] if fires else Absence(s, due, spans[0]).told()
    notes = [spans[0].note] if spans[0].note else []
    if json:
        known = [run for run in runs.values() if run is not None]
        as_json({"schedule": s, "fires": fires, "runs": known, "answer": notes + told})
        return
    title(f"{owner['name']} › {s['name']}: {s['localSchedule']}")
    for line in notes + told:
        say(line)
    if len(fires) == 1:
        _tell_one(s, fires[0], runs)
    elif fires:
        rows = [[_due_text(f, s), f["outcome"], _runs_text(f, runs), f["reason"]] for f in reversed(fires)]
        table(["DUE", "OUTCOME", "RUN", "REASON"], rows, wraps=["DUE", "RUN", "REASON"])


def _rows(client: Client, s: Schedule, span: Span, due: DueTimes) -> list[Fire]:
    """The ledger's rows for the due times in the span, newest first."""
    last = span.end - _MILLISECOND
    found = client.fires(s["configId"], s["id"], since=iso(span.begin), until=iso(last), limit=_MOST)

    def is_meant(fire: Fire) -> bool:
        # A row that stands for many due times covers moments between them too.
        ends = (read(fire["dueTime"]), read(fire["lastDueTime"]))
        return any(span.begin <= end < span.end for end in ends) or bool(due.within(span, 1))

    return [fire for fire in found if is_meant(fire)]


def _run(client: Client, owner: Agent, run_id: int) -> Run | None:
    try:
        return client.run(owner["id"], run_id)
    except ApiError as problem:
        if problem.status == 404:
            return None
        raise


def _tell_one(s: Schedule, fire: Fire, runs: dict[int, Run | None]) -> None:
    pairs: list[tuple[str, Any]] = [
        ("Due", _due_text(fire, s)),
        ("Outcome", fire["outcome"]),
        ("Reason", fire["reason"]),
        ("Decided", shown_moment(read(fire["decided"]), zone_of(s["timezone"]), seconds=True)),
    ]
    for run_id in fire["runIds"]:
        run = runs[run_id]
        pairs.append(("Run", _run_text(run_id, runs)))
        pairs += [("Warning", warning) for warning in (run["warnings"] if run else ())]
    facts(pairs)


def _due_text(fire: Fire, s: Schedule) -> str:
    zone = zone_of(s["timezone"])
    first = shown_moment(read(fire["dueTime"]), zone)
    if fire["count"] == 1:
        return first
    return f"{first} to {shown_moment(read(fire['lastDueTime']), zone)}, {fire['count']} due times"


def _runs_text(fire: Fire, runs: dict[int, Run | None]) -> str:
    return ", ".join(_run_text(run_id, runs, brief=True) for run_id in fire["runIds"])


def _run_text(run_id: int, runs: dict[int, Run | None], *, brief: bool = False) -> str:
    run = runs[run_id]
    if run is None:
        return f"{run_id} removed"
    text = f"{run_id} {status_name(run['status'], warns=bool(run['warnings']))}"
    if brief:
        return text
    message = f": {run['message']}" if run["message"] else ""
    return f"{text}, {counted(run['dataCount'], 'record')}{message}"


class Absence:
    """Why the ledger has no row for a moment."""

    def __init__(self, schedule: Schedule, due: DueTimes, span: Span) -> None:
        self._s = schedule
        self._due = due
        self._span = span
        self._now = SystemClock().now()
        self._zone = zone_of(schedule["timezone"])

    def told(self) -> list[str]:
        """The reason, in a few sentences."""
        if self._s["problem"]:
            return [f"The schedule cannot be evaluated: {self._s['problem']}"]
        if self._s["scheduleType"] == _BY_HAND:
            return ["It has no trigger and never fires by itself."]
        if read(self._s["created"]) >= self._span.end:
            return [
                f"The schedule did not exist then: it was created at {self._at(read(self._s['created']))}."
            ]
        if self._span.end <= self._now:
            return self._past(self._due.within(self._span, 1))
        return self._to_come()

    def _past(self, dues: list[datetime]) -> list[str]:
        if not dues:
            return [f"{self._meant()} is not a due time of this schedule.", *self._nearest()]
        due, changed = dues[0], read(self._s["updated"])
        if not self._s["isEnabled"]:
            return [f"It did not fire at {self._at(due)}: disabled, last changed at {self._at(changed)}."]
        if changed >= due:
            return [
                f"By its present settings it would have been due at {self._at(due)}.",
                f"It was changed at {self._at(changed)}: until then it had other times or was disabled.",
            ]
        return [
            f"It was due at {self._at(due)}, and nothing is decided yet: the server is behind.",
            "`lamplighter doctor` looks for what is wrong.",
        ]

    def _to_come(self) -> list[str]:
        passed = self._due.within(Span(self._span.begin, max(self._now, self._span.begin)), 1)
        if passed:
            return self._past(passed)
        coming = self._due.within(Span(max(self._now, self._span.begin), self._span.end), 1)
        if not coming:
            return [f"{self._meant()} is not a due time of this schedule.", *self._nearest()]
        text = f"{self._at(coming[0])} is still to come, {distance(coming[0], self._now)}"
        if self._s["isEnabled"]:
            return [f"{text}: it is due then."]
        return [f"{text}, but the schedule is disabled: it will not fire unless it is enabled."]

    def _nearest(self) -> list[str]:
        before, after = self._due.before(self._span.begin), self._due.after(self._span.end - _MILLISECOND)
        lines = []
        if before is not None:
            lines.append(f"The due time before: {self._at(before)}")
        if after is not None:
            lines.append(f"The due time after:  {self._at(after)}")
        elif self._s["endTime"]:
            lines.append(f"There is none after: the schedule ends at {self._at(read(self._s['endTime']))}.")
        if not self._s["isEnabled"]:
            lines.append("The schedule is disabled now.")
        return lines

    def _meant(self) -> str:
        if self._span.end - self._span.begin > timedelta(hours=2):
            return f"On {self._span.begin.astimezone(self._zone):%Y-%m-%d}, no moment"
        return self._at(self._span.begin)

    def _at(self, moment: datetime) -> str:
        return shown_moment(moment, self._zone)
