"""Labels: what each object of cold storage holds, told in the warm place. docs/formats/cold.md.

A label is written when its object was stored and read back. So the index is made again without asking an
archive for anything, and an object without a label is one that nobody has ever relied on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

import msgspec

from safehold.core.errors import Damaged, KeyMismatch, ObjectMissing, StoreError
from safehold.store.backends.tiers import label_of
from safehold.store.fragments.places import ObjectRef
from safehold.store.sealed.decoding import UNREADABLE
from safehold.store.sealed.objects import Directory, SealedObject

VERSION = 1


class Label(msgspec.Struct, kw_only=True):
    """One object in `cold/`.

    header     its first 48 bytes; directory: as it stands in the object
    sha256     of the whole object, as stored: some stores tell theirs of what cannot be read
    """

    version: int
    object: str
    header: bytes
    size_bytes: int
    sha256: bytes
    directory: Directory

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef(self.object, self.header)


Open: TypeAlias = Callable[[str], SealedObject]


def encode_label(label: Label) -> bytes:
    return msgspec.msgpack.encode(label)


def decode_label(data: bytes, name: str) -> Label:
    """Raises Damaged."""
    try:
        label = msgspec.msgpack.decode(data, type=Label)
    except UNREADABLE as error:
        raise Damaged(f"{name}: the label cannot be read") from error
    if label.version != VERSION:
        raise Damaged(f"{name}: a label of version {label.version} is not known here")
    if label_of(label.object) != name:
        raise Damaged(f"{name}: it is the label of {label.object}")
    return label


def read_label(open_object: Open, cold_name: str) -> Label:
    """The label of an object in `cold/`. Raises ObjectMissing, Damaged, KeyMismatch."""
    name = label_of(cold_name)
    return decode_label(open_object(name).record(), name)


def cold_directories(
    names: Iterable[str],
    open_object: Open,
    *,
    tell: Callable[[str, StoreError], None] = lambda name, error: None,
) -> Iterator[tuple[ObjectRef, Directory]]:
    """What each of these objects in `cold/` holds, if it has a label; of others `tell` hears.

    Reads labels alone.
    """
    for name in names:
        try:
            label = read_label(open_object, name)
        except (Damaged, KeyMismatch, ObjectMissing) as error:
            tell(name, error)
            continue
        yield label.ref, label.directory
