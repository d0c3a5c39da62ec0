"""The last failure of an agent is found at once, however many good runs it has had since"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    failed = sa.text("status IN (6, 7)")
    op.create_index(
        "ix_runs_failed",
        "runs",
        ["agent_id", "end_time"],
        unique=False,
        sqlite_where=failed,
        postgresql_where=failed,
    )


def downgrade() -> None:
    op.drop_index("ix_runs_failed", table_name="runs")
