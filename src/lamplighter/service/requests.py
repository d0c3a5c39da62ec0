"""What callers may ask for: the bodies of requests, with the wire's names and limits.

Property names are matched without regard to case, unknown ones are ignored, and an explicit null means "not
given", as the HTTP contract says. Python code uses the snake_case names.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import MISSING, dataclass, fields, replace
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from functools import cache
from typing import Annotated, Any, TypeVar, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StrictBool,
    StrictStr,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from lamplighter.model import (
    CatchUp,
    LogLevel,
    LogMode,
    ParallelExport,
    Role,
    RunSettings,
    ScheduleType,
    Timing,
)
from lamplighter.triggers import DstGap, DstOverlap, Period

LONGEST_INPUT = 1_000_000  # characters of JSON
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_DATE_FIRST = re.compile(r"\d{4}-\d\d-\d\d")

Choice = TypeVar("Choice", bound=StrEnum | IntEnum)
Kept = TypeVar("Kept", Timing, RunSettings)


@cache
def _names(kind: type[BaseModel]) -> Mapping[str, str]:
    """The names of a body's properties, by themselves in lower case."""
    return {to_camel(name).lower(): to_camel(name) for name in kind.model_fields}


class Request(BaseModel):
    """The root of all request bodies."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore")

    @model_validator(mode="before")
    @classmethod
    def _read_names_in_any_case(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        names = _names(cls)
        return {
            names.get(key.lower(), key) if isinstance(key, str) else key: given
            for key, given in value.items()
            if given is not None
        }

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Null is the same as not given, also where there is another default."""
        told = handler.resolve_ref_schema(handler(schema))
        for name, one in told.get("properties", {}).items():
            if "default" in one and one["default"] is not None:
                kept = {key: one.pop(key) for key in ("default", "description", "title") if key in one}
                told["properties"][name] = {"anyOf": [one, {"type": "null"}], **kept}
        return told


def choose(kind: type[Choice], also: dict[str, Choice] | None = None) -> Callable[[Any], Choice]:
    """A validator that takes a member by its name or value, in any letter case."""
    words: dict[str, Any] = {}
    for member in kind:
        words[str(member.value).lower()] = words[member.name.lower().replace("_", "")] = member
    words |= also or {}
    shown = ", ".join(f"{m.value} {_title(m)}" if isinstance(m, IntEnum) else str(m.value) for m in kind)

    def chosen(value: Any) -> Choice:
        if isinstance(value, str | int) and not isinstance(value, bool):
            found = words.get(str(value).lower())
            if found is not None:
                return cast(Choice, found)
        raise ValueError(f"must be one of: {shown}")

    return chosen


def _title(member: IntEnum) -> str:
    return member.name.title().replace("_", "")


def _read_time(value: Any, read: ValidatorFunctionWrapHandler) -> datetime:
    """Only ISO 8601: Pydantic by itself would take a number as seconds since 1970."""
    if isinstance(value, datetime) or (isinstance(value, str) and _DATE_FIRST.match(value)):
        with suppress(ValidationError):
            return _instant(read(value))
    raise ValueError("must be an ISO 8601 time such as 2026-03-01T09:00:00Z")


def _end_of_day(value: Any) -> Any:
    return f"{value}T23:59:59.999Z" if isinstance(value, str) and _DATE_FIRST.fullmatch(value) else value


