"""Packs of which much is dead: what lives in them is written anew, so that the rest can go.

# INVARIANT: nothing is taken away here. A writer like any other, with an intent of its own, stores again
# what is needed and names it in an index fragment. That the old pack is not needed any more is then found by
# the next run's survey, which announces it as it announces everything. Cut off anywhere, nothing is lost, and
# what a fragment names is not stored again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from safehold.core.errors import ConfigError, Damaged, KeyMismatch, ObjectMissing
from safehold.store.backends.contract import Backend, locking
from safehold.store.collect.needed import KEPT_BYTES, NeededIds
from safehold.store.collect.settings import CollectionSettings
from safehold.store.collect.survey import Survey
from safehold.store.fragments.places import ObjectRef, Place
from safehold.store.index.index import ids_in, ids_of
from safehold.store.names import ObjectType
from safehold.store.points.locking import first_version
from safehold.store.restoring.chunks import FrameReader
from safehold.store.sealed.chunking import chunk_id
from safehold.store.sealed.objects import FrameKind, FrameNote, SealedObject
from safehold.store.vault_store import VaultStore
from safehold.store.writing.packing import ALONE_BYTES, PACK_BYTES
from safehold.store.writing.session import Session

PACKS = ObjectType.PACK.folder
MOST_ASKED = 1000  # packs whose lock is looked at in one run: each is a request
MOST_CHUNKS = 1 << 19  # in the packs of one run: their ids are held in memory, 60 MB
LOST = (Damaged, KeyMismatch, ObjectMissing)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pack. size_bytes: as stored; plain_bytes of all its chunks, live_bytes of those that must be kept."""

    name: str
    size_bytes: int
    plain_bytes: int
    live_bytes: int

    @property
    def live_part(self) -> float:
        return self.live_bytes / self.plain_bytes

    @property
    def dead_percent(self) -> float:
        return 100.0 * (1.0 - self.live_part)

    @property
    def written_bytes(self) -> int:
        """About what storing it anew will take."""
        return round(self.size_bytes * self.live_part)


def candidates(found: Survey, going: Set[str], settings: CollectionSettings) -> list[Candidate]:
    """Packs that are dead enough, those that free most for what they cost first."""
    chosen = []
    for name, number in found.weights.numbers.items():
        plain = found.weights.total[number]
        live = found.weights.live[number] + found.weights.lone[number]
        if not (name.startswith(PACKS) and 0 < live < plain and _is_settled(found, name, going)):
            continue
        candidate = Candidate(name, found.sizes[name], plain, live)
        if candidate.dead_percent >= settings.repack_percent:
            chosen.append(candidate)
    return sorted(chosen, key=lambda candidate: (candidate.live_part, candidate.name))


def _is_settled(found: Survey, name: str, going: Set[str]) -> bool:
    """Named by a fragment, there, whole, and not on its way out."""
    is_there = name in found.sizes and name in found.published
    return is_there and name not in found.named and name not in found.condemned and name not in going


def within_budget(
    ordered: Iterable[Candidate], may_go: Callable[[str], bool], *, written: int, dead: int
) -> Iterator[Candidate]:
    """As many as may be done in a run.

    written  bytes that may be stored; dead: bytes that may become free
    """
    for candidate in islice(ordered, MOST_ASKED):
        freed = candidate.size_bytes - candidate.written_bytes
        if candidate.written_bytes <= written and freed <= dead and may_go(candidate.name):
            written -= candidate.written_bytes
            dead -= freed
            yield candidate


