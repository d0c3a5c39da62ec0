"""The tables, written once for SQLite and PostgreSQL. The database enforces the invariants.

Instants are stored as whole milliseconds since 1970 in UTC, so both databases compare and add them alike.
Enumerations are stored as the wire's values and checked.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from enum import IntEnum, StrEnum

import sqlalchemy as sa

from lamplighter.model import (
    ACTIVE,
    ON_SERVER,
    CatchUp,
    LogLevel,
    LogMode,
    Outcome,
    ParallelExport,
    Role,
    Rotation,
    RunStatus,
    ScheduleType,
    SetState,
    StopCause,
    TransactionType,
    UsageType,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


class Instant(sa.types.TypeDecorator[datetime]):
    """An aware datetime, stored as milliseconds since 1970 UTC."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:
        return None if value is None else (value - EPOCH) // MILLISECOND

    def process_result_value(self, value: int | None, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else EPOCH + value * MILLISECOND


# SQLite makes only INTEGER PRIMARY KEY the row id; elsewhere ids are 64 bits wide.
Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _id() -> sa.Column[int]:
    return sa.Column("id", Id, primary_key=True)


def _one_of(column: str, values: type[StrEnum] | type[IntEnum]) -> sa.CheckConstraint:
    words = ", ".join(f"'{v.value}'" if isinstance(v, str) else str(v.value) for v in values)
    return sa.CheckConstraint(f"{column} IN ({words})", name=column)


def _settings_columns() -> list[sa.Column[object] | sa.CheckConstraint]:
    """The columns of ``model.RunSettings``, the same for a schedule and for a set that was started."""
    return [
        sa.Column("parallelism", sa.Integer, nullable=False),
        sa.Column("parallel_max_concurrency", sa.Integer),
        sa.Column("parallel_export", sa.Text, nullable=False),
        sa.Column("proxy_pool_id", sa.Integer),
        sa.Column("server_group_id", sa.Integer),
        sa.Column("log_level", sa.Text, nullable=False),
        sa.Column("log_mode", sa.Text, nullable=False),
        sa.Column("is_exclusive", sa.Boolean, nullable=False),
        sa.Column("is_wait_on_failure", sa.Boolean, nullable=False),
        sa.Column("max_retries", sa.Integer),
        sa.Column("retry_delay_seconds", sa.Integer),
        sa.Column("timeout_seconds", sa.Integer),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.CheckConstraint("parallelism BETWEEN 1 AND 50", name="parallelism"),
        sa.CheckConstraint("parallel_max_concurrency >= 1", name="parallel_max_concurrency"),
        _one_of("parallel_export", ParallelExport),
        _one_of("log_level", LogLevel),
        _one_of("log_mode", LogMode),
    ]


def _table(name: str, *parts: sa.schema.SchemaItem) -> sa.Table:
    # An id is never given out twice, even after its row was deleted: clients keep ids.
    return sa.Table(name, metadata, *parts, sqlite_autoincrement=True)


users = _table(
    "users",
    _id(),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("is_admin", sa.Boolean, nullable=False),
    sa.Column("created", Instant, nullable=False),
    sa.Column("updated", Instant),
    sa.Column("email", sa.Text),
    sa.Column("is_active", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("deleted", Instant),
    sa.Column("password_hash", sa.Text),
    # Tokens and sessions from before are no longer good: signed out everywhere.
    sa.Column("tokens_since", Instant),
    # Who the user is at an OpenID Connect issuer.
    sa.Column("issuer", sa.Text),
    sa.Column("subject", sa.Text),
)
sa.Index("uq_users_subject", users.c.issuer, users.c.subject, unique=True)

api_keys = _table(
    "api_keys",
    _id(),
    sa.Column("user_id", sa.ForeignKey("users.id"), nullable=False),
    sa.Column("description", sa.Text),
    sa.Column("prefix", sa.Text, nullable=False),
    sa.Column("key_hash", sa.Text, nullable=False, unique=True),
    sa.Column("created", Instant, nullable=False),
    sa.Column("expires", Instant, nullable=False),
    sa.Column("revoked", Instant),
    sa.Column("last_used", Instant),
    sa.Column("is_read_only", sa.Boolean, nullable=False, server_default=sa.false()),
    # The key is good for this space only.
    sa.Column("space_id", sa.Integer),
    sa.Index("ix_api_keys_user", "user_id"),
)

# Who has signed in with a browser. What the browser keeps is not here, only its hash.
sessions = _table(
    "sessions",
    _id(),
    sa.Column("token_hash", sa.Text, nullable=False, unique=True),
    sa.Column("user_id", sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    # The key that was signed in with: the session may do what it may, and ends with it.
    sa.Column("api_key_id", sa.ForeignKey("api_keys.id", ondelete="CASCADE")),
    sa.Column("created", Instant, nullable=False),
    sa.Column("last_used", Instant, nullable=False),
)

# A space or user that was deleted keeps its row, under another name: versions and the audit log refer to it.
spaces = _table(
    "spaces",
    _id(),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("created", Instant, nullable=False),
    sa.Column("updated", Instant),
    sa.Column("description", sa.Text),
    sa.Column("is_default_access", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("deleted", Instant),
)

space_members = _table(
    "space_members",
    sa.Column("space_id", sa.ForeignKey("spaces.id"), primary_key=True),
    sa.Column("user_id", sa.ForeignKey("users.id"), primary_key=True, index=True),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("created", Instant, nullable=False),
    _one_of("role", Role),
)
space_members.dialect_options["sqlite"]["autoincrement"] = False

# Who changed what. It is written in the transaction of the change, and never changed.
audit_log = _table(
    "audit_log",
    _id(),
    sa.Column("time", Instant, nullable=False, index=True),
    # Null when it was the server itself.
    sa.Column("user_id", sa.Integer),
    sa.Column("user_name", sa.Text, nullable=False),
    sa.Column("api_key_id", sa.Integer),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("subject_id", sa.Text, nullable=False),
    sa.Column("subject_name", sa.Text),
    sa.Column("space_id", sa.Integer),
    sa.Column("changes", sa.JSON, nullable=False),
    sa.Index("ix_audit_log_subject", "kind", "subject_id", "id"),
)

agents = _table(
    "agents",
    _id(),
    sa.Column("space_id", sa.ForeignKey("spaces.id"), nullable=False),
    sa.Column("user_id", sa.ForeignKey("users.id"), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("description", sa.Text),
    sa.Column("documentation", sa.Text),
    sa.Column("start_url", sa.Text),
    sa.Column("config_type", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("is_archived", sa.Boolean, nullable=False, default=False),
    sa.Column("created", Instant, nullable=False),
    sa.Column("updated", Instant, nullable=False),
    sa.Column("last_activity", Instant),
    sa.Column("deleted", Instant),
    sa.CheckConstraint("config_type IN ('Agent', 'Command', 'Api', 'Shared')", name="config_type"),
)
# A deleted agent frees its name.
sa.Index(
    "uq_agents_name",
    agents.c.space_id,
    agents.c.name,
    unique=True,
    sqlite_where=agents.c.deleted.is_(None),
    postgresql_where=agents.c.deleted.is_(None),
)

agent_versions = _table(
    "agent_versions",
    sa.Column("agent_id", sa.ForeignKey("agents.id"), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("user_id", sa.ForeignKey("users.id"), nullable=False),
    sa.Column("created", Instant, nullable=False),
    sa.Column("comments", sa.Text),
    sa.Column("file_size", sa.BigInteger, nullable=False),
    sa.Column("bundle", sa.Text, nullable=False),
    sa.Column("manifest", sa.JSON, nullable=False),
    sa.Column("content_hash", sa.Text),  # null for those that were saved before there was any
)
agent_versions.dialect_options["sqlite"]["autoincrement"] = False

schedules = _table(
    "schedules",
    _id(),
    sa.Column("agent_id", sa.ForeignKey("agents.id"), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("is_enabled", sa.Boolean, nullable=False),
    sa.Column("is_shadow", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("schedule_type", sa.Integer, nullable=False),
    sa.Column("timezone", sa.Text, nullable=False),
    sa.Column("cron_expression", sa.Text),
    sa.Column("run_every_count", sa.Integer),
    sa.Column("run_every_period", sa.Integer),
    sa.Column("start_time", Instant),
    sa.Column("end_time", Instant),
    sa.Column("anchor", Instant),
    sa.Column("dst_gap", sa.Text, nullable=False),
    sa.Column("dst_overlap", sa.Text, nullable=False),
    sa.Column("jitter_seconds", sa.Integer, nullable=False),
    sa.Column("excluded_dates", sa.JSON, nullable=False),
    sa.Column("catch_up", sa.Text, nullable=False),
    sa.Column("catch_up_window_seconds", sa.BigInteger, nullable=False),
    *_settings_columns(),
    sa.Column("input_parameters", sa.Text),
    sa.Column("local_schedule", sa.Text),
    sa.Column("decided_until", Instant, nullable=False),
    sa.Column("next_due", Instant),
    sa.Column("fire_at", Instant),
    sa.Column("tzdata_version", sa.Text, nullable=False),
    sa.Column("problem", sa.Text),
    sa.Column("created", Instant, nullable=False),
    sa.Column("updated", Instant, nullable=False),
    sa.Column("deleted", Instant),
    _one_of("schedule_type", ScheduleType),
    _one_of("catch_up", CatchUp),
    sa.CheckConstraint("dst_gap IN ('after', 'skip')", name="dst_gap"),
    sa.CheckConstraint("dst_overlap IN ('first', 'second', 'both')", name="dst_overlap"),
    sa.CheckConstraint("(next_due IS NULL) = (fire_at IS NULL)", name="next_due"),
    sa.CheckConstraint("next_due > decided_until", name="next_after_decided"),
    sa.CheckConstraint("fire_at IS NULL OR is_enabled", name="only_enabled_is_due"),
)
# What the scheduler reads: a million schedules cost it nothing until they are due.
sa.Index(
    "ix_schedules_fire_at",
    schedules.c.fire_at,
    sqlite_where=schedules.c.fire_at.is_not(None),
    postgresql_where=schedules.c.fire_at.is_not(None),
)
# What people see, in the order of lists; PostgreSQL also counts them by it.
sa.Index(
    "ix_schedules_there",
    schedules.c.agent_id,
    schedules.c.id,
    sqlite_where=schedules.c.deleted.is_(None),
    postgresql_where=schedules.c.deleted.is_(None),
)
# SQLite counts all rows by the pages of an index, but those of a condition one by one. Over the bare column it
# would also be taken for lists, which then had to be sorted.
schedules_gone = schedules.c.deleted.is_not(None)
sa.Index("ix_schedules_gone", schedules_gone).ddl_if(dialect="sqlite")
# What people ask for: which schedules are due next. It differs from the one above by jitter.
sa.Index(
    "ix_schedules_next_due",
    schedules.c.next_due,
    schedules.c.id,
    sqlite_where=schedules.c.next_due.is_not(None),
    postgresql_where=schedules.c.next_due.is_not(None),
)
fires = _table(
    "fires",
    _id(),
    sa.Column("schedule_id", sa.ForeignKey("schedules.id"), nullable=False),
    sa.Column("due", Instant, nullable=False),
    sa.Column("last_due", Instant, nullable=False),
    sa.Column("count", sa.BigInteger, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("decided", Instant, nullable=False),
    # Whether the schedule was in shadow then: such a due time owes nobody a run.
    sa.Column("is_shadow", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.UniqueConstraint("schedule_id", "due"),
    sa.CheckConstraint("count >= 1", name="count"),
    sa.CheckConstraint("last_due >= due", name="last_due"),
    _one_of("outcome", Outcome),
    sa.CheckConstraint(
        "CASE WHEN is_shadow THEN outcome IN ('shadow', 'merged', 'skipped') ELSE outcome <> 'shadow' END",
        name="is_shadow",
    ),
)

parallel_sets = _table(
    "parallel_sets",
    _id(),
    sa.Column("agent_id", sa.ForeignKey("agents.id"), nullable=False),
    sa.Column("agent_version", sa.Integer, nullable=False),
    sa.Column("schedule_id", sa.ForeignKey("schedules.id"), index=True),
    sa.Column("fire_id", sa.ForeignKey("fires.id"), unique=True),
    sa.Column("scheduled_time", Instant),
    sa.Column("started_by", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    *_settings_columns(),
    sa.Column("created", Instant, nullable=False),
    # Which attempts of its runs are merged in its combined export; null when it has none, or one is to be made.
    sa.Column("combined", sa.Text),
    sa.Column("combine_at", Instant),
    sa.ForeignKeyConstraint(
        ["agent_id", "agent_version"], ["agent_versions.agent_id", "agent_versions.version"]
    ),
    _one_of("state", SetState),
)
sa.Index(
    "ix_parallel_sets_combine_at",
    parallel_sets.c.combine_at,
    sqlite_where=parallel_sets.c.combine_at.is_not(None),
    postgresql_where=parallel_sets.c.combine_at.is_not(None),
)
sa.Index(
    "ix_parallel_sets_open",
    parallel_sets.c.agent_id,
    parallel_sets.c.state,
    sqlite_where=sa.text("state <> 'ended'"),
    postgresql_where=sa.text("state <> 'ended'"),
)
# "No two runs of an exclusive agent at the same moment" holds by this index, not by luck.
sa.Index(
    "uq_parallel_sets_exclusive",
    parallel_sets.c.agent_id,
    unique=True,
    sqlite_where=sa.text("is_exclusive AND state = 'active'"),
    postgresql_where=sa.text("is_exclusive AND state = 'active'"),
)

servers = _table(
    "servers",
    _id(),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("incarnation", sa.Text, nullable=False),
    sa.Column("concurrency", sa.Integer, nullable=False),
    sa.Column("started", Instant, nullable=False),
    sa.Column("lease_until", Instant, nullable=False),
    # Since when it is to take nothing new; null while it takes runs. It stays so when its process starts anew.
    sa.Column("draining_since", Instant),
    sa.Column("labels", sa.JSON, nullable=False, server_default="{}"),
)

# One row at most.
installation = _table(
    "installation",
    _id(),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("sealed_secret", sa.Text, nullable=False),
)

# One row, which is always there.
broker = _table("broker", _id(), sa.Column("seen", Instant, nullable=False))

runs = _table(
    "runs",
    _id(),
    sa.Column("set_id", sa.ForeignKey("parallel_sets.id"), nullable=False),
    sa.Column("agent_id", sa.ForeignKey("agents.id"), nullable=False),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("status", sa.Integer, nullable=False),
    sa.Column("message", sa.Text),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("is_catch_up", sa.Boolean, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False, default=0),
    sa.Column("retries", sa.Integer, nullable=False, default=0),
    sa.Column("ready_at", Instant),
    sa.Column("stop_cause", sa.Text),
    sa.Column("stop_asked", Instant),
    sa.Column("kill_asked", sa.Boolean, nullable=False, default=False),
    sa.Column("server_id", sa.ForeignKey("servers.id")),
    sa.Column("input_json", sa.Text, nullable=False),
    sa.Column("created", Instant, nullable=False),
    sa.Column("start_time", Instant),
    sa.Column("end_time", Instant),
    sa.Column("data_count", sa.BigInteger, nullable=False, default=0),
    sa.Column("error_count", sa.BigInteger, nullable=False, default=0),
    sa.Column("page_count", sa.BigInteger, nullable=False, default=0),
    sa.Column("dynamic_page_count", sa.BigInteger, nullable=False, default=0),
    sa.Column("request_count", sa.BigInteger, nullable=False, default=0),
    sa.Column("input_count", sa.BigInteger, nullable=False, default=0),
    sa.Column("export_count", sa.BigInteger, nullable=False, default=0),
    sa.Column("traffic", sa.BigInteger, nullable=False, default=0),
    # A copy of the set's, for the queue of each group.
    sa.Column("server_group_id", sa.Integer),
    # When retention took the run's logs, or its files, away; null while they are kept.
    sa.Column("logs_removed", Instant),
    sa.Column("files_removed", Instant),
    # What a person should know of a run that ended well all the same, as a JSON list of sentences.
    sa.Column("warnings", sa.JSON),
    # It extracted all it should, and failed only because that could not be delivered: another try delivers.
    sa.Column("undelivered", sa.Boolean),
    # The attempt that extracted the records: an older one when the last attempt only delivered them.
    sa.Column("records_attempt", sa.Integer),
    # The proxy that the newest attempt began with: the next one takes another.
    sa.Column("proxy_id", sa.Integer),
    # A copy of the agent's, which never changes: spaces take turns.
    sa.Column("space_id", sa.Integer, nullable=False, server_default="0"),
    # When it last began to queue; null when it never did.
    sa.Column("queued_at", Instant),
    sa.UniqueConstraint("set_id", "sequence"),
    sa.CheckConstraint(
        f"status IN ({', '.join(str(s.value) for s in RunStatus if s is not RunStatus.INVALID)})",
        name="status",
    ),
    sa.CheckConstraint("ready_at IS NULL OR status = 12", name="ready_at"),
    _one_of("stop_cause", StopCause),
    sa.Index("ix_runs_agent", "agent_id", "id"),
)
# The outbox of the broker: what queues (``server_group_id``), and what is asked of a server about a run that it has
# (``server_id``). PostgreSQL writes it by a trigger on ``runs``, so nothing that queues can be forgotten; on SQLite
# there is no broker, and it stays empty.
announcements = _table(
    "announcements",
    _id(),
    sa.Column("run_id", sa.BigInteger, nullable=False),
    sa.Column("server_group_id", sa.Integer),
    sa.Column("server_id", sa.Integer),
)
# Each group has a queue of its own: runs that nobody may take cost nothing to those who take others.
_QUEUING = sa.text(f"status = {RunStatus.QUEUING.value} AND server_group_id IS NULL")
sa.Index(
    "ix_runs_queue",
    runs.c.priority.desc(),
    runs.c.is_catch_up,
    runs.c.space_id,
    runs.c.id,
    sqlite_where=_QUEUING,
    postgresql_where=_QUEUING,
)
_QUEUING_FOR_GROUP = sa.text(f"status = {RunStatus.QUEUING.value} AND server_group_id IS NOT NULL")
sa.Index(
    "ix_runs_group_queue",
    runs.c.server_group_id,
    runs.c.priority.desc(),
    runs.c.is_catch_up,
    runs.c.space_id,
    runs.c.id,
    sqlite_where=_QUEUING_FOR_GROUP,
    postgresql_where=_QUEUING_FOR_GROUP,
)
# How long each queue is, and since when its oldest run waits, without reading the runs.
_IN_A_QUEUE = sa.text(f"status = {RunStatus.QUEUING.value}")
sa.Index(
    "ix_runs_queued_at",
    runs.c.queued_at,
    runs.c.server_group_id,
    sqlite_where=_IN_A_QUEUE,
    postgresql_where=_IN_A_QUEUE,
)
# What retention reads: the ended runs of an agent by the time of their end.
_ENDED = sa.text("end_time IS NOT NULL")
sa.Index("ix_runs_ended", runs.c.agent_id, runs.c.end_time, sqlite_where=_ENDED, postgresql_where=_ENDED)
# What summaries of a range of time read, and nothing else of the runs.
sa.Index(
    "ix_runs_created",
    runs.c.created,
    runs.c.agent_id,
    runs.c.status,
    runs.c.error_count,
    runs.c.data_count,
    runs.c.export_count,
    runs.c.page_count,
)
# What asks for the last failure of an agent reads: an agent may have run well a million times since.
FAILED = (RunStatus.FAILURE, RunStatus.FAILED)


def _statuses(wanted: Iterable[RunStatus], table: str = "") -> sa.TextClause:
    """A condition that the partial indexes are found by: numbers in the text of the query, always in this order."""
    return sa.text(f"{table}status IN ({', '.join(str(status.value) for status in wanted)})")


# What queries say that read by these indexes.
RUN_HAS_FAILED = _statuses(FAILED, "runs.")
RUN_IS_OPEN = _statuses(sorted(ACTIVE), "runs.")
RUN_IS_ON_SERVER = _statuses(sorted(ON_SERVER), "runs.")
_FAILED = _statuses(FAILED)
sa.Index("ix_runs_failed", runs.c.agent_id, runs.c.end_time, sqlite_where=_FAILED, postgresql_where=_FAILED)
_OPEN = _statuses(sorted(ACTIVE))
sa.Index("ix_runs_open", runs.c.status, sqlite_where=_OPEN, postgresql_where=_OPEN)
_WAITING = sa.text(f"status = {RunStatus.WAITING.value} AND ready_at IS NOT NULL")
sa.Index("ix_runs_retry", runs.c.ready_at, sqlite_where=_WAITING, postgresql_where=_WAITING)
_ON_SERVER = _statuses(sorted(ON_SERVER))
sa.Index(
    "ix_runs_on_server",
    runs.c.server_id,
    runs.c.space_id,
    sqlite_where=_ON_SERVER,
    postgresql_where=_ON_SERVER,
)

# When a server last took a run of a space: of spaces that have equally much going, the one that waited longer is
# next. Only the server itself writes its rows.
space_turns = _table(
    "space_turns",
    sa.Column(
        "server_id", sa.ForeignKey("servers.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    ),
    sa.Column("space_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("turn", sa.BigInteger, nullable=False),
)
space_turns.dialect_options["sqlite"]["autoincrement"] = False

run_files = _table(
    "run_files",
    _id(),
    sa.Column("run_id", sa.ForeignKey("runs.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("file_type", sa.Text, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("created", Instant, nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.UniqueConstraint("run_id", "path"),
)

# What a run's records and its agent's statistics were like: what later runs are compared with.
run_statistics = _table(
    "run_statistics",
    sa.Column("run_id", sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    # Runs with the same series are comparable: of one agent, one schedule, and one part of sets of one size.
    sa.Column("series", sa.Text, nullable=False),
    sa.Column("count", sa.BigInteger, nullable=False),
    sa.Column("fields", sa.JSON, nullable=False),
    sa.Column("stats", sa.JSON, nullable=False),
    sa.Index("ix_run_statistics_series", "series", "run_id"),
)
run_statistics.dialect_options["sqlite"]["autoincrement"] = False

secrets = _table(
    "secrets",
    _id(),
    sa.Column("space_id", sa.ForeignKey("spaces.id"), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("sealed", sa.Text, nullable=False),
    sa.Column("created", Instant, nullable=False),
    sa.Column("updated", Instant, nullable=False),
    sa.UniqueConstraint("space_id", "name"),
)

proxy_pools = _table(
    "proxy_pools",
    _id(),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("rotation", sa.Text, nullable=False),
    # Whose turn it is, when they take turns.
    sa.Column("turn", sa.BigInteger, nullable=False, default=0),
    sa.Column("created", Instant, nullable=False),
    sa.Column("updated", Instant, nullable=False),
    _one_of("rotation", Rotation),
)

proxies = _table(
    "proxies",
    _id(),
    sa.Column("pool_id", sa.ForeignKey("proxy_pools.id", ondelete="CASCADE"), nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    # Scheme, host and port; the user name and password are sealed apart from it.
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("sealed_credentials", sa.Text),
    sa.Index("ix_proxies_pool", "pool_id", "position"),
)

# The row with the empty host is about the proxy as such.
proxy_health = _table(
    "proxy_health",
    sa.Column("proxy_id", sa.ForeignKey("proxies.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("host", sa.Text, primary_key=True),
    sa.Column("requests", sa.BigInteger, nullable=False, default=0),
    sa.Column("failures", sa.BigInteger, nullable=False, default=0),
    sa.Column("failures_in_row", sa.Integer, nullable=False, default=0),
    sa.Column("traffic", sa.BigInteger, nullable=False, default=0),
    sa.Column("rested_until", Instant),
    sa.Column("last_error", sa.Text),
    sa.Column("last_used", Instant),
)
proxy_health.dialect_options["sqlite"]["autoincrement"] = False

server_groups = _table(
    "server_groups",
    _id(),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("description", sa.Text),
    sa.Column("created", Instant, nullable=False),
    sa.Column("updated", Instant, nullable=False),
)

server_group_servers = _table(
    "server_group_servers",
    sa.Column("group_id", sa.ForeignKey("server_groups.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("server_id", sa.ForeignKey("servers.id", ondelete="CASCADE"), primary_key=True, index=True),
)
server_group_servers.dialect_options["sqlite"]["autoincrement"] = False

# Addresses at which others start an agent. What signs an address is not here: the server's own secret.
webhooks = _table(
    "webhooks",
    _id(),
    sa.Column("agent_id", sa.ForeignKey("agents.id"), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("is_enabled", sa.Boolean, nullable=False),
    sa.Column("expires", Instant),
    sa.Column("accepts_input", sa.Boolean, nullable=False),
    sa.Column("input_parameters", sa.Text),
    *_settings_columns(),
    # A part of what is signed: with the next one, the address before is worth nothing.
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("sealed_secret", sa.Text),
    sa.Column("created", Instant, nullable=False),
    sa.Column("updated", Instant, nullable=False),
    sa.Column("last_used", Instant),
    sa.Column("last_result", sa.Text),
    # Not a foreign key: retention takes runs away.
    sa.Column("last_run_id", sa.BigInteger),
    sa.UniqueConstraint("agent_id", "name"),
)

# The deliveries that started a run lately: one that comes again starts no second one.
webhook_deliveries = _table(
    "webhook_deliveries",
    sa.Column("webhook_id", sa.ForeignKey("webhooks.id", ondelete="CASCADE"), primary_key=True),
    # What the sender calls it, hashed, so that it has a length.
    sa.Column("delivery", sa.Text, primary_key=True),
    # Null only within the transaction that starts the run.
    sa.Column("run_id", sa.BigInteger),
    sa.Column("created", Instant, nullable=False),
    sa.Index("ix_webhook_deliveries_created", "webhook_id", "created"),
)
webhook_deliveries.dialect_options["sqlite"]["autoincrement"] = False

notification_rules = _table(
    "notification_rules",
    _id(),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("space_id", sa.ForeignKey("spaces.id"), nullable=False, index=True),
    # At most one of the two: without, the rule is for the whole space.
    sa.Column("agent_id", sa.ForeignKey("agents.id")),
    sa.Column("schedule_id", sa.ForeignKey("schedules.id")),
    sa.Column("events", sa.JSON, nullable=False),
    # Of each target what may be shown, and the sealed address.
    sa.Column("targets", sa.JSON, nullable=False),
    sa.Column("is_enabled", sa.Boolean, nullable=False),
    # How long after its due time a run must have begun, for "did not run by".
    sa.Column("within_seconds", sa.Integer, nullable=False),
    # At most one message about the same thing in this time.
    sa.Column("quiet_seconds", sa.Integer, nullable=False),
    # Due times whose time to begin was over until then have been judged.
    sa.Column("watched_until", Instant, nullable=False),
    sa.Column("created", Instant, nullable=False),
    sa.Column("updated", Instant, nullable=False),
    sa.CheckConstraint("agent_id IS NULL OR schedule_id IS NULL", name="scope"),
)

# Messages to be sent, written in the transaction that makes them necessary: one row for each target.
notifications = _table(
    "notifications",
    _id(),
    sa.Column(
        "rule_id",
        sa.ForeignKey("notification_rules.id", ondelete="CASCADE"),
        nullable=False,
    ),
    # The place of the target in the rule's list, from 0.
    sa.Column("target", sa.Integer, nullable=False),
    sa.Column("event", sa.Text, nullable=False),
    # What it is about: the same subject is not told again while the rule is quiet.
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    # The same for programs.
    sa.Column("facts", sa.JSON, nullable=False, server_default="{}"),
    sa.Column("created", Instant, nullable=False),
    # How many other events it also stands for, and since when.
    sa.Column("more", sa.Integer, nullable=False, default=0),
    sa.Column("since", Instant, nullable=False),
    # When it is to go out first; until then further events join it, and then the subject is quiet for a while.
    sa.Column("told_at", Instant, nullable=False),
    sa.Column("next_try", Instant),
    sa.Column("tries", sa.Integer, nullable=False, default=0),
    sa.Column("sent", Instant),
    sa.Column("error", sa.Text),
    sa.Index("ix_notifications_subject", "rule_id", "event", "subject", "told_at"),
)
sa.Index(
    "ix_notifications_next_try",
    notifications.c.next_try,
    sqlite_where=notifications.c.next_try.is_not(None),
    postgresql_where=notifications.c.next_try.is_not(None),
)

# What failed last: the next good end of such a subject is a recovery.
failing = _table(
    "failing",
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("since", Instant, nullable=False),
    sa.Column("failures", sa.BigInteger, nullable=False),
)
failing.dialect_options["sqlite"]["autoincrement"] = False

# How long things are kept; null means for ever. The row without an agent is the space's own.
retention = _table(
    "retention",
    _id(),
    sa.Column("space_id", sa.ForeignKey("spaces.id"), nullable=False),
    sa.Column("agent_id", sa.ForeignKey("agents.id"), unique=True),
    *(
        sa.Column(f"{what}_{limit}", sa.Integer)
        for what in ("runs", "logs", "files")
        for limit in ("days", "count")
    ),
    sa.Column("updated", Instant, nullable=False),
)
sa.Index(
    "uq_retention_space",
    retention.c.space_id,
    unique=True,
    sqlite_where=retention.c.agent_id.is_(None),
    postgresql_where=retention.c.agent_id.is_(None),
)

# A request that is carried out once for its Idempotency-Key. `sealed` has what was asked and, when it is known,
# what was answered; `going_in` is the process that carries it out, null when it is over.
idempotency_keys = _table(
    "idempotency_keys",
    sa.Column("user_id", sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("created", Instant, nullable=False),
    sa.Column("going_in", sa.Text),
    sa.Column("sealed", sa.Text, nullable=False),
    sa.Index("ix_idempotency_keys_created", "created"),
)
idempotency_keys.dialect_options["sqlite"]["autoincrement"] = False
# What the attempts of runs used, and what that cost by the rates of that moment. Nothing here ever changes, and
# nothing is taken away with the runs: what was accounted for stays so. Costs are in millionths of a credit.
usage = _table(
    "usage",
    _id(),
    # No foreign key: the run may be gone.
    sa.Column("run_id", sa.BigInteger, nullable=False),
    # Null for the combined export of a set, which belongs to its first run.
    sa.Column("attempt", sa.Integer),
    sa.Column("agent_id", sa.ForeignKey("agents.id"), nullable=False),
    sa.Column("start_time", Instant),
    sa.Column("end_time", Instant, nullable=False),
    *(
        sa.Column(f"{kind.column}_{what}", sa.BigInteger, nullable=False)
        for what in ("used", "cost")
        for kind in UsageType
    ),
    sa.UniqueConstraint("run_id", "attempt"),
    sa.Index("ix_usage_end_time", "end_time", "agent_id"),
    sa.Index("ix_usage_agent", "agent_id", "end_time"),
)

# Credits for one unit of what is used, in millionths; what has no row costs nothing.
billing_rates = _table(
    "billing_rates",
    sa.Column("usage_type", sa.Text, primary_key=True),
    sa.Column("rate", sa.BigInteger, nullable=False),
    sa.Column("updated", Instant, nullable=False),
    _one_of("usage_type", UsageType),
    sa.CheckConstraint("rate >= 0", name="rate"),
)
billing_rates.dialect_options["sqlite"]["autoincrement"] = False

# What changed the balance: credits that were added, and for each UTC day what was used.
credit_transactions = _table(
    "credit_transactions",
    _id(),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("amount", sa.BigInteger, nullable=False),
    sa.Column("day", Instant, unique=True),
    sa.Column("created", Instant, nullable=False),
    sa.Column("message", sa.Text),
    _one_of("type", TransactionType),
    sa.CheckConstraint(f"(type = '{TransactionType.DEBIT.value}') = (day IS NOT NULL)", name="day"),
)
