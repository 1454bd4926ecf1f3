"""Is everything there that the vault's points need, and is it what was written?

The structure check reads records and trees and asks the index for every chunk; with `read_data` every
frame of every object is opened and every chunk's bytes are held against its id. Memory: some bytes for each
chunk and folder, whatever the number of points; lists of any length are passed through, not kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from safehold.core.errors import Damaged, KeyMismatch, ObjectMissing, StoreError, StoreUnavailable
from safehold.domain.items import CONTENT_KINDS, Item, ItemKind, join
from safehold.store.backends.tiers import is_cold, label_of
from safehold.store.fragments.id_set import IdSet
from safehold.store.fragments.places import Place
from safehold.store.names import ObjectType
from safehold.store.points.locking import intruders
from safehold.store.points.points import PointRecord
from safehold.store.restoring.verdicts import Verdict, read_again, verdict_on
from safehold.store.sealed.chunking import ZERO_ID
from safehold.store.soundness.checking import Pause, check_object
from safehold.store.soundness.cold_checks import check_unread, is_dear
from safehold.store.trees.contents import decode_content
from safehold.store.trees.trees import read_directory
from safehold.store.vault_store import VaultStore

Advance = Callable[[int, int], None]

MAX_TOLD = 10_000  # problems kept in full; more are counted only
SILENT_IN_A_ROW = 16  # objects that a store gave no answer about: it is the store that fails, not they
CHECKED = (
    ObjectType.PACK,
    ObjectType.TREE,
    ObjectType.POINT,
    ObjectType.AMENDMENT,
    ObjectType.INDEX,
    ObjectType.COLD,
    ObjectType.LABEL,
)
READ_ERRORS = (Damaged, KeyMismatch, ObjectMissing, StoreUnavailable)


@dataclass(frozen=True, slots=True)
class Problem:
    """where: an object's name, or `point <id>`; path: the item that is affected, b"" for all of it."""

    where: str
    path: bytes
    what: str
    verdict: Verdict = Verdict.DAMAGED


@dataclass(slots=True)
class VerifyReport:
    points: int = 0
    objects: int = 0
    items: int = 0
    chunks: int = 0
    bytes_read: int = 0
    problem_count: int = 0
    unreadable_count: int = 0  # of the problems: where nothing is known, and it is worth trying again
    problems: list[Problem] = field(default_factory=list)
    intruder_count: int = 0  # versions and marks by others: nothing is lost by them, but somebody tried
    intruders: list[Problem] = field(default_factory=list)

    @property
    def is_well(self) -> bool:
        return self.problem_count == 0 and self.intruder_count == 0

    @property
    def verdict(self) -> Verdict:
        """The worst of all: damage is certain, what could not be read is not."""
        if self.problem_count > self.unreadable_count:
            return Verdict.DAMAGED
        return Verdict.UNREADABLE if self.unreadable_count else Verdict.OK

    def add(self, where: str, path: bytes, what: str, verdict: Verdict = Verdict.DAMAGED) -> None:
        self.problem_count += 1
        self.unreadable_count += verdict is Verdict.UNREADABLE
        if len(self.problems) < MAX_TOLD:
            self.problems.append(Problem(where, path, what, verdict))

    def add_intruder(self, name: str, what: str) -> None:
        self.intruder_count += 1
        if len(self.intruders) < MAX_TOLD:
            self.intruders.append(Problem(name, b"", what, Verdict.OK))


@dataclass(slots=True)
class _Folder:
    """A directory being checked, and the one it is in. `open_count`: itself and those below not yet done."""

    path: bytes
    root_id: bytes
    parent: _Folder | None
    is_well: bool = True
    open_count: int = 1


