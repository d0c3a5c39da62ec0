"""Moves an embedded installation to PostgreSQL, and its files to a store if there is one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from lamplighter import startup
from lamplighter.disk import write_whole
from lamplighter.errors import Conflict, NotFound, Unavailable
from lamplighter.files import Files
from lamplighter.store import runs
from lamplighter.store.database import Database
from lamplighter.store.migrations import migrate
from lamplighter.store.tables import broker, metadata

MOVED = "moved-to-postgresql"
"""The file in a data folder that says that its database is not the truth any more."""

_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Moved:
    """How many rows and files have been moved; ``rows`` by table."""

    rows: dict[str, int]
    bundles: int
    runs: int


def move(
    data: Path, url: str, files_url: str | None, files_endpoint: str | None, tell: Callable[[str], None]
) -> Moved:
    """Copy all that is in the data folder's database into the empty one at ``url``; ``tell`` hears of progress.

    Files go first, and may be sent again: what is there is left. Then all rows in one transaction: they are all
    there or none is. The folder is left as it is, but for a note that keeps a server from using its database.
    Conflict says what is in the way, NotFound that there is nothing to move; Unavailable: the other side is away.
    """
    file = data / "lamplighter.db"
    if not file.exists():
        raise NotFound(f"there is no installation in {data}: it has no lamplighter.db")
    if (data / MOVED).exists():
        raise Conflict(f"{data} was moved before, as {data / MOVED} says")
    with startup.sole_owner(data):
        source, target = Database.embedded(file), Database(url)
        try:
            migrate(source)
            _refuse_going(source)
            migrate(target)
            _refuse_full(target)
            sent = _send(Files.at(data, files_url, files_endpoint), source, tell)
            with _noted(data):
                rows = _copy(source, target, tell)
        except sa.exc.OperationalError as problem:
            raise Unavailable(f"the database cannot be reached: {problem.orig}") from problem
        finally:
            source.close()
            target.close()
    return Moved(rows, *sent)


@contextmanager
def _noted(data: Path) -> Iterator[None]:
    """The note is there before the other database is full: a crash in between must not leave two that fire."""
    note = "The database of this folder was moved to PostgreSQL: set LAMPLIGHTER_DATABASE_URL.\n"
    write_whole(data / MOVED, note.encode())
    try:
        yield
    except BaseException:
        (data / MOVED).unlink()
        raise


def refuse_moved(data: Path) -> None:
    """Conflict when the database of this folder was moved: two would fire."""
    if (data / MOVED).exists():
        raise Conflict(
            f"the database of {data} was moved to PostgreSQL: set LAMPLIGHTER_DATABASE_URL; to go back to what was"
            f" here before, remove {data / MOVED}, and be sure that no server uses the other one"
        )


def _refuse_going(source: Database) -> None:
    with source.read() as c:
        going = sorted(run_id for run_id in runs.ids_on_servers(c))
    if going:
        told = ", ".join(map(str, going[:10])) + (" …" if len(going) > 10 else "")
        raise Conflict(
            f"runs are going ({told}): start the server, let them end or stop them, end it, and try again"
        )


def _refuse_full(target: Database) -> None:
    with target.read() as c:
        full = [
            table.name
            for table in metadata.sorted_tables
            if table is not broker and c.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first()
        ]
    if full:
        raise Conflict(f"the database to move to is not empty: it has rows in {', '.join(full)}")


def _send(files: Files, source: Database, tell: Callable[[str], None]) -> tuple[int, int]:
    if files.store is None:
        return 0, 0
    bundles = files.send_bundles()
    tell(f"bundles: {bundles}")
    with source.read() as c:
        ids = runs.all_ids(c)
    for number, run_id in enumerate(ids, 1):
        files.hand_over(files.folders_of(run_id))
        if number % _BATCH == 0 or number == len(ids):
            tell(f"files of runs: {number} of {len(ids)}")
    return bundles, len(ids)


def _copy(source: Database, target: Database, tell: Callable[[str], None]) -> dict[str, int]:
    counts: dict[str, int] = {}
    with source.read() as old, target.write() as new:
        new.execute(broker.delete())
        for table in metadata.sorted_tables:
            counts[table.name] = _copy_table(old, new, table)
            if counts[table.name]:
                tell(f"{table.name}: {counts[table.name]} rows")
    return counts


def _copy_table(old: sa.Connection, new: sa.Connection, table: sa.Table) -> int:
    count = 0
    rows = old.execution_options(yield_per=_BATCH).execute(sa.select(table)).mappings()
    for batch in rows.partitions(_BATCH):
        new.execute(table.insert(), [dict(row) for row in batch])
        count += len(batch)
    there = new.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
    if there != count:
        raise Conflict(f"{table.name} has {there} rows after {count} were copied; nothing was moved")
    key = list(table.primary_key)
    if len(key) == 1 and key[0].name == "id":
        _count_on(old, new, table)
    return count


def _count_on(old: sa.Connection, new: sa.Connection, table: sa.Table) -> None:
    """The next row gets a number that none has had, also of those that were removed."""
    query = sa.text("SELECT seq FROM sqlite_sequence WHERE name = :table")
    last = old.execute(query, {"table": table.name}).scalar_one_or_none()
    if last:
        new.execute(sa.select(sa.func.setval(sa.func.pg_get_serial_sequence(table.name, "id"), last)))
