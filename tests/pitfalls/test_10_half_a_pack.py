"""An upload was not atomic, and half a pack was left behind and taken for a whole one.

Here an object comes to its name when it is whole and synced; one that was cut short all the same is relied
on by nobody.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

from safehold.store.backends.local import LocalBackend
from safehold.store.backends.memory import MemoryBackend
from tests.store.vaults import Tree, back_up, flat, folder_names, open_store, restore

TREE: Tree = {b"%d" % number: random.Random(number).randbytes(700_000) for number in range(5)}


def test_a_writer_that_dies_before_an_object_has_its_name_leaves_nothing(tmp_path: Path) -> None:
    backend = LocalBackend.create(tmp_path / "vault")
    child = os.fork()
    if child == 0:
        os.link = lambda *args, **options: os._exit(9)  # every byte is written and synced by then
        backend.put("packs/half", [b"x" * 5_000_000])
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert list(backend.list("")) == []
    assert [path for path in (tmp_path / "vault").rglob("*") if path.is_file()] == []


def test_no_backup_builds_on_half_a_pack() -> None:
    backend = MemoryBackend()
    back_up(open_store(backend), "p", TREE)
    for name in folder_names(backend, "packs/"):
        backend.objects[name] = backend.objects[name][: len(backend.objects[name]) // 2 + 4096]
    back_up(open_store(backend), "q", TREE, previous="p")
    for point in "pq":
        assert restore(open_store(backend), point) == flat(TREE)
