"""What the API answers: the wire's names and types, made from the house's values."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema
from pydantic.alias_generators import to_camel

from lamplighter import model
from lamplighter.errors import InvalidInput, LamplighterError
from lamplighter.planner import Combination, iso, local
from lamplighter.service.previews import Previewed
from lamplighter.service.schedules import PlannedFire, local_schedule

Time = Annotated[
    datetime,
    PlainSerializer(iso, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


Item = TypeVar("Item")
_HASH = (
    "What its files hash to: SHA-256 of what `sha256sum` prints for them, sorted by path. Null for a version that"
    " was saved by an older server"
)


class Shape(BaseModel):
    """The root of all answers."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


def example(**answer: Any) -> ConfigDict:
    """The configuration of a shape whose documentation shows this answer."""
    return ConfigDict(json_schema_extra={"examples": [answer]})


class FieldProblem(Shape):
    """What is wrong with one field of the request."""

    field: str
    message: str


class Problem(Shape):
    """An error, as ``application/problem+json`` (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str
    code: str
    errors: list[FieldProblem] | None = None

    @classmethod
    def of(cls, error: LamplighterError, instance: str) -> "Problem":
        """The problem that tells a caller of ``error``."""
        fields = None
        if isinstance(error, InvalidInput):
            fields = [FieldProblem(field=e.field, message=e.message) for e in error.errors]
        return cls(
            title=error.title,
            status=error.status,
            detail=str(error),
            instance=instance,
            code=error.code,
            errors=fields,
        )


class ScheduleShape(Shape):
    """A schedule."""

    id: int
    config_id: int
    name: str
    schedule: str | None
    cron_expression: str | None
    local_schedule: str
    timezone: str
    next_run_time: Time | None
    start_time: Time | None
    schedule_type: int
    is_enabled: bool
    is_shadow: bool = Field(
        description="Its due times are decided and kept in the ledger, but nothing is run"
    )
    run_every_count: int | None
    run_every_period: int | None
    input_parameters: str | None
    parallelism: int
    parallel_max_concurrency: int | None
    parallel_export: str
    proxy_pool_id: int | None
    server_group_id: int | None
    log_level: str
    log_mode: str
    is_exclusive: bool
    is_wait_on_failure: bool
    created: Time
    updated: Time
    end_time: Time | None
    jitter_seconds: int
    catch_up: str
    catch_up_window_seconds: int
    max_retries: int | None
    retry_delay_seconds: int | None
    timeout_seconds: int | None
    priority: int
    dst_gap: str
    dst_overlap: str
    excluded_dates: list[str]
    problem: str | None = Field(description="Why the schedule cannot be evaluated, if it cannot")
    tag: str | None = None
    warnings: list[str] = Field(description="What will keep its runs from starting, as things are now")

    @classmethod
    def of(cls, s: model.Schedule, warnings: Sequence[str] = ()) -> "ScheduleShape":
        """The answer for a schedule."""
        t, r = s.timing, s.settings
        kind = t.schedule_type
        cron = t.cron_expression if kind is model.ScheduleType.CRON else None
        every = kind is model.ScheduleType.RUN_EVERY
        return cls(
            id=s.id,
            config_id=s.agent_id,
            name=s.name,
            schedule=cron,
            cron_expression=cron,
            local_schedule=local_schedule(s),
            timezone=t.timezone,
            next_run_time=None if s.next is None else s.next.time,
            start_time=t.start_time,
            schedule_type=kind.value,
            is_enabled=s.is_enabled,
            is_shadow=s.is_shadow,
            run_every_count=t.run_every_count if every else None,
            run_every_period=t.run_every_period if every else None,
            input_parameters=s.input_parameters,
            parallelism=r.parallelism,
            parallel_max_concurrency=r.parallel_max_concurrency,
            parallel_export=r.parallel_export.value,
            proxy_pool_id=r.proxy_pool_id,
            server_group_id=r.server_group_id,
            log_level=r.log_level.value,
            log_mode=r.log_mode.value,
            is_exclusive=r.is_exclusive,
            is_wait_on_failure=r.is_wait_on_failure,
            created=s.created,
            updated=s.updated,
            end_time=t.end_time,
            jitter_seconds=t.jitter_seconds,
            catch_up=t.catch_up.value,
            catch_up_window_seconds=t.catch_up_window_seconds,
            max_retries=r.max_retries,
            retry_delay_seconds=r.retry_delay_seconds,
            timeout_seconds=r.timeout_seconds,
            priority=r.priority,
            dst_gap=t.dst_gap,
            dst_overlap=t.dst_overlap,
            excluded_dates=list(t.excluded_dates),
            problem=s.problem,
            warnings=list(warnings),
        )


class PlannedFireShape(Shape):
    """A fire that is to come."""

    time: Time
    local_time: str = Field(description="The wall clock in the schedule's timezone")
    utc_offset: str = Field(examples=["-04:00"])
    note: str | None = Field(description="What daylight saving or an excluded date makes of this fire")

    @classmethod
    def of(cls, fire: PlannedFire) -> "PlannedFireShape":
        """The answer for a planned fire."""
        return cls(
            time=fire.time,
            local_time=fire.local_time.replace(tzinfo=None).isoformat(),
            utc_offset=fire.local_time.isoformat()[-6:],
            note=fire.note,
        )


class PreviewShape(Shape):
    """The text of a schedule and its next fires."""

    local_schedule: str
    fires: list[PlannedFireShape]


class PreviewedShape(Shape):
    """One of several schedules that were looked at: its text and next fires, or why it could not be saved."""

    local_schedule: str | None
    fires: list[PlannedFireShape]
    errors: list[FieldProblem]

    @classmethod
    def of(cls, p: Previewed) -> "PreviewedShape":
        """The answer for a schedule that was looked at."""
        return cls(
            local_schedule=p.text,
            fires=[PlannedFireShape.of(fire) for fire in p.fires],
            errors=[FieldProblem(field=e.field, message=e.message) for e in p.errors],
        )


class FireShape(Shape):
    """A row of the fire ledger; ``count`` due times from ``dueTime`` to ``lastDueTime`` share it."""

    id: int
    schedule_id: int
    due_time: Time
    last_due_time: Time
    local_time: str
    count: int
    outcome: str
    reason: str
    decided: Time
    run_ids: list[int]

    @classmethod
    def of(cls, fire: model.Fire, timezone: str) -> "FireShape":
        """The answer for a ledger row, with the wall clock of the schedule's timezone."""
        return cls(
            id=fire.id,
            schedule_id=fire.schedule_id,
            due_time=fire.due,
            last_due_time=fire.last_due,
            local_time=local(fire.due, timezone).isoformat(),
            count=fire.count,
            outcome=fire.outcome.value,
            reason=fire.reason,
            decided=fire.decided,
            run_ids=list(fire.run_ids),
        )


