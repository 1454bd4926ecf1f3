"""Changes of a vault's keys that rewrite nothing else: a new key object each, the old ones stay.

Three different things, which do not replace each other (docs/formats/keys.md): `rewrap` puts the same secret
under another wrapping key; `reepoch` adds a seal key for what is written from now on; a copy into a new vault
(re-encryption) alone cures a seal key that leaked, and is no matter of this file.

RACE: several may do this at once, and writers make first keys beside them. A number is given once: who comes
second looks again and builds upon what the first has put.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from safehold.core.errors import KeyMismatch, ObjectExists
from safehold.store.backends.contract import Backend
from safehold.store.custody.key_proof import check_they_open, newest_epoch_in_use
from safehold.store.key_providers.contract import KeyProvider
from safehold.store.sealed.keys import (
    FORMAT_VERSION,
    OpenedKeys,
    VaultKeys,
    find_keys,
    key_numbers,
    newest_keys,
    put_keys,
    read_key_object,
    with_new_epoch,
)


def rewrap(backend: Backend, vault_id: bytes, *, old: KeyProvider, new: KeyProvider) -> int | None:
    """The newest key object is one that `new` opens; its number, or None when that was so already.

    Raises ObjectMissing for a vault without keys, KeyMismatch when `old` does not open the newest ones.
    """
    if opens_newest(backend, vault_id, new):
        return None
    return _put_next(backend, vault_id, new, lambda: newest_keys(backend, old, vault_id), lambda keys: keys)


def renew(backend: Backend, vault_id: bytes, provider: KeyProvider) -> int:
    """The same keys are wrapped anew by the same provider, whose key may have got a newer version."""
    return _put_next(
        backend, vault_id, provider, lambda: newest_keys(backend, provider, vault_id), lambda keys: keys
    )


def reepoch(backend: Backend, vault_id: bytes, provider: KeyProvider) -> int:
    """What is sealed by whoever opens the vault from now on is sealed with a new key; its epoch's number."""
    made: list[int] = []

    def next_keys(keys: VaultKeys) -> VaultKeys:
        made.append(keys.newest_epoch + 1)
        return with_new_epoch(keys)

    _put_next(backend, vault_id, provider, lambda: newest_keys(backend, provider, vault_id), next_keys)
    return made[-1]


def put_back(backend: Backend, vault_id: bytes, provider: KeyProvider, keys: VaultKeys) -> int | None:
    """A vault whose keys are gone, or wrapped by somebody lost, has these ones, wrapped by `provider`.

    Returns the number of the new key object; None when the provider opens the vault's newest keys anyway.
    Raises KeyMismatch, and changes nothing, for keys of another vault and for keys that lack an epoch.
    """
    check_they_open(backend, keys, vault_id)
    while True:
        numbers = key_numbers(backend)
        if numbers and opens_newest(backend, vault_id, provider):
            return None
        told = [read_key_object(backend, number, vault_id) for number in numbers]
        lacking = max(stored.newest_epoch for stored in told) if told else newest_epoch_in_use(backend)
        if lacking > keys.newest_epoch:
            raise _lacks(lacking, keys)
        number = max(numbers, default=-1) + 1
        version = max((stored.version for stored in told), default=FORMAT_VERSION)
        with suppress(ObjectExists):
            put_keys(backend, provider, vault_id, keys, number=number, version=version)
            return number


def _lacks(epoch: int, keys: VaultKeys) -> KeyMismatch:
    error = KeyMismatch(f"the vault seals with epoch {epoch}, these keys end at epoch {keys.newest_epoch}")
    error.hint = "Use a newer kit; `safehold keys recover` reads with this one what was sealed before."
    return error


def opens_newest(backend: Backend, vault_id: bytes, provider: KeyProvider) -> bool:
    """Is the newest key object one that this provider opens? Raises ObjectMissing, Damaged."""
    try:
        opened = find_keys(backend, provider, vault_id)
    except KeyMismatch:
        return False
    return opened.number == opened.newest


def _put_next(
    backend: Backend,
    vault_id: bytes,
    provider: KeyProvider,
    read: Callable[[], OpenedKeys],
    change: Callable[[VaultKeys], VaultKeys],
) -> int:
    while True:
        opened = read()
        number = opened.newest + 1
        try:
            keys = change(opened.keys)
            put_keys(backend, provider, vault_id, keys, number=number, version=opened.version)
        except ObjectExists:
            continue
        return number
