"""What may be in the file, checked: every mistake is told with its line, its path and what would be right."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    ValidationError,
    model_validator,
)

from lamplighter.cli.blueprint.words import TRIGGERS, canonical_input, every_words
from lamplighter.cli.blueprint.yaml_text import Path, Text, read
from lamplighter.cli.times import parse_every, parse_moment, parse_seconds
from lamplighter.clock import SystemClock
from lamplighter.errors import FieldError, InvalidInput, what_is_wrong
from lamplighter.model import LogLevel, LogMode, ParallelExport, Role, Rotation
from lamplighter.triggers import parse_cron, zone

VERSION = 1
_MOST_TOLD = 50
_LONGEST_SHOWN = 60
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d?:\d\d.*")


def _said(parse: Callable[[], Any]) -> Any:
    """What ``parse`` makes of a value, its refusal in the form that Pydantic wants."""
    try:
        return parse()
    except InvalidInput as problem:
        raise ValueError(problem.errors[0].message) from problem


def _duration(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if not isinstance(value, str):
        raise ValueError('must be a duration such as 90 (seconds), 30s, 5m, 2h or "1 day"')  # noqa: TRY004 - for Pydantic
    return int(_said(lambda: parse_seconds(value, "")))


def _cron(text: str) -> str:
    _said(lambda: parse_cron(text))
    return text


def _every(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError('must be an interval such as "30 minutes", 2h or "1 day"')  # noqa: TRY004 - for Pydantic
    return every_words(*_said(lambda: parse_every(value, "")))


def _one_of(*words: str) -> BeforeValidator:
    known = {word.lower(): word for word in words}

    def chosen(value: Any) -> str:
        found = known.get(value.lower()) if isinstance(value, str) else None
        if found is None:
            raise ValueError(f"must be one of: {', '.join(words)}{_close(value, words)}")
        return found

    return BeforeValidator(chosen)


def _close(word: Any, known: Iterable[str]) -> str:
    by_lower = {one.lower(): one for one in known}
    close = get_close_matches(str(word).lower(), by_lower, n=1)
    return f"; did you mean {by_lower[close[0]]}?" if close else ""


def _timezone(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be an IANA name such as Europe/Berlin")  # noqa: TRY004 - for Pydantic
    return str(_said(lambda: zone(value)).key)


def _input(value: Any) -> Any:
    try:
        canonical_input(value)
    except (TypeError, ValueError) as problem:
        raise ValueError(f"must be what JSON has: {problem}") from problem
    if not isinstance(value, dict | list):
        raise ValueError("must be a mapping, such as {pages: 3}, or a list of those")  # noqa: TRY004 - for Pydantic
    return value


def _moment(value: Any) -> Any:
    if not isinstance(value, str) or not _MOMENT.fullmatch(value.strip()):
        raise ValueError(
            "must be a time such as 2026-12-01T09:00:00Z, or 2026-12-01 09:00 by the schedule's clock"
        )
    return value.strip()


Name = Annotated[StrictStr, Field(min_length=1, max_length=200)]
Duration = Annotated[int, BeforeValidator(_duration)]
Moment = Annotated[str, BeforeValidator(_moment)]
Argument = Annotated[StrictStr, Field(min_length=1)]


class Entry(BaseModel):
    """The root of what may be in the file."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class GroupEntry(Entry):
    """A server group."""

    name: Name
    description: StrictStr | None = None


class ProxyEntry(Entry):
    """A proxy; ``${NAME}`` in it stands for a variable of the environment."""

    url: StrictStr
    username: StrictStr | None = None
    password: Annotated[StrictStr | None, Field(repr=False)] = None


class PoolEntry(Entry):
    """A proxy pool."""

    name: Name
    rotation: Annotated[str, _one_of(*Rotation)] = Rotation.ROUND_ROBIN.value
    proxies: Annotated[
        list[
            Annotated[ProxyEntry, BeforeValidator(lambda one: {"url": one} if isinstance(one, str) else one)]
        ],
        Field(min_length=1),
    ]


class SpaceEntry(Entry):
    """A space; ``members`` are roles by the names of users."""

    name: Name
    description: StrictStr | None = None
    default_access: StrictBool = False
    members: dict[Name, Annotated[str, _one_of(*Role)]] | None = None