class AgentShape(Shape):
    """An agent."""

    id: int
    name: str
    description: str | None
    documentation: str | None
    icon: str | None = None
    image: str | None = None
    input_parameters: dict[str, Any]
    config_type: str
    proxy_pool_id: int | None = None
    space_id: int
    start_url: str | None
    status: int | None = Field(description="The status of the last run; null when it never ran")
    user_id: int
    validation_status: str = Field(
        description="Warning when agent.toml refers to secrets that are not set, else Valid"
    )
    version: int
    created: Time
    updated: Time
    last_activity: Time | None
    agent_templates: str | None = None
    is_archived: bool
    content_hash: str | None = Field(description=_HASH)

    @classmethod
    def of(cls, a: model.Agent) -> "AgentShape":
        """The answer for an agent."""
        return cls(
            id=a.id,
            name=a.name,
            description=a.description,
            documentation=a.documentation,
            input_parameters=dict(a.input_parameters),
            config_type=a.config_type,
            space_id=a.space_id,
            start_url=a.start_url,
            status=None if a.last_status is None else a.last_status.value,
            user_id=a.user_id,
            validation_status=a.validation_status,
            version=a.version,
            created=a.created,
            updated=a.updated,
            last_activity=a.last_activity,
            is_archived=a.is_archived,
            content_hash=a.content_hash,
        )


class AgentPage(Shape):
    """A page of agents, under both names that clients look for."""

    items: list[AgentShape]
    agents: list[AgentShape]
    total_record_count: int


class VersionShape(Shape):
    """A version of an agent."""

    version: int
    user_name: str
    created: Time
    comments: str | None
    file_size: int
    content_hash: str | None = Field(description=_HASH)

    @classmethod
    def of(cls, v: model.AgentVersion) -> "VersionShape":
        """The answer for a version."""
        return cls(
            version=v.version,
            user_name=v.user_name,
            created=v.created,
            comments=v.comments,
            file_size=v.file_size,
            content_hash=v.content_hash,
        )


_LONG_INPUT = 2000


def _has_no_input_to_show(run: model.Run, *, listed: bool) -> bool:
    return run.input_json == model.NO_INPUT or (listed and len(run.input_json) > _LONG_INPUT)


def _message(run: model.Run) -> str | None:
    """What is to be said of a run, the combined export that belongs to it included."""
    made = Combination.from_text(run.combined)
    if made is None:
        return run.message
    return f"{run.message}; {made.describe()}" if run.message else made.describe()


