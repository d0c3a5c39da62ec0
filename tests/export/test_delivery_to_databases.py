"""Delivery to a table, on real databases: what the rows are, and that nothing comes twice."""

import contextlib
import itertools
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import sqlalchemy as sa
from export_places import BOOKS, Told, a_delivery, free_port, to

from lamplighter.destination import DELIVERIES, DestinationSection
from lamplighter.export.delivery import DeliveryFailed
from lamplighter.export.parcel import Limits
from running_server import eventually

_numbers = itertools.count(1)


@dataclass
class Shop:
    """A database, and a table of it that no other test uses."""

    address: str
    engine: sa.Engine
    table: str

    def section(self, **options: Any) -> DestinationSection:
        """The table as a destination."""
        return to(self.address, table=options.pop("table", self.table), **options)

    def rows(self, order: str = "url") -> list[dict[str, Any]]:
        """The rows of the table."""
        with self.engine.connect() as c:
            found = c.exec_driver_sql(f'SELECT * FROM "{self.table}"').mappings()
            return sorted((dict(row) for row in found), key=lambda row: str(row.get(order)))

    def execute(self, statement: str) -> None:
        """Execute something by hand."""
        with self.engine.begin() as c:
            c.exec_driver_sql(statement)

    def count(self, table: str) -> int:
        """How many rows a table has; 0 when there is none."""
        with self.engine.connect() as c:
            if not sa.inspect(c).has_table(table):
                return 0
            return int(c.exec_driver_sql(f'SELECT count(*) FROM "{table}"').scalar_one())

    @property
    def types(self) -> dict[str, str]:
        """The columns of the table and their types."""
        return {
            column["name"]: str(column["type"]) for column in sa.inspect(self.engine).get_columns(self.table)
        }


@pytest.fixture(params=["sqlite", "postgresql"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
    """A table of each kind of database in turn."""
    if request.param == "sqlite":
        address = url = f"sqlite:///{tmp_path}/shop.db"
    else:
        address = request.getfixturevalue("postgresql")
        url = address.replace("postgresql://", "postgresql+psycopg://")
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    yield Shop(address, engine, f"books {next(_numbers)}")
    engine.dispose()


def test_the_table_is_made_with_a_column_for_every_field(shop: Shop, tmp_path: Path) -> None:
    records = [
        {"url": "/1", "title": "Grüße", "price": 10, "sold": True, "tags": ["a", None], "never": None},
        {"url": "/2", "price": 10.5, "sold": None, "tags": {"ü": 1}, "size": 12},
    ]
    told = Told()
    told.deliver(a_delivery(tmp_path, records), shop.section())
    assert [{name: value for name, value in row.items() if value is not None} for row in shop.rows()] == [
        {"url": "/1", "title": "Grüße", "price": 10, "sold": True, "tags": '["a", null]'},
        {"url": "/2", "price": 10.5, "tags": '{"ü": 1}', "size": 12},
    ]
    assert {name: kind.partition("(")[0] for name, kind in shop.types.items()} == {
        "url": "TEXT",
        "title": "TEXT",
        "price": "NUMERIC",
        "sold": "BOOLEAN",
        "tags": "TEXT",
        "size": "NUMERIC",
    }
    assert told.lines == [f"delivered 2 records to {shop.section().title}"]


def test_later_records_are_appended_and_new_fields_become_columns(shop: Shop, tmp_path: Path) -> None:
    Told().deliver(a_delivery(tmp_path / "1", [{"url": "/1", "price": 10}]), shop.section())
    Told().deliver(
        a_delivery(tmp_path / "2", [{"url": "/2", "price": 0.1, "isbn": "x"}], key="run-8-1"), shop.section()
    )
    Told().deliver(a_delivery(tmp_path / "3", [{"url": "/3"}], key="run-9-1"), shop.section())
    assert [row["isbn"] for row in shop.rows()] == [None, "x", None]
    assert str(shop.rows()[1]["price"]) == "0.1"


def test_rows_of_the_same_key_are_replaced(shop: Shop, tmp_path: Path) -> None:
    section = shop.section(mode="replace", key=["url", "shop"])
    first = [{"url": "/1", "shop": 1, "price": 1}, {"url": "/1", "shop": 2, "price": 1}]
    Told().deliver(a_delivery(tmp_path / "1", first), section)
    second = [
        {"url": "/1", "shop": 2, "price": 7},
        {"url": "/2", "shop": 2, "price": 8},
        {"url": "/1", "shop": 2, "price": 9},
    ]
    Told().deliver(a_delivery(tmp_path / "2", second, key="run-8-1"), section)
    assert sorted((row["url"], int(row["shop"]), int(row["price"])) for row in shop.rows()) == [
        ("/1", 1, 1),
        ("/1", 2, 9),
        ("/2", 2, 8),
    ]


def test_many_records_are_replaced_across_batches(shop: Shop, tmp_path: Path) -> None:
    section = shop.section(mode="replace", key=["url"])
    records = [{"url": f"/{number % 700}" + "x" * 3000, "n": number} for number in range(1400)]
    Told().deliver(a_delivery(tmp_path / "1", records), section)
    Told().deliver(a_delivery(tmp_path / "2", records, key="run-8-1"), section)
    assert {int(row["n"]) for row in shop.rows()} == set(range(700, 1400))
    assert shop.count(shop.table) == 700


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        ([{"url": "/1"}, {"title": "x"}], "record 2 has no 'url', which is in the key"),
        ([{"title": "x"}], "no record has the field 'url' of the key"),
    ],
)
def test_a_record_without_its_key_is_told_and_nothing_is_written(
    shop: Shop, tmp_path: Path, records: list[dict[str, Any]], reason: str
) -> None:
    with pytest.raises(DeliveryFailed, match=reason):
        Told().deliver(a_delivery(tmp_path, records), shop.section(mode="replace", key=["url"]))
    assert shop.count(shop.table) == 0


