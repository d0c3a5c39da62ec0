"""Why a run failed and what to do about it, as the API answers it."""

from typing import TypedDict


class Stats(TypedDict):
    """What a run did, in numbers; ``traffic`` is in bytes."""

    dataCount: int
    inputCount: int
    errorCount: int
    pageCount: int
    exportCount: int
    traffic: int


class Finding(TypedDict):
    """One possible cause: ``confidence`` is certain, likely or possible, ``evidence`` the facts it rests on."""

    code: str
    kind: str
    confidence: str
    cause: str
    actions: list[str]
    evidence: list[str]


class Diagnosis(TypedDict):
    """Why a run failed; what explains it best is the first of ``possibleCauses`` and of ``findings``."""

    runId: int
    agentId: int
    agentName: str
    status: int
    errorMessage: str | None
    startTime: str | None
    endTime: str | None
    runtimeSeconds: int
    stats: Stats
    possibleCauses: list[str]
    suggestedActions: list[str]
    attempt: int
    findings: list[Finding]
