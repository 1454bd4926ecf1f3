"""What became of a put that nobody answered."""

from __future__ import annotations

from collections.abc import Sequence

from safehold.core.errors import ObjectExists, ObjectMissing
from safehold.store.backends.contract import Backend


def is_stored(backend: Backend, name: str, parts: Sequence[bytes | bytearray | memoryview]) -> bool:
    """Is the object there with just these bytes? False when there is none.

    Raises ObjectExists when it is another's; StoreUnavailable, Damaged.
    """
    size = sum(len(part) for part in parts)
    try:
        is_ours = backend.size(name) == size and backend.get(name) == b"".join(parts)
    except ObjectMissing:
        return False
    if not is_ours:
        raise ObjectExists(f"{name} is there already")
    return True
