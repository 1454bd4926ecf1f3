"""Operations of Organizations on the organization itself, its accounts and its tree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from safehold.api import org_policies
from safehold.api import organizations as shared
from safehold.api.call import Call, operation
from safehold.api.organizations import Answer, Request, refused
from safehold.core import ids
from safehold.core.errors import InvalidParameterValue
from safehold.domain import arns
from safehold.domain.aws_policies import OF_DEFAULT_ROLE
from safehold.domain.organizations import MAX_DEPTH, Member, Organization, Unit
from safehold.domain.roles import BACKUP_SERVICE, DEFAULT_ROLE_NAME, DEFAULT_ROLE_PATH, Document, Role, trust
from safehold.domain.vaults import DEFAULT_VAULT, Vault
from safehold.records import identities, organizations, roles, sites, vaults

ACCESS_ROLE = "OrganizationAccountAccessRole"


@operation("CreateOrganization", service="organizations")
def create_organization(call: Call, req: Request) -> Answer:
    """The caller's account manages a new organization with one root. Source: `CreateOrganization`."""
    if req.get("FeatureSet", "ALL") != "ALL":
        raise InvalidParameterValue("There is no consolidated billing here: FeatureSet must be ALL")
    if organizations.of_account(call.tx, call.account_id) is not None:
        raise refused("AlreadyInOrganization", "The AWS account is already a member of an organization.")
    made = Organization(f"o-{ids.new_label(10)}", call.account_id, call.now)
    root = Unit(f"r-{ids.new_label(4)}", made.id, None, "Root", call.now)
    manager = Member(
        account_id=call.account_id,
        organization_id=made.id,
        parent_id=root.id,
        name="management",
        email=_own_email(call.account_id),
        joined_at=call.now,
    )
    organizations.insert_organization(call.tx, made, root, manager)
    return {"Organization": shared.shown_organization(made, manager.email)}


@operation("DescribeOrganization", service="organizations")
def describe_organization(call: Call, _: Request) -> Answer:
    """Any account of it may ask. Source: `DescribeOrganization`."""
    found = shared.own(call)
    return {"Organization": shared.shown_organization(found, _own_email(found.management_account_id))}


@operation("DeleteOrganization", service="organizations")
def delete_organization(call: Call, _: Request) -> None:
    """It is gone, and its plans; no other account may be in it. Source: `DeleteOrganization`."""
    found = shared.managed(call)
    if len(organizations.members(call.tx, found.id, limit=2)) > 1:
        raise refused("OrganizationNotEmpty", "The organization isn't empty: there are still accounts in it.")
    org_policies.withdraw(call.tx, call.account_id, now=call.now)
    organizations.delete_organization(call.tx, found.id)


@operation("CreateAccount", service="organizations")
def create_account(call: Call, req: Request) -> Answer:
    """A new account beneath the root, with a role by which the management account gets in; done at once.

    Source: `CreateAccount`; docs/parity/organizations.md.
    """
    shared.check_no_tags(req)
    organization = shared.managed(call)
    request_id = f"car-{ids.new_label(32)}"
    asked = {"Id": request_id, "AccountName": req["AccountName"], "RequestedTimestamp": call.now}
    if organizations.has_email(call.tx, req["Email"]):
        failed = {"State": "FAILED", "FailureReason": "EMAIL_ALREADY_EXISTS", "CompletedTimestamp": call.now}
        return {"CreateAccountStatus": asked | failed}
    account_id = ids.new_account_id()
    organizations.insert_account(call.tx, account_id, req["AccountName"], now=call.now)
    _furnish(call, account_id, req.get("RoleName") or ACCESS_ROLE)
    root = next(unit for unit in shared.units(call, organization).values() if unit.is_root)
    made = Member(
        account_id=account_id,
        organization_id=organization.id,
        parent_id=root.id,
        name=req["AccountName"],
        email=req["Email"],
        joined_at=call.now,
        request_id=request_id,
    )
    organizations.insert_member(call.tx, made)
    org_policies.apply(call.tx, organization, now=call.now)
    return {"CreateAccountStatus": _status(made)}


@operation("DescribeCreateAccountStatus", service="organizations")
def describe_create_account_status(call: Call, req: Request) -> Answer:
    """Source: `DescribeCreateAccountStatus`."""
    organization = shared.managed(call)
    request_id = req["CreateAccountRequestId"]
    found = organizations.find_member_by_request(call.tx, organization.id, request_id)
    if found is None:
        raise refused("CreateAccountStatusNotFound", f"There is no create account request {request_id}.")
    return {"CreateAccountStatus": _status(found)}


