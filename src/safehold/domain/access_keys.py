"""Access keys: what requests are signed with, and whom they speak for."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

ACTIVE = "Active"  # IAM's own spelling, as in its key status


@dataclass(frozen=True, slots=True)
class AccessKey:
    """secret is the plain one, in memory only; the catalog holds it sealed."""

    id: str
    account_id: str
    principal_arn: str
    user_id: str
    secret: str = field(repr=False)
    created_at: datetime
    status: str = ACTIVE
    expires_at: datetime | None = None

    def is_usable_at(self, now: datetime) -> bool:
        return self.status == ACTIVE and (self.expires_at is None or now < self.expires_at)
