"""What callers may ask for: the bodies of requests, with the wire's names and limits.

Property names are matched without regard to case, unknown ones are ignored, and an explicit null means "not
given", as the HTTP contract says. Python code uses the snake_case names.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from typing import Annotated, Any, TypeVar, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictStr,
    WithJsonSchema,
    model_validator,
)
from pydantic.alias_generators import to_camel

from lamplighter.model import CatchUp, LogLevel, LogMode, ParallelExport, RunSettings, ScheduleType

_LATEST = datetime(2200, 1, 1, tzinfo=UTC)
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)

Choice = TypeVar("Choice", bound=StrEnum | IntEnum)


class Request(BaseModel):
    """The root of all request bodies."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore")

    @model_validator(mode="before")
    @classmethod
    def _read_names_in_any_case(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        names = {to_camel(name).lower(): to_camel(name) for name in cls.model_fields}
        return {
            names.get(key.lower(), key) if isinstance(key, str) else key: given
            for key, given in value.items()
            if given is not None
        }


def _choose(kind: type[Choice], also: dict[str, Choice] | None = None) -> Callable[[Any], Choice]:
    """A validator that takes a member by its name or value, in any letter case."""
    words: dict[str, Any] = {}
    for member in kind:
        words[str(member.value).lower()] = words[member.name.lower().replace("_", "")] = member
    words |= also or {}
    shown = ", ".join(f"{m.value} {m.name}" if isinstance(m, IntEnum) else str(m.value) for m in kind)

    def choose(value: Any) -> Choice:
        if isinstance(value, str | int) and not isinstance(value, bool):
            found = words.get(str(value).lower())
            if found is not None:
                return cast(Choice, found)
        raise ValueError(f"must be one of: {shown}")

    return choose


def _instant(value: datetime) -> datetime:
    moment = value.replace(tzinfo=UTC) if value.tzinfo is None else value
    if not _EARLIEST.timestamp() <= moment.timestamp() < _LATEST.timestamp():
        raise ValueError("must be a time between the years 1970 and 2200")
    moment = moment.astimezone(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _text_only(value: Any) -> Any:
    if not isinstance(value, str | datetime):
        raise ValueError("must be an ISO 8601 time such as 2026-03-01T09:00:00Z")  # noqa: TRY004 - for Pydantic
    return value


def _json_text(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError(  # noqa: TRY004 - for Pydantic
            'must be a string with JSON in it, such as "{\\"url\\": \\"https://example.com\\"}"'
        )
    return value


Time = Annotated[datetime, BeforeValidator(_text_only), AfterValidator(_instant)]
Type = Annotated[
    ScheduleType,
    BeforeValidator(_choose(ScheduleType)),
    WithJsonSchema(
        {"enum": [0, 1, 2, 3], "type": "integer", "description": "0 None, 1 RunOnce, 2 RunEvery, 3 CRON"}
    ),
]
Export = Annotated[
    ParallelExport,
    BeforeValidator(_choose(ParallelExport, {"separate": ParallelExport.SEPARATED})),
]
Level = Annotated[LogLevel, BeforeValidator(_choose(LogLevel))]
Mode = Annotated[LogMode, BeforeValidator(_choose(LogMode))]
CatchUpChoice = Annotated[CatchUp, BeforeValidator(_choose(CatchUp))]
JsonText = Annotated[str, BeforeValidator(_json_text), Field(max_length=1_000_000)]
Name = Annotated[StrictStr, Field(min_length=1, max_length=200, pattern=r"\S")]
Small = Annotated[int, Field(ge=1, le=1_000_000)]
Seconds = Annotated[int, Field(ge=0, le=315_360_000)]


class SettingsRequest(Request):
    """The settings of runs that a schedule and a start have in common."""

    input_parameters: JsonText | None = None
    parallelism: Annotated[int, Field(ge=1, le=50)] | None = None
    parallel_max_concurrency: Small | None = None
    parallel_export: Export | None = None
    proxy_pool_id: int | None = None
    server_group_id: int | None = None
    log_level: Level | None = None
    log_mode: Mode | None = None
    is_exclusive: bool | None = None
    is_wait_on_failure: bool | None = None
    max_retries: Annotated[int, Field(ge=0, le=1000)] | None = None
    retry_delay_seconds: Annotated[int, Field(ge=0, le=3600)] | None = None
    timeout_seconds: Annotated[int, Field(ge=1, le=31_536_000)] | None = None
    priority: Annotated[int, Field(ge=-1000, le=1000)] | None = None

    def settings(self, base: RunSettings) -> RunSettings:
        """``base`` with what was asked for in its place."""
        given = {
            name: getattr(self, name)
            for name in RunSettings.__dataclass_fields__
            if getattr(self, name) is not None
        }
        return RunSettings(**{n: getattr(base, n) for n in RunSettings.__dataclass_fields__} | given)


class ScheduleRequest(SettingsRequest):
    """A schedule to create, preview or change; when changing, what is not given keeps its value."""

    name: Name | None = None
    schedule_type: Type | None = None
    cron_expression: StrictStr | None = None
    local_schedule: Annotated[StrictStr, Field(max_length=500)] | None = None
    timezone: StrictStr | None = None
    start_time: Time | None = None
    end_time: Time | None = None
    is_enabled: bool | None = None
    run_every_count: Small | None = None
    run_every_period: Annotated[int, Field(ge=0, le=5)] | None = None
    jitter_seconds: Annotated[int, Field(ge=0, le=86_400)] | None = None
    catch_up: CatchUpChoice | None = None
    catch_up_window_seconds: Seconds | None = None
    dst_gap: Annotated[str, Field(pattern="^(after|skip)$")] | None = None
    dst_overlap: Annotated[str, Field(pattern="^(first|second|both)$")] | None = None
    excluded_dates: Annotated[list[StrictStr], Field(max_length=1000)] | None = None


class PreviewRequest(ScheduleRequest):
    """A schedule whose next fires are to be shown."""

    after: Time | None = None
    count: Annotated[int, Field(ge=1, le=1000)] = 5


class StartRequest(SettingsRequest):
    """How an agent is to be started by hand. ``timeout`` (seconds) is for synchronous starts."""

    is_run_synchronously: bool = False
    timeout: Annotated[int, Field(ge=1, le=3600)] = 60


class AgentRequest(Request):
    """An agent to create or to save: ``files`` is path → text."""

    name: Name | None = None
    description: Annotated[StrictStr, Field(max_length=10_000)] | None = None
    documentation: Annotated[StrictStr, Field(max_length=1_000_000)] | None = None
    start_url: Annotated[StrictStr, Field(max_length=2_000)] | None = None
    comments: Annotated[StrictStr, Field(max_length=1_000)] | None = None
    files: dict[str, StrictStr] | None = None


class RestoreRequest(Request):
    """Why an old version is restored."""

    content: Annotated[StrictStr, Field(max_length=1_000)] | None = None


class KeyRequest(Request):
    """An API key to create; without ``expires`` it is good for a year."""

    description: Annotated[StrictStr, Field(max_length=200)] | None = None
    expires: Time | None = None
