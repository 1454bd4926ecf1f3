"""Plans, selections and firings as rows, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert

from safehold.core.errors import ResourceNotFound
from safehold.domain.firings import Firing, Outcome
from safehold.domain.plans import PlanDocument, PlanVersion, Rule, with_rule_ids
from safehold.domain.selection import Selection, SelectionDocument
from safehold.records import firings, plans, selections, tables
from safehold.records.engine import Catalog
from safehold.records.tx import Tx

NOW = datetime(2030, 1, 1, 0, 0, 0, 123456, tzinfo=UTC)
ACCOUNT = "1" * 12
HERE = {"account_id": ACCOUNT, "site": "us-east-1"}
DOCUMENT = with_rule_ids(PlanDocument("daily", (Rule("r", "Default"),)), None, new_ids=("r1",), now=NOW)


def a_plan(plan_id: str = "p1", **changes: object) -> PlanVersion:
    plan = PlanVersion(
        id=plan_id,
        account_id=ACCOUNT,
        site="us-east-1",
        arn=f"arn:{plan_id}",
        version_id="v1",
        document=DOCUMENT,
        created_at=NOW,
        version_created_at=NOW,
        creator_request_id=f"asked-{plan_id}",
    )
    return replace(plan, **changes)  # type: ignore[arg-type]


def a_selection(selection_id: str, name: str, **changes: object) -> Selection:
    selection = Selection(selection_id, "p1", SelectionDocument(name, "role", ("*",)), NOW)
    return replace(selection, **changes)  # type: ignore[arg-type]


@pytest.fixture
def tx(catalog: Catalog) -> Tx:
    with catalog.begin() as tx:
        tx.execute(insert(tables.account).values(id=ACCOUNT, name="a", created_at=NOW))
        plans.insert_plan(tx, a_plan())
        yield tx


def test_a_plan_comes_back_equal(tx: Tx) -> None:
    assert plans.get_active(tx, "p1", **HERE) == a_plan()


def test_another_site_or_account_has_no_such_plan(tx: Tx) -> None:
    assert plans.find_active(tx, "p1", account_id=ACCOUNT, site="eu-west-1") is None
    assert plans.find_active(tx, "p1", account_id="2" * 12, site="us-east-1") is None


def test_old_versions_stay_readable_even_after_the_plan_is_gone(tx: Tx) -> None:
    newer = a_plan(
        version_id="v2", version_created_at=NOW + timedelta(hours=1), document=replace(DOCUMENT, name="b")
    )
    plans.replace_document(tx, newer)
    assert plans.get_active(tx, "p1", **HERE) == newer
    plans.mark_deleted(tx, "p1", now=NOW)
    assert plans.get_version(tx, "p1", "v1", **HERE) == a_plan(deleted_at=NOW)
    assert [(position, plan.version_id) for position, plan in plans.versions(tx, "p1", limit=9)] == [
        (2, "v2"),
        (1, "v1"),
    ]
    assert [plan.version_id for _, plan in plans.versions(tx, "p1", after=2, limit=9)] == ["v1"]
    with pytest.raises(ResourceNotFound):
        plans.get_active(tx, "p1", **HERE)


def test_a_plan_that_says_the_same_is_found_while_it_is_active(tx: Tx) -> None:
    assert plans.find_same(tx, DOCUMENT, **HERE) == a_plan()
    assert plans.find_same(tx, replace(DOCUMENT, name="other"), **HERE) is None
    assert plans.find_by_request(tx, "asked-p1", **HERE) == a_plan()
    plans.mark_deleted(tx, "p1", now=NOW)
    assert plans.find_same(tx, DOCUMENT, **HERE) is None
    assert plans.find_by_request(tx, "asked-p1", **HERE) is None


def test_pages_are_in_order_of_creation(tx: Tx) -> None:
    for number in range(2, 6):
        plans.insert_plan(tx, a_plan(f"p{number}", created_at=NOW + timedelta(seconds=number // 3)))
    plans.mark_deleted(tx, "p2", now=NOW)
    first = plans.page(tx, **HERE, include_deleted=False, limit=2)
    last = (first[-1].created_at, first[-1].id)
    rest = plans.page(tx, **HERE, include_deleted=False, after=last, limit=9)
    assert [plan.id for plan in first + rest] == ["p1", "p3", "p4", "p5"]
    assert [plan.id for plan in plans.page(tx, **HERE, include_deleted=True, limit=2)] == ["p1", "p2"]


def test_the_scheduler_sees_active_plans_of_every_site(tx: Tx) -> None:
    plans.insert_plan(tx, a_plan("p2", site="eu-west-1"))
    plans.insert_plan(tx, a_plan("p3"))
    plans.mark_deleted(tx, "p3", now=NOW)
    assert plans.active_version_ids(tx) == {"p1": "v1", "p2": "v1"}
    assert [plan.id for plan in plans.active(tx)] == ["p1", "p2"]
    assert [plan.id for plan in plans.active(tx, {"p2", "p3"})] == ["p2"]
    assert [plan.id for plan in plans.active(tx, {f"x{n}" for n in range(600)} | {"p1"})] == ["p1"]


def test_a_plans_selections_have_names_of_their_own(tx: Tx) -> None:
    assert selections.insert_if_new(tx, a_selection("s1", "a"))
    assert not selections.insert_if_new(tx, a_selection("s2", "a"))
    assert selections.find(tx, "p1", "s1") == a_selection("s1", "a")
    assert selections.find_by_name(tx, "p1", "a") == a_selection("s1", "a")
    assert selections.find(tx, "p2", "s1") is None
    assert selections.remove(tx, "p1", "s1")
    assert not selections.remove(tx, "p1", "s1")
    assert selections.count(tx, "p1") == 0


def test_selections_are_listed_oldest_first(tx: Tx) -> None:
    for number, name in ((3, "c"), (1, "a"), (2, "b")):
        selections.insert_if_new(
            tx, a_selection(f"s{number}", name, created_at=NOW + timedelta(seconds=number))
        )
    assert [s.id for s in selections.of_plan(tx, "p1")] == ["s1", "s2", "s3"]
    first = selections.page(tx, "p1", limit=1)
    rest = selections.page(tx, "p1", after=(first[0].created_at, first[0].id), limit=9)
    assert [s.id for s in first + rest] == ["s1", "s2", "s3"]


def test_a_due_time_is_dealt_with_once(tx: Tx) -> None:
    firing = Firing("p1", "r1", NOW, NOW, Outcome.FIRED)
    assert firings.insert_if_new(tx, firing)
    assert not firings.insert_if_new(tx, replace(firing, outcome=Outcome.MISSED))
    firings.set_job_count(tx, firing, 3)
    assert firings.of_plan(tx, "p1", limit=9) == [replace(firing, job_count=3)]


def test_due_times_of_the_future_do_not_count_as_the_latest(tx: Tx) -> None:
    for hours in (-2, -1, 5):
        at = NOW + timedelta(hours=hours)
        firings.insert_if_new(tx, Firing("p1", "r1", at, NOW, Outcome.FIRED))
    firings.insert_if_new(tx, Firing("p1", "r2", NOW, NOW, Outcome.MISSED))
    firings.insert_if_new(tx, Firing("p2", "r1", NOW, NOW, Outcome.MISSED))
    assert firings.latest_by_rule(tx, "p1", until=NOW) == {"r1": NOW - timedelta(hours=1), "r2": NOW}
