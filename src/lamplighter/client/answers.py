"""What the API answers, as it is on the wire: the statuses of runs, and the members of each object."""

from typing import Any, TypedDict

STATUS_NAMES = {
    0: "Invalid",
    1: "Running",
    2: "Exporting",
    3: "Starting",
    4: "Queuing",
    5: "Stopping",
    6: "Failure",
    7: "Failed",
    8: "Stopped",
    9: "Completed",
    10: "Success",
    11: "Skipped",
    12: "Waiting",
}
"""The statuses of runs by the numbers of the wire."""
ENDED = frozenset({6, 7, 8, 9, 10, 11})
"""The statuses of runs that have ended."""
WAITS = frozenset({4, 12})
"""The statuses of runs that no server has taken yet, or that wait for another attempt."""
SUCCEEDED = frozenset({9, 10})
"""The statuses of runs that ended well."""


class Agent(TypedDict):
    """An agent; ``status`` is that of its last run."""

    id: int
    name: str
    description: str | None
    startUrl: str | None
    inputParameters: dict[str, Any]
    configType: str
    spaceId: int
    status: int | None
    version: int
    created: str
    updated: str
    lastActivity: str | None
    isArchived: bool


class Version(TypedDict):
    """One saved state of an agent."""

    version: int
    userName: str
    created: str
    comments: str | None
    fileSize: int


class Schedule(TypedDict):
    """A schedule; ``configId`` is its agent."""

    id: int
    configId: int
    name: str
    cronExpression: str | None
    localSchedule: str
    timezone: str
    nextRunTime: str | None
    startTime: str | None
    endTime: str | None
    scheduleType: int
    isEnabled: bool
    runEveryCount: int | None
    runEveryPeriod: int | None
    inputParameters: str | None
    parallelism: int
    parallelMaxConcurrency: int | None
    parallelExport: str
    proxyPoolId: int | None
    logLevel: str
    logMode: str
    isExclusive: bool
    isWaitOnFailure: bool
    jitterSeconds: int
    catchUp: str
    catchUpWindowSeconds: int
    maxRetries: int | None
    retryDelaySeconds: int | None
    timeoutSeconds: int | None
    priority: int
    dstGap: str
    dstOverlap: str
    excludedDates: list[str]
    problem: str | None
    warnings: list[str]
    serverGroupId: int | None
    created: str
    updated: str


class PlannedFire(TypedDict):
    """A fire that is to come."""

    time: str
    localTime: str
    utcOffset: str
    note: str | None


class Preview(TypedDict):
    """The text of a schedule and its next fires."""

    localSchedule: str
    fires: list[PlannedFire]


class Fire(TypedDict):
    """A row of the fire ledger: ``count`` due times and what became of them."""

    id: int
    scheduleId: int
    dueTime: str
    lastDueTime: str
    localTime: str
    count: int
    outcome: str
    reason: str
    decided: str
    runIds: list[int]


class Run(TypedDict):
    """A run; ``configId`` is its agent."""

    id: int
    configId: int
    configName: str
    configVersion: int
    parallelSet: int
    sequence: int
    parallelism: int
    status: int
    message: str | None
    created: str
    startTime: str | None
    endTime: str | None
    runTimeSec: int
    dataCount: int
    errorCount: int
    pageCount: int
    requestCount: int
    inputCount: int
    exportCount: int
    traffic: int
    serverName: str | None
    startedBy: str
    scheduleId: int | None
    scheduledTime: str | None
    attempt: int
    retries: int
    warnings: list[str]
    inputParameters: str | None
    parallelMaxConcurrency: int | None
    parallelExport: str
    proxyPoolId: int | None
    serverGroupId: int | None
    logLevel: str
    logMode: str
    isExclusive: bool
    isWaitOnFailure: bool
    maxRetries: int | None
    retryDelaySeconds: int | None
    timeoutSeconds: int | None
    priority: int


class RunFile(TypedDict):
    """A file that a run left."""

    id: int
    name: str
    fileType: str
    fileSize: int
    created: str


class Key(TypedDict):
    """An API key, without the key."""

    id: int
    userName: str
    description: str | None
    prefix: str
    created: str
    expires: str
    revoked: str | None
    lastUsed: str | None


class NewKey(Key):
    """An API key that was just made; ``key`` is shown this once."""

    key: str


class Health(TypedDict):
    """How the server is."""

    status: str
    version: str
    tzdataVersion: str
    time: str
    runsGoing: int
    runsWaiting: int
