"""The words of the house as frozen values: agents, schedules, fires, sets, runs.

Nothing here computes or stores; ``planner`` decides over these values and ``store`` keeps them. All instants
are aware datetimes in UTC with whole milliseconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Any, Literal


class RunStatus(IntEnum):
    """The status of a run; the numbers are those of the wire."""

    INVALID = 0
    RUNNING = 1
    EXPORTING = 2
    STARTING = 3
    QUEUING = 4
    STOPPING = 5
    FAILURE = 6
    FAILED = 7
    STOPPED = 8
    COMPLETED = 9
    SUCCESS = 10
    SKIPPED = 11
    WAITING = 12

    @property
    def is_terminal(self) -> bool:
        """Whether a run in this status has ended (a Failure can still be restarted)."""
        return self in TERMINAL


TERMINAL = frozenset(
    {
        RunStatus.FAILURE,
        RunStatus.FAILED,
        RunStatus.STOPPED,
        RunStatus.COMPLETED,
        RunStatus.SUCCESS,
        RunStatus.SKIPPED,
    }
)
ACTIVE = frozenset(RunStatus) - TERMINAL - {RunStatus.INVALID}
ON_SERVER = frozenset({RunStatus.STARTING, RunStatus.RUNNING, RunStatus.STOPPING, RunStatus.EXPORTING})

# Every status change that exists; ARCHITECTURE.md draws this table and a test compares the two. The key None
# is "not yet created". Whoever changes a status does it through `store.runs`, compare-and-set on these pairs.
TRANSITIONS: Mapping[RunStatus | None, frozenset[RunStatus]] = MappingProxyType(
    {
        None: frozenset({RunStatus.QUEUING, RunStatus.WAITING, RunStatus.SKIPPED}),
        RunStatus.WAITING: frozenset({RunStatus.QUEUING, RunStatus.STOPPED}),
        RunStatus.QUEUING: frozenset({RunStatus.STARTING, RunStatus.STOPPED}),
        RunStatus.STARTING: frozenset(
            {
                RunStatus.RUNNING,
                RunStatus.STOPPING,
                RunStatus.FAILURE,
                RunStatus.QUEUING,
                RunStatus.WAITING,
            }
        ),
        RunStatus.RUNNING: frozenset(
            {
                RunStatus.EXPORTING,
                RunStatus.STOPPING,
                RunStatus.FAILURE,
                RunStatus.QUEUING,
                RunStatus.WAITING,
            }
        ),
        RunStatus.STOPPING: frozenset(
            {
                RunStatus.STOPPED,
                RunStatus.COMPLETED,
                RunStatus.SUCCESS,
                RunStatus.FAILURE,
                RunStatus.QUEUING,
                RunStatus.WAITING,
            }
        ),
        RunStatus.EXPORTING: frozenset(
            {
                RunStatus.COMPLETED,
                RunStatus.SUCCESS,
                RunStatus.STOPPING,
                RunStatus.FAILURE,
                RunStatus.QUEUING,
                RunStatus.WAITING,
            }
        ),
        RunStatus.FAILURE: frozenset({RunStatus.QUEUING, RunStatus.WAITING, RunStatus.FAILED}),
    }
)


def sources_of(target: RunStatus) -> frozenset[RunStatus]:
    """The statuses from which ``target`` may be reached."""
    return frozenset(old for old, news in TRANSITIONS.items() if old is not None and target in news)


class StopCause(StrEnum):
    """Why a run is being stopped; it decides what the run becomes when its process has ended."""

    ASKED = "asked"
    TIMEOUT = "timeout"


class ScheduleType(IntEnum):
    """The kind of trigger a schedule has; the numbers are those of the wire."""

    NONE = 0
    RUN_ONCE = 1
    RUN_EVERY = 2
    CRON = 3


class CatchUp(StrEnum):
    """What happens to due times that were missed: fire the newest, each, or none."""

    LATEST = "latest"
    ALL = "all"
    NONE = "none"


class Outcome(StrEnum):
    """What became of a due time, as the fire ledger says it."""

    FIRED = "fired"
    LATE = "late"
    MERGED = "merged"
    SKIPPED = "skipped"
    HELD = "held"
    SHADOW = "shadow"


class ParallelExport(StrEnum):
    """Whether a parallel set makes one merged export or one a run."""

    COMBINED = "Combined"
    SEPARATED = "Separated"


class LogLevel(StrEnum):
    """The least severity an agent logs."""

    FATAL = "Fatal"
    ERROR = "Error"
    WARNING = "Warning"
    INFO = "Info"


class LogMode(StrEnum):
    """Whether a run keeps page snapshots beside its log."""

    TEXT = "Text"
    TEXT_AND_HTML = "TextAndHtml"


class Rotation(StrEnum):
    """How the requests of a run are shared out among the proxies of a pool."""

    ROUND_ROBIN = "RoundRobin"
    RANDOM = "Random"
    STICKY = "Sticky"


class NotificationEvent(StrEnum):
    """What a person can be told of."""

    FAILURE = "failure"
    RECOVERY = "recovery"
    DID_NOT_RUN = "didNotRun"
    VOLUME_DROP = "volumeDrop"


# How grave a message is, in Apprise's words.
MessageKind = Literal["info", "success", "warning", "failure"]


class UsageType(StrEnum):
    """What is counted of the attempts of runs, and may cost credits; ``column`` is its name in the database."""

    SERVER_TIME = "Server Time"
    EXPORT_GB = "Export GB"
    AGENT_INPUTS = "Agent Inputs"
    PROXY_DATA = "Proxy Data"
    EXPORT_CPM = "Export CPM"

    @property
    def column(self) -> str:
        """How the columns of this type begin."""
        return self.name.lower()


class SortRuns(StrEnum):
    """What the costs of runs may be sorted by."""

    DATE = "date"
    COST = "cost"
    DURATION = "duration"


class TransactionType(StrEnum):
    """Why the balance of credits changed: credits were added, used, or put right."""

    CREDIT = "Credit"
    DEBIT = "Debit"
    ADJUSTMENT = "Adjustment"


class SetState(StrEnum):
    """The state of a parallel set: held by an exclusive one, going, or over."""

    WAITING = "waiting"
    ACTIVE = "active"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class RunSettings:
    """How the runs of one start behave; a schedule carries the same settings for every fire."""

    parallelism: int = 1
    parallel_max_concurrency: int | None = None
    parallel_export: ParallelExport = ParallelExport.COMBINED
    proxy_pool_id: int | None = None
    server_group_id: int | None = None
    log_level: LogLevel = LogLevel.INFO
    log_mode: LogMode = LogMode.TEXT
    is_exclusive: bool = False
    is_wait_on_failure: bool = False
    max_retries: int | None = None
    retry_delay_seconds: int | None = None
    timeout_seconds: int | None = None
    priority: int = 0

    @property
    def retries_allowed(self) -> int:
        """How often a failed run is tried again: as asked, else 3 when it waits on failure, else never."""
        if self.max_retries is not None:
            return self.max_retries
        return 3 if self.is_wait_on_failure else 0


@dataclass(frozen=True, slots=True)
class Timing:
    """When a schedule is due. ``anchor`` is the first run of RunEvery, the only one of RunOnce."""

    schedule_type: ScheduleType
    timezone: str = "UTC"
    cron_expression: str | None = None
    run_every_count: int | None = None
    run_every_period: int | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    anchor: datetime | None = None
    dst_gap: str = "after"
    dst_overlap: str = "first"
    jitter_seconds: int = 0
    excluded_dates: tuple[str, ...] = ()
    catch_up: CatchUp = CatchUp.LATEST
    catch_up_window_seconds: int = 86_400


@dataclass(frozen=True, slots=True)
class Due:
    """A due time and the instant it is to be fired at, which jitter may put a little later."""

    time: datetime
    fire_at: datetime


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule as it is stored.

    ``decided_until``: every due time up to and including this instant is settled, so the next one is always
    ``next_after(trigger, decided_until)``. ``next`` is null when disabled, finished or of type None.
    ``problem`` says why the schedule cannot be evaluated, if it cannot. ``is_shadow``: its due times are decided
    and written down like any other's, but nothing is started.
    """

    id: int
    agent_id: int
    name: str
    is_enabled: bool
    timing: Timing
    settings: RunSettings
    input_parameters: str | None
    local_schedule: str | None
    decided_until: datetime
    next: Due | None
    problem: str | None
    created: datetime
    updated: datetime
    is_shadow: bool = False


