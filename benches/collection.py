"""`python -m benches.collection`: what a mark over a large vault costs, and weighing all its objects.

10,000,000 chunks in 1,000,000 files, of which 1,000 points share all but one file each. Pages and index rows
are made up when they are asked for; the time that takes is told apart. So what is measured is collection's
own work: decoding pages, noting what is needed (on disk beyond 32 MiB), and going through rows of all chunks.
It does not include listing, reading and opening objects. Results go to benches/results/collection-<date>.*.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import resource
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import msgspec
from blake3 import blake3

from safehold.domain.items import Item, ItemKind
from safehold.store.collect.marking import Marking
from safehold.store.collect.needed import KEPT_BYTES, PARTITIONS, NeededIds
from safehold.store.collect.weighing import weigh
from safehold.store.fragments.places import PLACE, ObjectRef, Place
from safehold.store.index.index import RUN_ROWS
from safehold.store.trees.trees import Child, Inner, Leaf

RESULTS = Path(__file__).parent / "results"
FILE_CHUNKS = 10
FOLDER_FILES = 1000
PAGE_FILES = 70  # some 32 KiB of items
ROOT_FOLDERS = 250  # to a page
CHUNK_BYTES = 1 << 20
PACK_CHUNKS = 32
CONTENT = struct.Struct(">B" + "32sQ" * FILE_CHUNKS)

_encode = msgspec.msgpack.Encoder().encode


class MadeUpVault:
    """Points over one large tree: point n has changed one file in folder n since the one before it."""

    def __init__(self, files: int) -> None:
        self.folders = files // FOLDER_FILES
        self.seconds = 0.0  # spent on making pages
        self._pages: dict[bytes, Callable[[], bytes]] = {}

    def page(self, page_id: bytes) -> bytes:
        started = time.perf_counter()
        page = self._pages[page_id]()
        self.seconds += time.perf_counter() - started
        return page

    def point(self, number: int) -> Item:
        """Its root; folders up to `number` are as they were changed."""
        leaves = range(-(-self.folders // ROOT_FOLDERS))
        children = [
            Child(b"folder %06d" % (leaf * ROOT_FOLDERS), self._root_leaf(leaf, number)) for leaf in leaves
        ]
        root = self._keep(b"root %d" % number, lambda: _encode(Inner(1, children)))
        return Item(b"", ItemKind.DIRECTORY, 0, {"m": 0o755}, root)

    def _root_leaf(self, leaf: int, point: int) -> bytes:
        first = leaf * ROOT_FOLDERS
        folders = range(first, min(self.folders, first + ROOT_FOLDERS))
        changed = min(max(point - first + 1, 0), len(folders))

        def make() -> bytes:
            ids = [self._folder(n, is_changed=n - first < changed) for n in folders]
            names = [b"folder %06d" % n for n in folders]
            items = [
                Item(name, ItemKind.DIRECTORY, 0, {"m": 0o755}, page_id)
                for name, page_id in zip(names, ids, strict=True)
            ]
            return _encode(Leaf(0, items))

        return self._keep(b"root leaf %d %d" % (leaf, changed), make)

    def _folder(self, folder: int, *, is_changed: bool) -> bytes:
        firsts = range(0, FOLDER_FILES, PAGE_FILES)

        def make() -> bytes:
            children = []
            for first in firsts:
                version = int(is_changed and first == 0)
                name = b"leaf %d %d %d" % (folder, first, version)
                leaf = self._keep(name, partial(_leaf, folder, first, version))
                children.append(Child(b"file %06d" % first, leaf))
            return _encode(Inner(1, children))

        return self._keep(b"folder %d %d" % (folder, is_changed), make)

    def _keep(self, name: bytes, make: Callable[[], bytes]) -> bytes:
        page_id = blake3(name).digest()
        self._pages[page_id] = make
        return page_id


def _leaf(folder: int, first: int, version: int) -> bytes:
    files = range(first, min(FOLDER_FILES, first + PAGE_FILES))
    ids = random.Random(folder * FOLDER_FILES + first).randbytes(32 * FILE_CHUNKS * len(files))
    if version:  # the first chunk is another one
        ids = blake3(ids).digest() + ids[32:]
    return _encode(Leaf(0, [_file(folder, n, ids[320 * at : 320 * (at + 1)]) for at, n in enumerate(files)]))


def _file(folder: int, number: int, ids: bytes) -> Item:
    facts = {"m": 0o644, "u": 1000, "g": 1000, "t": 1_700_000_000_000_000_000 + number, "i": folder}
    records: list[bytes | int] = []
    for start in range(0, len(ids), 32):
        records += (ids[start : start + 32], CHUNK_BYTES)
    content = CONTENT.pack(1, *records)
    return Item(b"file %06d" % number, ItemKind.FILE, FILE_CHUNKS * CHUNK_BYTES, facts, content)


class MadeUpFragment:
    """One long fragment: a row for each needed id, and for each hundredth one more that nothing needs."""

    name = "index/made-up"

    def __init__(self, needed: NeededIds, packs: int) -> None:
        self.objects = [ObjectRef(f"packs/{n:032x}", b"") for n in range(packs)]
        self.seconds = 0.0
        self.row_count = 0
        self._needed = needed

    def __len__(self) -> int:
        return self.row_count

    def rows(self, most: int = RUN_ROWS) -> Iterator[list[bytes]]:
        for first_byte in range(PARTITIONS):
            started = time.perf_counter()
            rows = self._partition(first_byte)
            self.seconds += time.perf_counter() - started
            for start in range(0, len(rows), most):
                yield rows[start : start + most]

    def _partition(self, first_byte: int) -> list[bytes]:
        ids = sorted(self._needed.partition(first_byte))
        packs, rest = len(self.objects), bytes(32 - KEPT_BYTES)
        rows = []
        for identity in ids:
            pack = int.from_bytes(identity[8:12], "big") % packs
            rows.append(identity + rest + PLACE.pack(pack, 0, 48, CHUNK_BYTES, 0, CHUNK_BYTES))
        dead = [row[:15] + bytes([row[15] ^ 1]) + row[16:] for row in rows[::100]]
        self.row_count += len(rows) + len(dead)
        return sorted(rows + dead)

    def find(self, chunk_id: bytes) -> Iterator[Place]:
        raise NotImplementedError

    def covers(self, ref: ObjectRef) -> bool:
        raise NotImplementedError

    def names(self, name: str) -> bool:
        raise NotImplementedError

    def runs_of_names(self) -> Iterator[list[str]]:
        raise NotImplementedError


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, default=10_000_000)
    parser.add_argument("--points", type=int, default=1000)
    options = parser.parse_args()
    _write(measure(options.chunks, options.points))


def measure(chunks: int, points: int) -> dict[str, float]:
    vault = MadeUpVault(chunks // FILE_CHUNKS)
    needed = NeededIds()
    before = _peak_mb()
    marking = Marking(vault.page, needed)
    started = time.perf_counter()
    for number in range(points):
        marking.mark(vault.point(number))
    mark_seconds = time.perf_counter() - started
    mark_mb = _peak_mb()
    fragment = MadeUpFragment(needed, chunks // PACK_CHUNKS)
    started = time.perf_counter()
    weights = weigh([fragment], needed, lambda ref: True)
    weigh_seconds = time.perf_counter() - started
    needed.close()
    return {
        "chunks": chunks,
        "points": points,
        "pages": marking.page_count,
        "rows": fragment.row_count,
        "needed_bytes": sum(weights.live),
        "mark_seconds": round(mark_seconds, 1),
        "of_it_making_pages": round(vault.seconds, 1),
        "weigh_seconds": round(weigh_seconds, 1),
        "of_it_making_rows": round(fragment.seconds, 1),
        "peak_mb_before": before,
        "peak_mb_of_mark": mark_mb,
        "peak_mb": _peak_mb(),
    }


def _peak_mb() -> int:
    """The most that the process has had in memory, Python and its modules too."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def _write(told: dict[str, float]) -> None:
    now = datetime.now(UTC)
    machine = f"{os.cpu_count()} cores, {platform.platform()}, Python {platform.python_version()}"
    load = round(os.getloadavg()[0], 1)
    name = f"collection-{now:%Y-%m-%d-%H%M}"
    document = {"date": now.isoformat(timespec="seconds"), "machine": machine, "load": load, **told}
    (RESULTS / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")
    lines = _lines(told, f"`python -m benches.collection`, {now:%Y-%m-%d}, {machine}, load {load}.")
    (RESULTS / f"{name}.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


def _lines(told: dict[str, float], head: str) -> Sequence[str]:
    return [
        head,
        f"{told['chunks']:,} chunks, {told['points']:,} points, {told['pages']:,} pages, "
        f"{told['rows']:,} index rows. "
        "Pages and rows are made up in the process; listing, reading and opening objects is not included.",
        "",
        "| what | seconds | of it making up what is read | peak resident MB, of the process so far |",
        "|---|---|---|---|",
        f"| mark | {told['mark_seconds']} | {told['of_it_making_pages']} | {told['peak_mb_of_mark']} |",
        f"| weigh | {told['weigh_seconds']} | {told['of_it_making_rows']} | {told['peak_mb']} |",
        f"| before | | | {told['peak_mb_before']} |",
    ]


if __name__ == "__main__":
    main()
