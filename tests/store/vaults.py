"""Small vaults for tests: trees of bytes and where they go, without any file system."""

from __future__ import annotations

import threading
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from safehold.core.secrets import RootKey
from safehold.domain.items import Facts, Item, ItemKind, Listing, PreviousTree, Unchanged, join
from safehold.store.backends.contract import Backend, ObjectInfo
from safehold.store.backends.memory import MemoryBackend
from safehold.store.key_providers.key_file import KeyFile
from safehold.store.points.locking import PointLock
from safehold.store.points.points import PointRecord
from safehold.store.sealed.chunking import InMemory
from safehold.store.vault_store import VaultStore

VAULT_ID = bytes(range(16))
ROOT_KEY = b"k" * 32


@dataclass(frozen=True)
class Other:
    """What is neither a file nor a directory."""

    kind: ItemKind
    facts: tuple[tuple[str, int | bytes], ...] = ()


Tree = Mapping[bytes, "bytes | Other | Tree"]  # a directory's entries
Flat = dict[bytes, "bytes | Other | None"]  # path -> what is there; None is a directory


def flat(tree: Tree, path: bytes = b"") -> Flat:
    found: Flat = {}
    for name, entry in tree.items():
        here = join(path, name)
        if isinstance(entry, Mapping):
            found[here] = None
            found |= flat(entry, here)
        else:
            found[here] = entry
    return found


class Blocks:
    """Content that comes in small pieces."""

    def __init__(self, data: bytes, block_bytes: int) -> None:
        self._content = InMemory(data)
        self._block_bytes = block_bytes

    def read_into(self, buffer: memoryview) -> int:
        return self._content.read_into(buffer[: self._block_bytes])

    def close(self) -> None:
        pass


class TreeSource:
    """A tree of bytes as a capture. Names in `vanished` are listed and then gone."""

    def __init__(
        self,
        tree: Tree,
        previous: PreviousTree,
        *,
        vanished: Sequence[bytes] = (),
        block_bytes: int = 1 << 20,
        tells_unchanged: bool = True,
        tells_whole: bool = False,
    ) -> None:
        """tells_unchanged: a directory of which nothing has changed is told as one
        tells_whole: and with all below it, if nothing of that has changed either"""
        self._tells_unchanged = tells_unchanged
        self._tells_whole = tells_whole
        self._tree = tree
        self._previous = previous
        self._files: dict[bytes, bytes] = {}
        self._vanished = set(vanished)
        self._block_bytes = block_bytes

    def root(self) -> Item:
        return Item(b"", ItemKind.DIRECTORY, 0, {"m": 0o755})

    def listings(self) -> Iterator[Listing | Unchanged]:
        listings = self._listings(b"", self._tree, self._previous.root())
        yield from wholes(list(listings)) if self._tells_whole else listings

    def _listings(self, path: bytes, tree: Tree, directory: Item | None) -> Iterator[Listing | Unchanged]:
        before = self._previous.listing(path)
        items = []
        for name in sorted(tree):
            item = self._item(join(path, name), name, tree[name])
            old = before.get(name)
            is_same = old is not None and (old.kind, old.facts) == (item.kind, item.facts)
            items.append(old if old is not None and is_same else item)
        yield self._unchanged(path, items, directory) or Listing(path, items)
        for name in sorted(tree):
            entry = tree[name]
            if isinstance(entry, Mapping):
                yield from self._listings(join(path, name), entry, before.get(name))

    def _unchanged(self, path: bytes, items: list[Item], directory: Item | None) -> Unchanged | None:
        before = list(self._previous.listing(path).values())
        is_same = len(before) == len(items) and all(a is b for a, b in zip(before, items, strict=True))
        encoded = self._previous.encoded(path, directory) if directory and directory.content else None
        if directory is None or encoded is None or not (is_same and self._tells_unchanged):
            return None
        folders = [item for item in items if item.kind == ItemKind.DIRECTORY]
        sizes = [item.size_bytes for item in items if item.kind == ItemKind.FILE]
        return Unchanged(path, directory, folders, len(items), len(sizes), sum(sizes))

    def _item(self, path: bytes, name: bytes, entry: bytes | Other | Tree) -> Item:
        if isinstance(entry, bytes):
            self._files[path] = entry
            return Item(name, ItemKind.FILE, len(entry), {"t": zlib.crc32(entry), "s": len(entry)})
        if isinstance(entry, Other):
            facts: Facts = dict(entry.facts)
            return Item(name, entry.kind, 0, facts)
        return Item(name, ItemKind.DIRECTORY, 0, {"m": 0o755})

    def read_whole(self, batch: Sequence[tuple[bytes, Item]]) -> list[tuple[bytes, Item] | None]:
        paths = [join(directory, item.name) for directory, item in batch]
        return [
            None if path in self._vanished else (self._files[path], item)
            for path, (_, item) in zip(paths, batch, strict=True)
        ]

    def open_volume(self, item: Item, before: Item | None) -> NoReturn:
        raise AssertionError(f"no volume is here: {item} {before}")

    def open(self, directory: bytes, item: Item) -> tuple[Blocks, Item] | None:
        path = join(directory, item.name)
        return None if path in self._vanished else (Blocks(self._files[path], self._block_bytes), item)


