"""Names of chunks in one vault and in another: what a copy has learnt, the last of it kept."""

from __future__ import annotations

KEPT_IDS = 1 << 17  # in each of two halves: about 60 MB in all


class Translations:
    """Source id -> target id. What was put or asked for last is kept longest; what is forgotten costs reading
    a chunk once more, never more than that. Not thread-safe."""

    def __init__(self, kept_ids: int = KEPT_IDS) -> None:
        self._kept_ids = kept_ids
        self._newer: dict[bytes, bytes] = {}
        self._older: dict[bytes, bytes] = {}

    def get(self, source_id: bytes) -> bytes | None:
        found = self._newer.get(source_id)
        if found is None and (found := self._older.get(source_id)) is not None:
            self.put(source_id, found)
        return found

    def put(self, source_id: bytes, target_id: bytes) -> None:
        """Kept at least until so many others were put."""
        self._newer[source_id] = target_id
        if len(self._newer) >= self._kept_ids:
            self._newer, self._older = {}, self._newer
