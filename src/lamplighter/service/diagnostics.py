"""Use cases of diagnostics: why a run failed, and what to do about it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from lamplighter.errors import NotFound
from lamplighter.model import Actor, Run, RunStatus
from lamplighter.planner.diagnosis import (
    Change,
    Failed,
    Finding,
    Page,
    Place,
    ProxySums,
    Raised,
    Symptoms,
    Wall,
    diagnose,
    hosts_in,
)
from lamplighter.service.evidence import FailureEvidence
from lamplighter.service.runs import Runs

_FAILED = (RunStatus.FAILURE, RunStatus.FAILED)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Why an attempt of a run failed. ``message`` is its verdict; what explains it best is the first finding.

    Of an earlier attempt, ``run`` has the times and numbers of that attempt.
    """

    run: Run
    attempt: int
    message: str
    findings: tuple[Finding, ...]

    @property
    def actions(self) -> list[str]:
        """What to do about all findings, each thing once."""
        return list(dict.fromkeys(action for finding in self.findings for action in finding.actions))


class Diagnostics:
    """What failed runs are diagnosed with: their evidence, or their verdict alone where none could be gathered."""

    def __init__(self, runs: Runs, evidence: FailureEvidence) -> None:
        self._runs = runs
        self._evidence = evidence

    def of_run(self, actor: Actor, agent_id: int, run_id: int, attempt: int | None = None) -> Diagnosis:
        """Why a run failed, or an earlier ``attempt`` of it; NotFound when there is no failure."""
        run = self._runs.get(actor, agent_id, run_id)
        number = run.attempt if attempt is None else attempt
        document = self._evidence.kept(run, number)
        if document is None and not (run.status in _FAILED and number == run.attempt):
            raise NotFound(self._why_none(run, number))
        if attempt is None and run.status not in _FAILED:
            raise NotFound(self._why_none(run, number))
        return self._diagnose(run, number, document)

    def of_latest_failure(self, actor: Actor, agent_id: int) -> Diagnosis:
        """Why the run failed that was the last one of the agent to fail; NotFound when none has."""
        run = self._runs.latest_failure(actor, agent_id)
        if run is None:
            raise NotFound(f"no run of agent {agent_id} is in Failure")
        return self._diagnose(run, run.attempt, self._evidence.kept(run, run.attempt))

    def _diagnose(self, run: Run, attempt: int, document: Mapping[str, Any] | None) -> Diagnosis:
        symptoms = _symptoms(run, attempt, document)
        meant = run if document is None or attempt == run.attempt else _as_it_was(run, document)
        return Diagnosis(meant, attempt, symptoms.message, diagnose(symptoms))

    def _why_none(self, run: Run, attempt: int) -> str:
        if attempt > run.attempt:
            return f"run {run.id} has had {run.attempt} attempts, so there is no attempt {attempt}"
        earlier = [n for n in range(1, run.attempt + 1) if self._evidence.kept(run, n) is not None]
        where = f"; attempt {earlier[-1]} of it failed" if earlier else ""
        return f"run {run.id} is {run.status.name.capitalize()}, so there is no failure to explain{where}"


# --- from what is kept to what is known ---


def _as_it_was(run: Run, document: Mapping[str, Any]) -> Run:
    """The run with the times and numbers of an earlier attempt, as far as they were kept."""
    try:
        counted = document["counters"]
        counters = replace(
            run.counters,
            data_count=counted["dataCount"],
            error_count=counted["errorCount"],
            page_count=counted["pageCount"],
            export_count=0,
            traffic=counted["traffic"],
        )
        began, ended = map(datetime.fromisoformat, (document["startTime"], document["endTime"]))
    except (KeyError, TypeError, ValueError):  # damaged
        return run
    return replace(run, start_time=began, end_time=ended, counters=counters)


def _symptoms(run: Run, attempt: int, document: Mapping[str, Any] | None) -> Symptoms:
    known = Symptoms(
        agent=run.agent_name
        if not run.agent_name.isdecimal()
        else str(run.agent_id),  # else it is taken for an id
        run_id=run.id,
        attempt=attempt,
        version=run.agent_version,
        message=run.message or "",
        undelivered=run.undelivered,
        given_host=_only_host(run.input_json),
        has_pool=run.settings.proxy_pool_id is not None,
        records=run.counters.data_count,
        pages=run.counters.page_count,
    )
    try:
        return known if document is None else _with_evidence(known, document)
    except (KeyError, TypeError, ValueError, AttributeError):  # damaged: the verdict alone counts
        return known


def _with_evidence(known: Symptoms, document: Mapping[str, Any]) -> Symptoms:
    """What was kept before there was a part ``web`` has none."""
    web, end, good = document.get("web") or {}, document["exit"], document["lastGood"] or {}
    changes = (document["difference"] or {}).get("fields", ())
    return replace(
        known,
        message=document["message"],
        undelivered=False,
        exit_text=end["text"],
        exit_code=end["code"],
        signal=end["signal"],
        out_of_memory=end["outOfMemory"],
        peak_memory=end["peakMemory"],
        memory_limit=end.get("memoryLimit"),
        memory_kills=end.get("memoryKills"),
        records=document["counters"]["dataCount"],
        pages=document["counters"]["pageCount"],
        statuses=_statuses(document["statusCodes"]),
        answers={host: _statuses(counts) for host, counts in web.get("answers", {}).items()},
        failures=tuple(
            Failed(f["host"], f["type"], f["message"], f["count"]) for f in web.get("failures", ())
        ),
        walls=tuple(Wall(w["host"], w["wall"], w["status"], w["count"]) for w in web.get("walls", ())),
        proxies=_proxies(web.get("proxies")),
        forbidden_by_robots=web.get("forbiddenByRobots", 0),
        page=_page(document["page"], web.get("page")),
        exceptions=tuple(map(_raised, document["exceptions"])),
        log=tuple(document["lastLines"]),
        good_records=good.get("dataCount"),
        good_version=good.get("agentVersion"),
        fields=tuple(Change(change["name"], change["now"], change["then"]) for change in changes),
    )


def _only_host(given: str) -> str:
    """The host of the addresses in an input, when they all have the same."""
    hosts = set(hosts_in(given))
    return hosts.pop() if len(hosts) == 1 else ""


def _statuses(counts: Mapping[str, int]) -> dict[int, int]:
    return {int(status): count for status, count in counts.items()}


def _raised(entry: Mapping[str, Any]) -> Raised:
    frames = [
        f
        for f in entry["traceback"]
        if not f["file"].startswith(("/", "<")) and "site-packages" not in f["file"]
    ]
    place = Place(frames[0]["file"], frames[0]["line"], frames[0]["function"]) if frames else None
    return Raised(entry["type"], entry["message"], entry["url"], entry["count"], place)


def _proxies(sums: Mapping[str, Any] | None) -> ProxySums | None:
    if sums is None:
        return None
    return ProxySums(sums["used"], sums["requests"], sums["failures"], sums["atProxy"], tuple(sums["errors"]))


def _page(file: str | None, facts: Mapping[str, Any] | None) -> Page | None:
    name = f"evidence/{file}" if file else None
    if facts is None:
        return Page(name) if name else None
    return Page(
        name,
        facts["url"],
        facts["status"],
        facts["title"],
        facts["wall"],
        facts["asksToLogIn"],
        facts["needsScript"],
    )
