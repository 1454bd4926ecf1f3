"""Which points holds cover, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from safehold.domain.legal_holds import HoldStatus, LegalHold, Scope
from safehold.domain.vaults import Vault
from safehold.records import legal_holds, point_locks, recovery_points
from safehold.records.engine import Catalog
from safehold.records.tx import Tx
from tests.records.samples import ACCOUNT, NOW, RESOURCE, SITE, a_point, put_account, put_vault

DAY = timedelta(days=1)
HOLD = LegalHold("h-1", "arn:h-1", ACCOUNT, SITE, "case", "17/2030", HoldStatus.ACTIVE, NOW)
OTHER_RESOURCE = RESOURCE + "2"


@pytest.fixture
def vaults(catalog: Catalog) -> list[Vault]:
    """Two vaults; each holds points of two resources, a day apart."""
    with catalog.begin() as tx:
        put_account(tx)
        made = [put_vault(tx, name) for name in ("one", "two")]
        for vault in made:
            for day, resource in enumerate((RESOURCE, OTHER_RESOURCE)):
                point = a_point(
                    vault,
                    f"{vault.name}-{day}",
                    resource_arn=resource,
                    created_at=NOW + day * DAY,
                    delete_at=NOW + 2 * DAY,
                )
                recovery_points.insert_if_new(tx, point)
    return made


def covered(tx: Tx, *scopes: Scope, **changes: object) -> set[str]:
    hold = replace(HOLD, **changes)  # type: ignore[arg-type]
    legal_holds.insert_hold(tx, hold, scopes)
    return {point.id for point in legal_holds.page_of_points(tx, hold.id, after=None, limit=9)}


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        pytest.param(Scope(None, None, None, None), {"one-0", "one-1", "two-0", "two-1"}, id="everything"),
        pytest.param(Scope(f"{SITE}-one", None, None, None), {"one-0", "one-1"}, id="a vault"),
        pytest.param(Scope(None, RESOURCE, None, None), {"one-0", "two-0"}, id="a resource"),
        pytest.param(Scope(None, None, NOW + DAY, None), {"one-1", "two-1"}, id="from then on, included"),
        pytest.param(Scope(None, None, None, NOW + DAY), {"one-0", "two-0"}, id="before then, excluded"),
        pytest.param(Scope(None, RESOURCE, NOW + DAY, None), set(), id="nothing"),
    ],
)
def test_what_a_hold_covers(catalog: Catalog, vaults: list[Vault], scope: Scope, expected: set[str]) -> None:
    with catalog.begin() as tx:
        assert covered(tx, scope) == expected
        held = {p for p in ("one-0", "one-1", "two-0", "two-1") if legal_holds.is_point_held(tx, p)}
        assert held == expected
        assert {point.id for point in legal_holds.to_hold(tx, limit=9)} == expected
        left = {point.id for point in recovery_points.expired(tx, now=NOW + 9 * DAY, limit=9)}
        assert left == {"one-0", "one-1", "two-0", "two-1"} - expected


def test_a_hold_of_another_site_covers_nothing(catalog: Catalog, vaults: list[Vault]) -> None:
    with catalog.begin() as tx:
        assert covered(tx, Scope(None, None, None, None), site="elsewhere") == set()


@pytest.mark.parametrize(
    ("status", "is_heeded", "is_standing"),
    [
        (HoldStatus.CREATING, True, True),
        (HoldStatus.ACTIVE, True, True),
        (HoldStatus.CANCELING, True, False),
        (HoldStatus.CANCELED, False, False),
    ],
)
def test_in_which_states_a_hold_is_heeded(
    catalog: Catalog, vaults: list[Vault], status: HoldStatus, is_heeded: bool, is_standing: bool
) -> None:
    with catalog.begin() as tx:
        covered(tx, Scope(f"{SITE}-one", None, None, None), status=status)
        assert legal_holds.is_point_held(tx, "one-0") is is_heeded
        assert bool(legal_holds.to_hold(tx, limit=9)) is is_standing


def test_the_stores_are_told_once(catalog: Catalog, vaults: list[Vault]) -> None:
    with catalog.begin() as tx:
        covered(tx, Scope(f"{SITE}-one", None, None, None))
        point_locks.put_held(tx, "one-0", vault_id=vaults[0].id, is_held=True)
        assert {point.id for point in legal_holds.to_hold(tx, limit=9)} == {"one-1"}
        assert legal_holds.to_release(tx, limit=9) == []
        legal_holds.update_hold(tx, "h-1", from_status=HoldStatus.ACTIVE, status=HoldStatus.CANCELING)
        assert [point.id for point in legal_holds.to_release(tx, limit=9)] == ["one-0"]
        point_locks.put_held(tx, "one-0", vault_id=vaults[0].id, is_held=False)
        assert legal_holds.to_release(tx, limit=9) == []


def test_a_canceled_hold_is_forgotten_when_its_record_was_kept_long_enough(
    catalog: Catalog, vaults: list[Vault]
) -> None:
    with catalog.begin() as tx:
        covered(tx, Scope(None, None, None, None), status=HoldStatus.CANCELED, retain_until=NOW)
        assert (legal_holds.are_over(tx, NOW), legal_holds.are_over(tx, NOW + DAY)) == (False, True)
        assert legal_holds.forget_before(tx, NOW) == []
        assert [hold.id for hold in legal_holds.forget_before(tx, NOW + DAY)] == ["h-1"]
        assert legal_holds.find(tx, "h-1", account_id=ACCOUNT, site=SITE) is None
