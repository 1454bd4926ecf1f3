"""A restore of a file that repeats few chunks many times timed out and left holes in it.

Here each frame is read once however often its chunks come, and a file of which a piece is lost is given up
as a whole and told: it never shows with a hole.
"""

from __future__ import annotations

import random

from safehold.store.backends.memory import MemoryBackend
from tests.store.vaults import (
    CountingBackend,
    Tree,
    TreeTarget,
    back_up,
    flat,
    folder_names,
    open_store,
    restore,
)

RUN = random.Random(1).randbytes(5 << 20)
TREE: Tree = {b"repeating": RUN * 12, b"other": random.Random(2).randbytes(2 << 20)}


def test_a_chunk_that_comes_often_is_read_once() -> None:
    backend = MemoryBackend()
    back_up(open_store(backend), "p", TREE)
    frames = sum(
        len(open_store(backend).object(name).directory.frames) for name in folder_names(backend, "packs/")
    )
    counting = CountingBackend(backend)
    assert restore(open_store(counting), "p") == flat(TREE)
    opening = 2 * len(folder_names(backend, "packs/"))  # a pack's directory may be asked, too
    assert counting.count()["get packs"] <= frames + opening


def test_a_file_of_which_a_piece_is_lost_does_not_show_at_all() -> None:
    backend = MemoryBackend()
    back_up(open_store(backend), "p", TREE)
    store = open_store(backend)
    longest = max(
        (
            (name, n)
            for name in folder_names(backend, "packs/")
            for n in range(len(store.object(name).directory.frames))
        ),
        key=lambda place: store.object(place[0]).directory.frames[place[1]].sealed_bytes,
    )
    position = store.object(longest[0]).offsets[longest[1]] + 50
    data = bytearray(backend.objects[longest[0]])
    data[position] ^= 1
    backend.objects[longest[0]] = bytes(data)
    target = TreeTarget()
    told: list[bytes] = []
    counts = open_store(backend).restore(
        open_store(backend).point("p"),
        target,
        advance=lambda items, size: None,
        skip=lambda path, why: told.append(path),
    )
    assert len(told) == counts.failed == 1
    assert {path for path in target.found if path not in told} == set(TREE) - set(told)
    assert all(TREE[path] == what for path, what in target.found.items())
    assert target.abandoned in ([], told)
