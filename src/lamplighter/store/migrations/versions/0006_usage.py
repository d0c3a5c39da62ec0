"""Analytics and billing: what is due next, sums over runs, usage and credits"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_KINDS = ("server_time", "export_gb", "agent_inputs", "proxy_data", "export_cpm")
_IS_DUE = sa.text("next_due IS NOT NULL")
_SUMMED = ("created", "agent_id", "status", "error_count", "data_count", "export_count", "page_count")


def upgrade() -> None:
    op.create_index(
        "ix_schedules_next_due",
        "schedules",
        ["next_due", "id"],
        unique=False,
        sqlite_where=_IS_DUE,
        postgresql_where=_IS_DUE,
    )
    op.create_index("ix_runs_created", "runs", list(_SUMMED), unique=False)
    op.create_table(
        "usage",
        sa.Column("id", _ID, nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=True),
        sa.Column("agent_id", _ID, nullable=False),
        sa.Column("start_time", sa.BigInteger(), nullable=True),
        sa.Column("end_time", sa.BigInteger(), nullable=False),
        *(
            sa.Column(f"{kind}_{what}", sa.BigInteger(), nullable=False)
            for what in ("used", "cost")
            for kind in _KINDS
        ),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name=op.f("fk_usage_agent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_usage")),
        sa.UniqueConstraint("run_id", "attempt", name=op.f("uq_usage_run_id_attempt")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_usage_end_time", "usage", ["end_time", "agent_id"], unique=False)
    op.create_index("ix_usage_agent", "usage", ["agent_id", "end_time"], unique=False)
    op.create_table(
        "billing_rates",
        sa.Column("usage_type", sa.Text(), nullable=False),
        sa.Column("rate", sa.BigInteger(), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "usage_type IN ('Server Time', 'Export GB', 'Agent Inputs', 'Proxy Data', 'Export CPM')",
            name=op.f("ck_billing_rates_usage_type"),
        ),
        sa.CheckConstraint("rate >= 0", name=op.f("ck_billing_rates_rate")),
        sa.PrimaryKeyConstraint("usage_type", name=op.f("pk_billing_rates")),
    )
    op.create_table(
        "credit_transactions",
        sa.Column("id", _ID, nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.BigInteger(), nullable=True),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "type IN ('Credit', 'Debit', 'Adjustment')", name=op.f("ck_credit_transactions_type")
        ),
        sa.CheckConstraint("(type = 'Debit') = (day IS NOT NULL)", name=op.f("ck_credit_transactions_day")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credit_transactions")),
        sa.UniqueConstraint("day", name=op.f("uq_credit_transactions_day")),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    op.drop_table("credit_transactions")
    op.drop_table("billing_rates")
    op.drop_index("ix_usage_agent", table_name="usage")
    op.drop_index("ix_usage_end_time", table_name="usage")
    op.drop_table("usage")
    op.drop_index("ix_runs_created", table_name="runs")
    op.drop_index(
        "ix_schedules_next_due", table_name="schedules", sqlite_where=_IS_DUE, postgresql_where=_IS_DUE
    )
