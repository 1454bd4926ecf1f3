"""Tables of audit: frameworks, report plans, report jobs."""

from __future__ import annotations

from sqlalchemy import JSON, Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from safehold.records.tables import UtcDateTime, metadata

framework = Table(
    "framework",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("account_id", String(12), ForeignKey("account.id"), nullable=False),
    Column("site", String(64), nullable=False),
    Column("name", String(256), nullable=False),
    Column("arn", String(2048), nullable=False, unique=True),
    Column("description", String(1024)),
    Column("controls", JSON, nullable=False),
    Column("control_count", Integer, nullable=False),
    Column("deployment_status", String(32), nullable=False),
    Column("idempotency_token", String(256)),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime),
    UniqueConstraint("account_id", "site", "name"),
)

report_plan = Table(
    "report_plan",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("account_id", String(12), ForeignKey("account.id"), nullable=False),
    Column("site", String(64), nullable=False),
    Column("name", String(256), nullable=False),
    Column("arn", String(2048), nullable=False, unique=True),
    Column("description", String(1024)),
    Column("channel", JSON, nullable=False),
    Column("setting", JSON, nullable=False),
    Column("deployment_status", String(32), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime),
    Column("attempted_at", UtcDateTime),
    Column("succeeded_at", UtcDateTime),
    UniqueConstraint("account_id", "site", "name"),
)

# Outlives its plan, so nothing refers to that.
report_job = Table(
    "report_job",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("account_id", String(12), nullable=False),
    Column("site", String(64), nullable=False),
    Column("plan_name", String(256), nullable=False),
    Column("plan_arn", String(2048), nullable=False),
    Column("template", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    Column("status_message", Text),
    Column("bucket", String(64)),
    Column("keys", JSON),
    Column("created_at", UtcDateTime, nullable=False),
    Column("completed_at", UtcDateTime),
    Index("ix_report_job_listing", "account_id", "site", "created_at", "id"),
    Index("ix_report_job_plan", "account_id", "site", "plan_name", "created_at", "id"),
)
