"""Chunks to frames to objects."""

from __future__ import annotations

from concurrent.futures import Future
from functools import partial
from typing import NamedTuple

from safehold.store.backends.contract import Backend
from safehold.store.fragments.places import ObjectRef
from safehold.store.names import ObjectType
from safehold.store.sealed.keys import VaultKeys
from safehold.store.sealed.objects import Directory, FrameKind, FrameNote, assemble
from safehold.store.sealed.sealing import NewSeal

PACK_BYTES = 32 << 20
PACK_CHUNKS = (
    1 << 16
)  # many tiny files: more would make a directory of MiBs, and its chunks must be remembered
FRAME_BYTES = 1 << 20
PAGE_FRAME_BYTES = 256 << 10  # small: whoever looks for one item reads a few of these
FRAME_CHUNKS = 4096
ALONE_BYTES = 512 << 10  # a chunk from here on is a frame of its own


class Frame(NamedTuple):
    """Chunks that shall share a frame, still plain."""

    kind: FrameKind
    parts: list[bytes | memoryview]
    ids: list[bytes]

    @property
    def size(self) -> int:
        return sum(len(part) for part in self.parts)

    def note(self, sealed_bytes: int) -> FrameNote:
        return FrameNote(int(self.kind), sealed_bytes, [len(part) for part in self.parts], b"".join(self.ids))


class StoredObject(NamedTuple):
    """An object that the backend has: what the index needs to know of it."""

    ref: ObjectRef
    directory: Directory
    size_bytes: int


class FrameFiller:
    """Gathers chunks of one kind into frames, in the order they come."""

    def __init__(self, kind: FrameKind, frame_bytes: int) -> None:
        self._kind = kind
        self._limit = frame_bytes
        self._parts: list[bytes | memoryview] = []
        self._ids: list[bytes] = []
        self._size = 0

    def add(self, chunk_id: bytes, data: bytes | memoryview) -> Frame | None:
        """A frame that is now full, if any."""
        if len(data) >= ALONE_BYTES:
            return Frame(self._kind, [data], [chunk_id])
        self._parts.append(data)
        self._ids.append(chunk_id)
        self._size += len(data)
        return self.take() if self._size >= self._limit or len(self._ids) >= FRAME_CHUNKS else None

    def take(self) -> Frame | None:
        """What has been gathered so far, if anything."""
        if not self._ids:
            return None
        frame = Frame(self._kind, self._parts, self._ids)
        self._parts, self._ids, self._size = [], [], 0
        return frame


class OpenObject:
    """An object being filled with frames, which are sealed elsewhere meanwhile."""

    def __init__(self, keys: VaultKeys, vault_id: bytes, kind: ObjectType, name: str) -> None:
        self.seal = NewSeal(keys, vault_id, kind, name)
        self.name = name
        self._notes: list[FrameNote] = []
        self._sealing: list[Future[bytes | bytearray]] = []
        self._plain_bytes = 0
        self._done_plain = self._done_sealed = 0
        self._chunks = 0

    @property
    def next_number(self) -> int:
        return len(self._notes)

    def add(self, frame: Frame, sealing: Future[bytes | bytearray]) -> None:
        """Take in a frame; `sealing` gives its bytes, sealed under `next_number` as it was before."""
        self._notes.append(frame.note(0))
        self._sealing.append(sealing)
        self._plain_bytes += frame.size
        self._chunks += len(frame.ids)
        sealing.add_done_callback(partial(self._count, frame.size))

    def _count(self, plain_bytes: int, sealing: Future[bytes | bytearray]) -> None:
        # RACE: several sealers may be here at once and lose a count; it is an estimate.
        if not sealing.cancelled() and sealing.exception() is None:
            self._done_plain += plain_bytes
            self._done_sealed += len(sealing.result())

    def is_full(self) -> bool:
        """As large as a pack should be, judged by what the sealed frames have shrunk to so far."""
        if self._chunks >= PACK_CHUNKS:
            return True
        if self._plain_bytes < PACK_BYTES:
            return False
        shrunk = self._done_sealed / self._done_plain if self._done_plain else 1.0
        return self._plain_bytes * shrunk >= PACK_BYTES

    def store(self, backend: Backend) -> StoredObject:
        """Wait for the frames and put the object. Raises StoreError, ObjectExists."""
        frames = [sealing.result() for sealing in self._sealing]
        # A future keeps what it called when it was done, here this object: together they would stay until the
        # next look for cycles, with all their bytes.
        self._sealing.clear()
        for note, frame in zip(self._notes, frames, strict=True):
            note.sealed_bytes = len(frame)
        parts = assemble(self.seal, frames, self._notes)
        backend.put(self.name, parts)
        ref = ObjectRef(self.name, self.seal.header)
        return StoredObject(ref, Directory(1, self._notes), sum(len(part) for part in parts))
