"""Delivery to a table of a SQL database: all records and the note of it in one transaction.

The table ``lamplighter_deliveries`` beside the target has a row for each delivery, written in the transaction
that brings the records. So whatever happens, between the commit and our own note too, nothing comes twice.
"""

import hashlib
import os
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

import sqlalchemy as sa

from lamplighter.clock import Clock
from lamplighter.export.columns import Column, DoesNotFit, open_table
from lamplighter.export.lines import checked_batches
from lamplighter.export.parcel import Delivery, Limits, TryFailed
from lamplighter.export.values import json_text, kinds_of
from lamplighter.manifest.destination import DELIVERIES, DestinationSection

_ROWS_OF_BATCH = 1000
_CELLS_OF_BATCH = 50_000
_LONGEST_SHOWN = 80
# Classes and codes of SQLSTATE that another try may cure: connection, transaction rolled back, no resources,
# shut down, time-out of a statement, lock not available.
_PASSING_CLASSES = ("08", "40", "53")
_PASSING_CODES = {"55P03", "57014", "57P01", "57P02", "57P03"}
_FULL_DISK = "53100"
_LASTING_REFUSALS = ("authentication", "does not exist", "pg_hba.conf")


def to_database(section: DestinationSection, delivery: Delivery, limits: Limits, clock: Clock) -> str:
    """Bring the records into the table, unless it has this delivery already. Raises ``TryFailed``."""
    engine = _engine(section, limits)
    try:
        with engine.begin() as c, _cut_after(c, limits.whole):
            _lock(c, DELIVERIES)
            deliveries = _deliveries(section)
            deliveries.create(c, checkfirst=True)
        with engine.begin() as c, _cut_after(c, limits.whole):
            _lock(c, f"{DELIVERIES} {section.table}")
            if not _is_there(c, deliveries, section, delivery):
                values = {
                    "delivery": delivery.key,
                    "table_name": section.table,
                    "run_id": delivery.run_id,
                    "records": delivery.record_count,
                    "delivered_at": clock.now().isoformat().replace("+00:00", "Z"),
                }
                c.execute(deliveries.insert().values(**values))
                _bring_records(c, section, delivery)
    except sa.exc.DBAPIError as problem:
        raise TryFailed(str(problem.orig).strip(), can_pass=_can_pass(problem.orig)) from problem
    except (sa.exc.SQLAlchemyError, DoesNotFit, OSError, ValueError) as problem:
        raise TryFailed(str(problem)) from problem
    finally:
        engine.dispose()
    return section.title


