"""SQLite counts schedules by those that are gone"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.create_index("ix_schedules_gone", "schedules", [sa.text("deleted IS NOT NULL")])


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.drop_index("ix_schedules_gone", table_name="schedules")
