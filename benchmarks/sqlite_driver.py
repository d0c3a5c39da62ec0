"""The embedded database: the standard driver in threads against aiosqlite, on the same work in one run.

The work is the shape of ours: short write transactions (insert a row, update a row) from many workers at once, and
short reads. Both sides use SQLAlchemy Core and the same settings. Needs aiosqlite, which is no dependency::

    pip install aiosqlite && python benchmarks/sqlite_driver.py
"""

import argparse
import asyncio
import statistics
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

PRAGMAS = ("journal_mode = WAL", "synchronous = FULL", "busy_timeout = 30000")
metadata = sa.MetaData()
table = sa.Table("t", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("n", sa.Integer))
_READS_PER_WRITE = 4


def _set_up(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    for pragma in PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def threads(folder: Path, work: int, workers: int) -> float:
    """Seconds for ``work`` units with the standard driver and ``workers`` threads."""
    engine = sa.create_engine(f"sqlite:///{folder / 'threads.db'}", pool_size=workers)
    sa.event.listen(engine, "connect", _set_up)
    metadata.create_all(engine)
    writer = threading.Lock()

    def unit(number: int) -> None:
        with writer, engine.begin() as c:
            c.execute(table.insert().values(n=number))
            c.execute(table.update().where(table.c.id == number).values(n=number + 1))
        for _ in range(_READS_PER_WRITE):
            with engine.connect() as c:
                c.execute(sa.select(table).where(table.c.id == number)).all()

    begin = time.perf_counter()
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(unit, range(work)))
    took = time.perf_counter() - begin
    engine.dispose()
    return took


async def coroutines(folder: Path, work: int, workers: int) -> float:
    """Seconds for the same with aiosqlite and ``workers`` tasks."""
    engine = create_async_engine(f"sqlite+aiosqlite:///{folder / 'async.db'}", pool_size=workers)
    sa.event.listen(engine.sync_engine, "connect", _set_up)
    async with engine.begin() as c:
        await c.run_sync(metadata.create_all)
    writer = asyncio.Lock()
    places = asyncio.Semaphore(workers)

    async def unit(number: int) -> None:
        async with places:
            async with writer, engine.begin() as c:
                await c.execute(table.insert().values(n=number))
                await c.execute(table.update().where(table.c.id == number).values(n=number + 1))
            for _ in range(_READS_PER_WRITE):
                async with engine.connect() as c:
                    (await c.execute(sa.select(table).where(table.c.id == number))).all()

    begin = time.perf_counter()
    await asyncio.gather(*(unit(number) for number in range(work)))
    took = time.perf_counter() - begin
    await engine.dispose()
    return took


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--work", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    wanted = parser.parse_args()
    ratios = []
    for _ in range(wanted.rounds):
        with tempfile.TemporaryDirectory() as folder:
            ours = threads(Path(folder), wanted.work, wanted.workers)
            other = asyncio.run(coroutines(Path(folder), wanted.work, wanted.workers))
        ratios.append(other / ours)
        print(f"threads {ours:.2f} s, aiosqlite {other:.2f} s")
    print(
        f"aiosqlite / threads: median {statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"
    )


if __name__ == "__main__":
    main()
