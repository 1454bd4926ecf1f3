"""A vault's keys, and who wraps them.

The chunk-id key, the page key and the chunker seed last as long as the vault; the seal key has epochs.
They lie in the vault's `keys/` objects, wrapped by the site's KeyProvider with the vault as context.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import msgspec

from safehold.core.errors import Damaged, KeyMismatch, ObjectExists, ObjectMissing
from safehold.store.backends.contract import Backend
from safehold.store.decoding import UNREADABLE
from safehold.store.key_providers.contract import KeyProvider

FORMAT_VERSION = 1
KEY_BYTES = 32


class VaultKeys(msgspec.Struct, frozen=True):
    """The secrets of one vault.

    chunk_id_key  32 bytes: names chunks, so that equal bytes have no name outside this vault
    page_key      32 bytes: where item-tree pages end
    chunker_seed  63 bits: where FastCDC cuts
    epochs        seal keys of 32 bytes, by epoch number; the highest seals, all open
    """

    chunk_id_key: bytes
    page_key: bytes
    chunker_seed: int
    epochs: dict[int, bytes]

    @property
    def newest_epoch(self) -> int:
        return max(self.epochs)


@dataclass(frozen=True, slots=True)
class KeyObject:
    """What stands in `keys/<n>`, in plain MessagePack: everything but the secret itself."""

    version: int
    vault_id: bytes
    provider: str
    wrapped: bytes


def new_vault_keys() -> VaultKeys:
    return VaultKeys(
        chunk_id_key=secrets.token_bytes(KEY_BYTES),
        page_key=secrets.token_bytes(KEY_BYTES),
        chunker_seed=secrets.randbits(63),
        epochs={0: secrets.token_bytes(KEY_BYTES)},
    )


def open_or_create_keys(backend: Backend, provider: KeyProvider, vault_id: bytes) -> VaultKeys:
    """The vault's keys; made and stored first when the vault has none yet.

    RACE: two first writers may both make keys; the first `put` wins and both use what it stored.
    """
    try:
        return read_keys(backend, provider, vault_id)
    except ObjectMissing:
        if _holds_objects(backend):
            return _read_keys_of_old(backend, provider, vault_id)
        keys = new_vault_keys()
    wrapped = provider.wrap(msgspec.msgpack.encode(keys), context=wrapping_context(vault_id))
    stored = KeyObject(FORMAT_VERSION, vault_id, provider.name, wrapped)
    try:
        backend.put("keys/0", [msgspec.msgpack.encode(stored)])
    except ObjectExists:
        return read_keys(backend, provider, vault_id)
    return keys


def _holds_objects(backend: Backend) -> bool:
    return any(not info.name.startswith(("keys/", "tmp/")) for info in backend.list(""))


def _read_keys_of_old(backend: Backend, provider: KeyProvider, vault_id: bytes) -> VaultKeys:
    """Keys of a vault that holds objects: another first writer may just have made them. Raises KeyMismatch.

    INVARIANT: a vault that lost its keys never gets others; finding the old ones again would not help then.
    """
    try:
        return read_keys(backend, provider, vault_id)
    except ObjectMissing:
        raise KeyMismatch(
            "the vault holds objects, but its keys/ are gone; put them back from a copy"
        ) from None


def read_keys(backend: Backend, provider: KeyProvider, vault_id: bytes) -> VaultKeys:
    """The vault's keys. Raises ObjectMissing for a vault without any, KeyMismatch, Damaged."""
    data = backend.get(_newest(backend))
    try:
        stored = msgspec.msgpack.decode(data, type=KeyObject)
    except UNREADABLE as error:
        raise Damaged(f"the vault's key object cannot be read: {error}") from error
    if stored.version != FORMAT_VERSION or stored.vault_id != vault_id:
        raise Damaged("the vault's key object belongs to another vault or format")
    secret = provider.unwrap(stored.wrapped, context=wrapping_context(vault_id))
    return msgspec.msgpack.decode(secret, type=VaultKeys)


def _newest(backend: Backend) -> str:
    names = [info.name for info in backend.list("keys/")]
    numbers = [int(name) for name in (name.removeprefix("keys/") for name in names) if name.isdecimal()]
    if not numbers:
        raise ObjectMissing("the vault has no keys yet")
    return f"keys/{max(numbers)}"


def wrapping_context(vault_id: bytes) -> bytes:
    """What a vault's keys are wrapped with, so that they do not pass for another's."""
    return b"safehold/vault-keys/" + vault_id
