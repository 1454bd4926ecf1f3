"""Which objects lie in a vault's cold place: their names say so, and nothing else does.

An object in `cold/` has a label in `labels/` under the same digits, which is warm: what the object holds.
"""

from __future__ import annotations

from safehold.store.names import ObjectType

COLD, LABELS = ObjectType.COLD.folder, ObjectType.LABEL.folder
TRASH = "trash/"  # where places that rename keep what collection took: trash/<number>/<name>


def is_cold(name: str) -> bool:
    """Is it an object of cold storage, in its place or in the trash?"""
    return name.startswith(COLD) or (name.startswith(TRASH) and name.split("/", 2)[-1].startswith(COLD))


def label_of(name: str) -> str:
    """The label of an object in `cold/`."""
    return LABELS + name.removeprefix(COLD)


def object_of(label: str) -> str:
    """What the label is about."""
    return COLD + label.removeprefix(LABELS)
