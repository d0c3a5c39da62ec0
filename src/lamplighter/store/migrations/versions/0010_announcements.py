"""What is to be announced over the broker; a trigger of PostgreSQL writes it with the change of the run itself"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# 4: Queuing, 5: Stopping.
_FUNCTION = """
CREATE FUNCTION announce_run() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status = 4 THEN
        INSERT INTO announcements (run_id, server_group_id) VALUES (NEW.id, NEW.server_group_id);
    ELSE
        INSERT INTO announcements (run_id, server_id) VALUES (NEW.id, NEW.server_id);
    END IF;
    RETURN NULL;
END
$$
"""
_ON_INSERT = """
CREATE TRIGGER run_made AFTER INSERT ON runs FOR EACH ROW WHEN (NEW.status = 4) EXECUTE FUNCTION announce_run()
"""
_ON_UPDATE = """
CREATE TRIGGER run_changed AFTER UPDATE OF status, kill_asked ON runs FOR EACH ROW
WHEN (
    NEW.status = 4 AND OLD.status <> 4
    OR NEW.server_id IS NOT NULL AND (
        NEW.status = 5 AND OLD.status <> 5 OR NEW.kill_asked AND NOT OLD.kill_asked
    )
)
EXECUTE FUNCTION announce_run()
"""
# What queues already when the triggers are made.
_WAITING = """
INSERT INTO announcements (run_id, server_group_id) SELECT id, server_group_id FROM runs WHERE status = 4
"""


def upgrade() -> None:
    op.create_table(
        "announcements",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("server_group_id", sa.Integer(), nullable=True),
        sa.Column("server_id", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_announcements")),
        sqlite_autoincrement=True,
    )
    if op.get_bind().dialect.name == "postgresql":
        for statement in (_FUNCTION, _ON_INSERT, _ON_UPDATE, _WAITING):
            op.execute(statement)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER run_made ON runs")
        op.execute("DROP TRIGGER run_changed ON runs")
        op.execute("DROP FUNCTION announce_run()")
    op.drop_table("announcements")
