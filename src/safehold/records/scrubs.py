"""How far each vault's scrub is, as rows: a cache of what the vaults' own `checks/` say."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from safehold.domain.vaults import Vault
from safehold.records import settings
from safehold.records.dialect import take_turns
from safehold.records.tx import Tx

PREFIX = "scrub/"  # and the vault's id


@dataclass(frozen=True, slots=True)
class ScrubState:
    """started_at  when a worker last took the vault's scrub on; None: never
    ended_at       when a scrub last came to its end
    oldest_at      no object of the vault was left unread since an earlier moment; None: not known
    """

    started_at: datetime | None = None
    ended_at: datetime | None = None
    oldest_at: datetime | None = None
    condemned_count: int = 0
    unread_count: int = 0


def of(tx: Tx, vault: Vault) -> ScrubState:
    """What is known of the vault; nothing, for one that was never scrubbed."""
    found = settings.with_prefix(tx, vault.account_id, vault.site, PREFIX + vault.id).get("")
    if not isinstance(found, str):
        return ScrubState()
    values = json.loads(found)
    for name in ("started_at", "ended_at", "oldest_at"):
        values[name] = datetime.fromisoformat(values[name]) if values[name] else None
    return ScrubState(**values)


def claim(tx: Tx, vault: Vault, *, now: datetime, every: timedelta) -> bool:
    """From now on the vault's scrub is the caller's; False when somebody took it on within that time."""
    take_turns(tx, PREFIX + vault.id)
    state = of(tx, vault)
    if state.started_at is not None and now - state.started_at < every:
        return False
    put(tx, vault, replace(state, started_at=now), now=now)
    return True


def put(tx: Tx, vault: Vault, state: ScrubState, *, now: datetime) -> None:
    values = {
        "started_at": state.started_at and state.started_at.isoformat(),
        "ended_at": state.ended_at and state.ended_at.isoformat(),
        "oldest_at": state.oldest_at and state.oldest_at.isoformat(),
        "condemned_count": state.condemned_count,
        "unread_count": state.unread_count,
    }
    settings.put(tx, vault.account_id, vault.site, {PREFIX + vault.id: json.dumps(values)}, now=now)
