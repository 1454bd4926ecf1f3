"""Writers announce themselves first, are waited for, and commit only as long as nobody revoked them."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import msgspec
import pytest

from safehold.core.errors import StoreError, WriterRevoked
from safehold.domain.items import PreviousTree
from safehold.store.backends.contract import Backend, ObjectInfo
from safehold.store.backends.faulty import Fault, FaultyBackend, Trouble
from safehold.store.backends.memory import MemoryBackend
from safehold.store.backends.passing import PassingBackend
from safehold.store.vault_store import VaultStore
from safehold.store.writers import tombstones
from safehold.store.writers.fences import MemoryFence
from safehold.store.writers.intent_folder import IntentFolder, Revocation
from safehold.store.writers.intents import Intents
from safehold.store.writers.tombstones import Announced, Spent, Tombstones
from tests.store.vaults import (
    VAULT_ID,
    CountingBackend,
    Tree,
    TreeSource,
    back_up,
    flat,
    new_record,
    open_store,
    restore,
)

TREE: Tree = {b"a": b"alpha" * 100, b"d": {b"b": b"beta" * 100}}


def store_with(backend: Backend, **options: object) -> VaultStore:
    keys = open_store(backend).keys
    return VaultStore(
        backend,
        keys,
        VAULT_ID,
        intents=Intents(backend, keys, VAULT_ID, **options),  # type: ignore[arg-type]
    )


def announce(store: VaultStore, number: int, names: list[str], roots: list[str]) -> None:
    stones = Tombstones(store.backend, store.keys, VAULT_ID)
    stones.put(number, Announced(version=1, names=names, roots=roots, written_at=0))


def intents_of(store: VaultStore) -> IntentFolder:
    return IntentFolder(store.backend, store.keys, VAULT_ID)


def test_the_intent_is_there_before_tombstones_and_index_are_read_and_goes_with_the_session() -> None:
    backend = CountingBackend(MemoryBackend())
    store = open_store(backend)
    backend.calls.clear()
    with store.session(parents=["before"]):
        order = [name.split("/")[0] for verb, name in backend.calls if verb == "put" or name.endswith("es/")]
        assert order[:3] == ["tombstones", "intents", "tombstones"]
        assert [name for verb, name in backend.calls].index("packs/") > 2
        (intent,) = intents_of(store).live()
        assert (intent.pins, intent.epoch) == (["before"], 0)
    assert intents_of(store).live() == []


def test_a_record_names_its_writers_intent() -> None:
    store = open_store()
    announce(store, 3, [], [])
    record = back_up(store, "p", TREE)
    assert store.point("p").intent_id == record.intent_id is not None
    assert record.epoch == 3


def test_sessions_of_one_process_share_an_intent_until_there_is_a_newer_tombstone() -> None:
    backend = CountingBackend(MemoryBackend())
    store = store_with(backend, linger_seconds=600.0)
    backend.calls.clear()
    for number in range(50):
        back_up(store, f"p{number}", TREE, previous=f"p{number - 1}" if number else None)
    assert len([name for verb, name in backend.calls if verb == "put"]) == 51
    first = {store.point(point).intent_id for point in store.points()}
    announce(store, 1, [], [])
    assert back_up(store, "later", TREE).intent_id not in first
    store.intents.close()
    assert intents_of(store).live() == []


def test_an_intent_is_renewed_while_its_session_lasts_and_always_listed() -> None:
    store = store_with(MemoryBackend(), renew_seconds=0.01)
    before = set(threading.enumerate())
    with store.session():
        (first,) = intents_of(store).live()
        seen = {first.sequence}
        while len(seen) < 3:
            (now,) = intents_of(store).live()
            assert now.intent_id == first.intent_id
            seen.add(now.sequence)
    assert intents_of(store).live() == []
    keepers = [thread for thread in set(threading.enumerate()) - before if thread.name == "intents"]
    assert len(keepers) <= 1


def test_a_session_that_cannot_announce_itself_does_not_begin() -> None:
    backend = MemoryBackend()
    open_store(backend)
    faulty = FaultyBackend(backend, [Fault("put", Trouble.FAIL, folder="intents/")])
    with pytest.raises(StoreError):
        open_store(faulty).session()


class ListsFewer(PassingBackend):
    """Forgets tombstones that it has listed once."""

    def __init__(self, inner: Backend) -> None:
        super().__init__(inner)
        self.listed = 0

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        self.listed += prefix == "tombstones/"
        return iter(()) if prefix == "tombstones/" and self.listed > 1 else super().list(prefix)


def test_a_session_that_cannot_read_the_tombstones_leaves_no_intent_behind() -> None:
    backend = MemoryBackend()
    announce(open_store(backend), 1, [], [])
    silent = [Fault("list", Trouble.FAIL, first=2, last=2, folder="tombstones/")]
    for doubtful in (FaultyBackend(backend, silent), ListsFewer(backend)):
        with pytest.raises(StoreError):
            open_store(doubtful).session()
        assert intents_of(open_store(backend)).live() == []


def test_an_intent_that_was_ended_is_not_gone_by_again() -> None:
    store = store_with(MemoryBackend())
    with store.session():
        (first,) = intents_of(store).live()
    with store.session():
        (second,) = intents_of(store).live()
    assert second.intent_id != first.intent_id


def test_an_intent_that_no_session_uses_any_more_ends_when_its_time_is_over() -> None:
    store = store_with(MemoryBackend(), linger_seconds=0.01, renew_seconds=0.01)
    back_up(store, "p", TREE)
    keeper = store.intents._keeper
    if keeper is not None:  # it goes on as long as there is an intent
        keeper.join(60)
    assert intents_of(store).live() == []


@pytest.mark.parametrize("admitted", [[], ["q"], ["p", "q"]], ids=["nothing", "another", "itself"])
def test_what_the_vault_says_of_a_revocation_counts_although_the_fence_has_forgotten_it(
    admitted: list[str],
) -> None:
    store = store_with(MemoryBackend())
    with store.session() as session:
        root = store.take_in(session, TreeSource(TREE, PreviousTree()), PreviousTree(), advance=nothing)
        (intent,) = intents_of(store).live()
        told = Revocation(version=1, intent_id=intent.intent_id, admitted=admitted, written_at=0)
        intents_of(store).revoke(told)
        record = new_record("p", root, session.stats)
        if "p" in admitted:
            session.finish(record)
        else:
            with pytest.raises(WriterRevoked):
                session.finish(record)


def test_of_tombstones_that_are_spent_for_long_nothing_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tombstones, "KEPT_NUMBERS", 2)
    store = open_store()
    stones = Tombstones(store.backend, store.keys, VAULT_ID)
    for number in range(1, 6):
        announce(store, number, [], [])
        if number != 2:
            stones.put(number, Spent(written_at=0))
    stones.forget(stones.listed())
    assert {number: sorted(stages) for number, stages in stones.listed().stages.items()} == {
        2: ["announced"],
        4: ["spent"],
        5: ["spent"],
    }


def test_what_lies_in_tombstoned_objects_is_stored_again_and_read_all_the_same() -> None:
    backend = MemoryBackend()
    store = open_store(backend)
    back_up(store, "p", TREE)
    announce(store, 1, ["points/p"], [])
    again = back_up(open_store(backend), "q", TREE)
    assert again.stats.new_bytes > 900
    assert restore(open_store(backend), "p") == flat(TREE)
    del backend.objects["points/p"]
    assert restore(open_store(backend), "q") == flat(TREE)


@pytest.mark.parametrize("roots", [[], ["p"]], ids=["the tombstone missed it", "it was a root"])
def test_a_parent_is_looked_up_unless_the_tombstone_spares_it(roots: list[str]) -> None:
    backend = MemoryBackend()
    back_up(open_store(backend), "p", TREE)
    announce(open_store(backend), 1, ["points/p"], roots)  # as if what p needs were elsewhere too
    again = back_up(open_store(backend), "q", TREE, previous="p")
    assert (again.stats.read_items == 0) == bool(roots)
    if not roots:
        del backend.objects["points/p"]
        assert restore(open_store(backend), "q") == flat(TREE)


def test_a_parent_that_was_ever_deleted_is_looked_up() -> None:
    backend = MemoryBackend()
    store = open_store(backend)
    back_up(store, "p", TREE)
    store.amend("p", "deletion", {}, written_at=1)
    store.amend("p", "undeletion", {}, written_at=2)
    announce(store, 1, ["points/p"], ["p"])
    assert back_up(open_store(backend), "q", TREE, previous="p").stats.read_items == 2


def test_an_index_that_was_read_before_a_collection_is_read_again() -> None:
    backend = MemoryBackend()
    back_up(open_store(backend), "p", TREE)
    old = open_store(backend)
    old.index()
    announce(open_store(backend), 1, ["points/p"], [])
    del backend.objects["points/p"]
    Tombstones(backend, old.keys, VAULT_ID).put(1, Spent(written_at=0))
    back_up(old, "q", TREE)
    assert restore(open_store(backend), "q") == flat(TREE)


def test_a_writer_that_was_revoked_cannot_commit_and_its_record_is_void() -> None:
    backend, fence = MemoryBackend(), MemoryFence()
    store = store_with(backend, fence=fence)
    with pytest.raises(WriterRevoked), store.session() as session:  # noqa: PT012
        root = store.take_in(session, TreeSource(TREE, PreviousTree()), PreviousTree(), advance=nothing)
        (intent,) = intents_of(store).live()
        assert fence.revoke(intent.intent_id) == frozenset()
        session.finish(new_record("p", root, session.stats))
    with pytest.raises(WriterRevoked):
        store.adopt_point("p")
    announce(store, 1, ["points/p"], ["p"])
    intents_of(store).revoke(Revocation(version=1, intent_id=intent.intent_id, admitted=[], written_at=0))
    assert back_up(store_with(backend, fence=fence), "q", TREE, previous="p").stats.read_items == 2


def test_after_a_revocation_the_next_session_goes_by_an_intent_of_its_own() -> None:
    backend, fence = MemoryBackend(), MemoryFence()
    store = store_with(backend, fence=fence, linger_seconds=600.0)
    back_up(store, "before", TREE)
    (intent,) = intents_of(store).live()
    fence.revoke(intent.intent_id)
    with pytest.raises(WriterRevoked):
        back_up(store, "p", TREE)
    assert back_up(store, "q", TREE).intent_id != intent.intent_id
    store.intents.close()
    assert intents_of(store).live() == []


def test_a_renewal_whose_answer_was_lost_does_not_end_renewing() -> None:
    store = store_with(MemoryBackend())
    with store.session():
        (live,) = store.intents._live
        (first,) = intents_of(store).live()
        arrived = msgspec.structs.replace(first, sequence=2)
        store.intents._folder.put(f"{first.intent_id}.00000002", arrived)
        store.intents._renew(live)
        store.intents._renew(live)
        assert [intent.sequence for intent in intents_of(store).live()] == [3]
    assert intents_of(store).live() == []


def test_what_was_admitted_stays_admitted_after_the_revocation() -> None:
    fence = MemoryFence()
    assert fence.admit("one", "p")
    assert fence.revoke("one") == {"p"}
    assert fence.revoke("one") == {"p"}
    assert fence.admit("one", "p")
    assert not fence.admit("one", "q")


def nothing(items: int, size: int) -> None:
    del items, size
