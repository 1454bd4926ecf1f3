"""How long a recovery point is kept, and when it may move to cold storage. Pure.

Both clocks count from the recovery point's creation, which is when its job started, not when it ended.
Source: AWS Backup Developer Guide, "Backup plan options and configuration", "Lifecycle"; model 2018-11-15
`Lifecycle`; docs/parity/plans.md, "Lifecycle".
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

MAX_DELETE_AFTER_DAYS = 36_500
MIN_DAYS_IN_COLD_STORAGE = 90  # what cold storage is billed for at least, so AWS insists on it
ALWAYS = -1  # how some clients spell "keep for ever"


class DeleteAfterEvent(StrEnum):
    DELETE_AFTER_COPY = "DELETE_AFTER_COPY"


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """None means never: a lifecycle without days keeps its recovery point for ever and warm."""

    move_to_cold_storage_after_days: int | None = None
    delete_after_days: int | None = None
    opt_in_to_archive: bool | None = None
    delete_after_event: DeleteAfterEvent | None = None

    def delete_at(self, created_at: datetime) -> datetime | None:
        """When a recovery point of that creation time expires; None: never."""
        return _later(created_at, self.delete_after_days)

    def move_at(self, created_at: datetime) -> datetime | None:
        """When a recovery point of that creation time may go to cold storage; None: never."""
        return _later(created_at, self.move_to_cold_storage_after_days)


def lifecycle_fault(lifecycle: Lifecycle, *, may_be_always: bool = False) -> str | None:
    """Why AWS would refuse this lifecycle, in its words; None when it would not.

    may_be_always  -1 days is allowed: with copies it means "as long as the original"
    """
    delete, cold = lifecycle.delete_after_days, lifecycle.move_to_cold_storage_after_days
    allowed = {None, ALWAYS} if may_be_always else {None}
    for name, days in (("DeleteAfterDays", delete), ("MoveToColdStorageAfterDays", cold)):
        if days not in allowed and not 1 <= (days or 0) <= MAX_DELETE_AFTER_DAYS:
            return (
                f"Invalid lifecycle. {name} cannot be less than 1 or more than {MAX_DELETE_AFTER_DAYS} days"
            )
    if cold is None or cold == ALWAYS or delete is None or delete == ALWAYS:
        return None
    if delete < cold + MIN_DAYS_IN_COLD_STORAGE:
        return (
            f"Invalid lifecycle. DeleteAfterDays cannot be less than {MIN_DAYS_IN_COLD_STORAGE} days apart "
            "from MoveToColdStorageAfterDays"
        )
    return None


def retention_days(lifecycle: Lifecycle | None) -> float:
    """How long it keeps a recovery point, for comparing; infinity when for ever."""
    days = None if lifecycle is None else lifecycle.delete_after_days
    return float("inf") if days is None or days == ALWAYS else float(days)


def _later(created_at: datetime, days: int | None) -> datetime | None:
    return None if days is None or days == ALWAYS else created_at + timedelta(days=days)
