"""What vaults have beside their row: policies, notifications, teams, restore access; tiering.

Revision ID: 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "vault_policy",
        sa.Column("vault_id", sa.String(length=36), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("vault_id", name=op.f("pk_vault_policy")),
    )
    op.create_table(
        "vault_notification",
        sa.Column("vault_id", sa.String(length=36), nullable=False),
        sa.Column("topic_arn", sa.String(length=2048), nullable=False),
        sa.Column("events", sa.JSON(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("vault_id", name=op.f("pk_vault_notification")),
    )
    op.create_table(
        "vault_team",
        sa.Column("vault_id", sa.String(length=36), nullable=False),
        sa.Column("team_arn", sa.String(length=2048), nullable=False),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column("associated_at", sa.BigInteger(), nullable=False),
        sa.Column("wanted_arn", sa.String(length=2048), nullable=True),
        sa.Column("session_arn", sa.String(length=2048), nullable=True),
        sa.Column("requested_at", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("vault_id", name=op.f("pk_vault_team")),
    )
    op.create_table(
        "restore_access",
        sa.Column("vault_id", sa.String(length=36), nullable=False),
        sa.Column("source_vault_id", sa.String(length=36), nullable=False),
        sa.Column("source_arn", sa.String(length=2048), nullable=False),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column("session_arn", sa.String(length=2048), nullable=True),
        sa.Column("approved_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("vault_id", name=op.f("pk_restore_access")),
    )
    op.create_index(
        "ix_restore_access_source",
        "restore_access",
        ["source_vault_id", "created_at", "vault_id"],
        unique=False,
    )
    op.create_table(
        "tiering_configuration",
        sa.Column("account_id", sa.String(length=12), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("arn", sa.String(length=2048), nullable=False),
        sa.Column("vault_name", sa.String(length=64), nullable=False),
        sa.Column("selections", sa.JSON(), nullable=False),
        sa.Column("creator_request_id", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("account_id", "site", "name", name=op.f("pk_tiering_configuration")),
        sa.UniqueConstraint("arn", name=op.f("uq_tiering_configuration_arn")),
        sa.UniqueConstraint(
            "account_id",
            "site",
            "vault_name",
            name=op.f("uq_tiering_configuration_account_id_site_vault_name"),
        ),
    )