@pytest.mark.parametrize(
    ("before", "value", "told"),
    [(1, "12,50", '"12,50" does not fit the column\'s type NUMERIC'), (True, 1, "1 does not fit .* BOOLEAN")],
)
def test_a_value_that_its_column_cannot_hold_is_told_and_nothing_is_written(
    shop: Shop, tmp_path: Path, before: Any, value: Any, told: str
) -> None:
    Told().deliver(a_delivery(tmp_path / "1", [{"url": "/1", "x": before}]), shop.section())
    records = [{"url": "/2", "x": before, "new": 1}, {"url": "/3", "x": value}]
    with pytest.raises(DeliveryFailed, match=f"record 2: x: {told}"):
        Told().deliver(a_delivery(tmp_path / "2", records, key="run-8-1"), shop.section())
    assert [row["url"] for row in shop.rows()] == ["/1"]
    assert "new" not in shop.types


def test_a_table_that_somebody_made_keeps_its_types(shop: Shop, tmp_path: Path) -> None:
    shop.execute(
        f'CREATE TABLE "{shop.table}" (url TEXT, n INTEGER, f DOUBLE PRECISION, t TEXT, day DATE, more VARCHAR(9))'
    )
    records = [{"url": "/1", "n": 3.0, "f": 2, "t": 7, "day": "2026-11-22", "more": {"a": 1}}]
    Told().deliver(a_delivery(tmp_path, records), shop.section())
    [row] = shop.rows()
    assert {**row, "day": str(row["day"])} == {
        "url": "/1",
        "n": 3,
        "f": 2.0,
        "t": "7",
        "day": "2026-11-22",
        "more": '{"a": 1}',
    }


def test_hostile_records_can_be_delivered_again_and_again(shop: Shop, tmp_path: Path) -> None:
    record: dict[str, Any] = {f"c{number}": number for number in range(980)}
    record |= {'x"; DROP TABLE y; --': 1, "50%": 2, "%(p0)s": 3, ":p1": 4, "a b?": 5, "": 6, "A": 7, "a": 8}
    record |= {"ctid": 9, "x" * 200: 10, "x" * 199: 11, "\ud800": "\udfff", "n\0": "a\0b", "ümläut": 12}
    record |= {"url": "/1", "big": 2**70, "bigger": 10**300, "wide": -(2**63)}
    for number in range(2):
        delivery = a_delivery(tmp_path / str(number), [record], key=f"run-{number}-1")
        Told().deliver(delivery, shop.section())
    first, second = shop.rows()
    assert first == second
    assert len(first) == len(record)
    assert (int(first["50%"]), int(first[":p1"]), int(first["ümläut"])) == (2, 4, 12)
    assert (first["big"], first["bigger"]) == (str(2**70), str(10**300))
    assert int(first["wide"]) == -(2**63)
    assert {"a\\x00b", "\\udfff"} <= set(first.values())


def test_more_columns_than_a_table_has_are_told(shop: Shop, tmp_path: Path) -> None:
    delivery = a_delivery(tmp_path, [{f"c{number}": 1 for number in range(1001)}])
    with pytest.raises(DeliveryFailed, match="more than 1,000 columns"):
        Told().deliver(delivery, shop.section())


