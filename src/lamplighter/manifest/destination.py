"""A place outside Lamplighter to which records are delivered: its address and options, checked when it is saved.

::

    destination = "/srv/records"
    destination = "s3://bucket/prefix"
    destination = { to = "https://example.com/hook", secret = "${secret:HOOK}" }
    destination = [{ to = "postgresql://user@host/shop", table = "books", mode = "replace", key = ["url"] }]

Any text may hold ``${secret:NAME}``. An address that begins with one is checked when the secret is known.
"""

import re
from collections.abc import Iterator
from enum import Enum
from importlib.util import find_spec
from string import Formatter
from typing import Annotated, Any, Literal, Self
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationInfo, model_validator

from lamplighter.manifest import references

Format = Literal["jsonl", "csv", "parquet"]
Word = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
# The context in which an agent.toml is checked that somebody wants to save; one that was saved stays readable.
SAVING = {"saving": True}
# The same on another machine than the server's, which cannot know what is installed there.
SENDING = {"saving": True, "elsewhere": True}


def is_new(context: Any) -> bool:
    """Whether what is checked is to be saved, here or after it was sent."""
    return context is SAVING or context is SENDING


PLACEHOLDERS = ("agent", "run", "attempt", "date", "time", "format")
DELIVERIES = "lamplighter_deliveries"
_SECRET = re.compile(r"\$\{secret:[^}]*\}")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*", re.ASCII)
_SHORTEST_SECRET = 4  # a shorter text is in every second message by chance


class Place(Enum):
    """The kinds of destinations; the value is what people call it."""

    FOLDER = "a folder"
    OBJECT_STORE = "an object store"
    WEBHOOK = "a webhook"
    DATABASE = "a database"
    UNKNOWN = "known when its secret is"


_SCHEMES = {
    "file": Place.FOLDER,
    "s3": Place.OBJECT_STORE,
    "http": Place.WEBHOOK,
    "https": Place.WEBHOOK,
    "postgresql": Place.DATABASE,
    "sqlite": Place.DATABASE,
}
_KNOWN = "write /folder, file:///folder, s3://bucket/prefix, https://…, postgresql://… or sqlite:////folder/file.db"
_OPTIONS: dict[str, tuple[Place, ...]] = {
    "name": (Place.FOLDER, Place.OBJECT_STORE),
    "formats": (Place.FOLDER, Place.OBJECT_STORE, Place.WEBHOOK),
    "endpoint": (Place.OBJECT_STORE,),
    "region": (Place.OBJECT_STORE,),
    "access_key": (Place.OBJECT_STORE,),
    "secret_key": (Place.OBJECT_STORE,),
    "secret": (Place.WEBHOOK,),
    "headers": (Place.WEBHOOK,),
    "table": (Place.DATABASE,),
    "mode": (Place.DATABASE,),
    "key": (Place.DATABASE,),
}
# Scheme → the library that it needs, and the extra that brings it.
_NEEDS = {"s3": ("obstore", "s3"), "postgresql": ("psycopg", "postgresql")}


