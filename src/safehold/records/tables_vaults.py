"""Tables of what vaults have beside their row; see tables.py for what all tables have in common."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Index, String, Table, Text, UniqueConstraint

from safehold.records.tables import UtcDateTime, metadata

vault_policy = Table(
    "vault_policy",
    metadata,
    Column("vault_id", String(36), primary_key=True),
    Column("policy", Text, nullable=False),  # as it was given
    Column("updated_at", UtcDateTime, nullable=False),
)

vault_notification = Table(
    "vault_notification",
    metadata,
    Column("vault_id", String(36), primary_key=True),
    Column("topic_arn", String(2048), nullable=False),
    Column("events", JSON, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

# The approval team of an air-gapped vault, and the latest request to change it.
vault_team = Table(
    "vault_team",
    metadata,
    Column("vault_id", String(36), primary_key=True),
    Column("team_arn", String(2048), nullable=False),
    Column("comment", Text),
    Column("associated_at", UtcDateTime, nullable=False),
    Column("wanted_arn", String(2048)),  # null with a session: none
    Column("session_arn", String(2048)),
    Column("requested_at", UtcDateTime),
    Column("expires_at", UtcDateTime),
)

# A restore-access vault shows the points of an air-gapped one.
restore_access = Table(
    "restore_access",
    metadata,
    Column("vault_id", String(36), primary_key=True),
    Column("source_vault_id", String(36), nullable=False),
    Column("source_arn", String(2048), nullable=False),
    Column("comment", Text),
    Column("session_arn", String(2048)),
    Column("approved_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Index("ix_restore_access_source", "source_vault_id", "created_at", "vault_id"),
)

tiering_configuration = Table(
    "tiering_configuration",
    metadata,
    Column("account_id", String(12), primary_key=True),
    Column("site", String(64), primary_key=True),
    Column("name", String(200), primary_key=True),
    Column("arn", String(2048), nullable=False, unique=True),
    Column("vault_name", String(64), nullable=False),
    Column("selections", JSON, nullable=False),
    Column("creator_request_id", String(64)),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime),
    UniqueConstraint("account_id", "site", "vault_name"),
)
