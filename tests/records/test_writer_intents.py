"""A writer commits or is revoked, never both; what was admitted stays so. On both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from safehold.records import writer_intents
from safehold.records.engine import Catalog
from tests.jobs.conftest import NOW


def admit(catalog: Catalog, intent: str, point: str) -> bool:
    with catalog.begin() as tx:
        return writer_intents.admit(tx, intent, vault_id="v", point_id=point, now=NOW)


def revoke(catalog: Catalog, intent: str) -> list[str]:
    with catalog.begin() as tx:
        return writer_intents.revoke(tx, intent, vault_id="v", now=NOW)


def test_what_was_admitted_stands_and_nothing_more_is_after_a_revocation(catalog: Catalog) -> None:
    assert admit(catalog, "one", "p")
    assert admit(catalog, "one", "q")
    assert revoke(catalog, "one") == ["p", "q"]
    assert revoke(catalog, "one") == ["p", "q"]
    assert admit(catalog, "one", "p")
    assert not admit(catalog, "one", "r")
    assert admit(catalog, "two", "r")


def test_an_intent_that_nobody_knows_can_be_revoked(catalog: Catalog) -> None:
    assert revoke(catalog, "one") == []
    assert not admit(catalog, "one", "p")


def test_of_a_commit_and_a_revocation_at_once_one_is_first_and_both_know_which(catalog: Catalog) -> None:
    for number in range(12):
        with ThreadPoolExecutor(2) as pool:
            admitted = pool.submit(admit, catalog, f"i{number}", "p")
            revoked = pool.submit(revoke, catalog, f"i{number}")
        assert admitted.result() == ("p" in revoked.result())


def test_many_points_of_one_intent_are_admitted_side_by_side(catalog: Catalog) -> None:
    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(lambda number: admit(catalog, "one", f"p{number}"), range(20)))
    assert sorted(revoke(catalog, "one")) == sorted(f"p{number}" for number in range(20))


def test_old_rows_are_forgotten_but_never_a_revocation(catalog: Catalog) -> None:
    admit(catalog, "ended", "p")
    revoke(catalog, "revoked")
    with catalog.begin() as tx:
        assert writer_intents.forget_before(tx, NOW + timedelta(days=1)) == 1
    assert not admit(catalog, "revoked", "p")
