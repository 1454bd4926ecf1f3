"""`python -m benches.volume`: how much of a changed volume is read, for changes of several kinds and grains.

A change tracker tells what changed in grains of its own (4 KiB: a file system's block; 64 KiB: a qcow2
cluster). The bytes are made up, so that no time is told. Results go to benches/results/volume-<date>.md.
"""

from __future__ import annotations

import os
import platform
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from benches.synthetic import VAULT_ID, a_record, provider
from safehold.domain.items import Item, ItemKind, Listing, PreviousTree
from safehold.store.backends.memory import MemoryBackend
from safehold.store.vault_store import VaultStore
from safehold.store.writing.volumes import BLOCK_BYTES

RESULTS = Path(__file__).parent / "results"
SIZE_BYTES = 4 << 30
GRAINS = (4 << 10, 64 << 10)
CHANGED = 0.01


class Volume:
    """Bytes that are made when they are asked for; `version` of each grain that was changed."""

    def __init__(self, grain: int) -> None:
        self.grain = grain
        self.changed: list[tuple[int, int]] | None = None
        self.read_bytes = 0

    def root(self) -> Item:
        return Item(b"", ItemKind.DIRECTORY, 0, {})

    def listings(self) -> Iterator[Listing]:
        yield Listing(b"", [Item(b"disk", ItemKind.VOLUME, SIZE_BYTES, {})])

    def read_whole(self, batch: object) -> list[None]:
        raise AssertionError(batch)

    def open(self, directory: bytes, item: Item) -> None:
        raise AssertionError((directory, item))

    def open_volume(self, item: Item, before: Item | None) -> Volume:
        del item, before
        return self

    def read_at(self, offset: int, buffer: memoryview) -> int:
        self.read_bytes += len(buffer)
        for start in range(0, len(buffer), BLOCK_BYTES):
            buffer[start : start + 8] = (offset + start + self.read_bytes).to_bytes(8, "big")
        return len(buffer)

    def close(self) -> None:
        pass

    def change(self, kind: str, chance: random.Random) -> None:
        count = int(SIZE_BYTES * CHANGED) // self.grain
        last = SIZE_BYTES // self.grain
        if kind == "sequential":
            first = chance.randrange(last - count)
            self.changed = [(first * self.grain, count * self.grain)]
        else:
            self.changed = [(n * self.grain, self.grain) for n in chance.sample(range(last), count)]
        self.read_bytes = 0

    def touched_bytes(self) -> int:
        found: set[int] = set()
        for offset, length in self.changed or ():
            found.update(range(offset // BLOCK_BYTES, -(-(offset + length) // BLOCK_BYTES)))
        return len(found) * BLOCK_BYTES


def main() -> None:
    lines = [
        f"`python -m benches.volume`, {datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, "
        f"{platform.platform(terse=True)}, Python {platform.python_version()}; "
        f"{SIZE_BYTES >> 30} GiB, {CHANGED:.0%} changed, told by the source.",
        "",
        "| change | grain | read, of the 512 KiB blocks touched | read, of what changed |",
        "|---|---|---|---|",
    ]
    for grain in GRAINS:
        for kind in ("sequential", "random"):
            lines.append(_row(grain, kind))
            print(lines[-1], flush=True)
    text = "\n".join(lines) + "\n"
    (RESULTS / f"volume-{datetime.now(UTC):%Y-%m-%d-%H%M}.md").write_text(text)


def _row(grain: int, kind: str) -> str:
    store = VaultStore.for_writing(MemoryBackend(), provider(), VAULT_ID)
    volume = Volume(grain)
    _back_up(store, volume, "p1", None)
    volume.change(kind, random.Random(grain))
    _back_up(store, volume, "p2", "p1")
    of_touched = volume.read_bytes / volume.touched_bytes()
    of_changed = volume.read_bytes / (SIZE_BYTES * CHANGED)
    return f"| {kind} | {grain >> 10} KiB | {of_touched:.2f}x | {of_changed:.1f}x |"


def _back_up(store: VaultStore, volume: Volume, point_id: str, previous: str | None) -> None:
    before = store.previous_tree(store.point(previous)) if previous else PreviousTree()
    with store.session(parents=[previous] if previous else []) as session:
        root = store.take_in(session, volume, before, advance=lambda items, size: None)
        session.finish(a_record(root, session.stats, point_id=point_id))


if __name__ == "__main__":
    main()
