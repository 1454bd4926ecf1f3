"""A prune that was cut off left index and packs contradicting each other.

Here every step may be cut off anywhere: points restore at once, and the next runs go on to the same end.
"""

from __future__ import annotations

import random
from contextlib import suppress
from datetime import timedelta

import pytest

from safehold.core.errors import StoreError
from safehold.store.backends.faulty import Fault, FaultyBackend, Trouble
from safehold.store.soundness.verify import verify
from tests.store.collect.worlds import VaultWorld
from tests.store.vaults import Tree, back_up, flat, restore

BIG: Tree = {b"%d" % number: random.Random(number).randbytes(700_000) for number in range(3)}
KEPT: Tree = {b"0": BIG[b"0"], b"a": b"alpha"}


@pytest.mark.parametrize("operation", ["put", "rename", "delete"])
@pytest.mark.parametrize("day", [2, *(pytest.param(day, marks=pytest.mark.slow) for day in (3, 10, 11))])
def test_a_run_that_is_cut_off_harms_nothing_and_is_made_good(operation: str, day: int) -> None:
    for call in (1, 2, 4, 8):
        world = VaultWorld()
        back_up(world.store(), "gone", BIG)
        back_up(world.store(), "kept", KEPT)
        world.delete("gone")
        for today in range(day + 1):
            backend = world.backend
            if today == day:
                backend = FaultyBackend(world.backend, [Fault(operation, Trouble.FAIL, first=call)])
            with suppress(StoreError):
                world.collection(backend).run()
            world.wait(timedelta(days=1))
        assert restore(world.store(), "kept") == flat(KEPT)
        world.collect_for(13)
        assert verify(world.store(), read_data=True).problems == []
        assert restore(world.store(), "kept") == flat(KEPT)
        assert "points/gone" not in world.chunk_objects()
