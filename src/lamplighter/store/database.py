"""The database: opening it, its transactions, and the one place where SQLite and PostgreSQL differ."""

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from contextvars import ContextVar
from copy import copy
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from sqlite3 import Connection as SqliteConnection
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.base import Executable

Selection = TypeVar("Selection", bound=sa.Select[Any])

# The number of the lock that says who may write on PostgreSQL.
_ALONE = "SELECT pg_advisory_xact_lock(20261122)"
_SHARED = "SELECT pg_advisory_xact_lock_shared(20261122)"
_ONE_STATE = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
_CONNECTED = {
    "connect_timeout": 10,
    "application_name": "lamplighter",
    # A process that stands still in a transaction must not keep the others from writing, nor one that is gone.
    "options": "-c idle_in_transaction_session_timeout=10s -c lock_timeout=30s -c timezone=UTC",
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}

# Of requests, at a time: two, so that one long answer does not keep all short ones waiting.
_READERS = 2
_SQLITE_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    # A commit is on the disk before it is reported: a fire that was committed survives a power cut.
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA busy_timeout = 30000",
)


class _Few:
    """Lets in so many threads at a time; one that is in may come in again."""

    def __init__(self, most: int) -> None:
        self._places = threading.Semaphore(most)
        self._own = threading.local()

    def __enter__(self) -> None:
        depth: int = getattr(self._own, "depth", 0)
        if depth == 0:
            self._places.acquire()
        self._own.depth = depth + 1

    def __exit__(self, *_: object) -> None:
        self._own.depth -= 1
        if self._own.depth == 0:
            self._places.release()


class _Together:
    """What one thread does as one transaction; it begins with the first ``write()``."""

    def __init__(self, stack: ExitStack, begin: Callable[[sa.Connection], None]) -> None:
        self._stack = stack
        self._begin = begin
        self._refusal: Exception | None = None
        self.connection: sa.Connection | None = None

    def joined(self, database: "Database") -> sa.Connection:
        """The connection of the transaction, which is begun if it is not yet; the error of ``begin``, again."""
        if self._refusal is not None:
            raise self._refusal
        if self.connection is None:
            c = self._stack.enter_context(database.transaction_that_writes())
            try:
                self._begin(c)
            except Exception as problem:
                self._refusal = problem
                raise
            self.connection = c
        return self.connection


_together: ContextVar[_Together | None] = ContextVar("_together", default=None)


class Database:
    """A pool of connections with three kinds of transactions: ``read()``, ``write()`` and ``write_shared()``.

    While a ``write()`` goes, no other transaction writes, of this process or another: what it reads cannot change
    under it. Those that fire and run go beside each other on PostgreSQL: ``write_shared()`` is for what locks the
    rows of which it decides (``take``, ``locked``) or changes them by compare-and-set. On SQLite both are the same:
    the write lock is taken when they begin, and writers of this process queue up in front of it.
    """

    def __init__(self, url: str) -> None:
        """``url`` is ``sqlite:///FILE`` or ``postgresql://USER:PASSWORD@HOST/NAME``."""
        is_sqlite = url.startswith("sqlite:")
        self.engine = sa.create_engine(
            # Errors are logged: what was to be written stays out of them.
            re.sub("^postgres(ql)?:", "postgresql+psycopg:", url, count=1),
            pool_size=20,
            max_overflow=60,
            hide_parameters=True,
            pool_pre_ping=not is_sqlite,
            connect_args={} if is_sqlite else _CONNECTED,
        )
        self.is_sqlite = is_sqlite
        self._writer = threading.Lock()
        self._readers: _Few | None = None
        if self.is_sqlite:
            sa.event.listen(self.engine, "connect", _set_up_sqlite)
            sa.event.listen(self.engine, "begin", _begin_sqlite)

    @classmethod
    def embedded(cls, file: Path) -> "Database":
        """The SQLite database in ``file``, which is made when it does not exist."""
        return cls(f"sqlite:///{file}")

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A transaction that only reads; it sees one consistent state."""
        together = _together.get()
        if together is not None and together.connection is not None:
            yield together.connection
            return
        with self._readers or nullcontext(), self.engine.connect() as connection:
            c = connection if self.is_sqlite else connection.execution_options(**_ONE_STATE)
            with c.begin():
                yield c

    def for_requests(self) -> "Database":
        """The same database for those who answer requests: on SQLite only a few of them read at a time.

        SQLite lets go of the interpreter's lock at each step. Many threads that read would spend their time on
        taking it from each other, and from those that fire and run, who never wait here. Who reads must have ended
        that before it begins to write: otherwise it would keep a place while it waits for one who waits for places.
        """
        found = copy(self)
        if self.is_sqlite:
            found._readers = _Few(_READERS)
        return found

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A transaction that may write; committed on leaving, rolled back when an exception leaves it."""
        together = _together.get()
        if together is None:
            with self.transaction_that_writes() as c:
                yield c
            return
        c = together.joined(self)
        with c.begin_nested():
            yield c

    @contextmanager
    def write_shared(self) -> Iterator[sa.Connection]:
        """A transaction that may write beside others of this kind; what it decides of, it must lock."""
        with self.transaction_that_writes(_SHARED) as c:
            yield c

    @contextmanager
    def as_one(self, begin: Callable[[sa.Connection], None]) -> Iterator[None]:
        """Make one transaction of all that this thread writes inside, committed on leaving.

        It begins with the first ``write()``: ``begin`` is then called in it. From there on every other writer
        waits, so nothing slow may follow, nor anything that waits for what another thread writes.
        """
        with ExitStack() as stack:
            token = _together.set(_Together(stack, begin))
            try:
                yield
            finally:
                _together.reset(token)

    @contextmanager
    def transaction_that_writes(self, take_turn: str = _ALONE) -> Iterator[sa.Connection]:
        """What ``write()`` is when it stands alone."""
        with self._writer_turn(), self.engine.connect() as connection:
            c = connection.execution_options(lamplighter_writes=True)
            with c.begin():
                if not self.is_sqlite:
                    c.exec_driver_sql(take_turn)
                yield c

    @contextmanager
    def _writer_turn(self) -> Iterator[None]:
        if not self.is_sqlite:
            yield
            return
        with self._writer:
            yield

    def time(self) -> datetime:
        """What time it is by the clock of the database's server; SQLite's is that of this machine."""
        if self.is_sqlite:
            return datetime.now(UTC)
        with self.engine.connect() as c:
            found: datetime = c.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
        return found.astimezone(UTC)

    def close(self) -> None:
        """Give the connections back; call it when nothing uses the database any more."""
        self.engine.dispose()


