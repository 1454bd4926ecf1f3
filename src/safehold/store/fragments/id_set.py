"""A set of chunk ids in a few bytes each: for whoever must remember millions of them."""

from __future__ import annotations

from array import array

PREFIX_BYTES = 8
FIRST_SLOTS = 1 << 10
FULLEST = 0.66  # of the slots taken; then there are twice as many


class IdSet:
    """Ids that were seen; 12 to 24 bytes each. Not thread-safe.

    Kept are 64 bits of an id, which is itself a keyed hash: among ten million ids the chance that any two
    share them is 3 in a million, and nobody without the vault's key can make two that do.
    """

    def __init__(self) -> None:
        self._slots = array("Q", [0]) * FIRST_SLOTS  # 0: free
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, identity: bytes) -> bool:
        return self._slots[self._find(_key(identity))] != 0

    def add(self, identity: bytes) -> bool:
        """It is in the set now; False when it was before."""
        key = _key(identity)
        position = self._find(key)
        if self._slots[position]:
            return False
        self._slots[position] = key
        self._count += 1
        if self._count > FULLEST * len(self._slots):
            self._grow()
        return True

    def _find(self, key: int) -> int:
        """Where the key is, or the free slot where it belongs."""
        slots = self._slots
        mask = len(slots) - 1
        position = key & mask
        while slots[position] and slots[position] != key:
            position = (position + 1) & mask
        return position

    def _grow(self) -> None:
        old = self._slots
        self._slots = array("Q", [0]) * (2 * len(old))
        for key in old:
            if key:
                self._slots[self._find(key)] = key


def _key(identity: bytes) -> int:
    return int.from_bytes(identity[:PREFIX_BYTES], "big") or 1  # 0 means free
