"""Events, kept for a while, and their deliveries.

Revision ID: 0012
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.create_table(
        "event",
        sa.Column(
            "sequence",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=12), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("detail_type", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("resources", sa.JSON(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("is_new", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_event")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_event_listing", "event", ["account_id", "site", "at", "sequence"])
    op.create_index(
        "ix_event_listing_of_type", "event", ["account_id", "site", "detail_type", "at", "sequence"]
    )
    op.create_index("ix_event_new", "event", ["is_new", "sequence"])
    op.create_index("ix_event_at", "event", ["at"])
    op.create_table(
        "event_delivery",
        sa.Column("event_sequence", sa.BigInteger(), nullable=False),
        sa.Column("target", sa.String(length=2048), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempt_count", sa.Integer(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["event_sequence"], ["event.sequence"], name=op.f("fk_event_delivery_event_sequence")
        ),
        sa.PrimaryKeyConstraint("event_sequence", "target", name=op.f("pk_event_delivery")),
    )
    op.create_index(
        "ix_event_delivery_due", "event_delivery", ["target", "state", "next_at", "event_sequence"]
    )
