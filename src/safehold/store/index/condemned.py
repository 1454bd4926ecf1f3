"""What was found damaged: it satisfies no writer's lookup any more, and is kept until it is healed.

One object in `condemned/` for each damaged object, written once; docs/formats/scrub.md is its specification.
Readers still try a condemned frame when nothing else holds a chunk: a frame that opens after all is proved by
its tag.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec

from safehold.core.errors import Damaged, KeyMismatch, ObjectMissing
from safehold.store.backends.contract import Backend
from safehold.store.names import ObjectType
from safehold.store.sealed.decoding import UNREADABLE
from safehold.store.sealed.objects import SealedObject

NOTE_VERSION = 1


class CondemnedNote(msgspec.Struct, kw_only=True):
    """One damaged object.

    frames    numbers of its damaged frames; None: it as a whole, since it cannot be opened
    found_at  microseconds since 1970
    """

    version: int
    object: str
    frames: list[int] | None
    found_at: int
    why: str


class StoredNote(NamedTuple):
    """A note and the name of the object in `condemned/` that it is in."""

    name: str
    note: CondemnedNote


class Condemned:
    """Frames that nothing new shall rely on."""

    def __init__(self) -> None:
        self._frames: dict[str, set[int] | None] = {}

    def __bool__(self) -> bool:
        return bool(self._frames)

    def add(self, name: str, frames: list[int] | None) -> None:
        known = self._frames.get(name, set())
        self._frames[name] = None if frames is None or known is None else known | set(frames)

    def holds(self, name: str, frame: int) -> bool:
        if name not in self._frames:
            return False
        frames = self._frames[name]
        return frames is None or frame in frames


def encode_note(note: CondemnedNote) -> bytes:
    return msgspec.msgpack.encode(note)


def decode_note(data: bytes, name: str) -> CondemnedNote:
    """Raises Damaged."""
    try:
        note = msgspec.msgpack.decode(data, type=CondemnedNote)
    except UNREADABLE as error:
        raise Damaged(f"{name}: the note of a damaged object cannot be read") from error
    if note.version != NOTE_VERSION:
        raise Damaged(f"{name}: a note of version {note.version} is not known here")
    return note


def read_notes(backend: Backend, open_object: Callable[[str], SealedObject]) -> Iterator[StoredNote]:
    """Every note of the vault; one that cannot be read is passed over: a scrub finds the damage again."""
    for info in backend.list(ObjectType.CONDEMNED.folder):
        try:
            yield StoredNote(info.name, decode_note(open_object(info.name).record(), info.name))
        except (Damaged, KeyMismatch, ObjectMissing):
            continue
