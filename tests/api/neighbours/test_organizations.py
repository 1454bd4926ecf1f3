"""An organization of an installation's accounts, its backup policies, and the plans that come of them."""

from __future__ import annotations

import json
from datetime import UTC, timedelta
from typing import Any

import pytest

from safehold.domain.resources import Resource
from safehold.records import resources
from safehold.scheduler.tick import tick
from tests.api.conftest import ACCOUNT, NOW
from tests.api.neighbours.conftest import SITE, Installed, keys_in, refusal

ROLE = "arn:aws:iam::$account:role/service-role/AWSBackupDefaultServiceRole"


def assign(value: object) -> dict[str, object]:
    return {"@@assign": value}


def policy(**more: Any) -> dict[str, Any]:
    """A plan `daily` for the site, of everything, kept 30 days."""
    rule = {
        "schedule_expression": assign("cron(0 5 * * ? *)"),
        "start_backup_window_minutes": assign("60"),
        "target_backup_vault_name": assign("Default"),
        "lifecycle": {"delete_after_days": assign("30")},
        "recovery_point_tags": {"owner": {"tag_key": assign("Owner"), "tag_value": assign("org")}},
        "copy_actions": {
            "arn:aws:backup:us-west-2:$account:backup-vault:Default": {
                "target_backup_vault_arn": assign("arn:aws:backup:us-west-2:$account:backup-vault:Default"),
                "lifecycle": {"delete_after_days": assign("60")},
            }
        },
    }
    plan = {
        "regions": assign([SITE]),
        "rules": {"hourly": rule},
        "selections": {
            "resources": {"all": {"iam_role_arn": assign(ROLE), "resource_types": assign(["*"])}},
            "tags": {
                "kept": {
                    "iam_role_arn": assign(ROLE),
                    "tag_key": assign("keep"),
                    "tag_value": assign(["yes", "always"]),
                }
            },
        },
        "backup_plan_tags": {"by": {"tag_key": assign("by"), "tag_value": assign("org")}},
        "advanced_backup_settings": {"ec2": {"windows_vss": assign("enabled")}},
    }
    return {"plans": {"daily": plan | more}}


class Company:
    """An organization with two units, one inside the other, and an account in the inner one."""

    def __init__(self, installed: Installed) -> None:
        self.installed = installed
        self.api = installed.client("organizations")
        self.id = self.api.create_organization(FeatureSet="ALL")["Organization"]["Id"]
        self.root = self.api.list_roots()["Roots"][0]["Id"]
        self.outer = self.unit(self.root, "outer")
        self.inner = self.unit(self.outer, "inner")
        made = self.api.create_account(Email="shop@example.com", AccountName="shop")["CreateAccountStatus"]
        self.member: str = made["AccountId"]
        self.request: str = made["Id"]

    def unit(self, parent: str, name: str) -> str:
        made = self.api.create_organizational_unit(ParentId=parent, Name=name)
        return str(made["OrganizationalUnit"]["Id"])

    def as_member(self, service: str) -> Any:
        """A client of the account, by the role that the management account may assume there."""
        role = f"arn:aws:iam::{self.member}:role/OrganizationAccountAccessRole"
        made = self.installed.client("sts").assume_role(RoleArn=role, RoleSessionName="admin")
        return self.installed.client(service, keys_in(made["Credentials"]))

    def policy(self, name: str, document: dict[str, Any]) -> str:
        made = self.api.create_policy(
            Content=json.dumps(document), Description="", Name=name, Type="BACKUP_POLICY"
        )
        return str(made["Policy"]["PolicySummary"]["Id"])

    def attached(self, name: str, document: dict[str, Any], target: str) -> str:
        policy_id = self.policy(name, document)
        self.api.attach_policy(PolicyId=policy_id, TargetId=target)
        return policy_id

    def effective(self, account: str) -> Any:
        found = self.api.describe_effective_policy(PolicyType="BACKUP_POLICY", TargetId=account)
        return json.loads(found["EffectivePolicy"]["PolicyContent"])


@pytest.fixture
def company(installed: Installed) -> Company:
    return Company(installed)


