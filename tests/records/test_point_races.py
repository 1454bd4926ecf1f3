"""What several processes do to one vault at once comes out as if they had taken turns."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from safehold.core.errors import ResourceNotFound
from safehold.records import protected_resources, recovery_points, vaults
from safehold.records.engine import Catalog
from tests.records.samples import ACCOUNT, SITE, a_point, put_account, put_vault

ROUNDS = 8


def insert(catalog: Catalog, vault_id: str, point_id: str) -> bool:
    """As the last step of a backup: False when the vault had gone."""
    with catalog.begin() as tx:
        vault = vaults.find_by_id(tx, vault_id)
        if vault is None:
            return False
        try:
            return recovery_points.insert_if_new(tx, a_point(vault, point_id))
        except ResourceNotFound:
            return False


def delete(catalog: Catalog, vault_id: str) -> bool:
    with catalog.begin() as tx:
        return vaults.delete_empty(tx, vault_id)


def forget(catalog: Catalog, point_id: str) -> bool:
    with catalog.begin() as tx:
        return recovery_points.forget(tx, point_id)


@pytest.fixture
def with_account(catalog: Catalog) -> Catalog:
    with catalog.begin() as tx:
        put_account(tx)
    return catalog


def test_a_vault_is_deleted_or_gets_the_point_never_both(with_account: Catalog) -> None:
    for round_ in range(ROUNDS):
        with with_account.begin() as tx:
            vault = put_vault(tx, f"vault-{round_}")
        with ThreadPoolExecutor(2) as pool:
            inserted = pool.submit(insert, with_account, vault.id, f"p{round_}")
            deleted = pool.submit(delete, with_account, vault.id)
        assert inserted.result() is not deleted.result()


def test_points_that_come_and_go_at_once_are_counted(with_account: Catalog) -> None:
    with with_account.begin() as tx:
        vault = put_vault(tx)
    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(lambda n: insert(with_account, vault.id, f"p{n}"), range(2 * ROUNDS)))
        gone = list(pool.map(lambda n: forget(with_account, f"p{n // 2}"), range(2 * ROUNDS)))
    assert sum(gone) == ROUNDS  # each was asked for twice
    with with_account.read() as tx:
        found = vaults.find_by_id(tx, vault.id)
        assert found is not None
        assert found.point_count == ROUNDS
        assert len(recovery_points.page_of_vault(tx, vault_id=vault.id, limit=99)) == ROUNDS
        (resource,) = protected_resources.page(tx, account_id=ACCOUNT, site=SITE, limit=9)
        assert resource.last_point_arn.endswith(f"p{2 * ROUNDS - 1}") or resource.last_point_arn.endswith(
            "p9"
        )