class RunShape(Shape):
    """A run."""

    id: int
    run_id: int
    config_id: int
    config_name: str
    space_id: int
    organization_id: int = 1
    organization_name: str = "Lamplighter"
    sequence: int
    parallelism: int
    parallel_max_concurrency: int | None
    parallel_export: str
    parallel_set: int
    start_time: Time | None
    end_time: Time | None
    created: Time
    status: int
    message: str | None
    config_version: int
    action_count: int
    page_count: int
    dynamic_page_count: int
    request_count: int
    data_count: int
    input_count: int
    error_count: int
    export_count: int
    traffic: int
    run_time_sec: int
    server_name: str | None
    table_type: str = Field(
        description="`history` for a run that has ended and cannot be restarted, else `run`"
    )
    error_message: str | None
    records_extracted: int
    records_exported: int
    started_by: str
    log_level: str
    log_mode: str
    schedule_id: int | None
    scheduled_time: Time | None
    attempt: int
    retries: int = Field(
        description="How many of its attempts were retries since it was started or restarted"
    )
    warnings: list[str] = Field(description="What a person should know of a run that ended well all the same")
    input_parameters: str | None = Field(
        description="The input as JSON, with references to secrets; in a list null when it is long"
    )
    proxy_pool_id: int | None
    server_group_id: int | None
    is_exclusive: bool
    is_wait_on_failure: bool
    max_retries: int | None
    retry_delay_seconds: int | None
    timeout_seconds: int | None
    priority: int
    tag: str | None = None

    @classmethod
    def of(cls, r: model.Run, now: datetime, *, listed: bool = False) -> "RunShape":
        """The answer for a run; ``now`` bounds the run time of one that is going.

        ``listed``: among others, where a long input would be in the way.
        """
        n, s = r.counters, r.settings
        seconds = 0
        if r.start_time is not None:
            seconds = int(((r.end_time or now) - r.start_time).total_seconds())
        return cls(
            id=r.id,
            run_id=r.id,
            config_id=r.agent_id,
            config_name=r.agent_name,
            space_id=r.space_id,
            sequence=r.sequence,
            parallelism=s.parallelism,
            parallel_max_concurrency=s.parallel_max_concurrency,
            parallel_export=s.parallel_export.value,
            parallel_set=r.set_id,
            start_time=r.start_time,
            end_time=r.end_time,
            created=r.created,
            status=r.status.value,
            message=_message(r),
            config_version=r.agent_version,
            action_count=n.request_count,
            page_count=n.page_count,
            dynamic_page_count=n.dynamic_page_count,
            request_count=n.request_count,
            data_count=n.data_count,
            input_count=n.input_count,
            error_count=n.error_count,
            export_count=n.export_count,
            traffic=n.traffic,
            run_time_sec=max(0, seconds),
            server_name=r.server_name,
            table_type="history" if r.status.is_terminal and r.status is not _RESTARTABLE else "run",
            error_message=_message(r) if r.status in _FAILED else None,
            records_extracted=n.data_count,
            records_exported=n.export_count,
            started_by=r.started_by,
            log_level=s.log_level.value,
            log_mode=s.log_mode.value,
            schedule_id=r.schedule_id,
            scheduled_time=r.scheduled_time,
            attempt=r.attempt,
            retries=r.retries,
            warnings=list(r.warnings),
            input_parameters=None if _has_no_input_to_show(r, listed=listed) else r.input_json,
            proxy_pool_id=s.proxy_pool_id,
            server_group_id=s.server_group_id,
            is_exclusive=s.is_exclusive,
            is_wait_on_failure=s.is_wait_on_failure,
            max_retries=s.max_retries,
            retry_delay_seconds=s.retry_delay_seconds,
            timeout_seconds=s.timeout_seconds,
            priority=s.priority,
        )


_RESTARTABLE = model.RunStatus.FAILURE
_FAILED = (model.RunStatus.FAILURE, model.RunStatus.FAILED)


class FileShape(Shape):
    """A file that a run left."""

    id: int
    name: str
    file_type: str
    file_size: int
    created: Time
    region_id: int = 1

    @classmethod
    def of(cls, f: model.RunFile) -> "FileShape":
        """The answer for a file."""
        return cls(id=f.id, name=f.name, file_type=f.file_type, file_size=f.size, created=f.created)


class KeyShape(Shape):
    """An API key, without the key."""

    id: int
    user_id: int
    user_name: str
    description: str | None
    prefix: str
    is_read_only: bool
    space_id: int | None = Field(description="The one space that it is good for; null: all of its user")
    created: Time
    expires: Time
    revoked: Time | None
    last_used: Time | None

    @classmethod
    def of(cls, k: model.ApiKey) -> "KeyShape":
        """The answer for a key."""
        return cls(**{name: getattr(k, name) for name in cls.model_fields if name != "key"})


class NewKeyShape(KeyShape):
    """An API key that was just made; ``key`` is shown this once."""

    key: str


class HealthShape(Shape):
    """How the server is."""

    status: str
    version: str
    tzdata_version: str
    time: Time
    runs_going: int
    runs_waiting: int


class Page(Shape, Generic[Item]):
    """A page of a list, as it is answered when a page was asked for."""

    items: list[Item]
    total_record_count: int
