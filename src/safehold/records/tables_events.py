"""What happened, and how far each place that wants to know has been told."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, ForeignKey, Index, Integer, String, Table, Text

from safehold.records.tables import UtcDateTime, metadata

event = Table(
    "event",
    metadata,
    Column("sequence", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("id", String(36), nullable=False),
    Column("account_id", String(12), nullable=False),
    Column("site", String(64), nullable=False),
    Column("detail_type", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("resources", JSON, nullable=False),
    Column("detail", JSON, nullable=False),
    # Until whoever delivers has seen it. RACE: numbers are given before commits, so that a number alone does
    # not say what was seen.
    Column("is_new", Boolean, nullable=False),
    Index("ix_event_listing", "account_id", "site", "at", "sequence"),
    Index("ix_event_listing_of_type", "account_id", "site", "detail_type", "at", "sequence"),
    Index("ix_event_new", "is_new", "sequence"),
    Index("ix_event_at", "at"),
    sqlite_autoincrement=True,  # a number is never given twice, though rows go
)

event_delivery = Table(
    "event_delivery",
    metadata,
    Column("event_sequence", BigInteger, ForeignKey("event.sequence"), primary_key=True),
    Column("target", String(2048), primary_key=True),
    Column("state", String(16), nullable=False),  # "PENDING", "DELIVERED", "DEAD"
    Column("attempt_count", Integer, nullable=False, default=0),
    Column("since", UtcDateTime, nullable=False),
    Column("next_at", UtcDateTime, nullable=False),
    Column("last_error", Text),
    Index("ix_event_delivery_due", "target", "state", "next_at", "event_sequence"),
)
