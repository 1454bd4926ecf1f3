"""Plans through the API: versions, replays, refusals, pages, previews."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from safehold.api.local import LocalClient
from safehold.core.errors import (
    AlreadyExists,
    InvalidParameterValue,
    InvalidRequest,
    LimitExceeded,
    MissingParameterValue,
    ResourceNotFound,
)
from safehold.records import tags
from tests.api.job_world import NOW, ROLE, SITE, World

FILLED = {
    "ScheduleExpression": "cron(0 5 ? * * *)",
    "ScheduleExpressionTimezone": "Etc/UTC",
    "StartWindowMinutes": 480,
    "CompletionWindowMinutes": 10080,
}


@pytest.fixture
def client(world: World) -> LocalClient:
    return world.client()


def a_rule(name: str = "daily", **more: Any) -> dict[str, Any]:
    return {"RuleName": name, "TargetBackupVaultName": "Main", **more}


def a_plan(name: str = "plan", *rules: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"BackupPlanName": name, "Rules": list(rules) or [a_rule()], **more}


def create(client: LocalClient, plan: dict[str, Any] | None = None, **more: Any) -> str:
    made = client.call("CreateBackupPlan", BackupPlan=plan or a_plan(), **more)
    return str(made["BackupPlanId"])


def select_all(client: LocalClient, plan_id: str) -> str:
    selection = {"SelectionName": "all", "IamRoleArn": ROLE, "Resources": ["*"]}
    made = client.call("CreateBackupSelection", BackupPlanId=plan_id, BackupSelection=selection)
    return str(made["SelectionId"])


def test_a_new_plan_shows_what_was_said_and_the_defaults(client: LocalClient) -> None:
    made = client.call("CreateBackupPlan", BackupPlan=a_plan(), CreatorRequestId="mine")
    assert made["BackupPlanArn"] == f"arn:aws:backup:{SITE}:123456789012:backup-plan:{made['BackupPlanId']}"
    assert len(made["VersionId"]) == 48
    shown = client.call("GetBackupPlan", BackupPlanId=made["BackupPlanId"])
    rule_id = shown["BackupPlan"]["Rules"][0]["RuleId"]
    assert shown["BackupPlan"] == {"BackupPlanName": "plan", "Rules": [a_rule(**FILLED, RuleId=rule_id)]}
    assert (shown["CreationDate"], shown["CreatorRequestId"]) == (NOW, "mine")
    assert {"DeletionDate", "LastExecutionDate", "ScheduledRunsPreview"}.isdisjoint(shown)


def test_everything_that_a_document_can_say_comes_back(client: LocalClient) -> None:
    rule = a_rule(
        ScheduleExpression="cron(30 2 ? * MON-FRI *)",
        ScheduleExpressionTimezone="Europe/Berlin",
        StartWindowMinutes=60,
        CompletionWindowMinutes=120,
        Lifecycle={"MoveToColdStorageAfterDays": 30, "DeleteAfterDays": 120},
        RecoveryPointTags={"a": "b"},
        CopyActions=[{"DestinationBackupVaultArn": "arn:aws:backup:x:1:backup-vault:o", "Lifecycle": {}}],
        EnableContinuousBackup=False,
        TargetLogicallyAirGappedBackupVaultArn="arn:aws:backup:x:1:backup-vault:gap",
        IndexActions=[{"ResourceTypes": ["EBS"]}],
        ScanActions=[{"MalwareScanner": "GUARDDUTY", "ScanMode": "FULL_SCAN"}],
    )
    document = a_plan(
        "full",
        rule,
        AdvancedBackupSettings=[{"ResourceType": "EC2", "BackupOptions": {"WindowsVSS": "enabled"}}],
        ScanSettings=[
            {
                "MalwareScanner": "GUARDDUTY",
                "ResourceTypes": ["EBS"],
                "ScannerRoleArn": "arn:aws:iam::1:role/s",
            }
        ],
    )
    shown = client.call("GetBackupPlan", BackupPlanId=create(client, document))
    rule_id = shown["BackupPlan"]["Rules"][0].pop("RuleId")
    assert rule_id
    assert json.loads(json.dumps(shown["BackupPlan"])) == document
    assert shown["AdvancedBackupSettings"] == document["AdvancedBackupSettings"]


def test_the_same_request_again_answers_the_first_plan(client: LocalClient) -> None:
    first = client.call("CreateBackupPlan", BackupPlan=a_plan(), CreatorRequestId="mine")
    assert client.call("CreateBackupPlan", BackupPlan=a_plan(), CreatorRequestId="mine") == first


def test_the_same_document_is_refused_and_the_other_plan_named(client: LocalClient) -> None:
    plan_id = create(client, CreatorRequestId="first")
    with pytest.raises(AlreadyExists, match="same plan document already exists") as caught:
        create(client, CreatorRequestId="second")
    assert str(caught.value.arn).endswith(plan_id)
    assert caught.value.creator_request_id == "first"


def test_spelling_out_the_defaults_is_the_same_document(client: LocalClient) -> None:
    create(client)
    with pytest.raises(AlreadyExists):
        create(client, a_plan("plan", a_rule(**FILLED)))


def test_two_plans_may_share_a_name(client: LocalClient) -> None:
    create(client, a_plan("plan", a_rule("a")))
    create(client, a_plan("plan", a_rule("b")))
    assert len(client.call("ListBackupPlans")["BackupPlansList"]) == 2


def test_a_deleted_plans_document_may_be_used_again(client: LocalClient) -> None:
    plan_id = create(client, CreatorRequestId="mine")
    client.call("DeleteBackupPlan", BackupPlanId=plan_id)
    assert create(client, CreatorRequestId="mine") != plan_id


def test_another_site_has_plans_of_its_own(world: World, client: LocalClient) -> None:
    plan_id = create(client)
    elsewhere = world.client(site="eu-west-1")
    with pytest.raises(ResourceNotFound):
        elsewhere.call("GetBackupPlan", BackupPlanId=plan_id)
    assert create(elsewhere) != plan_id


def test_tags_are_kept_with_the_plan_and_go_with_it(world: World, client: LocalClient) -> None:
    made = client.call("CreateBackupPlan", BackupPlan=a_plan(), BackupPlanTags={"team": "a"})
    with world.catalog.read() as tx:
        assert tags.of(tx, made["BackupPlanArn"]) == {"team": "a"}
    client.call("DeleteBackupPlan", BackupPlanId=made["BackupPlanId"])
    with world.catalog.read() as tx:
        assert tags.of(tx, made["BackupPlanArn"]) == {}


REFUSED: dict[str, tuple[dict[str, Any], type[Exception]]] = {
    "a rate": (a_plan("p", a_rule(ScheduleExpression="rate(1 day)")), InvalidParameterValue),
    "30 February": (a_plan("p", a_rule(ScheduleExpression="cron(0 5 30 2 ? *)")), InvalidParameterValue),
    "a bad lifecycle": (a_plan("p", a_rule(Lifecycle={"DeleteAfterDays": 0})), InvalidParameterValue),
    "a bad name": (a_plan("a b"), InvalidParameterValue),
    "no rules": ({"BackupPlanName": "p", "Rules": []}, MissingParameterValue),
    "no vault": (a_plan("p", {"RuleName": "r"}), MissingParameterValue),
    "reserved tags": (a_plan("p", a_rule(RecoveryPointTags={"aws:x": "y"})), InvalidParameterValue),
}


@pytest.mark.parametrize(("plan", "error"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_leaves_nothing(
    client: LocalClient, plan: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        create(client, plan)
    assert client.call("ListBackupPlans")["BackupPlansList"] == []


def test_a_request_id_has_a_form(client: LocalClient) -> None:
    with pytest.raises(InvalidParameterValue, match="CreatorRequestId"):
        create(client, CreatorRequestId="x" * 51)


def test_strict_limits_refuse_what_aws_refuses(world: World, client: LocalClient) -> None:
    strict = world.client(aws_limits="strict")
    often = a_plan("p", a_rule(ScheduleExpression="cron(0/10 * * * ? *)", StartWindowMinutes=10))
    create(client, often)
    with pytest.raises(InvalidParameterValue, match="once an hour"):
        create(strict, often)
    with pytest.raises(LimitExceeded):
        create(strict, a_plan("p", *(a_rule(f"r{n}") for n in range(11))))


def test_an_update_replaces_the_document_and_keeps_rule_ids_by_name(client: LocalClient) -> None:
    plan_id = create(client, a_plan("plan", a_rule("a"), a_rule("b")))
    before = client.call("GetBackupPlan", BackupPlanId=plan_id)
    ids = {rule["RuleName"]: rule["RuleId"] for rule in before["BackupPlan"]["Rules"]}
    changed = a_plan("plan", a_rule("b", StartWindowMinutes=60), a_rule("c"))
    made = client.call("UpdateBackupPlan", BackupPlanId=plan_id, BackupPlan=changed)
    after = client.call("GetBackupPlan", BackupPlanId=plan_id)
    assert made["VersionId"] == after["VersionId"] != before["VersionId"]
    new_ids = {rule["RuleName"]: rule["RuleId"] for rule in after["BackupPlan"]["Rules"]}
    assert new_ids["b"] == ids["b"]
    assert new_ids["c"] not in ids.values()
    assert "a" not in new_ids
    old = client.call("GetBackupPlan", BackupPlanId=plan_id, VersionId=before["VersionId"])
    assert old["BackupPlan"] == before["BackupPlan"]


def test_unknown_plans_and_versions_are_not_found(client: LocalClient) -> None:
    plan_id = create(client)
    for request in ({"BackupPlanId": "nobody"}, {"BackupPlanId": plan_id, "VersionId": "nothing"}):
        with pytest.raises(ResourceNotFound, match="Failed reading Backup plan with provided version"):
            client.call("GetBackupPlan", **request)
    for name in ("DeleteBackupPlan", "ListBackupPlanVersions", "ExportBackupPlanTemplate"):
        with pytest.raises(ResourceNotFound):
            client.call(name, BackupPlanId="nobody")
    with pytest.raises(ResourceNotFound):
        client.call("UpdateBackupPlan", BackupPlanId="nobody", BackupPlan=a_plan())


def test_a_plan_with_selections_cannot_be_deleted(client: LocalClient) -> None:
    plan_id = create(client)
    selection_id = select_all(client, plan_id)
    with pytest.raises(InvalidRequest, match="Related backup plan selections must be deleted prior"):
        client.call("DeleteBackupPlan", BackupPlanId=plan_id)
    client.call("DeleteBackupSelection", BackupPlanId=plan_id, SelectionId=selection_id)
    client.call("DeleteBackupPlan", BackupPlanId=plan_id)


def test_a_deleted_plan_stays_readable_by_version(client: LocalClient) -> None:
    plan_id = create(client)
    gone = client.call("DeleteBackupPlan", BackupPlanId=plan_id)
    assert gone["DeletionDate"] == NOW
    with pytest.raises(ResourceNotFound):
        client.call("GetBackupPlan", BackupPlanId=plan_id)
    with pytest.raises(ResourceNotFound):
        client.call("DeleteBackupPlan", BackupPlanId=plan_id)
    shown = client.call("GetBackupPlan", BackupPlanId=plan_id, VersionId=gone["VersionId"])
    assert shown["DeletionDate"] == NOW
    (version,) = client.call("ListBackupPlanVersions", BackupPlanId=plan_id)["BackupPlanVersionsList"]
    assert (version["VersionId"], version["DeletionDate"]) == (gone["VersionId"], NOW)


def test_deleted_plans_are_listed_when_asked_for(client: LocalClient) -> None:
    client.call("DeleteBackupPlan", BackupPlanId=create(client))
    assert client.call("ListBackupPlans")["BackupPlansList"] == []
    (listed,) = client.call("ListBackupPlans", IncludeDeleted=True)["BackupPlansList"]
    assert listed["DeletionDate"] == NOW
    assert "Rules" not in listed


def all_pages(client: LocalClient, operation: str, key: str, **request: Any) -> list[dict[str, Any]]:
    found, token = [], None
    while True:
        answer = client.call(operation, MaxResults=2, NextToken=token, **request)
        found += answer[key]
        token = answer.get("NextToken")
        if token is None:
            return found


def test_lists_come_in_pages(world: World, client: LocalClient) -> None:
    ids = []
    for number in range(5):
        world.clock.at = NOW + timedelta(seconds=number)
        ids.append(create(client, a_plan(f"p{number}")))
    listed = all_pages(client, "ListBackupPlans", "BackupPlansList")
    assert [plan["BackupPlanId"] for plan in listed] == ids
    versions = [client.call("GetBackupPlan", BackupPlanId=ids[0])["VersionId"]]
    for _ in range(4):
        made = client.call("UpdateBackupPlan", BackupPlanId=ids[0], BackupPlan=a_plan())
        versions.append(made["VersionId"])
    listed = all_pages(client, "ListBackupPlanVersions", "BackupPlanVersionsList", BackupPlanId=ids[0])
    assert [plan["VersionId"] for plan in listed] == versions[::-1]


def test_the_preview_merges_the_next_runs_of_all_rules(client: LocalClient) -> None:
    daily = a_rule(
        "daily",
        ScheduleExpression="cron(0 5 * * ? *)",
        Lifecycle={"DeleteAfterDays": 35},
        StartWindowMinutes=60,
    )
    hourly = a_rule(
        "hourly",
        ScheduleExpression="cron(0 * * * ? *)",
        Lifecycle={"DeleteAfterDays": 1},
        StartWindowMinutes=60,
    )
    plan_id = create(client, a_plan("p", daily, hourly))
    shown = client.call("GetBackupPlan", BackupPlanId=plan_id, MaxScheduledRunsPreview=3)
    names = {rule["RuleId"]: rule["RuleName"] for rule in shown["BackupPlan"]["Rules"]}
    runs = [
        (names[run["RuleId"]], run["ExecutionTime"], run["RuleExecutionType"])
        for run in shown["ScheduledRunsPreview"]
    ]
    assert runs == [
        ("hourly", datetime(2030, 1, 2, 4, tzinfo=UTC), "SNAPSHOTS"),
        ("daily", datetime(2030, 1, 2, 5, tzinfo=UTC), "SNAPSHOTS"),
        ("hourly", datetime(2030, 1, 2, 6, tzinfo=UTC), "SNAPSHOTS"),
    ]


def test_an_exported_plan_can_be_read_and_made_again(client: LocalClient) -> None:
    plan_id = create(client, a_plan("plan", a_rule(Lifecycle={"DeleteAfterDays": 7})))
    text = client.call("ExportBackupPlanTemplate", BackupPlanId=plan_id)["BackupPlanTemplateJson"]
    read = client.call("GetBackupPlanFromJSON", BackupPlanTemplateJson=text)["BackupPlan"]
    assert json.loads(text) == read == a_plan("plan", a_rule(**FILLED, Lifecycle={"DeleteAfterDays": 7}))
    client.call("DeleteBackupPlan", BackupPlanId=plan_id)
    create(client, read)


BROKEN = {
    "no JSON": "{",
    "no object": "[]",
    "nested without end": "[" * 100_000,
    "no such schedule": json.dumps(a_plan("p", a_rule(ScheduleExpression="rate(1 day)"))),
    "a bad vault name": json.dumps(a_plan("p", a_rule(TargetBackupVaultName="?"))),
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_a_broken_template_is_refused(client: LocalClient, text: str) -> None:
    with pytest.raises(InvalidParameterValue):
        client.call("GetBackupPlanFromJSON", BackupPlanTemplateJson=text)


def test_the_sample_plans_can_be_made(client: LocalClient) -> None:
    listed = all_pages(client, "ListBackupPlanTemplates", "BackupPlanTemplatesList")
    assert len(listed) == len({sample["BackupPlanTemplateId"] for sample in listed}) == 4
    for sample in listed:
        answer = client.call("GetBackupPlanFromTemplate", BackupPlanTemplateId=sample["BackupPlanTemplateId"])
        assert answer["BackupPlanDocument"]["BackupPlanName"] == sample["BackupPlanTemplateName"]
        create(client, answer["BackupPlanDocument"])
    with pytest.raises(ResourceNotFound):
        client.call("GetBackupPlanFromTemplate", BackupPlanTemplateId="nobody")
