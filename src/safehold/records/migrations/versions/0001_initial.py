"""The catalog as the first release has it. Times are microseconds since 1970.

Revision ID: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("id", sa.String(length=12), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
    )
    op.create_table(
        "firing",
        sa.Column("plan_id", sa.String(length=64), nullable=False),
        sa.Column("rule_id", sa.String(length=64), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("fired_at", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("job_count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("plan_id", "rule_id", "due_at", name=op.f("pk_firing")),
    )
    op.create_table(
        "idempotency",
        sa.Column("account_id", sa.String(length=12), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("operation", sa.String(length=64), nullable=False),
        sa.Column("token", sa.String(length=256), nullable=False),
        sa.Column("request_digest", sa.String(length=64), nullable=False),
        sa.Column("response", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "site", "operation", "token", name=op.f("pk_idempotency")),
    )
    op.create_table(
        "job",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("account_id", sa.String(length=12), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("status_message", sa.Text(), nullable=True),
        sa.Column("message_category", sa.String(length=64), nullable=True),
        sa.Column("vault_name", sa.String(length=64), nullable=True),
        sa.Column("vault_arn", sa.String(length=2048), nullable=True),
        sa.Column("resource_arn", sa.String(length=2048), nullable=False),
        sa.Column("resource_type", sa.String(length=64), nullable=False),
        sa.Column("resource_name", sa.String(length=512), nullable=True),
        sa.Column("role_arn", sa.String(length=2048), nullable=True),
        sa.Column("recovery_point_arn", sa.String(length=2048), nullable=True),
        sa.Column("plan_id", sa.String(length=64), nullable=True),
        sa.Column("rule_id", sa.String(length=64), nullable=True),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("parent_job_id", sa.String(length=64), nullable=True),
        sa.Column("request", sa.JSON(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("start_by", sa.BigInteger(), nullable=True),
        sa.Column("complete_by", sa.BigInteger(), nullable=True),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("completed_at", sa.BigInteger(), nullable=True),
        sa.Column("expected_completion_at", sa.BigInteger(), nullable=True),
        sa.Column("percent_done", sa.Float(), nullable=True),
        sa.Column("bytes_done", sa.BigInteger(), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("worker_id", sa.String(length=128), nullable=True),
        sa.Column("held_key", sa.String(length=2048), nullable=True),
        sa.Column("handed_over_at", sa.BigInteger(), nullable=True),
        sa.Column("abort_requested_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
        sa.UniqueConstraint("held_key", name=op.f("uq_job_held_key")),
        sa.UniqueConstraint(
            "plan_id",
            "rule_id",
            "due_at",
            "resource_arn",
            name=op.f("uq_job_plan_id_rule_id_due_at_resource_arn"),
        ),
    )
    op.create_index("ix_job_listing", "job", ["account_id", "site", "kind", "created_at", "id"], unique=False)
    op.create_index("ix_job_outbox", "job", ["handed_over_at", "state"], unique=False)
    op.create_index("ix_job_resource", "job", ["resource_arn", "kind", "created_at"], unique=False)
    op.create_index("ix_job_worker", "job", ["worker_id", "state"], unique=False)
    op.create_table(
        "node",
        sa.Column("id", sa.String(length=128), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("beat", sa.BigInteger(), nullable=False),
        sa.Column("reaped_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_node")),
    )
    op.create_table(
        "setting",
        sa.Column("account_id", sa.String(length=12), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "site", "name", name=op.f("pk_setting")),
    )
    op.create_table(
        "site",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("storage_url", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_site")),
    )
    op.create_table(
        "tag",
        sa.Column("arn", sa.String(length=2048), nullable=False),
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("value", sa.String(length=256), nullable=False),
        sa.PrimaryKeyConstraint("arn", "key", name=op.f("pk_tag")),
    )
    op.create_table(
        "access_key",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.String(length=12), nullable=False),
        sa.Column("principal_arn", sa.String(length=2048), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("sealed_secret", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_access_key_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_key")),
    )
    op.create_table(
        "checkpoint",
        sa.Column("job_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_checkpoint_job_id")),
        sa.PrimaryKeyConstraint("job_id", "name", name=op.f("pk_checkpoint")),
    )
    op.create_table(
        "plan",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=12), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("arn", sa.String(length=2048), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("version_id", sa.String(length=64), nullable=False),
        sa.Column("document_digest", sa.String(length=64), nullable=False),
        sa.Column("creator_request_id", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        sa.Column("last_execution_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_plan_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan")),
        sa.UniqueConstraint("arn", name=op.f("uq_plan_arn")),
    )
    op.create_index(
        "ix_plan_creator_request", "plan", ["account_id", "site", "creator_request_id"], unique=False
    )
    op.create_index("ix_plan_listing", "plan", ["account_id", "site", "created_at", "id"], unique=False)
    op.create_table(
        "resource",
        sa.Column("arn", sa.String(length=2048), nullable=False),
        sa.Column("account_id", sa.String(length=12), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("source_id", sa.String(length=36), nullable=True),
        sa.Column("resource_type", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=512), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("found_at", sa.BigInteger(), nullable=False),
        sa.Column("lost_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_resource_account_id")),
        sa.PrimaryKeyConstraint("arn", name=op.f("pk_resource")),
    )
    op.create_index(
        "ix_resource_listing", "resource", ["account_id", "site", "resource_type", "arn"], unique=False
    )
    op.create_table(
        "role",
        sa.Column("arn", sa.String(length=2048), nullable=False),
        sa.Column("account_id", sa.String(length=12), nullable=False),
        sa.Column("role_id", sa.String(length=32), nullable=False),
        sa.Column("path", sa.String(length=512), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("trust_policy", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_role_account_id")),
        sa.PrimaryKeyConstraint("arn", name=op.f("pk_role")),
        sa.UniqueConstraint("account_id", "name", name=op.f("uq_role_account_id_name")),
    )
    op.create_table(
        "source",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=12), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("resource_type", sa.String(length=64), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("discovered_at", sa.BigInteger(), nullable=True),
        sa.Column("discovery_error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_source_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source")),
        sa.UniqueConstraint("account_id", "site", "name", name=op.f("uq_source_account_id_site_name")),
    )
    op.create_table(
        "tag_rule",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=12), nullable=False),
        sa.Column("pattern", sa.String(length=1024), nullable=False),
        sa.Column("matches", sa.String(length=16), nullable=False),
        sa.Column("tag_key", sa.String(length=128), nullable=False),
        sa.Column("tag_value", sa.String(length=256), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_tag_rule_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tag_rule")),
    )
    op.create_table(
        "vault",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=12), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("arn", sa.String(length=2048), nullable=False),
        sa.Column("vault_type", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("key_arn", sa.String(length=2048), nullable=False),
        sa.Column("creator_request_id", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("point_count", sa.BigInteger(), nullable=False),
        sa.Column("is_locked", sa.Boolean(), nullable=False),
        sa.Column("min_retention_days", sa.BigInteger(), nullable=True),
        sa.Column("max_retention_days", sa.BigInteger(), nullable=True),
        sa.Column("lock_date", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_vault_account_id")),
        sa.ForeignKeyConstraint(["site"], ["site.name"], name=op.f("fk_vault_site")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vault")),
        sa.UniqueConstraint("account_id", "site", "name", name=op.f("uq_vault_account_id_site_name")),
        sa.UniqueConstraint("arn", name=op.f("uq_vault_arn")),
    )
    op.create_table(
        "amendment",
        sa.Column(
            "sequence",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("recovery_point_id", sa.String(length=64), nullable=False),
        sa.Column("vault_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("written_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["vault_id"], ["vault.id"], name=op.f("fk_amendment_vault_id")),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_amendment")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_amendment_pending", "amendment", ["written_at", "sequence"], unique=False)
    op.create_index("ix_amendment_vault", "amendment", ["vault_id"], unique=False)
    op.create_table(
        "plan_version",
        sa.Column("plan_id", sa.String(length=64), nullable=False),
        sa.Column("version_id", sa.String(length=64), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("creator_request_id", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["plan_id"], ["plan.id"], name=op.f("fk_plan_version_plan_id")),
        sa.PrimaryKeyConstraint("plan_id", "version_id", name=op.f("pk_plan_version")),
    )
    op.create_table(
        "protected_resource",
        sa.Column("vault_id", sa.String(length=36), nullable=False),
        sa.Column("resource_arn", sa.String(length=2048), nullable=False),
        sa.Column("account_id", sa.String(length=12), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("resource_type", sa.String(length=64), nullable=False),
        sa.Column("resource_name", sa.String(length=512), nullable=True),
        sa.Column("point_count", sa.BigInteger(), nullable=False),
        sa.Column("last_point_arn", sa.String(length=2048), nullable=False),
        sa.Column("last_backup_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["vault_id"], ["vault.id"], name=op.f("fk_protected_resource_vault_id")),
        sa.PrimaryKeyConstraint("vault_id", "resource_arn", name=op.f("pk_protected_resource")),
    )
    op.create_index(
        "ix_protected_resource_listing",
        "protected_resource",
        ["account_id", "site", "resource_arn", "vault_id"],
        unique=False,
    )
    op.create_table(
        "recovery_point",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("arn", sa.String(length=2048), nullable=False),
        sa.Column("vault_id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=12), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("job_id", sa.String(length=64), nullable=False),
        sa.Column("resource_arn", sa.String(length=2048), nullable=False),
        sa.Column("resource_type", sa.String(length=64), nullable=False),
        sa.Column("resource_name", sa.String(length=512), nullable=True),
        sa.Column("role_arn", sa.String(length=2048), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("status_message", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("completed_at", sa.BigInteger(), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("storage_class", sa.String(length=16), nullable=False),
        sa.Column("lifecycle", sa.JSON(), nullable=True),
        sa.Column("delete_at", sa.BigInteger(), nullable=True),
        sa.Column("move_at", sa.BigInteger(), nullable=True),
        sa.Column("created_by", sa.JSON(), nullable=True),
        sa.Column("plan_id", sa.String(length=64), nullable=True),
        sa.Column("parent_arn", sa.String(length=2048), nullable=True),
        sa.Column("is_parent", sa.Boolean(), nullable=False),
        sa.Column("key_arn", sa.String(length=2048), nullable=True),
        sa.Column("restored_at", sa.BigInteger(), nullable=True),
        sa.Column("restore_metadata", sa.JSON(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["vault_id"], ["vault.id"], name=op.f("fk_recovery_point_vault_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_point")),
        sa.UniqueConstraint("vault_id", "arn", name=op.f("uq_recovery_point_vault_id_arn")),
    )
    op.create_index("ix_recovery_point_arn", "recovery_point", ["arn"], unique=False)
    op.create_index(
        "ix_recovery_point_resource",
        "recovery_point",
        ["account_id", "site", "resource_arn", "created_at", "id"],
        unique=False,
    )
    op.create_index("ix_recovery_point_status", "recovery_point", ["status", "delete_at", "id"], unique=False)
    op.create_index(
        "ix_recovery_point_vault", "recovery_point", ["vault_id", "created_at", "id"], unique=False
    )
    op.create_index(
        "ix_recovery_point_vault_parent",
        "recovery_point",
        ["vault_id", "parent_arn", "created_at", "id"],
        unique=False,
    )
    op.create_index(
        "ix_recovery_point_vault_plan",
        "recovery_point",
        ["vault_id", "plan_id", "created_at", "id"],
        unique=False,
    )
    op.create_index(
        "ix_recovery_point_vault_resource",
        "recovery_point",
        ["vault_id", "resource_arn", "created_at", "id"],
        unique=False,
    )
    op.create_index(
        "ix_recovery_point_vault_type",
        "recovery_point",
        ["vault_id", "resource_type", "created_at", "id"],
        unique=False,
    )
    op.create_table(
        "selection",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("plan_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("role_arn", sa.String(length=2048), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("creator_request_id", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["plan_id"], ["plan.id"], name=op.f("fk_selection_plan_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_selection")),
        sa.UniqueConstraint("plan_id", "name", name=op.f("uq_selection_plan_id_name")),
    )
    op.create_index(op.f("ix_selection_plan_id"), "selection", ["plan_id"], unique=False)
