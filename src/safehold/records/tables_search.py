"""Tables of search indexes, searches and scans; see tables.py for what all tables have in common."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, LargeBinary, String, Table, Text

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

# How far a search job is.
search_job = Table(
    "search_job",
    metadata,
    Column("job_id", String(64), primary_key=True),
    Column("points_total", BigInteger),  # None until the job has begun
    Column("items_total", BigInteger),
    Column("points_done", BigInteger, nullable=False, default=0),
    Column("items_done", BigInteger, nullable=False, default=0),
    Column("items_found", BigInteger, nullable=False, default=0),
)

# The points that a search job looks through, in its order.
search_backup = Table(
    "search_backup",
    metadata,
    Column("job_id", String(64), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("point_id", String(64), nullable=False),
    Column("point_arn", String(2048), nullable=False),
    Column("resource_arn", String(2048), nullable=False),
    Column("resource_type", String(64), nullable=False),
    Column("vault_name", String(64), nullable=False),
    Column("point_created_at", UtcDateTime, nullable=False),
    Column("index_created_at", UtcDateTime),
    Column("status", String(16), nullable=False),
    Column("status_message", Text),
)

# What it found, some hundred items a row, sealed: the names of what is backed up are nobody's business.
search_result = Table(
    "search_result",
    metadata,
    Column("job_id", String(64), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("backup_number", Integer, nullable=False),
    Column("count", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)

# What the last scan of a point came to. Goes with its point.
point_scan = Table(
    "point_scan",
    metadata,
    Column("point_id", String(64), primary_key=True),
    Column("vault_id", String(36), nullable=False),
    Column("resource_arn", String(2048), nullable=False),
    Column("point_created_at", UtcDateTime, nullable=False),
    Column("job_id", String(64), nullable=False),
    Column("state", String(32), nullable=False),  # as a scan job's is told
    Column("result", String(32), nullable=False),
    Column("findings_count", BigInteger, nullable=False),
    Column("raw_paths", JSON, nullable=False),  # of what was found, the first ones
    Column("scanned_at", UtcDateTime, nullable=False),
    Index("ix_point_scan_resource", "vault_id", "resource_arn", "point_created_at", "point_id"),
)
