"""A writer that knew nothing of the pruner's rules worked beside it, and lost data.

Here such writers cannot open the vault: its keys are of a version that they refuse.
"""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from safehold.core.errors import Damaged
from safehold.core.secrets import RootKey
from safehold.store.key_providers.key_file import KeyFile
from safehold.store.sealed import keys
from safehold.store.writers.intents import OLD_WRITERS, announce_old_writers
from tests.store.collect.worlds import DAY, VaultWorld
from tests.store.vaults import ROOT_KEY, VAULT_ID, back_up, open_store

PROVIDER = KeyFile(RootKey(ROOT_KEY))


def test_a_program_that_does_not_know_intents_is_shut_out(monkeypatch: pytest.MonkeyPatch) -> None:
    world = VaultWorld()
    open_store(world.backend)
    stored = msgspec.msgpack.decode(world.backend.get("keys/0"))
    world.backend.delete("keys/0")
    world.backend.put("keys/0", [msgspec.msgpack.encode({**stored, "version": 1})])
    assert keys.shut_out_old_writers(world.backend, PROVIDER, VAULT_ID)
    monkeypatch.setattr(keys, "KNOWN_VERSIONS", frozenset({1}))
    with pytest.raises(Damaged):
        open_store(world.backend)


def test_those_that_had_it_open_before_are_waited_for() -> None:
    world = VaultWorld()
    back_up(world.store(), "p", {b"a": b"alpha"})
    announce_old_writers(world.store(), world.clock)
    (intent,) = world.collection()._intents.live()
    assert (intent.writer, intent.pins) == (OLD_WRITERS, [])
    world.delete("p")
    world.wait(2 * DAY)
    assert world.collect().announced == ["points/p"]
    world.wait(DAY - timedelta(hours=1))
    assert world.collect().waiting_for == [intent.intent_id]  # they know of no tombstone, not of the first
