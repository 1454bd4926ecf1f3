"""What the last scan of a recovery point came to.

Revision ID: 0013
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.create_table(
        "point_scan",
        sa.Column("point_id", sa.String(length=64), nullable=False),
        sa.Column("vault_id", sa.String(length=36), nullable=False),
        sa.Column("resource_arn", sa.String(length=2048), nullable=False),
        sa.Column("point_created_at", sa.BigInteger(), nullable=False),
        sa.Column("job_id", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("result", sa.String(length=32), nullable=False),
        sa.Column("findings_count", sa.BigInteger(), nullable=False),
        sa.Column("raw_paths", sa.JSON(), nullable=False),
        sa.Column("scanned_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("point_id", name=op.f("pk_point_scan")),
    )
    op.create_index(
        "ix_point_scan_resource",
        "point_scan",
        ["vault_id", "resource_arn", "point_created_at", "point_id"],
        unique=False,
    )