def test_accounts_live_in_a_tree_of_units(company: Company) -> None:
    api = company.api
    organization = api.describe_organization()["Organization"]
    assert (organization["MasterAccountId"], organization["FeatureSet"]) == (ACCOUNT, "ALL")
    assert refusal(api.create_organization) == "AlreadyInOrganizationException"
    accounts = {account["Id"]: account for account in api.list_accounts()["Accounts"]}
    assert set(accounts) == {ACCOUNT, company.member}
    assert accounts[company.member]["Arn"] == (
        f"arn:aws:organizations::{ACCOUNT}:account/{company.id}/{company.member}"
    )
    asked = api.describe_create_account_status(CreateAccountRequestId=company.request)
    assert asked["CreateAccountStatus"]["State"] == "SUCCEEDED"
    again = api.create_account(Email="shop@example.com", AccountName="twice")["CreateAccountStatus"]
    assert (again["State"], again["FailureReason"]) == ("FAILED", "EMAIL_ALREADY_EXISTS")

    move = {"AccountId": company.member, "DestinationParentId": company.inner}
    assert refusal(api.move_account, **move, SourceParentId=company.outer) == "SourceParentNotFoundException"
    api.move_account(**move, SourceParentId=company.root)
    assert api.list_parents(ChildId=company.member)["Parents"] == [
        {"Id": company.inner, "Type": "ORGANIZATIONAL_UNIT"}
    ]
    assert api.list_parents(ChildId=company.outer)["Parents"] == [{"Id": company.root, "Type": "ROOT"}]
    units = api.list_children(ParentId=company.root, ChildType="ORGANIZATIONAL_UNIT")["Children"]
    assert units == [{"Id": company.outer, "Type": "ORGANIZATIONAL_UNIT"}]
    inside = api.list_accounts_for_parent(ParentId=company.inner)["Accounts"]
    assert [account["Id"] for account in inside] == [company.member]
    pages = api.get_paginator("list_accounts").paginate(PaginationConfig={"PageSize": 1})
    assert [len(page["Accounts"]) for page in pages] == [1, 1]

    deepest = company.inner
    for level in range(3):
        deepest = company.unit(deepest, f"level {level}")
    too_deep = {"ParentId": deepest, "Name": "x"}
    assert refusal(api.create_organizational_unit, **too_deep) == "ConstraintViolationException"
    taken = {"ParentId": company.root, "Name": "outer"}
    assert refusal(api.create_organizational_unit, **taken) == "DuplicateOrganizationalUnitException"
    renamed = api.update_organizational_unit(OrganizationalUnitId=deepest, Name="leaf")
    assert renamed["OrganizationalUnit"]["Name"] == "leaf"
    not_empty = "OrganizationalUnitNotEmptyException"
    assert refusal(api.delete_organizational_unit, OrganizationalUnitId=company.inner) == not_empty
    api.delete_organizational_unit(OrganizationalUnitId=deepest)
    gone = "OrganizationalUnitNotFoundException"
    assert refusal(api.describe_organizational_unit, OrganizationalUnitId=deepest) == gone
    assert refusal(api.delete_organization) == "OrganizationNotEmptyException"


def test_a_member_sees_its_own_and_changes_nothing(company: Company, installed: Installed) -> None:
    member = company.as_member("organizations")
    assert member.describe_organization()["Organization"]["Id"] == company.id
    for call in (member.list_accounts, member.list_roots, member.delete_organization):
        assert refusal(call) == "AccessDeniedException"
    backup = company.as_member("backup")
    (vault,) = backup.list_backup_vaults()["BackupVaultList"]
    assert vault["BackupVaultArn"] == f"arn:aws:backup:{SITE}:{company.member}:backup-vault:Default"
    roles = [role["RoleName"] for role in company.as_member("iam").list_roles()["Roles"]]
    assert roles == ["AWSBackupDefaultServiceRole", "OrganizationAccountAccessRole"]


def test_policies_are_made_attached_and_taken_away(company: Company) -> None:
    api = company.api
    policy_id = company.policy("daily", policy())
    on_root = {"PolicyId": policy_id, "TargetId": company.root}
    assert refusal(api.attach_policy, **on_root) == "PolicyTypeNotEnabledException"
    kind = {"RootId": company.root, "PolicyType": "BACKUP_POLICY"}
    assert api.enable_policy_type(**kind)["Root"]["PolicyTypes"][0]["Status"] == "ENABLED"
    assert refusal(api.enable_policy_type, **kind) == "PolicyTypeAlreadyEnabledException"
    api.attach_policy(**on_root)
    assert refusal(api.attach_policy, **on_root) == "DuplicatePolicyAttachmentException"
    wrong = on_root | {"TargetId": "210987654321"}
    assert refusal(api.attach_policy, **wrong) == "TargetNotFoundException"
    (target,) = api.list_targets_for_policy(PolicyId=policy_id)["Targets"]
    assert (target["TargetId"], target["Type"]) == (company.root, "ROOT")
    listed = api.list_policies_for_target(TargetId=company.root, Filter="BACKUP_POLICY")["Policies"]
    assert [each["Id"] for each in listed] == [policy_id]
    assert [each["Id"] for each in api.list_policies(Filter="BACKUP_POLICY")["Policies"]] == [policy_id]
    assert api.list_policies(Filter="TAG_POLICY")["Policies"] == []
    described = api.describe_policy(PolicyId=policy_id)["Policy"]
    assert json.loads(described["Content"]) == policy()

    assert refusal(api.delete_policy, PolicyId=policy_id) == "PolicyInUseException"
    api.detach_policy(**on_root)
    assert refusal(api.detach_policy, **on_root) == "PolicyNotAttachedException"
    api.delete_policy(PolicyId=policy_id)
    assert refusal(api.describe_policy, PolicyId=policy_id) == "PolicyNotFoundException"
    new = {"Description": "", "Name": "x", "Type": "BACKUP_POLICY"}
    assert refusal(api.create_policy, **new, Content="{") == "MalformedPolicyDocumentException"
    other = new | {"Type": "TAG_POLICY", "Content": "{}"}
    assert refusal(api.create_policy, **other) == "PolicyTypeNotAvailableForOrganizationException"
    company.policy("one", policy())
    twice = new | {"Name": "one", "Content": json.dumps(policy())}
    assert refusal(api.create_policy, **twice) == "DuplicatePolicyException"


