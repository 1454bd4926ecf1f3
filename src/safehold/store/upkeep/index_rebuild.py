"""The index made anew from the directories of packs, trees and points alone.

# INVARIANT: nothing is edited or deleted. A new fragment says what the objects say, and that it takes the
place of those that were there before; collection takes these.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeAlias

from safehold.core.errors import Damaged, KeyMismatch, ObjectMissing, StoreError, WritersAtWork
from safehold.store.collect.journal import Journal
from safehold.store.fragments.id_set import IdSet
from safehold.store.fragments.places import PLACE, ObjectRef, Place
from safehold.store.index.index import Fragment, FragmentLike, build_fragment
from safehold.store.index.index_folder import is_part
from safehold.store.index.labels import cold_directories
from safehold.store.index.rebuilding import CHUNK_FOLDERS
from safehold.store.names import ObjectType
from safehold.store.restoring.verdicts import read_again
from safehold.store.sealed.chunking import ID_BYTES
from safehold.store.sealed.objects import Directory
from safehold.store.sealed.sealing import HEADER_BYTES
from safehold.store.soundness.verify import verify
from safehold.store.vault_store import VaultStore
from safehold.store.writers.intent_folder import IntentFolder

GROUP_ENTRIES = 500_000  # built in memory at a time, some 80 MiB
MAX_TOLD = 1000
SOMETHING = ObjectRef(
    ObjectType.PACK.folder + "0" * 32, bytes(HEADER_BYTES)
)  # is gone, and nobody knows what

Group: TypeAlias = list[tuple[ObjectRef, Directory]]


@dataclass(slots=True)
class RebuildReport:
    """entries   of all objects that could be opened; missing: of them, those that the old index did not have
    surplus   entries of the old index that no object has: wrong, or of objects that are gone
    unread    objects that could not be opened: name -> why; what is in them is in no index now
    lost      objects that the old index speaks of and that are gone, though collection did not take them;
              1 when it is only known that points lack something
    """

    objects: int = 0
    lost: int = 0
    entries: int = 0
    missing: int = 0
    surplus: int = 0
    fragments_before: int = 0
    unreadable_fragments: int = 0
    is_written: bool = False
    unread_count: int = 0
    unread: dict[str, str] = field(default_factory=dict)

    @property
    def is_needed(self) -> bool:
        """Does the index there differ from what the objects say?"""
        return bool(self.missing or self.surplus or self.unreadable_fragments)


class Rebuild:
    """One run over one vault."""

    def __init__(self, store: VaultStore) -> None:
        self.report = RebuildReport()
        self._store = store
        # ORDER: fragments are listed before objects: one that is written meanwhile is not taken the place of.
        self._old = [info.name for info in store.backend.list(ObjectType.INDEX.folder)]
        self._index = store.index()
        self.report.fragments_before = sum(not is_part(name) for name in self._old)
        self.report.unreadable_fragments = len(self._index.unreadable)
        self._known = IdSet()  # entries that objects have, by chunk and place
        self._names = [info.name for kind in CHUNK_FOLDERS for info in store.backend.list(kind.folder)]
        self._cold = [info.name for info in store.backend.list(ObjectType.COLD.folder)]
        self._listed = {*self._names, *self._cold}

    def run(self, *, dry_run: bool, is_confirmed: bool) -> RebuildReport:
        if not (dry_run or is_confirmed):
            # ORDER: asked after the objects were listed: whose objects these are, he was announced before.
            self._refuse_if_written_to()
        written: list[FragmentLike] = []
        for group in self._groups():
            self._compare(build_fragment(group))
            if not dry_run:
                name = self._store.index_folder.write(group).name
                written.append(self._store.index_folder.open(name))
        self._count_surplus()
        lost = self._lost()
        if not (lost or dry_run) and self._lacks_something():
            lost = [SOMETHING]
        self.report.lost = len(lost)
        if lost and not dry_run:
            name = self._store.index_folder.write((ref, Directory(1, [])) for ref in lost).name
            written.append(self._store.index_folder.open(name))
        if written or (self._old and not dry_run):
            replaced = [name for name in self._old if not is_part(name)]
            self._store.index_folder.merge(written, also_replaces=replaced)
            self.report.is_written = True
        return self.report

    def _refuse_if_written_to(self) -> None:
        store = self._store
        writers = IntentFolder(store.backend, store.keys, store.vault_id).live()
        if writers:
            named = ", ".join(sorted({intent.writer or intent.intent_id for intent in writers}))
            count = f"{len(writers)} writer{'s' if len(writers) > 1 else ''}"
            raise WritersAtWork(f"{count} may be at work in this vault: {named}")

    def _lacks_something(self) -> bool:
        """Do points need what is in no object? Where fragments are lost, none may tell of what is gone."""
        fresh = VaultStore(self._store.backend, self._store.keys, self._store.vault_id)
        problems = verify(fresh, read_data=False).problems
        return any(problem.where.startswith("point ") for problem in problems)

    def _lost(self) -> list[ObjectRef]:
        """The new index names them, too, though it places nothing there: so writers notice the gap, and do
        not take over unseen what points refer to there."""
        spoken_of = {ref for fragment in self._index.fragments() for ref in fragment.objects}
        gone = {ref for ref in spoken_of if ref.name not in self._listed and ref != SOMETHING}
        purged = self._purged() if gone else set()
        return sorted(ref for ref in gone if ref.name not in purged)

    def _purged(self) -> set[str]:
        store, purged = self._store, set[str]()
        with suppress(Damaged, KeyMismatch, ObjectMissing):
            for run in Journal(store.backend, store.keys, store.vault_id).runs():
                purged |= run.names_of("purged")
        return purged

    def _groups(self) -> Iterator[Group]:
        group: Group = []
        entries = 0
        for pair in self._objects():
            group.append(pair)
            entries += sum(len(note.lengths) for note in pair[1].frames)
            if entries >= GROUP_ENTRIES:
                yield group
                group, entries = [], 0
        if group:
            yield group

    def _objects(self) -> Iterator[tuple[ObjectRef, Directory]]:
        for name in self._names:
            try:
                opened = read_again(lambda name=name: self._store.object(name))  # type: ignore[misc]
            except (Damaged, KeyMismatch, ObjectMissing) as error:
                self._tell(name, str(error))
                continue
            self.report.objects += 1
            yield ObjectRef(name, opened.seal.header), opened.directory
        yield from self._cold_objects()

    def _cold_objects(self) -> Iterator[tuple[ObjectRef, Directory]]:
        """As their labels say: an archive is asked for nothing."""
        for pair in cold_directories(self._cold, self._store.object, tell=self._tell_error):
            self.report.objects += 1
            yield pair

    def _tell_error(self, name: str, error: StoreError) -> None:
        self._tell(name, str(error))

    def _tell(self, name: str, why: str) -> None:
        self.report.unread_count += 1
        if len(self.report.unread) < MAX_TOLD:
            self.report.unread[name] = why

    def _compare(self, fragment: Fragment) -> None:
        for number in range(len(fragment)):
            identity = fragment.ids[ID_BYTES * number : ID_BYTES * (number + 1)]
            place = _place(fragment, number)
            self.report.entries += 1
            self._known.add(_entry(identity, place))
            self.report.missing += place not in self._index.places(identity)

    def _count_surplus(self) -> None:
        for fragment in self._index.fragments():
            objects = fragment.objects
            for rows in fragment.rows():
                for row in rows:
                    number, *rest = PLACE.unpack_from(row, ID_BYTES)
                    is_known = number < len(objects) and (
                        _entry(row[:ID_BYTES], Place(objects[number], *rest)) in self._known
                    )
                    self.report.surplus += not is_known


def _place(fragment: Fragment, row: int) -> Place:
    number, *rest = PLACE.unpack_from(fragment.places, PLACE.size * row)
    return Place(fragment.objects[number], *rest)


def _entry(identity: bytes, place: Place) -> bytes:
    """Eight bytes for a chunk at a place."""
    told = (identity, place.object, place.frame, place.sealed_offset, place.sealed_bytes, place.offset)
    return (hash((*told, place.length)) & (1 << 64) - 1).to_bytes(8, "big")


def rebuild_index(store: VaultStore, *, dry_run: bool, is_confirmed: bool = False) -> RebuildReport:
    """Make the index anew; `dry_run` only tells how the one that is there differs.

    Nobody may be writing into the vault: what a session has stored and no fragment names yet, it may take
    back. The store that it was given keeps the index it had read.

    is_confirmed  writers that are announced are dead, somebody said so
    Raises WritersAtWork, StoreUnavailable, StoreFull.
    """
    return Rebuild(store).run(dry_run=dry_run, is_confirmed=is_confirmed)
