"""Requests that meet another transaction on the same thing answer as if they had taken turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from safehold.core.errors import AccessDenied, ResourceNotFound
from safehold.records import jobs, recovery_points, tags, vaults
from safehold.records.engine import Catalog
from safehold.records.tx import Tx
from tests.api.job_world import POINT, ROLE, TREE, VAULT_ARN, World

SEEN_SECONDS = 0.3  # long enough for a request to have read what it reads


@pytest.fixture
def world(catalog: Catalog) -> World:
    return World(catalog)


@contextmanager
def meanwhile(
    world: World, change: Callable[[Tx], object], request: Callable[[], object]
) -> Iterator[Future]:
    """`request` is sent while `change` stands uncommitted; gives what becomes of it, once both are done."""
    with ThreadPoolExecutor(1) as pool:
        with world.catalog.begin() as tx:
            change(tx)
            answer = pool.submit(request)
            time.sleep(SEEN_SECONDS)
        answer.exception(timeout=20)
        yield answer


def test_a_job_that_begins_while_it_is_told_to_stop_is_stopped(world: World) -> None:
    client = world.client()
    started = client.call("StartBackupJob", BackupVaultName="Main", ResourceArn=TREE, IamRoleArn=ROLE)
    job_id = started["BackupJobId"]

    def begin(tx: Tx) -> None:
        assert jobs.update_in_state(tx, job_id, ["CREATED"], state="RUNNING")

    with meanwhile(world, begin, lambda: client.call("StopBackupJob", BackupJobId=job_id)) as stop:
        stop.result()
    assert world.job(job_id).state == "ABORTING"
    assert world.job(job_id).abort_requested_at is not None


@pytest.mark.parametrize(
    ("operation", "more"), [("TagResource", {"Tags": {"a": "1"}}), ("UntagResource", {"TagKeyList": ["a"]})]
)
def test_a_point_that_goes_while_it_is_tagged_is_missing(
    world: World, operation: str, more: dict[str, object]
) -> None:
    def forget(tx: Tx) -> None:
        assert recovery_points.forget(tx, "p-1")

    def tag() -> object:
        return world.client().call(operation, ResourceArn=POINT, **more)

    with meanwhile(world, forget, tag) as answer, pytest.raises(ResourceNotFound):
        answer.result()
    with world.catalog.read() as tx:
        assert tags.of(tx, POINT) == {}


def test_a_vault_that_goes_while_it_is_tagged_leaves_no_tags(world: World) -> None:
    with world.catalog.begin() as tx:
        assert recovery_points.forget(tx, "p-1")

    def delete(tx: Tx) -> None:
        assert vaults.delete_empty(tx, "v-1")
        tags.delete_all(tx, VAULT_ARN)

    def tag() -> object:
        return world.client().call("TagResource", ResourceArn=VAULT_ARN, Tags={"a": "1"})

    with meanwhile(world, delete, tag) as answer, pytest.raises(AccessDenied):
        answer.result()
    with world.catalog.read() as tx:
        assert tags.of(tx, VAULT_ARN) == {}
