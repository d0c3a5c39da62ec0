"""The first schema"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:

    op.create_table(
        "servers",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("incarnation", sa.Text(), nullable=False),
        sa.Column("concurrency", sa.Integer(), nullable=False),
        sa.Column("started", sa.BigInteger(), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_servers")),
        sa.UniqueConstraint("name", name=op.f("uq_servers_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "spaces",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spaces")),
        sa.UniqueConstraint("name", name=op.f("uq_spaces_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "users",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("is_admin", sa.Boolean(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("name", name=op.f("uq_users_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "agents",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("space_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("documentation", sa.Text(), nullable=True),
        sa.Column("start_url", sa.Text(), nullable=True),
        sa.Column("config_type", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("is_archived", sa.Boolean(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.Column("last_activity", sa.BigInteger(), nullable=True),
        sa.Column("deleted", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "config_type IN ('Agent', 'Command', 'Api', 'Shared')", name=op.f("ck_agents_config_type")
        ),
        sa.ForeignKeyConstraint(["space_id"], ["spaces.id"], name=op.f("fk_agents_space_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_agents_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agents")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("agents", schema=None) as batch_op:
        batch_op.create_index(
            "uq_agents_name",
            ["space_id", "name"],
            unique=True,
            sqlite_where=sa.text("deleted IS NULL"),
            postgresql_where=sa.text("deleted IS NULL"),
        )

    op.create_table(
        "api_keys",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("key_hash", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.Column("revoked", sa.BigInteger(), nullable=True),
        sa.Column("last_used", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_api_keys_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("key_hash", name=op.f("uq_api_keys_key_hash")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "agent_versions",
        sa.Column("agent_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("comments", sa.Text(), nullable=True),
        sa.Column("file_size", sa.BigInteger(), nullable=False),
        sa.Column("bundle", sa.Text(), nullable=False),
        sa.Column("manifest", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name=op.f("fk_agent_versions_agent_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_agent_versions_user_id")),
        sa.PrimaryKeyConstraint("agent_id", "version", name=op.f("pk_agent_versions")),
        sqlite_autoincrement=False,
    )
    op.create_table(
        "schedules",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("agent_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("schedule_type", sa.Integer(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("cron_expression", sa.Text(), nullable=True),
        sa.Column("run_every_count", sa.Integer(), nullable=True),
        sa.Column("run_every_period", sa.Integer(), nullable=True),
        sa.Column("start_time", sa.BigInteger(), nullable=True),
        sa.Column("end_time", sa.BigInteger(), nullable=True),
        sa.Column("anchor", sa.BigInteger(), nullable=True),
        sa.Column("dst_gap", sa.Text(), nullable=False),
        sa.Column("dst_overlap", sa.Text(), nullable=False),
        sa.Column("jitter_seconds", sa.Integer(), nullable=False),
        sa.Column("excluded_dates", sa.JSON(), nullable=False),
        sa.Column("catch_up", sa.Text(), nullable=False),
        sa.Column("catch_up_window_seconds", sa.BigInteger(), nullable=False),
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
        sa.Column("input_parameters", sa.Text(), nullable=True),
        sa.Column("local_schedule", sa.Text(), nullable=True),
        sa.Column("decided_until", sa.BigInteger(), nullable=False),
        sa.Column("next_due", sa.BigInteger(), nullable=True),
        sa.Column("fire_at", sa.BigInteger(), nullable=True),
        sa.Column("tzdata_version", sa.Text(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.Column("deleted", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("catch_up IN ('latest', 'all', 'none')", name=op.f("ck_schedules_catch_up")),
        sa.CheckConstraint("dst_gap IN ('after', 'skip')", name=op.f("ck_schedules_dst_gap")),
        sa.CheckConstraint(
            "dst_overlap IN ('first', 'second', 'both')", name=op.f("ck_schedules_dst_overlap")
        ),
        sa.CheckConstraint(
            "log_level IN ('Fatal', 'Error', 'Warning', 'Info')", name=op.f("ck_schedules_log_level")
        ),
        sa.CheckConstraint("log_mode IN ('Text', 'TextAndHtml')", name=op.f("ck_schedules_log_mode")),
        sa.CheckConstraint(
            "parallel_export IN ('Combined', 'Separated')", name=op.f("ck_schedules_parallel_export")
        ),
        sa.CheckConstraint("(next_due IS NULL) = (fire_at IS NULL)", name=op.f("ck_schedules_next_due")),
        sa.CheckConstraint("fire_at IS NULL OR is_enabled", name=op.f("ck_schedules_only_enabled_is_due")),
        sa.CheckConstraint("next_due > decided_until", name=op.f("ck_schedules_next_after_decided")),
        sa.CheckConstraint(
            "parallel_max_concurrency >= 1", name=op.f("ck_schedules_parallel_max_concurrency")
        ),
        sa.CheckConstraint("parallelism BETWEEN 1 AND 50", name=op.f("ck_schedules_parallelism")),
        sa.CheckConstraint("schedule_type IN (0, 1, 2, 3)", name=op.f("ck_schedules_schedule_type")),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name=op.f("fk_schedules_agent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schedules")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("schedules", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_schedules_agent_id"), ["agent_id"], unique=False)
        batch_op.create_index(
            "ix_schedules_fire_at",
            ["fire_at"],
            unique=False,
            sqlite_where=sa.text("fire_at IS NOT NULL"),
            postgresql_where=sa.text("fire_at IS NOT NULL"),
        )

    op.create_table(
        "fires",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("schedule_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.Column("last_due", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("decided", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "outcome IN ('fired', 'late', 'merged', 'skipped', 'held')", name=op.f("ck_fires_outcome")
        ),
        sa.CheckConstraint("count >= 1", name=op.f("ck_fires_count")),
        sa.CheckConstraint("last_due >= due", name=op.f("ck_fires_last_due")),
        sa.ForeignKeyConstraint(["schedule_id"], ["schedules.id"], name=op.f("fk_fires_schedule_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fires")),
        sa.UniqueConstraint("schedule_id", "due", name=op.f("uq_fires_schedule_id_due")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "parallel_sets",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("agent_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("agent_version", sa.Integer(), nullable=False),
        sa.Column("schedule_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("fire_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("scheduled_time", sa.BigInteger(), nullable=True),
        sa.Column("started_by", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
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
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "log_level IN ('Fatal', 'Error', 'Warning', 'Info')", name=op.f("ck_parallel_sets_log_level")
        ),
        sa.CheckConstraint("log_mode IN ('Text', 'TextAndHtml')", name=op.f("ck_parallel_sets_log_mode")),
        sa.CheckConstraint(
            "parallel_export IN ('Combined', 'Separated')", name=op.f("ck_parallel_sets_parallel_export")
        ),
        sa.CheckConstraint("state IN ('waiting', 'active', 'ended')", name=op.f("ck_parallel_sets_state")),
        sa.CheckConstraint(
            "parallel_max_concurrency >= 1", name=op.f("ck_parallel_sets_parallel_max_concurrency")
        ),
        sa.CheckConstraint("parallelism BETWEEN 1 AND 50", name=op.f("ck_parallel_sets_parallelism")),
        sa.ForeignKeyConstraint(
            ["agent_id", "agent_version"],
            ["agent_versions.agent_id", "agent_versions.version"],
            name=op.f("fk_parallel_sets_agent_id_agent_version"),
        ),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name=op.f("fk_parallel_sets_agent_id")),
        sa.ForeignKeyConstraint(["fire_id"], ["fires.id"], name=op.f("fk_parallel_sets_fire_id")),
        sa.ForeignKeyConstraint(["schedule_id"], ["schedules.id"], name=op.f("fk_parallel_sets_schedule_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parallel_sets")),
        sa.UniqueConstraint("fire_id", name=op.f("uq_parallel_sets_fire_id")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("parallel_sets", schema=None) as batch_op:
        batch_op.create_index(
            "ix_parallel_sets_open",
            ["agent_id", "state"],
            unique=False,
            sqlite_where=sa.text("state <> 'ended'"),
            postgresql_where=sa.text("state <> 'ended'"),
        )
        batch_op.create_index(batch_op.f("ix_parallel_sets_schedule_id"), ["schedule_id"], unique=False)
        batch_op.create_index(
            "uq_parallel_sets_exclusive",
            ["agent_id"],
            unique=True,
            sqlite_where=sa.text("is_exclusive AND state = 'active'"),
            postgresql_where=sa.text("is_exclusive AND state = 'active'"),
        )

    op.create_table(
        "runs",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("set_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("agent_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("is_catch_up", sa.Boolean(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("retries", sa.Integer(), nullable=False),
        sa.Column("ready_at", sa.BigInteger(), nullable=True),
        sa.Column("stop_cause", sa.Text(), nullable=True),
        sa.Column("stop_asked", sa.BigInteger(), nullable=True),
        sa.Column("kill_asked", sa.Boolean(), nullable=False),
        sa.Column("server_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("input_json", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("start_time", sa.BigInteger(), nullable=True),
        sa.Column("end_time", sa.BigInteger(), nullable=True),
        sa.Column("data_count", sa.BigInteger(), nullable=False),
        sa.Column("error_count", sa.BigInteger(), nullable=False),
        sa.Column("page_count", sa.BigInteger(), nullable=False),
        sa.Column("dynamic_page_count", sa.BigInteger(), nullable=False),
        sa.Column("request_count", sa.BigInteger(), nullable=False),
        sa.Column("input_count", sa.BigInteger(), nullable=False),
        sa.Column("export_count", sa.BigInteger(), nullable=False),
        sa.Column("traffic", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("stop_cause IN ('asked', 'timeout')", name=op.f("ck_runs_stop_cause")),
        sa.CheckConstraint("ready_at IS NULL OR status = 12", name=op.f("ck_runs_ready_at")),
        sa.CheckConstraint("status IN (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)", name=op.f("ck_runs_status")),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name=op.f("fk_runs_agent_id")),
        sa.ForeignKeyConstraint(["server_id"], ["servers.id"], name=op.f("fk_runs_server_id")),
        sa.ForeignKeyConstraint(["set_id"], ["parallel_sets.id"], name=op.f("fk_runs_set_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
        sa.UniqueConstraint("set_id", "sequence", name=op.f("uq_runs_set_id_sequence")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("runs", schema=None) as batch_op:
        batch_op.create_index("ix_runs_agent", ["agent_id", "id"], unique=False)
        batch_op.create_index(
            "ix_runs_on_server",
            ["server_id"],
            unique=False,
            sqlite_where=sa.text("status IN (1, 2, 3, 5)"),
            postgresql_where=sa.text("status IN (1, 2, 3, 5)"),
        )
        batch_op.create_index(
            "ix_runs_open",
            ["status"],
            unique=False,
            sqlite_where=sa.text("status IN (1, 2, 3, 4, 5, 12)"),
            postgresql_where=sa.text("status IN (1, 2, 3, 4, 5, 12)"),
        )
        batch_op.create_index(
            "ix_runs_queue",
            [sa.literal_column("priority DESC"), "is_catch_up", "id"],
            unique=False,
            sqlite_where=sa.text("status = 4"),
            postgresql_where=sa.text("status = 4"),
        )
        batch_op.create_index(
            "ix_runs_retry",
            ["ready_at"],
            unique=False,
            sqlite_where=sa.text("status = 12 AND ready_at IS NOT NULL"),
            postgresql_where=sa.text("status = 12 AND ready_at IS NOT NULL"),
        )

    op.create_table(
        "run_files",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("run_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("file_type", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["runs.id"], name=op.f("fk_run_files_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run_files")),
        sa.UniqueConstraint("run_id", "path", name=op.f("uq_run_files_run_id_path")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("run_files", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_run_files_run_id"), ["run_id"], unique=False)


def downgrade() -> None:

    with op.batch_alter_table("run_files", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_run_files_run_id"))

    op.drop_table("run_files")
    with op.batch_alter_table("runs", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_runs_retry",
            sqlite_where=sa.text("status = 12 AND ready_at IS NOT NULL"),
            postgresql_where=sa.text("status = 12 AND ready_at IS NOT NULL"),
        )
        batch_op.drop_index(
            "ix_runs_queue", sqlite_where=sa.text("status = 4"), postgresql_where=sa.text("status = 4")
        )
        batch_op.drop_index(
            "ix_runs_on_server",
            sqlite_where=sa.text("status IN (1, 2, 3, 5)"),
            postgresql_where=sa.text("status IN (1, 2, 3, 5)"),
        )
        batch_op.drop_index(
            "ix_runs_open",
            sqlite_where=sa.text("status IN (1, 2, 3, 4, 5, 12)"),
            postgresql_where=sa.text("status IN (1, 2, 3, 4, 5, 12)"),
        )
        batch_op.drop_index("ix_runs_agent")

    op.drop_table("runs")
    with op.batch_alter_table("parallel_sets", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_parallel_sets_exclusive",
            sqlite_where=sa.text("is_exclusive AND state = 'active'"),
            postgresql_where=sa.text("is_exclusive AND state = 'active'"),
        )
        batch_op.drop_index(batch_op.f("ix_parallel_sets_schedule_id"))
        batch_op.drop_index(
            "ix_parallel_sets_open",
            sqlite_where=sa.text("state <> 'ended'"),
            postgresql_where=sa.text("state <> 'ended'"),
        )

    op.drop_table("parallel_sets")
    op.drop_table("fires")
    with op.batch_alter_table("schedules", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_schedules_fire_at",
            sqlite_where=sa.text("fire_at IS NOT NULL"),
            postgresql_where=sa.text("fire_at IS NOT NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_schedules_agent_id"))

    op.drop_table("schedules")
    op.drop_table("agent_versions")
    op.drop_table("api_keys")
    with op.batch_alter_table("agents", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_agents_name",
            sqlite_where=sa.text("deleted IS NULL"),
            postgresql_where=sa.text("deleted IS NULL"),
        )

    op.drop_table("agents")
    op.drop_table("users")
    op.drop_table("spaces")
    op.drop_table("servers")
