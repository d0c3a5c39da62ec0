"""The migrations lead to exactly the schema that the tables declare."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command

from lamplighter.errors import Conflict
from lamplighter.store.database import Database
from lamplighter.store.migrations import configuration, migrate
from lamplighter.store.tables import metadata


def schema(db: Database) -> dict[str, list[str]]:
    """Each table and index as the sorted clauses of its definition, as the database tells it."""
    if not db.is_sqlite:
        return _schema_of_postgresql(db)
    query = (
        "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"
        " AND name NOT LIKE 'alembic%' AND name NOT LIKE 'sqlite%'"
    )
    with db.read() as c:
        return {
            name: sorted(re.split(r",\s*(?=CONSTRAINT|\w+ [A-Z]+)", " ".join(sql.split()).rstrip(") ")))
            for name, sql in c.exec_driver_sql(query)
        }


def _schema_of_postgresql(db: Database) -> dict[str, list[str]]:
    queries = (
        (
            "SELECT table_name, concat_ws(' ', column_name, data_type, is_nullable, column_default, is_identity)"
            " FROM information_schema.columns WHERE table_schema = 'public'"
        ),
        (
            "SELECT conrelid::regclass::text, concat_ws(' ', conname, pg_get_constraintdef(oid))"
            " FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid <> 0"
        ),
        "SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    )
    found: dict[str, list[str]] = {}
    with db.read() as c:
        for query in queries:
            for table, clause in c.exec_driver_sql(query):
                if table != "alembic_version":
                    found.setdefault(table, []).append(clause)
    return {table: sorted(clauses) for table, clauses in found.items()}


@pytest.fixture
def declared(db: Database, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """One of the same kind that was made from the tables, not by migrations."""
    if db.is_sqlite:
        made = Database.embedded(tmp_path / "declared.db")
    else:
        made = Database(request.getfixturevalue("postgresql").make("template0"))
    with made.write() as c:
        metadata.create_all(c)
    yield made
    made.close()


def test_migrations_make_exactly_the_declared_schema(db: Database, declared: Database) -> None:
    migrated, wanted = schema(db), schema(declared)
    assert migrated.keys() == wanted.keys()
    for name, clauses in wanted.items():
        assert [c.strip(" ()") for c in migrated[name]] == [c.strip(" ()") for c in clauses], name


def test_migrating_again_changes_nothing(db: Database) -> None:
    before = schema(db)
    migrate(db)
    assert schema(db) == before


def test_a_database_of_a_newer_version_is_refused(db: Database) -> None:
    with db.write() as c:
        c.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Conflict, match="newer version of Lamplighter"):
        migrate(db)


def test_the_first_migration_can_be_taken_back(db: Database) -> None:
    with db.write() as c:
        command.downgrade(configuration(c), "base")
    assert schema(db) == {}
    migrate(db)
    assert "runs" in schema(db)
