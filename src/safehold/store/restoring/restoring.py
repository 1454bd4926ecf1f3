"""A recovery point put back: planned by frame, so that each frame is read and opened once.

Files are gathered into windows; within one, every frame that is needed is opened in order of first use
and all pieces in it are written at once, by several threads, while the next window is planned.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeVar

from safehold.core.errors import Damaged, ObjectMissing
from safehold.domain.items import CONTENT_KINDS, Item, ItemKind
from safehold.store.fragments.places import Place
from safehold.store.restoring.chunks import ChunkReader, FrameReader
from safehold.store.sealed.chunking import ZERO_ID
from safehold.store.trees.contents import GetPage, Part, decode_content
from safehold.store.trees.tree_reader import PointTree

THREADS = 5  # more than processors: some wait for the disk
FRAMES_AHEAD = 256  # planned and not yet opened, besides those of one window
WINDOW_BYTES = 256 << 20
WINDOW_PIECES = 16_384

T = TypeVar("T", bytes, memoryview)

Advance = Callable[[int, int], None]
Skip = Callable[[bytes, str], None]


class PieceWriter(Protocol):
    def write_at(self, offset: int, data: bytes | memoryview) -> None: ...

    def finish(self) -> None: ...

    def abandon(self) -> None: ...


class Target(Protocol):
    """What of a connector's restore is needed here; connectors/contract.py describes it in full."""

    def make(self, path: bytes, item: Item) -> None: ...

    def write_whole(self, batch: Sequence[tuple[bytes, Item, bytes]]) -> None: ...

    def open(self, path: bytes, item: Item) -> PieceWriter: ...


@dataclass(slots=True)
class _File:
    """A file being put together from several pieces."""

    path: bytes
    item: Item
    lock: threading.Lock
    writer: PieceWriter | None = None
    failure: str = ""


class _Piece(NamedTuple):
    """One chunk's place in a file; `whole` when it is all of the file."""

    file: _File
    offset: int
    part: Part
    whole: bool
    place: Place  # in which frame, and where in it


@dataclass(slots=True)
class RestoreCounts:
    items: int = 0
    files: int = 0
    bytes: int = 0
    failed: int = 0