@dataclass(frozen=True, slots=True)
class Fire:
    """One row of the fire ledger: ``count`` due times from ``due`` to ``last_due`` and what became of them."""

    id: int
    schedule_id: int
    due: datetime
    last_due: datetime
    count: int
    outcome: Outcome
    reason: str
    decided: datetime
    run_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent as it is listed; the definition of a version is in its ``Manifest``."""

    id: int
    name: str
    description: str | None
    documentation: str | None
    start_url: str | None
    config_type: str
    space_id: int
    user_id: int
    version: int
    is_archived: bool
    input_parameters: Mapping[str, Any]
    last_status: RunStatus | None
    created: datetime
    updated: datetime
    last_activity: datetime | None
    content_hash: str | None = None  # of the files of its version
    missing_secrets: tuple[str, ...] = ()  # that agent.toml refers to and nobody has set

    @property
    def validation_status(self) -> str:
        """The wire's word for what is to be said of agent.toml; one that is not valid is never saved."""
        return "Warning" if self.missing_secrets else "Valid"


class AgentOrder(StrEnum):
    """What lists of agents can be sorted by; the words are those of the wire."""

    NAME = "name"
    LAST_ACTIVITY = "lastActivity"
    CREATED = "created"
    UPDATED = "updated"
    STATUS = "status"
    CONFIG_TYPE = "configType"


