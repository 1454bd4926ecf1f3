"""What keeps the objects of a vault's points, as its lock asks for it now."""

from __future__ import annotations

from datetime import datetime

from safehold.domain import locking
from safehold.domain.locking import LockStage
from safehold.domain.vaults import Vault
from safehold.store.backends.contract import LockMode, Retention
from safehold.store.backends.retention import generation_end


def retention_for(vault: Vault, delete_at: datetime | None, now: datetime) -> Retention | None:
    """What all objects of a point with that end must carry; None in a vault that is not locked.

    Rounded up to a generation. A point without an end gets a date that is renewed (lock_keeping.py).
    """
    stage = locking.stage(vault, now)
    if stage is LockStage.OPEN:
        return None
    mode = LockMode.COMPLIANCE if stage is LockStage.FINAL else LockMode.GOVERNANCE
    return Retention(mode, generation_end(max(now, locking.kept_until(delete_at, now))))
