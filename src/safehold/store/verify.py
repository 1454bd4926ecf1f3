"""Is everything there that the vault's points need, and is it what was written?

The structure check reads records and trees and asks the index for every chunk; with `read_data` every
frame of every object is opened and every chunk's bytes are held against its id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from safehold.core.errors import Damaged, KeyMismatch, ObjectMissing
from safehold.domain.items import CONTENT_KINDS, Item, ItemKind, Listing, join
from safehold.store.chunking import ID_BYTES, ZERO_ID, chunk_id
from safehold.store.contents import decode_content
from safehold.store.index import Place
from safehold.store.objects import FrameKind, SealedObject
from safehold.store.points import PointRecord
from safehold.store.sealing import HEADER_BYTES, ObjectType
from safehold.store.trees import read_directory
from safehold.store.vault_store import VaultStore

Advance = Callable[[int, int], None]

MAX_TOLD = 10_000  # problems kept in full; more are counted only


@dataclass(frozen=True, slots=True)
class Problem:
    """where: an object's name, or `point <id>`; path: the item that is affected, b"" for all of it."""

    where: str
    path: bytes
    what: str


@dataclass(slots=True)
class VerifyReport:
    points: int = 0
    objects: int = 0
    items: int = 0
    chunks: int = 0
    bytes_read: int = 0
    problem_count: int = 0
    problems: list[Problem] = field(default_factory=list)

    @property
    def is_well(self) -> bool:
        return self.problem_count == 0

    def add(self, where: str, path: bytes, what: str) -> None:
        self.problem_count += 1
        if len(self.problems) < MAX_TOLD:
            self.problems.append(Problem(where, path, what))


@dataclass(slots=True)
class _Folder:
    """A directory being checked, and the one it is in."""

    path: bytes
    root_id: bytes
    parent: _Folder | None
    is_well: bool = True

    def is_not_well(self) -> None:
        folder: _Folder | None = self
        while folder is not None and folder.is_well:
            folder.is_well = False
            folder = folder.parent


