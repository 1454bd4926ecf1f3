"""A vault of any size in minutes: its index, trees and record are real, the bytes of most files are not.

Packs are holes of the right length, so nothing but `Vault.file`, which is real, can be restored from it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from blake3 import blake3

from safehold.core.secrets import RootKey
from safehold.domain.items import Item, ItemKind
from safehold.store.backends.local import LocalBackend
from safehold.store.fragments.fragment_writer import FragmentWriter
from safehold.store.fragments.places import PLACE, ObjectRef
from safehold.store.key_providers.key_file import KeyFile
from safehold.store.names import ObjectType
from safehold.store.points.points import RECORD_VERSION, PointRecord, PointStats
from safehold.store.sealed.chunking import ID_BYTES, chunk_id
from safehold.store.sealed.keys import VaultKeys
from safehold.store.sealed.sealing import HEADER, MAGIC, VERSION
from safehold.store.trees.contents import Part, encode_content
from safehold.store.trees.trees import PageCutter, write_directory
from safehold.store.vault_store import VaultStore
from safehold.store.writing.session import Session

VAULT_ID = bytes(range(16))
FOLDER_FILES = 1000
PACK_BYTES = 32 << 20
SMALL_FRAGMENTS = 8  # sessions since the last merge
PREFIXES = 256


@dataclass(frozen=True)
class Vault:
    """What was made. file: the path of the one that can be restored; ids: of some chunks, to look up."""

    folder: Path
    point_id: str
    file: bytes
    data: bytes
    packs: int


def provider() -> KeyFile:
    return KeyFile(RootKey(b"k" * 32))


def synthetic_id(number: int) -> bytes:
    return blake3(number.to_bytes(8, "big")).digest()


def make(folder: Path, *, chunks: int, files: int, chunk_bytes: int) -> Vault:
    """A vault in that new folder."""
    store = VaultStore.for_writing(LocalBackend.create(folder), provider(), VAULT_ID)
    return fill(store, folder, chunks=chunks, files=files, chunk_bytes=chunk_bytes)


def fill(store: VaultStore, folder: Path, *, chunks: int, files: int, chunk_bytes: int) -> Vault:
    """Add so many chunks, and a point of files that need them all, to the vault that lies in that folder."""
    refs = _make_packs(folder, chunks, chunk_bytes)
    _write_index(store, refs, chunks, chunk_bytes)
    data = random.Random(1).randbytes(100_000)
    file = _write_point(store, chunks // files, files, chunk_bytes, data)
    return Vault(folder, "p", file, data, len(refs))


def _make_packs(folder: Path, chunks: int, chunk_bytes: int) -> list[ObjectRef]:
    chance = random.Random(2)
    (folder / "packs").mkdir(mode=0o700, exist_ok=True)
    refs = []
    for _ in range(-(-chunks * chunk_bytes // PACK_BYTES)):
        name = f"packs/{chance.randbytes(16).hex()}"
        refs.append(ObjectRef(name, HEADER.pack(MAGIC, VERSION, ObjectType.PACK, 0, chance.randbytes(32))))
        with open(folder / name, "xb") as pack:
            pack.truncate(PACK_BYTES + (1 << 20))
    return sorted(refs)


def _write_index(store: VaultStore, refs: list[ObjectRef], chunks: int, chunk_bytes: int) -> None:
    """One long fragment, as merges make it, and some short ones, each over all objects."""
    short = chunks // 1000
    for number in range(SMALL_FRAGMENTS):
        numbers = range(chunks - (number + 1) * short, chunks - number * short)
        _write_fragment(store, refs, numbers, chunk_bytes)
    _write_fragment(store, refs, range(chunks - SMALL_FRAGMENTS * short), chunk_bytes)


def _write_fragment(store: VaultStore, refs: list[ObjectRef], numbers: range, chunk_bytes: int) -> None:
    used = _objects_of(numbers, len(refs), chunk_bytes)
    with FragmentWriter(store.backend, store.keys, store.vault_id, most_rows=len(numbers)) as writer:
        writer.add_objects(refs[used.start : used.stop])
        for rows in _rows(numbers, used, chunk_bytes):
            writer.add(rows)
        writer.finish()


def _objects_of(numbers: range, packs: int, chunk_bytes: int) -> range:
    per_pack = PACK_BYTES // chunk_bytes
    return range(numbers.start // per_pack, min(packs, (numbers.stop - 1) // per_pack + 1))


def _rows(numbers: range, used: range, chunk_bytes: int) -> Iterator[list[bytes]]:
    per_pack = PACK_BYTES // chunk_bytes
    by_prefix: list[list[bytes]] = [[] for _ in range(PREFIXES)]
    for number in numbers:
        pack, within = divmod(number, per_pack)
        identity = synthetic_id(number)
        place = PLACE.pack(
            pack - used.start, within, 48 + within * chunk_bytes, chunk_bytes, 0, chunk_bytes - 17
        )
        by_prefix[identity[0]].append(identity + place)
    for prefix, rows in enumerate(by_prefix):
        by_prefix[prefix] = []
        yield sorted(rows)


def _write_point(store: VaultStore, file_chunks: int, files: int, chunk_bytes: int, data: bytes) -> bytes:
    keys = store.keys
    cutter = PageCutter(keys.page_key)
    wanted = (files // 2 // FOLDER_FILES, files // 2 % FOLDER_FILES)
    with store.session() as session:
        folders = []
        for folder in range(-(-files // FOLDER_FILES)):
            first = folder * FOLDER_FILES
            items = [
                _file(session, n - first, n, file_chunks, chunk_bytes)
                for n in range(first, min(files, first + FOLDER_FILES))
            ]
            if folder == wanted[0]:
                items[wanted[1]] = _real_file(session, keys, items[wanted[1]], data)
            root = write_directory(items, cutter, session.put_page)
            folders.append(Item(b"folder %06d" % folder, ItemKind.DIRECTORY, 0, {"m": 0o755}, root))
        top = write_directory(folders, cutter, session.put_page)
        session.finish(a_record(Item(b"", ItemKind.DIRECTORY, 0, {"m": 0o755}, top), session.stats))
    return b"folder %06d/file %06d" % wanted


def _file(session: Session, position: int, number: int, chunks: int, chunk_bytes: int) -> Item:
    parts = [Part(synthetic_id(number * chunks + n), chunk_bytes - 17) for n in range(chunks)]
    facts = {"m": 0o644, "u": 1000, "g": 1000, "t": 1_700_000_000_000_000_000 + number, "i": number}
    content = encode_content(parts, session.put_page)
    return Item(b"file %06d" % position, ItemKind.FILE, chunks * (chunk_bytes - 17), facts, content)


def _real_file(session: Session, keys: VaultKeys, item: Item, data: bytes) -> Item:
    identity = chunk_id(keys.chunk_id_key, data)
    assert len(identity) == ID_BYTES
    session.add_chunk(identity, data)
    return Item(item.name, item.kind, len(data), item.facts, identity)


def a_record(root: Item, stats: PointStats, *, point_id: str = "p", taken_at: int = 2) -> PointRecord:
    """The record of a point; what benches do not look at is made up."""
    return PointRecord(
        version=RECORD_VERSION,
        point_id=point_id,
        point_arn=f"arn:aws:backup:us-east-1:123456789012:recovery-point:{point_id}",
        resource_arn="arn:aws:elasticfilesystem:us-east-1:123456789012:file-system/fs-1",
        resource_type="EFS",
        resource_name="synthetic",
        job_id="job",
        created_at=1,
        taken_at=taken_at,
        consistency="none",
        previous_point_id=None,
        root=root,
        stats=stats,
        facts={},
    )
