"""A vault's lock is told to the vault itself, and what a vault says of a final lock is believed.

The catalog is what the API asks; whoever can write there, or loses it, opens no vault for good: the vault
says by an amendment that its lock is final, and workers put that back.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from safehold.core.clock import to_micros
from safehold.domain.vaults import Vault
from safehold.jobs.locks import retention_for
from safehold.records import vault_locks
from safehold.records.engine import Catalog
from safehold.store.backends.contract import locking
from safehold.store.custody.key_proof import OF_THE_VAULT
from safehold.store.names import ObjectType
from safehold.store.points.locking import needs_locks, retain_all
from safehold.store.vault_store import VaultStore

KIND = "lock"
OPEN = {"state": "open"}
Facts = dict[str, str]


def facts_of(vault: Vault) -> Facts:
    """What the vault is told of its lock; bounds and date only where there are any."""
    if not vault.is_locked:
        return OPEN
    facts = {"state": "final" if vault.lock_is_final else "locked", "vault_type": vault.vault_type}
    for name in ("min_retention_days", "max_retention_days"):
        days = getattr(vault, name)
        facts |= {} if days is None else {name: str(days)}
    return facts if vault.lock_date is None else facts | {"lock_date": vault.lock_date.isoformat()}


def told(store: VaultStore) -> Facts:
    """What the vault says of its lock. One that was ever final is: no later fact undoes that."""
    found = [each.facts for each in store.amendments(OF_THE_VAULT) if each.kind == KIND]
    final = [facts for facts in found if facts.get("state") == "final"]
    return (final or found or [OPEN])[-1]


def tell(store: VaultStore, vault: Vault, now: datetime) -> Facts:
    """The vault says of its lock what the catalog does; answers what."""
    facts = facts_of(vault)
    kept = retention_for(vault, None, now)
    store.amend(OF_THE_VAULT, KIND, facts, written_at=to_micros(now), kept=kept)
    return facts


def renew(store: VaultStore, vault: Vault, now: datetime) -> None:
    """What the vault says of itself is kept for as long ahead as points without an end are."""
    needed = retention_for(vault, None, now)
    if needed is not None and locking(store.backend) is not None:
        names = [info.name for info in store.backend.list(f"{ObjectType.AMENDMENT.folder}{OF_THE_VAULT}/")]
        retain_all(needs_locks(store.backend), names, needed)


def believe(catalog: Catalog, vault: Vault, facts: Facts) -> Vault:
    """The vault, locked for ever again when it says that it is and the catalog says otherwise."""
    if facts.get("state") != "final" or vault.lock_is_final:
        return vault
    relocked = replace(
        vault,
        is_locked=True,
        lock_is_final=True,
        lock_date=datetime.fromisoformat(facts["lock_date"]) if "lock_date" in facts else vault.created_at,
        min_retention_days=_days(facts, "min_retention_days"),
        max_retention_days=_days(facts, "max_retention_days"),
    )
    with catalog.begin() as tx:
        vault_locks.put_lock(tx, relocked)
        vault_locks.mark_final(tx, vault.id)
    return relocked


def _days(facts: Facts, name: str) -> int | None:
    return int(facts[name]) if name in facts else None
