"""The history of the schema. ``migrate`` brings a database up to date; a test proves that the result is exactly
what ``store.tables`` declares."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.util import CommandError

from lamplighter.errors import Conflict
from lamplighter.store.database import Database


def migrate(db: Database) -> None:
    """Apply the migrations that the database has not seen; Conflict when it is from a newer Lamplighter."""
    with db.write() as c:
        try:
            command.upgrade(configuration(c), "head")
        except CommandError as problem:
            raise Conflict(
                f"the database was written by a newer version of Lamplighter: {problem}"
            ) from problem


def configuration(connection: sa.Connection) -> Config:
    """Alembic's configuration for one connection, without a file."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    return config
