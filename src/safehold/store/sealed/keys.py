"""A vault's keys, as they lie in its `keys/` objects.

The chunk-id key, the page key and the chunker seed last as long as the vault; the seal key has epochs.
They are wrapped by the site's KeyProvider with the vault as context. docs/formats/keys.md specifies it.

# INVARIANT: a key object is opened again, from what the storage gives back, before anybody is told that it is
# there; and the one before it stays. So no step can leave a vault that its own keys do not open.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass

import msgspec

from safehold.core.errors import Damaged, KeyMismatch, ObjectExists, ObjectMissing, StoreError
from safehold.store.backends.contract import Backend
from safehold.store.key_providers.contract import KeyProvider
from safehold.store.sealed.decoding import UNREADABLE

FORMAT_VERSION = 2
ANNOUNCING_VERSION = 2  # from here on every writer announces itself, so that collection can run beside it
# A later version shuts older programs out of a vault whose rules they do not know: whoever does not find the
# version of *every* key object from the newest down to the one that opens among these, keeps out.
KNOWN_VERSIONS = frozenset({1, 2})
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
    newest_epoch: int = 0


@dataclass(frozen=True, slots=True)
class OpenedKeys:
    """A vault's keys, and the key object that they came from.

    number   the n of its `keys/<n>`; newest: the highest n that there is
    refused  why the newer ones did not open, the newest first
    lacks    the newest epoch that those say they have and these keys do not; None when there is none
    """

    keys: VaultKeys
    version: int
    number: int
    newest: int
    refused: tuple[str, ...] = ()
    lacks: int | None = None


def new_vault_keys() -> VaultKeys:
    return VaultKeys(
        chunk_id_key=secrets.token_bytes(KEY_BYTES),
        page_key=secrets.token_bytes(KEY_BYTES),
        chunker_seed=secrets.randbits(63),
        epochs={0: secrets.token_bytes(KEY_BYTES)},
    )


def with_new_epoch(keys: VaultKeys) -> VaultKeys:
    """The same keys and one seal key more, which seals from now on."""
    fresh = {keys.newest_epoch + 1: secrets.token_bytes(KEY_BYTES)}
    return msgspec.structs.replace(keys, epochs=keys.epochs | fresh)


def encode_keys(keys: VaultKeys) -> bytes:
    """The secret: what providers wrap, and what recovery kits hold."""
    return msgspec.msgpack.encode(keys)


def decode_keys(secret: bytes) -> VaultKeys:
    """Raises Damaged for what is not a vault's keys."""
    try:
        return msgspec.msgpack.decode(secret, type=VaultKeys)
    except UNREADABLE as error:
        raise Damaged(f"this is not the secret of a vault: {error}") from error


def open_or_create_keys(backend: Backend, provider: KeyProvider, vault_id: bytes) -> VaultKeys:
    """The vault's keys for a writer; made and stored first when the vault has none yet.

    Raises KeyMismatch, also when only newer keys than the provider opens may seal.
    RACE: two first writers may both make keys; the first `put` wins and both use what it stored.
    """
    try:
        return newest_keys(backend, provider, vault_id).keys
    except ObjectMissing:
        if _holds_objects(backend):
            return _read_keys_of_old(backend, provider, vault_id)
    keys = new_vault_keys()
    try:
        put_keys(backend, provider, vault_id, keys, number=0, version=FORMAT_VERSION)
    except ObjectExists:
        return newest_keys(backend, provider, vault_id).keys
    return keys


def _holds_objects(backend: Backend) -> bool:
    return any(not info.name.startswith(("keys/", "tmp/")) for info in backend.list(""))


def _read_keys_of_old(backend: Backend, provider: KeyProvider, vault_id: bytes) -> VaultKeys:
    """Keys of a vault that holds objects: another first writer may just have made them. Raises KeyMismatch.

    INVARIANT: a vault that lost its keys never gets others; finding the old ones again would not help then.
    """
    try:
        return newest_keys(backend, provider, vault_id).keys
    except ObjectMissing:
        error = KeyMismatch("the vault holds objects, but its keys/ are gone; put them back from a copy")
        error.hint = "With a recovery kit, `safehold keys import KIT` writes them anew."
        raise error from None


def read_keys(backend: Backend, provider: KeyProvider, vault_id: bytes) -> VaultKeys:
    """The vault's keys for a reader. Raises ObjectMissing for a vault without any, KeyMismatch, Damaged."""
    return find_keys(backend, provider, vault_id).keys


def newest_keys(backend: Backend, provider: KeyProvider, vault_id: bytes) -> OpenedKeys:
    """The same for who writes. Raises KeyMismatch as well when a seal key is in use that these keys lack:
    whoever sealed with an older one would undo what the new one is for."""
    opened = find_keys(backend, provider, vault_id)
    if opened.lacks is not None:
        error = KeyMismatch(
            f"the vault seals with epoch {opened.lacks}, and {provider.describe()} opens only keys/"
            f"{opened.number}, which ends at epoch {opened.keys.newest_epoch}: {'; '.join(opened.refused)}"
        )
        error.hint = "Name the provider that wrapped the newest keys in `keys_url`."
        raise error
    return opened