def locked(query: Selection, of: sa.Table) -> Selection:
    """``query`` taking its rows of a table for this transaction and passing over what another one has taken.

    On SQLite, whose writers never overlap, SQLAlchemy leaves the words out.
    """
    return query.with_for_update(skip_locked=True, key_share=True, of=of)


def take(c: sa.Connection, id_of: sa.Column[int], ids: Iterable[int]) -> bool:
    """Wait for the rows with these ids and keep others from taking them until this transaction ends.

    They are taken in the order of their ids, so two that want the same never wait for each other. False on SQLite:
    nothing is needed there, and nothing can have changed while this waited.
    """
    if c.dialect.name == "sqlite":
        return False
    c.execute(_taking(id_of), {"ids": list(ids)}).all()
    return True


@cache
def _taking(id_of: sa.Column[int]) -> sa.Select[Any]:
    query = sa.select(id_of).where(id_of.in_(sa.bindparam("ids", expanding=True))).order_by(id_of)
    return query.with_for_update(key_share=True)


def upsert(
    c: sa.Connection, table: sa.Table, values: Mapping[str, Any], key: str, change: Mapping[str, Any]
) -> None:
    """Insert a row, or make ``change`` to the one that has the same unique ``key``."""
    dialect = sqlite if c.dialect.name == "sqlite" else postgresql
    query = dialect.insert(table).values(dict(values))
    c.execute(query.on_conflict_do_update(index_elements=[key], set_=dict(change)))


def upsert_all(c: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]], change: str) -> None:
    """Insert rows; of those whose primary key is there already, set the column ``change``."""
    if rows:
        dialect = sqlite if c.dialect.name == "sqlite" else postgresql
        query = dialect.insert(table)
        query = query.on_conflict_do_update(
            index_elements=list(table.primary_key.columns), set_={change: query.excluded[change]}
        )
        c.execute(query, [dict(row) for row in rows])


def insert_all(c: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Insert rows into a table with a numbered ``id`` and return their ids in the same order.

    SQLite would be asked row by row to tell them: as nobody else writes meanwhile, they are the last ones, without
    a gap, for it takes the next number each time (https://www.sqlite.org/autoinc.html).
    """
    if not rows:
        return []
    if c.dialect.name != "sqlite":
        return list(c.execute(_inserting(table, tells_ids=True), list(rows)).scalars())
    c.execute(_inserting(table, tells_ids=False), list(rows))
    last = int(c.exec_driver_sql("SELECT last_insert_rowid()").scalar_one())
    return list(range(last - len(rows) + 1, last + 1))


@cache
def _inserting(table: sa.Table, *, tells_ids: bool) -> Executable:
    query = table.insert()
    return query.returning(table.c.id, sort_by_parameter_order=True) if tells_ids else query


def _set_up_sqlite(connection: SqliteConnection, _record: object) -> None:
    # The driver must not begin transactions of its own: `_begin_sqlite` says which kind is wanted.
    connection.isolation_level = None
    for pragma in _SQLITE_PRAGMAS:
        connection.execute(pragma)
    # SQLite's own knows only the letters of English.
    connection.create_function("lower", 1, _lower, deterministic=True)


def _lower(text: Any) -> Any:
    return text.lower() if isinstance(text, str) else text


def _begin_sqlite(c: sa.Connection) -> None:
    writes = c.get_execution_options().get("lamplighter_writes", False)
    c.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
