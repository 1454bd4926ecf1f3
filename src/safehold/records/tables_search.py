"""Tables of search indexes; see tables.py for what all tables have in common."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, String, Table, Text

from safehold.records.tables import UtcDateTime, metadata

# One row for each point that has, had or shall have a search index. Goes with its point.
point_index = Table(
    "point_index",
    metadata,
    Column("point_id", String(64), primary_key=True),
    Column("account_id", String(12), nullable=False),
    Column("site", String(64), nullable=False),
    Column("vault_id", String(36), nullable=False),
    Column("resource_arn", String(2048), nullable=False),
    Column("resource_type", String(64), nullable=False),
    Column("point_created_at", UtcDateTime, nullable=False),
    Column("status", String(16)),  # None once it was deleted
    Column("status_message", Text),
    Column("role_arn", String(2048)),
    Column("job_id", String(64)),  # of the job that makes or made it
    Column("build", String(64)),  # names its tables in the vault
    Column("item_count", BigInteger),
    Column("created_at", UtcDateTime, nullable=False),
    Column("completed_at", UtcDateTime),
    Column("deleted_at", UtcDateTime),
    Index("ix_point_index_listing", "account_id", "site", "point_created_at", "point_id"),
    Index("ix_point_index_status", "status", "point_id"),
)
