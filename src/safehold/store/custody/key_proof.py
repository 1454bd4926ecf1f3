"""Do these keys open this vault? And: was an export of them ever proved to?

The answer to the second is an amendment of the vault itself, sealed like any other: whoever destroys every
copy of a key destroys the vault, so locking asks first whether a copy that works is kept elsewhere.
"""

from __future__ import annotations

from hashlib import sha256

from safehold.core.errors import Damaged, KeyMismatch, ObjectMissing
from safehold.store.backends.contract import Backend
from safehold.store.names import ObjectType
from safehold.store.sealed.keys import VaultKeys, encode_keys
from safehold.store.sealed.objects import SealedObject
from safehold.store.sealed.sealing import HEADER, HEADER_BYTES
from safehold.store.vault_store import VaultStore

LOOKS = 20  # point records that are opened; that the keys are the vault's own is compared whole
OF_THE_VAULT = "vault"  # in place of a point's id: amendments/vault/<sequence>
KIND = "key-export"


def fingerprint(keys: VaultKeys) -> str:
    """Names these very keys, all epochs included, and tells nothing of them."""
    return sha256(b"safehold/keys fingerprint/" + encode_keys(keys)).hexdigest()[:32]


def check_they_open(backend: Backend, keys: VaultKeys, vault_id: bytes) -> int:
    """How many point records these keys alone have just opened, of up to `LOOKS` spread over the vault.

    Raises KeyMismatch when there are points and none opens: damage does not look like a wrong key then.
    """
    names = [info.name for info in backend.list(ObjectType.POINT.folder)]
    looked_at = names[:: max(1, len(names) // LOOKS)][:LOOKS]
    opened = sum(_opens(backend, keys, vault_id, name) for name in looked_at)
    if looked_at and not opened:
        raise KeyMismatch("these keys open nothing in this vault")
    return opened


def _opens(backend: Backend, keys: VaultKeys, vault_id: bytes, name: str) -> bool:
    try:
        SealedObject(backend, keys, vault_id, name).record()
    except (Damaged, KeyMismatch, ObjectMissing):
        return False
    return True


def newest_epoch_in_use(backend: Backend) -> int:
    """The highest epoch that a point record says it is sealed with; reads the first bytes of each of them."""
    headers = (backend.get(info.name, length=HEADER_BYTES) for info in backend.list(ObjectType.POINT.folder))
    return max((HEADER.unpack(each)[3] for each in headers if len(each) == HEADER_BYTES), default=0)


def prove_export(store: VaultStore, exported: VaultKeys, *, written_at: int) -> int:
    """It is on record that a copy of the vault's keys opens it; how many points it has just opened.

    Raises KeyMismatch for keys of another vault, and for a copy from before the newest epoch.
    """
    if exported != store.keys:
        lacking = sorted(set(store.keys.epochs) - set(exported.epochs))
        why = f"it lacks epoch {lacking[0]}" if lacking else "it holds other keys"
        error = KeyMismatch(f"the export does not open all of the vault: {why}")
        error.hint = "Make a new kit: `safehold keys export`."
        raise error
    opened = check_they_open(store.backend, exported, store.vault_id)
    store.amend(OF_THE_VAULT, KIND, {"fingerprint": fingerprint(exported)}, written_at=written_at)
    return opened


def export_is_proved(store: VaultStore) -> bool:
    """Was an export of just these keys proved to open the vault? A new epoch makes that untrue again."""
    wanted = fingerprint(store.keys)
    amendments = store.amendments(OF_THE_VAULT)
    return any(each.kind == KIND and each.facts.get("fingerprint") == wanted for each in amendments)
