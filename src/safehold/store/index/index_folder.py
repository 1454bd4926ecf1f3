"""A vault's `index/`: fragments written, opened, and merged so that they stay few."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import repeat
from typing import NamedTuple

from safehold.core.errors import ObjectMissing
from safehold.store.backends.contract import Backend
from safehold.store.backends.memory import MemoryBackend
from safehold.store.fragments.fragment_writer import FragmentWriter, WrittenFragment
from safehold.store.fragments.places import ObjectRef
from safehold.store.fragments.stored_fragment import VERSION, BlockCache, StoredFragment
from safehold.store.index.fragment_merging import (
    ROWS_AT_HAND,
    merged_rows,
    renumbered_rows,
    to_merge,
    united_objects,
)
from safehold.store.index.index import LOST, FragmentLike, Index, parse_fragment, rows_over, version_of
from safehold.store.names import ObjectType
from safehold.store.sealed.keys import VaultKeys
from safehold.store.sealed.objects import Directory, SealedObject

WHOLE_BYTES = 512 << 10  # one read instead of five, for 512 KiB in memory; some 8,500 rows


class Loaded(NamedTuple):
    """What `index/` holds.

    unreadable  name -> why
    replaced    objects of fragments that are there although another one says all that they say
    stray       parts that no fragment names: of a merge that died, or of one that is under way
    """

    fragments: list[FragmentLike]
    unreadable: dict[str, str]
    replaced: list[str]
    stray: list[str]


class IndexFolder:
    """Threads may share it."""

    def __init__(self, backend: Backend, keys: VaultKeys, vault_id: bytes) -> None:
        self._backend = backend
        self._keys = keys
        self._vault_id = vault_id
        self._cache = BlockCache()

    def open(self, name: str, *, size_bytes: int | None = None) -> FragmentLike:
        """A fragment of any version; a short one is read whole. Raises what LOST names."""
        backend = self._backend
        if size_bytes is not None and size_bytes <= WHOLE_BYTES:
            backend = MemoryBackend()
            backend.put(name, [self._backend.get(name)])
        opened = SealedObject(backend, self._keys, self._vault_id, name)
        head = opened.frame(0) if opened.directory.frames else b""
        if version_of(head) == VERSION:
            return StoredFragment(opened, head, backend, self._keys, self._vault_id, self._cache)
        return parse_fragment(map(opened.frame, range(len(opened.directory.frames))), name=name)

    def load(self) -> Loaded:
        """Every fragment that counts. Reads of each its head alone, but for those of version 1."""
        while True:
            sizes = {info.name: info.size_bytes for info in self._backend.list(ObjectType.INDEX.folder)}
            loaded = self._load(sizes)
            # RACE: a fragment that was listed may be merged and taken away before it is opened.
            gone = [name for name in loaded.unreadable if not self._is_there(name)]
            if not gone:
                return loaded

    def write(self, objects: Iterable[tuple[ObjectRef, Directory]]) -> WrittenFragment:
        """Store a fragment over those objects. Raises StoreError."""
        refs, rows = rows_over(objects)
        writer = self._writer(len(rows))
        writer.add_objects(refs)
        return _fill(writer, [rows])

    def tend(self, index: Index) -> None:
        """Merge the index's fragments when they are many; it then uses the merged one. Raises StoreError."""
        fragments = {fragment.name: fragment for fragment in index.fragments() if fragment.name}
        names = to_merge({name: len(fragment) for name, fragment in fragments.items()})
        if names:
            with suppress(*LOST):  # then they stay as they are; verify tells
                written = self.merge([fragments[name] for name in names])
                index.replace(set(names), self.open(written.name))

    def merge(
        self,
        fragments: Sequence[FragmentLike],
        *,
        without: Container[str] = (),
        also_replaces: Collection[str] = (),
    ) -> WrittenFragment:
        """One fragment that says what those say, and that it replaces them. They are left where they are.

        without        names of objects that were deleted because no point needs them
        also_replaces  names of other fragments, readable or not, that the new one takes the place of
        Raises StoreError, Damaged when one of them is not what was written; nobody sees anything of it then.
        """
        replaces = {fragment.name for fragment in fragments} | set(also_replaces)
        there = {info.name for info in self._backend.list(ObjectType.INDEX.folder)}
        # What those replaced and was not yet taken away must not count again once they are.
        replaces |= {old for fragment in fragments for old in replaced_by(fragment)} & there
        writer = self._writer(sum(map(len, fragments)), replaces=sorted(replaces))
        numbers = [array("I", bytes(4 * len(fragment.objects))) for fragment in fragments]
        writer.add_objects(united_objects(fragments, numbers, without))
        most = ROWS_AT_HAND // max(1, len(fragments))
        return _fill(writer, merged_rows(map(renumbered_rows, fragments, numbers, repeat(most))))

    def _writer(self, most_rows: int, replaces: Sequence[str] = ()) -> FragmentWriter:
        return FragmentWriter(
            self._backend, self._keys, self._vault_id, most_rows=most_rows, replaces=replaces
        )

    def _is_there(self, name: str) -> bool:
        return any(info.name == name for info in self._backend.list(ObjectType.INDEX.folder))

    def _load(self, sizes: Mapping[str, int]) -> Loaded:
        parts: dict[str, set[str]] = defaultdict(set)  # by the name of their fragment
        for name in sizes:
            if is_part(name):
                parts[name.partition(".")[0]].add(name)
        opened: dict[str, FragmentLike] = {}
        unreadable: dict[str, str] = {}
        replaced: set[str] = set()
        whole = [name for name in sizes if not is_part(name)]
        # ORDER: long ones first, so that most of what they replace is never opened.
        for name in sorted(whole, key=lambda name: _extent(name, parts[name], sizes), reverse=True):
            if name not in replaced:
                try:
                    opened[name] = self._open_listed(name, sizes[name], parts[name])
                    replaced.update(replaced_by(opened[name]))
                except LOST as error:
                    unreadable[name] = str(error)
        kept = [fragment for name, fragment in sorted(opened.items()) if name not in replaced]
        gone = sorted(name for name in sizes if name.partition(".")[0] in replaced)
        stray = sorted(part for name in parts.keys() - sizes.keys() for part in parts[name])
        lost = {name: why for name, why in unreadable.items() if name not in replaced}
        return Loaded(kept, lost, gone, stray)

    def _open_listed(self, name: str, size: int, parts: Container[str]) -> FragmentLike:
        fragment = self.open(name, size_bytes=size)
        for part in parts_of(fragment):
            if part not in parts:
                raise ObjectMissing(f"{part}, which is a part of it, is not there")
        return fragment


def is_part(name: str) -> bool:
    """Is it a part of a fragment, of no use alone?"""
    return "." in name


def parts_of(fragment: FragmentLike) -> list[str]:
    return [ref.name for ref in fragment.head.parts] if isinstance(fragment, StoredFragment) else []


def replaced_by(fragment: FragmentLike) -> list[str]:
    return fragment.head.replaces if isinstance(fragment, StoredFragment) else []


def _extent(name: str, parts: Iterable[str], sizes: Mapping[str, int]) -> int:
    return sizes[name] + sum(sizes[part] for part in parts)


def _fill(writer: FragmentWriter, runs: Iterable[list[bytes]]) -> WrittenFragment:
    with writer:
        for rows in runs:
            writer.add(rows)
        return writer.finish()
