"""One function an operation, a family a file. `FAMILIES` is the whole list; nothing is found by scanning.

A new operation: write its handler in its family's module, take its line out of `api/not_built.py`, and run
`python tools/write_parity.py`, which brings `docs/parity/operations.md` up to date.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module

FAMILIES: tuple[str, ...] = (
    "air_gapped_vaults",
    "backup_jobs",
    "copy_jobs",
    "frameworks",
    "iam_policies",
    "iam_roles",
    "iam_users",
    "identity",
    "job_summaries",
    "indexes",
    "legal_holds",
    "kms",
    "organization_policies",
    "organizations",
    "plan_templates",
    "plans",
    "point_associations",
    "protected_resources",
    "recovery_points",
    "reports",
    "restore_jobs",
    "restore_testing_plans",
    "restore_testing_selections",
    "restore_validation",
    "scans",
    "search_exports",
    "search_tags",
    "searches",
    "selections",
    "settings",
    "tagging",
    "tags",
    "tiering",
    "vault_locks",
    "vault_notifications",
    "vault_policies",
    "vaults",
)


@cache
def load() -> None:
    """Every family's handlers are registered."""
    for family in FAMILIES:
        import_module(f"{__name__}.{family}")
