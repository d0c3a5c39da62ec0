"""Delivery to a table, on real databases: what the rows are, and that nothing comes twice."""

import itertools
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from export_places import BOOKS, Told, a_delivery, to

from lamplighter.export.delivery import DeliveryFailed
from lamplighter.manifest.destination import DELIVERIES, DestinationSection
from real_postgresql import postgresql_server
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


@pytest.fixture(scope="module")
def postgresql() -> Iterator[str]:
    """The address of an empty database of a real PostgreSQL."""
    with postgresql_server() as address:
        yield address


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
read, passes = database.checked_batches, []
def slowly(path, most=1000):
    passes.append(path)
    for number, batch in enumerate(read(path, most)):
        if len(passes) == 2 and number == 3:
            (folder / "half way").touch()
            sys.stdin.read()
        yield batch
database.checked_batches = slowly
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
