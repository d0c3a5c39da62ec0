"""The table that records go to: made and widened as needed, never narrowed; and what fits its columns."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations

from lamplighter.errors import LamplighterError
from lamplighter.export.values import INT64, Kind, clean_text, json_text
from lamplighter.manifest.destination import DestinationSection

_LONGEST_NAME = 63  # bytes, of PostgreSQL
_SYSTEM_COLUMNS = {"oid", "tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"}
# A number is NUMERIC, of any size and exact: prices that are 10 today are 10.5 tomorrow.
_TYPES: Mapping[Kind, type[sa.types.TypeEngine[Any]]] = {
    Kind.BOOLEAN: sa.Boolean,
    Kind.INTEGER: sa.Numeric,
    Kind.NUMBER: sa.Numeric,
    Kind.TEXT: sa.Text,
    Kind.JSON: sa.Text,
}


class DoesNotFit(LamplighterError):
    """A record cannot be put into the table; the message says which and why."""

    code = "does_not_fit"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table. ``fit`` turns a value that is not null into one of its type, or ``DoesNotFit``."""

    name: str
    fit: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Target:
    """The table in the database, with a column for every field that has values."""

    name: sa.TableClause
    columns: Mapping[str, Column]

    def of(self, fields: Iterable[str]) -> dict[str, Column]:
        """The columns of these fields; one that is null everywhere may have none."""
        return {name: self.columns[name] for name in fields if name in self.columns}


def open_table(c: sa.Connection, section: DestinationSection, kinds: Mapping[str, Kind]) -> Target:
    """The table of the destination, made if it is not there, with columns for all the fields.

    A field that is null in every record gets no column yet: its type is not known.
    """
    schema, _, name = (section.table or "").rpartition(".")
    inspector = sa.inspect(c)
    found: dict[str, Any] = {}
    is_there = inspector.has_table(name, schema or None)
    if is_there:
        found = {column["name"]: column["type"] for column in inspector.get_columns(name, schema or None)}
    names = _names_of(kinds, found, c.dialect.name)
    new = {
        names[field]: _TYPES[kind]()
        for field, kind in kinds.items()
        if names[field] not in found and kind is not Kind.EMPTY
    }
    columns = [sa.Column(sa.quoted_name(column, quote=True), kind) for column, kind in new.items()]
    if not is_there:
        table = sa.Table(name, sa.MetaData(), *columns, schema=schema or None)
        table.create(c)
        for number, field in enumerate(section.key, start=1):
            _add_index(c, table, names[field], number)
    else:
        operations = Operations(MigrationContext.configure(c))
        for column in columns:
            operations.add_column(name, column, schema=schema or None)
    types = found | new
    used = {
        field: Column(names[field], _fit_for(types[names[field]], c.dialect.name))
        for field in kinds
        if names[field] in types
    }
    clause = sa.table(
        name,
        *(sa.column(sa.quoted_name(column.name, quote=True)) for column in used.values()),
        schema=schema or None,
    )
    return Target(clause, used)


def _add_index(c: sa.Connection, table: sa.Table, column: str, number: int) -> None:
    """So that rows of a key are found. PostgreSQL's hash index takes texts of any length."""
    if column in table.c:
        mark = hashlib.sha256(str(table.fullname).encode()).hexdigest()[:8]
        sa.Index(f"lamplighter_{mark}_{number}", table.c[column], postgresql_using="hash").create(c)


def _names_of(fields: Iterable[str], existing: Iterable[str], dialect: str) -> dict[str, str]:
    """The column of each field: its own name where the database takes it, else one made from it.

    SQLite does not tell upper from lower case. What was given a made name once keeps it.
    """
    taken = {_folded(name, dialect): name for name in existing}
    names: dict[str, str] = {}
    for field in fields:
        own = taken.get(_folded(field, dialect), field)
        name = field if own == field and _is_possible(field, dialect) else _made_name(field)
        names[field] = name
        taken[_folded(name, dialect)] = name
    return names


def _folded(name: str, dialect: str) -> str:
    return name.lower() if dialect == "sqlite" else name


def _is_possible(name: str, dialect: str) -> bool:
    # SQLAlchemy takes "%(x)s" for a parameter, in a quoted name too.
    if not name or "\0" in name or "%(" in name or clean_text(name) != name:
        return False
    return dialect == "sqlite" or (len(name.encode()) <= _LONGEST_NAME and name not in _SYSTEM_COLUMNS)


def _made_name(field: str) -> str:
    plain = _storable(field).replace("%(", "(")
    mark = hashlib.sha256(field.encode(errors="backslashreplace")).hexdigest()[:8]
    start = plain.encode()[: _LONGEST_NAME - len(mark) - 1].decode(errors="ignore")
    return f"{start}_{mark}"


def _fit_for(kind: sa.types.TypeEngine[Any], dialect: str) -> Callable[[Any], Any]:
    """How a value becomes one of the column's type; the type may be one that somebody else chose."""
    told = type(kind).__name__.upper()
    if isinstance(kind, sa.Boolean):
        return lambda value: _boolean(value, told)
    if isinstance(kind, sa.Integer):
        return lambda value: _integer(value, told)
    if isinstance(kind, sa.Float):
        return lambda value: float(_number(value, told))
    if isinstance(kind, sa.Numeric):
        return lambda value: _numeric(value, told, dialect)
    if isinstance(kind, sa.JSON):
        return lambda value: _storable(json_text(value))
    return lambda value: _storable(value if isinstance(value, str) else json_text(value))


def _boolean(value: Any, told: str) -> bool:
    if not isinstance(value, bool):
        raise DoesNotFit(told)
    return value


def _number(value: Any, told: str) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DoesNotFit(told)
    return value


def _integer(value: Any, told: str) -> int:
    number = _number(value, told)
    if number != int(number) or int(number) not in INT64:
        raise DoesNotFit(told)
    return int(number)


def _numeric(value: Any, told: str, dialect: str) -> int | float | Decimal:
    number = _number(value, told)
    if dialect != "sqlite":
        return Decimal(repr(number))
    if isinstance(number, int) and number not in INT64:
        raise DoesNotFit(told)
    return number


def _storable(text: str) -> str:
    """What every database takes: no halves of surrogate pairs, and no NUL, which PostgreSQL cannot hold."""
    return clean_text(text).replace("\0", "\\x00")
