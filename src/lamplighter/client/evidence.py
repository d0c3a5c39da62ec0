"""What explains why a run failed, as the API answers it."""

from typing import TypedDict


class Exit(TypedDict):
    """How the process ended and what it took; memory is in bytes."""

    text: str
    code: int | None
    signal: str | None
    peakMemory: int | None
    outOfMemory: bool
    cpuSeconds: float | None


class SourceLine(TypedDict):
    """A line of a program."""

    line: int
    text: str


class Frame(TypedDict):
    """A place in a traceback, with the lines around it."""

    file: str
    line: int
    function: str
    source: list[SourceLine]


class RaisedException(TypedDict):
    """An exception and how often it was seen; frames of the agent's own files first, innermost first."""

    type: str
    message: str
    url: str | None
    page: str | None
    count: int
    traceback: list[Frame]


class Change(TypedDict):
    """A number that is other than in the last good run."""

    name: str
    now: float
    then: float


class RecordChange(TypedDict):
    """How many records there are, and how many there were."""

    now: int
    then: int


class Difference(TypedDict):
    """What is other than in the last good run, the greatest changes first."""

    records: RecordChange
    fields: list[Change]
    stats: list[Change]


class LastGood(TypedDict):
    """The newest good run that is comparable."""

    runId: int
    agentVersion: int
    endTime: str | None
    dataCount: int


class Evidence(TypedDict):
    """What explains why an attempt failed."""

    runId: int
    attempt: int
    agentId: int
    agentName: str
    agentVersion: int
    startTime: str | None
    endTime: str
    message: str
    exit: Exit
    counters: dict[str, int]
    statusCodes: dict[str, int]
    exceptionTypes: dict[str, int]
    exceptions: list[RaisedException]
    page: str | None
    lastLines: list[str]
    lastGood: LastGood | None
    difference: Difference | None
