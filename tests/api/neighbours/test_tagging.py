"""The tagging API through the stock client: what is found by which tags, and tags for several at once."""

from __future__ import annotations

from typing import Any

from safehold.domain.resources import Resource
from safehold.records import resources, tags
from tests.api.conftest import ACCOUNT, NOW
from tests.api.neighbours.conftest import SITE, Installed, refusal

VAULT = f"arn:aws:backup:{SITE}:{ACCOUNT}:backup-vault:Default"


def volume(number: int) -> str:
    return f"arn:aws:ec2:{SITE}:{ACCOUNT}:volume/vol-{number:03}"


def found(installed: Installed, arn: str, has: dict[str, str], *, is_lost: bool = False) -> None:
    kind = "S3" if ":s3:" in arn else "EBS"
    with installed.catalog.begin() as tx:
        resources.upsert(tx, Resource(arn, ACCOUNT, SITE, None, kind, arn[-7:], None, {}, NOW))
        tags.put(tx, arn, has)
        if is_lost:
            resources.mark_orphaned(tx, source_id="", now=NOW)


def mapped(answer: Any) -> dict[str, dict[str, str]]:
    return {
        each["ResourceARN"]: {tag["Key"]: tag["Value"] for tag in each["Tags"]}
        for each in answer["ResourceTagMappingList"]
    }


def test_what_has_tags_is_found_by_them_whatever_service_it_is_of(installed: Installed) -> None:
    tagging, backup = installed.client("resourcegroupstaggingapi"), installed.client("backup")
    found(installed, volume(1), {"env": "prod", "team": "a"})
    found(installed, volume(2), {"env": "test"})
    found(installed, "arn:aws:s3:::bucket", {"env": "prod"})
    found(installed, volume(3), {})
    backup.tag_resource(ResourceArn=VAULT, Tags={"env": "prod"})
    installed.client("iam").create_user(UserName="anna", Tags=[{"Key": "env", "Value": "prod"}])

    every = mapped(tagging.get_resources())
    assert list(every) == [VAULT, volume(1), volume(2), "arn:aws:s3:::bucket"]
    assert every[volume(1)] == {"env": "prod", "team": "a"}

    def by(*filters: tuple[str, list[str]], types: tuple[str, ...] = ()) -> list[str]:
        wanted = [{"Key": key, "Values": values} for key, values in filters]
        asked: dict[str, Any] = {"ResourceTypeFilters": list(types)} if types else {}
        return list(mapped(tagging.get_resources(TagFilters=wanted, **asked)))

    assert by(("env", ["prod"])) == [VAULT, volume(1), "arn:aws:s3:::bucket"]
    assert by(("env", ["prod", "test"]), ("team", [])) == [volume(1)]
    assert by(("env", []), types=("ec2:volume",)) == [volume(1), volume(2)]
    assert by(types=("ec2", "backup:backup-vault")) == [VAULT, volume(1), volume(2)]
    assert by(types=("s3:bucket",)) == by(types=("s3",)) == ["arn:aws:s3:::bucket"]
    assert by(types=("ec2:instance", "rds")) == by(("nobody", [])) == []
    elsewhere = installed.client("resourcegroupstaggingapi", site="us-west-2")
    assert mapped(elsewhere.get_resources()) == {}

    named = [volume(3), volume(1), VAULT, "arn:aws:s3:::other"]
    assert set(mapped(tagging.get_resources(ResourceARNList=named))) == {volume(3), volume(1), VAULT}
    assert tagging.get_tag_keys()["TagKeys"] == ["env", "team"]
    assert tagging.get_tag_values(Key="env")["TagValues"] == ["prod", "test"]
    assert tagging.get_tag_values(Key="nobody")["TagValues"] == []


def test_tags_are_put_on_and_taken_off_several_things_at_once(installed: Installed) -> None:
    tagging, backup = installed.client("resourcegroupstaggingapi"), installed.client("backup")
    found(installed, volume(1), {"old": "1"})
    missing = f"arn:aws:backup:{SITE}:{ACCOUNT}:backup-plan:nobody"
    role = installed.client("iam").get_role(RoleName="AWSBackupDefaultServiceRole")["Role"]["Arn"]
    failed = tagging.tag_resources(
        ResourceARNList=[volume(1), VAULT, missing, role, volume(9)], Tags={"a": "1", "b": "2"}
    )["FailedResourcesMap"]
    assert set(failed) == {missing, role, volume(9)}
    assert failed[missing]["ErrorCode"] == "InvalidParameterException"
    assert backup.list_tags(ResourceArn=VAULT)["Tags"] == {"a": "1", "b": "2"}
    assert mapped(tagging.get_resources())[volume(1)] == {"a": "1", "b": "2", "old": "1"}

    assert (
        tagging.untag_resources(ResourceARNList=[volume(1), VAULT], TagKeys=["a", "b", "old"])[
            "FailedResourcesMap"
        ]
        == {}
    )
    assert mapped(tagging.get_resources()) == {VAULT: {}, volume(1): {}}, "what once had tags is listed"
    assert tagging.get_tag_keys()["TagKeys"] == []


def test_what_is_gone_or_lost_is_not_listed(installed: Installed) -> None:
    tagging, backup = installed.client("resourcegroupstaggingapi"), installed.client("backup")
    arn = backup.create_backup_vault(BackupVaultName="gone", BackupVaultTags={"a": "b"})["BackupVaultArn"]
    assert list(mapped(tagging.get_resources())) == [arn]
    backup.delete_backup_vault(BackupVaultName="gone")
    with installed.catalog.begin() as tx:
        resources.upsert(tx, Resource(volume(1), ACCOUNT, SITE, "s", "EBS", "v", None, {}, NOW))
        tags.put(tx, volume(1), {"a": "b"})
        resources.mark_lost(tx, source_id="s", still_there=(), now=NOW)
    assert mapped(tagging.get_resources()) == {}
    assert mapped(tagging.get_resources(ResourceARNList=[volume(1)])) == {}
    assert tagging.get_tag_keys()["TagKeys"] == []


def test_pages_are_of_resources_or_of_tags(installed: Installed) -> None:
    tagging = installed.client("resourcegroupstaggingapi")
    for number in range(7):
        found(installed, volume(number), {f"k{key}": "v" for key in range(40)})
    pages = list(tagging.get_paginator("get_resources").paginate(ResourcesPerPage=3))
    assert [len(page["ResourceTagMappingList"]) for page in pages] == [3, 3, 1]
    assert [arn for page in pages for arn in mapped(page)] == [volume(number) for number in range(7)]
    by_tags = list(tagging.get_paginator("get_resources").paginate(TagsPerPage=100))
    assert [len(page["ResourceTagMappingList"]) for page in by_tags] == [2, 2, 2, 1]

    token = pages[0]["PaginationToken"]
    bad = "InvalidParameterException"
    assert refusal(tagging.get_resources, ResourcesPerPage=2, PaginationToken=token) == bad
    assert refusal(tagging.get_resources, PaginationToken="made up") == bad
    assert refusal(tagging.get_resources, ResourcesPerPage=101) == bad
    assert refusal(tagging.get_resources, TagsPerPage=99) == bad
    assert refusal(tagging.get_resources, TagsPerPage=100, ResourcesPerPage=10) == bad
    assert refusal(tagging.get_resources, ResourceARNList=[VAULT], ResourcesPerPage=10) == bad
    assert refusal(tagging.get_resources, ResourceTypeFilters=["no type!"]) == bad
    twice = [{"Key": "a", "Values": ["1"]}, {"Key": "a", "Values": ["2"]}]
    assert refusal(tagging.get_resources, TagFilters=twice) == bad