def test_what_holds_for_an_account_is_merged_from_the_root_down(company: Company) -> None:
    api = company.api
    api.enable_policy_type(RootId=company.root, PolicyType="BACKUP_POLICY")
    api.move_account(AccountId=company.member, SourceParentId=company.root, DestinationParentId=company.inner)
    none_yet = {"PolicyType": "BACKUP_POLICY", "TargetId": company.member}
    assert refusal(api.describe_effective_policy, **none_yet) == "EffectivePolicyNotFoundException"
    locked = {"@@assign": [SITE], "@@operators_allowed_for_child_policies": ["@@append"]}
    company.attached("at the root", policy(regions=locked), company.root)
    company.attached(
        "of the unit", {"plans": {"daily": {"regions": {"@@append": ["us-west-2"]}}}}, company.outer
    )
    company.attached("of the account", {"plans": {"daily": {"regions": assign(["x"])}}}, company.member)
    assert company.effective(company.member)["plans"]["daily"]["regions"] == [SITE, "us-west-2"]
    assert company.effective(ACCOUNT)["plans"]["daily"]["regions"] == [SITE]
    own = company.as_member("organizations").describe_effective_policy(PolicyType="BACKUP_POLICY")
    assert own["EffectivePolicy"]["TargetId"] == company.member
    others = company.as_member("organizations").describe_effective_policy
    assert refusal(others, PolicyType="BACKUP_POLICY", TargetId=ACCOUNT) == "AccessDeniedException"


def org_plan(backup: Any) -> Any:
    (found,) = backup.list_backup_plans()["BackupPlansList"]
    assert found["BackupPlanId"].startswith("orgs/")
    return found


