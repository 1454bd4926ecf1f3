"""Tables of vault locks and legal holds; see tables.py for what all tables have in common."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, Index, Integer, String, Table, Text, false

from safehold.records.tables import UtcDateTime, metadata

# What a vault's store has done for its lock: a cache, the objects themselves say it.
vault_locking = Table(
    "vault_locking",
    metadata,
    Column("vault_id", String(36), primary_key=True),
    Column("checked_at", UtcDateTime),
    Column("trouble", Text),  # why the store does not keep what the lock promises; None: all is well
    Column("done", Integer, nullable=False, default=0),  # objects made final, of `total`
    Column("total", Integer, nullable=False, default=0),
    Column("after", String(1024), nullable=False, default=""),  # the last of them
    Column("final_at", UtcDateTime),  # when the last object was made final
)

# What keeps a point's objects in the store. Goes with its point.
point_lock = Table(
    "point_lock",
    metadata,
    Column("recovery_point_id", String(64), primary_key=True),
    Column("vault_id", String(36), nullable=False),
    Column("until", UtcDateTime),  # None: no retention
    Column("is_held", Boolean, nullable=False, default=False, server_default=false()),
    Index("ix_point_lock_vault", "vault_id", "is_held"),
)

legal_hold = Table(
    "legal_hold",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("arn", String(2048), nullable=False, unique=True),
    Column("account_id", String(12), nullable=False),
    Column("site", String(64), nullable=False),
    Column("title", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("status", String(16), nullable=False, index=True),
    Column("vault_names", JSON, nullable=False),
    Column("resource_arns", JSON, nullable=False),
    Column("from_at", UtcDateTime),
    Column("to_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Column("cancel_description", Text),
    Column("canceled_at", UtcDateTime),
    Column("retain_until", UtcDateTime),
    Index("ix_legal_hold_listing", "account_id", "site", "created_at", "id"),
)

# What a hold covers: of one vault, or of one resource, or everything (both are null), in a range of time.
legal_hold_scope = Table(
    "legal_hold_scope",
    metadata,
    Column("hold_id", String(36), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("account_id", String(12), nullable=False),
    Column("site", String(64), nullable=False),
    Column("vault_id", String(36)),
    Column("resource_arn", String(2048)),
    Column("from_at", UtcDateTime),  # inclusive
    Column("before", UtcDateTime),  # exclusive
)
