"""Users, members of spaces, what a key may do, and the audit log"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_log",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("user_name", sa.Text(), nullable=False),
        sa.Column("api_key_id", sa.Integer(), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("subject_name", sa.Text(), nullable=True),
        sa.Column("space_id", sa.Integer(), nullable=True),
        sa.Column("changes", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_log")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_log_subject", "audit_log", ["kind", "subject_id", "id"], unique=False)
    op.create_index(op.f("ix_audit_log_time"), "audit_log", ["time"], unique=False)
    op.create_table(
        "space_members",
        sa.Column("space_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("role IN ('viewer', 'editor', 'owner')", name=op.f("ck_space_members_role")),
        sa.ForeignKeyConstraint(["space_id"], ["spaces.id"], name=op.f("fk_space_members_space_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_space_members_user_id")),
        sa.PrimaryKeyConstraint("space_id", "user_id", name=op.f("pk_space_members")),
        sqlite_autoincrement=False,
    )
    op.create_index(op.f("ix_space_members_user_id"), "space_members", ["user_id"], unique=False)
    op.add_column(
        "api_keys", sa.Column("is_read_only", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.add_column("api_keys", sa.Column("space_id", sa.Integer(), nullable=True))
    op.create_index("ix_api_keys_user", "api_keys", ["user_id"], unique=False)
    op.add_column("spaces", sa.Column("updated", sa.BigInteger(), nullable=True))
    op.add_column("spaces", sa.Column("description", sa.Text(), nullable=True))
    op.add_column(
        "spaces", sa.Column("is_default_access", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.add_column("spaces", sa.Column("deleted", sa.BigInteger(), nullable=True))
    op.add_column("users", sa.Column("updated", sa.BigInteger(), nullable=True))
    op.add_column("users", sa.Column("email", sa.Text(), nullable=True))
    op.add_column("users", sa.Column("is_active", sa.Boolean(), server_default=sa.true(), nullable=False))
    op.add_column("users", sa.Column("deleted", sa.BigInteger(), nullable=True))
    op.add_column("users", sa.Column("password_hash", sa.Text(), nullable=True))
    op.add_column("users", sa.Column("tokens_since", sa.BigInteger(), nullable=True))
    op.add_column("users", sa.Column("issuer", sa.Text(), nullable=True))
    op.add_column("users", sa.Column("subject", sa.Text(), nullable=True))
    op.create_index("uq_users_subject", "users", ["issuer", "subject"], unique=True)


def downgrade() -> None:
    op.drop_index("uq_users_subject", table_name="users")
    op.drop_column("users", "subject")
    op.drop_column("users", "issuer")
    op.drop_column("users", "tokens_since")
    op.drop_column("users", "password_hash")
    op.drop_column("users", "deleted")
    op.drop_column("users", "is_active")
    op.drop_column("users", "email")
    op.drop_column("users", "updated")
    op.drop_column("spaces", "deleted")
    op.drop_column("spaces", "is_default_access")
    op.drop_column("spaces", "description")
    op.drop_column("spaces", "updated")
    op.drop_index("ix_api_keys_user", table_name="api_keys")
    op.drop_column("api_keys", "space_id")
    op.drop_column("api_keys", "is_read_only")
    op.drop_index(op.f("ix_space_members_user_id"), table_name="space_members")
    op.drop_table("space_members")
    op.drop_index(op.f("ix_audit_log_time"), table_name="audit_log")
    op.drop_index("ix_audit_log_subject", table_name="audit_log")
    op.drop_table("audit_log")