class TreeTarget:
    """Where a restore puts things: a dictionary by path."""

    def __init__(self) -> None:
        self.found: Flat = {}
        self.abandoned: list[bytes] = []
        self.written_bytes = 0
        self._lock = threading.Lock()

    def make(self, path: bytes, item: Item) -> None:
        if item.kind == ItemKind.DIRECTORY:
            self._put(path, None)
        else:
            self._put(path, Other(ItemKind(item.kind), tuple(item.facts.items())))  # type: ignore[arg-type]

    def write_whole(self, batch: Sequence[tuple[bytes, Item, bytes]]) -> None:
        for path, item, data in batch:
            assert len(data) == item.size_bytes
            self._put(path, data)

    def open(self, path: bytes, item: Item) -> PieceWriter:
        return PieceWriter(self, path, item.size_bytes)

    def _put(self, path: bytes, what: bytes | Other | None) -> None:
        with self._lock:
            assert path not in self.found, f"{path!r} came twice"
            self.found[path] = what


class PieceWriter:
    def __init__(self, target: TreeTarget, path: bytes, size: int) -> None:
        self._target = target
        self._path = path
        self._data = bytearray(size)

    def write_at(self, offset: int, data: bytes | memoryview) -> None:
        assert offset + len(data) <= len(self._data)
        self._data[offset : offset + len(data)] = data
        self._target.written_bytes += len(data)

    def finish(self) -> None:
        self._target._put(self._path, bytes(self._data))

    def abandon(self) -> None:
        self._target.abandoned.append(self._path)


class CountingBackend:
    """Passes everything on and remembers it."""

    def __init__(self, inner: Backend) -> None:
        self._inner = inner
        self.calls: list[tuple[str, str]] = []

    def count(self) -> Counter[str]:
        """Calls by operation and folder: "get packs" -> 3."""
        return Counter(f"{operation} {name.split('/')[0]}" for operation, name in self.calls)

    def put(self, name: str, parts: Sequence[bytes | bytearray | memoryview]) -> None:
        self.calls.append(("put", name))
        self._inner.put(name, parts)

    def get(self, name: str, *, offset: int = 0, length: int | None = None) -> bytes:
        self.calls.append(("get", name))
        return self._inner.get(name, offset=offset, length=length)

    def size(self, name: str) -> int:
        self.calls.append(("size", name))
        return self._inner.size(name)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        self.calls.append(("list", prefix))
        return self._inner.list(prefix)

    def delete(self, name: str) -> None:
        self.calls.append(("delete", name))
        self._inner.delete(name)


def open_store(
    backend: Backend | None = None, *, root_key: bytes = ROOT_KEY, vault_id: bytes = VAULT_ID
) -> VaultStore:
    return VaultStore.for_writing(backend or MemoryBackend(), KeyFile(RootKey(root_key)), vault_id)


def new_record(point_id: str, root: Item, store_session_stats: object, **changes: object) -> PointRecord:
    fields: dict[str, object] = {
        "version": 1,
        "point_id": point_id,
        "point_arn": f"arn:aws:backup:us-east-1:123456789012:recovery-point:{point_id}",
        "resource_arn": "arn:aws:elasticfilesystem:us-east-1:123456789012:file-system/fs-1",
        "resource_type": "EFS",
        "resource_name": "tree",
        "job_id": "job",
        "created_at": 1,
        "taken_at": 2,
        "consistency": "none",
        "previous_point_id": None,
        "root": root,
        "stats": store_session_stats,
        "facts": {},
    }
    return PointRecord(**(fields | changes))  # type: ignore[arg-type]


def wholes(listings: Sequence[Listing | Unchanged]) -> Iterator[Listing | Unchanged]:
    """The same, where a directory with nothing but unchanged ones below it stands for all of them."""
    at = 0
    while at < len(listings):
        listing = listings[at]
        beside = at + 1
        while beside < len(listings) and listings[beside].path.startswith(
            listing.path + b"/" * bool(listing.path)
        ):
            beside += 1
        below = [one for one in listings[at:beside] if isinstance(one, Unchanged)]
        if not isinstance(listing, Unchanged) or len(below) < beside - at:
            yield listing
            at += 1
            continue
        items, files, size = (
            sum(getattr(one, name) for one in below) for name in ("items", "files", "size_bytes")
        )
        yield Unchanged(listing.path, listing.before, [], items, files, size, is_whole=True)
        at = beside


def back_up(
    store: VaultStore,
    point_id: str,
    tree: Tree,
    *,
    previous: str | None = None,
    vanished: Sequence[bytes] = (),
    block_bytes: int = 1 << 20,
    lock: PointLock | None = None,
    tells_unchanged: bool = True,
    tells_whole: bool = False,
) -> PointRecord:
    before = store.previous_tree(store.point(previous)) if previous else PreviousTree()
    with store.session(parents=[previous] if previous else [], lock=lock) as session:
        source = TreeSource(
            tree,
            before,
            vanished=vanished,
            block_bytes=block_bytes,
            tells_unchanged=tells_unchanged,
            tells_whole=tells_whole,
        )
        root = store.take_in(session, source, before, advance=lambda items, size: None)
        return session.finish(new_record(point_id, root, session.stats, previous_point_id=previous))


def restore(
    store: VaultStore, point_id: str, *paths: bytes, skipped: list[tuple[bytes, str]] | None = None
) -> Flat:
    target = TreeTarget()
    told: list[tuple[bytes, str]] = [] if skipped is None else skipped
    store.restore(
        store.point(point_id),
        target,
        paths=paths,
        advance=lambda items, size: None,
        skip=lambda path, why: told.append((path, why)),
    )
    if skipped is None:
        assert told == []
    return target.found


def folder_names(backend: Backend, folder: str) -> list[str]:
    return [info.name for info in backend.list(folder)]
