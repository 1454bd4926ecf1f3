"""What is in a vault and how much of each object is needed: a mark from all roots, then the weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from sys import intern

from safehold.core.errors import CollectionRefused, Damaged, KeyMismatch, ObjectMissing
from safehold.store.backends.tiers import LABELS, is_cold, label_of, object_of
from safehold.store.collect.marking import Marking
from safehold.store.collect.needed import NeededIds
from safehold.store.collect.pages import PageReader
from safehold.store.collect.roots import Roots, refused_for
from safehold.store.collect.weighing import Weights, weigh
from safehold.store.fragments.places import ObjectRef
from safehold.store.index.condemned import read_notes
from safehold.store.index.index import LOST, Fragment, FragmentLike, build_fragment
from safehold.store.index.labels import read_label
from safehold.store.index.rebuilding import CHUNK_FOLDERS
from safehold.store.names import ObjectType
from safehold.store.restoring.chunks import FrameReader
from safehold.store.sealed.objects import Directory, may_be_whole
from safehold.store.vault_store import VaultStore

PAGE_CACHE_BYTES = 16 << 20  # a mark comes to each page once, mostly in the order in which they were written
POINTS, TREES, INDEX = ObjectType.POINT.folder, ObjectType.TREE.folder, ObjectType.INDEX.folder


@dataclass(frozen=True, slots=True)
class Survey:
    """What one look at a vault has shown.

    sizes       of all objects that hold chunks, and of the index's
    published   names that the index speaks of: nobody takes those back
    unreadable  objects whose directory cannot be had, so that it is not known what they hold
    fragments   of the index that count, readable or not; nothing needs what others say too, or stray parts
    named       what open tombstones name
    condemned   objects of which something is damaged
    rewritten   packs whose living part was lately stored anew
    needed      all that the roots need; whoever asked for the survey closes it
    """

    roots: Roots
    sizes: Mapping[str, int]
    weights: Weights
    published: Set[str]
    unreadable: Set[str]
    fragments: Set[str]
    page_count: int
    named: Set[str]
    condemned: Set[str]
    rewritten: Set[str]
    needed: NeededIds

    @property
    def total_bytes(self) -> int:
        return sum(self.weights.total)

    @property
    def live_bytes(self) -> int:
        return sum(self.weights.live)

    def is_needed(self, name: str) -> bool:
        """Also when it is not known what it holds."""
        if name.startswith(INDEX):
            return name.partition(".")[0] in self.fragments  # a part's name begins with its fragment's
        if name.startswith(LABELS):
            name = object_of(name)
            # What a tombstone names may lie in the trash: should it come back, its label comes, too.
            return (name in self.sizes or name in self.named) and self.is_needed(name)
        is_root = name.startswith(POINTS) and name.removeprefix(POINTS) in self.roots.kept
        return is_root or name in self.unreadable or self.weights.is_needed(name)

    def at_stake(self, name: str) -> float:
        """Bytes of an object that would go, but for the part that lies in cold storage for sure."""
        number = self.weights.numbers.get(name)
        if number is None or not self.weights.total[number]:
            return self.sizes[name]
        return self.sizes[name] * (1.0 - self.weights.moved[number] / self.weights.total[number])

    def unneeded(self) -> dict[str, str]:
        """Names of objects that may be announced, and why."""
        reasons = {name: self._reason(name) for name in self.sizes if not self.is_needed(name)}
        return {name: why for name, why in reasons.items() if why is not None}

    def _reason(self, name: str) -> str | None:
        if name.startswith(INDEX):
            return "another fragment says all that it says"
        if name.startswith(POINTS):
            return self._reason_of_point(name.removeprefix(POINTS))
        if name.startswith(LABELS):
            return self._reason(object_of(name))  # they come and go together
        if name not in self.published and self.roots.intents:
            return None  # perhaps of a writer at work: it would only have to be kept again
        if name in self.rewritten:
            return "what is needed of it was stored anew in another pack"
        number = self.weights.numbers.get(name)
        if number is not None and self.weights.moved[number]:
            return "what is needed of it lies in cold storage"
        return "no root needs any chunk of it"

    def _reason_of_point(self, point_id: str) -> str | None:
        if point_id in self.roots.deleted:
            return "the point was deleted, and no root needs any chunk of it"
        return "its writer was revoked before it was admitted" if point_id in self.roots.void else None


def survey(store: VaultStore, roots: Roots, named: Set[str], rewritten: Set[str] = frozenset()) -> Survey:
    """Mark from the roots and weigh all objects; `named` is in open tombstones.

    rewritten  packs that are to go as soon as all that is needed of them lies elsewhere
    Raises CollectionRefused, StoreUnavailable.
    """
    # ORDER: labels first: a label that is listed had its object before.
    kinds = (ObjectType.LABEL, *CHUNK_FOLDERS, ObjectType.COLD)
    # Interned: hundreds of thousands of names stand in several places here, and each is kept once.
    sizes = {intern(info.name): info.size_bytes for kind in kinds for info in store.backend.list(kind.folder)}
    loaded = store.index_folder.load()
    published = {intern(ref.name) for fragment in loaded.fragments for ref in fragment.objects}
    condemned = {stored.note.object for stored in read_notes(store.backend, store.object)}

    def stays(ref: ObjectRef) -> bool | None:
        if roots.headers.get(ref.name, ref.header) != ref.header:
            return None
        is_known = ref.name in published or ref.name.startswith(POINTS)
        is_whole = may_be_whole(sizes.get(ref.name, 0)) and ref.name not in unsound
        is_staying = ref.name not in named and ref.name not in rewritten
        if is_cold(ref.name):
            is_staying = is_staying and label_of(ref.name) in sizes and label_of(ref.name) not in named
        return is_known and is_whole and is_staying and not _is_void(ref, roots)

    needed, cold_needed = NeededIds(), NeededIds()
    with ExitStack() as undo, closing(cold_needed):
        undo.callback(needed.close)
        try:
            page_count, damaged = _mark(store, roots, {*sizes, *named}, needed, cold_needed)
            unsound = condemned | damaged
            rest, unreadable = _uncovered(store, loaded.fragments, published, {*sizes, *named})
            weights = weigh([*loaded.fragments, rest], needed, stays, cold_needed)
        except LOST as error:
            raise CollectionRefused(f"the index cannot be read through: {error}") from error
        undo.pop_all()
    index_sizes = {info.name: info.size_bytes for info in store.backend.list(INDEX)}
    return Survey(
        roots=roots,
        sizes=sizes | index_sizes,
        weights=weights,
        published=published,
        unreadable=unreadable,
        fragments={*(fragment.name for fragment in loaded.fragments), *loaded.unreadable},
        page_count=page_count,
        named=named,
        condemned=condemned,
        rewritten=rewritten,
        needed=needed,
    )


def _is_void(ref: ObjectRef, roots: Roots) -> bool:
    return ref.name.startswith(POINTS) and ref.name.removeprefix(POINTS) in roots.void


def _mark(
    store: VaultStore, roots: Roots, names: Set[str], needed: NeededIds, cold_needed: NeededIds
) -> tuple[int, Set[str]]:
    """How many pages were read, and objects that did not give back a page that another one had."""
    pages = pages_among(store, names)
    warm, cold = Marking(pages.read, needed), Marking(pages.read, needed, cold_needed)

    def markings(point_id: str) -> list[Marking]:
        """A cold point that is pinned counts as warm, too, and needs in cold storage what it needed."""
        marked_cold = [cold] if point_id in roots.cooled else []
        return marked_cold if point_id in roots.cold else [*marked_cold, warm]

    for point_id in sorted(roots.kept - roots.pinned):
        try:
            for marking in markings(point_id):
                marking.mark(roots.points[point_id].root)
        except CollectionRefused as error:
            raise refused_for(f"what point {point_id} needs cannot be told: {error}") from error
    # A pin may be younger than the deletion, and then its writer does not rely on the point: what was taken
    # before is no loss. What is missed of an older one goes only when its writer has ended. Nor does anybody
    # rely on a point that is asked back.
    for point_id in sorted(roots.pinned):
        for marking in markings(point_id):
            marking.mark_readable(roots.points[point_id].root, ())
    for checkpoint in roots.checkpoints:
        begun = [unfinished.item.content for unfinished in checkpoint.unfinished]
        warm.mark_readable(checkpoint.root, [content for content in begun if content])
    return warm.page_count + cold.page_count, pages.damaged


def pages_among(store: VaultStore, names: Iterable[str]) -> PageReader:
    """All pages that lie in those objects. Raises StoreUnavailable."""
    frames = FrameReader(store.backend, store.keys, store.vault_id, cache_bytes=PAGE_CACHE_BYTES)
    pages = PageReader(frames, store.keys.chunk_id_key)
    pages.know(sorted(name for name in names if name.startswith((TREES, POINTS))), store.object)
    return pages


def _uncovered(
    store: VaultStore, known: Sequence[FragmentLike], covered: Set[str], names: Set[str]
) -> tuple[Fragment, Set[str]]:
    """A fragment of the directories of all objects that no other one speaks of; and what cannot be read.

    covered  names that the known ones speak of
    """
    rest: list[tuple[ObjectRef, Directory]] = []
    unreadable = set()
    for name in sorted(names):
        if name.startswith((INDEX, LABELS)) or (name in covered and not name.startswith(POINTS)):
            continue
        if is_cold(name):
            _read_label(store, name, rest)
            continue
        try:
            opened = store.object(name)
        except ObjectMissing:
            continue  # RACE: taken back by its writer, or taken away by another run
        except (Damaged, KeyMismatch):
            unreadable.add(name)
            continue
        ref = ObjectRef(name, opened.seal.header)
        if not any(fragment.covers(ref) for fragment in known):
            rest.append((ref, opened.directory))
    return build_fragment(rest), unreadable


def _read_label(store: VaultStore, name: str, rest: list[tuple[ObjectRef, Directory]]) -> None:
    """One without a label, that no fragment speaks of either, is a leaving of a writer that died."""
    with suppress(Damaged, KeyMismatch, ObjectMissing):
        label = read_label(store.object, name)
        rest.append((label.ref, label.directory))
