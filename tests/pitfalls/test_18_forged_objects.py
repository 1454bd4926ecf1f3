"""Whoever could write to the storage had forged manifests, swapped and moved pieces accepted.

Here every frame is bound to its vault, object, type and place, and opens nowhere else. The attacker has the
storage, all that was ever in it, a vault of his own, and no key.
"""

from __future__ import annotations

import os
import random

import pytest

from safehold.core.errors import Damaged, KeyMismatch, ObjectMissing
from safehold.store.backends.memory import MemoryBackend
from safehold.store.names import ObjectType
from safehold.store.sealed.objects import SealedObject
from safehold.store.sealed.sealing import HEADER_BYTES, NewSeal, ObjectSeal
from safehold.store.vault_store import VaultStore
from tests.store.vaults import VAULT_ID, back_up, open_store, restore

FILES = {b"%d" % number: random.Random(number).randbytes(600_000) for number in range(4)}
FORGED = (Damaged, KeyMismatch, ObjectMissing)


@pytest.fixture
def backend() -> MemoryBackend:
    backend = MemoryBackend()
    store = open_store(backend)
    back_up(store, "first", FILES)
    back_up(store, "second", {b"file": b"the second"})
    store.amend("first", "tags", {"tags": '{"of": "first"}'}, written_at=1)
    store.amend("second", "tags", {"tags": '{"of": "second"}'}, written_at=1)
    return backend


def reopened(backend: MemoryBackend) -> VaultStore:
    return open_store(backend)


def restores_truly(backend: MemoryBackend, point: str, truth: dict[bytes, bytes]) -> bool:
    """Does the point give back the truth, or nothing and word of it? Anything else is a forgery accepted."""
    skipped: list[tuple[bytes, str]] = []
    try:
        found = restore(reopened(backend), point, skipped=skipped)
    except FORGED:
        return True
    return all(found.get(path, data) == data for path, data in truth.items()) and set(found) <= set(truth)


def packs(backend: MemoryBackend) -> list[str]:
    return [name for name in backend.objects if name.startswith("packs/")]


def test_a_record_under_another_points_name_is_refused(backend: MemoryBackend) -> None:
    backend.objects["points/first"] = backend.objects["points/second"]
    with pytest.raises(FORGED):
        reopened(backend).point("first")
    backend.objects["points/third"] = backend.objects["points/second"]
    with pytest.raises(FORGED):
        reopened(backend).point("third")


def test_a_record_of_an_attackers_own_vault_is_refused(backend: MemoryBackend) -> None:
    theirs = MemoryBackend()
    back_up(open_store(theirs, root_key=b"attacker" * 4), "first", {b"0": b"evil"})
    backend.objects["points/first"] = theirs.objects["points/first"]
    with pytest.raises(FORGED):
        reopened(backend).point("first")
    backend.objects["keys/0"] = theirs.objects["keys/0"]
    with pytest.raises(FORGED):
        reopened(backend)


def test_a_record_of_another_vault_that_has_the_very_same_keys_is_refused(backend: MemoryBackend) -> None:
    store = reopened(backend)
    twin = VaultStore(MemoryBackend(), store.keys, b"the other vault!")
    back_up(twin, "first", {b"0": b"of the other vault"})
    backend.objects["points/first"] = twin.backend.get("points/first")
    with pytest.raises(FORGED):
        reopened(backend).point("first")


def test_an_amendment_cannot_be_moved_to_another_point_nor_played_again(backend: MemoryBackend) -> None:
    backend.objects["amendments/first/00000002"] = backend.objects["amendments/first/00000001"]
    with pytest.raises(FORGED):
        reopened(backend).amendments("first")
    del backend.objects["amendments/first/00000002"]
    backend.objects["amendments/first/00000001"] = backend.objects["amendments/second/00000001"]
    with pytest.raises(FORGED):
        reopened(backend).amendments("first")


def test_an_object_of_one_type_does_not_pass_for_another(backend: MemoryBackend) -> None:
    keys = reopened(backend).keys
    seal = NewSeal(keys, VAULT_ID, ObjectType.TREE, "trees/x")
    sealed = seal.seal(0, b"a page")
    as_pack = bytearray(seal.header)
    as_pack[10] = ObjectType.PACK
    for header in (seal.header, bytes(as_pack)):
        with pytest.raises(FORGED):
            ObjectSeal(keys, VAULT_ID, header, "packs/x").open(0, sealed)


def test_frames_that_are_swapped_inside_a_pack_are_refused(backend: MemoryBackend) -> None:
    name = packs(backend)[0]
    opened = SealedObject(backend, reopened(backend).keys, VAULT_ID, name)
    sizes = [note.sealed_bytes for note in opened.directory.frames]
    assert sizes[0] == sizes[1], "incompressible files of one size have frames of one size"
    data = bytearray(backend.objects[name])
    first, second = opened.offsets[:2]
    data[first : first + sizes[0]], data[second : second + sizes[1]] = (
        data[second : second + sizes[1]],
        data[first : first + sizes[0]],
    )
    backend.objects[name] = bytes(data)
    assert restores_truly(backend, "first", FILES)
    with pytest.raises(Damaged, match="does not authenticate"):
        SealedObject(backend, reopened(backend).keys, VAULT_ID, name).frame(0)


def test_a_pack_that_is_moved_or_replaced_by_another_one_is_refused(backend: MemoryBackend) -> None:
    store = reopened(backend)
    back_up(store, "third", {b"x": os.urandom(3 << 20)})
    one, other = packs(backend)[0], packs(backend)[-1]
    assert one != other
    backend.objects[one], backend.objects[other] = backend.objects[other], backend.objects[one]
    assert restores_truly(backend, "first", FILES)
    for name in (one, other):
        with pytest.raises(FORGED):
            SealedObject(backend, store.keys, VAULT_ID, name)


@pytest.mark.parametrize("cut", [1, 28, 100, 5000, 600_000])
def test_an_object_that_was_cut_or_lengthened_is_refused(backend: MemoryBackend, cut: int) -> None:
    for name in (packs(backend)[0], "points/first"):
        whole = backend.objects[name]
        for forged in (
            whole[:-cut],
            whole + os.urandom(cut),
            whole[: min(HEADER_BYTES + cut, len(whole) - 1)],
        ):
            backend.objects[name] = forged
            with pytest.raises(FORGED):
                SealedObject(backend, reopened(backend).keys, VAULT_ID, name)
        backend.objects[name] = whole


@pytest.mark.parametrize("cut", [1, 5000])
def test_an_object_that_lost_bytes_in_its_midst_gives_nothing_wrong(backend: MemoryBackend, cut: int) -> None:
    name = packs(backend)[0]
    whole = backend.objects[name]
    backend.objects[name] = whole[:HEADER_BYTES] + whole[HEADER_BYTES + cut :]
    with pytest.raises(FORGED):
        SealedObject(backend, reopened(backend).keys, VAULT_ID, name).frame(0)
    assert restores_truly(backend, "first", FILES)


def test_whatever_single_byte_is_changed_nothing_wrong_is_restored() -> None:
    backend = MemoryBackend()
    tree = {b"file": b"the truth", b"other": b"of it"}
    back_up(open_store(backend), "point", tree)
    whole = backend.objects["points/point"]
    chance = random.Random(18)
    for _ in range(150):
        forged = bytearray(whole)
        forged[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        backend.objects["points/point"] = bytes(forged)
        assert restores_truly(backend, "point", tree)
