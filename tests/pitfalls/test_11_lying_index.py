"""A defect in the index's hash table corrupted it silently, for years.

Here every scrub holds a sample of each object against the index, and the index is made again from the
objects alone. What a copy has noted of another vault's names is used only where the index agrees.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime

from safehold.core.clock import FixedClock
from safehold.store.backends.memory import MemoryBackend
from safehold.store.copies.id_map import MapFolder
from safehold.store.fragments.places import ObjectRef
from safehold.store.sealed.objects import Directory, FrameKind, FrameNote
from safehold.store.upkeep.index_rebuild import rebuild_index
from safehold.store.upkeep.scrub import ScrubReport, scrub
from tests.store.copies.test_copying import copy, target_of
from tests.store.vaults import Tree, back_up, flat, folder_names, open_store, restore

TREE: Tree = {b"%d" % number: random.Random(number).randbytes(700_000) for number in range(5)}


def lie(backend: MemoryBackend) -> None:
    """An index that authenticates, and says of every chunk of the packs that it lies a frame further."""
    store = open_store(backend)
    opened = [store.object(name) for name in folder_names(backend, "packs/")]
    for name in folder_names(backend, "index/"):
        backend.delete(name)
    shift = FrameNote(int(FrameKind.RECORD), 0, [0], b"")
    store.index_folder.write(
        (ObjectRef(each.name, each.seal.header), Directory(1, [shift, *each.directory.frames]))
        for each in opened
    )


def scrubbed(backend: MemoryBackend) -> ScrubReport:
    clock = FixedClock(datetime(2030, 1, 1, tzinfo=UTC))
    return scrub(open_store(backend), budget_bytes=1 << 40, clock=clock)


def test_an_index_that_lies_is_found_out_by_a_scrub_and_made_again() -> None:
    backend = MemoryBackend()
    back_up(open_store(backend), "p", TREE)
    assert scrubbed(backend).misindexed_count == 0
    lie(backend)
    found = scrubbed(backend)
    assert found.misindexed_count == len(folder_names(backend, "packs/"))
    assert "store rebuild" in found.findings[0].what
    assert rebuild_index(open_store(backend), dry_run=False).surplus > 0
    assert scrubbed(backend).misindexed_count == 0
    assert restore(open_store(backend), "p") == flat(TREE)


def test_an_index_that_lies_never_gives_other_bytes() -> None:
    backend = MemoryBackend()
    back_up(open_store(backend), "p", TREE)
    lie(backend)
    skipped: list[tuple[bytes, str]] = []
    found = restore(open_store(backend), "p", skipped=skipped)
    assert all(TREE[path] == what for path, what in found.items())
    assert len(found) + len(skipped) == len(TREE)


def test_an_id_map_that_lies_never_makes_a_copy_refer_to_what_is_not_there() -> None:
    source, target = open_store(), target_of()
    back_up(source, "p", TREE)
    copy(source, target)
    maps = MapFolder(target.backend, target.keys, target.vault_id)
    (name,) = maps.names()
    rows = list(maps.open(name).rows())
    maps.delete([name])
    maps.write(source.vault_id.hex(), "", [row[:32] + bytes(range(32)) for row in rows])
    back_up(source, "q", TREE)
    copy(source, target_of(target.backend), "q")
    assert restore(target_of(target.backend), "copy-q") == flat(TREE)
