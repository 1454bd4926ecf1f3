"""Operations of Organizations on backup policies. Every change is in force when it is answered."""

from __future__ import annotations

import json
from dataclasses import replace

from safehold.api import org_policies
from safehold.api import organizations as shared
from safehold.api.call import Call, operation
from safehold.api.organizations import Answer, Request, refused
from safehold.core import ids
from safehold.core.errors import AccessDenied
from safehold.domain.org_policies import read_policy
from safehold.domain.organizations import BACKUP_POLICY, MAX_POLICIES_ON_TARGET, Organization, OrgPolicy
from safehold.records import organizations


@operation("EnablePolicyType", service="organizations")
def enable_policy_type(call: Call, req: Request) -> Answer:
    """Policies can be attached from now on. Source: `EnablePolicyType`."""
    return _switch(call, req, has=True)


@operation("DisablePolicyType", service="organizations")
def disable_policy_type(call: Call, req: Request) -> Answer:
    """No policy is attached or holds any more; their plans are gone. Source: `DisablePolicyType`."""
    return _switch(call, req, has=False)


@operation("CreatePolicy", service="organizations")
def create_policy(call: Call, req: Request) -> Answer:
    """A new policy, attached to nothing. Source: `CreatePolicy`."""
    shared.check_no_tags(req)
    shared.check_type(req["Type"])
    organization = shared.managed(call)
    read_policy(req["Content"])
    made = OrgPolicy(
        id=f"p-{ids.new_label(10)}",
        organization_id=organization.id,
        name=req["Name"],
        description=req["Description"],
        content=req["Content"],
        created_at=call.now,
        updated_at=call.now,
    )
    if not organizations.insert_policy(call.tx, made):
        raise _name_taken()
    return _shown(organization, made)


@operation("DescribePolicy", service="organizations")
def describe_policy(call: Call, req: Request) -> Answer:
    """Source: `DescribePolicy`."""
    organization = shared.managed(call)
    return _shown(organization, shared.policy(call, organization, req["PolicyId"]))


@operation("UpdatePolicy", service="organizations")
def update_policy(call: Call, req: Request) -> Answer:
    """What is given is so from now on, wherever the policy is attached. Source: `UpdatePolicy`."""
    organization = shared.managed(call)
    found = shared.policy(call, organization, req["PolicyId"])
    changed = replace(
        found,
        name=req.get("Name", found.name),
        description=req.get("Description", found.description),
        content=req.get("Content", found.content),
        updated_at=call.now,
    )
    read_policy(changed.content)
    other = organizations.find_policy_by_name(call.tx, organization.id, changed.name)
    if other is not None and other.id != found.id:
        raise _name_taken()
    values = {name: getattr(changed, name) for name in ("name", "description", "content", "updated_at")}
    organizations.update_policy(call.tx, found.id, **values)
    org_policies.apply(call.tx, organization, now=call.now)
    return _shown(organization, changed)


@operation("DeletePolicy", service="organizations")
def delete_policy(call: Call, req: Request) -> None:
    """The policy is gone; it must be attached to nothing. Source: `DeletePolicy`."""
    organization = shared.managed(call)
    found = shared.policy(call, organization, req["PolicyId"])
    if organizations.targets_of_policy(call.tx, found.id):
        raise refused("PolicyInUse", "The policy is attached to one or more entities. Detach it first.")
    organizations.delete_policy(call.tx, found.id)


@operation("ListPolicies", service="organizations")
def list_policies(call: Call, req: Request) -> Answer:
    """Policies by their ids; of other types there are none. Source: `ListPolicies`."""
    organization = shared.managed(call)
    if req["Filter"] != BACKUP_POLICY:
        return {"Policies": []}

    def fetch(after: str | None, limit: int) -> list[OrgPolicy]:
        return organizations.policies(call.tx, organization.id, after=after, limit=limit)

    return shared.page_of(
        call,
        req,
        "Policies",
        fetch,
        key=lambda policy: policy.id,
        show=lambda policy: shared.shown_summary(organization, policy),
    )


@operation("AttachPolicy", service="organizations")
def attach_policy(call: Call, req: Request) -> None:
    """The policy holds for the target and all beneath it. Source: `AttachPolicy`."""
    organization = shared.managed(call)
    found = shared.policy(call, organization, req["PolicyId"])
    target = req["TargetId"]
    _check_target(call, organization, target)
    if not organization.has_backup_policies:
        raise refused("PolicyTypeNotEnabled", "Only policies of an enabled type can be attached.")
    if len(organizations.policies_of_target(call.tx, target)) >= MAX_POLICIES_ON_TARGET:
        raise refused(
            "ConstraintViolation", f"At most {MAX_POLICIES_ON_TARGET} policies can be attached to a target."
        )
    if not organizations.attach(call.tx, found.id, target):
        raise refused(
            "DuplicatePolicyAttachment", "A policy with the specified name and type is attached already."
        )
    org_policies.apply(call.tx, organization, now=call.now)


