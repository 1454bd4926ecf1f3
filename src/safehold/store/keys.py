"""A vault's keys, and who wraps them.

The chunk-id key, the page key and the chunker seed last as long as the vault; the seal key has epochs.
They lie in the vault's `keys/` objects, wrapped by the site's KeyProvider with the vault as context.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Protocol

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from safehold.core.errors import Damaged, KeyMismatch, ObjectExists, ObjectMissing
from safehold.core.secrets import RootKey
from safehold.store.backends.contract import Backend
from safehold.store.decoding import UNREADABLE

FORMAT_VERSION = 1
KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16


class KeyProvider(Protocol):
    """Wraps small secrets under a key that it keeps to itself. A context that differs does not open."""

    name: str

    def wrap(self, secret: bytes, *, context: bytes) -> bytes: ...

    def unwrap(self, wrapped: bytes, *, context: bytes) -> bytes:
        """Raises KeyMismatch when this provider's key did not wrap it, or for another context."""

    def describe(self) -> str:
        """Which key, for a person; never the key itself."""


class KeyFile:
    """The provider that wraps under the installation's root key file."""

    name = "key-file"

    def __init__(self, root_key: RootKey) -> None:
        self._cipher = AESGCM(root_key.derive("wrap vault keys"))
        self._fingerprint = root_key.derive("fingerprint")[:4].hex()

    def wrap(self, secret: bytes, *, context: bytes) -> bytes:
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret, context)

    def unwrap(self, wrapped: bytes, *, context: bytes) -> bytes:
        if len(wrapped) < NONCE_BYTES + TAG_BYTES:
            raise Damaged("the vault's wrapped keys are cut off")
        try:
            return self._cipher.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], context)
        except InvalidTag as error:
            raise KeyMismatch(f"root key {self._fingerprint} does not open this vault's keys") from error

    def describe(self) -> str:
        return f"root key file, fingerprint {self._fingerprint}"


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
    wrapped = provider.wrap(msgspec.msgpack.encode(keys), context=_context(vault_id))
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
    secret = provider.unwrap(stored.wrapped, context=_context(vault_id))
    return msgspec.msgpack.decode(secret, type=VaultKeys)


def _newest(backend: Backend) -> str:
    names = [info.name for info in backend.list("keys/")]
    numbers = [int(name) for name in (name.removeprefix("keys/") for name in names) if name.isdecimal()]
    if not numbers:
        raise ObjectMissing("the vault has no keys yet")
    return f"keys/{max(numbers)}"


def _context(vault_id: bytes) -> bytes:
    return b"safehold/vault-keys/" + vault_id
