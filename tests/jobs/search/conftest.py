"""Jobs that look into points: the house of the runners' tests, and what such jobs need."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from safehold.api.call import ApiConfig, Principal
from safehold.api.local import LocalClient
from safehold.connectors.registry import connector_of
from safehold.core.secrets import RootKey, SecretBox
from safehold.domain.backup_requests import BackupRequest
from safehold.domain.jobs import Job
from safehold.jobs.looking import Looking
from safehold.jobs.runners import all_runners
from safehold.jobs.steps import JobSteps
from safehold.records import jobs, searches
from tests.jobs.test_runners import SITE, House, house

__all__ = ["Library", "house", "library"]

BOX = searches.box(RootKey(b"k" * 32))


@dataclass
class Library:
    """A house whose points are looked into, through the API and one worker's steps."""

    house: House
    client: LocalClient
    steps: JobSteps

    def run(self, job_id: str) -> Job:
        """What a worker does with a job, from its row to its end."""
        assert self.steps.prepare(job_id)
        outcome = self.steps.run(job_id)
        assert outcome is not None
        self.steps.finish(job_id, outcome)
        return self.house.job(job_id)

    def run_waiting(self) -> list[Job]:
        """All jobs that nobody has begun."""
        with self.house.catalog.read() as tx:
            waiting = [
                job.id for job in jobs.waiting(tx, now=self.house.clock.at, limit=10) if job.attempt == 0
            ]
        return [self.run(job_id) for job_id in waiting]

    def back_up(self, **options: Any) -> str:
        """A backup of the tree as it is, indexed; its point's ARN."""
        backup = self.house.back_up(BackupRequest(index=True, **options))
        self.run_waiting()
        assert backup.recovery_point_arn is not None
        return backup.recovery_point_arn

    def call(self, operation: str, **request: Any) -> Any:
        return self.client.call(operation, service_name="backupsearch", **request)

    def search(self, *, scope: dict[str, Any] | None = None, **filters: Any) -> str:
        """A search over files that a worker has done; its id. `filters` are of an EBSItemFilter."""
        given = {"ItemFilters": {"EBSItemFilters": [filters]}} if filters else {}
        wanted = {"BackupResourceTypes": ["EFS"], **(scope or {})}
        job_id: str = self.call("StartSearchJob", SearchScope=wanted, **given)["SearchJobIdentifier"]
        self.run(job_id)
        return job_id

    def found(self, job_id: str) -> list[tuple[str, str]]:
        """(recovery point, path) of everything that was found."""
        items: list[Any] = []
        token = None
        while True:
            answer = self.call(
                "ListSearchJobResults", SearchJobIdentifier=job_id, MaxResults=7, NextToken=token
            )
            items += [item["EBSResultItem"] for item in answer["Results"]]
            token = answer["NextToken"]
            if token is None:
                return [(item["BackupResourceArn"], item["FilePath"]) for item in items]


def steps_with(house: House, results: SecretBox, **looking_options: Any) -> JobSteps:
    """A worker's steps, looking into points among them."""
    looking = Looking(results, house.tree.parent, **looking_options)
    runners = all_runners(house.catalog, house.access, connector_of, house.clock, looking)
    return JobSteps(house.catalog, runners, worker_id="w", clock=house.clock, stopping=threading.Event())


@pytest.fixture
def library(house: House) -> Library:
    steps = steps_with(house, BOX)
    principal = Principal(house.account_id, "arn:me", house.account_id)
    config = ApiConfig(page_key=b"k" * 32, results=BOX)
    client = LocalClient(house.catalog, config, principal=principal, site=SITE, clock=house.clock)
    return Library(house, client, steps)


def files(tree: Path, *names: str) -> None:
    for name in names:
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
