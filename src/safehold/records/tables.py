"""Every table of the catalog, on SQLite and PostgreSQL alike.

One catalog holds all accounts and sites of an installation. Times are aware UTC (`UtcDateTime`);
documents that nobody filters on are JSON.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)
from sqlalchemy.types import TypeDecorator

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC in Python, microseconds since 1970 in the database: the same order and precision on both."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        del dialect
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone must not reach the catalog")
        delta = value - datetime(1970, 1, 1, tzinfo=UTC)
        return (delta.days * 86400 + delta.seconds) * 1_000_000 + delta.microseconds

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        del dialect
        if value is None:
            return None
        seconds, micros = divmod(value, 1_000_000)
        return datetime.fromtimestamp(seconds, UTC).replace(microsecond=micros)


account = Table(
    "account",
    metadata,
    Column("id", String(12), primary_key=True),
    Column("name", String(255), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

role = Table(
    "role",
    metadata,
    Column("arn", String(2048), primary_key=True),
    Column("account_id", String(12), ForeignKey("account.id"), nullable=False),
    Column("role_id", String(32), nullable=False),
    Column("path", String(512), nullable=False),
    Column("name", String(64), nullable=False),
    Column("trust_policy", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("description", Text),
    Column("max_session_seconds", Integer),
    UniqueConstraint("account_id", "name"),
)

access_key = Table(
    "access_key",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("account_id", String(12), ForeignKey("account.id"), nullable=False),
    Column("principal_arn", String(2048), nullable=False, index=True),
    Column("user_id", String(64), nullable=False),
    Column("sealed_secret", LargeBinary, nullable=False),
    Column("status", String(16), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, index=True),
    # Of temporary keys alone: the token that goes with them, and the user or role that they are from.
    Column("sealed_token", LargeBinary),
    Column("issuer_arn", String(2048), index=True),
    Column("last_used_at", UtcDateTime),
    Column("last_used_service", String(64)),
    Column("last_used_site", String(128)),
)

site = Table(
    "site",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("storage_url", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("cold_storage_url", Text),
)

vault = Table(
    "vault",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("account_id", String(12), ForeignKey("account.id"), nullable=False),
    Column("site", String(64), ForeignKey("site.name"), nullable=False),
    Column("name", String(64), nullable=False),
    Column("arn", String(2048), nullable=False, unique=True),
    Column("vault_type", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("key_arn", String(2048), nullable=False),
    Column("creator_request_id", String(64)),
    Column("created_at", UtcDateTime, nullable=False),
    Column("point_count", BigInteger, nullable=False, default=0),
    Column("is_locked", Boolean, nullable=False, default=False),
    Column("min_retention_days", BigInteger),
    Column("max_retention_days", BigInteger),
    Column("lock_date", UtcDateTime),
    Column("lock_is_final", Boolean, nullable=False, default=False, server_default=false()),
    UniqueConstraint("account_id", "site", "name"),
)

plan = Table(
    "plan",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("account_id", String(12), ForeignKey("account.id"), nullable=False),
    Column("site", String(64), nullable=False),
    Column("arn", String(2048), nullable=False, unique=True),
    Column("name", String(64), nullable=False),
    Column("version_id", String(64), nullable=False),
    Column("document_digest", String(64), nullable=False),
    Column("creator_request_id", String(64)),
    Column("created_at", UtcDateTime, nullable=False),
    Column("deleted_at", UtcDateTime),
    Column("last_execution_at", UtcDateTime),
    Index("ix_plan_listing", "account_id", "site", "created_at", "id"),
    Index("ix_plan_creator_request", "account_id", "site", "creator_request_id"),
)

plan_version = Table(
    "plan_version",
    metadata,
    Column("plan_id", String(64), ForeignKey("plan.id"), primary_key=True),
    Column("version_id", String(64), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("document", JSON, nullable=False),
    Column("creator_request_id", String(64)),
    Column("created_at", UtcDateTime, nullable=False),
    Column("deleted_at", UtcDateTime),
)

selection = Table(
    "selection",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("plan_id", String(64), ForeignKey("plan.id"), nullable=False, index=True),
    Column("name", String(64), nullable=False),
    Column("role_arn", String(2048), nullable=False),
    Column("document", JSON, nullable=False),
    Column("creator_request_id", String(64)),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("plan_id", "name"),
)

# One row per due time of a rule: what makes a schedule fire once, over all nodes and restarts.
firing = Table(
    "firing",
    metadata,
    Column("plan_id", String(64), primary_key=True),
    Column("rule_id", String(64), primary_key=True),
    Column("due_at", UtcDateTime, primary_key=True),
    Column("fired_at", UtcDateTime, nullable=False),
    Column("outcome", String(16), nullable=False),  # "FIRED", "MISSED", "OVERRIDDEN"
    Column("job_count", Integer, nullable=False),
)

source = Table(
    "source",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("account_id", String(12), ForeignKey("account.id"), nullable=False),
    Column("site", String(64), nullable=False),
    Column("name", String(255), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("resource_type", String(64), nullable=False),
    Column("settings", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("discovered_at", UtcDateTime),
    Column("discovery_error", Text),
    UniqueConstraint("account_id", "site", "name"),
)

resource = Table(
    "resource",
    metadata,
    Column("arn", String(2048), primary_key=True),
    Column("account_id", String(12), ForeignKey("account.id"), nullable=False),
    Column("site", String(64), nullable=False),
    Column("source_id", String(36)),
    Column("resource_type", String(64), nullable=False),
    Column("name", String(512), nullable=False),
    Column("size_bytes", BigInteger),
    Column("facts", JSON, nullable=False),
    Column("found_at", UtcDateTime, nullable=False),
    Column("lost_at", UtcDateTime),
    Index("ix_resource_listing", "account_id", "site", "resource_type", "arn"),
)

tag_rule = Table(
    "tag_rule",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("account_id", String(12), ForeignKey("account.id"), nullable=False),
    Column("pattern", String(1024), nullable=False),
    Column("matches", String(16), nullable=False),  # "name" or "path"
    Column("tag_key", String(128), nullable=False),
    Column("tag_value", String(256), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

tag = Table(
    "tag",
    metadata,
    Column("arn", String(2048), primary_key=True),
    Column("key", String(128), primary_key=True),
    Column("value", String(256), nullable=False),
    Index("ix_tag_search", "key", "value", "arn"),
)

recovery_point = Table(
    "recovery_point",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("arn", String(2048), nullable=False),
    Column("vault_id", String(36), ForeignKey("vault.id"), nullable=False),
    Column("account_id", String(12), nullable=False),
    Column("site", String(64), nullable=False),
    Column("job_id", String(64), nullable=False),
    Column("resource_arn", String(2048), nullable=False),
    Column("resource_type", String(64), nullable=False),
    Column("resource_name", String(512)),
    Column("role_arn", String(2048)),
    Column("status", String(16), nullable=False),
    Column("status_message", Text),
    Column("created_at", UtcDateTime, nullable=False),
    Column("completed_at", UtcDateTime),
    Column("size_bytes", BigInteger),
    Column("storage_class", String(16), nullable=False),
    Column("lifecycle", JSON),
    Column("delete_at", UtcDateTime),
    Column("move_at", UtcDateTime),
    Column("created_by", JSON),
    Column("plan_id", String(64)),
    Column("parent_arn", String(2048)),
    Column("is_parent", Boolean, nullable=False, default=False),
    Column("key_arn", String(2048)),
    Column("restored_at", UtcDateTime),
    Column("restore_metadata", JSON, nullable=False),
    Column("facts", JSON, nullable=False),
    UniqueConstraint("vault_id", "arn"),
    # Each list that the API can ask for is one of these, read backwards: a page never sorts.
    Index("ix_recovery_point_vault", "vault_id", "created_at", "id"),
    Index("ix_recovery_point_vault_resource", "vault_id", "resource_arn", "created_at", "id"),
    Index("ix_recovery_point_vault_type", "vault_id", "resource_type", "created_at", "id"),
    Index("ix_recovery_point_vault_plan", "vault_id", "plan_id", "created_at", "id"),
    Index("ix_recovery_point_vault_parent", "vault_id", "parent_arn", "created_at", "id"),
    Index("ix_recovery_point_resource", "account_id", "site", "resource_arn", "created_at", "id"),
    Index("ix_recovery_point_arn", "arn"),
    Index("ix_recovery_point_status", "status", "delete_at", "id"),
)

# What has points in a vault, kept up in the transaction that adds or forgets a point.
protected_resource = Table(
    "protected_resource",
    metadata,
    Column("vault_id", String(36), ForeignKey("vault.id"), primary_key=True),
    Column("resource_arn", String(2048), primary_key=True),
    Column("account_id", String(12), nullable=False),
    Column("site", String(64), nullable=False),
    Column("resource_type", String(64), nullable=False),
    Column("resource_name", String(512)),
    Column("point_count", BigInteger, nullable=False),
    Column("last_point_arn", String(2048), nullable=False),
    Column("last_backup_at", UtcDateTime, nullable=False),
    Index("ix_protected_resource_listing", "account_id", "site", "resource_arn", "vault_id"),
)

# Later facts about a point, on their way into its vault: the outbox from which workers write amendments.
amendment = Table(
    "amendment",
    metadata,
    Column("sequence", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("recovery_point_id", String(64), nullable=False),
    Column("vault_id", String(36), ForeignKey("vault.id"), nullable=False),
    Column("kind", String(16), nullable=False),  # "lifecycle", "tags", "deletion"
    Column("body", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("written_at", UtcDateTime),
    Index("ix_amendment_pending", "written_at", "sequence"),
    Index("ix_amendment_vault", "vault_id"),
    sqlite_autoincrement=True,  # a number is never given twice, though rows go
)

# All kinds of job in one table: what the API shows, and the outbox from which workers take.
job = Table(
    "job",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("account_id", String(12), nullable=False),
    Column("site", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("status_message", Text),
    Column("message_category", String(64)),
    Column("vault_name", String(64)),
    Column("vault_arn", String(2048)),
    Column("resource_arn", String(2048), nullable=False),
    Column("resource_type", String(64), nullable=False),
    Column("resource_name", String(512)),
    Column("role_arn", String(2048)),
    Column("recovery_point_arn", String(2048)),
    Column("plan_id", String(64)),
    Column("rule_id", String(64)),
    Column("due_at", UtcDateTime),
    Column("parent_job_id", String(64)),
    Column(
        "request", JSON, nullable=False
    ),  # what was asked: lifecycle, tags, options, restore metadata, created_by
    Column("result", JSON),  # what came of it: counts, created resource, skipped items
    Column("created_at", UtcDateTime, nullable=False),
    Column("start_by", UtcDateTime),
    Column("complete_by", UtcDateTime),
    Column("started_at", UtcDateTime),
    Column("completed_at", UtcDateTime),
    Column("expected_completion_at", UtcDateTime),
    Column("percent_done", Float),
    Column("bytes_done", BigInteger),
    Column("size_bytes", BigInteger),
    Column("attempt", Integer, nullable=False, default=0),
    Column("worker_id", String(128)),
    # What the running attempt keeps others off: a resource has one holder, and the database sees to it.
    Column("held_key", String(2048), unique=True),
    Column("handed_over_at", UtcDateTime),
    Column("abort_requested_at", UtcDateTime),
    # Parked, it waits for something outside: until when, held by nobody; and how often it was.
    Column("parked_count", Integer, nullable=False, default=0, server_default="0"),
    Column("resume_at", UtcDateTime),
    UniqueConstraint("plan_id", "rule_id", "due_at", "resource_arn"),
    Index("ix_job_listing", "account_id", "site", "kind", "created_at", "id"),
    Index("ix_job_outbox", "handed_over_at", "state"),
    Index("ix_job_worker", "worker_id", "state"),
    Index("ix_job_resource", "resource_arn", "kind", "created_at"),
)

# A running job's own notes, so that a second attempt goes on where the first one stopped.
checkpoint = Table(
    "checkpoint",
    metadata,
    Column("job_id", String(64), ForeignKey("job.id"), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("value", JSON, nullable=False),
)

node = Table(
    "node",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("role", String(16), nullable=False),  # "worker", "scheduler", "api"
    Column("host", String(255), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("beat", BigInteger, nullable=False, default=0),  # grows while the process lives
    Column("reaped_at", UtcDateTime),  # it was taken for dead: what it held goes to others, it must stop
)

# A writer's intent in a vault: its commits and its revocation go through this row, so that one of them is
# first. The vault may have no row any more, so nothing refers to it.
writer_intent = Table(
    "writer_intent",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("vault_id", String(36), nullable=False),
    Column("points", JSON, nullable=False),  # ids of what was admitted
    Column("seen_at", UtcDateTime, nullable=False, index=True),
    Column("revoked_at", UtcDateTime),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("account_id", String(12), primary_key=True),
    Column("site", String(64), primary_key=True),
    Column("operation", String(64), primary_key=True),
    Column("token", String(256), primary_key=True),
    Column("request_digest", String(64), nullable=False),
    Column("response", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

setting = Table(
    "setting",
    metadata,
    Column("account_id", String(12), primary_key=True),
    Column("site", String(64), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("value", JSON, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

# Each family's tables stand beside this module; whoever has this one has them all.
from safehold.records import tables_events as tables_events  # noqa: E402
from safehold.records import tables_identity as tables_identity  # noqa: E402
from safehold.records import tables_locking as tables_locking  # noqa: E402
from safehold.records import tables_organizations as tables_organizations  # noqa: E402
from safehold.records import tables_tagging as tables_tagging  # noqa: E402
from safehold.records import tables_vaults as tables_vaults  # noqa: E402
