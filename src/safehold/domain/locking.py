"""Vault lock: what it forbids, and until when a locked vault keeps its points. Pure.

Whatever deletes, shortens or adds asks here. A lock forbids at once, while it may still be taken off too;
"governance" only means that somebody may take it off first.
Source: AWS Backup Developer Guide, "AWS Backup Vault Lock"; docs/parity/vault-lock.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from safehold.core.errors import InvalidParameterValue, InvalidRequest
from safehold.domain.lifecycle import Lifecycle, retention_days
from safehold.domain.vaults import Vault, VaultType

MIN_DAYS, MAX_DAYS = 1, 36_500  # of both bounds
MIN_CHANGEABLE_DAYS, MAX_CHANGEABLE_DAYS = 3, 36_500
MIN_DAYS_AIR_GAPPED = 7

POINT_LOCKED = "RecoveryPoint cannot be deleted or updated (Backup vault configured with Lock)"
POINT_HELD = "RecoveryPoint cannot be deleted: it is under legal hold"
BACKUP_OUT_OF_RANGE = "Backup job failed because the lifecycle is outside the valid range for backup vault."
COPY_OUT_OF_RANGE = (
    "Copy job failed. The retention specified in the job is not within the range specified for the target "
    "Backup Vault."
)
LOCK_IS_FINAL = "The Backup Vault Lock configuration cannot be changed or deleted: its lock date has passed"

# A point without an end has no date that a lock could be given once and for all. It is given one half a year
# ahead and a new one when half of that is over: whoever renews may be ill for three months.
RENEWED_FOR, RENEWED_BEFORE, ALARM_BEFORE = timedelta(days=180), timedelta(days=90), timedelta(days=60)


class LockStage(StrEnum):
    OPEN = "OPEN"
    GOVERNANCE = "GOVERNANCE"  # may be taken off by whoever may do that
    COOLING = "COOLING"  # will be final, and may still be taken off
    FINAL = "FINAL"  # for ever


@dataclass(frozen=True, slots=True)
class WantedLock:
    """What PutBackupVaultLockConfiguration asks for; None: no bound, and no date at which it is final."""

    min_retention_days: int | None = None
    max_retention_days: int | None = None
    changeable_for_days: int | None = None


def stage(vault: Vault, now: datetime) -> LockStage:
    """How firmly the vault is locked.

    A lock that was seen to be final stays final, whatever the clock says afterwards.
    """
    if not vault.is_locked:
        return LockStage.OPEN
    if vault.lock_is_final or (vault.lock_date is not None and vault.lock_date <= now):
        return LockStage.FINAL
    return LockStage.GOVERNANCE if vault.lock_date is None else LockStage.COOLING


def check_bounds(shortest: int | None, longest: int | None, *, at_least: int = MIN_DAYS) -> None:
    """Raises InvalidParameterValue for bounds that no lock can have."""
    for name, days in (("MinRetentionDays", shortest), ("MaxRetentionDays", longest)):
        if days is not None and not at_least <= days <= MAX_DAYS:
            raise InvalidParameterValue(f"{name} must be between {at_least} and {MAX_DAYS} days")
    if shortest is not None and longest is not None and shortest > longest:
        raise InvalidParameterValue("MinRetentionDays cannot be greater than MaxRetentionDays")


def locked(vault: Vault, wanted: WantedLock, now: datetime) -> Vault:
    """The vault with this lock instead of the one that it has, if any: all of it is replaced.

    Raises InvalidRequest when its lock is final, InvalidParameterValue.
    """
    check_changeable(vault, now)
    check_bounds(wanted.min_retention_days, wanted.max_retention_days)
    days = wanted.changeable_for_days
    if days is not None and not MIN_CHANGEABLE_DAYS <= days <= MAX_CHANGEABLE_DAYS:
        raise InvalidParameterValue(
            f"ChangeableForDays must be between {MIN_CHANGEABLE_DAYS} and {MAX_CHANGEABLE_DAYS} days"
        )
    return replace(
        vault,
        is_locked=True,
        min_retention_days=wanted.min_retention_days,
        max_retention_days=wanted.max_retention_days,
        lock_date=None if days is None else now + timedelta(days=days),
    )


def unlocked(vault: Vault, now: datetime) -> Vault:
    """The vault without a lock; one that has none is as it was. Raises InvalidRequest when it is final."""
    check_changeable(vault, now)
    return replace(vault, is_locked=False, min_retention_days=None, max_retention_days=None, lock_date=None)


def check_changeable(vault: Vault, now: datetime) -> None:
    """Raises InvalidRequest when the vault's lock can be neither changed nor taken off."""
    if vault.vault_type is not VaultType.STANDARD:
        raise InvalidRequest(f"The lock of a vault of type {vault.vault_type} cannot be changed or deleted")
    if stage(vault, now) is LockStage.FINAL:
        raise InvalidRequest(LOCK_IS_FINAL)


def check_may_lock(vault: Vault, *, export_is_proved: bool, can_lock: bool) -> None:
    """Raises InvalidRequest for an open vault whose lock would promise what it does not keep.

    export_is_proved  a copy of the vault's keys is kept elsewhere: whoever destroys all copies of the keys
                      destroys the vault, whatever is locked
    can_lock          the place where it lives keeps objects from being deleted
    """
    if vault.is_locked:
        return
    if not can_lock:
        raise InvalidRequest(
            f"Backup vault {vault.name} cannot be locked: objects cannot be locked where it lives. Use a "
            "bucket made with object lock, or a file system with extended attributes."
        )
    if not export_is_proved:
        raise InvalidRequest(
            f"Backup vault {vault.name} cannot be locked yet: no export of its keys was proved to open it, "
            "and without its keys a locked vault is a lost one. Run `safehold keys export --vault "
            f"{vault.name} --out KIT` and `safehold keys prove KIT`."
        )


def check_point(vault: Vault, *, is_held: bool) -> None:
    """Raises InvalidRequest when nobody may delete or change the vault's point now.

    is_held  a legal hold covers the point
    """
    if vault.is_locked:
        raise InvalidRequest(POINT_LOCKED)
    if is_held:
        raise InvalidRequest(POINT_HELD)


def may_expire(delete_at: datetime | None, *, is_held: bool, now: datetime) -> bool:
    """May the point go because its life is over? A lock lets it, a legal hold does not."""
    return delete_at is not None and delete_at <= now and not is_held


def is_in_range(vault: Vault, lifecycle: Lifecycle | None) -> bool:
    """May a new point with this lifecycle come into the vault? For ever is longer than any bound."""
    if not vault.is_locked:
        return True
    days = retention_days(lifecycle)
    return (vault.min_retention_days or 0) <= days <= (vault.max_retention_days or float("inf"))


def kept_until(delete_at: datetime | None, now: datetime) -> datetime:
    """Until when everything that a point in a locked vault needs is to be kept, as of now."""
    return now + RENEWED_FOR if delete_at is None else delete_at


def is_kept_too_short(until: datetime | None, delete_at: datetime | None, now: datetime) -> bool:
    """Must what keeps a point's objects be lengthened? `until`: what they carry now."""
    if until is None:
        return True
    return until < (now + RENEWED_BEFORE if delete_at is None else delete_at)