class Restoring:
    """One run of a restore into a target."""

    def __init__(
        self, frames: FrameReader, chunks: ChunkReader, target: Target, *, advance: Advance, skip: Skip
    ) -> None:
        self.counts = RestoreCounts()
        self._frames = frames
        self._chunks = chunks
        self._get_page: GetPage = chunks.read
        self._target = target
        self._advance = advance
        self._skip = skip
        self._lock = threading.Lock()
        self._window: dict[tuple[str, int], list[_Piece]] = {}
        self._window_bytes = 0
        self._window_pieces = 0
        self._stand_ins: dict[bytes, bytes] = {}  # first path of a hard-link group -> where its bytes went
        self._finished: list[_File] = []  # of this window: all their pieces are in it or were before
        self._under_way: deque[Future[None] | list[_File]] = deque()  # frames, and files that end with them

    def run(self, tree: PointTree, paths: Sequence[bytes]) -> RestoreCounts:
        """Put back those paths with all below them, or everything when there are none.

        What cannot be read is told to `skip` and left out; the rest is restored. Raises RestoreError,
        SourceError (the target), StoreUnavailable.
        """
        with ThreadPoolExecutor(THREADS, thread_name_prefix="restore") as pool:
            for path, found in self._wanted(tree, paths):
                item = self._linked(tree, path, found, paths)
                self.counts.items += 1
                if item.kind in CONTENT_KINDS:
                    self._plan(path, item, pool)
                else:
                    self._target.make(path, item)
            self._flush(pool)
            self._settle(0)
        return self.counts

    def _wanted(self, tree: PointTree, paths: Sequence[bytes]) -> Iterator[tuple[bytes, Item]]:
        if not paths:
            yield from self._below(tree, b"")
            return
        made: set[bytes] = set()
        for path in _without_those_beneath(paths):
            try:
                item = tree.find(path)
                parents = list(self._parents(tree, path, made))
            except (Damaged, ObjectMissing) as error:
                self._unreadable(path, error)
                continue
            if item is None:
                self._skip(path, "is not in the recovery point")
                continue
            yield from parents
            yield path, item
            if item.kind == ItemKind.DIRECTORY:
                yield from self._below(tree, path)

    def _linked(self, tree: PointTree, path: bytes, item: Item, paths: Sequence[bytes]) -> Item:
        """The item itself; for a hard link to what is not being restored, that file or a link to its copy."""
        first = item.facts.get("link_to")
        if item.kind != ItemKind.HARDLINK or not isinstance(first, bytes) or _is_within(first, paths):
            return item
        if first in self._stand_ins:
            return Item(item.name, item.kind, 0, {**item.facts, "link_to": self._stand_ins[first]})
        try:
            file = tree.find(first)
        except (Damaged, ObjectMissing):
            return item  # the target tells that it has nothing to link to
        if file is None or file.kind not in CONTENT_KINDS:
            return item
        self._stand_ins[first] = path
        return Item(item.name, file.kind, file.size_bytes, file.facts, file.content)

    def _parents(self, tree: PointTree, path: bytes, made: set[bytes]) -> Iterator[tuple[bytes, Item]]:
        names = path.split(b"/")[:-1]
        for depth in range(1, len(names) + 1):
            parent = b"/".join(names[:depth])
            item = tree.find(parent)
            if parent not in made and item is not None:
                made.add(parent)
                yield parent, item

    def _below(self, tree: PointTree, path: bytes) -> Iterator[tuple[bytes, Item]]:
        return tree.below(path, unreadable=self._unreadable)

    def _unreadable(self, path: bytes, error: Exception) -> None:
        self.counts.failed += 1
        self._skip(path, f"this folder's list cannot be read: {error}")

    def _plan(self, path: bytes, item: Item, pool: ThreadPoolExecutor) -> None:
        self.counts.files += 1
        if not item.content:
            self._target.write_whole([(path, item, b"")])
            self._advance(1, 0)
            return
        file = _File(path, item, threading.Lock())
        whole = len(item.content) == len(ZERO_ID) and item.content != ZERO_ID
        offset = 0
        try:
            for part in decode_content(item.content, item.size_bytes, self._get_page):
                if offset + part.length > item.size_bytes:
                    raise Damaged(f"its content list goes on after its {item.size_bytes} bytes")
                self._place(file, offset, part, whole=whole)
                offset += part.length
                if self._window_bytes >= WINDOW_BYTES or self._window_pieces >= WINDOW_PIECES:
                    self._flush(pool)
            if offset != item.size_bytes:
                raise Damaged(f"its content list gives {offset} bytes of {item.size_bytes}")
        except (Damaged, ObjectMissing) as error:
            file.failure = str(error)
        if not whole:
            self._finished.append(file)
            if len(self._finished) >= WINDOW_PIECES:  # files of nothing but holes
                self._flush(pool)

    def _place(self, file: _File, offset: int, part: Part, *, whole: bool) -> None:
        if part.id == ZERO_ID:
            return
        places = self._chunks.places(part.id)
        if not places:
            self._fail(file, f"chunk {part.id.hex()} is in no object of the vault", whole=whole)
            return
        key = (places[0].object.name, places[0].frame)
        self._window.setdefault(key, []).append(_Piece(file, offset, part, whole, places[0]))
        self._window_bytes += part.length
        self._window_pieces += 1

    def _flush(self, pool: ThreadPoolExecutor) -> None:
        """Everything planned so far is going to be written."""
        for pieces in self._window.values():
            self._under_way.append(pool.submit(self._write_frame, pieces))
            self._settle(FRAMES_AHEAD)
        self._under_way.append(self._finished)
        self._finished = []
        self._window.clear()
        self._window_bytes = self._window_pieces = 0

    def _settle(self, left: int) -> None:
        """Wait until no more than so much is under way. Raises what the writing of it did."""
        while len(self._under_way) > left:
            done = self._under_way.popleft()
            if isinstance(done, Future):
                done.result()
                continue
            for file in done:
                self._finish_file(file)

    def _write_frame(self, pieces: list[_Piece]) -> None:
        try:
            frame: memoryview | None = self._frames.lend_frame(pieces[0].place)
        except (Damaged, ObjectMissing):
            frame = None  # each piece now looks for another place of its chunk
        whole: list[tuple[bytes, Item, bytes]] = []
        size = 0
        for piece in pieces:
            file = piece.file
            try:
                data = self._piece_data(piece, frame)
            except (Damaged, ObjectMissing) as error:
                self._fail(file, str(error), whole=piece.whole)
                continue
            if piece.whole:
                whole.append((file.path, file.item, bytes(data)))
            else:
                self._write_piece(file, piece.offset, data)
            size += len(data)
        if whole:
            self._target.write_whole(whole)
        with self._lock:
            self.counts.bytes += size
            self._advance(len(whole), size)

    def _piece_data(self, piece: _Piece, frame: memoryview | None) -> bytes | memoryview:
        if frame is not None:
            try:
                return self._checked(piece, self._chunks.cut(piece.part.id, piece.place, frame))
            except Damaged:
                pass
        # What was lent may be gone with this: the frame's other pieces are then read so, too.
        return self._checked(piece, self._chunks.read(piece.part.id))

    def _checked(self, piece: _Piece, data: T) -> T:
        if len(data) != piece.part.length:
            raise Damaged(f"a chunk has {len(data)} bytes, {piece.part.length} were to be there")
        return data

    def _write_piece(self, file: _File, offset: int, data: bytes | memoryview) -> None:
        with file.lock:
            if file.writer is None:
                file.writer = self._target.open(file.path, file.item)
            file.writer.write_at(offset, data)

    def _fail(self, file: _File, why: str, *, whole: bool) -> None:
        with self._lock:
            file.failure = file.failure or why
            if whole:
                self.counts.failed += 1
                self._skip(file.path, f"could not be restored: {why}")

    def _finish_file(self, file: _File) -> None:
        if file.failure:
            if file.writer is not None:
                file.writer.abandon()
            self.counts.failed += 1
            self._skip(file.path, f"could not be restored: {file.failure}")
            return
        if file.writer is None:  # nothing but holes
            file.writer = self._target.open(file.path, file.item)
        file.writer.finish()
        self._advance(1, 0)


def _is_within(path: bytes, paths: Sequence[bytes]) -> bool:
    return not paths or any(p in (b"", path) or path.startswith(p + b"/") for p in paths)


def _without_those_beneath(paths: Sequence[bytes]) -> list[bytes]:
    """Sorted, and without what another one brings along anyway: nothing is restored twice at once."""
    kept: list[bytes] = []
    for path in sorted(set(paths), key=lambda path: path.split(b"/")):
        if not kept or not (path.startswith(kept[-1] + b"/") or not kept[-1]):
            kept.append(path)
    return kept
