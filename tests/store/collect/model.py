"""The protocol of collection as a toy, small enough to try a great many interleavings of it.

Writers, deleters, collectors and whoever undeletes are generators that stop between any two operations on the
store; a schedule says who goes next, who dies, whose clock jumps. docs/formats/collection.md is what they do.
Each guard of the protocol can be taken out, to see that it is needed.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Set
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random

CHUNKS = "abcd"
GRACE, TRASH, SILENCE = 20, 40, 30  # ticks
KEPT_NUMBERS = 3
LAG = 8  # a listing may miss what was put so recently: grace is more than twice as long


class Guard(StrEnum):
    """What keeps data from dying; a world without one of them must come to harm."""

    INTENT_FIRST = "a writer's intent is there before it reads tombstones and the index"
    EXCLUDE = "writers store again what lies in tombstoned objects"
    PARENT = (
        "what a parent refers to is looked up, unless it always was a root and no open tombstone missed it"
    )
    FRESH_INDEX = "an index that was read before the newest tombstone is read again"
    KEEP_NUMBERS = "the numbers of the newest tombstones are not forgotten"
    WAIT = "phase two waits for the intents that are older than the tombstone"
    MARK_AGAIN = "phase two marks again"
    MARK_AFTER_WAIT = "and does so after the older intents have ended, not before"
    FENCE = "a writer that was revoked cannot commit"
    COVER = "a duplicate counts only where a fragment names it and no tombstone does"
    GRACE = "nothing goes before the grace time has passed"
    RECENT = "in phase two, a deletion counts only when it is as old as the grace time"
    SAW_EPOCH = "a writer goes on only when it has read the newest tombstone that it counted"
    RESCUE = "what is needed after all comes back out of the trash before it is purged"
    DECIDE = "undeleting and purging are decided by one write-once object"


@dataclass(frozen=True)
class Point:
    chunks: frozenset[str]
    intent: int
    epoch: int


@dataclass
class Pack:
    chunks: frozenset[str]
    is_published: bool
    put_at: int
    is_in_trash: bool = False


@dataclass
class Intent:
    epoch: int
    pin: str | None
    writer: str
    put_at: int
    renewed_at: int


@dataclass
class Tombstone:
    names: frozenset[int]
    roots: frozenset[str]
    put_at: int
    written_at: int  # by the collector's clock
    trashed: frozenset[int] = frozenset()
    trashed_at: int | None = None
    decided: str | None = None
    is_spent: bool = False


@dataclass(frozen=True)
class View:
    """What a writer knows of the vault: as of tombstone `epoch`."""

    epoch: int
    tombstones: dict[int, Tombstone]
    excluded: frozenset[int]
    packs: dict[int, frozenset[str]]

    def is_as_of(self, other: View) -> bool:
        """Was nothing collected between the two?"""
        return self.epoch == other.epoch and self.tombstones.keys() == other.tombstones.keys()


Steps = Iterator[None]


@dataclass
class World:
    """lags  listings may miss the newest puts, and the trash is no place apart: as in some object stores"""

    random: Random
    without: Guard | None = None
    lags: bool = False
    now: int = 0
    clock_error: int = 0  # of the collectors' clock
    packs: dict[int, Pack] = field(default_factory=dict)
    points: dict[str, Point] = field(default_factory=dict)
    listed_at: dict[str, int] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    deleted_at: dict[str, int] = field(default_factory=dict)
    ever_deleted: set[str] = field(default_factory=set)
    intents: dict[int, Intent] = field(default_factory=dict)
    tombstones: dict[int, Tombstone] = field(default_factory=dict)
    fence: dict[int, set[str]] = field(default_factory=dict)  # what was admitted under each intent
    revoked: set[int] = field(default_factory=set)  # belongs to the same row
    void: dict[int, frozenset[str]] = field(default_factory=dict)  # revocations: intent -> what was admitted
    committed: dict[str, Point] = field(default_factory=dict)  # what somebody was promised
    numbers: int = 0
    is_strict: bool = True
    clock_was_right: bool = True
    broken: str | None = None

    def has(self, guard: Guard) -> bool:
        return self.without is not guard

    def new_number(self) -> int:
        self.numbers += 1
        return self.numbers

    @property
    def clock(self) -> int:
        return self.now + self.clock_error

    # -- what the store answers

    def is_listed(self, put_at: int) -> bool:
        return not self.lags or self.now >= put_at + LAG or self.random.random() < 0.5

    def highest(self) -> int:
        return self.list_tombstones()[0]

    def list_tombstones(self) -> tuple[int, dict[int, Tombstone]]:
        """The highest number, and those that are open: as one listing shows them."""
        listed = {n: stone for n, stone in self.tombstones.items() if self.is_listed(stone.put_at)}
        return max(listed, default=0), {n: stone for n, stone in listed.items() if not stone.is_spent}

    def readable(self, pack: Pack) -> bool:
        return self.lags or not pack.is_in_trash

    def view(self) -> View:
        epoch, stones = self.list_tombstones()
        excluded = frozenset(name for stone in stones.values() for name in stone.names)
        shown = {n: p.chunks for n, p in self.packs.items() if p.is_published and self.readable(p)}
        return View(epoch, stones, excluded, shown)

    # -- writers

    def writer(
        self, name: str, chunks: Set[str], parent: str | None, cached: View | None, gives_up: bool
    ) -> Steps:
        """One attempt at a point. While it is awake it renews its intent (`renew`), however slow it is."""
        epoch = self.highest()
        yield
        intent = self.new_number()
        is_first = self.has(Guard.INTENT_FIRST)
        if is_first:
            self._put_intent(intent, epoch, parent, name)
            yield
        view = self._view_of(epoch, cached)
        yield
        parent_point = self.points.get(parent or "")
        carried = self._carried(chunks, parent or "", parent_point, view)
        yield
        known = {c for n, held in view.packs.items() if self._is_known(n, view) for c in held}
        new = set(chunks) - carried - known
        mine = []
        for chunk in sorted(new):
            mine.append(self.new_number())
            self.packs[mine[-1]] = Pack(frozenset(chunk), False, self.now)
            yield
        if gives_up:  # nobody knows of its packs yet, so it may take them back
            for number in mine:
                self.packs.pop(number, None)
                yield
            self.intents.pop(intent, None)
            return
        for number in mine:
            if number in self.packs:
                self.packs[number].is_published = True
        yield
        if not is_first:
            self._put_intent(intent, epoch, parent, name)
            yield
        point = Point(frozenset(chunks), intent, epoch)
        if name not in self.points:
            self.points[name] = point
            self.listed_at[name] = self.now
            yield
            if self._admit(intent, name) and name not in self.deleted:
                self.committed[name] = point
            yield
        self.intents.pop(intent, None)

    def _view_of(self, epoch: int, cached: View | None) -> View:
        view = self.view()
        for _ in range(30):
            if view.epoch >= epoch or not self.has(Guard.SAW_EPOCH):
                break
            view = self.view()
        is_stale = cached is not None and self.has(Guard.FRESH_INDEX) and not cached.is_as_of(view)
        if cached is None or is_stale:
            return view
        return View(cached.epoch, view.tombstones, cached.excluded | view.excluded, cached.packs)

    def _is_known(self, pack: int, view: View) -> bool:
        return pack not in view.excluded or not self.has(Guard.EXCLUDE)

    def _carried(self, chunks: Set[str], parent: str, point: Point | None, view: View) -> set[str]:
        if point is None:
            return set()
        is_void = point.intent in self.void and parent not in self.void[point.intent]
        is_safe = (
            not is_void
            and parent not in self.ever_deleted
            and all(
                parent in stone.roots or point.epoch >= number for number, stone in view.tombstones.items()
            )
        )
        return set(chunks & point.chunks) if is_safe or not self.has(Guard.PARENT) else set()

    def _put_intent(self, intent: int, epoch: int, pin: str | None, writer: str) -> None:
        self.intents[intent] = Intent(epoch, pin, writer, self.now, self.now)

    def renew(self, writer: str) -> None:
        for intent in self.intents.values():
            if intent.writer == writer:
                intent.renewed_at = self.now

    def _admit(self, intent: int, name: str) -> bool:
        if intent in self.revoked and self.has(Guard.FENCE):
            return False
        self.fence.setdefault(intent, set()).add(name)
        return True

    # -- marking

    def roots(self, *, with_recent: bool = False) -> dict[str, Point]:
        """`with_recent`: points that were deleted less than the grace time ago, too."""
        recent = {n for n, at in self.deleted_at.items() if with_recent and self.clock < at + GRACE}
        recent = recent if self.has(Guard.RECENT) else set()
        pinned = {i.pin for i in self.intents.values() if self.is_listed(i.put_at)}
        return {
            name: point
            for name, point in self.points.items()
            if self.is_listed(self.listed_at[name])
            and (name not in self.deleted or name in pinned | recent)
            and (point.intent not in self.void or name in self.void[point.intent])
        }

    def needed(self, names: Set[int], roots: dict[str, Point]) -> set[int]:
        """Those of the packs that hold a chunk which a root needs and no other pack is sure to have."""
        wanted = {c for point in roots.values() for c in point.chunks}
        going = {n for stone in self.tombstones.values() if not stone.is_spent for n in stone.names}
        others = [p for n, p in self.packs.items() if n not in names and self._covers(n, p, going)]
        covered = {c for p in others for c in p.chunks}
        return {n for n in names if n in self.packs and self.packs[n].chunks & (wanted - covered)}

    def _covers(self, number: int, pack: Pack, going: Set[int]) -> bool:
        if not self.has(Guard.COVER):
            return not pack.is_in_trash
        return pack.is_published and number not in going and not pack.is_in_trash

    def stable_roots(self) -> Generator[None, None, dict[str, Point]]:
        """Lists again until two listings agree."""
        before = self.roots(with_recent=True)
        while True:
            yield
            now = self.roots(with_recent=True)
            if now.keys() == before.keys():
                return now
            before = now

    # -- collectors

    def collector(self) -> Steps:
        yield from self.sweep()
        for intent, known in list(self.intents.items()):
            if self.now >= known.renewed_at + SILENCE:
                yield from self._revoke(intent)
        yield from self.announce()
        for number in sorted(self.tombstones):
            stone = self.tombstones.get(number)
            if stone is None or stone.is_spent:
                continue
            if stone.trashed_at is None:
                yield from self.move_to_trash(number, stone)
            else:
                yield from self.purge(number, stone)
        yield from self.forget()

    def sweep(self) -> Steps:
        """End what an undeleter began, and bring back what a collector that had not heard of it took away."""
        for stone in list(self.tombstones.values()):
            stone.is_spent |= stone.decided == "undelete"
        going = {n for stone in self.tombstones.values() if not stone.is_spent for n in stone.names}
        for number, pack in list(self.packs.items()):
            if pack.is_in_trash and number not in going:
                pack.is_in_trash = False
                yield

    def announce(self) -> Steps:
        there = {n for n in self.packs if not self.packs[n].is_in_trash}
        number = self.highest() + 1
        yield
        roots = self.roots()
        yield
        going = {n for stone in self.tombstones.values() if not stone.is_spent for n in stone.names}
        candidates = there - going
        kept = self.needed_each(candidates, roots)
        yield
        gone = frozenset(candidates - kept)
        if gone and number not in self.tombstones and number > max(self.tombstones, default=0):
            self.tombstones[number] = Tombstone(gone, frozenset(roots), self.now, self.clock)
        yield

    def needed_each(self, candidates: Set[int], roots: dict[str, Point]) -> set[int]:
        """Packs with any wanted chunk; but of two packs that hold the same, a repack keeps the later one."""
        wanted = {c for point in roots.values() for c in point.chunks}
        kept: set[int] = set()
        left = set(wanted)
        for number in sorted(candidates, reverse=True):
            pack = self.packs.get(number)
            if pack is not None and pack.chunks & left:
                kept.add(number)
                left -= pack.chunks if pack.is_published or not self.has(Guard.COVER) else set()
        return kept

    def _older_intents(self, number: int) -> list[int]:
        listed = {i: intent for i, intent in self.intents.items() if self.is_listed(intent.put_at)}
        return [i for i, intent in listed.items() if intent.epoch < number]

    def has_to_wait(self, number: int) -> bool:
        return self.has(Guard.WAIT) and bool(self._older_intents(number))

    def _revoke(self, intent: int) -> Steps:
        there = [name for name, point in self.points.items() if point.intent == intent]
        yield
        for name in there:
            self._admit(intent, name)
        admitted = frozenset(self.fence.get(intent, ()))
        self.revoked.add(intent)
        yield
        self.void.setdefault(intent, admitted)
        yield
        self.intents.pop(intent, None)

    def move_to_trash(self, number: int, stone: Tombstone) -> Steps:
        if self.has(Guard.GRACE) and self.clock < stone.written_at + GRACE:
            return
        kept = self.needed(stone.names, self.roots(with_recent=True)) if self.has(Guard.MARK_AGAIN) else set()
        yield
        if self.has_to_wait(number):
            return
        if self.has(Guard.MARK_AFTER_WAIT) and self.has(Guard.MARK_AGAIN):
            found = yield from self.stable_roots()
            kept = self.needed(stone.names, found)
        yield
        for name in sorted(stone.names - kept):
            if name in self.packs and stone.decided is None:
                yield
                if name in self.packs:
                    self.packs[name].is_in_trash = True
                yield
        if stone.trashed_at is None:
            stone.trashed_at, stone.trashed = self.clock, frozenset(stone.names - kept)
        yield

    def purge(self, number: int, stone: Tombstone) -> Steps:
        if self.clock < (stone.trashed_at or 0) + TRASH:
            return
        if self.has(Guard.DECIDE):
            stone.decided = stone.decided or "purge"
            if stone.decided != "purge":
                return
        yield
        kept: set[int] = set()
        if self.has(Guard.RESCUE):
            found = yield from self.stable_roots()
            kept = self.needed(stone.trashed, found)
        for name in sorted(stone.trashed & self.packs.keys()):
            yield
            if name in kept and name in self.packs:
                self.packs[name].is_in_trash = False
            if name in kept:
                continue
            if name in self.packs and (self.lags or self.packs[name].is_in_trash):
                del self.packs[name]
        yield
        stone.is_spent = True
        yield

    def forget(self) -> Steps:
        """Spent tombstones, void records and deleted ones that nobody pins."""
        for number in [n for n, stone in self.tombstones.items() if stone.is_spent]:
            if not self.has(Guard.KEEP_NUMBERS) or number <= max(self.tombstones, default=0) - KEPT_NUMBERS:
                self.tombstones.pop(number, None)
                yield
        pinned = {intent.pin for intent in self.intents.values()}
        for name, point in list(self.points.items()):
            is_void = point.intent in self.void and name not in self.void[point.intent]
            if is_void and name not in pinned:
                self.points.pop(name, None)
                yield

    # -- those who read, who delete, and who think better of it

    def restorer(self, name: str) -> Steps:
        """Reads a point that was not deleted when it began; it has the grace time for that."""
        began, point = self.now, self.committed.get(name)
        for chunk in sorted(point.chunks) * 2 if point is not None else ():
            yield
            is_there = any(chunk in p.chunks and self.readable(p) for p in self.packs.values())
            if not is_there and self.now < began + GRACE and self.clock_was_right and self.is_strict:
                self.broken = f"a restore of {name} lacks {chunk}"

    def deleter(self, name: str) -> Steps:
        self.deleted.add(name)
        self.deleted_at[name] = self.now
        self.ever_deleted.add(name)
        self.committed.pop(name, None)
        yield

    def undeleter(self, name: str) -> Steps:
        self.is_strict = False
        self.deleted.discard(name)
        yield
        for number in sorted(self.tombstones):
            stone = self.tombstones.get(number)
            if stone is None or stone.is_spent:
                continue
            if self.has(Guard.DECIDE):
                stone.decided = stone.decided or "undelete"
                if stone.decided != "undelete":
                    continue
            yield
            for pack in stone.names & self.packs.keys():
                self.packs[pack].is_in_trash = False
            stone.is_spent = True
            yield
        going = {n for s in self.tombstones.values() if not s.is_spent for n in s.names}
        there = {c for n, p in self.packs.items() if self._covers(n, p, going) for c in p.chunks}
        point = self.points.get(name)
        is_whole = point is not None and point.chunks <= there and name not in self.deleted
        if point is not None and is_whole and self._admit(point.intent, name):
            self.committed[name] = point
        yield

    # -- what must hold

    def harm(self) -> str | None:
        """A point that was promised and cannot be restored, if there is one.

        Once somebody undeleted, an object may be in the trash for a while still: a collector that had not
        heard of it puts it there, and the next run brings it back.
        """
        packs = self.packs.values()
        there = {c for p in packs if self.readable(p) or not self.is_strict for c in p.chunks}
        for name, point in self.committed.items():
            if name not in self.deleted and not point.chunks <= there:
                return f"{name} needs {sorted(point.chunks - there)}"
        return self.broken

    def litter(self) -> set[int]:
        """Packs without a chunk that some root needs. Ask when all is visible."""
        wanted = {c for point in self.roots().values() for c in point.chunks}
        return {number for number, pack in self.packs.items() if not pack.chunks & wanted}