class ConfigType(StrEnum):
    """The kinds of agents that the wire knows; the ones made here are ``Agent`` and ``Command``."""

    AGENT = "Agent"
    COMMAND = "Command"
    API = "Api"
    SHARED = "Shared"


@dataclass(frozen=True, slots=True)
class AgentQuery:
    """Which agents are wanted, and in what order; None asks for nothing.

    ``name`` is a part of the name, ``text`` one of the name or the description, in any letter case.
    """

    status: RunStatus | None = None
    space_id: int | None = None
    name: str | None = None
    text: str | None = None
    config_type: ConfigType | None = None
    order: AgentOrder = AgentOrder.NAME
    is_descending: bool = False


@dataclass(frozen=True, slots=True)
class AgentVersion:
    """One saved state of an agent; ``bundle`` is the content address of its files."""

    agent_id: int
    version: int
    user_name: str
    created: datetime
    comments: str | None
    file_size: int
    bundle: str
    content_hash: str | None


@dataclass(frozen=True, slots=True)
class Counters:
    """What a run did, in numbers. ``traffic`` is in bytes."""

    data_count: int = 0
    error_count: int = 0
    page_count: int = 0
    dynamic_page_count: int = 0
    request_count: int = 0
    input_count: int = 0
    export_count: int = 0
    traffic: int = 0


@dataclass(frozen=True, slots=True)
class RecordStatistics:
    """What a run's records were like: how many, and for each field how many of them had a value for it."""

    count: int
    fields: Mapping[str, int] = field(default_factory=dict)


NO_INPUT = "null"


@dataclass(frozen=True, slots=True)
class Run:
    """A run as it is stored, with the settings of its set.

    ``attempt`` counts the claims: 0 before a server took it first. Every later write about the run carries
    the attempt it belongs to, and one of an older attempt changes nothing. ``combined`` tells of the combined
    export of the set (``planner.Combination`` as text), which belongs to its first run. ``undelivered``: it failed
    only because its records could not be delivered, so the next attempt just delivers what ``records_attempt``
    extracted.
    """

    id: int
    agent_id: int
    agent_name: str
    agent_version: int
    space_id: int
    set_id: int
    sequence: int
    set_size: int
    settings: RunSettings
    schedule_id: int | None
    fire_id: int | None
    scheduled_time: datetime | None
    started_by: str
    status: RunStatus
    message: str | None
    attempt: int
    retries: int
    stop_cause: StopCause | None
    stop_asked: datetime | None
    kill_asked: bool
    server_id: int | None
    server_name: str | None
    input_json: str  # NO_INPUT when somebody has removed it
    created: datetime
    start_time: datetime | None
    end_time: datetime | None
    counters: Counters = field(default_factory=Counters)
    warnings: tuple[str, ...] = ()
    combined: str | None = None
    undelivered: bool = False
    records_attempt: int | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """A run that a server took, and the attempt that all it says about it must carry."""

    run_id: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a run ended and the sentence that says what decided it.

    ``warnings`` are sentences that a person should read although the run ended well. ``undelivered``: only the
    delivery failed, and another attempt is to do nothing else. ``records_attempt`` is the attempt that extracted
    the records; None means the present one. ``is_delivered``: everything is where it was to be brought, so a stop
    that is asked for now comes too late.
    """

    status: RunStatus
    message: str
    warnings: tuple[str, ...] = ()
    undelivered: bool = False
    records_attempt: int | None = None
    is_delivered: bool = False


@dataclass(frozen=True, slots=True)
class GoodRun:
    """A run that ended well: its records, and the numbers that its agent reported."""

    run_id: int
    statistics: RecordStatistics
    stats: Mapping[str, float]
    agent_version: int
    end_time: datetime | None


@dataclass(frozen=True, slots=True)
class RunFile:
    """A file that a run left: ``path`` is relative to the run's folder."""

    id: int
    run_id: int
    name: str
    file_type: str
    size: int
    created: datetime
    path: str


