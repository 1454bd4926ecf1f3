"""An organization: accounts of one installation in a tree of units. Pure.

Source: Organizations model 2016-11-28; docs/parity/organizations.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from safehold.domain.arns import PARTITION

BACKUP_POLICY = "BACKUP_POLICY"
MAX_DEPTH = 5  # units beneath the root; Source: guide, "Quotas for AWS Organizations"
MAX_POLICIES_ON_TARGET = 10


@dataclass(frozen=True, slots=True)
class Organization:
    id: str
    management_account_id: str
    created_at: datetime
    has_backup_policies: bool = False

    def arn(self, kind: str, *names: str) -> str:
        """`arn("account", "123456789012")`, of a thing in this organization."""
        resource = "/".join([kind, self.id, *names])
        return f"arn:{PARTITION}:organizations::{self.management_account_id}:{resource}"


@dataclass(frozen=True, slots=True)
class Unit:
    """A node of the tree; the root is the one without parent."""

    id: str
    organization_id: str
    parent_id: str | None
    name: str
    created_at: datetime

    @property
    def is_root(self) -> bool:
        return self.parent_id is None


@dataclass(frozen=True, slots=True)
class Member:
    """request_id: of the CreateAccount that made it; None for the management account."""

    account_id: str
    organization_id: str
    parent_id: str
    name: str
    email: str
    joined_at: datetime
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class OrgPolicy:
    id: str
    organization_id: str
    name: str
    description: str
    content: str
    created_at: datetime
    updated_at: datetime
