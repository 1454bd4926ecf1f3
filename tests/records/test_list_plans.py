"""A page of any list is read from an index: never the whole table, never sorted."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, event

from safehold.domain.jobs import JobKind
from safehold.records import (
    amendments,
    frameworks,
    jobs,
    point_indexes,
    protected_resources,
    recovery_points,
    reports,
    restore_testing,
    tags,
    vaults,
)
from safehold.records.engine import Catalog
from safehold.records.jobs import JobFilter
from safehold.records.reports import ReportJobFilter
from safehold.records.tx import Tx
from tests.records.samples import ACCOUNT, NOW, RESOURCE, SITE

MINE = {"account_id": ACCOUNT, "site": SITE}
BEFORE = (NOW, "id")


def of_vault(**filters: object) -> Callable[[Tx], object]:
    return lambda tx: recovery_points.page_of_vault(tx, vault_id="v", after=BEFORE, limit=5, **filters)


def of_jobs(**filters: object) -> Callable[[Tx], object]:
    wanted = JobFilter(**MINE, kind=JobKind.BACKUP, **filters)
    return lambda tx: jobs.page(tx, wanted, after=BEFORE, limit=5)


def of_report_jobs(**filters: Any) -> Callable[[Tx], object]:
    wanted = ReportJobFilter(**MINE, **filters)
    return lambda tx: reports.page_of_jobs(tx, wanted, after=BEFORE, limit=5)


LISTS: dict[str, Callable[[Tx], object]] = {
    "points of a vault": of_vault(),
    "points of a vault by resource": of_vault(resource_arn=RESOURCE),
    "points of a vault by type": of_vault(resource_type="EFS"),
    "points of a vault by plan": of_vault(plan_id="p"),
    "points of a vault by parent": of_vault(parent_arn="arn:p"),
    "points of a vault by time": of_vault(created_after=NOW, created_before=NOW + timedelta(days=1)),
    "points of a resource": lambda tx: recovery_points.page_of_resource(
        tx, **MINE, resource_arn=RESOURCE, after=BEFORE, limit=5
    ),
    "a point by ARN": lambda tx: recovery_points.find_by_arn(tx, "arn:p", account_id=ACCOUNT),
    "the newest point of a resource": lambda tx: recovery_points.latest_of_resource(
        tx, vault_id="v", resource_arn=RESOURCE
    ),
    "points whose retention has ended": lambda tx: recovery_points.expired(tx, now=NOW, limit=5),
    "points to be deleted": lambda tx: recovery_points.deleting(tx, limit=5),
    "protected resources": lambda tx: protected_resources.page(tx, **MINE, after="arn", limit=5),
    "a protected resource": lambda tx: protected_resources.find(tx, **MINE, resource_arn=RESOURCE),
    "protected resources of a vault": lambda tx: protected_resources.page_of_vault(
        tx, vault_id="v", after="arn", limit=5
    ),
    "vaults": lambda tx: vaults.page(tx, **MINE, after="name", limit=5),
    "amendments to be written": lambda tx: amendments.pending(tx, limit=5),
    "tags of many": lambda tx: tags.of_many(tx, ["arn:1", "arn:2"]),
    "indexed points": lambda tx: point_indexes.page(tx, **MINE, after=BEFORE, limit=5),
    "indexes to be dropped": lambda tx: point_indexes.to_be_dropped(tx, limit=5),
    "jobs": of_jobs(),
    "jobs by vault and point": of_jobs(vault_arn="arn:v", recovery_point_arn="arn:p"),
    "frameworks": lambda tx: frameworks.page(tx, **MINE, after="name", limit=5),
    "a framework by ARN": lambda tx: frameworks.find_by_arn(tx, "arn:f"),
    "report plans": lambda tx: reports.page_of_plans(tx, **MINE, after="name", limit=5),
    "report jobs": of_report_jobs(),
    "report jobs of a plan": of_report_jobs(plan_name="p", status="FAILED"),
    "restore testing plans": lambda tx: restore_testing.page_of_plans(tx, **MINE, after="name", limit=5),
    "selections of a restore testing plan": lambda tx: restore_testing.page_of_selections(
        tx, "p", after="name", limit=5
    ),
}


@contextmanager
def statements(catalog: Catalog) -> Iterator[list[tuple[str, Any]]]:
    """What is sent to the database meanwhile."""
    sent: list[tuple[str, Any]] = []

    def note(connection: Connection, cursor: object, statement: str, parameters: Any, *_: object) -> None:
        sent.append((statement, parameters))

    event.listen(catalog.engine, "before_cursor_execute", note)
    yield sent
    event.remove(catalog.engine, "before_cursor_execute", note)


def explained(tx: Tx, statement: str, parameters: Any) -> str:
    if tx.dialect.name == "sqlite":
        rows = tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        return "\n".join(row.detail for row in rows)
    # An empty table is best read whole: what counts is whether it has to be.
    for way in ("seqscan", "sort", "bitmapscan", "incremental_sort", "hashagg", "hashjoin"):
        tx.exec_driver_sql(f"SET LOCAL enable_{way} = off")
    return "\n".join(row[0] for row in tx.exec_driver_sql(f"EXPLAIN {statement}", parameters))


@pytest.mark.parametrize("name", LISTS)
def test_a_page_is_read_from_an_index(catalog: Catalog, name: str) -> None:
    with catalog.read() as tx, statements(catalog) as sent:
        LISTS[name](tx)
    assert sent
    for statement, parameters in sent:
        with catalog.read() as tx:
            plan = explained(tx, statement, parameters)
        assert not re.search(r"\bSCAN\b|TEMP B-TREE|Seq Scan|Sort", plan), f"{statement}\n{plan}"


def test_a_list_without_an_index_would_be_noticed(catalog: Catalog) -> None:
    bare = "SELECT id FROM recovery_point WHERE size_bytes > 5 ORDER BY resource_name"
    with catalog.read() as tx:
        assert re.search(r"\bSCAN\b|Seq Scan|Sort", explained(tx, bare, ()))
