"""What Alembic runs; the connection comes from ``migrate``, which also owns the transaction."""

from typing import Any, Literal

import sqlalchemy as sa
from alembic import context

from lamplighter.store.tables import Instant, metadata


def _plain_types(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """A migration must not change when our own types do: it names the database's."""
    if kind == "type" and isinstance(item, Instant):
        return "sa.BigInteger()"
    return False


connection: sa.Connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_item=_plain_types,
    render_as_batch=connection.dialect.name == "sqlite",
    transactional_ddl=True,
)
context.run_migrations()
