"""Schedules that are there are counted without reading them"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    there = sa.text("deleted IS NULL")
    op.create_index(
        "ix_schedules_there",
        "schedules",
        ["agent_id", "id"],
        unique=False,
        sqlite_where=there,
        postgresql_where=there,
    )
    op.drop_index("ix_schedules_agent_id", table_name="schedules")


def downgrade() -> None:
    op.create_index("ix_schedules_agent_id", "schedules", ["agent_id"], unique=False)
    op.drop_index("ix_schedules_there", table_name="schedules")
