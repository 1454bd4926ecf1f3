"""What the operations of Organizations have in common: who may ask, what is there, and how it is shown.

Source: Organizations model 2016-11-28; docs/parity/organizations.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

from safehold.api.call import Call
from safehold.api.pages import among, page_by_name
from safehold.core.errors import AccessDenied, InvalidParameterValue, ServiceRefusal
from safehold.domain.organizations import BACKUP_POLICY, Member, Organization, OrgPolicy, Unit
from safehold.records import organizations
from safehold.records.dialect import take_turns

Request: TypeAlias = Mapping[str, Any]
Answer: TypeAlias = dict[str, Any]
T = TypeVar("T")


def refused(name: str, message: str) -> ServiceRefusal:
    """An error of the service's own, by its name without `Exception`."""
    return ServiceRefusal(f"{name}Exception", message)


def own(call: Call) -> Organization:
    """The organization that the caller is in. Raises AWSOrganizationsNotInUseException."""
    found = organizations.of_account(call.tx, call.account_id)
    if found is None:
        raise refused("AWSOrganizationsNotInUse", "Your account is not a member of an organization.")
    return found


def managed(call: Call) -> Organization:
    """The organization that the caller manages, its own while the request lasts. Raises AccessDenied."""
    found = own(call)
    if found.management_account_id != call.account_id:
        raise AccessDenied("You don't have permissions to access this resource.")
    take_turns(call.tx, f"organization {found.id}")
    return found


def units(call: Call, organization: Organization) -> dict[str, Unit]:
    """The organization's units by id; the root is among them."""
    return {unit.id: unit for unit in organizations.units(call.tx, organization.id)}


def unit(call: Call, organization: Organization, unit_id: str) -> Unit:
    """Raises OrganizationalUnitNotFoundException."""
    found = units(call, organization).get(unit_id)
    if found is None or found.is_root:
        raise refused(
            "OrganizationalUnitNotFound",
            f"You specified an organizational unit that doesn't exist: {unit_id}",
        )
    return found


def parent(call: Call, organization: Organization, parent_id: str) -> Unit:
    """A root or unit. Raises ParentNotFoundException."""
    found = units(call, organization).get(parent_id)
    if found is None:
        raise refused("ParentNotFound", f"You specified a parent that doesn't exist: {parent_id}")
    return found


def member(call: Call, organization: Organization, account_id: str) -> Member:
    """Raises AccountNotFoundException."""
    found = organizations.find_member(call.tx, organization.id, account_id)
    if found is None:
        raise refused("AccountNotFound", f"You specified an account that doesn't exist: {account_id}")
    return found


def policy(call: Call, organization: Organization, policy_id: str) -> OrgPolicy:
    """Raises PolicyNotFoundException."""
    found = organizations.find_policy(call.tx, organization.id, policy_id)
    if found is None:
        raise refused("PolicyNotFound", f"You specified a policy that doesn't exist: {policy_id}")
    return found


def check_type(policy_type: str) -> None:
    """Only backup policies do anything here. Raises PolicyTypeNotAvailableForOrganizationException."""
    if policy_type != BACKUP_POLICY:
        raise refused(
            "PolicyTypeNotAvailableForOrganization", f"Only {BACKUP_POLICY} is available, not {policy_type}."
        )


def page_of(
    call: Call,
    req: Request,
    member_name: str,
    fetch: Callable[[str | None, int], Sequence[T]],
    *,
    key: Callable[[T], str],
    show: Callable[[T], Any],
) -> Answer:
    """One page of a list in the order of `key`."""
    found, token = page_by_name(call, req, fetch, name=key)
    answer: Answer = {member_name: [show(item) for item in found]}
    return answer if token is None else answer | {"NextToken": token}


def page_of_few(
    call: Call,
    req: Request,
    member_name: str,
    every: Sequence[T],
    *,
    key: Callable[[T], str],
    show: Callable[[T], Any],
) -> Answer:
    """The same, of what is at hand."""
    return page_of(call, req, member_name, among(every, name=key), key=key, show=show)


def check_no_tags(req: Request) -> None:
    if req.get("Tags"):
        raise InvalidParameterValue("Tags of an organization's own things are not kept here")


def shown_organization(organization: Organization, email: str) -> Answer:
    kinds = [{"Type": BACKUP_POLICY, "Status": "ENABLED"}] if organization.has_backup_policies else []
    return {
        "Id": organization.id,
        "Arn": organization.arn("organization"),
        "FeatureSet": "ALL",
        "MasterAccountArn": organization.arn("account", organization.management_account_id),
        "MasterAccountId": organization.management_account_id,
        "MasterAccountEmail": email,
        "AvailablePolicyTypes": kinds,
    }


def shown_root(organization: Organization, root: Unit) -> Answer:
    kinds = [{"Type": BACKUP_POLICY, "Status": "ENABLED"}] if organization.has_backup_policies else []
    return {
        "Id": root.id,
        "Arn": organization.arn("root", root.id),
        "Name": root.name,
        "PolicyTypes": kinds,
    }


def shown_unit(organization: Organization, found: Unit) -> Answer:
    return {"Id": found.id, "Arn": organization.arn("ou", found.id), "Name": found.name}


def shown_member(organization: Organization, found: Member) -> Answer:
    is_manager = found.account_id == organization.management_account_id
    return {
        "Id": found.account_id,
        "Arn": organization.arn("account", found.account_id),
        "Email": found.email,
        "Name": found.name,
        "Status": "ACTIVE",
        "State": "ACTIVE",
        "JoinedMethod": "INVITED" if is_manager else "CREATED",
        "JoinedTimestamp": found.joined_at,
    }


def shown_summary(organization: Organization, found: OrgPolicy) -> Answer:
    return {
        "Id": found.id,
        "Arn": organization.arn("policy", BACKUP_POLICY.lower(), found.id),
        "Name": found.name,
        "Description": found.description,
        "Type": BACKUP_POLICY,
        "AwsManaged": False,
    }
