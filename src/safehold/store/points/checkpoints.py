"""Checkpoints: how far a backup is, for the attempt that goes on with it. docs/formats/checkpoints.md.

Working state beside the intents: a checkpoint is no point, nobody is shown one, and collection keeps what it
refers to for as long as somebody may go on with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import msgspec

from safehold.core.errors import Damaged, StoreError
from safehold.domain.items import Item
from safehold.store.backends.contract import Backend
from safehold.store.names import ObjectType
from safehold.store.points.points import PointStats
from safehold.store.sealed.keys import VaultKeys
from safehold.store.sealed.record_folder import RecordFolder
from safehold.store.sealed.sealing import new_object_name

VERSION = 1


class Unfinished(msgspec.Struct, kw_only=True):
    """A long item of which the beginning is stored.

    item        as it was when its reading began; its `content` is the list of what was read so far, which is
                `done_bytes` long
    """

    directory: bytes
    item: Item
    done_bytes: int


class Checkpoint(msgspec.Struct, kw_only=True):
    """What `checkpoints/<point id>/<32 hex digits>` says. All that it refers to was stored before.

    epoch  no tombstone up to this one names anything that the checkpoint refers to
    root   the root directory, with a tree of what was taken in so far: what was not, is not in it
    stats  what all attempts together came to until then
    """

    version: int
    point_id: str
    intent_id: str
    epoch: int
    root: Item
    unfinished: list[Unfinished]
    stats: PointStats
    written_at: int


@dataclass(frozen=True, slots=True)
class CheckpointFolder:
    """A vault's checkpoints. Names are within the folder. Threads may share it."""

    backend: Backend
    keys: VaultKeys
    vault_id: bytes
    _folder: RecordFolder = field(init=False)

    def __post_init__(self) -> None:
        folder = RecordFolder(self.backend, self.keys, self.vault_id, ObjectType.CHECKPOINT)
        object.__setattr__(self, "_folder", folder)

    def put(self, checkpoint: Checkpoint) -> str:
        """The checkpoint is there, under a name of its own, which is returned. Raises StoreError."""
        own = new_object_name(ObjectType.CHECKPOINT).removeprefix(ObjectType.CHECKPOINT.folder)
        name = f"{checkpoint.point_id}/{own}"
        self._folder.put(name, checkpoint)
        return name

    def get(self, name: str) -> Checkpoint:
        """Raises ObjectMissing, Damaged, KeyMismatch."""
        found = self._folder.get(name, Checkpoint)
        if found.version != VERSION:
            raise Damaged(f"checkpoint {name}: version {found.version} is not known here")
        return found

    def names(self) -> Iterator[str]:
        """Of all checkpoints in the vault."""
        return self._folder.names()

    def delete(self, name: str) -> None:
        """It is gone, or collection will find that nobody goes on with it."""
        with suppress(StoreError):
            self._folder.delete(name)

    def delete_all(self, point_id: str) -> None:
        """The backup that is to become that point is over. Raises StoreError."""
        folder = ObjectType.CHECKPOINT.folder
        for info in list(self.backend.list(f"{folder}{point_id}/")):
            self._folder.delete(info.name.removeprefix(folder))
