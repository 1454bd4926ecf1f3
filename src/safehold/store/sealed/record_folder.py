"""Sealed objects that hold one small record each: intents, tombstones, revocations, the journal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from safehold.core.errors import Damaged
from safehold.store.backends.contract import Backend
from safehold.store.names import ObjectType
from safehold.store.sealed.decoding import UNREADABLE
from safehold.store.sealed.frames import seal_frame
from safehold.store.sealed.keys import VaultKeys
from safehold.store.sealed.objects import FrameKind, FrameNote, SealedObject, assemble
from safehold.store.sealed.sealing import NewSeal

T = TypeVar("T", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class RecordFolder:
    """One of a vault's folders of them. Threads may share it."""

    backend: Backend
    keys: VaultKeys
    vault_id: bytes
    kind: ObjectType

    def put(self, name: str, record: msgspec.Struct) -> None:
        """The record is there; `name` is within the folder. Raises ObjectExists, StoreError."""
        whole = self.kind.folder + name
        seal = NewSeal(self.keys, self.vault_id, self.kind, whole)
        encoded = msgspec.msgpack.encode(record)
        frame = seal_frame(seal, 0, [encoded])
        note = FrameNote(int(FrameKind.RECORD), len(frame), [len(encoded)], b"")
        self.backend.put(whole, assemble(seal, [frame], [note]))

    def get(self, name: str, kind: type[T]) -> T:
        """Raises ObjectMissing, Damaged, KeyMismatch."""
        whole = self.kind.folder + name
        data = SealedObject(self.backend, self.keys, self.vault_id, whole).record()
        try:
            return msgspec.msgpack.decode(data, type=kind)
        except UNREADABLE as error:
            raise Damaged(f"{whole} cannot be read: {error}") from error

    def names(self) -> Iterator[str]:
        """All of them, in order, as `put` and `get` take them."""
        for info in self.backend.list(self.kind.folder):
            yield info.name.removeprefix(self.kind.folder)

    def delete(self, name: str) -> None:
        self.backend.delete(self.kind.folder + name)
