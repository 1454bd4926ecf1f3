"""Where a site keeps what its vaults move to cold storage.

Revision ID: 0014
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.add_column("site", sa.Column("cold_storage_url", sa.Text(), nullable=True))