class Verification:
    """One run over one vault. Raises StoreUnavailable when the backend itself fails: that proves nothing."""

    def __init__(
        self,
        store: VaultStore,
        *,
        advance: Advance = lambda items, size: None,
        pause: Pause = time.sleep,
    ) -> None:
        self.report = VerifyReport()
        self._store = store
        self._advance = advance
        self._pause = pause
        self._silent_in_a_row = 0
        self._sizes: dict[str, int] = {}
        self._sound = IdSet()  # chunks already judged sound; others are judged again wherever they turn up
        self._well = IdSet()  # directories known to be well with all below them, by root page
        self._is_void: Callable[[PointRecord], bool] = lambda record: False
        self._damaged_frames: set[tuple[str, int]] = set()
        self._lost_objects: set[str] = set()

    def run(self, *, read_data: bool) -> VerifyReport:
        # ORDER: a backup beside us stores objects before the record that needs them: records are listed
        # first.
        points = list(self._store.points())
        for kind in CHECKED:
            for info in self._store.backend.list(kind.folder):
                self._sizes[info.name] = info.size_bytes
        # What is not there, or damaged, is no place to stop at: the index then tells of further ones.
        self._store.index().note_objects(self._sizes)
        self._is_void = self._void_check()
        if read_data:
            for name, size_bytes in self._sizes.items():
                self._read_object(name, size_bytes)
        self._check_labels()
        self._check_index()
        self._note_intruders()
        for point_id in points:
            self._check_point(point_id)
        self._check_index()  # what was found while its blocks were read
        return self.report

    def _check_labels(self) -> None:
        """An object of cold storage that points rely on has its label: without it the index cannot be made
        again."""
        for name in filter(is_cold, self._sizes):
            if label_of(name) not in self._sizes and self._store.index().names(name):
                self.report.add(
                    name, b"", "its label is not there: move the points in it to cold storage again"
                )

    def _note_intruders(self) -> None:
        for version in intruders(self._store.backend):
            what = "was marked as deleted" if version.is_marker else "was written over"
            self.report.add_intruder(
                version.name, f"{what} by others; the first version is there and is read"
            )

    def _check_index(self) -> None:
        self._store.index()
        told = {problem.where for problem in self.report.problems}
        for name, why in self._store.unreadable_fragments.items():
            if name not in told:
                self.report.add(name, b"", why)

    def _read_object(self, name: str, size_bytes: int) -> None:
        if is_dear(self._store, name):
            check = check_unread(self._store, name, size_bytes)
        else:
            check = check_object(self._store, name, size_bytes, pause=self._pause)
        self.report.objects += 1
        self.report.bytes_read += check.bytes_read
        self._advance(check.chunks, size_bytes)
        self._note_answer(is_silent=check.verdict is Verdict.UNREADABLE, why=check.why)
        if check.is_gone:
            return  # whether that matters is for the points to say
        for what in check.problems:
            self.report.add(name, b"", what, check.verdict)
        if check.verdict is Verdict.DAMAGED:
            self._damaged_frames.update((name, number) for number in check.frames)
            if check.why:
                self._lost_objects.add(name)
            self._store.index().note_condemned(name, None if check.why else list(check.frames))

    def _note_answer(self, *, is_silent: bool, why: str) -> None:
        self._silent_in_a_row = self._silent_in_a_row + 1 if is_silent else 0
        if self._silent_in_a_row >= SILENT_IN_A_ROW:
            raise StoreUnavailable(f"{SILENT_IN_A_ROW} objects one after another could not be read: {why}")

    def _tell(self, where: str, path: bytes, what: str, error: StoreError) -> None:
        verdict = verdict_on(error)
        self.report.add(where, path, what.format(error), verdict)
        self._note_answer(is_silent=verdict is Verdict.UNREADABLE, why=str(error))

    def _void_check(self) -> Callable[[PointRecord], bool]:
        try:
            return read_again(self._store.void_check)
        except READ_ERRORS as error:
            self._tell("revocations", b"", "what they say cannot be read: {}", error)
            return lambda record: False

    def _check_point(self, point_id: str) -> None:
        self.report.points += 1
        where = f"point {point_id}"
        try:
            record = read_again(lambda: self._store.point(point_id))
        except READ_ERRORS as error:
            self._tell(where, b"", "{}", error)
            return
        if self._is_void(record):
            return  # its writer was revoked: what it needed may have been collected
        try:
            is_deleted = read_again(lambda: self._store.is_deleted(point_id))
        except READ_ERRORS as error:
            self._tell(where, b"", "its amendments cannot be read: {}", error)
            is_deleted = False
        if not is_deleted:
            self._check_tree(where, record)

    def _check_tree(self, where: str, record: PointRecord) -> None:
        pending = [_Folder(b"", record.root.content or b"", None)]
        while pending:
            folder = pending.pop()
            if folder.root_id not in self._well:
                problems_before = self.report.problem_count
                below = self._check_folder(where, folder)
                folder.open_count += len(below)
                folder.is_well &= self.report.problem_count == problems_before
                pending.extend(reversed(below))
            self._done(folder)

    def _done(self, folder: _Folder | None) -> None:
        """One more of what is in that folder was checked; when that was all, its parent waits for one less.

        A folder that is well is shared with other points: judged once. One with trouble somewhere below is
        looked at again for each point, so that every affected point and path is told.
        """
        while folder is not None:
            folder.open_count -= 1
            if folder.open_count:
                return
            if folder.is_well:
                self._well.add(folder.root_id)
            elif folder.parent is not None:
                folder.parent.is_well = False
            folder = folder.parent

    def _check_folder(self, where: str, folder: _Folder) -> list[_Folder]:
        """Check what is in a folder; returns the folders in it."""
        below = []
        try:
            for item in self._items(folder):
                path = join(folder.path, item.name)
                if item.kind == ItemKind.DIRECTORY:
                    below.append(_Folder(path, item.content or b"", folder))
                elif item.kind in CONTENT_KINDS:
                    self._check_content(where, path, item)
        except READ_ERRORS as error:
            self._tell(where, folder.path, "this folder's list cannot be read: {}", error)
        return below

    def _items(self, folder: _Folder) -> Iterator[Item]:
        for item in read_directory(folder.root_id, self._store.chunks().read):
            self.report.items += 1
            yield item

    def _check_content(self, where: str, path: bytes, item: Item) -> None:
        length, is_whole = 0, True
        try:
            for part in decode_content(item.content or b"", item.size_bytes, self._store.chunks().read):
                length += part.length
                is_whole &= part.id == ZERO_ID or self._is_sound(part.id, part.length)
        except READ_ERRORS as error:
            self._tell(where, path, "{}", error)
            return
        if length != item.size_bytes:
            self.report.add(where, path, "its content list is not as long as the item")
        if not is_whole:
            self.report.add(where, path, "bytes of it are missing or damaged")

    def _is_sound(self, identity: bytes, length: int) -> bool:
        if identity in self._sound:
            return True
        self.report.chunks += 1
        places = self._store.chunks().places(identity)
        is_sound = any(self._is_there(place, length) for place in places)
        if is_sound:
            self._sound.add(identity)
        return is_sound

    def _is_there(self, place: Place, length: int) -> bool:
        size = self._sizes.get(place.object.name)
        if size is None or place.object.name in self._lost_objects or place.length != length:
            return False
        is_inside = place.sealed_offset + place.sealed_bytes <= size
        return is_inside and (place.object.name, place.frame) not in self._damaged_frames


def verify(
    store: VaultStore, *, read_data: bool, advance: Advance | None = None, pause: Pause = time.sleep
) -> VerifyReport:
    """Check the whole vault; `read_data` also opens every object. See VerifyReport.

    pause  waits so many seconds before something that was wrong is read again
    Raises StoreUnavailable, KeyMismatch.
    """
    told = advance or (lambda items, size: None)
    return Verification(store, advance=told, pause=pause).run(read_data=read_data)
