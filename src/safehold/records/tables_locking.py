"""Tables of vault locks; see tables.py for what all tables have in common."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, String, Table, Text, false

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
