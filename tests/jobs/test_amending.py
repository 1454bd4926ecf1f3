"""Vaults are told of what the API has accepted about their points."""

from __future__ import annotations

from pathlib import Path

import pytest

from safehold.core.clock import FixedClock
from safehold.core.ids import new_id
from safehold.core.secrets import RootKey
from safehold.domain.vaults import Vault
from safehold.jobs import amending
from safehold.jobs.vaults import VaultAccess
from safehold.records import amendments, recovery_points, sites
from safehold.records.amendments import AmendmentKind
from safehold.records.engine import Catalog
from safehold.store.key_providers.key_file import KeyFile
from tests.records.samples import NOW, a_point, put_account, put_vault


def put_fact(catalog: Catalog, vault: Vault, point_id: str, days: int) -> None:
    with catalog.begin() as tx:
        body = {"lifecycle": {"delete_after_days": days}}
        amendments.add(tx, a_point(vault, point_id), AmendmentKind.LIFECYCLE, body, now=NOW)


def test_a_vault_in_trouble_keeps_its_facts_and_holds_up_no_other(
    sqlite_catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(amending, "BATCH", 2)  # fewer than the facts that wait for the vault in trouble
    with sqlite_catalog.begin() as tx:
        put_account(tx)
        sites.insert_site(tx, "here", storage_url=f"file://{tmp_path}", now=NOW)
        sites.insert_site(tx, "gone", storage_url=f"file://{tmp_path}/gone", now=NOW)
        broken = put_vault(tx, site="gone", id=new_id())
        whole = put_vault(tx, site="here", id=new_id())
        recovery_points.insert_if_new(tx, a_point(broken, "b"))
        recovery_points.insert_if_new(tx, a_point(whole, "w"))
    for days in (1, 2, 3):
        put_fact(sqlite_catalog, broken, "b", days)
    put_fact(sqlite_catalog, whole, "w", 4)
    access = VaultAccess(sqlite_catalog, KeyFile(RootKey(b"k" * 32)))
    access.for_writing(whole)  # makes its store

    writer = amending.AmendmentWriter(sqlite_catalog, access, FixedClock(NOW))
    assert writer.write_pending() == 1
    (told,) = access.for_reading(whole).amendments("w")
    assert (told.kind, told.facts) == ("lifecycle", {"lifecycle": '{"delete_after_days": 4}'})
    with sqlite_catalog.read() as tx:
        assert [fact.vault_id for fact in amendments.pending(tx, limit=9)] == [broken.id] * 3