class Verification:
    """One run over one vault. Raises StoreUnavailable when the backend itself fails: that proves nothing."""

    def __init__(self, store: VaultStore, *, advance: Advance = lambda items, size: None) -> None:
        self.report = VerifyReport()
        self._store = store
        self._advance = advance
        self._sizes: dict[str, int] = {}
        self._sound: dict[bytes, bool] = {}  # chunks already judged
        self._well: set[bytes] = set()  # directories known to be well with all below them, by root page
        self._damaged_frames: set[tuple[str, int]] = set()
        self._unreadable_objects: set[str] = set()

    def run(self, *, read_data: bool) -> VerifyReport:
        # ORDER: a backup beside us stores objects before the record that needs them: records are listed
        # first.
        points = list(self._store.points())
        for kind in ObjectType:
            for info in self._store.backend.list(kind.folder):
                self._sizes[info.name] = info.size_bytes
        if read_data:
            for name in self._sizes:
                self._read_object(name)
        self._check_index()
        for point_id in points:
            self._check_point(point_id)
        return self.report

    def _check_index(self) -> None:
        self._store.index()
        told = {problem.where for problem in self.report.problems}
        for name, why in self._store.unreadable_fragments.items():
            if name not in told:
                self.report.add(name, b"", why)

    def _read_object(self, name: str) -> None:
        self.report.objects += 1
        try:
            opened = self._store.object(name)
        except (Damaged, KeyMismatch, ObjectMissing) as error:
            self.report.add(name, b"", str(error))
            self._unreadable_objects.add(name)
            return
        for number in range(len(opened.directory.frames)):
            self._read_frame(opened, number)
        self._check_extent(opened)

    def _read_frame(self, opened: SealedObject, number: int) -> None:
        note = opened.directory.frames[number]
        try:
            plain = opened.frame(number)
            self._check_chunks(opened, number, plain)
        except (Damaged, ObjectMissing) as error:
            self._damaged_frames.add((opened.name, number))
            self.report.add(opened.name, b"", str(error))
        self.report.bytes_read += note.sealed_bytes
        self._advance(len(note.lengths), note.sealed_bytes)

    def _check_chunks(self, opened: SealedObject, number: int, plain: bytes) -> None:
        note = opened.directory.frames[number]
        if sum(note.lengths) != len(plain):
            raise Damaged(f"{opened.name}: frame {number} has {len(plain)} bytes, not {sum(note.lengths)}")
        if note.kind == FrameKind.RECORD:
            return
        offset = 0
        for position, length in enumerate(note.lengths):
            identity = note.ids[position * ID_BYTES : (position + 1) * ID_BYTES]
            if chunk_id(self._store.keys.chunk_id_key, plain[offset : offset + length]) != identity:
                raise Damaged(f"{opened.name}: frame {number} holds other bytes than its directory says")
            offset += length

    def _check_extent(self, opened: SealedObject) -> None:
        end = HEADER_BYTES + sum(note.sealed_bytes for note in opened.directory.frames)
        if end > self._sizes[opened.name]:
            self.report.add(opened.name, b"", "its frames reach past its end")

    def _check_point(self, point_id: str) -> None:
        self.report.points += 1
        where = f"point {point_id}"
        try:
            record = self._store.point(point_id)
        except (Damaged, KeyMismatch, ObjectMissing) as error:
            self.report.add(where, b"", str(error))
            return
        try:
            is_deleted = self._store.is_deleted(point_id)
        except (Damaged, KeyMismatch, ObjectMissing) as error:
            self.report.add(where, b"", f"its amendments cannot be read: {error}")
            is_deleted = False
        if not is_deleted:
            self._check_tree(where, record)

    def _check_tree(self, where: str, record: PointRecord) -> None:
        visited: list[_Folder] = []
        pending = [_Folder(b"", record.root.content or b"", None)]
        while pending:
            folder = pending.pop()
            if folder.root_id in self._well:
                continue
            visited.append(folder)
            problems_before = self.report.problem_count
            for listing in self._listing(where, folder.path, folder.root_id):
                below = self._check_items(where, listing)
                pending.extend(_Folder(join(folder.path, i.name), i.content or b"", folder) for i in below)
            if self.report.problem_count > problems_before:
                folder.is_not_well()
        # Shared with other points: judged once. One with trouble somewhere below is looked at again for each
        # point, so that every affected point and path is told.
        self._well.update(folder.root_id for folder in visited if folder.is_well)

    def _listing(self, where: str, path: bytes, root_id: bytes) -> Iterator[Listing]:
        try:
            yield Listing(path, list(read_directory(root_id, self._store.chunks().read)))
        except (Damaged, ObjectMissing) as error:
            self.report.add(where, path, f"this folder's list cannot be read: {error}")

    def _check_items(self, where: str, listing: Listing) -> list[Item]:
        below = []
        for item in listing.items:
            self.report.items += 1
            if item.kind == ItemKind.DIRECTORY:
                below.append(item)
            elif item.kind in CONTENT_KINDS:
                self._check_content(where, join(listing.path, item.name), item)
        return below

    def _check_content(self, where: str, path: bytes, item: Item) -> None:
        try:
            parts = list(decode_content(item.content or b"", item.size_bytes, self._store.chunks().read))
        except (Damaged, ObjectMissing) as error:
            self.report.add(where, path, str(error))
            return
        if sum(part.length for part in parts) != item.size_bytes:
            self.report.add(where, path, "its content list is not as long as the item")
        if not all(part.id == ZERO_ID or self._is_sound(part.id, part.length) for part in parts):
            self.report.add(where, path, "bytes of it are missing or damaged")

    def _is_sound(self, identity: bytes, length: int) -> bool:
        sound = self._sound.get(identity)
        if sound is None:
            self.report.chunks += 1
            places = self._store.chunks().places(identity)
            sound = any(self._is_there(place, length) for place in places)
            self._sound[identity] = sound
        return sound

    def _is_there(self, place: Place, length: int) -> bool:
        size = self._sizes.get(place.object.name)
        if size is None or place.object.name in self._unreadable_objects or place.length != length:
            return False
        is_inside = place.sealed_offset + place.sealed_bytes <= size
        return is_inside and (place.object.name, place.frame) not in self._damaged_frames


def verify(store: VaultStore, *, read_data: bool, advance: Advance | None = None) -> VerifyReport:
    """Check the whole vault; `read_data` also opens every object. See VerifyReport.

    Raises StoreUnavailable, KeyMismatch.
    """
    return Verification(store, advance=advance or (lambda items, size: None)).run(read_data=read_data)
