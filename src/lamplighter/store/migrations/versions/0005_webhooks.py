"""Webhooks that start agents, and what messages tell programs"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "webhooks",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("agent_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=True),
        sa.Column("accepts_input", sa.Boolean(), nullable=False),
        sa.Column("input_parameters", sa.Text(), nullable=True),
        sa.Column("parallelism", sa.Integer(), nullable=False),
        sa.Column("parallel_max_concurrency", sa.Integer(), nullable=True),
        sa.Column("parallel_export", sa.Text(), nullable=False),
        sa.Column("proxy_pool_id", sa.Integer(), nullable=True),
        sa.Column("server_group_id", sa.Integer(), nullable=True),
        sa.Column("log_level", sa.Text(), nullable=False),
        sa.Column("log_mode", sa.Text(), nullable=False),
        sa.Column("is_exclusive", sa.Boolean(), nullable=False),
        sa.Column("is_wait_on_failure", sa.Boolean(), nullable=False),
        sa.Column("max_retries", sa.Integer(), nullable=True),
        sa.Column("retry_delay_seconds", sa.Integer(), nullable=True),
        sa.Column("timeout_seconds", sa.Integer(), nullable=True),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("sealed_secret", sa.Text(), nullable=True),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.Column("last_used", sa.BigInteger(), nullable=True),
        sa.Column("last_result", sa.Text(), nullable=True),
        sa.Column("last_run_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("parallelism BETWEEN 1 AND 50", name=op.f("ck_webhooks_parallelism")),
        sa.CheckConstraint(
            "parallel_max_concurrency >= 1", name=op.f("ck_webhooks_parallel_max_concurrency")
        ),
        sa.CheckConstraint(
            "parallel_export IN ('Combined', 'Separated')", name=op.f("ck_webhooks_parallel_export")
        ),
        sa.CheckConstraint(
            "log_level IN ('Fatal', 'Error', 'Warning', 'Info')", name=op.f("ck_webhooks_log_level")
        ),
        sa.CheckConstraint("log_mode IN ('Text', 'TextAndHtml')", name=op.f("ck_webhooks_log_mode")),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name=op.f("fk_webhooks_agent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
        sa.UniqueConstraint("agent_id", "name", name=op.f("uq_webhooks_agent_id_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("webhook_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("delivery", sa.Text(), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=True),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["webhook_id"],
            ["webhooks.id"],
            name=op.f("fk_webhook_deliveries_webhook_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("webhook_id", "delivery", name=op.f("pk_webhook_deliveries")),
    )
    op.create_index(
        "ix_webhook_deliveries_created", "webhook_deliveries", ["webhook_id", "created"], unique=False
    )
    op.add_column("notifications", sa.Column("facts", sa.JSON(), server_default="{}", nullable=False))


def downgrade() -> None:

    op.drop_column("notifications", "facts")
    op.drop_index("ix_webhook_deliveries_created", table_name="webhook_deliveries")
    op.drop_table("webhook_deliveries")
    op.drop_table("webhooks")
