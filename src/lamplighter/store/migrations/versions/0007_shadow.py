"""Schedules in shadow: their due times are in the ledger, but nothing is run"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_OLD = "outcome IN ('fired', 'late', 'merged', 'skipped', 'held')"
_NEW = "outcome IN ('fired', 'late', 'merged', 'skipped', 'held', 'shadow')"
_SHADOW = "CASE WHEN is_shadow THEN outcome IN ('shadow', 'merged', 'skipped') ELSE outcome <> 'shadow' END"


def upgrade() -> None:
    for table in ("schedules", "fires"):
        column: sa.Column[bool] = sa.Column(
            "is_shadow", sa.Boolean(), server_default=sa.false(), nullable=False
        )
        op.add_column(table, column)
    if op.get_bind().dialect.name == "sqlite":
        _rewrite_checks(
            f"CHECK ({_OLD})", f"CHECK ({_NEW}), \n\tCONSTRAINT ck_fires_is_shadow CHECK ({_SHADOW})"
        )
    else:
        op.drop_constraint(op.f("ck_fires_outcome"), "fires", type_="check")
        op.create_check_constraint(op.f("ck_fires_outcome"), "fires", _NEW)
        op.create_check_constraint(op.f("ck_fires_is_shadow"), "fires", _SHADOW)


def downgrade() -> None:
    # What was decided in shadow has no word in the older ledger that is nearer.
    op.execute("UPDATE fires SET outcome = 'skipped', is_shadow = FALSE WHERE is_shadow")
    if op.get_bind().dialect.name == "sqlite":
        _rewrite_checks(
            f"CHECK ({_NEW}), \n\tCONSTRAINT ck_fires_is_shadow CHECK ({_SHADOW})", f"CHECK ({_OLD})"
        )
    else:
        op.drop_constraint(op.f("ck_fires_is_shadow"), "fires", type_="check")
        op.drop_constraint(op.f("ck_fires_outcome"), "fires", type_="check")
        op.create_check_constraint(op.f("ck_fires_outcome"), "fires", _OLD)
    for table in ("fires", "schedules"):
        op.drop_column(table, "is_shadow")


def _rewrite_checks(old: str, new: str) -> None:
    """Change the CHECKs of ``fires`` in place, as SQLite's manual of ALTER TABLE says for constraints.

    A new table in its place would mean copying a ledger of years, and sets refer to its rows.
    """
    c = op.get_bind()
    version = int(c.exec_driver_sql("PRAGMA schema_version").scalar_one())
    definition = str(c.exec_driver_sql("SELECT sql FROM sqlite_master WHERE name = 'fires'").scalar_one())
    if old not in definition:
        raise ValueError(f"the table fires does not have the constraint {old}")
    c.exec_driver_sql("PRAGMA writable_schema = ON")
    c.exec_driver_sql(
        "UPDATE sqlite_master SET sql = ? WHERE type = 'table' AND name = 'fires'",
        (definition.replace(old, new),),
    )
    c.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    c.exec_driver_sql("PRAGMA writable_schema = OFF")