class ScheduleEntry(Entry):
    """A schedule of an agent. Of several with one name, each but the first says which ``twin`` it is."""

    name: Name
    twin: Annotated[StrictInt, Field(ge=1)] = 1
    cron: Annotated[StrictStr, AfterValidator(_cron)] | None = None
    every: Annotated[str, BeforeValidator(_every)] | None = None
    at: Moment | None = None
    manual: Literal[True] | None = None
    timezone: Annotated[str, BeforeValidator(_timezone)] = "UTC"
    start: Moment | None = None
    end: Moment | None = None
    exclude: list[StrictStr] = []
    jitter: Duration = 0
    catch_up: Annotated[str, _one_of("latest", "none", "all")] = "latest"
    catch_up_window: Duration = 86_400
    dst_gap: Annotated[str, _one_of("after", "skip")] = "after"
    dst_overlap: Annotated[str, _one_of("first", "second", "both")] = "first"
    enabled: StrictBool = True
    text: Annotated[StrictStr, Field(min_length=1)] | None = None
    input: Annotated[Any, BeforeValidator(lambda value: None if value is None else _input(value))] = None
    parallelism: StrictInt = 1
    max_concurrency: StrictInt | None = None
    export: Annotated[str, _one_of(*ParallelExport)] = ParallelExport.COMBINED.value
    proxy_pool: Name | None = None
    server_group: Name | None = None
    log_level: Annotated[str, _one_of(*LogLevel)] = LogLevel.INFO.value
    log_mode: Annotated[str, _one_of(*LogMode)] = LogMode.TEXT.value
    exclusive: StrictBool = False
    wait_on_failure: StrictBool = False
    max_retries: StrictInt | None = None
    retry_delay: Duration | None = None
    timeout: Duration | None = None
    priority: StrictInt = 0

    @model_validator(mode="after")
    def _one_trigger(self) -> "ScheduleEntry":
        given = [word for word in TRIGGERS if getattr(self, word) is not None]
        if len(given) != 1:
            found = " and ".join(given) if given else "none"
            raise ValueError(
                f'exactly one of cron, every, at and manual is needed, not {found}: such as cron: "0 9 * * 1-5"'
            )
        if self.at is not None and self.start is not None:
            raise ValueError("start has no meaning beside at, which is the only fire: take it out")
        return self

    def fields(self) -> dict[str, Any]:
        """Its fields, each in the form in which they are compared."""
        fields = self.model_dump(exclude={"name", "twin"})
        for word in ("at", "start", "end"):
            fields[word] = None if fields[word] is None else self._instant(fields[word])
        return fields | {
            "exclude": sorted(set(self.exclude)),
            "input": canonical_input(self.input),
        }

    @model_validator(mode="after")
    def _times_exist(self) -> "ScheduleEntry":
        for word in ("at", "start", "end"):
            if getattr(self, word) is not None:
                _said(partial(self._instant, getattr(self, word)))
        return self

    def _instant(self, text: str) -> str:
        moment = parse_moment(text, zone(self.timezone), SystemClock().now(), "")
        return moment.replace(".000Z", "Z")


class AgentEntry(Entry):
    """An agent: its code is a folder, or is written down here. Without any, it must be there already."""

    name: Name
    space: Name | None = None
    folder: Annotated[StrictStr, Field(min_length=1)] | None = None
    files: Annotated[dict[StrictStr, StrictStr | bytes], Field(min_length=1)] | None = None
    command: Annotated[list[Argument], Field(min_length=1)] | None = None
    requirements: list[Argument] | None = None
    description: StrictStr | None = None
    documentation: StrictStr | None = None
    start_url: StrictStr | None = None
    archived: StrictBool | None = None
    schedules: list[ScheduleEntry] | None = None

    @model_validator(mode="after")
    def _one_source(self) -> "AgentEntry":
        if self.folder is not None and (self.files is not None or self.command is not None):
            raise ValueError("folder excludes files and command: the code is in one place")
        if self.command is not None and "agent.toml" in (self.files or {}):
            raise ValueError("command excludes files with an agent.toml, which says what is run")
        if self.requirements is not None and self.command is None:
            raise ValueError("requirements go with command: without, they are in agent.toml")
        return self

    @property
    def inline(self) -> dict[str, bytes] | None:
        """Its files when they are written down in the entry."""
        if self.files is None and self.command is None:
            return None
        files = {
            path: text if isinstance(text, bytes) else text.encode()
            for path, text in (self.files or {}).items()
        }
        if self.command is not None:
            toml = f"[agent]\nrun = {json.dumps(self.command, ensure_ascii=False)}\n"
            if self.requirements is not None:
                toml += f"requirements = {json.dumps(self.requirements, ensure_ascii=False)}\n"
            files["agent.toml"] = toml.encode()
        return files


class Document(Entry):
    """The whole file."""

    lamplighter: Literal[1]
    server_groups: list[GroupEntry] | None = None
    proxy_pools: list[PoolEntry] | None = None
    spaces: list[SpaceEntry] | None = None
    agents: list[AgentEntry] | None = None


@dataclass(frozen=True, slots=True)
class Blueprint:
    """A file that was checked as far as it can be without a server."""

    name: str
    text: Text
    document: Document

    def problem(self, path: Path, message: str) -> FieldError:
        """A mistake at a place in the file."""
        where = _written(path)
        line = f"{self.name}:{self.text.line(path)}"
        return FieldError(f"{line}: {where}" if where else line, message)


