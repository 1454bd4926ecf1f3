"""One run of collection over one vault. docs/formats/collection.md says why it is done in this order.

Every step may be cut off anywhere and done again: what a run leaves unfinished, the next one goes on with.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace

from safehold.core.clock import Clock, to_micros
from safehold.core.errors import (
    CollectionRefused,
    Damaged,
    KeyMismatch,
    ObjectExists,
    ObjectLocked,
    ObjectMissing,
    StoreFull,
)
from safehold.store.backends.contract import Backend
from safehold.store.collect import repacking
from safehold.store.collect.checkpoints import read_checkpoints
from safehold.store.collect.checks import check_clocks, check_points, check_share
from safehold.store.collect.id_maps import tidy_maps
from safehold.store.collect.index_tidying import tidy_index
from safehold.store.collect.journal import VERSION as JOURNAL_VERSION
from safehold.store.collect.journal import Entry, Journal, Part, Seen
from safehold.store.collect.roots import RootReader, Roots
from safehold.store.collect.settings import MICROS, CollectionSettings
from safehold.store.collect.survey import Survey, survey
from safehold.store.collect.trash import Trash, TrashView
from safehold.store.collect.watch import Watch
from safehold.store.copies.id_map import MapFolder
from safehold.store.names import ObjectType
from safehold.store.points.checkpoints import CheckpointFolder
from safehold.store.points.points import UNDELETION, Amendment, is_asked_back, is_deleted, is_held
from safehold.store.vault_store import VaultStore
from safehold.store.writers.fences import Fence, NoFence
from safehold.store.writers.intent_folder import Intent, IntentFolder, Revocation
from safehold.store.writers.intents import Intents
from safehold.store.writers.tombstones import (
    VERSION,
    Announced,
    Decided,
    Listed,
    Spent,
    Stage,
    Tombstones,
    Trashed,
)

POINTS = ObjectType.POINT.folder


@dataclass(slots=True)
class CollectionReport:
    """What a run did, or would do. Names of objects; bytes are those of whole objects."""

    announced: list[str] = field(default_factory=list)
    announced_bytes: int = 0
    trashed: list[str] = field(default_factory=list)
    purged: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)  # named in a tombstone, and needed after all
    locked: list[str] = field(default_factory=list)  # a lock keeps them
    revoked: list[str] = field(default_factory=list)  # intents
    abandoned: list[str] = field(default_factory=list)  # checkpoints that nobody goes on with
    forgotten: list[str] = field(default_factory=list)  # tables of id maps that lead to nothing
    waiting_for: list[str] = field(default_factory=list)  # writers older than a tombstone
    repacked: list[str] = field(default_factory=list)  # packs of which what lives was stored anew
    repacked_bytes: int = 0  # plain, of what was stored anew
    asked_back: list[str] = field(default_factory=list)  # deleted points, kept as far as they can be read
    points: int = 0
    total_bytes: int = 0  # plain, of all chunks
    live_bytes: int = 0
    page_count: int = 0


class Collection:
    """Collects one vault; `run` may be called again and again. Not thread-safe."""

    def __init__(
        self,
        store: VaultStore,
        clock: Clock,
        *,
        settings: CollectionSettings | None = None,
        fence: Fence | None = None,
        who: str = "",
    ) -> None:
        self._backend: Backend = store.backend
        self._keys, self._vault_id = store.keys, store.vault_id
        self._clock = clock
        self._settings = settings or CollectionSettings()
        self._fence = fence or NoFence()
        self._who = who
        self._trash = Trash(self._backend)
        self._stones = Tombstones(self._backend, self._keys, self._vault_id)
        self._intents = IntentFolder(self._backend, self._keys, self._vault_id)
        self._checkpoints = CheckpointFolder(self._backend, self._keys, self._vault_id)
        self._journal = Journal(self._backend, self._keys, self._vault_id)
        self._watch = Watch(self._stones, clock)
        self._too_late: set[str] = set()  # points that were held when their purge had begun
        self.report = CollectionReport()

    def run(self, *, dry_run: bool = False, is_confirmed: bool = False) -> CollectionReport:
        """Take the next step for everything that is to go.

        is_confirmed  somebody said that more than the usual share may go
        Raises CollectionRefused, StoreUnavailable; what was done before stays done.
        """
        self.report = CollectionReport()
        # A store of its own each time: what it knows of the index is as of now.
        store = VaultStore(TrashView(self._backend), self._keys, self._vault_id)
        now = to_micros(self._clock.now())
        check_clocks(self._stones, self._intents, self._journal, now, self._settings)
        if not dry_run:
            self._bring_back_undeleted()
            self._bring_back_held()
            self._revoke_silent(now)
        reader = RootReader(store)
        roots, ready = self._roots_after_waiting(reader, now)
        check_points(store, self._journal, roots)
        saved = read_checkpoints(self._checkpoints, roots, self._journal, now, self._settings)
        roots = replace(roots, checkpoints=tuple(saved.kept))
        found = survey(store, roots, self._named(), self._lately(REWRITTEN))
        with closing(found.needed):
            self._tell(found)
            going = self._to_announce(found, is_confirmed=is_confirmed)
            packs = self._to_repack(found, going, is_confirmed=is_confirmed)
            self.report.abandoned = sorted(saved.over)
            if dry_run:
                self.report.announced = sorted(going)
                self.report.repacked = sorted(pack.name for pack in packs)
                return self.report
            self._journal.begin(self._seen(found, saved.left, now))
            self._drop(saved.over, now)
            self._act(found, going, ready, now)
            self._forget_names(found, now)
            tidy_index(store, self._lately("purged"))
            self._stones.forget(self._stones.listed())
            self._repack(packs, found, going, now)
        return self.report

    def _drop(self, checkpoints: Mapping[str, str], now: int) -> None:
        """What they alone refer to goes as everything does."""
        self._write(0, (("abandoned", name, why) for name, why in checkpoints.items()), now)
        for name in checkpoints:
            self._checkpoints.delete(name)

    def _forget_names(self, found: Survey, now: int) -> None:
        folder = MapFolder(self._backend, self._keys, self._vault_id)

        def note(going: Mapping[str, str]) -> None:
            self._write(0, (("forgotten", name, why) for name, why in going.items()), now)

        self.report.forgotten = tidy_maps(folder, found.roots, found.needed, note)

    def _act(self, found: Survey, going: dict[str, str], ready: list[int], now: int) -> None:
        self._write(0, (("revoked", name, "its writer fell silent") for name in self.report.revoked), now)
        self._write(0, (("back", name, "a hold keeps it") for name in self.report.kept), now)
        self._carry_out(found, ready, now)
        self._announce(going, found.roots, now)

    # -- before anything is decided

    def _bring_back_undeleted(self) -> None:
        """End what an undeletion began, and bring back what a run that had not heard of it took away.

        # ORDER: the trash is listed first: what a tombstone took that was announced since is none of that.
        """
        in_trash = self._trash.listed()
        listed = self._stones.listed()
        for number in listed.open:
            if self._is_undeleted(listed, number):
                self._bring_back(number)
        for number in in_trash.keys() - listed.open:
            self._trash.bring_all_back(number, in_trash[number])

    def _bring_back_held(self) -> None:
        """Records of points that were held, or asked back, after they had gone to the trash: they are roots
        again, and what they need is brought back as for every root. Once a purge has begun it is too late."""
        store = VaultStore(self._backend, self._keys, self._vault_id)
        for number, names in self._trash.listed().items():
            for name in names:
                if name.startswith(POINTS) and _is_wanted(store.amendments(name.removeprefix(POINTS))):
                    if self._is_being_purged(number, names):
                        self._too_late.add(name.removeprefix(POINTS))
                    else:
                        self._trash.bring_back(number, name)
                        self.report.kept.append(name)

    def _is_being_purged(self, number: int, in_trash: Sequence[str]) -> bool:
        """Has a purge been decided, and did it take something already?"""
        if Stage.DECIDED not in self._stones.listed().stages.get(number, ()):
            return False
        missing = [name for name in self._stones.trashed(number).names if name not in in_trash]
        folders = {name.split("/")[0] + "/" for name in missing}
        here = {info.name for folder in folders for info in self._backend.list(folder)}
        return any(name not in here for name in missing)

    def _is_undeleted(self, listed: Listed, number: int) -> bool:
        return Stage.DECIDED in listed.stages[number] and self._stones.decided(number).what == "undelete"

    def _bring_back(self, number: int) -> None:
        bring_back(self._trash, self._stones, number, now=to_micros(self._clock.now()))

    def _revoke_silent(self, now: int) -> None:
        for intent in self._intents.live():
            if self._is_silent(intent, now):
                self._revoke(intent, now)

    def _is_silent(self, intent: Intent, now: int) -> bool:
        """Did a collector see it as it is, so long ago? No other clock is asked."""
        for run in self._journal.runs(newest=1):
            sequence, first_seen = run.seen.intents.get(intent.intent_id, [0, now])
            if sequence == intent.sequence:
                return first_seen + self._settings.silence_seconds * MICROS <= now
        return False

    def _revoke(self, intent: Intent, now: int) -> None:
        store = VaultStore(TrashView(self._backend), self._keys, self._vault_id)
        # ORDER: what stands in the vault is admitted first: all that it needs is there still.
        for point_id in store.points():
            try:
                record = store.point(point_id)
            except (Damaged, KeyMismatch, ObjectMissing):
                continue
            if record.intent_id == intent.intent_id:
                self._fence.admit(intent.intent_id, point_id)
        admitted = self._fence.revoke(intent.intent_id)
        if admitted is None:
            return
        revocation = Revocation(
            version=1, intent_id=intent.intent_id, admitted=sorted(admitted), written_at=now
        )
        self._intents.revoke(revocation)
        # ORDER: the intent goes last: until then phase two waits for it.
        self._intents.end(intent.intent_id)
        self.report.revoked.append(intent.intent_id)

    def _roots_after_waiting(self, reader: RootReader, now: int) -> tuple[Roots, list[int]]:
        """The roots, and the open tombstones older than which no writer is at work any more.

        # ORDER: writers first, then the roots: what those writers committed is among them.
        """
        listed = self._stones.listed()
        epochs = {intent.intent_id: intent.epoch for intent in self._intents.live()}
        ready = [number for number in listed.open if not any(epoch < number for epoch in epochs.values())]
        oldest = max(listed.open, default=0)
        self.report.waiting_for = sorted(i for i, epoch in epochs.items() if epoch < oldest)
        deleted_before = now - int(self._settings.grace_seconds * MICROS)
        return reader.read(deleted_before=deleted_before), ready

    # -- what was found

    def _named(self) -> set[str]:
        """What open tombstones name."""
        return {name for n in self._stones.listed().open for name in self._stones.announced(n).names}

    def _tell(self, found: Survey) -> None:
        report = self.report
        report.points = len(found.roots.kept)
        report.asked_back = sorted(found.roots.asked)
        report.total_bytes, report.live_bytes = found.total_bytes, found.live_bytes
        report.page_count = found.page_count

    def _seen(self, found: Survey, left: dict[str, int], now: int) -> Seen:
        roots = found.roots
        return Seen(
            version=JOURNAL_VERSION,
            who=self._who,
            written_at=now,
            epoch=self._stones.listed().epoch,
            points=sorted(roots.points),
            roots=len(roots.kept),
            intents={i.intent_id: [i.sequence, self._first_seen(i, now)] for i in roots.intents},
            total_bytes=found.total_bytes,
            live_bytes=found.live_bytes,
            checkpoints=left,
        )

    def _first_seen(self, intent: Intent, now: int) -> int:
        for run in self._journal.runs(newest=1):
            sequence, first_seen = run.seen.intents.get(intent.intent_id, [0, now])
            return first_seen if sequence == intent.sequence else now
        return now

    def _write(self, tombstone: int, entries: Iterable[tuple[str, str, str]], now: int) -> None:
        noted = [Entry(*entry) for entry in entries]
        if noted:
            self._journal.add(Part(written_at=now, tombstone=tombstone, entries=noted))

    # -- announcing

    def _to_announce(self, found: Survey, *, is_confirmed: bool) -> dict[str, str]:
        """Objects that nothing needs, and why that is so."""
        named = self._named()
        going = {name: why for name, why in found.unneeded().items() if name not in named}
        # Of what was stored anew the dead part alone goes, which was limited before.
        counted = going.keys() - found.rewritten
        check_share(found, counted, self._settings, is_confirmed=is_confirmed)
        self.report.announced_bytes = sum(found.sizes[name] for name in going)
        return going

    def _announce(self, going: dict[str, str], roots: Roots, now: int) -> None:
        if not going:
            return
        number = self._stones.listed().epoch + 1
        names = sorted(going)
        self._write(number, (("announced", name, going[name]) for name in names), now)
        # Of a cold point nothing but the tree is spared for those who would build upon it.
        warm = sorted(roots.kept - roots.cooled)
        announced = Announced(version=VERSION, names=names, roots=warm, written_at=now)
        try:
            self._stones.put(number, announced)
        except ObjectExists:
            return  # RACE: another run has announced; the next one looks again
        self.report.announced = names

    # -- carrying out

    def _carry_out(self, found: Survey, ready: list[int], now: int) -> None:
        listed = self._stones.listed()
        for number in ready:
            stages = listed.stages.get(number, frozenset())
            if Stage.SPENT in stages or number not in listed.open:
                continue
            if Stage.TRASHED not in stages:
                self._move_to_trash(number, found, now)
            else:
                self._purge(number, found, now)

    def _move_to_trash(self, number: int, found: Survey, now: int) -> None:
        announced = self._stones.announced(number)
        if now < announced.written_at + self._settings.grace_seconds * MICROS:
            return
        kept = {name for name in announced.names if found.is_needed(name)}
        going = [name for name in announced.names if name not in kept]
        self.report.kept += sorted(kept)
        entries = [("trashed", name, "no root needs it, and no older writer is at work") for name in going]
        entries += [("kept", name, "a root needs it after all") for name in sorted(kept)]
        self._write(number, entries, now)
        try:
            # ORDER: written first: what a run that is cut off leaves in its place, the next one takes.
            self._stones.put(number, Trashed(names=going, written_at=now))
        except ObjectExists:
            # RACE: another run was first, and may know of roots that came since: what it spares, stays.
            going = sorted({*going} & {*self._stones.trashed(number).names})
        self._take(number, going)

    def _take(self, number: int, names: Iterable[str]) -> None:
        """Again for what is there already."""
        for name in self._watch.each(number, names):
            try:
                self._trash.take(number, name)
                self.report.trashed.append(name)
            except ObjectLocked:
                self.report.locked.append(name)

    def _purge(self, number: int, found: Survey, now: int) -> None:
        trashed = self._stones.trashed(number)
        if now < trashed.written_at + self._settings.trash_seconds * MICROS:
            if Stage.DECIDED not in self._stones.listed().stages[number]:
                self._set_right(number, trashed.names, found, now)
            return
        try:
            self._stones.put(number, Decided(what="purge", written_at=now))
        except ObjectExists:
            if self._stones.decided(number).what != "purge":
                return
        # RACE: who undeleted it may have ended it, and another run forgotten all but its number.
        self._watch.ask(number)
        # ORDER: nobody can undelete it any more. The roots were read before, so whether somebody just did
        # is asked once more.
        self._refuse_if_undeleted(found, trashed.names)
        kept = [name for name in trashed.names if found.is_needed(name)]
        entries = [("back", name, "a root needs it after all") for name in kept]
        gone = [name for name in trashed.names if name not in set(kept)]
        entries += [("purged", name, "its time in the trash is over") for name in gone]
        self._write(number, entries, now)
        self._trash.bring_all_back(number, kept)
        self.report.kept += kept
        # ORDER: into the trash first, also what a run that was cut off has left: what stays in place when its
        # tombstone is spent and its deletion gone would be alive again.
        self._take(number, self._left_in_place(gone, found))
        self._erase(number, gone, now)
        with suppress(ObjectExists):
            self._stones.put(number, Spent(written_at=now))

    def _set_right(self, number: int, names: Sequence[str], found: Survey, now: int) -> None:
        """What a run that was cut off had still to take goes; what an undeletion that was cut off needs comes
        back at once."""
        in_trash = set(self._trash.listed().get(number, ()))
        back = [name for name in names if name in in_trash and found.is_needed(name)]
        left = self._left_in_place(names, found)
        entries = [("back", name, "a root needs it after all") for name in back]
        entries += [("trashed", name, "left by a run that was cut off") for name in left]
        self._write(number, entries, now)
        self._trash.bring_all_back(number, back)
        self.report.kept += back
        self._take(number, left)

    def _left_in_place(self, names: Iterable[str], found: Survey) -> list[str]:
        """What a run that was cut off had still to take; not what was written anew under such a name."""
        here = [name for name in names if name in found.sizes and not found.is_needed(name)]
        return [name for name in here if self._trash.takes(name)]

    def _refuse_if_undeleted(self, found: Survey, names: Iterable[str]) -> None:
        """Or held. Also those whose records lie in the trash, where no root is looked for."""
        store = VaultStore(self._backend, self._keys, self._vault_id)
        trashed = {name.removeprefix(POINTS) for name in names if name.startswith(POINTS)}
        for point_id in found.roots.deleted | trashed - found.roots.kept - found.roots.void:
            told = store.amendments(point_id)
            is_undeleted = any(amendment.kind == UNDELETION for amendment in told) and not is_deleted(told)
            if is_undeleted or (_is_wanted(told) and point_id not in self._too_late):
                raise CollectionRefused(f"point {point_id} was undeleted or held while it was collected")

    def _erase(self, number: int, names: list[str], now: int) -> None:
        locked = [name for name in self._watch.each(number, names) if not self._trash.erase(number, name)]
        self._write(number, (("locked", name, "a lock keeps it") for name in locked), now)
        self.report.locked += locked
        self.report.purged += sorted({*names} - {*locked})
        # ORDER: a point's amendments go after its record: without its deletion it would be alive again.
        # RACE: a run that was held up for days may have put the record back just before it was erased.
        records = {name for name in names if name.startswith(POINTS) and name not in locked}
        back = {info.name for info in self._backend.list(POINTS)} if records else set()
        for name in sorted(records - back):
            folder = ObjectType.AMENDMENT.folder + name.removeprefix(POINTS) + "/"
            for info in list(self._backend.list(folder)):
                self._delete_unlocked(info.name)

    def _delete_unlocked(self, name: str) -> None:
        try:
            self._backend.delete(name)
        except ObjectLocked:
            self.report.locked.append(name)

    def _lately(self, action: str) -> set[str]:
        """With what objects the journal says that was done: by this run, or by one that may have been cut off
        before it had drawn its conclusions from it."""
        done: set[str] = set()
        for run in self._journal.runs(newest=LATE_RUNS):
            done |= run.names_of(action) - run.names_of("locked")
        return done

    # -- repacking

    def _to_repack(
        self, found: Survey, going: dict[str, str], *, is_confirmed: bool
    ) -> list[repacking.Candidate]:
        now = self._clock.now()
        return repacking.plan(
            found, going.keys(), self._backend, self._settings, now, is_confirmed=is_confirmed
        )

    def _repack(
        self, packs: list[repacking.Candidate], found: Survey, going: dict[str, str], now: int
    ) -> None:
        """Store anew what lives in them. The next run finds that nothing needs the old ones any more."""
        if not packs:
            return
        intents = Intents(
            self._backend, self._keys, self._vault_id, fence=self._fence, clock=self._clock, writer=self._who
        )
        store = VaultStore(self._backend, self._keys, self._vault_id, intents=intents)
        work = repacking.Repacking(store, found.needed, self._settings)
        opened = work.open(packs)
        dead = {pack.name: f"{pack.dead_percent:.0f} % of it is dead" for pack in packs}
        # ORDER: written first: should we be cut off, the next run prefers the new packs to these anyway.
        self._write(0, ((REWRITTEN, pack.name, dead[pack.name]) for pack in opened), now)
        with suppress(StoreFull):  # it waits until what goes has made room
            work.run(opened, going.keys())
            self.report.repacked = sorted(pack.name for pack in opened)
            self.report.repacked_bytes = work.new_bytes


REWRITTEN = "rewritten"
LATE_RUNS = 3


def _is_wanted(told: Sequence[Amendment]) -> bool:
    return is_held(told) or is_asked_back(told)


def bring_back(trash: Trash, stones: Tombstones, number: int, *, now: int) -> list[str]:
    """Everything that a tombstone took is where it was, and the tombstone is spent. Returns the names."""
    names = stones.announced(number).names
    trash.bring_all_back(number, names)
    with suppress(ObjectExists):
        stones.put(number, Spent(written_at=now))
    return names
