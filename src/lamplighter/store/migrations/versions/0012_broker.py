"""When the broker was seen last, by any process; the row is always there"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "broker",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("seen", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_broker")),
        sqlite_autoincrement=True,
    )
    op.execute("INSERT INTO broker (id, seen) VALUES (1, 0)")


def downgrade() -> None:
    op.drop_table("broker")
