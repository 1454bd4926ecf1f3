"""Search indexes of recovery points.

Revision ID: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "point_index",
        sa.Column("point_id", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=12), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("vault_id", sa.String(length=36), nullable=False),
        sa.Column("resource_arn", sa.String(length=2048), nullable=False),
        sa.Column("resource_type", sa.String(length=64), nullable=False),
        sa.Column("point_created_at", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=True),
        sa.Column("status_message", sa.Text(), nullable=True),
        sa.Column("role_arn", sa.String(length=2048), nullable=True),
        sa.Column("job_id", sa.String(length=64), nullable=True),
        sa.Column("build", sa.String(length=64), nullable=True),
        sa.Column("item_count", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("completed_at", sa.BigInteger(), nullable=True),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("point_id", name=op.f("pk_point_index")),
    )
    op.create_index(
        "ix_point_index_listing",
        "point_index",
        ["account_id", "site", "point_created_at", "point_id"],
        unique=False,
    )
    op.create_index("ix_point_index_status", "point_index", ["status", "point_id"], unique=False)
