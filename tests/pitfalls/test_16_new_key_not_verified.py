"""A new key was taken for good and the old one dropped, and then it opened nothing.

Here a new key object is opened again, from what the storage gives back, before anybody is told, and the one
before it stays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from safehold.core.errors import Damaged, KeyMismatch, ObjectMissing, StoreError, StoreUnavailable
from safehold.core.secrets import RootKey
from safehold.store.backends.memory import MemoryBackend
from safehold.store.custody.key_rotation import put_back, reepoch, renew, rewrap
from safehold.store.key_providers.contract import KeyProvider
from safehold.store.key_providers.key_file import KeyFile
from safehold.store.sealed.keys import open_or_create_keys, read_keys
from tests.store.vaults import ROOT_KEY, VAULT_ID, back_up, open_store, restore

OLD, NEW = KeyFile(RootKey(ROOT_KEY)), KeyFile(RootKey(b"n" * 32))


class Mangling(MemoryBackend):
    """Stores key objects otherwise than they were given: cut off, with a bit flipped, or not at all."""

    def __init__(self, mangle: Callable[[bytes], bytes | None]) -> None:
        super().__init__()
        self.mangle: Callable[[bytes], bytes | None] = lambda data: data
        back_up(open_store(self), "point", {b"file": b"bytes"})
        self.mangle = mangle

    def put(self, name: str, parts: Sequence[bytes | bytearray | memoryview]) -> None:
        stored: bytes | None = b"".join(parts)
        if name.startswith("keys/") and getattr(self, "mangle", None) is not None:
            stored = self.mangle(b"".join(parts))
        if stored is not None:
            super().put(name, [stored])


MANGLED: dict[str, Callable[[bytes], bytes | None]] = {
    "cut off": lambda data: data[:-1],
    "a bit flipped": lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    "a bit of the wrapped keys flipped": lambda data: data[:120] + bytes([data[120] ^ 1]) + data[121:],
    "not there": lambda data: None,
}


def kept(backend: MemoryBackend) -> list[str]:
    return [name for name in backend.objects if name.startswith("keys/")]


@pytest.mark.parametrize("what", MANGLED)
def test_keys_that_the_storage_does_not_give_back_are_not_told_as_done(what: str) -> None:
    backend = Mangling(MANGLED[what])
    changes = [
        lambda: rewrap(backend, VAULT_ID, old=OLD, new=NEW),
        lambda: renew(backend, VAULT_ID, OLD),
        lambda: reepoch(backend, VAULT_ID, OLD),
    ]
    for change in changes:
        with pytest.raises((Damaged, KeyMismatch, ObjectMissing)):
            change()
        assert kept(backend) == ["keys/0"]
        assert restore(open_store(backend), "point") == {b"file": b"bytes"}


class Forgetful(KeyFile):
    """A key service that wraps with something that it does not keep."""

    def __init__(self, root_key: RootKey) -> None:
        super().__init__(root_key)
        self._other = KeyFile(RootKey(b"never kept" + bytes(22)))

    def wrap(self, secret: bytes, *, context: bytes) -> bytes:
        return self._other.wrap(secret, context=context)


class Twisting(KeyFile):
    """A key service that answers with the secret of somebody else."""

    def unwrap(self, wrapped: bytes, *, context: bytes) -> bytes:
        return super().unwrap(wrapped, context=context)[::-1]


@pytest.mark.parametrize("provider", [Forgetful(RootKey(b"f" * 32)), Twisting(RootKey(b"t" * 32))])
def test_a_provider_that_does_not_open_what_it_wrapped_leaves_the_vault_as_it_was(
    provider: KeyProvider,
) -> None:
    backend = MemoryBackend()
    back_up(open_store(backend), "point", {b"file": b"bytes"})
    keys = read_keys(backend, OLD, VAULT_ID)
    before = dict(backend.objects)
    for change in (
        lambda: rewrap(backend, VAULT_ID, old=OLD, new=provider),
        lambda: put_back(backend, VAULT_ID, provider, keys),
    ):
        with pytest.raises((KeyMismatch, Damaged)):
            change()
        assert backend.objects == before


def test_a_provider_that_forgets_is_found_out_before_anything_is_put() -> None:
    # A key object under object lock could not be taken away again, and nobody would open the vault.
    class Locked(MemoryBackend):
        def delete(self, name: str) -> None:
            raise StoreUnavailable(f"{name} is locked")

    backend = Locked()
    back_up(open_store(backend), "point", {b"file": b"bytes"})
    with pytest.raises(KeyMismatch):
        rewrap(backend, VAULT_ID, old=OLD, new=Forgetful(RootKey(b"f" * 32)))
    assert kept(backend) == ["keys/0"]


def test_the_first_keys_of_a_vault_are_proved_before_anything_is_sealed_with_them() -> None:
    backend = MemoryBackend()
    with pytest.raises(StoreError):
        open_or_create_keys(backend, Forgetful(RootKey(b"f" * 32)), VAULT_ID)
    assert backend.objects == {}


def test_the_old_key_object_is_never_taken_away() -> None:
    backend = MemoryBackend()
    open_or_create_keys(backend, OLD, VAULT_ID)
    first = backend.objects["keys/0"]
    rewrap(backend, VAULT_ID, old=OLD, new=NEW)
    reepoch(backend, VAULT_ID, NEW)
    assert (kept(backend), backend.objects["keys/0"]) == (["keys/0", "keys/1", "keys/2"], first)
