"""The trash: what has two names loses the right one, and what has versions is gone with all of them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from safehold.store.backends.contract import LockMode, Retention
from safehold.store.backends.local_locks import LockingLocalBackend
from safehold.store.backends.memory import MemoryBackend
from safehold.store.backends.passing import PassingBackend
from safehold.store.collect.trash import Trash, in_trash
from safehold.store.points.locking import first_version
from safehold.store.sealed.sealing import HEADER_BYTES
from tests.store.collect.worlds import START, VaultWorld

NAME, HIDDEN = "packs/a", in_trash(1, "packs/a")


class Lasting(PassingBackend):
    """A place that keeps locks and versions and renames nothing, as a bucket is."""

    can_rename = False


def with_both_names(first: bytes, second: bytes) -> MemoryBackend:
    backend = MemoryBackend()
    backend.put(NAME, [first])
    backend.put(HIDDEN, [second])
    return backend


def test_an_object_that_a_crash_left_both_names_keeps_the_one_in_the_trash() -> None:
    backend = with_both_names(b"a" * HEADER_BYTES, b"a" * HEADER_BYTES)
    Trash(backend).take(1, NAME)
    assert list(backend.objects) == [HIDDEN]


def test_what_was_written_anew_under_a_name_in_the_trash_stays_in_its_place() -> None:
    backend = with_both_names(b"b" * HEADER_BYTES, b"a" * HEADER_BYTES)
    Trash(backend).take(1, NAME)
    assert list(backend.objects) == [NAME, HIDDEN]


@pytest.mark.usefixtures("mortal")
def test_where_nothing_is_renamed_an_object_is_erased_with_its_version_unless_it_is_kept(
    tmp_path: Path,
) -> None:
    world = VaultWorld()
    root = LockingLocalBackend.create(tmp_path / "vault").root
    backend = Lasting(LockingLocalBackend(root, clock=world.clock, may_be_immutable=False))
    backend.put(NAME, [b"a"])
    backend.retain(first_version(backend, NAME), Retention(LockMode.COMPLIANCE, START + timedelta(days=1)))
    trash = Trash(backend)
    assert not trash.erase(1, NAME)
    world.wait(timedelta(days=1, seconds=1))
    assert trash.erase(1, NAME)
    assert backend.versions_of(NAME) == []