@dataclass(frozen=True, slots=True)
class ProxyPool:
    """Proxies under one name. ``turn`` is the place of the one to begin with when they take turns."""

    id: int
    name: str
    rotation: Rotation
    turn: int
    created: datetime
    updated: datetime


@dataclass(frozen=True, slots=True)
class ProxyPoolSums:
    """A pool with how many proxies it has, how many of them rest, and what went through them."""

    pool: ProxyPool
    proxies: int
    resting: int
    requests: int
    failures: int
    traffic: int


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy of a pool: ``address`` is scheme, host and port; user name and password are sealed apart."""

    id: int
    pool_id: int
    address: str
    sealed_credentials: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ProxyHealth:
    """How a proxy did with one target host; the empty host is the proxy as such, with the sums of all hosts.

    ``failures_in_row`` and ``rested_until`` of a host are about that host alone, those of the empty host about
    every use of the proxy. ``traffic`` is in bytes.
    """

    proxy_id: int
    host: str
    requests: int = 0
    failures: int = 0
    failures_in_row: int = 0
    traffic: int = 0
    rested_until: datetime | None = None
    last_error: str | None = None
    last_used: datetime | None = None


@dataclass(frozen=True, slots=True)
class Server:
    """A machine that takes runs; ``incarnation`` changes with every start of its process."""

    id: int
    name: str
    incarnation: str
    concurrency: int
    started: datetime
    lease_until: datetime
    draining_since: datetime | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Queue:
    """What waits for the servers of one group (``group`` None: for any server), and who takes it.

    ``places`` is how many runs the live servers take at once that do not drain; some of them serve other queues as
    well. ``running`` is how many runs of this queue are on servers. ``oldest`` is since when the longest waits.
    """

    group_id: int | None
    group: str | None
    queued: int
    oldest: datetime | None
    running: int
    places: int
    live: tuple[str, ...]
    draining: tuple[str, ...]
    lost: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ServerState:
    """A server as people look at it: the names of the groups it serves, and how many runs are on it."""

    server: Server
    groups: tuple[str, ...]
    running: int
    is_live: bool


@dataclass(frozen=True, slots=True)
class ServerGroup:
    """A named group of servers; ``servers`` are the names of those in it that live."""

    id: int
    name: str
    description: str | None
    servers: tuple[str, ...]
    created: datetime
    updated: datetime


@dataclass(frozen=True, slots=True)
class Limits:
    """How long things are kept: this many days after a run's end, and of so many runs; None is for ever.

    ``runs`` are runs as a whole, ``logs`` what they said, ``files`` what they made.
    """

    runs_days: int | None = None
    runs_count: int | None = None
    logs_days: int | None = None
    logs_count: int | None = None
    files_days: int | None = None
    files_count: int | None = None


class Role(StrEnum):
    """What a member of a space may do there; each may do what those before it may."""

    VIEWER = "viewer"
    EDITOR = "editor"
    OWNER = "owner"

    @property
    def rank(self) -> int:
        """How far it reaches, for comparing."""
        return tuple(Role).index(self)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who is asking: the user behind the request's credentials, and what these let the user do.

    ``roles`` are by space id, narrowed to the one space of a key that has one; a key of an administrator that is
    limited so is no administrator's.
    """

    user_id: int
    name: str
    is_admin: bool
    roles: Mapping[int, Role] = field(default_factory=dict)
    is_read_only: bool = False
    api_key_id: int | None = None
    only_space: int | None = None

    @property
    def spaces(self) -> frozenset[int] | None:
        """The spaces that may be seen; None is all of them."""
        return None if self.is_admin else frozenset(self.roles)

    def sees(self, space_id: int) -> bool:
        """Whether a space and what is in it may be known."""
        return self.is_admin or space_id in self.roles

    def has(self, space_id: int, need: Role) -> bool:
        """Whether the role in a space is at least ``need``."""
        role = self.roles.get(space_id)
        return self.is_admin or (role is not None and role.rank >= need.rank)


@dataclass(frozen=True, slots=True)
class User:
    """A person or program that may sign in or have API keys."""

    id: int
    name: str
    email: str | None
    is_admin: bool
    is_active: bool
    created: datetime
    updated: datetime


