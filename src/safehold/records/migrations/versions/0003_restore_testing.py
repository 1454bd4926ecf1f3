"""Restore testing plans and their selections.

Revision ID: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "restore_testing_plan",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=12), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("arn", sa.String(length=2048), nullable=False),
        sa.Column("schedule_expression", sa.String(length=1024), nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("start_window_hours", sa.Integer(), nullable=False),
        sa.Column("points", sa.JSON(), nullable=False),
        sa.Column("creator_request_id", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=True),
        sa.Column("last_execution_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_restore_testing_plan_account_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_restore_testing_plan")),
        sa.UniqueConstraint(
            "account_id", "site", "name", name=op.f("uq_restore_testing_plan_account_id_site_name")
        ),
        sa.UniqueConstraint("arn", name=op.f("uq_restore_testing_plan_arn")),
    )
    op.create_table(
        "restore_testing_selection",
        sa.Column("plan_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("resource_type", sa.String(length=64), nullable=False),
        sa.Column("role_arn", sa.String(length=2048), nullable=False),
        sa.Column("resource_arns", sa.JSON(), nullable=False),
        sa.Column("equals", sa.JSON(), nullable=False),
        sa.Column("not_equals", sa.JSON(), nullable=False),
        sa.Column("overrides", sa.JSON(), nullable=True),
        sa.Column("validation_window_hours", sa.Integer(), nullable=False),
        sa.Column("creator_request_id", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["plan_id"],
            ["restore_testing_plan.id"],
            name=op.f("fk_restore_testing_selection_plan_id"),
        ),
        sa.PrimaryKeyConstraint("plan_id", "name", name=op.f("pk_restore_testing_selection")),
    )