def read_document(content: str, name: str) -> Blueprint:
    """The checked content of the file ``name``; InvalidInput tells every mistake."""
    text = read(content, name)
    if not isinstance(text.value, dict):
        raise InvalidInput.of(
            name, f"must begin with lamplighter: {VERSION}, and name agents and so on below it"
        )
    try:
        document = Document.model_validate(text.value)
    except ValidationError as problem:
        blank = Blueprint(name, text, Document.model_construct())
        found = [_mistake(text.value, one) for one in _real(problem.errors())]
        found.sort(key=lambda one: text.line(one[0]))
        raise refusal(blank.problem(*one) for one in found) from None
    blueprint = Blueprint(name, text, document)
    refuse_any(blueprint.problem(path, message) for path, message in _twice(document))
    return blueprint


def refuse_any(problems: Iterable[FieldError]) -> None:
    """Raise what ``refusal`` makes of the problems, if there are any."""
    found = list(problems)
    if found:
        raise refusal(found)


def refusal(problems: Iterable[FieldError]) -> InvalidInput:
    """All problems as one error; of very many only the first ones."""
    found = list(problems)
    more = len(found) - _MOST_TOLD
    told = found[:_MOST_TOLD]
    return InvalidInput(*told, *([FieldError("", f"and {more} more like these")] if more > 0 else []))


def _written(path: Path) -> str:
    """A path as people write it: ``agents[2].schedules[0].cron``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


# --- mistakes ---

_MODELS: Mapping[tuple[str, ...], type[Entry]] = {
    (): Document,
    ("server_groups",): GroupEntry,
    ("proxy_pools",): PoolEntry,
    ("proxy_pools", "proxies"): ProxyEntry,
    ("spaces",): SpaceEntry,
    ("agents",): AgentEntry,
    ("agents", "schedules"): ScheduleEntry,
}
_OF_TYPES = {
    "string_type": "must be text: put it into quotes",
    "int_type": "must be a whole number, without quotes",
    "bool_type": "must be true or false, without quotes",
    "list_type": "must be a list",
    "dict_type": "must be a mapping of names and values",
    "model_type": "must be a mapping of keys and values",
    "missing": "is required",
}


def _real(errors: Sequence[Any]) -> Iterator[Any]:
    """One error for each place: a value of two possible types has one for each."""
    seen: set[tuple[Any, ...]] = set()
    for error in errors:
        place = tuple(part for part in error["loc"] if part not in ("str", "bytes"))
        if place not in seen:
            seen.add(place)
            yield {**error, "loc": place}


def _mistake(value: Any, error: Any) -> tuple[Path, str]:
    path: Path = tuple(part for part in error["loc"] if part != "[key]")
    kind = error["type"]
    if kind == "extra_forbidden":
        model = _MODELS.get(tuple(part for part in path[:-1] if isinstance(part, str)))
        known = sorted(model.model_fields) if model else []
        close = _close(path[-1], known)
        return path, f"is not known here{close or ': write ' + ', '.join(known)}"
    if path == ("lamplighter",):
        return path, f"must be {VERSION}, the version of the form of this file"
    message = _OF_TYPES.get(kind) or what_is_wrong(error)
    if kind in _OF_TYPES and kind != "missing" and "password" not in path:
        message += f", not {_shown(_at(value, path))}"
    return path, message


def _at(value: Any, path: Path) -> Any:
    for part in path:
        value = value[part]
    return value


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 1]}…"


def _twice(document: Document) -> Iterator[tuple[Path, str]]:
    """What has the name of something before it."""
    for section in ("server_groups", "proxy_pools", "spaces"):
        names = [entry.name for entry in getattr(document, section) or ()]
        if section == "spaces":
            names = [name.casefold() for name in names]
        yield from _repeated(names, (section,), "choose another name")
    agents = document.agents or []
    keys = [(agent.space or "", agent.name) for agent in agents]
    yield from _repeated(keys, ("agents",), "an agent is named once, with all of its schedules")
    for number, agent in enumerate(agents):
        twins = [(one.name, one.twin) for one in agent.schedules or ()]
        hint = "rename one, or if there are to be two of the name, give the second twin: 2"
        yield from _repeated(twins, ("agents", number, "schedules"), hint)
        for place, (name, twin) in enumerate(twins):
            if twin > 1 and (name, twin - 1) not in twins:
                path = ("agents", number, "schedules", place, "twin")
                yield path, f"is {twin}, but there is no twin {twin - 1} of {name!r}: count from 1"


def _repeated(names: Sequence[Any], path: Path, hint: str) -> Iterator[tuple[Path, str]]:
    first: dict[Any, int] = {}
    for number, name in enumerate(names):
        if first.setdefault(name, number) != number:
            yield (*path, number, "name"), f"is that of {_written((*path, first[name]))}, too: {hint}"