def _instant(value: datetime) -> datetime:
    moment = value.replace(tzinfo=UTC) if value.tzinfo is None else value
    if not _EARLIEST.timestamp() <= moment.timestamp() < _LATEST.timestamp():
        raise ValueError("must be a time between the years 1970 and 2200")
    moment = moment.astimezone(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as problem:
            raise ValueError("must not contain half of a surrogate pair") from problem
    return value


def _clean(value: Any) -> Any:
    if isinstance(value, str) and "\0" in value:
        raise ValueError("must not contain the character NUL")
    return _encodable(value)


def _name(text: str) -> str:
    if not text.strip() or len(text) > 200:
        raise ValueError("must be 1 to 200 characters, and not only spaces")
    if has_control_characters(text):
        raise ValueError("must not contain line breaks or other control characters")
    return text


def has_control_characters(text: str) -> bool:
    """Whether a name has what none may have: names go into subjects of mails, into logs and onto terminals."""
    return any(unicodedata.category(letter) == "Cc" for letter in text)


@dataclass(frozen=True, slots=True)
class Between:
    """Annotates a whole number that is bounded on both sides, so that the message can tell both."""

    least: int
    most: int

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """What Pydantic makes of it: the bounds of a number, with a message of this house."""
        number = core_schema.int_schema(ge=self.least, le=self.most)
        return core_schema.no_info_wrap_validator_function(self._read, number)

    def _read(self, value: Any, read: ValidatorFunctionWrapHandler) -> Any:
        with suppress(ValidationError):
            return read(_number_only(value))
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        is_whole = is_number and (isinstance(value, int) or value.is_integer())
        raise ValueError(f"must be {'' if is_whole else 'a whole number, '}{self.least:,} to {self.most:,}")


def _number_only(value: Any) -> Any:
    if isinstance(value, str | bool):
        raise ValueError("must be a whole number, not text or a truth value")  # noqa: TRY004 - for Pydantic
    return value


def _json_text(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError(  # noqa: TRY004 - for Pydantic
            'must be a string with JSON in it, such as "{\\"url\\": \\"https://example.com\\"}"'
        )
    return value


# Something besides spaces, and no control characters.
VISIBLE = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
Time = Annotated[datetime, WrapValidator(_read_time)]
# The end of a range: a bare date includes that whole day.
Until = Annotated[datetime, WrapValidator(_read_time), BeforeValidator(_end_of_day)]
Clean = BeforeValidator(_clean)
Text = Annotated[StrictStr, Clean]
Name = Annotated[
    Text,
    AfterValidator(_name),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 200, "pattern": VISIBLE}),
]
JsonText = Annotated[StrictStr, Field(max_length=LONGEST_INPUT), BeforeValidator(_json_text), Clean]
NumberOnly = BeforeValidator(_number_only)
Whole = Annotated[int, NumberOnly]
Small = Annotated[int, Between(1, 1_000_000)]
Number = Annotated[int, Between(1, 2**31 - 1)]
Seconds = Annotated[int, Between(0, 315_360_000)]
Type = Annotated[
    ScheduleType,
    BeforeValidator(choose(ScheduleType)),
    WithJsonSchema(
        {"enum": [0, 1, 2, 3], "type": "integer", "description": "0 None, 1 RunOnce, 2 RunEvery, 3 CRON"}
    ),
]
# An official example sends 0 for minutes.
EveryPeriod = Annotated[
    int,
    BeforeValidator(choose(Period, {"0": Period.MINUTES})),
    WithJsonSchema(
        {
            "enum": [0, 1, 2, 3, 4, 5],
            "type": "integer",
            "description": "1 minutes (0 is accepted too), 2 hours, 3 days, 4 weeks, 5 months",
        }
    ),
]
Export = Annotated[
    ParallelExport,
    BeforeValidator(choose(ParallelExport, {"separate": ParallelExport.SEPARATED})),
]
Level = Annotated[LogLevel, BeforeValidator(choose(LogLevel))]
Mode = Annotated[LogMode, BeforeValidator(choose(LogMode))]
CatchUpChoice = Annotated[CatchUp, BeforeValidator(choose(CatchUp))]
Gap = Annotated[DstGap, BeforeValidator(choose(DstGap))]
Overlap = Annotated[DstOverlap, BeforeValidator(choose(DstOverlap))]


# What a schedule has a default for, by the name without regard to case: how one goes back to it.
RESETTABLE = {
    to_camel(name): name
    for name in (
        *("input_parameters", "local_schedule"),
        *(f.name for f in (*fields(RunSettings), *fields(Timing)) if f.default is not MISSING),
    )
    if name != "anchor"
}
_RESETS = {name.lower(): field for name, field in RESETTABLE.items()}


def _resets(names: list[str]) -> list[str]:
    unknown = [name for name in names if name.lower() not in _RESETS]
    if unknown:
        raise ValueError(f"{unknown[0]!r} has no default: name some of {', '.join(sorted(RESETTABLE))}")
    return [_RESETS[name.lower()] for name in names]


Resets = Annotated[
    list[StrictStr],
    AfterValidator(_resets),
    WithJsonSchema(
        {
            "type": "array",
            "items": {"type": "string", "enum": sorted(RESETTABLE)},
            "description": "When changing: properties that go back to their defaults, unless they are sent too",
        }
    ),
]


class SettingsRequest(Request):
    """The settings of runs that a schedule and a start have in common."""

    input_parameters: JsonText | None = None
    parallelism: Annotated[int, Between(1, 50)] | None = None
    parallel_max_concurrency: Small | None = None
    parallel_export: Export | None = None
    proxy_pool_id: Whole | None = None
    server_group_id: Whole | None = None
    log_level: Level | None = None
    log_mode: Mode | None = None
    is_exclusive: StrictBool | None = None
    is_wait_on_failure: StrictBool | None = None
    max_retries: Annotated[int, Between(0, 1000)] | None = None
    retry_delay_seconds: Annotated[int, Between(0, 3600)] | None = None
    timeout_seconds: Annotated[int, Between(1, 31_536_000)] | None = None
    priority: Annotated[int, Between(-1000, 1000)] | None = None

    def settings(self, base: RunSettings) -> RunSettings:
        """``base`` with what was asked for in its place."""
        given = {
            name: getattr(self, name)
            for name in RunSettings.__dataclass_fields__
            if getattr(self, name) is not None
        }
        # Null means "not given", so 0 says that there is to be none.
        given |= {name: None for name in ("proxy_pool_id", "server_group_id") if given.get(name) == 0}
        return RunSettings(**{n: getattr(base, n) for n in RunSettings.__dataclass_fields__} | given)