class DestinationSection(BaseModel):
    """One destination. What could open it is not in its ``repr``; ``title`` is what messages call it."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    to: Annotated[Word, Field(repr=False)]
    formats: Annotated[list[Format], Field(min_length=1)] | None = None
    name: Word = "{agent}/{date}/run-{run}/records.{format}"
    endpoint: Word | None = None
    region: Word | None = None
    access_key: Annotated[Word | None, Field(repr=False)] = None
    secret_key: Annotated[Word | None, Field(repr=False)] = None
    secret: Annotated[Word | None, Field(repr=False)] = None
    headers: Annotated[dict[str, str], Field(repr=False)] = {}
    table: Word | None = None
    mode: Literal["append", "replace"] = "append"
    key: list[Word] = []

    @model_validator(mode="after")
    def _can_be_used(self, info: ValidationInfo) -> Self:
        place = _place_of(self.to)
        if place is None:
            raise ValueError(f"to: is no place that records can be delivered to: {_KNOWN}")
        problems = [] if place is Place.UNKNOWN else list(_problems(self, place))
        if is_new(info.context):
            problems += [*_problems_of_references(self), *_problems_of_table(self)]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def place(self) -> Place:
        """What kind of destination it is."""
        return _place_of(self.to) or Place.UNKNOWN

    @property
    def address(self) -> SplitResult:
        """The parts of ``to``."""
        return urlsplit(self.to)

    @property
    def title(self) -> str:
        """The destination for people: without credentials, and of a webhook only the host."""
        if self.place is Place.UNKNOWN:
            return "a destination whose address is secret"
        if self.to.startswith("/"):
            return self.to
        address = self.address
        host = address.netloc.rpartition("@")[2]
        if self.place is Place.WEBHOOK:
            return f"{address.scheme}://{host}"
        table = f"table {self.table} of " if self.place is Place.DATABASE else ""
        return f"{table}{address.scheme}://{host}{address.path}"

    def without_secrets(self, text: str) -> str:
        """``text`` with stars for everything of this destination that not everybody may read."""
        address = self.address
        user = address.netloc.rpartition("@")[0]
        password = user.partition(":")[2]
        hidden = {password, unquote(password), self.access_key, self.secret_key, self.secret, address.query}
        hidden |= set(self.headers.values())
        if self.place is Place.WEBHOOK:  # the path of a hook is often what opens it
            hidden |= {user, address.path.strip("/")}
        for found in sorted(filter(None, hidden), key=len, reverse=True):
            if len(found) >= _SHORTEST_SECRET:
                text = text.replace(found, "***")
        return text

    def missing_extra(self) -> str | None:
        """What is to be installed for this destination; None when everything is there."""
        scheme = self.address.scheme if self.place is not Place.UNKNOWN else ""
        library, extra = _NEEDS.get(scheme, ("", ""))
        if not library or find_spec(library) is not None:
            return None
        return f"{scheme}:// needs lamplighter[{extra}]: pip install 'lamplighter[{extra}]'"


def _place_of(to: str) -> Place | None:
    """The kind of destination; None when ``to`` is no address of any."""
    if to.startswith("/"):
        return Place.FOLDER
    if _SECRET.match(to):
        return Place.UNKNOWN
    try:
        address = urlsplit(to)
        _ = address.port if not _SECRET.search(address.netloc) else None
    except ValueError:  # a port that is no number, say
        return None
    return _SCHEMES.get(address.scheme)


def _problems(section: DestinationSection, place: Place) -> Iterator[str]:
    fields = DestinationSection.model_fields
    for name, places in _OPTIONS.items():
        if place not in places and getattr(section, name) != fields[name].default:
            yield f"{name}: is not for {place.value}, but for {' or '.join(p.value for p in places)}"
    if place is Place.FOLDER:
        yield from _problems_of_folder(section)
    elif place is Place.OBJECT_STORE:
        yield from _problems_of_object_store(section)
    elif place is Place.WEBHOOK:
        yield from _problems_of_webhook(section)
    else:
        yield from _problems_of_database(section)


def _problems_of_folder(section: DestinationSection) -> Iterator[str]:
    if section.address.netloc or not section.address.path.startswith("/"):
        yield "to: must be the whole path of a folder on this machine: /folder or file:///folder"
    yield from _problems_of_name(section)


def _problems_of_object_store(section: DestinationSection) -> Iterator[str]:
    if not section.address.netloc:
        yield "to: the bucket is missing: write s3://bucket or s3://bucket/prefix"
    if (section.access_key is None) != (section.secret_key is None):
        yield "access_key and secret_key: give both, or neither for those of the server's environment"
    if section.endpoint is not None and not section.endpoint.startswith(("http://", "https://", "${secret:")):
        yield "endpoint: must begin with https:// or http://"
    yield from _problems_of_name(section)


def _problems_of_name(section: DestinationSection) -> Iterator[str]:
    template = _SECRET.sub("x", section.name)
    try:
        parts = list(Formatter().parse(template))
    except ValueError:
        parts = [("", "", "", None)]
    names = [name for _, name, _, _ in parts if name is not None]
    if any(
        name not in PLACEHOLDERS or spec or conversion
        for _, name, spec, conversion in parts
        if name is not None
    ):
        yield f"name: of placeholders there are {', '.join(f'{{{name}}}' for name in PLACEHOLDERS)}"
    steps = template.split("/")
    if "" in steps or "." in steps or ".." in steps:
        yield "name: must be a relative path that stays in its folder"
    if "format" not in names and len(section.formats or ("jsonl", "csv")) > 1:
        yield "name: needs {format}, or formats exactly one"


def _problems_of_webhook(section: DestinationSection) -> Iterator[str]:
    if not section.address.hostname:
        yield "to: the host is missing: write https://host/path"
    if len(section.formats or ()) > 1:
        yield "formats: a webhook is sent exactly one"
    for name, value in section.headers.items():
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            yield f"headers: {name!r} is no header of plain ASCII"


def _problems_of_database(section: DestinationSection) -> Iterator[str]:
    address = section.address
    if address.scheme == "sqlite" and (address.netloc or not address.path.startswith("//")):
        yield "to: must be the whole path of a file: sqlite:////folder/file.db, with four slashes"
    if address.scheme != "sqlite" and not address.hostname and "host=" not in address.query:
        yield "to: the host is missing: write postgresql://user:password@host/database"
    if section.table is None:
        yield "table: is required for a database"
    elif section.table.rpartition(".")[2] == DELIVERIES:
        yield f"table: {DELIVERIES} is where Lamplighter notes what was delivered"
    if section.mode == "replace" and not section.key:
        yield 'key: is required with mode = "replace": the fields that two records of the same thing share'
    if section.mode == "append" and section.key:
        yield 'key: is for mode = "replace"'


def _problems_of_references(section: DestinationSection) -> Iterator[str]:
    for name, value in section:
        wrong = references.impossible(value)
        if wrong is not None:
            yield f"{name}: {wrong}"


def _problems_of_table(section: DestinationSection) -> Iterator[str]:
    if section.table is None:
        return
    steps = _SECRET.sub("x", section.table).split(".")
    if len(steps) > 2 or "" in steps:
        yield "table: must be table or schema.table"
    elif len(steps) == 2 and section.address.scheme == "sqlite":
        yield "table: must be the name of a table alone: SQLite has no schemas"
