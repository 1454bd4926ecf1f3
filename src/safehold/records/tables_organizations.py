"""Organizations: a tree of units, the accounts in it, policies, and what they are attached to."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Integer, String, Table, Text, UniqueConstraint

from safehold.records.tables import UtcDateTime, metadata

organization = Table(
    "organization",
    metadata,
    Column("id", String(34), primary_key=True),
    Column("management_account_id", String(12), ForeignKey("account.id"), nullable=False, unique=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("has_backup_policies", Boolean, nullable=False),
)

# The root is a unit without parent.
org_unit = Table(
    "org_unit",
    metadata,
    Column("id", String(68), primary_key=True),
    Column("organization_id", String(34), ForeignKey("organization.id"), nullable=False, index=True),
    Column("parent_id", String(68), ForeignKey("org_unit.id")),
    Column("name", String(128), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("parent_id", "name"),
)

org_account = Table(
    "org_account",
    metadata,
    Column("account_id", String(12), ForeignKey("account.id"), primary_key=True),
    Column("organization_id", String(34), ForeignKey("organization.id"), nullable=False, index=True),
    Column("parent_id", String(68), ForeignKey("org_unit.id"), nullable=False, index=True),
    Column("name", String(128), nullable=False),
    Column("email", String(64), nullable=False, unique=True),
    Column("joined_at", UtcDateTime, nullable=False),
    Column("request_id", String(36), unique=True),  # of CreateAccount; None for the management account
)

org_policy = Table(
    "org_policy",
    metadata,
    Column("id", String(130), primary_key=True),
    Column("organization_id", String(34), ForeignKey("organization.id"), nullable=False),
    Column("name", String(128), nullable=False),
    Column("description", Text, nullable=False),
    Column("content", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("organization_id", "name"),
)

org_policy_target = Table(
    "org_policy_target",
    metadata,
    Column("target_id", String(68), primary_key=True),
    Column("policy_id", String(130), ForeignKey("org_policy.id"), primary_key=True, index=True),
    Column("position", Integer, nullable=False),  # at the target: policies are applied in this order
)
