"""Users, policies and attachments; temporary keys, and when a key was used last.

Revision ID: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

ATTACHED = ("AWSBackupServiceRolePolicyForBackup", "AWSBackupServiceRolePolicyForRestores")


def upgrade() -> None:
    for name, column in (
        ("role", sa.Column("description", sa.Text(), nullable=True)),
        ("role", sa.Column("max_session_seconds", sa.Integer(), nullable=True)),
        ("access_key", sa.Column("sealed_token", sa.LargeBinary(), nullable=True)),
        ("access_key", sa.Column("issuer_arn", sa.String(length=2048), nullable=True)),
        ("access_key", sa.Column("last_used_at", sa.BigInteger(), nullable=True)),
        ("access_key", sa.Column("last_used_service", sa.String(length=64), nullable=True)),
        ("access_key", sa.Column("last_used_site", sa.String(length=128), nullable=True)),
    ):
        op.add_column(name, column)
    op.create_index(op.f("ix_access_key_principal_arn"), "access_key", ["principal_arn"], unique=False)
    op.create_index(op.f("ix_access_key_issuer_arn"), "access_key", ["issuer_arn"], unique=False)
    op.create_index(op.f("ix_access_key_expires_at"), "access_key", ["expires_at"], unique=False)
    op.create_table(
        "iam_user",
        sa.Column("arn", sa.String(length=2048), nullable=False),
        sa.Column("account_id", sa.String(length=12), nullable=False),
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("path", sa.String(length=512), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_iam_user_account_id")),
        sa.PrimaryKeyConstraint("arn", name=op.f("pk_iam_user")),
        sa.UniqueConstraint("account_id", "name", name=op.f("uq_iam_user_account_id_name")),
    )
    op.create_table(
        "inline_policy",
        sa.Column("owner_arn", sa.String(length=2048), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("owner_arn", "name", name=op.f("pk_inline_policy")),
    )
    op.create_table(
        "managed_policy",
        sa.Column("arn", sa.String(length=2048), nullable=False),
        sa.Column("account_id", sa.String(length=12), nullable=False),
        sa.Column("policy_id", sa.String(length=32), nullable=False),
        sa.Column("path", sa.String(length=512), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("default_version", sa.Integer(), nullable=False),
        sa.Column("last_version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_managed_policy_account_id")),
        sa.PrimaryKeyConstraint("arn", name=op.f("pk_managed_policy")),
        sa.UniqueConstraint("account_id", "name", name=op.f("uq_managed_policy_account_id_name")),
    )
    op.create_table(
        "managed_policy_version",
        sa.Column("policy_arn", sa.String(length=2048), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["policy_arn"], ["managed_policy.arn"], name=op.f("fk_managed_policy_version_policy_arn")
        ),
        sa.PrimaryKeyConstraint("policy_arn", "number", name=op.f("pk_managed_policy_version")),
    )
    op.create_table(
        "policy_attachment",
        sa.Column("owner_arn", sa.String(length=2048), nullable=False),
        sa.Column("policy_arn", sa.String(length=2048), nullable=False),
        sa.PrimaryKeyConstraint("owner_arn", "policy_arn", name=op.f("pk_policy_attachment")),
    )
    op.create_index("ix_policy_attachment_policy", "policy_attachment", ["policy_arn", "owner_arn"])
    for name in ATTACHED:  # what AWS gives the default role; earlier installations made it without
        op.execute(
            "INSERT INTO policy_attachment (owner_arn, policy_arn) "
            f"SELECT arn, 'arn:aws:iam::aws:policy/service-role/{name}' FROM role "
            "WHERE name = 'AWSBackupDefaultServiceRole'"
        )
