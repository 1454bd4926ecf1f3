"""A sealed object: header, sealed frames, padding, sealed directory, sealed footer.

Packs, item trees, point records, amendments and index fragments all have this one form. Its directory
says what the frames hold; from outside only the object's size shows, and that is rounded up.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from enum import IntEnum
from typing import Protocol

import msgspec

from safehold.core.errors import Damaged
from safehold.store.sealed.chunking import ID_BYTES
from safehold.store.sealed.decoding import UNREADABLE
from safehold.store.sealed.frames import decode_frame, encode_frame, open_frame
from safehold.store.sealed.keys import VaultKeys
from safehold.store.sealed.sealing import (
    DIRECTORY_NUMBER,
    FOOTER_NUMBER,
    HEADER_BYTES,
    TAG_BYTES,
    NewSeal,
    ObjectSeal,
)

FOOTER = struct.Struct(">QI")  # where the sealed directory begins, and its sealed length
FOOTER_BYTES = FOOTER.size + TAG_BYTES
DIRECTORY_VERSION = 1
TAIL_BYTES = 64 << 10  # one read from the end that mostly holds the directory too


class FrameKind(IntEnum):
    """What a frame's chunks are. The numbers are part of the format."""

    DATA = 0
    PAGES = 1
    RECORD = 2


class FrameNote(msgspec.Struct, array_like=True, gc=False):
    """One frame in an object's directory.

    lengths  of its chunks in bytes, in order; ids: theirs, 32 bytes each, joined (none for a record)
    """

    kind: int
    sealed_bytes: int
    lengths: list[int]
    ids: bytes


class Directory(msgspec.Struct, array_like=True):
    version: int
    frames: list[FrameNote]

    def offsets(self) -> list[int]:
        """Where each frame begins in the object."""
        offsets, position = [], HEADER_BYTES
        for note in self.frames:
            offsets.append(position)
            position += note.sealed_bytes
        return offsets


def assemble(
    seal: NewSeal, frames: Sequence[bytes | bytearray], notes: list[FrameNote]
) -> list[bytes | bytearray]:
    """The parts of the finished object, in order."""
    body = HEADER_BYTES + sum(len(frame) for frame in frames)
    encoded = msgspec.msgpack.encode(Directory(DIRECTORY_VERSION, notes))
    directory = seal.seal(DIRECTORY_NUMBER, encode_frame(encoded))
    padding = _padding(body + len(directory) + FOOTER_BYTES)
    footer = seal.seal(FOOTER_NUMBER, FOOTER.pack(body + padding, len(directory)))
    return [seal.header, *frames, os.urandom(padding), directory, footer]


def _padding(size: int) -> int:
    """Bytes that round an object's size up so that it tells less of what is inside: at most 1 %, or 1 KiB."""
    unit = max(1024, 1 << max(0, size.bit_length() - 8))
    return -size % unit


def may_be_whole(size_bytes: int) -> bool:
    """Can an object have that size? Most that were cut off cannot: padding leaves few sizes."""
    return size_bytes > 0 and _padding(size_bytes) == 0


class Reads(Protocol):
    """What of a backend reading an object takes."""

    def get(self, name: str, *, offset: int = 0, length: int | None = None) -> bytes: ...


class SealedObject:
    """An object of the store, opened for reading: its seal and its directory. Frames are read on demand."""

    def __init__(self, backend: Reads, keys: VaultKeys, vault_id: bytes, name: str) -> None:
        """Two reads as a rule: the header, and the end. Raises ObjectMissing, Damaged, KeyMismatch."""
        self.name = name
        self._backend = backend
        header = backend.get(name, length=HEADER_BYTES)
        self.seal = ObjectSeal(keys, vault_id, header, name)
        tail = backend.get(name, offset=-TAIL_BYTES)
        footer = self.seal.open(FOOTER_NUMBER, tail[-FOOTER_BYTES:])
        offset, length = FOOTER.unpack(footer)
        self.directory = self._read_directory(offset, length, tail)
        self.offsets = self.directory.offsets()

    @property
    def end(self) -> int:
        """Where its last frame ends."""
        return HEADER_BYTES + sum(note.sealed_bytes for note in self.directory.frames)

    def _read_directory(self, offset: int, length: int, tail: bytes) -> Directory:
        end = len(tail) - FOOTER_BYTES
        sealed = (
            tail[end - length : end]
            if length <= end
            else self._backend.get(self.name, offset=offset, length=length)
        )
        try:
            plain = decode_frame(self.seal.open(DIRECTORY_NUMBER, sealed))
            directory = msgspec.msgpack.decode(plain, type=Directory)
        except UNREADABLE as error:
            raise Damaged(f"{self.name}: its directory cannot be read") from error
        if directory.version != DIRECTORY_VERSION:
            raise Damaged(f"{self.name}: a directory of version {directory.version} is not known here")
        for note in directory.frames:
            if note.ids and len(note.ids) != ID_BYTES * len(note.lengths):
                raise Damaged(f"{self.name}: its directory contradicts itself")
        return directory

    def frame(self, number: int) -> bytes:
        """The plain bytes of one frame. Raises Damaged."""
        note = self.directory.frames[number]
        sealed = self._backend.get(self.name, offset=self.offsets[number], length=note.sealed_bytes)
        return open_frame(self.seal, number, sealed)

    def record(self) -> bytes:
        """The last record frame: what a point, an amendment or an index fragment says."""
        for number in reversed(range(len(self.directory.frames))):
            if self.directory.frames[number].kind == FrameKind.RECORD:
                return self.frame(number)
        raise Damaged(f"{self.name} holds no record")
