"""Recovery points as rows: counted, listed, amended and forgotten as one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from safehold.core.errors import ResourceNotFound
from safehold.domain.backup_requests import CreatedBy
from safehold.domain.lifecycle import Lifecycle
from safehold.domain.recovery_points import PointStatus, RecoveryPoint, with_lifecycle
from safehold.domain.vaults import Vault
from safehold.records import amendments, protected_resources, recovery_points, tags, vaults
from safehold.records.amendments import AmendmentKind
from safehold.records.engine import Catalog
from safehold.records.tx import Tx
from tests.records.samples import ACCOUNT, NOW, RESOURCE, SITE, a_point, put_account, put_vault

CREATOR = CreatedBy("plan-1", "arn:plan", "name", "version", "rule", "daily", "cron(0 5 ? * * *)", "Etc/UTC")
OTHER = RESOURCE.replace("fs-1", "fs-2")


@pytest.fixture
def vault(catalog: Catalog) -> Vault:
    with catalog.begin() as tx:
        put_account(tx)
        return put_vault(tx)


def put(tx: Tx, *points: RecoveryPoint) -> None:
    for point in points:
        assert recovery_points.insert_if_new(tx, point)


def count(tx: Tx, vault: Vault) -> int:
    found = vaults.find_by_id(tx, vault.id)
    assert found is not None
    return found.point_count


def test_what_is_stored_comes_back_equal(catalog: Catalog, vault: Vault) -> None:
    point = with_lifecycle(
        a_point(
            vault,
            "p1",
            created_by=CREATOR,
            plan_id=CREATOR.plan_id,
            restore_metadata={"file-system-id": "fs-1"},
            facts={"path": "/srv"},
            size_bytes=2**40,
        ),
        Lifecycle(move_to_cold_storage_after_days=5, delete_after_days=100),
    )
    with catalog.begin() as tx:
        put(tx, point, a_point(vault, "p2"))
    with catalog.read() as tx:
        assert recovery_points.find(tx, vault_id=vault.id, arn=point.arn) == point
        assert recovery_points.find_by_arn(tx, point.arn, account_id=ACCOUNT) == point
        assert recovery_points.find_by_arn(tx, point.arn, account_id="0" * 12) is None
        assert recovery_points.find_by_id(tx, "p2") == a_point(vault, "p2")


def test_a_last_step_that_runs_twice_makes_one_point(catalog: Catalog, vault: Vault) -> None:
    with catalog.begin() as tx:
        put(tx, a_point(vault, "p1"))
        assert not recovery_points.insert_if_new(tx, a_point(vault, "p1"))
        assert count(tx, vault) == 1
        assert protected_resources.page_of_vault(tx, vault_id=vault.id, limit=9)[0].last_point_arn.endswith(
            "p1"
        )


def test_a_point_whose_vault_is_gone_is_refused(catalog: Catalog, vault: Vault) -> None:
    with catalog.begin() as tx:
        vaults.delete_empty(tx, vault.id)
        with pytest.raises(ResourceNotFound):
            recovery_points.insert_if_new(tx, a_point(vault, "p1"))


def pages(fetch: Callable[[recovery_points.After | None], list[RecoveryPoint]]) -> list[str]:
    """Ids of all pages, one after the other."""
    found: list[str] = []
    after = None
    while page := fetch(after):
        found += [point.id for point in page]
        after = (page[-1].created_at, page[-1].id)
    return found


def test_pages_are_newest_first_and_hold_every_point_once(catalog: Catalog, vault: Vault) -> None:
    with catalog.begin() as tx:
        put(tx, *(a_point(vault, f"p{n}", created_at=NOW + timedelta(days=n // 3)) for n in range(9)))
        of_vault = pages(
            lambda after: recovery_points.page_of_vault(tx, vault_id=vault.id, after=after, limit=2)
        )
        of_resource = pages(
            lambda after: recovery_points.page_of_resource(
                tx, account_id=ACCOUNT, site=SITE, resource_arn=RESOURCE, after=after, limit=4
            )
        )
    assert of_vault == of_resource == [f"p{n}" for n in reversed(range(9))]


def test_filters_of_the_vaults_list(catalog: Catalog, vault: Vault) -> None:
    with catalog.begin() as tx:
        other = put_vault(tx, "other")
        put(
            tx,
            a_point(vault, "a", plan_id="plan-1", is_parent=True),
            a_point(vault, "b", created_at=NOW + timedelta(1), parent_arn="arn:parent", resource_type="FSx"),
            a_point(vault, "c", created_at=NOW + timedelta(2), resource_arn=OTHER),
            a_point(other, "d"),
        )

        def ids(**filters: object) -> list[str]:
            found = recovery_points.page_of_vault(tx, vault_id=vault.id, limit=9, **filters)  # type: ignore[arg-type]
            return [point.id for point in found]

        assert ids() == ["c", "b", "a"]
        assert ids(resource_arn=OTHER) == ["c"]
        assert ids(resource_type="FSx") == ["b"]
        assert ids(plan_id="plan-1") == ["a"]
        assert ids(parent_arn="arn:parent") == ["b"]
        assert ids(created_before=NOW + timedelta(1)) == ["a"]
        assert ids(created_after=NOW, created_before=NOW + timedelta(2)) == ["b"]
        assert ids(resource_arn=RESOURCE, resource_type="EFS") == ["a"]


def test_a_forgotten_point_leaves_no_trace(catalog: Catalog, vault: Vault) -> None:
    with catalog.begin() as tx:
        put(tx, a_point(vault, "p1"), a_point(vault, "p2", created_at=NOW + timedelta(1)))
        tags.put(tx, a_point(vault, "p2").arn, {"a": "b"})
        assert recovery_points.forget(tx, "p2")
        assert not recovery_points.forget(tx, "p2")
        assert count(tx, vault) == 1
        assert tags.of(tx, a_point(vault, "p2").arn) == {}
        (left,) = protected_resources.page(tx, account_id=ACCOUNT, site=SITE, limit=9)
        assert left.last_backup_at == NOW
        recovery_points.forget(tx, "p1")
        assert protected_resources.page(tx, account_id=ACCOUNT, site=SITE, limit=9) == []
        assert count(tx, vault) == 0


def test_the_next_backup_builds_on_the_newest_usable_point(catalog: Catalog, vault: Vault) -> None:
    with catalog.begin() as tx:
        put(
            tx,
            a_point(vault, "old"),
            a_point(vault, "new", created_at=NOW + timedelta(1)),
            a_point(vault, "going", created_at=NOW + timedelta(2), status=PointStatus.DELETING),
        )
        latest = recovery_points.latest_of_resource(tx, vault_id=vault.id, resource_arn=RESOURCE)
        assert latest is not None
        assert latest.id == "new"
        assert recovery_points.latest_of_resource(tx, vault_id=vault.id, resource_arn=OTHER) is None


def test_protected_resources_tell_of_the_newest_point_in_any_vault(catalog: Catalog, vault: Vault) -> None:
    with catalog.begin() as tx:
        other = put_vault(tx, "other")
        put(
            tx,
            a_point(vault, "b", created_at=NOW + timedelta(2), resource_name="now"),
            a_point(vault, "a", created_at=NOW),  # finished later, but older
            a_point(other, "c", created_at=NOW + timedelta(1)),
            a_point(other, "d", resource_arn=OTHER),
        )
        first = protected_resources.page(tx, account_id=ACCOUNT, site=SITE, limit=1)
        after = first[-1].resource_arn
        rest = protected_resources.page(tx, account_id=ACCOUNT, site=SITE, after=after, limit=9)
        assert [found.resource_arn for found in first + rest] == [RESOURCE, OTHER]
        assert (first[0].resource_name, first[0].last_vault_arn) == ("now", vault.arn)
        found = protected_resources.find(tx, account_id=ACCOUNT, site=SITE, resource_arn=RESOURCE)
        assert found == first[0]
        (in_other, _) = protected_resources.page_of_vault(tx, vault_id=other.id, limit=9)
        assert in_other.last_backup_at == NOW + timedelta(1)
        assert protected_resources.page(tx, account_id=ACCOUNT, site="eu-west-1", limit=9) == []


def test_retention_that_has_ended(catalog: Catalog, vault: Vault) -> None:
    short, long = Lifecycle(delete_after_days=1), Lifecycle(delete_after_days=2)
    with catalog.begin() as tx:
        put(
            tx,
            a_point(vault, "for ever"),
            with_lifecycle(a_point(vault, "long"), long),
            with_lifecycle(a_point(vault, "short"), short),
            with_lifecycle(a_point(vault, "partial", status=PointStatus.PARTIAL), short),
            with_lifecycle(a_point(vault, "going", status=PointStatus.DELETING), short),
        )
        ended = recovery_points.expired(tx, now=NOW + timedelta(1), limit=9)
        assert [point.id for point in ended] == ["partial", "short"]
        assert len(recovery_points.expired(tx, now=NOW + timedelta(3), limit=2)) == 2
        assert [point.id for point in recovery_points.deleting(tx, limit=9)] == ["going"]


def test_amendments_wait_until_they_are_written_and_a_deletion_then_forgets(
    catalog: Catalog, vault: Vault
) -> None:
    point = a_point(vault, "p1")
    with catalog.begin() as tx:
        put(tx, point)
        assert recovery_points.lock(tx, "p1") == point
        amendments.add(tx, point, AmendmentKind.TAGS, {"tags": {"a": "b"}}, now=NOW)
        amendments.add(tx, point, AmendmentKind.DELETION, {"by": "me"}, now=NOW)
    with catalog.begin() as tx:
        first, second = amendments.pending(tx, limit=9)
        assert (first.kind, first.body, first.sequence < second.sequence) == (
            "tags",
            {"tags": {"a": "b"}},
            True,
        )
        amendments.mark_written(tx, first, now=NOW)
        assert recovery_points.find_by_id(tx, "p1") is not None
        amendments.mark_written(tx, second, now=NOW)
        amendments.mark_written(tx, second, now=NOW)  # as after a worker that was killed in between
        assert amendments.pending(tx, limit=9) == []
        assert recovery_points.find_by_id(tx, "p1") is None
        assert count(tx, vault) == 0
        assert amendments.forget_written_before(tx, NOW + timedelta(1)) == 2


def test_changing_a_points_columns(catalog: Catalog, vault: Vault) -> None:
    with catalog.begin() as tx:
        put(tx, a_point(vault, "p1"))
        lifecycle = Lifecycle(delete_after_days=3)
        assert recovery_points.update_point(tx, "p1", lifecycle=lifecycle, status=PointStatus.EXPIRED)
        assert not recovery_points.update_point(tx, "none", status=PointStatus.EXPIRED)
        expected = replace(a_point(vault, "p1"), lifecycle=lifecycle, status=PointStatus.EXPIRED)
        assert recovery_points.find_by_id(tx, "p1") == expected
        assert not recovery_points.has_children(tx, expected)
