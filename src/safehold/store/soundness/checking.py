"""One object read back whole: does every frame open, and are its chunks what its directory says?"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import NamedTuple

from safehold.core.errors import Damaged, KeyMismatch, ObjectMissing, StoreUnavailable
from safehold.store.restoring.verdicts import TRIES, Verdict, verdict_on
from safehold.store.sealed.chunking import ID_BYTES, chunk_id
from safehold.store.sealed.objects import FrameKind, Reads, SealedObject
from safehold.store.sealed.sealing import HEADER_BYTES
from safehold.store.vault_store import VaultStore

WHOLE_BYTES = 96 << 20  # up to here an object is fetched by one read: packs are
SAMPLES = 8  # chunks of an object, about
PAUSE_SECONDS = 0.2  # before a second look, twice that before a third: what is transient may be over

Pause = Callable[[float], None]


class Sample(NamedTuple):
    """A chunk, and where the object's own directory says that it lies."""

    id: bytes
    frame: int
    offset: int
    length: int


@dataclass(slots=True)
class ObjectCheck:
    """What became of one object.

    why       what is wrong with it as a whole, "" if nothing; its frames may be sound all the same
    frames    damaged ones: number -> what is wrong
    is_gone   it is not there any more
    sample    some of its chunks, spread over its frames: what an index must know of it
    """

    name: str
    verdict: Verdict = Verdict.OK
    why: str = ""
    frames: dict[int, str] = field(default_factory=dict)
    chunks: int = 0
    bytes_read: int = 0
    is_gone: bool = False
    sample: list[Sample] = field(default_factory=list)

    @property
    def problems(self) -> list[str]:
        return [*([self.why] if self.why else []), *self.frames.values()]


class _Fetched:
    """An object's bytes, in memory already."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def get(self, name: str, *, offset: int = 0, length: int | None = None) -> bytes:
        del name
        start = max(0, len(self._data) + offset) if offset < 0 else offset
        return self._data[start:] if length is None else self._data[start : start + length]


def check_object(store: VaultStore, name: str, size_bytes: int, *, pause: Pause = time.sleep) -> ObjectCheck:
    """Read one sealed object back. Whatever was wrong is fetched again, twice, before that is its verdict."""
    found = _check(store, name, size_bytes, None)
    looks: Counter[Verdict] = Counter()
    bytes_read = found.bytes_read
    while True:
        looks[found.verdict] += 1
        if found.verdict is Verdict.OK or looks[found.verdict] == TRIES:
            found.bytes_read = bytes_read
            return found
        pause(PAUSE_SECONDS * looks.total())
        # A frame that was sound once is sound: only those that were not are looked at again.
        suspects = found.frames if found.frames and not found.why else None
        again = _check(store, name, size_bytes, suspects)
        again.chunks = again.chunks or found.chunks
        bytes_read += again.bytes_read
        if found.why and again.frames:
            looks.clear()  # until now nobody had seen its frames
        found = again


def _check(store: VaultStore, name: str, size_bytes: int, only: Collection[int] | None) -> ObjectCheck:
    check = ObjectCheck(name)
    try:
        source = _fetch(store, name, size_bytes)
        check.bytes_read = size_bytes
        opened = SealedObject(source, store.keys, store.vault_id, name)
        _check_extent(opened, size_bytes)
        for number in range(len(opened.directory.frames)):
            if only is None or number in only:
                _check_frame(store, opened, number, check)
        check.sample = _sample(opened)
    except ObjectMissing:
        check.is_gone = True
        check.why = f"{name} is gone"
    except (Damaged, KeyMismatch, StoreUnavailable) as error:
        check.why = str(error)
        check.verdict = verdict_on(error)
    return check


def _sample(opened: SealedObject) -> list[Sample]:
    """The last chunk of some frames: its offset is right only if all before it are."""
    frames = opened.directory.frames
    found = []
    for number in range(0, len(frames), max(1, len(frames) // SAMPLES)):
        note = frames[number]
        if note.kind != FrameKind.RECORD and note.ids:
            length = note.lengths[-1]
            found.append(Sample(note.ids[-ID_BYTES:], number, sum(note.lengths) - length, length))
    return found


def _fetch(store: VaultStore, name: str, size_bytes: int) -> Reads:
    return _Fetched(store.backend.get(name)) if size_bytes <= WHOLE_BYTES else store.backend


def _check_extent(opened: SealedObject, size_bytes: int) -> None:
    end = HEADER_BYTES + sum(note.sealed_bytes for note in opened.directory.frames)
    if end > size_bytes:
        raise Damaged(f"{opened.name}: its frames reach past its end")


def _check_frame(store: VaultStore, opened: SealedObject, number: int, check: ObjectCheck) -> None:
    check.chunks += len(opened.directory.frames[number].lengths)
    try:
        _check_chunks(opened, number, opened.frame(number), store.keys.chunk_id_key)
    except Damaged as error:
        check.frames[number] = str(error)
        check.verdict = Verdict.DAMAGED


def _check_chunks(opened: SealedObject, number: int, plain: bytes, key: bytes) -> None:
    note = opened.directory.frames[number]
    if sum(note.lengths) != len(plain):
        raise Damaged(f"{opened.name}: frame {number} has {len(plain)} bytes, not {sum(note.lengths)}")
    if note.kind == FrameKind.RECORD:
        return
    view = memoryview(plain)
    offset = 0
    for position, length in enumerate(note.lengths):
        identity = note.ids[position * ID_BYTES : (position + 1) * ID_BYTES]
        if chunk_id(key, view[offset : offset + length]) != identity:
            raise Damaged(f"{opened.name}: frame {number} holds other bytes than its directory says")
        offset += length
