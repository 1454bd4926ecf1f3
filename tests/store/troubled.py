"""Work on a vault whose place goes wrong at one operation of all that it takes, and what must hold then."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TypeVar

from safehold.core.errors import CollectionRefused, SafeholdError, StoreUnavailable
from safehold.core.secrets import RootKey
from safehold.store.backends.contract import Backend
from safehold.store.backends.faulty import Fault, FaultyBackend, Trouble
from safehold.store.backends.memory import MemoryBackend
from safehold.store.backends.passing import PassingBackend
from safehold.store.cold.cold import cool
from safehold.store.collect.settings import CollectionSettings
from safehold.store.collect.undeleting import undelete
from safehold.store.copies.copying import CopyOrder, copy_point
from safehold.store.custody.key_rotation import reepoch, rewrap
from safehold.store.key_providers.key_file import KeyFile
from safehold.store.soundness.verify import verify
from safehold.store.upkeep.heal import heal_from
from safehold.store.upkeep.index_rebuild import rebuild_index
from safehold.store.upkeep.scrub import scrub
from safehold.store.vault_store import VaultStore
from tests.store.collect.worlds import VaultWorld
from tests.store.resumed import Attempt, Cut
from tests.store.vaults import ROOT_KEY, VAULT_ID, Tree, back_up, flat, open_store, restore

T = TypeVar("T")

MIB = 1 << 20
AT_ONCE = CollectionSettings(grace_seconds=0, trash_seconds=0, silence_seconds=0, most_dead_percent=100.0)
READS, WRITES = (Trouble.FLIP, Trouble.CUT), (Trouble.FULL, Trouble.UNSURE, Trouble.FORGET)
KEY = KeyFile(RootKey(ROOT_KEY))


def noise(size: int, seed: int) -> bytes:
    return random.Random(seed).randbytes(size)


TREES: dict[str, Tree] = {
    "old": {b"large": noise(MIB + 9000, 1), b"d": {b"a": b"alpha"}},
    "kept": {b"large": noise(MIB + 9000, 2), b"d": {b"a": b"alpha", b"b": b"beta"}},
    "small": {b"d": {b"a": b"alpha", b"c": noise(2000, 3)}},
    "new": {b"large": noise(MIB + 9000, 4), b"d": {b"a": b"alpha", b"c": noise(2000, 3)}},
    "once more": {b"large": noise(MIB + 9000, 2), b"d": {b"a": b"alpha", b"b": b"beta"}},
    "again": {b"large": noise(MIB + 9000, 2), b"d": {b"a": b"alpha", b"new": b"n"}},
    "in pieces": {b"d": {b"a": b"alpha", b"p": noise(9000, 7)}, b"large": noise(5 * MIB, 8), b"z": b"last"},
    "copy": {b"large": noise(MIB + 9000, 5), b"d": {b"a": b"alpha"}, b"e": {b"x": b"1"}},
    "next copy": {b"large": noise(MIB + 9000, 6), b"d": {b"a": b"alpha"}, b"e": {b"x": b"2"}},
}
KEPT = ("kept", "small")
PIECES = 3  # that a backup which is cut off has taken in


def vault(backend: MemoryBackend) -> VaultWorld:
    """Three points, the oldest of them deleted."""
    world = VaultWorld(backend)
    for point, previous in (("old", None), ("kept", "old"), ("small", "kept")):
        back_up(world.store(), point, TREES[point], previous=previous)
    world.delete("old")
    return world


def copy_of(backend: MemoryBackend) -> MemoryBackend:
    copy = MemoryBackend()
    copy.objects = dict(backend.objects)
    return copy


def collect(world: VaultWorld) -> None:
    for _ in range(5):
        world.collection(settings=AT_ONCE).run()
        world.wait(timedelta(seconds=1))


def _nothing(world: VaultWorld) -> None:
    del world


def _lose_a_pack(world: VaultWorld) -> None:
    store = world.store()
    needed = store.objects_used(store.point("kept"))
    world.backend.delete(next(name for name in sorted(needed) if name.startswith("packs/")))


def _collect_half(world: VaultWorld) -> None:
    for _ in range(2):
        world.collection(settings=AT_ONCE).run()


def _cool(world: VaultWorld) -> None:
    cool(world.store(), "kept", now=world.now)


def _cool_and_delete(world: VaultWorld) -> None:
    for point in ("old", "kept"):
        world.store().amend(point, "undeletion", {}, written_at=world.now + 1)
        cool(world.store(), point, now=world.now)
    collect(world)
    world.store().amend("old", "deletion", {}, written_at=world.now + 2)
    world.wait(timedelta(seconds=10))


def _restore_all(world: VaultWorld) -> None:
    for point in KEPT:
        assert restore(world.store(), point) == flat(TREES[point]), "a restore gave other bytes"


def _heal(world: VaultWorld) -> None:
    other = VaultStore.for_writing(MemoryBackend(), KeyFile(RootKey(b"o" * 32)), b"o" * 16)
    back_up(other, "kept", TREES["kept"])
    heal_from(world.store(), other, dry_run=False)


def _elsewhere(backend: MemoryBackend) -> VaultStore:
    return open_store(backend, root_key=b"o" * 32, vault_id=b"o" * 16)


@cache
def _source_of_copies() -> MemoryBackend:
    backend = MemoryBackend()
    back_up(_elsewhere(backend), "copy", TREES["copy"])
    back_up(_elsewhere(backend), "next copy", TREES["next copy"], previous="copy")
    return backend


def _copy_in(point: str, *earlier: str) -> Callable[[VaultWorld], None]:
    """The point comes from another vault, which is sound."""

    def run(world: VaultWorld) -> None:
        source = _elsewhere(copy_of(_source_of_copies()))
        order = CopyOrder(point, point, "arn", "job")
        copy_point(source, world.store(), order, earlier=earlier, advance=lambda i, b: None)

    return run


def _copy_out(world: VaultWorld) -> None:
    """Two points go to another vault, which is sound: what it has is whole, whatever happens here."""
    target = MemoryBackend()
    try:
        for point, earlier in (("kept", []), ("small", ["kept"])):
            order = CopyOrder(point, point, "arn", "job")
            copy_point(world.store(), _elsewhere(target), order, earlier=earlier, advance=lambda i, b: None)
    finally:
        for point in _elsewhere(target).points():
            assert restore(_elsewhere(target), point) == flat(TREES[point]), "a copy holds other bytes"


def _change_keys(world: VaultWorld) -> None:
    reepoch(world.backend, VAULT_ID, KEY)
    rewrap(world.backend, VAULT_ID, old=KEY, new=KeyFile(RootKey(b"n" * 32)))
    rewrap(world.backend, VAULT_ID, old=KeyFile(RootKey(b"n" * 32)), new=KEY)


def _back_up(point: str) -> Callable[[VaultWorld], None]:
    return lambda world: _discard(back_up(world.store(), point, TREES[point], previous="kept"))


def _attempt(world: VaultWorld) -> Attempt:
    """A backup that writes down how far it is, after each piece that it took in."""

    def note(name: str) -> None:
        world.noted = name

    return Attempt(
        world.store(), TREES["in pieces"], world.clock, previous="kept", noted=note, point="in pieces"
    )


def _cut_off(world: VaultWorld) -> None:
    """It has the small files and a part of what is large."""
    attempt = _attempt(world)

    def let_go(name: str) -> None:
        world.noted = name
        if len(attempt.names) == PIECES:
            raise Cut

    attempt.noted = let_go
    with suppress(Cut):
        attempt.run()


def _go_on(world: VaultWorld) -> None:
    _attempt(world).run(world.noted)


def _collect_and_go_on(world: VaultWorld) -> None:
    collect(world)
    _go_on(world)


def _discard(what: object) -> None:
    del what


@dataclass(frozen=True, slots=True)
class Work:
    """before: what is done to the vault on a sound place; is_sound: are all kept points whole then?

    many: of its cases that the slow tier takes, when there are more
    """

    run: Callable[[VaultWorld], None]
    before: Callable[[VaultWorld], None] = _nothing
    is_sound: bool = True
    many: int = 150


WORKS: dict[str, Work] = {
    "a backup with packs": Work(_back_up("new")),
    "a small backup": Work(_back_up("again")),
    "a backup with checkpoints": Work(_go_on, many=50),
    "a backup gone on with": Work(_go_on, _cut_off, many=50),
    "a collection beside a backup that was cut off": Work(_collect_and_go_on, _cut_off, many=15),
    "restores": Work(_restore_all),
    "a collection": Work(collect),
    "an undeletion": Work(
        lambda world: _discard(undelete(world.store(), points=["old"], now=world.now)), _collect_half
    ),
    "a copy from it": Work(_copy_out),
    "a copy into it": Work(_copy_in("copy")),
    "a further copy into it": Work(_copy_in("next copy", "copy"), _copy_in("copy")),
    "healing": Work(_heal, _lose_a_pack, is_sound=False),
    "a new index": Work(lambda world: _discard(rebuild_index(world.store(), dry_run=False))),
    "a change of keys": Work(_change_keys),
    "a move to cold storage": Work(_cool),
    "a collection of what was moved": Work(collect, _cool, many=40),
    "a collection of what is cold": Work(collect, _cool_and_delete, many=40),
    "a second move": Work(_cool, _cool, many=40),
    "a scrub": Work(
        lambda world: _discard(scrub(world.store(), budget_bytes=1 << 30, clock=world.clock, pause=_pass))
    ),
}


def _pass(seconds: float) -> None:
    del seconds


class Tally(PassingBackend):
    """Counts calls by operation, and fails all of them after so many."""

    def __init__(self, inner: Backend, stops_after: int | None = None) -> None:
        super().__init__(inner)
        self.calls: Counter[str] = Counter()
        self._stops_after = stops_after

    def _call(self, operation: str, name: str, work: Callable[[], T]) -> T:
        self.calls[operation] += 1
        if self._stops_after is not None and self.calls.total() > self._stops_after:
            raise StoreUnavailable(f"{operation} of {name}: the place is gone")
        return work()


@dataclass(frozen=True, slots=True)
class Case:
    """number: of the call that goes wrong; without a trouble the place is gone from there on."""

    operation: str
    number: int
    trouble: Trouble | None

    def around(self, backend: Backend) -> Backend:
        if self.trouble is None:
            return Tally(backend, stops_after=self.number)
        fault = Fault(self.operation, self.trouble, self.number, self.number, lag_seconds=1.0)
        return FaultyBackend(backend, [fault], sleep=_pass)


def prepared(work: Work, base: MemoryBackend) -> VaultWorld:
    world = VaultWorld(copy_of(base))
    work.before(world)
    return world


def cases(work: Work, base: MemoryBackend) -> Iterator[Case]:
    """One for each operation that the work takes, and each way in which that may go wrong."""
    world = prepared(work, base)
    world.backend = tally = Tally(world.backend)
    work.run(world)
    for operation, count in tally.calls.items():
        special = {"get": READS, "put": WRITES}.get(operation, ())
        for number in range(1, count + 1):
            for trouble in (Trouble.FAIL, Trouble.LAG, *special):
                yield Case(operation, number, trouble)
    yield from (Case("any", number, None) for number in range(tally.calls.total()))


def some_of(found: Sequence[Case], most: int, seed: int) -> Sequence[Case]:
    if len(found) <= most:
        return found
    return random.Random(seed).sample(list(found), most)


def try_out(work: Work, base: MemoryBackend, case: Case) -> list[str]:
    """Do the work while that goes wrong; what does not hold afterwards."""
    world = prepared(work, base)
    sound = world.backend
    world.backend = case.around(sound)
    error: SafeholdError | None = None
    try:
        work.run(world)
    except SafeholdError as raised:
        error = raised
    world.backend = sound
    wrong = _what_is_wrong(sound, is_sound=work.is_sound, may_lack=case.trouble is Trouble.FORGET)
    if case.trouble is Trouble.LAG and error is not None:
        wrong.append(f"a slow answer is an error: {error}")
    return wrong or _once_more(work, world, may_lack=case.trouble is Trouble.FORGET)


def _what_is_wrong(backend: Backend, *, is_sound: bool, may_lack: bool) -> list[str]:
    store = open_store(backend)
    broken = {point for point in store.points() if not _is_whole(store, point)}
    problems = verify(store, read_data=True, pause=_pass).problems
    wrong = [f"{point} is lost" for point in KEPT if point not in set(store.points())]
    if is_sound:
        wrong += [f"{point} is not what it was" for point in KEPT if point in broken]
    if broken and not problems:
        wrong.append(f"verify sees nothing, but {sorted(broken)} cannot be restored")
    if problems and is_sound and not may_lack:
        wrong += [f"verify: {problem}" for problem in problems]
    return wrong


def _is_whole(store: VaultStore, point: str) -> bool:
    if store.is_deleted(point):
        return True
    try:
        return restore(store, point) == flat(TREES[point])
    except (SafeholdError, AssertionError):
        return False


def _once_more(work: Work, world: VaultWorld, *, may_lack: bool) -> list[str]:
    """The same again, now that nothing goes wrong; then a backup, and collection."""
    try:
        try:
            work.run(world)
        except CollectionRefused:
            if not may_lack:  # a place that forgot a part of the journal makes it stop, rightly
                raise
        store = world.store()
        back_up(store, "once more", TREES["once more"], previous="kept")
    except SafeholdError as error:
        return [f"then: {type(error).__name__}: {error}"]
    wrong = _what_is_wrong(world.backend, is_sound=not may_lack, may_lack=may_lack)
    if restore(open_store(world.backend), "once more") != flat(TREES["once more"]):
        wrong.append("a further backup does not restore")
    return wrong
