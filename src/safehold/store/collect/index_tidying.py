"""After objects are gone: fragments that speak of them are written anew, without them."""

from __future__ import annotations

from safehold.store.vault_store import VaultStore


def tidy_index(store: VaultStore, purged: set[str]) -> None:
    """The index speaks of nothing that collection has purged. What is missing for another reason stays in it:
    so writers notice the gap.

    The old fragments go as everything goes: the next run announces them.
    """
    fragments = store.index_folder.load().fragments if purged else []
    speaking = [f for f in fragments if any(ref.name in purged for ref in f.objects)]
    if speaking:
        store.index_folder.merge(speaking, without=purged)