def find_keys(backend: Backend, provider: KeyProvider, vault_id: bytes) -> OpenedKeys:
    """The newest keys that this provider opens. Older ones do while a change of provider is under way.

    Raises ObjectMissing, KeyMismatch when it opens none, Damaged for a key object that cannot be read or is
    of a version that this program does not know, KeysUnavailable.
    """
    numbers = key_numbers(backend)
    if not numbers:
        raise ObjectMissing("the vault has no keys yet")
    refused: list[str] = []
    newest_told = 0
    for number in numbers:
        stored = read_key_object(backend, number, vault_id)
        newest_told = max(newest_told, stored.newest_epoch)
        try:
            keys = _unwrap(stored, provider)
        except KeyMismatch as error:
            refused.append(f"keys/{number}: {error}")
            continue
        lacks = newest_told if newest_told > keys.newest_epoch else None
        return OpenedKeys(keys, stored.version, number, numbers[0], tuple(refused), lacks)
    raise _none_opens(provider, refused)


def _none_opens(provider: KeyProvider, refused: list[str]) -> KeyMismatch:
    error = KeyMismatch(f"{provider.describe()} opens none of the vault's keys: {'; '.join(refused)}")
    error.hint = (
        "Name who wrapped them in `keys_url` or put back the root key; or use a recovery kit: "
        "`safehold keys import KIT`."
    )
    return error


def put_keys(
    backend: Backend, provider: KeyProvider, vault_id: bytes, keys: VaultKeys, *, number: int, version: int
) -> None:
    """`keys/<number>` holds these keys, wrapped by that provider: proved by opening it again.

    Raises ObjectExists when another has that number; KeyMismatch or Damaged when what was wrapped does not
    open, and then nothing is left of it.
    """
    context = wrapping_context(vault_id)
    wrapped = provider.wrap(encode_keys(keys), context=context)
    if provider.unwrap(wrapped, context=context) != encode_keys(keys):
        raise KeyMismatch(f"{provider.describe()} unwraps something else than it wrapped")
    stored = KeyObject(version, vault_id, provider.name, wrapped, keys.newest_epoch)
    backend.put(f"keys/{number}", [msgspec.msgpack.encode(stored)])
    try:
        given_back = read_key_object(backend, number, vault_id)
        if given_back != stored or _unwrap(given_back, provider) != keys:
            raise Damaged(f"keys/{number} does not hold what was put there")
    except (Damaged, KeyMismatch, ObjectMissing):
        with suppress(StoreError):
            backend.delete(f"keys/{number}")
        raise


def shut_out_old_writers(backend: Backend, provider: KeyProvider, vault_id: bytes) -> bool:
    """The vault's keys are of a version that only programs open whose writers announce themselves.

    True when it was not so before: then writers that opened the vault earlier may still be at work.
    Raises ObjectMissing, KeyMismatch, Damaged.
    """
    opened = newest_keys(backend, provider, vault_id)
    if opened.version >= ANNOUNCING_VERSION:
        return False
    with suppress(ObjectExists):  # RACE: another one has written it just now
        number = opened.newest + 1
        put_keys(backend, provider, vault_id, opened.keys, number=number, version=ANNOUNCING_VERSION)
    return True


def _unwrap(stored: KeyObject, provider: KeyProvider) -> VaultKeys:
    """Raises KeyMismatch, Damaged, KeysUnavailable."""
    if stored.provider != provider.name:
        raise KeyMismatch(f"wrapped by {stored.provider}")
    return decode_keys(provider.unwrap(stored.wrapped, context=wrapping_context(stored.vault_id)))


def read_key_object(backend: Backend, number: int, vault_id: bytes) -> KeyObject:
    """Raises ObjectMissing, Damaged: also for another vault's, and for a version that is not known here."""
    try:
        stored = msgspec.msgpack.decode(backend.get(f"keys/{number}"), type=KeyObject)
    except UNREADABLE as error:
        raise Damaged(f"the vault's key object keys/{number} cannot be read: {error}") from error
    if stored.vault_id != vault_id:
        raise Damaged(f"the vault's key object keys/{number} belongs to another vault")
    if stored.version not in KNOWN_VERSIONS:
        newer = Damaged(f"the vault is of version {stored.version}, which this program does not know")
        newer.hint = "Use the newer release that wrote it."
        raise newer
    return stored


def may_hold_keys(vault_id: bytes, backend: Backend, name: str) -> bool:
    """Is that a key object of this vault, by its form? Only its provider could tell for certain."""
    try:
        read_key_object(backend, int(name.removeprefix("keys/")), vault_id)
    except (Damaged, ObjectMissing, ValueError):
        return False
    return True


def key_numbers(backend: Backend) -> list[int]:
    """Of all key objects, the newest first."""
    names = (info.name.removeprefix("keys/") for info in backend.list("keys/"))
    return sorted((int(name) for name in names if name.isdecimal()), reverse=True)


def wrapping_context(vault_id: bytes) -> bytes:
    """What a vault's keys are wrapped with, so that they do not pass for another's."""
    return b"safehold/vault-keys/" + vault_id
