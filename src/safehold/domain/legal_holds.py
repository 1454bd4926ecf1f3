"""Legal holds: which recovery points one covers, and which states it passes through. Pure.

A point under hold is deleted by nobody and by no lifecycle, in whatever vault it is, until no hold covers it.
Source: AWS Backup Developer Guide, "AWS Backup legal holds"; model 2018-11-15; docs/parity/legal-holds.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from enum import StrEnum

from safehold.core.errors import InvalidParameterValue, InvalidResourceState

DEFAULT_RECORD_DAYS, MAX_RECORD_DAYS = 180, 36_500


class HoldStatus(StrEnum):
    """Source: model 2018-11-15 `LegalHoldStatus`."""

    CREATING = "CREATING"  # the API heeds it, the stores do not yet
    ACTIVE = "ACTIVE"
    CANCELING = "CANCELING"  # what it held is being let go
    CANCELED = "CANCELED"


STANDING = (HoldStatus.CREATING, HoldStatus.ACTIVE)  # it covers points
HEEDED = (*STANDING, HoldStatus.CANCELING)  # nothing that it covered is deleted


@dataclass(frozen=True, slots=True)
class LegalHold:
    """One hold. `vault_names` and `resource_arns` as they were asked for; both empty: every point.

    from_at, to_at  of the points' creation, both included; None: without an end
    retain_until    when the record of a canceled hold is forgotten
    """

    id: str
    arn: str
    account_id: str
    site: str
    title: str
    description: str
    status: HoldStatus
    created_at: datetime
    vault_names: tuple[str, ...] = ()
    resource_arns: tuple[str, ...] = ()
    from_at: datetime | None = None
    to_at: datetime | None = None
    cancel_description: str | None = None
    canceled_at: datetime | None = None
    retain_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """A part of what a hold covers: points of this vault, or of this resource, or all when neither is named,
    created from `from_at` on and before `before`."""

    vault_id: str | None
    resource_arn: str | None
    from_at: datetime | None
    before: datetime | None


def scopes(hold: LegalHold, vault_ids: Mapping[str, str]) -> list[Scope]:
    """What the hold covers: the sum of these. `vault_ids`: of the vaults that it names."""
    before = end_of(hold.to_at)
    found = [Scope(vault_ids[name], None, hold.from_at, before) for name in hold.vault_names]
    found += [Scope(None, arn, hold.from_at, before) for arn in hold.resource_arns]
    return found or [Scope(None, None, hold.from_at, before)]


def end_of(to_at: datetime | None) -> datetime | None:
    """The first moment that is not covered any more: a date without a time of day means the whole day."""
    if to_at is None:
        return None
    return to_at + (timedelta(days=1) if to_at.time() == time() else timedelta(microseconds=1))


def check_range(from_at: datetime | None, to_at: datetime | None) -> None:
    """Raises InvalidParameterValue for a range that ends before it begins."""
    if from_at is not None and to_at is not None and from_at > to_at:
        raise InvalidParameterValue("Invalid DateRange. FromDate must not be later than ToDate")


def canceling(hold: LegalHold, description: str, record_days: int | None, now: datetime) -> LegalHold:
    """The hold as it is let go. Raises InvalidResourceState when it is already, InvalidParameterValue."""
    if hold.status not in STANDING:
        raise InvalidResourceState(f"Legal hold is in state {hold.status}", context=hold.arn)
    days = DEFAULT_RECORD_DAYS if record_days is None else record_days
    if not 0 <= days <= MAX_RECORD_DAYS:
        raise InvalidParameterValue(f"RetainRecordInDays must be between 0 and {MAX_RECORD_DAYS}")
    return replace(
        hold,
        status=HoldStatus.CANCELING,
        cancel_description=description,
        canceled_at=now,
        retain_until=now + timedelta(days=days),
    )