@operation("ListAccounts", service="organizations")
def list_accounts(call: Call, req: Request) -> Answer:
    """Accounts by their ids. Source: `ListAccounts`."""
    return _page_of_members(call, req, shared.managed(call), parent_id=None)


@operation("ListAccountsForParent", service="organizations")
def list_accounts_for_parent(call: Call, req: Request) -> Answer:
    """Accounts right beneath a root or unit. Source: `ListAccountsForParent`."""
    organization = shared.managed(call)
    shared.parent(call, organization, req["ParentId"])
    return _page_of_members(call, req, organization, parent_id=req["ParentId"])


@operation("DescribeAccount", service="organizations")
def describe_account(call: Call, req: Request) -> Answer:
    """Source: `DescribeAccount`."""
    organization = shared.managed(call)
    found = shared.member(call, organization, req["AccountId"])
    return {"Account": shared.shown_member(organization, found)}


@operation("MoveAccount", service="organizations")
def move_account(call: Call, req: Request) -> None:
    """The account is beneath another parent, whose policies hold for it. Source: `MoveAccount`."""
    organization = shared.managed(call)
    found = shared.member(call, organization, req["AccountId"])
    source, destination = req["SourceParentId"], req["DestinationParentId"]
    if found.parent_id != source:
        raise refused("SourceParentNotFound", f"The account is not beneath {source}.")
    if destination not in shared.units(call, organization):
        raise refused("DestinationParentNotFound", f"There is no {destination} to move the account to.")
    if source == destination:
        raise refused("DuplicateAccount", "That account is already present in the specified destination.")
    organizations.move_member(call.tx, found.account_id, destination)
    org_policies.apply(call.tx, organization, now=call.now)


@operation("ListRoots", service="organizations")
def list_roots(call: Call, req: Request) -> Answer:
    """There is one. Source: `ListRoots`."""
    organization = shared.managed(call)
    roots = [unit for unit in shared.units(call, organization).values() if unit.is_root]
    return shared.page_of_few(
        call, req, "Roots", roots, key=_id, show=lambda root: shared.shown_root(organization, root)
    )


@operation("ListParents", service="organizations")
def list_parents(call: Call, req: Request) -> Answer:
    """The one parent of an account or unit. Source: `ListParents`."""
    organization = shared.managed(call)
    units, child_id = shared.units(call, organization), req["ChildId"]
    member = organizations.find_member(call.tx, organization.id, child_id)
    child = units.get(child_id)
    parent_id = member.parent_id if member is not None else child.parent_id if child is not None else None
    if parent_id is None:
        raise refused("ChildNotFound", f"There is no account or unit {child_id} in the organization.")
    return {"Parents": [{"Id": parent_id, "Type": _kind(units[parent_id])}]}


@operation("ListChildren", service="organizations")
def list_children(call: Call, req: Request) -> Answer:
    """Accounts or units right beneath a parent. Source: `ListChildren`."""
    organization = shared.managed(call)
    parent = shared.parent(call, organization, req["ParentId"])
    if req["ChildType"] == "ACCOUNT":
        members = organizations.members(call.tx, organization.id, parent_id=parent.id)
        found = [member.account_id for member in members]
    else:
        found = [unit.id for unit in shared.units(call, organization).values() if unit.parent_id == parent.id]
    kind = req["ChildType"]
    return shared.page_of_few(
        call, req, "Children", found, key=str, show=lambda child: {"Id": child, "Type": kind}
    )


@operation("CreateOrganizationalUnit", service="organizations")
def create_organizational_unit(call: Call, req: Request) -> Answer:
    """A new unit, empty, five deep at most. Source: `CreateOrganizationalUnit`."""
    shared.check_no_tags(req)
    organization = shared.managed(call)
    units = shared.units(call, organization)
    parent = shared.parent(call, organization, req["ParentId"])
    if _depth(units, parent) >= MAX_DEPTH:
        raise refused("ConstraintViolation", f"Units are at most {MAX_DEPTH} levels deep.")
    root = next(unit for unit in units.values() if unit.is_root)
    unit_id = f"ou-{root.id.removeprefix('r-')}-{ids.new_label(8)}"
    made = Unit(unit_id, organization.id, parent.id, req["Name"], call.now)
    if not organizations.insert_unit(call.tx, made):
        raise _name_taken(req["Name"])
    return {"OrganizationalUnit": shared.shown_unit(organization, made)}


@operation("DescribeOrganizationalUnit", service="organizations")
def describe_organizational_unit(call: Call, req: Request) -> Answer:
    """Source: `DescribeOrganizationalUnit`."""
    organization = shared.managed(call)
    found = shared.unit(call, organization, req["OrganizationalUnitId"])
    return {"OrganizationalUnit": shared.shown_unit(organization, found)}


