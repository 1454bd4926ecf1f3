"""An index of very many objects for one reader alone: made of fragments in a folder that goes with it.

They are sealed as those of the vault are, so that the folder tells nobody more than the vault's storage does.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Iterable
from pathlib import Path

from safehold.store.backends.local import LocalBackend
from safehold.store.fragments.places import ObjectRef
from safehold.store.index.index import Index, build_fragment
from safehold.store.index.index_folder import IndexFolder
from safehold.store.sealed.keys import VaultKeys
from safehold.store.sealed.objects import Directory

MEMORY_CHUNKS = 1 << 17  # some 20 MB; fewer need no folder


class ScratchIndex(Index):
    """Entries of objects that are not kept in memory when they are many."""

    def __init__(
        self,
        objects: Iterable[tuple[ObjectRef, Directory]],
        keys: VaultKeys,
        vault_id: bytes,
        *,
        memory_chunks: int = MEMORY_CHUNKS,
    ) -> None:
        """Reads all objects before it returns."""
        super().__init__()
        self._keys = keys
        self._vault_id = vault_id
        self._scratch: IndexFolder | None = None
        group: list[tuple[ObjectRef, Directory]] = []
        chunks = 0
        for ref, directory in objects:
            group.append((ref, directory))
            chunks += sum(len(note.lengths) for note in directory.frames)
            if chunks >= memory_chunks:
                self._put_away(group)
                group, chunks = [], 0
        self.add(build_fragment(group))

    def _put_away(self, group: list[tuple[ObjectRef, Directory]]) -> None:
        if self._scratch is None:
            folder = tempfile.mkdtemp(prefix="safehold-index-")
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
            self._scratch = IndexFolder(LocalBackend(Path(folder)), self._keys, self._vault_id)
        self.add(self._scratch.open(self._scratch.write(group).name))
        self._scratch.tend(self)
