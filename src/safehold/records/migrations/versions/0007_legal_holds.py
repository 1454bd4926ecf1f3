"""Legal holds, and what each of them covers.

Revision ID: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "legal_hold",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("arn", sa.String(length=2048), nullable=False),
        sa.Column("account_id", sa.String(length=12), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("vault_names", sa.JSON(), nullable=False),
        sa.Column("resource_arns", sa.JSON(), nullable=False),
        sa.Column("from_at", sa.BigInteger(), nullable=True),
        sa.Column("to_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("cancel_description", sa.Text(), nullable=True),
        sa.Column("canceled_at", sa.BigInteger(), nullable=True),
        sa.Column("retain_until", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_legal_hold")),
        sa.UniqueConstraint("arn", name=op.f("uq_legal_hold_arn")),
    )
    op.create_index(op.f("ix_legal_hold_status"), "legal_hold", ["status"], unique=False)
    op.create_index(
        "ix_legal_hold_listing", "legal_hold", ["account_id", "site", "created_at", "id"], unique=False
    )
    op.create_table(
        "legal_hold_scope",
        sa.Column("hold_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.String(length=12), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("vault_id", sa.String(length=36), nullable=True),
        sa.Column("resource_arn", sa.String(length=2048), nullable=True),
        sa.Column("from_at", sa.BigInteger(), nullable=True),
        sa.Column("before", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("hold_id", "number", name=op.f("pk_legal_hold_scope")),
    )