def plan(
    found: Survey,
    going: Set[str],
    backend: Backend,
    settings: CollectionSettings,
    now: datetime,
    *,
    is_confirmed: bool,
) -> list[Candidate]:
    """What this run writes anew: at most a tenth of the vault, or one pack of a small one.

    It frees no more than may go at once unless somebody has said so. Nothing that a lock keeps is among it:
    that would stay beside the new one.
    """
    whole = sum(found.sizes.values())
    dead = whole if is_confirmed else int(whole * settings.most_dead_percent / 100)
    written = min(settings.repack_bytes, max(whole // 10, PACK_BYTES))
    ordered = candidates(found, going, settings)
    free = within_budget(ordered, lambda name: not is_kept(backend, name, now), written=written, dead=dead)
    return list(free)


def is_kept(backend: Backend, name: str, now: datetime) -> bool:
    """Does a retention or a legal hold keep that object?"""
    locks = locking(backend)
    if locks is None:
        return False
    try:
        version = first_version(locks, name)
        kept = locks.retention(version)
        return (kept is not None and kept.until > now) or locks.is_held(version)
    except (ObjectMissing, ConfigError):
        return True  # RACE: gone since it was listed: nothing to do with it


class Repacking:
    """Stores again what is needed of the packs told. One use."""

    def __init__(self, store: VaultStore, needed: NeededIds, settings: CollectionSettings) -> None:
        """store: opened now, with intents of its own, so that collection waits for it as for every writer"""
        self._store = store
        self._needed = needed
        self._settings = settings
        self._frames = FrameReader(store.backend, store.keys, store.vault_id)
        self.new_bytes = 0  # plain, of all chunks that were stored again

    def open(self, chosen: Iterable[Candidate]) -> list[SealedObject]:
        """Those that can be opened and are as dead as they looked, within what memory allows for."""
        opened: list[SealedObject] = []
        chunks = 0
        for candidate in chosen:
            try:
                pack = self._store.object(candidate.name)
            except LOST:
                continue  # a scrub tells of it
            chunks += sum(len(note.lengths) for note in pack.directory.frames)
            if chunks > MOST_CHUNKS and opened:
                break
            if self._is_dead_enough(candidate, pack):
                opened.append(pack)
        return opened

    def _is_dead_enough(self, candidate: Candidate, pack: SealedObject) -> bool:
        """By its own directory: rows that two fragments have count twice in the weights."""
        plain = sum(sum(note.lengths) for note in pack.directory.frames if note.kind == FrameKind.DATA)
        dead = 100.0 * (1.0 - candidate.live_bytes / plain) if plain else 0.0
        return dead >= self._settings.repack_percent

    def run(self, packs: list[SealedObject], going: Set[str]) -> None:
        """Raises StoreError; what was not yet named in the index is taken back then.

        going  other objects that are on their way out
        """
        wanted = self._needed.among(identity for pack in packs for identity in ids_in(pack.directory))
        with self._store.session(parents=[]) as session:
            # What lies in these alone must be stored; what lies elsewhere as well, too, is there already.
            leaving = {*going, *(pack.name for pack in packs)}
            self._store.index_for_writing().note_tombstoned(leaving)
            for pack in packs:
                self._copy(pack, wanted, session)
            self.new_bytes = session.stats.new_bytes
            if session.stats.new_chunks:
                session.keep()

    def _copy(self, pack: SealedObject, wanted: Set[bytes], session: Session) -> None:
        """Frame after frame, so that chunks stay in the order of their paths."""
        ref = ObjectRef(pack.name, pack.seal.header)
        for number, (note, offset) in enumerate(zip(pack.directory.frames, pack.offsets, strict=True)):
            if note.kind != FrameKind.DATA:
                continue
            places = [
                (identity, Place(ref, number, offset, note.sealed_bytes, *extent))
                for identity, extent in _chunks_of(note)
                if identity[:KEPT_BYTES] in wanted
            ]
            if places:
                self._copy_chunks(places, session)

    def _copy_chunks(self, places: list[tuple[bytes, Place]], session: Session) -> None:
        try:
            frame = memoryview(self._frames.read_frame(places[0][1]))
        except LOST:
            return  # it stays needed where it is, and so does its pack
        for identity, place in places:
            data = frame[place.offset : place.offset + place.length]
            if chunk_id(self._store.keys.chunk_id_key, data) == identity:
                # A small one waits for others to share its frame: a view would keep the whole old one.
                session.add_chunk(identity, data if len(data) >= ALONE_BYTES else bytes(data))


def _chunks_of(note: FrameNote) -> Iterator[tuple[bytes, tuple[int, int]]]:
    """Each chunk's id, and where it lies in the plain frame."""
    offset = 0
    for identity, length in zip(ids_of(note), note.lengths, strict=True):
        yield identity, (offset, length)
        offset += length
