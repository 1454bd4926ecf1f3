"""Indexes, searches and scans as rows, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from safehold.core.secrets import RootKey
from safehold.domain.items import ItemRow
from safehold.domain.jobs import Job, JobKind
from safehold.domain.point_indexes import IndexStatus, PointIndex, index_job, new_index
from safehold.domain.recovery_points import RecoveryPoint
from safehold.domain.scans import ScanResult
from safehold.domain.searches import SearchScope
from safehold.records import claims, jobs, nodes, point_indexes, point_scans, recovery_points, searches, tags
from safehold.records.engine import Catalog
from safehold.records.job_summaries import SummaryQuery, count_jobs
from safehold.records.jobs import JobFilter
from safehold.records.point_scans import PointScan
from safehold.records.searches import Found, Progress, SearchedPoint
from tests.records.samples import ACCOUNT, NOW, RESOURCE, SITE, a_point, put_account, put_vault

MINE = {"account_id": ACCOUNT, "site": SITE}
BOX = searches.box(RootKey(b"k" * 32))
SEARCH = Job("s-1", JobKind.SEARCH, ACCOUNT, SITE, "CREATED", "arn:s", "search-job", NOW, {})


@pytest.fixture
def catalog(any_catalog: Catalog) -> Catalog:
    """Two vaults with three points each; the first two points of each are indexed, one of them not yet."""
    with any_catalog.begin() as tx:
        put_account(tx)
        nodes.insert_node(tx, nodes.Node("w", "worker", "here", 1, NOW, NOW))
        for name in ("main", "other"):
            vault = put_vault(tx, name)
            for number in range(3):
                created_at = NOW + timedelta(days=number)
                point = a_point(vault, f"{name}-{number}", created_at=created_at)
                recovery_points.insert_if_new(tx, point)
                if number < 2:
                    begin(tx, point)
            tags.put(tx, a_point(vault, f"{name}-1").arn, {"keep": "yes"})
            done = {"status": IndexStatus.ACTIVE, "item_count": 5, "build": "b"}
            assert point_indexes.update_index(tx, f"{name}-0", job_id=f"index-{name}-0", **done)
            assert not point_indexes.update_index(tx, f"{name}-0", job_id=f"index-{name}-0", **done)
    return any_catalog


def begin(tx: object, point: RecoveryPoint) -> PointIndex:
    index = new_index(point, f"index-{point.id}", role_arn=None, now=NOW)
    point_indexes.begin(tx, index, index_job(index, point, now=NOW))  # type: ignore[arg-type]
    return index


def test_indexes_are_paged_dropped_and_forgotten(catalog: Catalog) -> None:
    with catalog.begin() as tx:
        first = point_indexes.page(tx, **MINE, limit=3)
        last = (first[-1].point_created_at, first[-1].point_id)
        rest = point_indexes.page(tx, **MINE, after=last, limit=3)
        assert [index.point_id for index in first + rest] == ["other-1", "main-1", "other-0", "main-0"]
        assert [i.point_id for i in point_indexes.page(tx, **MINE, status=IndexStatus.ACTIVE, limit=9)] == [
            "other-0",
            "main-0",
        ]
        jobs.update_in_state(tx, "index-main-1", ["PENDING"], state="FAILED")
        assert [index.point_id for index in point_indexes.abandoned(tx, limit=9)] == ["main-1"]
        point_indexes.update_index(tx, "main-0", status=IndexStatus.DELETING)
        assert [index.point_id for index in point_indexes.to_be_dropped(tx, limit=9)] == ["main-0"]
        assert set(point_indexes.of_many(tx, ["main-0", "main-1", "main-2"])) == {"main-0", "main-1"}
        recovery_points.forget(tx, "main-0")
        assert point_indexes.find(tx, "main-0") is None


SCOPES: list[tuple[dict, list[str]]] = [
    ({}, ["other-1", "main-1", "other-0", "main-0"]),
    ({"created_after": NOW}, ["other-1", "main-1"]),
    ({"created_before": NOW + timedelta(days=1)}, ["other-0", "main-0"]),
    ({"tags": {"keep": "yes"}}, ["other-1", "main-1"]),
    ({"tags": {"keep": "yes", "safehold:vault": "main"}}, ["main-1"]),
    ({"resource_arns": (RESOURCE,), "tags": {"safehold:vault": "main"}}, ["main-1", "main-0"]),
    ({"resource_arns": ("arn:other",)}, []),
    ({"resource_types": ("S3",)}, []),
]


def test_points_in_scope(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searches, "_BATCH", 3)
    for scope, found in SCOPES:
        wanted = SearchScope(**{"resource_types": ("EFS", "FSx"), **scope})
        with catalog.read() as tx:
            entries = list(searches.in_scope(tx, wanted, **MINE))
        assert [entry.point.point_id for entry in entries] == found, scope
        assert [entry.point.number for entry in entries] == list(range(len(found)))


def test_what_a_search_found_is_kept_and_a_lost_attempt_writes_nothing(catalog: Catalog) -> None:
    with catalog.begin() as tx:
        jobs.insert_job(tx, SEARCH)
        taken = claims.take(tx, SEARCH, worker_id="w", now=NOW)
        assert isinstance(taken, Job)
        assert searches.progress(tx, taken, Progress(2, 10))
        assert searches.progress(tx, taken, Progress(2, 10, 1, 5, 3))
        assert not searches.progress(tx, replace(taken, attempt=7), Progress())
        points = [SearchedPoint(n, f"p-{n}", f"arn:{n}", RESOURCE, "EFS", "main", NOW) for n in range(3)]
        searches.put_points(tx, "s-1", points)
        searches.update_points(tx, "s-1", [(0, "COMPLETED", None), (1, "FAILED", "why")])
        searches.update_points(tx, "s-1", [])
        searches.end_points(tx, "s-1", status="STOPPED")
        rows = [ItemRow(b"/\xff", 1, 2, None, b"e", None)]
        searches.put_found(tx, "s-1", [Found(0, 0, rows), Found(1, 2, rows * 2)], BOX)
    with catalog.read() as tx:
        assert searches.find_progress(tx, "s-1") == Progress(2, 10, 1, 5, 3)
        told = searches.points_page(tx, "s-1", after=0, limit=5)
        assert [(point.status, point.status_message) for point in told] == [
            ("FAILED", "why"),
            ("STOPPED", None),
        ]
        assert set(searches.points_by_number(tx, "s-1", {0, 2})) == {0, 2}
        assert searches.found_from(tx, "s-1", 1, BOX, limit=5) == [Found(1, 2, rows * 2)]
        running = searches.count_running(tx, ["RUNNING", "PENDING"], kind=JobKind.SEARCH, **MINE)
    assert running == 1
    with catalog.begin() as tx:
        assert searches.forget_found_before(tx, NOW) == 0
        assert searches.forget_found_before(tx, NOW + timedelta(days=1)) == 2
        searches.forget_all_found(tx)
        searches.clear(tx, "s-1")
        assert searches.find_progress(tx, "s-1") == Progress()


def a_scan(point_id: str, **changes: object) -> PointScan:
    number = int(point_id[-1])
    created_at = NOW + timedelta(days=number)
    scan = PointScan(
        point_id, f"{SITE}-main", RESOURCE, created_at, "j", "COMPLETED", ScanResult.CLEAN, 0, [], NOW
    )
    return replace(scan, **changes)  # type: ignore[arg-type]


def test_the_last_scan_of_a_point_and_of_its_resource(catalog: Catalog) -> None:
    with catalog.begin() as tx:
        point_scans.put(tx, a_scan("main-0"))
        point_scans.put(tx, a_scan("main-1"))
        point_scans.put(tx, a_scan("main-1", result=ScanResult.THREATS, findings_count=1, raw_paths=["YQ=="]))
        where = {"vault_id": f"{SITE}-main", "resource_arn": RESOURCE}
        last = point_scans.last_before(tx, **where, before=NOW + timedelta(days=2))
        assert last is not None
        assert (last.point_id, last.result, last.raw_paths) == ("main-1", ScanResult.THREATS, ["YQ=="])
        point_scans.put(tx, a_scan("main-1", state="COMPLETED_WITH_ISSUES"))
        last = point_scans.last_before(tx, **where, before=NOW + timedelta(days=2))
        assert last is not None
        assert last.point_id == "main-0"
        recovery_points.forget(tx, "main-0")
        assert set(point_scans.of_many(tx, ["main-0", "main-1"])) == {"main-1"}


def test_scans_are_found_and_counted_by_verdict_and_state(catalog: Catalog) -> None:
    with catalog.begin() as tx:
        for number, (state, verdict) in enumerate(
            [
                ("COMPLETED", "NO_THREATS_FOUND"),
                ("PARTIAL", "THREATS_FOUND"),
                ("CREATED", None),
                ("PENDING", None),
            ]
        ):
            result = None if verdict is None else {"scan_result_status": verdict}
            scan = replace(SEARCH, id=f"scan-{number}", kind=JobKind.SCAN, state=state, result=result)
            jobs.insert_job(tx, scan)
        infected = JobFilter(**MINE, kind=JobKind.SCAN, scan_result_status="THREATS_FOUND")
        assert [job.id for job in jobs.page(tx, infected, limit=5)] == ["scan-1"]
        waiting = JobFilter(**MINE, kind=JobKind.SCAN, states=("CREATED", "PENDING"))
        assert {job.id for job in jobs.page(tx, waiting, limit=5)} == {"scan-2", "scan-3"}
        query = SummaryQuery(
            **MINE,
            kind=JobKind.SCAN,
            since=NOW,
            until=NOW + timedelta(days=1),
            by_day=True,
            apart=frozenset({"scan_state", "scan_result"}),
            only={},
        )
        counted = {
            (row.values["scan_state"], row.values["scan_result"]): row.count for row in count_jobs(tx, query)
        }
    assert counted == {
        ("COMPLETED", "NO_THREATS_FOUND"): 1,
        ("COMPLETED_WITH_ISSUES", "THREATS_FOUND"): 1,
        ("CREATED", None): 2,
    }
