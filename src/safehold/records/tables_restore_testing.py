"""Tables of restore testing plans and their selections."""

from __future__ import annotations

from sqlalchemy import JSON, Column, ForeignKey, Integer, String, Table, UniqueConstraint

from safehold.records.tables import UtcDateTime, metadata

restore_testing_plan = Table(
    "restore_testing_plan",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("account_id", String(12), ForeignKey("account.id"), nullable=False),
    Column("site", String(64), nullable=False),
    Column("name", String(64), nullable=False),
    Column("arn", String(2048), nullable=False, unique=True),
    Column("schedule_expression", String(1024), nullable=False),
    Column("timezone", String(64), nullable=False),
    Column("start_window_hours", Integer, nullable=False),
    Column("points", JSON, nullable=False),
    Column("creator_request_id", String(64)),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime),
    Column("last_execution_at", UtcDateTime),
    UniqueConstraint("account_id", "site", "name"),
)

restore_testing_selection = Table(
    "restore_testing_selection",
    metadata,
    Column("plan_id", String(36), ForeignKey("restore_testing_plan.id"), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("resource_type", String(64), nullable=False),
    Column("role_arn", String(2048), nullable=False),
    Column("resource_arns", JSON, nullable=False),
    Column("equals", JSON, nullable=False),
    Column("not_equals", JSON, nullable=False),
    Column("overrides", JSON),
    Column("validation_window_hours", Integer, nullable=False),
    Column("creator_request_id", String(64)),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime),
)
