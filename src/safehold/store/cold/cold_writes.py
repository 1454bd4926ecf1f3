"""What is put into cold storage: read back before anybody relies on it, and labelled.

# ORDER: the object, a look at what became of it, its label; an index fragment names it only then. So what
# the index names in cold storage was held against what was in memory: bit by bit, or by the place's checksum.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from hashlib import sha256
from typing import TypeAlias

from safehold.core.errors import Damaged, ObjectMissing, StoreError, StoreUnavailable
from safehold.store.backends.contract import Availability, Backend, Reading, Retention, archiving
from safehold.store.backends.memory import MemoryBackend
from safehold.store.backends.passing import PassingBackend
from safehold.store.backends.tiers import is_cold, label_of
from safehold.store.index.labels import VERSION, Label, encode_label
from safehold.store.sealed.keys import VaultKeys
from safehold.store.sealed.objects import SealedObject

Parts: TypeAlias = Sequence[bytes | bytearray | memoryview]
PutRecord: TypeAlias = Callable[[str, bytes, Retention | None], None]  # an object that holds that one record


class ColdWrites(PassingBackend):
    """Another backend; of what is put into cold storage nothing counts that did not arrive."""

    def __init__(self, inner: Backend, keys: VaultKeys, vault_id: bytes, put_record: PutRecord) -> None:
        super().__init__(inner)
        self._keys = keys
        self._vault_id = vault_id
        self._put_record = put_record
        self.written: set[str] = set()  # objects of cold storage that arrived, and have their labels

    def put(self, name: str, parts: Parts) -> None:
        if is_cold(name):
            self._put(name, parts, lambda data: self.inner.put(name, [data]), None)
        else:
            super().put(name, parts)

    def put_locked(self, name: str, parts: Parts, retention: Retention) -> None:
        if is_cold(name):
            work = self._locking.put_locked
            self._put(name, parts, lambda data: work(name, [data], retention), retention)
        else:
            super().put_locked(name, parts, retention)

    def _put(
        self, name: str, parts: Parts, work: Callable[[bytes], None], retention: Retention | None
    ) -> None:
        data = b"".join(parts)
        label = self._label(name, data)
        work(data)
        try:
            check_arrived(self.inner, name, data)
            self._put_record(label_of(name), encode_label(label), retention)
        except StoreError:
            self._take_back(name)
            raise
        self.written.add(name)

    def _label(self, name: str, data: bytes) -> Label:
        """What the object says of itself, read from the bytes that are to be stored."""
        memory = MemoryBackend()
        memory.put(name, [data])
        opened = SealedObject(memory, self._keys, self._vault_id, name)
        return Label(
            version=VERSION,
            object=name,
            header=opened.seal.header,
            size_bytes=len(data),
            sha256=sha256(data).digest(),
            directory=opened.directory,
        )

    def delete(self, name: str) -> None:
        """A cold object goes with its label. ORDER: the label last: it alone tells of an archived object."""
        super().delete(name)
        if is_cold(name):
            super().delete(label_of(name))

    def _take_back(self, name: str) -> None:
        with suppress(StoreError):
            self.delete(name)


def check_arrived(backend: Backend, name: str, data: bytes) -> None:
    """The object is there and is what was sent. Raises StoreError."""
    try:
        if _is_readable(backend, name):
            arrived = backend.get(name) == data
        else:
            arrived = _has_digest(backend, name, data)
    except ObjectMissing as error:
        raise StoreUnavailable(f"{name} was said to be stored, and is not there") from error
    if not arrived:
        raise Damaged(f"{name} came to cold storage as other bytes than were sent")


def _is_readable(backend: Backend, name: str) -> bool:
    archive = archiving(backend)
    return (
        archive is None
        or archive.reading is not Reading.ASKED
        or archive.availability(name) is Availability.READABLE
    )


def _has_digest(backend: Backend, name: str, data: bytes) -> bool:
    archive = archiving(backend)
    told = None if archive is None else archive.digest(name)
    if told is None:
        error = StoreUnavailable(f"{name} cannot be read back: it is archived, and has no checksum there")
        error.hint = "Take a store that tells the SHA-256 of what it archives, or a class that can be read."
        raise error
    return backend.size(name) == len(data) and told == sha256(data).digest()