class ScheduleRequest(SettingsRequest):
    """A schedule to create, preview or change; when changing, what is not given keeps its value."""

    name: Name | None = None
    schedule_type: Type | None = None
    cron_expression: Text | None = None
    local_schedule: Annotated[StrictStr, Field(max_length=500), Clean] | None = None
    timezone: Text | None = None
    start_time: Time | None = None
    end_time: Time | None = None
    is_enabled: StrictBool | None = None
    is_shadow: StrictBool | None = None
    run_every_count: Small | None = None
    run_every_period: EveryPeriod | None = None
    jitter_seconds: Annotated[int, Between(0, 86_400)] | None = None
    catch_up: CatchUpChoice | None = None
    catch_up_window_seconds: Seconds | None = None
    dst_gap: Gap | None = None
    dst_overlap: Overlap | None = None
    excluded_dates: Annotated[list[Text], Field(max_length=1000)] | None = None
    reset: Resets | None = None

    def reset_in(self, value: Kept) -> Kept:
        """A value of a schedule with the defaults of the fields that are to be reset."""
        defaults: dict[str, Any] = {f.name: f.default for f in fields(value) if f.name in (self.reset or ())}
        return replace(value, **defaults)


class PreviewRequest(ScheduleRequest):
    """A schedule whose next fires are to be shown."""

    after: Time | None = None
    count: Annotated[int, Between(1, 1000)] = 5


class StartRequest(SettingsRequest):
    """How an agent is to be started by hand. ``timeout`` (seconds) is for synchronous starts."""

    is_run_synchronously: StrictBool = False
    timeout: Annotated[int, Between(1, 3600)] = 60


class RunAllRequest(Request):
    """How all agents of a space are to be started: with the same input, or each with its own defaults."""

    input_parameters: JsonText | None = None


class AgentRequest(Request):
    """An agent to create or to save: ``files`` is path → text."""

    name: Name | None = None
    description: Annotated[StrictStr, Field(max_length=10_000), Clean] | None = None
    documentation: Annotated[StrictStr, Field(max_length=1_000_000), Clean] | None = None
    start_url: Annotated[StrictStr, Field(max_length=2_000), Clean] | None = None
    space_id: Annotated[int, Between(1, 2**31 - 1)] | None = None
    comments: Annotated[StrictStr, Field(max_length=1_000), Clean] | None = None
    files: dict[Text, Annotated[StrictStr, BeforeValidator(_encodable)]] | None = None


class RestoreRequest(Request):
    """Why an old version is restored."""

    content: Annotated[StrictStr, Field(max_length=1_000), Clean] | None = None


class KeyRequest(Request):
    """An API key to create; without ``expires`` it is good for a year.

    ``userId`` is whose it is to be (an administrator may say another), ``spaceId`` limits it to one space.
    """

    description: Annotated[StrictStr, Field(max_length=200), Clean] | None = None
    expires: Time | None = None
    user_id: Number | None = None
    is_read_only: StrictBool | None = None
    space_id: Number | None = None


class UserRequest(Request):
    """A user to create or change; when changing, what is not given keeps its value."""

    name: Name | None = None
    email: Annotated[StrictStr, Field(max_length=320), Clean] | None = None
    is_admin: StrictBool | None = None
    is_active: StrictBool | None = None


class SpaceRequest(Request):
    """A space to create or change; when changing, what is not given keeps its value."""

    name: Name | None = None
    description: Annotated[StrictStr, Field(max_length=10_000), Clean] | None = None
    is_default_access: StrictBool | None = None


class MemberRequest(Request):
    """What a member may do in a space."""

    role: Annotated[Role, BeforeValidator(choose(Role))]


class PasswordRequest(Request):
    """A password to set; oneself says the current one, too."""

    model_config = ConfigDict(hide_input_in_errors=True)

    password: Annotated[StrictStr, Field(min_length=10, max_length=1000, repr=False), Clean]
    current_password: Annotated[StrictStr, Clean] | None = Field(None, max_length=1000, repr=False)
