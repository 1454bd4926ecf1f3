"""A lock ran out while a laptop slept, and what the sleeping backup had written was pruned under it.

Here a writer that was away for too long is revoked first, by the row that its commit goes through as well.
"""

from __future__ import annotations

import pytest

from safehold.core.errors import WriterRevoked
from safehold.domain.items import PreviousTree
from safehold.store.writers.intents import Intents
from tests.store.collect.worlds import VaultWorld
from tests.store.vaults import Tree, TreeSource, new_record

TREE: Tree = {b"a": b"alpha" * 1000}


def sleep_through_collection(world: VaultWorld) -> None:
    store = world.store()
    with store.session(parents=[]) as session:
        root = store.take_in(
            session, TreeSource(TREE, PreviousTree()), PreviousTree(), advance=lambda i, b: None
        )
        assert any(report.revoked for report in world.collect_for(14))
        session.finish(new_record("p", root, session.stats))


def test_a_writer_that_slept_too_long_cannot_commit() -> None:
    world = VaultWorld()
    with pytest.raises(WriterRevoked):
        sleep_through_collection(world)
    world.collect_for(14)
    assert world.chunk_objects() == set()


def test_without_the_fence_it_would(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Intents, "admit", lambda self, intent_id, point_id: True)
    sleep_through_collection(VaultWorld())
