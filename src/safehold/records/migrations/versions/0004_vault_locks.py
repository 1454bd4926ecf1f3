"""What vaults' stores have done for their locks, and that a lock's date has passed for good.

Revision ID: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column(
        "vault", sa.Column("lock_is_final", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.create_table(
        "vault_locking",
        sa.Column("vault_id", sa.String(length=36), nullable=False),
        sa.Column("checked_at", sa.BigInteger(), nullable=True),
        sa.Column("trouble", sa.Text(), nullable=True),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("after", sa.String(length=1024), nullable=False),
        sa.Column("final_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("vault_id", name=op.f("pk_vault_locking")),
    )
    op.create_table(
        "point_lock",
        sa.Column("recovery_point_id", sa.String(length=64), nullable=False),
        sa.Column("vault_id", sa.String(length=36), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("is_held", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.PrimaryKeyConstraint("recovery_point_id", name=op.f("pk_point_lock")),
    )
    op.create_index("ix_point_lock_vault", "point_lock", ["vault_id", "is_held"], unique=False)
