"""Frameworks, report plans and report jobs.

Revision ID: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "framework",
        *_named(),
        sa.Column("controls", sa.JSON(), nullable=False),
        sa.Column("control_count", sa.Integer(), nullable=False),
        sa.Column("idempotency_token", sa.String(length=256), nullable=True),
        *_keys("framework"),
    )
    op.create_table(
        "report_plan",
        *_named(),
        sa.Column("channel", sa.JSON(), nullable=False),
        sa.Column("setting", sa.JSON(), nullable=False),
        sa.Column("attempted_at", sa.BigInteger(), nullable=True),
        sa.Column("succeeded_at", sa.BigInteger(), nullable=True),
        *_keys("report_plan"),
    )
    op.create_table(
        "report_job",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=12), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("plan_name", sa.String(length=256), nullable=False),
        sa.Column("plan_arn", sa.String(length=2048), nullable=False),
        sa.Column("template", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("status_message", sa.Text(), nullable=True),
        sa.Column("bucket", sa.String(length=64), nullable=True),
        sa.Column("keys", sa.JSON(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("completed_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_job")),
    )
    listed = ["account_id", "site", "created_at", "id"]
    op.create_index("ix_report_job_listing", "report_job", listed, unique=False)
    of_plan = ["account_id", "site", "plan_name", "created_at", "id"]
    op.create_index("ix_report_job_plan", "report_job", of_plan, unique=False)


def _named() -> list[sa.Column[object]]:
    return [
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=12), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("arn", sa.String(length=2048), nullable=False),
        sa.Column("description", sa.String(length=1024), nullable=True),
        sa.Column("deployment_status", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=True),
    ]


def _keys(table: str) -> list[sa.Constraint]:
    return [
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f(f"fk_{table}_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        sa.UniqueConstraint("account_id", "site", "name", name=op.f(f"uq_{table}_account_id_site_name")),
        sa.UniqueConstraint("arn", name=op.f(f"uq_{table}_arn")),
    ]
