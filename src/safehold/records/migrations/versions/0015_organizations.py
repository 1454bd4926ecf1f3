"""Organizations: units, accounts, policies and what they are attached to.

Revision ID: 0015
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.create_table(
        "organization",
        sa.Column("id", sa.String(length=34), nullable=False),
        sa.Column("management_account_id", sa.String(length=12), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("has_backup_policies", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["management_account_id"], ["account.id"], name=op.f("fk_organization_management_account_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organization")),
        sa.UniqueConstraint("management_account_id", name=op.f("uq_organization_management_account_id")),
    )
    op.create_table(
        "org_unit",
        sa.Column("id", sa.String(length=68), nullable=False),
        sa.Column("organization_id", sa.String(length=34), nullable=False),
        sa.Column("parent_id", sa.String(length=68), nullable=True),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_org_unit_organization_id")
        ),
        sa.ForeignKeyConstraint(["parent_id"], ["org_unit.id"], name=op.f("fk_org_unit_parent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_org_unit")),
        sa.UniqueConstraint("parent_id", "name", name=op.f("uq_org_unit_parent_id_name")),
    )
    op.create_index(op.f("ix_org_unit_organization_id"), "org_unit", ["organization_id"], unique=False)
    op.create_table(
        "org_account",
        sa.Column("account_id", sa.String(length=12), nullable=False),
        sa.Column("organization_id", sa.String(length=34), nullable=False),
        sa.Column("parent_id", sa.String(length=68), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("email", sa.String(length=64), nullable=False),
        sa.Column("joined_at", sa.BigInteger(), nullable=False),
        sa.Column("request_id", sa.String(length=36), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_org_account_account_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_org_account_organization_id")
        ),
        sa.ForeignKeyConstraint(["parent_id"], ["org_unit.id"], name=op.f("fk_org_account_parent_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_org_account")),
        sa.UniqueConstraint("email", name=op.f("uq_org_account_email")),
        sa.UniqueConstraint("request_id", name=op.f("uq_org_account_request_id")),
    )
    for column in ("organization_id", "parent_id"):
        op.create_index(op.f(f"ix_org_account_{column}"), "org_account", [column], unique=False)
    op.create_table(
        "org_policy",
        sa.Column("id", sa.String(length=130), nullable=False),
        sa.Column("organization_id", sa.String(length=34), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_org_policy_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_org_policy")),
        sa.UniqueConstraint("organization_id", "name", name=op.f("uq_org_policy_organization_id_name")),
    )
    op.create_table(
        "org_policy_target",
        sa.Column("target_id", sa.String(length=68), nullable=False),
        sa.Column("policy_id", sa.String(length=130), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["policy_id"], ["org_policy.id"], name=op.f("fk_org_policy_target_policy_id")
        ),
        sa.PrimaryKeyConstraint("target_id", "policy_id", name=op.f("pk_org_policy_target")),
    )
    op.create_index(op.f("ix_org_policy_target_policy_id"), "org_policy_target", ["policy_id"], unique=False)
