"""Until when objects must be kept: the decision alone, for locking.py and the backends to carry out.

# INVARIANT: no lock depends on a future run. Before a point's record is written, every object that the point
# uses is kept at least until the date that the lock guarantees the point.
Dates are rounded up to the end of a generation, so that most points find everything kept long enough.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from safehold.core.clock import EPOCH
from safehold.store.backends.contract import LockMode, Retention

GENERATION = timedelta(days=10)

UNTIL_FACT, MODE_FACT = "locked_until", "lock_mode"  # in a point's record: what all its objects carry


def generation_end(until: datetime, generation: timedelta = GENERATION) -> datetime:
    """The first end of a generation that is not before `until`; generations count from 1970."""
    return EPOCH + -(-(until - EPOCH) // generation) * generation


def is_enough(kept: Retention | None, needed: Retention) -> bool:
    """Does what keeps an object now keep it as long and as firmly as needed?"""
    if kept is None or kept.until < needed.until:
        return False
    return kept.mode is LockMode.COMPLIANCE or needed.mode is LockMode.GOVERNANCE


def strongest(kept: Retention | None, needed: Retention) -> Retention:
    """What gives up nothing of either. Stores refuse less than what is there."""
    if kept is None:
        return needed
    is_compliance = LockMode.COMPLIANCE in (kept.mode, needed.mode)
    mode = LockMode.COMPLIANCE if is_compliance else LockMode.GOVERNANCE
    return Retention(mode, max(kept.until, needed.until))


def to_facts(retention: Retention) -> dict[str, str]:
    """As a point's record tells it."""
    return {UNTIL_FACT: retention.until.isoformat(), MODE_FACT: retention.mode.value}


def from_facts(facts: Mapping[str, str]) -> Retention | None:
    """What all objects of a point carry, as its record tells; None when it tells nothing that we read."""
    try:
        until = datetime.fromisoformat(facts[UNTIL_FACT])
        return Retention(LockMode(facts[MODE_FACT]), until) if until.tzinfo else None
    except (KeyError, ValueError):
        return None


def to_extend(needed: Retention, kept: Mapping[str, Retention | None]) -> list[str]:
    """Which of these objects must be given `needed`, in order of name; `kept` is what each has now."""
    return sorted(name for name, retention in kept.items() if not is_enough(retention, needed))