@dataclass(frozen=True, slots=True)
class Space:
    """A part of the installation with agents and members; everybody may look into one with default access."""

    id: int
    name: str
    description: str | None
    is_default_access: bool
    created: datetime
    updated: datetime


@dataclass(frozen=True, slots=True)
class Member:
    """A user's place in a space."""

    space_id: int
    user_id: int
    user_name: str
    role: Role
    created: datetime


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change: who did what to which thing, and what is other than before.

    ``changes`` has, by the wire's names, the old and the new value; never a secret.
    """

    id: int
    time: datetime
    user_id: int | None
    user_name: str
    api_key_id: int | None
    action: str
    kind: str
    subject_id: str
    subject_name: str | None
    space_id: int | None
    changes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which changes are wanted; None does not narrow."""

    since: datetime | None = None
    until: datetime | None = None
    user_id: int | None = None
    action: str | None = None
    kind: str | None = None
    subject_id: str | None = None
    space_id: int | None = None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key as it may be shown: never the key itself, only how it begins.

    ``space_id`` limits it to one space.
    """

    id: int
    user_id: int
    user_name: str
    description: str | None
    prefix: str
    is_read_only: bool
    space_id: int | None
    created: datetime
    expires: datetime
    revoked: datetime | None
    last_used: datetime | None


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address at which others start an agent: with which settings, and what it did last.

    Its address is signed over ``id`` and ``generation``. ``sealed_secret``: with what senders must sign, if they
    must. ``last_result`` is a sentence for those who may see the agent.
    """

    id: int
    agent_id: int
    name: str
    is_enabled: bool
    expires: datetime | None
    accepts_input: bool
    input_parameters: str | None
    settings: RunSettings
    generation: int
    sealed_secret: str | None
    created: datetime
    updated: datetime
    last_used: datetime | None = None
    last_result: str | None = None
    last_run_id: int | None = None


@dataclass(frozen=True, slots=True)
class NotificationTarget:
    """Where a rule's messages go: what may be shown of the address, and the address sealed.

    What goes to a plain webhook is signed with ``sealed_secret``, and until ``old_until`` (seconds since 1970)
    also with the secret that it had before.
    """

    shown: str
    sealed: str
    sealed_secret: str | None = None
    sealed_old_secret: str | None = None
    old_until: int | None = None


@dataclass(frozen=True, slots=True)
class NotificationRule:
    """Who is told of what: of an agent, of a schedule (then ``agent_id`` is its agent), or of the whole space."""

    id: int
    name: str
    space_id: int
    agent_id: int | None
    schedule_id: int | None
    events: tuple[NotificationEvent, ...]
    targets: tuple[NotificationTarget, ...]
    is_enabled: bool
    within_seconds: int
    quiet_seconds: int
    watched_until: datetime
    created: datetime
    updated: datetime

    @property
    def watches(self) -> bool:
        """Whether due times are to be watched for it."""
        return self.is_enabled and NotificationEvent.DID_NOT_RUN in self.events


@dataclass(frozen=True, slots=True)
class NotificationMessage:
    """A message to one target: ``next_try`` is null when it was sent or given up.

    ``facts`` is what it tells, for programs, with the wire's names.
    """

    id: int
    rule_id: int
    target: int
    event: NotificationEvent
    subject: str
    title: str
    body: str
    facts: Mapping[str, Any]
    created: datetime
    more: int
    since: datetime
    told_at: datetime
    next_try: datetime | None
    tries: int
    sent: datetime | None
    error: str | None


# How much was used of what: milliseconds of server time, bytes, inputs, records.
Usage = Mapping[UsageType, int]


@dataclass(frozen=True, slots=True)
class AgentCost:
    """What an agent used and cost in a range of time; ``cost`` is in millionths of a credit."""

    agent_id: int
    agent_name: str
    space_id: int
    cost: int


@dataclass(frozen=True, slots=True)
class RunCost:
    """What a run used and cost in a range of time, over its attempts; ``types`` are those it used anything of."""

    run_id: int
    charged: datetime
    start_time: datetime | None
    end_time: datetime
    cost: int
    types: tuple[UsageType, ...]


@dataclass(frozen=True, slots=True)
class CostOfDay:
    """What an agent used and cost on one UTC day; costs are in millionths of a credit."""

    day: date
    used: Usage
    costs: Usage


@dataclass(frozen=True, slots=True)
class CreditTransaction:
    """A change of the balance of credits, and the balance after it, in millionths of a credit."""

    id: int
    type: TransactionType
    amount: int
    balance: int
    created: datetime
    message: str | None
