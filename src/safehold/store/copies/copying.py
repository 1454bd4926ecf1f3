"""A recovery point copied into another vault: other keys, other names of chunks, perhaps another place.

Everything is opened with the source's keys, proved against its names, and sealed and named anew. What the
target has is not stored again; where an earlier point of the resource was copied, only what changed since is
read. docs/formats/copies.md says what a copy is.

# INVARIANT: the target gets a whole point or none: its record is written last, and not at all when anything
# of the source is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

import msgspec

from safehold.core.errors import ObjectMissing, PointDamaged, WriterRevoked
from safehold.store.backends.contract import Retention
from safehold.store.backends.retention import MODE_FACT, UNTIL_FACT
from safehold.store.copies.copy_trees import NAMED_BYTES, Pair, TreeCopy
from safehold.store.copies.id_map import IdMap, MapFolder
from safehold.store.copies.rekeying import LOST, Advance, Rekeying
from safehold.store.points.locking import PointLock
from safehold.store.points.origins import copied_from, facts_of_copy
from safehold.store.points.points import RECORD_VERSION, PointRecord
from safehold.store.restoring.chunks import FrameReader
from safehold.store.vault_store import VaultStore
from safehold.store.writers.intents import Intents
from safehold.store.writing.session import Session

NOT_COPIED = (UNTIL_FACT, MODE_FACT)  # facts that are true of the source's objects alone
CANDIDATES = 4  # earlier copies that are looked at: each is a read or two in either vault


@dataclass(frozen=True, slots=True)
class CopyOrder:
    """What is to be copied, and what the copy will be.

    source_point_id     in the source vault
    point_id, point_arn of the copy, fixed when its job was made
    facts               of the copy's record, over those of the source's
    """

    source_point_id: str
    point_id: str
    point_arn: str
    job_id: str
    facts: Mapping[str, str] = field(default_factory=dict)


class _Before(NamedTuple):
    """A point of the source that was copied before, and its copy."""

    old: PointRecord
    copy: PointRecord


def copy_point(
    source: VaultStore,
    target: VaultStore,
    order: CopyOrder,
    *,
    earlier: Sequence[str] = (),
    kept: Retention | None = None,
    advance: Advance,
    named_bytes: int = NAMED_BYTES,
) -> PointRecord:
    """The target holds the point, whole; returns its record. Done again, it returns the one that is there.

    earlier  ids of the target's points of the same resource, the best first: of the first few that are
             copies, the first whose source is still kept is built upon
    kept     the lock that the copy gets, in a target that is locked: there before its record is
    advance  told (items, bytes) further; may raise to stop the copy, and then nothing of it shows
    Raises PointDamaged, ObjectMissing for a point that is not there or was deleted, WriterRevoked,
    ConfigError where the target cannot lock, StoreUnavailable, StoreFull. What was moved until then is used
    by the next attempt, or collected.
    """
    there = target.adopt_point(order.point_id)
    if there is not None:
        return there
    copies = _earlier_copies(source, target, earlier)
    wanted = [order.source_point_id, *(from_id for from_id, _ in copies)]
    with _standing(source, wanted):
        record = _kept(source, order.source_point_id)
        before = _before(source, copies)
        parents = [before.copy.point_id] if before else []
        lock = PointLock(kept, before.copy if before else None) if kept else None
        id_map = IdMap(MapFolder(target.backend, target.keys, target.vault_id), source.vault_id.hex())
        with target.session(parents=parents, lock=lock) as session:
            run = _tree_copy(source, target, session, id_map, advance, named_bytes)
            root = run.run(record.root, Pair(before.old.root, before.copy.root) if before else None)
            if root is None:
                raise PointDamaged(record.point_id, dict(run.lost))
            _count(session, record)
            new = msgspec.structs.replace(_renamed(source, record, order, before), root=root)
            id_map.keep()
            done = session.finish(new)
        id_map.tend()
        return done


def _earlier_copies(
    source: VaultStore, target: VaultStore, earlier: Iterable[str]
) -> list[tuple[str, PointRecord]]:
    """Points of the target that are copies from the source, each with the id of what it is a copy of."""

    def found() -> Iterator[tuple[str, PointRecord]]:
        for point_id in earlier:
            try:
                record = target.find_point(point_id)
            except LOST:
                continue
            origin = copied_from(record) if record is not None else None
            if record is not None and origin is not None and origin.vault_id == source.vault_id.hex():
                yield origin.point_id, record

    return list(islice(found(), CANDIDATES))


@contextmanager
def _standing(source: VaultStore, point_ids: Sequence[str]) -> Iterator[None]:
    """What these points need stays where it is, if they are kept points when this begins.

    # ORDER: the intent, which pins them, then a look whether they are kept. Whoever deletes one later, and
    # collects, sees the intent: it keeps what the intent pins, and carries out nothing that is newer.
    An intent of our own: one that is shared tells of new pins only when it is renewed.
    """
    shared = source.intents
    own = Intents(
        source.backend,
        source.keys,
        source.vault_id,
        fence=shared.fence,
        clock=shared.clock,
        writer=shared.writer,
        renew_seconds=shared.renew_seconds,
    )
    announcement = own.begin(point_ids)
    try:
        source.distrust_index_before(announcement.listed)
        yield
    finally:
        announcement.end()


def _kept(source: VaultStore, point_id: str) -> PointRecord:
    """The record of a point that is to be kept. Raises ObjectMissing, WriterRevoked, Damaged."""
    record = source.adopt_point(point_id)
    if record is None or source.is_deleted(point_id):
        raise ObjectMissing(f"point {point_id} is not in the source vault, or was deleted there")
    return record


def _before(source: VaultStore, copies: Iterable[tuple[str, PointRecord]]) -> _Before | None:
    for point_id, copy in copies:
        try:
            return _Before(_kept(source, point_id), copy)
        except (*LOST, WriterRevoked):
            continue  # nothing can be said by it: more is read then
    return None


def _tree_copy(
    source: VaultStore,
    target: VaultStore,
    session: Session,
    id_map: IdMap,
    advance: Advance,
    named_bytes: int,
) -> TreeCopy:
    rekeying = Rekeying(
        source.chunks(),
        FrameReader(source.backend, source.keys, source.vault_id),
        session,
        chunk_id_key=target.keys.chunk_id_key,
        get_page=target.chunks().read,
        places=target.chunks().places,
        id_map=id_map,
        advance=advance,
    )
    return TreeCopy(
        session,
        rekeying,
        source_page=source.chunks().read,
        target_page=target.chunks().read,
        page_key=target.keys.page_key,
        advance=advance,
        named_bytes=named_bytes,
    )


def _count(session: Session, record: PointRecord) -> None:
    """What is in the point is as it was; what was read and stored is the copy's own."""
    for name in ("items", "files", "total_bytes", "skipped_items", "surprises"):
        setattr(session.stats, name, getattr(record.stats, name))


def _renamed(
    source: VaultStore, record: PointRecord, order: CopyOrder, before: _Before | None
) -> PointRecord:
    facts = {name: value for name, value in record.facts.items() if name not in NOT_COPIED}
    return msgspec.structs.replace(
        record,
        version=RECORD_VERSION,
        point_id=order.point_id,
        point_arn=order.point_arn,
        job_id=order.job_id,
        previous_point_id=before.copy.point_id if before else None,
        facts={**facts, **order.facts, **facts_of_copy(record, source.vault_id)},
    )
