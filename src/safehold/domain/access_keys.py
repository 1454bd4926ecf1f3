"""Access keys: what requests are signed with, and whom they speak for."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

ACTIVE = "Active"  # IAM's own spelling, as in its key status
INACTIVE = "Inactive"
MAX_KEYS = 2  # of one user; Source: IAM guide, "IAM and AWS STS quotas"


@dataclass(frozen=True, slots=True)
class AccessKey:
    """secret and session_token are the plain ones, in memory only; the catalog holds them sealed.

    user_id        of the user, or of the role that a temporary key is a session of
    session_token  what a temporary key is sent with; None for one that lasts
    issuer_arn     the user or role that a temporary key is from; it ends with that
    """

    id: str
    account_id: str
    principal_arn: str
    user_id: str
    secret: str = field(repr=False)
    created_at: datetime
    status: str = ACTIVE
    expires_at: datetime | None = None
    session_token: str | None = field(default=None, repr=False)
    issuer_arn: str | None = None

    @property
    def caller_id(self) -> str:
        """Source: IAM guide, "Unique identifiers": of a role's session, both joined by a colon."""
        is_session_of_role = ":assumed-role/" in self.principal_arn
        session = self.principal_arn.rpartition("/")[2]
        return f"{self.user_id}:{session}" if is_session_of_role else self.user_id

    def is_usable_at(self, now: datetime) -> bool:
        return self.status == ACTIVE and (self.expires_at is None or now < self.expires_at)