def _bring_records(c: sa.Connection, section: DestinationSection, delivery: Delivery) -> None:
    records = delivery.files["jsonl"]
    kinds = kinds_of(checked_batches(records))
    lacking = [name for name in section.key if name not in kinds]
    if not kinds:
        return
    if lacking:
        raise DoesNotFit(f"no record has the field {lacking[0]!r} of the key")
    table = open_table(c, section, kinds)
    writer = _Writer(c, table.of(kinds), section.key, table.name)
    most = max(1, min(_ROWS_OF_BATCH, _CELLS_OF_BATCH // len(kinds)))
    written = 0
    for batch in checked_batches(records, most):
        writer.write(list(enumerate(batch, start=written + 1)))
        written += len(batch)


class _Writer:
    """Puts batches of records into the table; with a key, in the place of the rows that share it."""

    def __init__(
        self, c: sa.Connection, columns: Mapping[str, Column], key: Sequence[str], table: sa.TableClause
    ) -> None:
        self._c = c
        self._columns = columns
        self._key = key
        # Parameters have names of their own: a field may be called anything.
        self._parameters = {name: f"p{number}" for number, name in enumerate(columns)}
        self._insert = table.insert().values(
            {table.c[column.name]: sa.bindparam(self._parameters[name]) for name, column in columns.items()}
        )
        self._delete = table.delete().where(
            *(table.c[columns[name].name] == sa.bindparam(self._parameters[name]) for name in key)
        )

    def write(self, batch: Sequence[tuple[int, Mapping[str, Any]]]) -> None:
        """Write records, each with its number; of those that share a key the last one."""
        rows = [self._row(number, record) for number, record in batch]
        if not self._key:
            self._c.execute(self._insert, rows)
            return
        key = [self._parameters[name] for name in self._key]
        newest = {tuple(row[name] for name in key): row for row in rows}
        self._c.execute(self._delete, [{name: row[name] for name in key} for row in newest.values()])
        self._c.execute(self._insert, list(newest.values()))

    def _row(self, number: int, record: Mapping[str, Any]) -> dict[str, Any]:
        row: dict[str, Any] = {}
        for name, column in self._columns.items():
            value = record.get(name)
            if value is None:
                if name in self._key:
                    raise DoesNotFit(f"record {number:,} has no {name!r}, which is in the key")
                row[self._parameters[name]] = None
                continue
            try:
                row[self._parameters[name]] = column.fit(value)
            except DoesNotFit as problem:
                shown = json_text(value)[:_LONGEST_SHOWN]
                message = f"record {number:,}: {name}: {shown} does not fit the column's type {problem}"
                raise DoesNotFit(message) from problem
        return row


def _deliveries(section: DestinationSection) -> sa.Table:
    schema = (section.table or "").rpartition(".")[0] or None
    return sa.Table(
        DELIVERIES,
        sa.MetaData(),
        sa.Column("delivery", sa.String(200), primary_key=True),
        sa.Column("table_name", sa.String(200), primary_key=True),
        sa.Column("run_id", sa.BigInteger, nullable=False),
        sa.Column("records", sa.BigInteger, nullable=False),
        sa.Column("delivered_at", sa.String(40), nullable=False),
        schema=schema,
    )


def _is_there(
    c: sa.Connection, deliveries: sa.Table, section: DestinationSection, delivery: Delivery
) -> bool:
    query = sa.select(deliveries.c.run_id).where(
        deliveries.c.delivery == delivery.key, deliveries.c.table_name == section.table
    )
    return c.execute(query).first() is not None


def _engine(section: DestinationSection, limits: Limits) -> sa.Engine:
    if section.address.scheme == "sqlite":
        engine = sa.create_engine("sqlite://", creator=_sqlite(section, limits), poolclass=sa.pool.NullPool)
        sa.event.listen(engine, "begin", _begin_immediately)
        return engine
    return sa.create_engine(
        "postgresql+psycopg://", creator=_postgresql(section, limits), poolclass=sa.pool.NullPool
    )


def _sqlite(section: DestinationSection, limits: Limits) -> Callable[[], sqlite3.Connection]:
    file = unquote(section.address.path[1:])

    def connect() -> sqlite3.Connection:
        # The driver must not begin transactions of its own: what alters the table belongs to ours.
        return sqlite3.connect(file, timeout=limits.connect, isolation_level=None)

    return connect


def _begin_immediately(c: sa.Connection) -> None:
    c.exec_driver_sql("BEGIN IMMEDIATE")


def _postgresql(section: DestinationSection, limits: Limits) -> Callable[[], Any]:
    import psycopg  # here, because it is an extra

    def connect() -> Any:
        # By the library's own reading of the address, which knows more than SQLAlchemy's.
        connection = psycopg.connect(
            section.to,
            connect_timeout=max(2, round(limits.connect)),
            tcp_user_timeout=round(limits.whole * 1000),
            keepalives_idle=30,
        )
        connection.execute(f"SET statement_timeout = {round(limits.whole * 1000)}")
        connection.commit()
        return connection

    return connect


@contextmanager
def _cut_after(c: sa.Connection, seconds: float) -> Iterator[None]:
    """End the connection when a try takes too long: a server that hangs says nothing by itself."""
    connection: Any = c.connection.driver_connection
    if isinstance(connection, sqlite3.Connection):
        yield
        return
    with socket.socket(fileno=os.dup(connection.pgconn.socket)) as wire:
        timer = threading.Timer(seconds, wire.shutdown, [socket.SHUT_RDWR])
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()


def _lock(c: sa.Connection, name: str) -> None:
    """Let one delivery at a time make tables, and replace rows, until the transaction ends.

    SQLite needs nothing: its transactions that write come one after the other.
    """
    if c.dialect.name == "postgresql":
        number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
        c.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.literal(number, sa.BigInteger))))


def _can_pass(problem: BaseException | None) -> bool:
    if isinstance(problem, sqlite3.Error):
        return "locked" in str(problem) or "busy" in str(problem)
    code = getattr(problem, "sqlstate", None)
    if code is not None:
        return code != _FULL_DISK and (code[:2] in _PASSING_CLASSES or code in _PASSING_CODES)
    return type(problem).__name__ == "OperationalError" and not any(
        words in str(problem) for words in _LASTING_REFUSALS
    )
