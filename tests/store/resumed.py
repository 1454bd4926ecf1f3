"""Backups that are cut off and gone on with; what the source had to give is counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from safehold.core.clock import FixedClock
from safehold.domain.items import Item, PreviousTree, join
from safehold.store.backends.memory import MemoryBackend
from safehold.store.points.checkpoints import CheckpointFolder
from safehold.store.points.locking import PointLock
from safehold.store.points.points import PointRecord
from safehold.store.vault_store import VaultStore
from safehold.store.writing.checkpointing import Checkpointing
from safehold.store.writing.resuming import resume
from safehold.store.writing.session import Session
from tests.store.collect.worlds import START
from tests.store.vaults import Blocks, Tree, TreeSource, new_record

ALWAYS = 1e-9  # seconds: due after each piece that was read


class Cut(Exception):
    """The worker is told to let go."""


class CountedBlocks(Blocks):
    """Content that can be gone on with."""

    def __init__(self, source: CountedSource, data: bytes, block_bytes: int) -> None:
        super().__init__(data, block_bytes)
        self._source = source
        self._data = data
        self._bytes = block_bytes

    def skip_to(self, offset: int) -> None:
        self._source.skips.append(offset)
        super().__init__(self._data[offset:], self._bytes)

    def read_into(self, buffer: memoryview) -> int:
        got = super().read_into(buffer)
        self._source.read_bytes += got
        return got


class CountedSource(TreeSource):
    """A tree of bytes that knows how many of them were asked for."""

    read_bytes = 0

    def __init__(self, tree: Tree, previous: PreviousTree) -> None:
        super().__init__(tree, previous, block_bytes=300_000)
        self.read_paths: list[bytes] = []
        self.skips: list[int] = []

    def read_whole(self, batch: Sequence[tuple[bytes, Item]]) -> list[tuple[bytes, Item] | None]:
        found = super().read_whole(batch)
        self.read_paths += [join(directory, item.name) for directory, item in batch]
        self.read_bytes += sum(len(one[0]) for one in found if one is not None)
        return found

    def open(self, directory: bytes, item: Item) -> tuple[Blocks, Item] | None:
        path = join(directory, item.name)
        self.read_paths.append(path)
        return CountedBlocks(self, self._files[path], self._block_bytes), item


@dataclass
class Attempt:
    """One attempt at a point. Afterwards `source` says what it read, `names` which checkpoints it made.

    resumed  whether it went on with the checkpoint it was given
    advance  called with the bytes taken in so far; may raise Cut
    noted    called when a checkpoint was noted; may raise Cut
    """

    store: VaultStore
    tree: Tree
    clock: FixedClock = field(default_factory=lambda: FixedClock(START))
    every_seconds: float = ALWAYS
    previous: str | None = None
    lock: PointLock | None = None
    advance: Callable[[int], None] = lambda size: None
    noted: Callable[[str], None] = lambda name: None
    names: list[str] = field(default_factory=list)
    make_source: Callable[[Tree, PreviousTree], CountedSource] = CountedSource
    point: str = "p"
    resumed: bool = False
    _taken: int = 0

    def run(self, checkpoint: str | None = None) -> PointRecord:
        store = self.store
        before: PreviousTree = PreviousTree()
        if self.previous:
            before = store.previous_tree(store.point(self.previous))
        with store.session(parents=[self.previous] if self.previous else [], lock=self.lock) as session:
            resumed = resume(store, session, checkpoint, before) if checkpoint else None
            self.resumed = resumed is not None
            self.source = self.make_source(self.tree, resumed or before)
            checkpoints = Checkpointing(
                session,
                CheckpointFolder(store.backend, store.keys, store.vault_id),
                self.point,
                clock=self.clock,
                note=self._note,
                every_seconds=self.every_seconds,
                resumed=resumed,
            )
            root = store.take_in(
                session, self.source, resumed or before, advance=self._advance, checkpoints=checkpoints
            )
            record = session.finish(self._record(root, session))
            checkpoints.end()
            return record

    def _record(self, root: Item, session: Session) -> PointRecord:
        return new_record(self.point, root, session.stats, previous_point_id=self.previous)

    def _advance(self, items: int, size: int) -> None:
        del items
        self._taken += size
        self.advance(self._taken)

    def _note(self, name: str) -> None:
        self.names.append(name)
        self.noted(name)


def copy_of(backend: MemoryBackend) -> MemoryBackend:
    """The vault as a process leaves it that is killed now."""
    copy = MemoryBackend()
    copy.objects = dict(backend.objects)
    return copy


def size_of(tree: Tree) -> int:
    return sum(
        len(e) if isinstance(e, bytes) else size_of(e) if isinstance(e, dict) else 0 for e in tree.values()
    )


def killed_at(attempt: Attempt, at_bytes: int, checkpoint: str | None = None) -> tuple[MemoryBackend, str]:
    """The vault when so many bytes were taken in, and the checkpoint that was noted last. Each piece that is
    taken in lasts a second."""
    left: list[MemoryBackend] = []

    def advance(taken: int) -> None:
        attempt.clock.at += timedelta(seconds=1)
        if taken >= at_bytes:
            assert isinstance(attempt.store.backend, MemoryBackend)
            left.append(copy_of(attempt.store.backend))
            raise Cut

    attempt.advance = advance
    try:
        attempt.run(checkpoint)
    except Cut:
        return left[0], attempt.names[-1]
    raise AssertionError("it was done before")
