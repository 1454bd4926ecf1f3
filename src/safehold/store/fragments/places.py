"""Where a chunk lies, and how an index fragment writes it down: a row is a chunk's id and a place."""

from __future__ import annotations

import struct
from typing import NamedTuple

from safehold.store.sealed.chunking import ID_BYTES

PLACE = struct.Struct(">IIIIII")  # object, frame, sealed offset, sealed bytes, offset in the frame, length
ROW_BYTES = ID_BYTES + PLACE.size


class ObjectRef(NamedTuple):
    """An object's name and its header: enough to open one of its frames with a single read."""

    name: str
    header: bytes


class Place(NamedTuple):
    """Where a chunk lies. `offset` and `length` are within the plain frame; the rest within the object."""

    object: ObjectRef
    frame: int
    sealed_offset: int
    sealed_bytes: int
    offset: int
    length: int
