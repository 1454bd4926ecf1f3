"""Jobs as rows: one job per due time, and only the attempt that owns a job may change it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from safehold.domain.jobs import Job, JobKind
from safehold.records import jobs
from safehold.records.engine import Catalog
from safehold.records.jobs import JobFilter

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def a_job(job_id: str = "j1", **changes: object) -> Job:
    job = Job(
        id=job_id,
        kind=JobKind.BACKUP,
        account_id="1" * 12,
        site="us-east-1",
        state="CREATED",
        resource_arn="arn:r",
        resource_type="EFS",
        created_at=NOW,
        request={"a": 1},
        due_at=NOW,
        plan_id="p",
        rule_id="r",
    )
    return replace(job, **changes)  # type: ignore[arg-type]


def test_a_due_time_makes_one_job_per_resource(catalog: Catalog) -> None:
    with catalog.begin() as tx:
        assert jobs.insert_if_new(tx, a_job("j1"))
        assert not jobs.insert_if_new(tx, a_job("j2"))
        assert jobs.insert_if_new(tx, a_job("j3", resource_arn="arn:other"))


def test_what_is_stored_comes_back_equal(catalog: Catalog) -> None:
    with catalog.begin() as tx:
        jobs.insert_job(tx, a_job())
    with catalog.read() as tx:
        assert jobs.find(tx, "j1") == a_job()


def test_pages_are_newest_first_and_continue_where_they_ended(catalog: Catalog) -> None:
    with catalog.begin() as tx:
        for number in range(5):
            jobs.insert_job(tx, a_job(f"j{number}", due_at=None, plan_id=None))
    with catalog.read() as tx:
        wanted = JobFilter(kind=JobKind.BACKUP)
        first = jobs.page(tx, wanted, limit=3)
        rest = jobs.page(tx, wanted, after=(first[-1].created_at, first[-1].id), limit=3)
    assert [job.id for job in first + rest] == ["j4", "j3", "j2", "j1", "j0"]


@pytest.mark.slow
def test_of_many_jobs_those_that_are_new_are_stored(catalog: Catalog) -> None:
    many = [a_job(f"j{number}", resource_arn=f"arn:{number}") for number in range(1500)]
    again = [a_job(f"k{number}", resource_arn=f"arn:{number}") for number in range(1499, 1502)]
    with catalog.begin() as tx:
        assert jobs.insert_all_new(tx, []) == []
        assert jobs.insert_all_new(tx, many) == many
        assert [job.id for job in jobs.insert_all_new(tx, again)] == ["k1500", "k1501"]
        assert jobs.find(tx, "k1499") is None
        assert jobs.find(tx, "k1501") == again[-1]
