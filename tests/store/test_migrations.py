"""The migrations lead to exactly the schema that the tables declare."""

import re
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command

from lamplighter.errors import Conflict
from lamplighter.store.database import Database
from lamplighter.store.migrations import configuration, migrate
from lamplighter.store.tables import metadata


def schema(db: Database) -> dict[str, list[str]]:
    """Each table and index as the sorted clauses of its definition."""
    query = (
        "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"
        " AND name NOT LIKE 'alembic%' AND name NOT LIKE 'sqlite%'"
    )
    with db.read() as c:
        return {
            name: sorted(re.split(r",\s*(?=CONSTRAINT|\w+ [A-Z]+)", " ".join(sql.split()).rstrip(") ")))
            for name, sql in c.exec_driver_sql(query)
        }


def test_migrations_make_exactly_the_declared_schema(db: Database, tmp_path: Path) -> None:
    declared = Database.embedded(tmp_path / "declared.db")
    with declared.write() as c:
        metadata.create_all(c)
    migrated, wanted = schema(db), schema(declared)
    declared.close()
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
