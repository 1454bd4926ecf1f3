"""A vault: where recovery points are kept, under one key, for one account and site."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from safehold.core.errors import InvalidParameterValue
from safehold.domain import arns

NAME = re.compile(r"[a-zA-Z0-9\-_]{2,50}")  # Source: model 2018-11-15 `BackupVaultName`
SITE_NAME = re.compile(r"[a-z0-9][a-z0-9\-]{0,62}")
DEFAULT_VAULT = "Default"
MAX_KEY_ARN = 2048  # characters, as the catalog keeps it


class VaultType(StrEnum):
    STANDARD = "BACKUP_VAULT"
    AIR_GAPPED = "LOGICALLY_AIR_GAPPED_BACKUP_VAULT"
    RESTORE_ACCESS = "RESTORE_ACCESS_BACKUP_VAULT"


class VaultState(StrEnum):
    CREATING = "CREATING"
    AVAILABLE = "AVAILABLE"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Vault:
    """id names the vault's store and is never given to another, though names are.

    lock_is_final  the lock date was seen to pass: from then on no clock matters (domain/locking.py)
    """

    id: str
    account_id: str
    site: str
    name: str
    arn: str
    key_arn: str
    created_at: datetime
    vault_type: VaultType = VaultType.STANDARD
    state: VaultState = VaultState.AVAILABLE
    creator_request_id: str | None = None
    point_count: int = 0
    is_locked: bool = False
    min_retention_days: int | None = None
    max_retention_days: int | None = None
    lock_date: datetime | None = None
    lock_is_final: bool = False

    @property
    def has_own_key(self) -> bool:
        """Was a key chosen for it, instead of the site's?"""
        return self.key_arn != arns.default_key_arn(self.site, self.account_id)


def check_name(name: str) -> None:
    """Raise InvalidParameterValue for what cannot name a vault."""
    if NAME.fullmatch(name) is None:
        raise InvalidParameterValue(
            f"Invalid backup vault name: {name!r} does not match [a-zA-Z0-9-_]{{2,50}}"
        )


def check_site_name(site: str) -> None:
    """Raise InvalidParameterValue for what cannot name a site; any name of that form will do."""
    if SITE_NAME.fullmatch(site) is None:
        raise InvalidParameterValue(f"Invalid Region name: {site!r}")


def key_arn_for(wanted: str | None, *, site: str, account_id: str) -> str:
    """The key that a vault shall have: the site's own unless another of this account is named.

    Raises InvalidParameterValue for a key of another account or site, and for what is no key.
    """
    default = arns.default_key_arn(site, account_id)
    if wanted is None:
        return default
    if len(wanted) > MAX_KEY_ARN:
        raise InvalidParameterValue(
            f"Invalid encryption key: its ARN is longer than {MAX_KEY_ARN} characters"
        )
    parsed = arns.parse(wanted)
    is_ours = (parsed.service, parsed.region, parsed.account_id) == ("kms", site, account_id)
    kind, _, name = parsed.resource.partition("/")
    if not is_ours or kind not in ("key", "alias") or not name:
        raise InvalidParameterValue(f"Invalid encryption key: {wanted} is no key of this account and Region")
    return default if (kind, name) == ("alias", "aws/backup") else wanted