@operation("DetachPolicy", service="organizations")
def detach_policy(call: Call, req: Request) -> None:
    """The policy no longer holds there. Source: `DetachPolicy`."""
    organization = shared.managed(call)
    found = shared.policy(call, organization, req["PolicyId"])
    _check_target(call, organization, req["TargetId"])
    if not organizations.detach(call.tx, found.id, req["TargetId"]):
        raise refused("PolicyNotAttached", "The policy isn't attached to the specified target.")
    org_policies.apply(call.tx, organization, now=call.now)


@operation("ListPoliciesForTarget", service="organizations")
def list_policies_for_target(call: Call, req: Request) -> Answer:
    """What is attached to the target itself. Source: `ListPoliciesForTarget`."""
    organization = shared.managed(call)
    _check_target(call, organization, req["TargetId"])
    is_backup = req["Filter"] == BACKUP_POLICY
    found = organizations.policies_of_target(call.tx, req["TargetId"]) if is_backup else []
    return shared.page_of_few(
        call,
        req,
        "Policies",
        found,
        key=lambda policy: policy.id,
        show=lambda policy: shared.shown_summary(organization, policy),
    )


@operation("ListTargetsForPolicy", service="organizations")
def list_targets_for_policy(call: Call, req: Request) -> Answer:
    """Roots, units and accounts that the policy is attached to. Source: `ListTargetsForPolicy`."""
    organization = shared.managed(call)
    found = shared.policy(call, organization, req["PolicyId"])
    units = shared.units(call, organization)

    def show(target: str) -> Answer:
        if target not in units:
            member = shared.member(call, organization, target)
            arn = organization.arn("account", target)
            return {"TargetId": target, "Arn": arn, "Name": member.name, "Type": "ACCOUNT"}
        unit = units[target]
        kind, word = ("ROOT", "root") if unit.is_root else ("ORGANIZATIONAL_UNIT", "ou")
        return {"TargetId": target, "Arn": organization.arn(word, target), "Name": unit.name, "Type": kind}

    targets = organizations.targets_of_policy(call.tx, found.id)
    return shared.page_of_few(call, req, "Targets", targets, key=str, show=show)


@operation("DescribeEffectivePolicy", service="organizations")
def describe_effective_policy(call: Call, req: Request) -> Answer:
    """What the policies on the way to an account come to, without operators.

    Any account may ask of itself. Source: `DescribeEffectivePolicy`.
    """
    shared.check_type(req["PolicyType"])
    organization = shared.own(call)
    target = req.get("TargetId") or call.account_id
    if target != call.account_id and organization.management_account_id != call.account_id:
        raise AccessDenied("You don't have permissions to access this resource.")
    member = organizations.find_member(call.tx, organization.id, target)
    if member is None:
        raise refused("TargetNotFound", f"There is no account {target} in the organization.")
    found = org_policies.effective(call.tx, organization, member)
    if found is None:
        raise refused("EffectivePolicyNotFound", "No policy of that type holds for the account.")
    policy, updated_at = found
    return {
        "EffectivePolicy": {
            "PolicyContent": json.dumps(policy),
            "LastUpdatedTimestamp": updated_at,
            "TargetId": target,
            "PolicyType": BACKUP_POLICY,
        }
    }


def _switch(call: Call, req: Request, *, has: bool) -> Answer:
    shared.check_type(req["PolicyType"])
    organization = shared.managed(call)
    root = shared.units(call, organization).get(req["RootId"])
    if root is None:
        raise refused("RootNotFound", f"There is no root {req['RootId']}.")
    if organization.has_backup_policies == has:
        name = "PolicyTypeAlreadyEnabled" if has else "PolicyTypeNotEnabled"
        raise refused(name, "The policy type is in that state already.")
    organizations.set_has_backup_policies(call.tx, organization.id, has=has)
    changed = replace(organization, has_backup_policies=has)
    if not has:
        organizations.detach_all(call.tx, organization.id)
    org_policies.apply(call.tx, changed, now=call.now)
    return {"Root": shared.shown_root(changed, root)}


def _check_target(call: Call, organization: Organization, target: str) -> None:
    is_there = target in shared.units(call, organization) or (
        organizations.find_member(call.tx, organization.id, target) is not None
    )
    if not is_there:
        raise refused("TargetNotFound", f"There is no {target} in the organization.")


def _shown(organization: Organization, policy: OrgPolicy) -> Answer:
    summary = shared.shown_summary(organization, policy)
    return {"Policy": {"PolicySummary": summary, "Content": policy.content}}


def _name_taken() -> Exception:
    return refused("DuplicatePolicy", "A policy with the same name already exists.")