def test_without_records_no_table_is_made_and_the_delivery_counts(shop: Shop, tmp_path: Path) -> None:
    Told().deliver(a_delivery(tmp_path, []), shop.section())
    assert shop.count(shop.table) == 0


def test_a_table_may_be_in_a_schema(tmp_path: Path, postgresql: str) -> None:
    engine = sa.create_engine(postgresql.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as c:
        c.exec_driver_sql("CREATE SCHEMA shop")
    for number in range(2):
        delivery = a_delivery(tmp_path / str(number), BOOKS, key=f"run-{number}-1")
        Told().deliver(delivery, to(postgresql, table="shop.books", mode="replace", key=["url"]))
    with engine.connect() as c:
        assert c.exec_driver_sql("SELECT count(*) FROM shop.books").scalar_one() == 2
        assert c.exec_driver_sql(f"SELECT count(*) FROM shop.{DELIVERIES}").scalar_one() == 2
    engine.dispose()


# --- once ---


def test_a_delivery_that_was_not_noted_is_not_repeated(shop: Shop, tmp_path: Path) -> None:
    delivery = a_delivery(tmp_path, BOOKS)
    Told().deliver(delivery, shop.section())
    (tmp_path / "delivered.json").unlink()  # as if the server had been killed before it could note it
    Told().deliver(delivery, shop.section())
    assert shop.count(shop.table) == 2


def test_runs_of_the_same_number_from_two_servers_both_arrive(shop: Shop, tmp_path: Path) -> None:
    Told().deliver(a_delivery(tmp_path / "1", [{"url": "/1"}]), shop.section())
    Told().deliver(a_delivery(tmp_path / "2", [{"url": "/2"}]), shop.section())
    assert [row["url"] for row in shop.rows()] == ["/1", "/2"]


def test_one_delivery_may_go_to_two_tables(shop: Shop, tmp_path: Path) -> None:
    other = f"{shop.table} too"
    Told().deliver(a_delivery(tmp_path, BOOKS), shop.section(), shop.section(table=other))
    assert (shop.count(shop.table), shop.count(other)) == (2, 2)


def test_deliveries_at_the_same_time_neither_fail_nor_double(shop: Shop, tmp_path: Path) -> None:
    section = shop.section(mode="replace", key=["url"])
    deliveries = [
        a_delivery(
            tmp_path / str(number),
            [{"url": f"/{n}", "by": number} for n in range(200)],
            key=f"run-{number}-1",
        )
        for number in range(4)
    ]
    failures: list[DeliveryFailed] = []

    def bring(number: int) -> None:
        try:
            Told().deliver(deliveries[number], section)
        except DeliveryFailed as failed:
            failures.append(failed)

    threads = [threading.Thread(target=bring, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert shop.count(shop.table) == 200


# It stands still in the middle of the transaction: half of the records are written, the rest hangs in a pipe.
HALF_WAY = """
import os, sys
from dataclasses import replace
from pathlib import Path
import lamplighter.export.to_database as database
from export_places import Told, a_delivery, to
folder, address, table = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
delivery = a_delivery(folder / "run", [{"url": f"/{n}"} for n in range(5000)])
read, passes = database.read_records, []
def slowly(path):
    passes.append(path)
    for number, record in enumerate(read(path)):
        if len(passes) == 2 and number == 3000:
            (folder / "half way").touch()
            sys.stdin.read()
        yield record
database.read_records = slowly
Told().deliver(delivery, to(address, table=table))
"""


def test_a_server_killed_in_the_middle_leaves_nothing_and_the_next_try_delivers_once(
    shop: Shop, tmp_path: Path
) -> None:
    Told().deliver(a_delivery(tmp_path / "before", [{"url": "/before"}], key="run-1-1"), shop.section())
    process = subprocess.Popen(
        [sys.executable, "-c", HALF_WAY, str(tmp_path), shop.address, shop.table],
        stdin=subprocess.PIPE,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    assert process.stdin is not None
    with process.stdin:
        eventually((tmp_path / "half way").exists)
        process.kill()
        process.wait()
    assert shop.count(shop.table) == 1
    delivery = a_delivery(tmp_path / "run", [{"url": f"/{n}"} for n in range(5000)])
    for _ in range(2):
        Told().deliver(delivery, shop.section())
        (tmp_path / "run/delivered.json").unlink()
    assert shop.count(shop.table) == 5001


# --- trouble ---


def test_a_database_that_is_away_is_tried_four_times(tmp_path: Path) -> None:
    told = Told()
    section = to(f"postgresql://me:hunter22@127.0.0.1:{free_port()}/db", table="t")
    with pytest.raises(DeliveryFailed, match=r"not delivered to .*refused.*\(tried 4 times\)") as failed:
        told.deliver(a_delivery(tmp_path, BOOKS), section)
    assert "hunter22" not in str(failed.value) + "".join(told.lines)
    assert sum(told.waits) == 7


def test_a_database_that_does_not_exist_is_told_at_once(tmp_path: Path, postgresql: str) -> None:
    told = Told()
    section = to(postgresql.removesuffix("postgres") + "nowhere", table="t")
    with pytest.raises(DeliveryFailed, match="does not exist"):
        told.deliver(a_delivery(tmp_path, BOOKS), section)
    assert told.waits == []


def test_a_file_in_a_folder_that_is_not_there_is_told_at_once(tmp_path: Path) -> None:
    told = Told()
    with pytest.raises(DeliveryFailed, match="unable to open database file"):
        told.deliver(a_delivery(tmp_path, BOOKS), to(f"sqlite:///{tmp_path}/no/shop.db", table="t"))
    assert told.waits == []


def test_a_database_that_somebody_else_has_locked_is_tried_again(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path}/shop.db", poolclass=sa.pool.NullPool)
    told = Told()
    with engine.connect() as other:
        other.exec_driver_sql("BEGIN IMMEDIATE")

        def look() -> bool:
            if told.waits and other.in_transaction():
                other.rollback()
            return True

        told.keeps_going = look
        section = to(f"sqlite:///{tmp_path}/shop.db", table="t")
        told.deliver(a_delivery(tmp_path, BOOKS), section, limits=Limits(connect=0.05))
    assert "database is locked" in told.lines[0]
    assert told.lines[-1].startswith("delivered 2 records")
    engine.dispose()


def test_a_connection_that_is_cut_in_the_middle_is_tried_again(tmp_path: Path, postgresql: str) -> None:
    told, victims = Told(), sa.create_engine(postgresql.replace("postgresql://", "postgresql+psycopg://"))
    with victims.begin() as holder:
        holder.exec_driver_sql("CREATE TABLE held (url TEXT)")
    with victims.connect() as holder:
        holder.exec_driver_sql("LOCK TABLE held")
        ended = threading.Thread(target=_end_who_waits, args=(postgresql, holder.rollback))
        ended.start()
        told.deliver(a_delivery(tmp_path, BOOKS[:1]), to(postgresql, table="held"))
        ended.join()
    assert "terminating connection" in told.lines[0]
    assert told.lines[-1].startswith("delivered 1 record to")
    victims.dispose()


def test_a_server_that_hangs_in_the_middle_costs_no_more_than_the_time_of_a_try(
    tmp_path: Path, postgresql: str
) -> None:
    with Line(postgresql) as line, pytest.raises(DeliveryFailed, match="not delivered to") as failed:
        line.breaks_at = b"INSERT INTO lamplighter_deliveries"
        Told().deliver(
            a_delivery(tmp_path, BOOKS), to(line.address, table="unheard"), limits=Limits(whole=1, waits=())
        )
    assert line.is_broken
    assert "statement timeout" not in str(failed.value)


class Line:
    """A connection to a server that swallows everything from a certain moment on."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._server = (parts.hostname, parts.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self.address = address.replace(f":{parts.port}", f":{self._listener.getsockname()[1]}")
        self.breaks_at = b""
        self.is_broken = False

    def __enter__(self) -> "Line":
        self._begin(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _begin(self, what: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=what, args=arguments)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # the listener is closed
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._server)
                self._begin(self._pass_on, near, far)
                self._begin(self._pass_on, far, near)

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):  # the other direction was closed
            while content := source.recv(65536):
                if self.breaks_at and self.breaks_at in content:
                    self.is_broken = True
                if not self.is_broken:
                    target.sendall(content)
            target.shutdown(socket.SHUT_RDWR)
        source.close()


def _end_who_waits(address: str, let_go: Callable[[], object]) -> None:
    """End the connection that waits for a lock, and let the lock go."""
    with psycopg.connect(address, autocommit=True) as c:
        waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        [pid] = eventually(lambda: c.execute(waiting).fetchone())
        c.execute("SELECT pg_terminate_backend(%s)", [pid])
    let_go()
