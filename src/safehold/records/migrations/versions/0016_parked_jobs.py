"""Jobs that wait for something outside, held by no worker.

Revision ID: 0016
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.add_column("job", sa.Column("parked_count", sa.Integer(), server_default="0", nullable=False))
    op.add_column("job", sa.Column("resume_at", sa.BigInteger(), nullable=True))
