"""Users, policies, and what is attached to whom. Roles and keys are in tables.py."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from safehold.records.tables import UtcDateTime, metadata

iam_user = Table(
    "iam_user",
    metadata,
    Column("arn", String(2048), primary_key=True),
    Column("account_id", String(12), ForeignKey("account.id"), nullable=False),
    Column("user_id", String(32), nullable=False),
    Column("path", String(512), nullable=False),
    Column("name", String(64), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("account_id", "name"),
)

# A policy that is part of one user or role.
inline_policy = Table(
    "inline_policy",
    metadata,
    Column("owner_arn", String(2048), primary_key=True),
    Column("name", String(128), primary_key=True),
    Column("document", Text, nullable=False),
)

managed_policy = Table(
    "managed_policy",
    metadata,
    Column("arn", String(2048), primary_key=True),
    Column("account_id", String(12), ForeignKey("account.id"), nullable=False),
    Column("policy_id", String(32), nullable=False),
    Column("path", String(512), nullable=False),
    Column("name", String(128), nullable=False),
    Column("description", Text),
    Column("default_version", Integer, nullable=False),
    Column("last_version", Integer, nullable=False),  # a number is never given twice
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("account_id", "name"),
)

managed_policy_version = Table(
    "managed_policy_version",
    metadata,
    Column("policy_arn", String(2048), ForeignKey("managed_policy.arn"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("document", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

# The policy may be AWS's own, which has no row; so nothing refers to it.
policy_attachment = Table(
    "policy_attachment",
    metadata,
    Column("owner_arn", String(2048), primary_key=True),
    Column("policy_arn", String(2048), primary_key=True),
    Index("ix_policy_attachment_policy", "policy_arn", "owner_arn"),
)
