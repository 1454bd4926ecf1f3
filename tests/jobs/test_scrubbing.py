"""Each vault is read back once a day, a little at a time, by whoever takes it on first."""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path

import pytest

from safehold.core.clock import FixedClock
from safehold.core.ids import new_id
from safehold.core.secrets import RootKey
from safehold.domain.vaults import Vault
from safehold.jobs import scrubbing
from safehold.jobs.scrubbing import Scrubber
from safehold.jobs.vaults import VaultAccess
from safehold.records import recovery_points, scrubs, sites, vaults
from safehold.records.engine import Catalog
from safehold.records.scrubs import ScrubState
from safehold.store.key_providers.key_file import KeyFile
from tests.records.samples import NOW, a_point, put_account, put_vault
from tests.store.vaults import back_up, folder_names

DAY = timedelta(days=1)
ALL = 1 << 40


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def access(sqlite_catalog: Catalog, tmp_path: Path) -> VaultAccess:
    with sqlite_catalog.begin() as tx:
        put_account(tx)
        sites.insert_site(tx, "here", storage_url=f"file://{tmp_path}", now=NOW)
    return VaultAccess(sqlite_catalog, KeyFile(RootKey(b"k" * 32)))


def a_vault(access: VaultAccess, name: str) -> Vault:
    """A vault that holds one point of three objects at least."""
    with access.catalog.begin() as tx:
        vault = put_vault(tx, site="here", id=new_id(), name=name)
    store = access.for_writing(vault)
    back_up(store, f"{name}-point", {b"file": name.encode() * 400_000})
    with access.catalog.begin() as tx:
        recovery_points.insert_if_new(tx, a_point(vault, f"{name}-point"))
        found = vaults.find_by_id(tx, vault.id)
    assert found is not None
    return found


def state_of(access: VaultAccess, vault: Vault) -> ScrubState:
    with access.catalog.read() as tx:
        return scrubs.of(tx, vault)


def scrubber(access: VaultAccess, clock: FixedClock, bytes_per_day: int = ALL) -> Scrubber:
    return Scrubber(access.catalog, access, clock, bytes_per_day=bytes_per_day)


def work(what: Scrubber, times: int = 20) -> None:
    for _ in range(times):
        what.work()


def test_every_vault_is_read_back_once_a_day(access: VaultAccess, clock: FixedClock) -> None:
    known = [a_vault(access, name) for name in ("one", "two")]
    worker = scrubber(access, clock)
    work(worker)
    for days in (0, 1, 2):
        for vault in known:
            state = state_of(access, vault)
            assert (state.ended_at, state.oldest_at, state.unread_count) == (clock.at, clock.at, 0)
        clock.at += timedelta(hours=23)
        work(worker)
        assert state_of(access, known[0]).ended_at == NOW + days * DAY
        clock.at = NOW + (days + 1) * DAY
        work(worker)


def test_two_workers_do_not_read_the_same_vault(
    access: VaultAccess, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scrubbing, "STEP_OBJECTS", 1)
    a_vault(access, "one")
    first, second = scrubber(access, clock), scrubber(access, clock)
    first.work()
    second.work()
    assert (first._vault is None, second._vault is None) == (False, True)


def test_a_budget_of_nothing_reads_nothing(access: VaultAccess, clock: FixedClock) -> None:
    vault = a_vault(access, "one")
    work(scrubber(access, clock, 0))
    assert state_of(access, vault) == ScrubState()


def test_what_stays_unread_or_is_damaged_is_said_in_the_log(
    access: VaultAccess, clock: FixedClock, caplog: pytest.LogCaptureFixture
) -> None:
    vault = a_vault(access, "one")
    store = access.for_reading(vault)
    path = Path(store.backend.root / folder_names(store.backend, "points/")[0])  # type: ignore[attr-defined]
    data = bytearray(path.read_bytes())
    data[60] ^= 1
    path.write_bytes(data)
    with caplog.at_level(logging.WARNING):
        work(scrubber(access, clock))
    assert state_of(access, vault).condemned_count == 1
    assert "1 objects are damaged" in caplog.text
    caplog.clear()
    clock.at += 31 * DAY
    with caplog.at_level(logging.WARNING):
        work(scrubber(access, clock, 1))
    assert "not read back for 31 days" in caplog.text


def test_a_store_that_does_not_answer_is_tried_again_in_an_hour(
    access: VaultAccess, clock: FixedClock, caplog: pytest.LogCaptureFixture
) -> None:
    vault = a_vault(access, "one")
    worker = scrubber(access, clock)
    store = access.for_reading(vault)
    root: Path = store.backend.root  # type: ignore[attr-defined]
    root.rename(root.with_name("away"))
    work(worker)
    assert "ended early" in caplog.text
    assert state_of(access, vault).ended_at is None
    root.with_name("away").rename(root)
    clock.at += timedelta(minutes=30)
    work(worker)
    assert state_of(access, vault).ended_at is None
    clock.at += timedelta(minutes=31)
    work(worker)
    assert state_of(access, vault).ended_at == clock.at
