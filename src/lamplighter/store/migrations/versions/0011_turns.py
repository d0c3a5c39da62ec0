"""Spaces take turns, queues have an age, servers drain"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_QUEUING = "status = 4"
_ON_SERVER = sa.text("status IN (1, 2, 3, 5)")


def upgrade() -> None:
    op.add_column("servers", sa.Column("draining_since", sa.BigInteger(), nullable=True))
    op.add_column("servers", sa.Column("labels", sa.JSON(), server_default="{}", nullable=False))
    op.add_column("runs", sa.Column("space_id", sa.Integer(), server_default="0", nullable=False))
    op.add_column("runs", sa.Column("queued_at", sa.BigInteger(), nullable=True))
    op.execute("UPDATE runs SET space_id = (SELECT space_id FROM agents WHERE agents.id = runs.agent_id)")
    op.execute("UPDATE runs SET queued_at = created WHERE status = 4")
    _replace_indexes("space_id")
    waiting = sa.text(_QUEUING)
    op.create_index(
        "ix_runs_queued_at",
        "runs",
        ["queued_at", "server_group_id"],
        sqlite_where=waiting,
        postgresql_where=waiting,
    )
    op.create_table(
        "space_turns",
        sa.Column("server_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("space_id", sa.Integer(), nullable=False),
        sa.Column("turn", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["server_id"], ["servers.id"], name=op.f("fk_space_turns_server_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("server_id", "space_id", name=op.f("pk_space_turns")),
        sqlite_autoincrement=False,
    )


def downgrade() -> None:
    op.drop_table("space_turns")
    op.drop_index("ix_runs_queued_at", table_name="runs")
    _replace_indexes()
    op.drop_column("runs", "queued_at")
    op.drop_column("runs", "space_id")
    op.drop_column("servers", "labels")
    op.drop_column("servers", "draining_since")


def _replace_indexes(*between: str) -> None:
    """The queues, and the runs of a server, are in the order of these columns too."""
    anywhere = sa.text(f"{_QUEUING} AND server_group_id IS NULL")
    for_group = sa.text(f"{_QUEUING} AND server_group_id IS NOT NULL")
    first: list[str | sa.ColumnElement[Any]] = [
        sa.literal_column("priority DESC"),
        "is_catch_up",
        *between,
        "id",
    ]
    indexes: list[tuple[str, list[str | sa.ColumnElement[Any]], sa.TextClause]] = [
        ("ix_runs_queue", first, anywhere),
        ("ix_runs_group_queue", ["server_group_id", *first], for_group),
        ("ix_runs_on_server", ["server_id", *between], _ON_SERVER),
    ]
    for name, columns, which in indexes:
        op.drop_index(name, table_name="runs")
        op.create_index(name, "runs", columns, sqlite_where=which, postgresql_where=which)
