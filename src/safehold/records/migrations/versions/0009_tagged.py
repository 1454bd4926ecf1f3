"""What has tags, by account and site, so that the tagging API's pages are read from an index.

Revision ID: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

# Of things whose ARN does not say it, the catalog does: a bucket has neither, a snapshot has no account.
OWNERS = ("resource", "recovery_point")


def upgrade() -> None:
    op.create_table(
        "tagged",
        sa.Column("account_id", sa.String(length=12), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("arn", sa.String(length=2048), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "site", "arn", name=op.f("pk_tagged")),
    )
    op.create_index(op.f("ix_tagged_arn"), "tagged", ["arn"], unique=False)
    op.create_index("ix_tag_search", "tag", ["key", "value", "arn"], unique=False)
    connection = op.get_bind()
    found = set()
    for table in OWNERS:
        query = f"SELECT DISTINCT account_id, site, arn FROM {table} WHERE arn IN (SELECT arn FROM tag)"
        found |= {tuple(row) for row in connection.execute(sa.text(query))}
    for (arn,) in connection.execute(sa.text("SELECT DISTINCT arn FROM tag")).all():
        parts = arn.split(":", 5)
        if len(parts) == 6 and parts[3] and parts[4]:
            found.add((parts[4], parts[3], arn))
    rows = [{"account_id": account, "site": site, "arn": arn} for account, site, arn in sorted(found)]
    if rows:
        query = "INSERT INTO tagged (account_id, site, arn) VALUES (:account_id, :site, :arn)"
        connection.execute(sa.text(query), rows)