def test_an_effective_policy_is_a_plan_that_runs_and_that_its_account_cannot_change(
    company: Company, installed: Installed
) -> None:
    api, backup = company.api, company.as_member("backup")
    api.enable_policy_type(RootId=company.root, PolicyType="BACKUP_POLICY")
    policy_id = company.attached("daily", policy(), company.member)
    assert installed.client("backup").list_backup_plans()["BackupPlansList"] == []
    found = org_plan(backup)
    plan_id = found["BackupPlanId"]
    shown = backup.get_backup_plan(BackupPlanId=plan_id)["BackupPlan"]
    (rule,) = shown["Rules"]
    assert (shown["BackupPlanName"], rule["RuleName"], rule["StartWindowMinutes"]) == ("daily", "hourly", 60)
    assert rule["Lifecycle"] == {"DeleteAfterDays": 30}
    assert rule["RecoveryPointTags"] == {"Owner": "org"}
    copy = f"arn:aws:backup:us-west-2:{company.member}:backup-vault:Default"
    assert rule["CopyActions"] == [{"DestinationBackupVaultArn": copy, "Lifecycle": {"DeleteAfterDays": 60}}]
    assert shown["AdvancedBackupSettings"] == [
        {"ResourceType": "EC2", "BackupOptions": {"WindowsVSS": "enabled"}}
    ]
    assert backup.list_tags(ResourceArn=found["BackupPlanArn"])["Tags"] == {"by": "org"}
    listed = backup.list_backup_selections(BackupPlanId=plan_id)["BackupSelectionsList"]
    by_name = {each["SelectionName"]: each for each in listed}
    assert set(by_name) == {"all", "kept"}
    role = ROLE.replace("$account", company.member)
    kept = backup.get_backup_selection(BackupPlanId=plan_id, SelectionId=by_name["kept"]["SelectionId"])
    assert kept["BackupSelection"]["IamRoleArn"] == role
    assert [tag["ConditionValue"] for tag in kept["BackupSelection"]["ListOfTags"]] == ["yes", "always"]

    bad = "InvalidParameterValueException"
    assert refusal(backup.delete_backup_plan, BackupPlanId=plan_id) == bad
    changed = {"BackupPlanName": "x", "Rules": [{"RuleName": "r", "TargetBackupVaultName": "Default"}]}
    assert refusal(backup.update_backup_plan, BackupPlanId=plan_id, BackupPlan=changed) == bad
    selection = {"SelectionName": "s", "IamRoleArn": role, "Resources": ["*"]}
    assert refusal(backup.create_backup_selection, BackupPlanId=plan_id, BackupSelection=selection) == bad
    going = {"BackupPlanId": plan_id, "SelectionId": by_name["all"]["SelectionId"]}
    assert refusal(backup.delete_backup_selection, **going) == bad

    arn = f"arn:aws:elasticfilesystem:{SITE}:{company.member}:file-system/fs-1"
    with installed.catalog.begin() as tx:
        resources.upsert(tx, Resource(arn, company.member, SITE, None, "EFS", "fs-1", None, {}, NOW))
    with installed.catalog.begin() as tx:
        due = found["CreationDate"].astimezone(UTC).replace(hour=5, minute=0, second=1) + timedelta(days=1)
        (job,) = tick(tx, due)
    assert (job.account_id, job.plan_id, job.resource_arn) == (company.member, plan_id, arn)

    longer = policy()
    longer["plans"]["daily"]["rules"]["hourly"]["lifecycle"] = {"delete_after_days": assign("90")}
    api.update_policy(PolicyId=policy_id, Content=json.dumps(longer))
    again = org_plan(backup)
    assert again["BackupPlanId"] == plan_id
    assert again["VersionId"] != found["VersionId"]
    (rule_now,) = backup.get_backup_plan(BackupPlanId=plan_id)["BackupPlan"]["Rules"]
    assert (rule_now["RuleId"], rule_now["Lifecycle"]) == (rule["RuleId"], {"DeleteAfterDays": 90})

    broken = policy()
    broken["plans"]["daily"]["rules"]["hourly"]["schedule_expression"] = assign("whenever")
    api.update_policy(PolicyId=policy_id, Content=json.dumps(broken))
    assert org_plan(backup)["VersionId"] == again["VersionId"], "the last good plan goes on"

    api.detach_policy(PolicyId=policy_id, TargetId=company.member)
    assert backup.list_backup_plans()["BackupPlansList"] == []
    assert backup.list_backup_plans(IncludeDeleted=True)["BackupPlansList"][0]["BackupPlanId"] == plan_id


def test_plans_follow_an_account_that_moves_and_go_when_policies_are_switched_off(company: Company) -> None:
    api, backup = company.api, company.as_member("backup")
    api.enable_policy_type(RootId=company.root, PolicyType="BACKUP_POLICY")
    company.attached("of the unit", policy(), company.outer)
    assert backup.list_backup_plans()["BackupPlansList"] == []
    api.move_account(AccountId=company.member, SourceParentId=company.root, DestinationParentId=company.inner)
    assert org_plan(backup)["BackupPlanName"] == "daily"
    api.move_account(AccountId=company.member, SourceParentId=company.inner, DestinationParentId=company.root)
    assert backup.list_backup_plans()["BackupPlansList"] == []
    company.attached("of all", policy(), company.root)
    assert org_plan(backup)
    born = api.create_account(Email="new@example.com", AccountName="new")["CreateAccountStatus"]["AccountId"]
    assert company.effective(born)["plans"].keys() == {"daily"}
    api.disable_policy_type(RootId=company.root, PolicyType="BACKUP_POLICY")
    assert backup.list_backup_plans()["BackupPlansList"] == []
    assert api.list_policies_for_target(TargetId=company.root, Filter="BACKUP_POLICY")["Policies"] == []


def test_without_an_organization_there_is_none_and_an_empty_one_can_be_deleted(installed: Installed) -> None:
    api = installed.client("organizations")
    assert refusal(api.describe_organization) == "AWSOrganizationsNotInUseException"
    api.create_organization()
    root = api.list_roots()["Roots"][0]["Id"]
    api.create_organizational_unit(ParentId=root, Name="empty")
    api.enable_policy_type(RootId=root, PolicyType="BACKUP_POLICY")
    made = api.create_policy(Content=json.dumps(policy()), Description="", Name="p", Type="BACKUP_POLICY")[
        "Policy"
    ]["PolicySummary"]
    api.attach_policy(PolicyId=made["Id"], TargetId=root)
    backup = installed.client("backup")
    assert org_plan(backup)
    api.delete_organization()
    assert backup.list_backup_plans()["BackupPlansList"] == []
    assert refusal(api.describe_organization) == "AWSOrganizationsNotInUseException"
