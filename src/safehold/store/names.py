"""The kinds of sealed object, and the folder that each has in a vault: an object's name begins with it."""

from __future__ import annotations

from enum import IntEnum


class ObjectType(IntEnum):
    """The kinds of sealed object. The numbers are part of the format."""

    PACK = 1
    TREE = 2
    POINT = 3
    AMENDMENT = 4
    INDEX = 5
    REVOCATION = 6
    JOURNAL = 7
    COLD = 8
    LABEL = 9
    CONDEMNED = 16  # from here on: working state, which can be made again
    CHECKS = 17
    INTENT = 18
    TOMBSTONE = 19
    SEARCH = 20
    CHECKPOINT = 21
    ID_MAP = 22

    @property
    def folder(self) -> str:
        return FOLDERS[self]


FOLDERS = {
    ObjectType.PACK: "packs/",
    ObjectType.TREE: "trees/",
    ObjectType.POINT: "points/",
    ObjectType.AMENDMENT: "amendments/",
    ObjectType.INDEX: "index/",
    ObjectType.REVOCATION: "revocations/",
    ObjectType.JOURNAL: "journal/",
    ObjectType.COLD: "cold/",
    ObjectType.LABEL: "labels/",
    ObjectType.CONDEMNED: "condemned/",
    ObjectType.CHECKS: "checks/",
    ObjectType.INTENT: "intents/",
    ObjectType.TOMBSTONE: "tombstones/",
    ObjectType.SEARCH: "search/",
    ObjectType.CHECKPOINT: "checkpoints/",
    ObjectType.ID_MAP: "idmaps/",
}
