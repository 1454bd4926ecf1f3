"""What operations and jobs do is told, in the transaction that does it, and read under the native API."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from safehold.api.local import LocalClient
from safehold.core.errors import InvalidParameterValue, RequestError
from safehold.domain.event_delivery import Target, TargetKind
from safehold.domain.job_states import JobEvent
from safehold.domain.jobs import Job
from safehold.records import amendments, claims, events, nodes
from tests.api.job_world import NOW, POINT, ROLE, TREE, VAULT_ARN, World

PLAN = {"BackupPlanName": "p", "Rules": [{"RuleName": "r", "TargetBackupVaultName": "Main"}]}


def told(client: LocalClient, **query: str) -> list[dict[str, Any]]:
    """All that was told, oldest first, but what made the world."""
    answer = client.native("GET", "/events", query={"limit": "100", **query})
    found = [event for event in answer["events"] if POINT not in event["resources"]]
    return found[::-1]


def states(found: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [
        (
            event["detail-type"].removesuffix(" State Change"),
            event["detail"].get("state") or event["detail"]["status"],
        )
        for event in found
    ]


def test_vaults_plans_and_settings_tell_of_their_changes(world: World) -> None:
    client = world.client()
    client.call("CreateBackupVault", BackupVaultName="new")
    client.call("DeleteBackupVault", BackupVaultName="new")
    plan_id = client.call("CreateBackupPlan", BackupPlan=PLAN)["BackupPlanId"]
    client.call("UpdateBackupPlan", BackupPlanId=plan_id, BackupPlan=PLAN | {"BackupPlanName": "q"})
    client.call("DeleteBackupPlan", BackupPlanId=plan_id)
    client.call("UpdateRegionSettings", ResourceTypeOptInPreference={"EFS": False})
    found = told(client)
    assert states(found) == [
        ("Backup Vault", "CREATED"),
        ("Backup Vault", "DELETED"),
        ("Backup Plan", "CREATED"),
        ("Backup Plan", "MODIFIED"),
        ("Backup Plan", "DELETED"),
        ("Region Setting", "MODIFIED"),
    ]
    assert {event["region"] for event in found} == {"eu-north-1"}
    assert found[0]["resources"] == [VAULT_ARN.replace("Main", "new")]
    assert found[-1]["detail"]["ResourceTypeOptInPreference"]["EFS"] is False


def test_what_is_refused_or_changes_nothing_is_not_told(world: World) -> None:
    client = world.client()
    before = told(client)
    with pytest.raises(RequestError):
        client.call("CreateBackupVault", BackupVaultName="Main")
    with pytest.raises(RequestError):
        client.call("DeleteBackupPlan", BackupPlanId="nobody")
    client.call("DeleteBackupVaultLockConfiguration", BackupVaultName="Main")
    assert told(client) == before


def backup_job(world: World) -> Job:
    asked = {"BackupVaultName": "Main", "ResourceArn": TREE, "IamRoleArn": ROLE}
    return world.job(world.client().call("StartBackupJob", **asked)["BackupJobId"])


def test_a_job_tells_of_each_state_once(world: World) -> None:
    job = backup_job(world)
    with world.catalog.begin() as tx:
        nodes.insert_node(tx, nodes.Node("w", "worker", "h", 1, NOW, NOW))
        for _ in range(2):  # the second attempt, after a crash, is the same state to those who watch
            taken = claims.take(tx, world_job(tx, job), worker_id="w", now=NOW + timedelta(seconds=1))
            assert isinstance(taken, Job)
            assert claims.move_fenced(tx, taken, JobEvent.RUN)
        done = NOW + timedelta(minutes=1)
        assert claims.move_fenced(tx, taken, JobEvent.COMPLETE, completed_at=done, percent_done=100.0)
        assert not claims.move_fenced(tx, taken, JobEvent.COMPLETE, completed_at=done)
    found = [event for event in told(world.client()) if event["detail"].get("backupJobId") == job.id]
    assert [state for _, state in states(found)] == ["CREATED", "PENDING", "RUNNING", "COMPLETED"]
    assert found[0]["detail"].keys() == {"backupJobId", "state", "creationDate"}
    assert found[-1]["resources"] == [job.recovery_point_arn]


def world_job(tx: Any, job: Job) -> Job:
    found = claims.find_locked(tx, job.id)
    assert found is not None
    return found


def test_a_job_that_is_stopped_or_comes_too_late_tells_of_that(world: World) -> None:
    job, client = backup_job(world), world.client()
    client.call("StopBackupJob", BackupJobId=job.id)
    with world.catalog.begin() as tx:
        assert claims.end_unheld(tx, world_job(tx, job), JobEvent.ABORT, message="stopped", now=NOW)
    late = backup_job(world)
    with world.catalog.begin() as tx:
        assert claims.end_unheld(tx, world_job(tx, late), JobEvent.EXPIRE, message="late", now=NOW)
        assert not claims.end_unheld(tx, world_job(tx, late), JobEvent.EXPIRE, message="late", now=NOW)
    assert [state for _, state in states(told(client, type="Backup Job State Change"))] == [
        "CREATED",
        "ABORTING",
        "ABORTED",
        "CREATED",
        "EXPIRED",
    ]


def test_a_point_tells_of_another_lifecycle_and_of_its_end(world: World) -> None:
    client = world.client()
    named = {"BackupVaultName": "Main", "RecoveryPointArn": POINT}
    client.call("UpdateRecoveryPointLifecycle", **named, Lifecycle={"DeleteAfterDays": 9})
    client.call("DeleteRecoveryPoint", **named)
    with world.catalog.begin() as tx:
        for each in amendments.pending(tx, limit=9):
            amendments.mark_written(tx, each, now=NOW)
    found = client.native("GET", "/events", query={"type": "Recovery Point State Change"})["events"]
    assert [event["detail"]["status"] for event in found] == ["DELETED", "MODIFIED", "COMPLETED"]
    assert found[1]["detail"]["lifecycle"] == {"deleteAfterDays": 9}
    assert found[0]["resources"] == [POINT]


def test_events_are_read_page_by_page(world: World) -> None:
    client = world.client()
    for number in range(5):
        world.clock.at = NOW + timedelta(seconds=number + 1)
        client.call("CreateBackupVault", BackupVaultName=f"v{number}")
    asked = {"type": "Backup Vault State Change", "limit": "2"}
    names = []
    answer = client.native("GET", "/events", query=asked)
    while answer["token"]:
        names += [event["detail"]["backupVaultName"] for event in answer["events"]]
        answer = client.native("GET", "/events", query=asked | {"token": answer["token"]})
    names += [event["detail"]["backupVaultName"] for event in answer["events"]]
    assert names == ["v4", "v3", "v2", "v1", "v0"]
    since = (NOW + timedelta(seconds=4)).isoformat()
    assert len(client.native("GET", "/events", query=asked | {"since": since})["events"]) == 2
    assert client.native("GET", "/events", query=asked | {"until": NOW.isoformat()})["events"] == []
    assert world.client(site="elsewhere").native("GET", "/events")["events"] == []
    for wrong in ({"limit": "0"}, {"limit": "x"}, {"since": "noon"}, {"token": "made up"}):
        with pytest.raises(InvalidParameterValue):
            client.native("GET", "/events", query=wrong)


def test_what_was_given_up_is_shown_and_sent_again(world: World) -> None:
    client, target = world.client(), Target(TargetKind.WEBHOOK, "http://hook")
    client.call("CreateBackupVault", BackupVaultName="new")
    with world.catalog.begin() as tx:
        events.spread(tx, [target], now=NOW, limit=9)
        for each in events.claim(tx, target.url, now=NOW, limit=9):
            events.mark_failed(tx, each, "HTTP 500", next_at=None)
    dead = client.native("GET", "/events/dead")["dead"]
    assert {each["last_error"] for each in dead} == {"HTTP 500"}
    assert client.native("POST", "/events/dead/retry") == {"retried": len(dead)}
    assert client.native("GET", "/events/dead")["dead"] == []
