"""Chunks of one vault that become chunks of another: each is opened, proved, and named anew.

What is wanted is gathered first, so that every frame is read once, pack after pack, ahead of whoever takes
its chunks. Chunks keep their cuts: the same bytes in the same pieces, under the other vault's names.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import NamedTuple

from safehold.core.errors import Damaged, KeyMismatch, ObjectMissing
from safehold.domain.items import Item, ItemKind
from safehold.store.copies.id_map import IdMap
from safehold.store.copies.translations import Translations
from safehold.store.fragments.places import Place
from safehold.store.restoring.chunks import ChunkReader, FrameReader
from safehold.store.sealed.chunking import chunk_id
from safehold.store.trees.contents import GetPage, Part
from safehold.store.writing.session import Session

THREADS = 4
FRAMES_AHEAD = 8  # 64 MiB each at the very most; about one as a rule
WINDOW_PIECES = 32_768  # far fewer than translations.KEPT_IDS: what a window asked for is known at its end
LOST = (Damaged, KeyMismatch, ObjectMissing)

Advance = Callable[[int, int], None]  # (items, bytes) further; may raise to stop the copy


class Lost(NamedTuple):
    """path: of an item that the source cannot give back whole."""

    path: bytes
    why: str


class _Wanted(NamedTuple):
    part: Part
    place: Place
    path: bytes


class Rekeying:
    """Takes chunks into a session of the target. One thread uses it."""

    def __init__(
        self,
        chunks: ChunkReader,
        frames: FrameReader,
        session: Session,
        *,
        chunk_id_key: bytes,
        get_page: GetPage,
        places: Callable[[bytes], Sequence[Place]],
        id_map: IdMap,
        advance: Advance,
    ) -> None:
        """chunks, frames: of the source; all that follows but `advance`: of the target"""
        self.lost: list[Lost] = []
        self._chunks = chunks
        self._frames = frames
        self._session = session
        self._key = chunk_id_key
        self._get_page = get_page
        self._places = places
        self._map = id_map
        self._advance = advance
        self._known = Translations()  # what the session has, or relies on
        self._told = Translations()  # what the previous copy was told to hold
        self._wanted: dict[str, dict[int, list[_Wanted]]] = {}  # by object, by frame
        self._wanted_ids: set[bytes] = set()

    def tell(self, source_id: bytes, target_id: bytes) -> None:
        """The previous copy holds that chunk under that name."""
        self._told.put(source_id, target_id)

    def target_id(self, part: Part) -> bytes | None:
        """The chunk's name in the target, when the copy has it or may rely on it there."""
        known = self._known.get(part.id)
        if known is not None:
            return known
        found = self._told.get(part.id)
        # What was told belongs to a point, which is whole and stays unless the session has gaps.
        if found is None or (self._session.has_gaps and not self._is_held(found, part.length)):
            found = self._mapped(part)
        if found is not None:
            self._known.put(part.id, found)
        return found

    def _mapped(self, part: Part) -> bytes | None:
        """What the map calls it, if the target has such a chunk and keeps it.

        # INVARIANT: the map names; that the chunk is there, and as long, the target's index says.
        """
        found = self._map.find(part.id)
        if found is None or not self._is_held(found, part.length):
            return None
        return found if any(place.length == part.length for place in self._places(found)) else None

    def _is_held(self, identity: bytes, length: int) -> bool:
        return self._session.holds(Item(b"", ItemKind.FILE, length, {}, identity), self._get_page)

    def want(self, part: Part, path: bytes) -> None:
        """The chunk is to be moved for the item there."""
        if part.id in self._wanted_ids:
            return
        places = self._chunks.places(part.id)
        if not places:
            self.lost.append(Lost(path, f"chunk {part.id.hex()} is in no object of the vault"))
            return
        self._wanted_ids.add(part.id)
        of_object = self._wanted.setdefault(places[0].object.name, {})
        of_object.setdefault(places[0].frame, []).append(_Wanted(part, places[0], path))

    def keep_names(self) -> None:
        """What was moved until now is found by other copies, should this one end here."""
        self._map.keep()

    def move(self) -> None:
        """What was wanted is in the session, or told in `lost`. Raises StoreError."""
        wanted, self._wanted = self._wanted, {}
        self._wanted_ids = set()
        with ThreadPoolExecutor(THREADS, thread_name_prefix="copy") as pool:
            for frame, pieces in self._read(wanted, pool):
                for piece in pieces:
                    self._take(piece, frame)

    def _read(
        self, wanted: dict[str, dict[int, list[_Wanted]]], pool: ThreadPoolExecutor
    ) -> Iterator[tuple[bytes | None, list[_Wanted]]]:
        """Every frame once, as its object holds them in order; objects in the order of first use."""
        ahead: deque[tuple[Future[bytes | None], list[_Wanted]]] = deque()
        for of_object in wanted.values():
            for number in sorted(of_object):
                pieces = of_object[number]
                ahead.append((pool.submit(self._frame, pieces[0].place), pieces))
                if len(ahead) > FRAMES_AHEAD:
                    yield _first(ahead)
        while ahead:
            yield _first(ahead)

    def _frame(self, place: Place) -> bytes | None:
        try:
            return self._frames.frame(place)
        except LOST:
            return None  # each piece now looks for another place of its chunk

    def _take(self, piece: _Wanted, frame: bytes | None) -> None:
        try:
            data = self._data(piece, frame)
        except LOST as error:
            self.lost.append(Lost(piece.path, str(error)))
            return
        identity = chunk_id(self._key, data)
        self._session.add_chunk(identity, data)
        self._session.stats.read_bytes += len(data)
        self._known.put(piece.part.id, identity)
        self._map.put(piece.part.id, identity)
        self._advance(0, len(data))

    def _data(self, piece: _Wanted, frame: bytes | None) -> bytes:
        """The chunk's bytes, proved to be the ones of its name in the source. Raises what LOST names."""
        data = None
        if frame is not None:
            with suppress(Damaged):
                data = bytes(self._chunks.cut(piece.part.id, piece.place, memoryview(frame)))
        if data is None:
            data = self._chunks.read(piece.part.id)
        if len(data) != piece.part.length:
            raise Damaged(f"a chunk has {len(data)} bytes, {piece.part.length} were to be there")
        return data


def _first(
    ahead: deque[tuple[Future[bytes | None], list[_Wanted]]],
) -> tuple[bytes | None, list[_Wanted]]:
    future, pieces = ahead.popleft()
    return future.result(), pieces
