"""Users, keys, roles and policies through the stock client, as tools for backups use them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from safehold.domain.aws_policies import AWS_POLICIES
from tests.api.conftest import ACCOUNT
from tests.api.neighbours.conftest import Installed, refusal

BACKUP_POLICY = "arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForBackup"
DOCUMENT = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def trust(principal: dict[str, Any], **more: Any) -> str:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"} | more
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


TRUST = trust({"Service": "backup.amazonaws.com"})


def test_a_users_key_opens_the_api_until_it_is_taken_away(installed: Installed) -> None:
    iam = installed.client("iam")
    user = iam.create_user(UserName="anna", Path="/staff/", Tags=[{"Key": "team", "Value": "a"}])["User"]
    assert user["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/staff/anna"
    assert refusal(iam.create_user, UserName="anna") == "EntityAlreadyExists"
    assert iam.get_user(UserName="anna")["User"]["Tags"] == [{"Key": "team", "Value": "a"}]
    assert [found["UserName"] for found in iam.list_users(PathPrefix="/staff/")["Users"]] == ["anna"]
    assert iam.list_users(PathPrefix="/other/")["Users"] == []

    key = iam.create_access_key(UserName="anna")["AccessKey"]
    keys = (key["AccessKeyId"], key["SecretAccessKey"], None)
    assert iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])["AccessKeyLastUsed"] == {
        "ServiceName": "N/A",
        "Region": "N/A",
    }
    who = installed.client("sts", keys).get_caller_identity()
    assert (who["Arn"], who["UserId"], who["Account"]) == (user["Arn"], user["UserId"], ACCOUNT)
    used = iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])
    assert (used["UserName"], used["AccessKeyLastUsed"]["ServiceName"]) == ("anna", "sts")
    own = installed.client("iam", keys)
    assert own.get_user()["User"]["UserName"] == "anna"
    assert [k["AccessKeyId"] for k in own.list_access_keys()["AccessKeyMetadata"]] == [key["AccessKeyId"]]

    iam.update_access_key(UserName="anna", AccessKeyId=key["AccessKeyId"], Status="Inactive")
    refused = installed.client("backup", keys).list_backup_vaults
    assert refusal(refused) == "UnrecognizedClientException"
    iam.update_access_key(UserName="anna", AccessKeyId=key["AccessKeyId"], Status="Active")
    assert refused()["BackupVaultList"]
    assert refusal(iam.delete_user, UserName="anna") == "DeleteConflict"
    iam.delete_access_key(UserName="anna", AccessKeyId=key["AccessKeyId"])
    assert refusal(refused) == "UnrecognizedClientException"
    iam.delete_user(UserName="anna")
    assert refusal(iam.get_user, UserName="anna") == "NoSuchEntity"


def test_a_user_has_two_keys_at_most_and_the_roots_last_one_stays(installed: Installed) -> None:
    iam = installed.client("iam")
    second = iam.create_access_key()["AccessKey"]["AccessKeyId"]
    assert refusal(iam.create_access_key) == "LimitExceeded"
    iam.update_access_key(AccessKeyId=second, Status="Inactive")
    first = installed.root[0]
    assert refusal(iam.delete_access_key, AccessKeyId=first) == "DeleteConflict"
    assert refusal(iam.update_access_key, AccessKeyId=first, Status="Inactive") == "DeleteConflict"
    iam.update_access_key(AccessKeyId=second, Status="Active")
    iam.delete_access_key(AccessKeyId=first)


def test_a_role_made_as_tools_make_it_runs_backups(installed: Installed) -> None:
    iam, backup = installed.client("iam"), installed.client("backup")
    role = iam.create_role(
        RoleName="nightly", AssumeRolePolicyDocument=TRUST, Description="d", Tags=[{"Key": "a", "Value": "b"}]
    )["Role"]
    assert role["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/nightly"
    iam.attach_role_policy(RoleName="nightly", PolicyArn=BACKUP_POLICY)
    found = iam.get_role(RoleName="nightly")["Role"]
    assert found["AssumeRolePolicyDocument"] == json.loads(TRUST)
    assert (found["Description"], found["MaxSessionDuration"], found["Tags"][0]["Key"]) == ("d", 3600, "a")
    attached = iam.list_attached_role_policies(RoleName="nightly")["AttachedPolicies"]
    assert attached == [
        {"PolicyName": "AWSBackupServiceRolePolicyForBackup", "PolicyArn": BACKUP_POLICY},
    ]
    plan = backup.create_backup_plan(
        BackupPlan={
            "BackupPlanName": "p",
            "Rules": [{"RuleName": "r", "TargetBackupVaultName": "Default"}],
        }
    )["BackupPlanId"]

    def select(name: str, arn: str) -> dict[str, Any]:
        selection = {"SelectionName": name, "IamRoleArn": arn, "Resources": ["*"]}
        made: dict[str, Any] = backup.create_backup_selection(BackupPlanId=plan, BackupSelection=selection)
        return made

    assert select("one", role["Arn"])["SelectionId"]
    iam.update_assume_role_policy(RoleName="nightly", PolicyDocument=trust({"Service": "ec2.amazonaws.com"}))
    assert refusal(select, name="two", arn=role["Arn"]) == "InvalidParameterValueException"
    stranger = role["Arn"].replace(ACCOUNT, "210987654321")
    assert refusal(select, name="three", arn=stranger) == "InvalidParameterValueException"

    assert refusal(iam.delete_role, RoleName="nightly") == "DeleteConflict"
    iam.detach_role_policy(RoleName="nightly", PolicyArn=BACKUP_POLICY)
    assert iam.list_instance_profiles_for_role(RoleName="nightly")["InstanceProfiles"] == []
    iam.delete_role(RoleName="nightly")
    assert refusal(iam.get_role, RoleName="nightly") == "NoSuchEntity"


def test_the_default_role_is_there_with_the_policies_that_aws_gives_it(installed: Installed) -> None:
    iam = installed.client("iam")
    name = "AWSBackupDefaultServiceRole"
    assert iam.get_role(RoleName=name)["Role"]["Path"] == "/service-role/"
    attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    assert [policy["PolicyName"] for policy in attached] == [
        "AWSBackupServiceRolePolicyForBackup",
        "AWSBackupServiceRolePolicyForRestores",
    ]
    for arn in AWS_POLICIES:
        assert iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"] == "v1"
        version = iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]
        assert version["Document"]["Statement"]
    assert refusal(iam.delete_policy, PolicyArn=BACKUP_POLICY) == "AccessDenied"


@pytest.mark.parametrize("kind", ["user", "role"])
def test_policies_are_put_into_and_attached_to_users_and_roles(installed: Installed, kind: str) -> None:
    iam = installed.client("iam")
    owner = {f"{kind.title()}Name": "x"}
    if kind == "user":
        iam.create_user(UserName="x")
    else:
        iam.create_role(RoleName="x", AssumeRolePolicyDocument=TRUST)
    named = owner | {"PolicyName": "in"}
    getattr(iam, f"put_{kind}_policy")(**named, PolicyDocument=json.dumps(DOCUMENT))
    assert getattr(iam, f"get_{kind}_policy")(**named)["PolicyDocument"] == DOCUMENT
    assert getattr(iam, f"list_{kind}_policies")(**owner)["PolicyNames"] == ["in"]
    assert refusal(getattr(iam, f"delete_{kind}"), **owner) == "DeleteConflict"
    getattr(iam, f"delete_{kind}_policy")(**named)
    assert refusal(getattr(iam, f"get_{kind}_policy"), **named) == "NoSuchEntity"

    made = iam.create_policy(PolicyName="own", PolicyDocument=json.dumps(DOCUMENT), Path="/p/")["Policy"]
    arn = made["Arn"]
    attach, detach = getattr(iam, f"attach_{kind}_policy"), getattr(iam, f"detach_{kind}_policy")
    attach(**owner, PolicyArn=arn)
    attach(**owner, PolicyArn=arn)
    attach(**owner, PolicyArn=BACKUP_POLICY)
    listed = getattr(iam, f"list_attached_{kind}_policies")
    assert [policy["PolicyArn"] for policy in listed(**owner, PathPrefix="/p/")["AttachedPolicies"]] == [arn]
    first = listed(**owner, MaxItems=1)
    assert first["IsTruncated"]
    assert len(listed(**owner, Marker=first["Marker"], MaxItems=1)["AttachedPolicies"]) == 1
    assert iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 1
    assert refusal(iam.delete_policy, PolicyArn=arn) == "DeleteConflict"
    assert refusal(attach, **owner, PolicyArn=arn + "x") == "NoSuchEntity"
    detach(**owner, PolicyArn=arn)
    assert refusal(detach, **owner, PolicyArn=arn) == "NoSuchEntity"
    iam.delete_policy(PolicyArn=arn)


def test_a_policy_has_versions_one_of_which_counts(installed: Installed) -> None:
    iam = installed.client("iam")
    arn = iam.create_policy(PolicyName="p", PolicyDocument=json.dumps(DOCUMENT))["Policy"]["Arn"]
    assert refusal(iam.create_policy, PolicyName="p", PolicyDocument=json.dumps(DOCUMENT)) == (
        "EntityAlreadyExists"
    )
    narrow = json.loads(json.dumps(DOCUMENT))
    narrow["Statement"][0]["Action"] = "backup:*"
    second = iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(narrow), SetAsDefault=True)[
        "PolicyVersion"
    ]["VersionId"]
    assert iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"] == second == "v2"
    assert iam.get_policy_version(PolicyArn=arn, VersionId="v2")["PolicyVersion"]["Document"] == narrow
    assert refusal(iam.delete_policy_version, PolicyArn=arn, VersionId="v2") == "DeleteConflict"
    assert refusal(iam.delete_policy, PolicyArn=arn) == "DeleteConflict"
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v1")
    iam.delete_policy_version(PolicyArn=arn, VersionId="v2")
    assert refusal(iam.get_policy_version, PolicyArn=arn, VersionId="v2") == "NoSuchEntity"
    for number in range(3, 7):
        made = iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(DOCUMENT))
        assert made["PolicyVersion"]["VersionId"] == f"v{number}", "a number is never given twice"
    extra = {"PolicyArn": arn, "PolicyDocument": json.dumps(DOCUMENT)}
    assert refusal(iam.create_policy_version, **extra) == "LimitExceeded"
    assert len(iam.list_policy_versions(PolicyArn=arn)["Versions"]) == 5


def test_policies_are_listed_page_by_page_ones_own_and_awss(installed: Installed) -> None:
    iam = installed.client("iam")
    own = [
        iam.create_policy(PolicyName=f"p{number}", PolicyDocument=json.dumps(DOCUMENT))["Policy"]["Arn"]
        for number in range(3)
    ]
    pages = iam.get_paginator("list_policies").paginate(PaginationConfig={"PageSize": 2})
    listed = [policy["Arn"] for found in pages for policy in found["Policies"]]
    assert listed == sorted([*own, *AWS_POLICIES])
    assert [policy["Arn"] for policy in iam.list_policies(Scope="Local")["Policies"]] == own
    attached = iam.list_policies(Scope="AWS", OnlyAttached=True)["Policies"]
    assert {policy["PolicyName"] for policy in attached} == {
        "AWSBackupServiceRolePolicyForBackup",
        "AWSBackupServiceRolePolicyForRestores",
    }


def test_what_iam_does_not_take_it_refuses_under_its_own_names(installed: Installed) -> None:
    iam = installed.client("iam")
    bad_trust = {"RoleName": "r", "AssumeRolePolicyDocument": json.dumps(DOCUMENT)}
    assert refusal(iam.create_role, **bad_trust) == "MalformedPolicyDocument"
    assert refusal(iam.create_user, UserName="no blanks") == "ValidationError"
    twice = [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]
    assert refusal(iam.create_user, UserName="anna", Tags=twice) == "ValidationError"
    assert refusal(iam.list_users, Marker="made up") == "ValidationError"
    assert refusal(iam.get_role, RoleName="nobody") == "NoSuchEntity"
    assert refusal(iam.delete_access_key, AccessKeyId="AKIANOBODYSKEY000000") == "NoSuchEntity"
    assert refusal(iam.get_account_summary) == "InvalidAction"
