"""What every setting of a schedule needs: pools, groups, secrets, notifications, retention, statistics"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "proxy_pools",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("rotation", sa.Text(), nullable=False),
        sa.Column("turn", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "rotation IN ('RoundRobin', 'Random', 'Sticky')", name=op.f("ck_proxy_pools_rotation")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proxy_pools")),
        sa.UniqueConstraint("name", name=op.f("uq_proxy_pools_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "server_groups",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_server_groups")),
        sa.UniqueConstraint("name", name=op.f("uq_server_groups_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "proxies",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("pool_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("sealed_credentials", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["pool_id"], ["proxy_pools.id"], name=op.f("fk_proxies_pool_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proxies")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_proxies_pool", "proxies", ["pool_id", "position"], unique=False)
    op.create_table(
        "secrets",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("space_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["space_id"], ["spaces.id"], name=op.f("fk_secrets_space_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_secrets")),
        sa.UniqueConstraint("space_id", "name", name=op.f("uq_secrets_space_id_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "server_group_servers",
        sa.Column("group_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("server_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"],
            ["server_groups.id"],
            name=op.f("fk_server_group_servers_group_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["server_id"], ["servers.id"], name=op.f("fk_server_group_servers_server_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("group_id", "server_id", name=op.f("pk_server_group_servers")),
        sqlite_autoincrement=False,
    )
    op.create_index(
        op.f("ix_server_group_servers_server_id"), "server_group_servers", ["server_id"], unique=False
    )
    op.create_table(
        "proxy_health",
        sa.Column("proxy_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("failures_in_row", sa.Integer(), nullable=False),
        sa.Column("traffic", sa.BigInteger(), nullable=False),
        sa.Column("rested_until", sa.BigInteger(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("last_used", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["proxy_id"], ["proxies.id"], name=op.f("fk_proxy_health_proxy_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("proxy_id", "host", name=op.f("pk_proxy_health")),
        sqlite_autoincrement=False,
    )
    op.create_table(
        "retention",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("space_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("agent_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("runs_days", sa.Integer(), nullable=True),
        sa.Column("runs_count", sa.Integer(), nullable=True),
        sa.Column("logs_days", sa.Integer(), nullable=True),
        sa.Column("logs_count", sa.Integer(), nullable=True),
        sa.Column("files_days", sa.Integer(), nullable=True),
        sa.Column("files_count", sa.Integer(), nullable=True),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name=op.f("fk_retention_agent_id")),
        sa.ForeignKeyConstraint(["space_id"], ["spaces.id"], name=op.f("fk_retention_space_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retention")),
        sa.UniqueConstraint("agent_id", name=op.f("uq_retention_agent_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "uq_retention_space",
        "retention",
        ["space_id"],
        unique=True,
        sqlite_where=sa.text("agent_id IS NULL"),
        postgresql_where=sa.text("agent_id IS NULL"),
    )
    op.create_table(
        "notification_rules",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("space_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("agent_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("schedule_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("events", sa.JSON(), nullable=False),
        sa.Column("targets", sa.JSON(), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("within_seconds", sa.Integer(), nullable=False),
        sa.Column("quiet_seconds", sa.Integer(), nullable=False),
        sa.Column("watched_until", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "agent_id IS NULL OR schedule_id IS NULL", name=op.f("ck_notification_rules_scope")
        ),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name=op.f("fk_notification_rules_agent_id")),
        sa.ForeignKeyConstraint(
            ["schedule_id"], ["schedules.id"], name=op.f("fk_notification_rules_schedule_id")
        ),
        sa.ForeignKeyConstraint(["space_id"], ["spaces.id"], name=op.f("fk_notification_rules_space_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notification_rules")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_notification_rules_space_id"), "notification_rules", ["space_id"], unique=False)
    op.create_table(
        "notifications",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("rule_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("target", sa.Integer(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("more", sa.Integer(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("told_at", sa.BigInteger(), nullable=False),
        sa.Column("next_try", sa.BigInteger(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("sent", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["rule_id"], ["notification_rules.id"], name=op.f("fk_notifications_rule_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notifications")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_notifications_next_try",
        "notifications",
        ["next_try"],
        unique=False,
        sqlite_where=sa.text("next_try IS NOT NULL"),
        postgresql_where=sa.text("next_try IS NOT NULL"),
    )
    op.create_index(
        "ix_notifications_subject", "notifications", ["rule_id", "event", "subject", "told_at"], unique=False
    )
    op.create_table(
        "failing",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_failing")),
        sqlite_autoincrement=False,
    )
    op.create_table(
        "run_statistics",
        sa.Column(
            "run_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("series", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.Column("stats", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["runs.id"], name=op.f("fk_run_statistics_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_run_statistics")),
        sqlite_autoincrement=False,
    )
    op.create_index("ix_run_statistics_series", "run_statistics", ["series", "run_id"], unique=False)
    op.add_column("parallel_sets", sa.Column("combined", sa.Text(), nullable=True))
    op.add_column("parallel_sets", sa.Column("combine_at", sa.BigInteger(), nullable=True))
    op.create_index(
        "ix_parallel_sets_combine_at",
        "parallel_sets",
        ["combine_at"],
        unique=False,
        sqlite_where=sa.text("combine_at IS NOT NULL"),
        postgresql_where=sa.text("combine_at IS NOT NULL"),
    )
    op.add_column("runs", sa.Column("server_group_id", sa.Integer(), nullable=True))
    op.add_column("runs", sa.Column("logs_removed", sa.BigInteger(), nullable=True))
    op.add_column("runs", sa.Column("files_removed", sa.BigInteger(), nullable=True))
    op.drop_index("ix_runs_queue", table_name="runs")
    op.create_index(
        "ix_runs_queue",
        "runs",
        [sa.literal_column("priority DESC"), "is_catch_up", "id"],
        unique=False,
        sqlite_where=sa.text("status = 4 AND server_group_id IS NULL"),
        postgresql_where=sa.text("status = 4 AND server_group_id IS NULL"),
    )
    op.create_index(
        "ix_runs_group_queue",
        "runs",
        ["server_group_id", sa.literal_column("priority DESC"), "is_catch_up", "id"],
        unique=False,
        sqlite_where=sa.text("status = 4 AND server_group_id IS NOT NULL"),
        postgresql_where=sa.text("status = 4 AND server_group_id IS NOT NULL"),
    )
    op.create_index(
        "ix_runs_ended",
        "runs",
        ["agent_id", "end_time"],
        unique=False,
        sqlite_where=sa.text("end_time IS NOT NULL"),
        postgresql_where=sa.text("end_time IS NOT NULL"),
    )
    op.add_column("runs", sa.Column("warnings", sa.JSON(), nullable=True))
    op.add_column("runs", sa.Column("undelivered", sa.Boolean(), nullable=True))
    op.add_column("runs", sa.Column("records_attempt", sa.Integer(), nullable=True))
    op.add_column("runs", sa.Column("proxy_id", sa.Integer(), nullable=True))


def downgrade() -> None:

    op.drop_column("runs", "proxy_id")
    op.drop_column("runs", "records_attempt")
    op.drop_column("runs", "undelivered")
    op.drop_column("runs", "warnings")
    op.drop_index("ix_runs_ended", table_name="runs")
    op.drop_index("ix_runs_group_queue", table_name="runs")
    op.drop_index("ix_runs_queue", table_name="runs")
    op.create_index(
        "ix_runs_queue",
        "runs",
        [sa.literal_column("priority DESC"), "is_catch_up", "id"],
        unique=False,
        sqlite_where=sa.text("status = 4"),
        postgresql_where=sa.text("status = 4"),
    )
    op.drop_column("runs", "files_removed")
    op.drop_column("runs", "logs_removed")
    op.drop_column("runs", "server_group_id")

    op.drop_index(
        "ix_parallel_sets_combine_at",
        table_name="parallel_sets",
        sqlite_where=sa.text("combine_at IS NOT NULL"),
        postgresql_where=sa.text("combine_at IS NOT NULL"),
    )
    op.drop_column("parallel_sets", "combine_at")
    op.drop_column("parallel_sets", "combined")
    op.drop_index("ix_run_statistics_series", table_name="run_statistics")
    op.drop_table("run_statistics")
    op.drop_table("failing")
    op.drop_index("ix_notifications_subject", table_name="notifications")
    op.drop_index(
        "ix_notifications_next_try",
        table_name="notifications",
        sqlite_where=sa.text("next_try IS NOT NULL"),
        postgresql_where=sa.text("next_try IS NOT NULL"),
    )
    op.drop_table("notifications")
    op.drop_index(op.f("ix_notification_rules_space_id"), table_name="notification_rules")
    op.drop_table("notification_rules")
    op.drop_index(
        "uq_retention_space",
        table_name="retention",
        sqlite_where=sa.text("agent_id IS NULL"),
        postgresql_where=sa.text("agent_id IS NULL"),
    )
    op.drop_table("retention")
    op.drop_table("proxy_health")
    op.drop_index(op.f("ix_server_group_servers_server_id"), table_name="server_group_servers")
    op.drop_table("server_group_servers")
    op.drop_table("secrets")
    op.drop_index("ix_proxies_pool", table_name="proxies")
    op.drop_table("proxies")
    op.drop_table("server_groups")
    op.drop_table("proxy_pools")