@operation("UpdateOrganizationalUnit", service="organizations")
def update_organizational_unit(call: Call, req: Request) -> Answer:
    """The unit has another name. Source: `UpdateOrganizationalUnit`."""
    organization = shared.managed(call)
    found = shared.unit(call, organization, req["OrganizationalUnitId"])
    name = req.get("Name", found.name)
    if name != found.name and organizations.has_unit_of_name(call.tx, found.parent_id, name):
        raise _name_taken(name)
    organizations.rename_unit(call.tx, found.id, name)
    return {"OrganizationalUnit": shared.shown_unit(organization, replace(found, name=name))}


@operation("DeleteOrganizationalUnit", service="organizations")
def delete_organizational_unit(call: Call, req: Request) -> None:
    """The unit is gone; it must be empty. Source: `DeleteOrganizationalUnit`."""
    organization = shared.managed(call)
    found = shared.unit(call, organization, req["OrganizationalUnitId"])
    inner = [unit for unit in shared.units(call, organization).values() if unit.parent_id == found.id]
    if inner or organizations.members(call.tx, organization.id, parent_id=found.id, limit=1):
        raise refused("OrganizationalUnitNotEmpty", "The specified organizational unit isn't empty.")
    organizations.delete_unit(call.tx, found.id)


@operation("ListOrganizationalUnitsForParent", service="organizations")
def list_organizational_units_for_parent(call: Call, req: Request) -> Answer:
    """Units right beneath a root or unit. Source: `ListOrganizationalUnitsForParent`."""
    organization = shared.managed(call)
    parent = shared.parent(call, organization, req["ParentId"])
    found = [unit for unit in shared.units(call, organization).values() if unit.parent_id == parent.id]
    return shared.page_of_few(
        call,
        req,
        "OrganizationalUnits",
        found,
        key=_id,
        show=lambda unit: shared.shown_unit(organization, unit),
    )


def _furnish(call: Call, account_id: str, access_role: str) -> None:
    """What an account begins with: the default role and vault, and the management account's way in."""
    way_in: Document = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": arns.root_arn(call.account_id)},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    roles.insert_role(call.tx, _role(call, account_id, "/", access_role, way_in))
    default = _role(call, account_id, DEFAULT_ROLE_PATH, DEFAULT_ROLE_NAME, trust(BACKUP_SERVICE))
    if access_role != DEFAULT_ROLE_NAME:
        roles.insert_role(call.tx, default)
        identities.attach(call.tx, [default.arn], OF_DEFAULT_ROLE)
    sites.ensure(call.tx, call.site, now=call.now)
    vault = Vault(
        id=ids.new_id(),
        account_id=account_id,
        site=call.site,
        name=DEFAULT_VAULT,
        arn=arns.vault_arn(call.site, account_id, DEFAULT_VAULT),
        key_arn=arns.default_key_arn(call.site, account_id),
        created_at=call.now,
    )
    vaults.insert_if_new(call.tx, vault)


def _role(call: Call, account_id: str, path: str, name: str, trust_policy: Document) -> Role:
    return Role(
        arn=arns.role_arn(account_id, path, name),
        account_id=account_id,
        role_id=ids.new_role_id(),
        path=path,
        name=name,
        trust_policy=trust_policy,
        created_at=call.now,
    )


def _status(member: Member) -> Answer:
    return {
        "Id": member.request_id,
        "AccountName": member.name,
        "State": "SUCCEEDED",
        "RequestedTimestamp": member.joined_at,
        "CompletedTimestamp": member.joined_at,
        "AccountId": member.account_id,
    }


def _page_of_members(
    call: Call, req: Request, organization: Organization, *, parent_id: str | None
) -> Answer:
    def fetch(after: str | None, limit: int) -> list[Member]:
        return organizations.members(call.tx, organization.id, parent_id=parent_id, after=after, limit=limit)

    return shared.page_of(
        call,
        req,
        "Accounts",
        fetch,
        key=lambda member: member.account_id,
        show=lambda member: shared.shown_member(organization, member),
    )


def _depth(units: Mapping[str, Unit], unit: Unit) -> int:
    depth = 0
    while unit.parent_id is not None:
        unit, depth = units[unit.parent_id], depth + 1
    return depth


def _name_taken(name: str) -> Exception:
    return refused("DuplicateOrganizationalUnit", f"There is a unit of the name {name!r} there already.")


def _kind(unit: Unit) -> str:
    return "ROOT" if unit.is_root else "ORGANIZATIONAL_UNIT"


def _id(unit: Unit) -> str:
    return unit.id


def _own_email(account_id: str) -> str:
    """An account that the installation was made with has none: one that leads nowhere stands for it."""
    return f"{account_id}@account.invalid"
