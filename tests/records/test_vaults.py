"""Vaults as rows."""

from __future__ import annotations

import pytest

from safehold.core.errors import InvalidParameterValue
from safehold.domain.vaults import VaultType
from safehold.records import recovery_points, sites, vaults
from safehold.records.engine import Catalog
from tests.records.samples import ACCOUNT, NOW, SITE, a_point, put_account, put_vault


@pytest.fixture(autouse=True)
def account(catalog: Catalog) -> None:
    with catalog.begin() as tx:
        put_account(tx)


def test_what_is_stored_comes_back_equal(catalog: Catalog) -> None:
    with catalog.begin() as tx:
        vault = put_vault(tx, min_retention_days=7, is_locked=True, lock_date=NOW, creator_request_id="c")
    with catalog.read() as tx:
        assert vaults.find(tx, account_id=ACCOUNT, site=SITE, name="main") == vault
        assert vaults.find_by_arn(tx, vault.arn) == vault
        assert vaults.find_by_id(tx, vault.id) == vault
        assert vaults.find(tx, account_id=ACCOUNT, site="eu-west-1", name="main") is None


def test_a_name_is_taken_once_per_site_and_case_matters(catalog: Catalog) -> None:
    with catalog.begin() as tx:
        vault = put_vault(tx)
        assert not vaults.insert_if_new(tx, vault)
        put_vault(tx, "MAIN")
        sites.ensure(tx, "eu-west-1", now=NOW)
        put_vault(tx, site="eu-west-1")
        assert vaults.count(tx, account_id=ACCOUNT, site=SITE) == 2


def test_pages_are_by_name(catalog: Catalog) -> None:
    with catalog.begin() as tx:
        for name in ("cc", "aa", "bb"):
            put_vault(tx, name)
        put_vault(tx, "lag", vault_type=VaultType.AIR_GAPPED)
        first = vaults.page(tx, account_id=ACCOUNT, site=SITE, limit=2)
        rest = vaults.page(tx, account_id=ACCOUNT, site=SITE, after=first[-1].name, limit=9)
        gapped = vaults.page(tx, account_id=ACCOUNT, site=SITE, vault_type=VaultType.AIR_GAPPED, limit=9)
    assert [vault.name for vault in first + rest] == ["aa", "bb", "cc", "lag"]
    assert [vault.name for vault in gapped] == ["lag"]


def test_only_an_empty_vault_is_deleted(catalog: Catalog) -> None:
    with catalog.begin() as tx:
        vault = put_vault(tx)
        recovery_points.insert_if_new(tx, a_point(vault, "p1"))
        assert not vaults.delete_empty(tx, vault.id)
        recovery_points.forget(tx, "p1")
        assert vaults.delete_empty(tx, vault.id)
        assert not vaults.delete_empty(tx, vault.id)
        assert vaults.every(tx) == []


def test_a_new_site_keeps_its_vaults_where_the_first_one_does(catalog: Catalog) -> None:
    with catalog.begin() as tx:
        sites.ensure(tx, "my-cellar", now=NOW)
        sites.ensure(tx, "my-cellar", now=NOW)
        assert sites.storage_url(tx, "my-cellar") == "file:///vaults"
        assert sites.names(tx) == ["my-cellar", SITE]  # made in the same moment: by name
        assert sites.storage_url(tx, "elsewhere") is None
        with pytest.raises(InvalidParameterValue):
            sites.ensure(tx, "../x", now=NOW)
