"""IAM's operations on roles."""

from __future__ import annotations

import json
from typing import Any

from safehold.api import iam
from safehold.api.call import Call, operation
from safehold.api.iam import Answer, Request
from safehold.core import ids
from safehold.domain import arns
from safehold.domain.identities import MAX_TRUST_CHARS, read_document
from safehold.domain.roles import DEFAULT_SESSION_SECONDS, Role
from safehold.records import access_keys, roles, tags


@operation("CreateRole", service="iam")
def create_role(call: Call, req: Request) -> Answer:
    """A new role, which those may assume whom its trust policy names. Source: IAM model `CreateRole`."""
    path, name = iam.path_of(req), req["RoleName"]
    made = Role(
        arn=arns.role_arn(call.account_id, path, name),
        account_id=call.account_id,
        role_id=ids.new_role_id(),
        path=path,
        name=name,
        trust_policy=_trust(req["AssumeRolePolicyDocument"]),
        created_at=call.now,
        description=req.get("Description"),
        max_session_seconds=req.get("MaxSessionDuration", DEFAULT_SESSION_SECONDS),
    )
    if not roles.insert_if_new(call.tx, made):
        raise iam.taken("Role", name)
    tags.put(call.tx, made.arn, iam.read_tags(req.get("Tags")))
    return {"Role": _shown(call, made)}


@operation("GetRole", service="iam")
def get_role(call: Call, req: Request) -> Answer:
    """Source: IAM model `GetRole`."""
    return {"Role": _shown(call, iam.role(call, req["RoleName"])) | {"RoleLastUsed": {}}}


@operation("ListRoles", service="iam")
def list_roles(call: Call, req: Request) -> Answer:
    """Roles by name. Source: IAM model `ListRoles`."""

    def fetch(after: str | None, limit: int) -> list[Role]:
        prefix = req.get("PathPrefix", "/")
        return roles.page(call.tx, account_id=call.account_id, path_prefix=prefix, after=after, limit=limit)

    return iam.page_of(call, req, "Roles", fetch, key=lambda role: role.name, show=_listed)


@operation("UpdateRole", service="iam")
def update_role(call: Call, req: Request) -> Answer:
    """What is not given stays as it was. Source: IAM model `UpdateRole`."""
    role = iam.role(call, req["RoleName"])
    changed: dict[str, Any] = {}
    if "Description" in req:
        changed["description"] = req["Description"]
    if "MaxSessionDuration" in req:
        changed["max_session_seconds"] = req["MaxSessionDuration"]
    if changed:
        roles.update_role(call.tx, role.arn, **changed)
    return {}


@operation("UpdateAssumeRolePolicy", service="iam")
def update_assume_role_policy(call: Call, req: Request) -> None:
    """Others may assume the role from now on. Source: IAM model `UpdateAssumeRolePolicy`."""
    role = iam.role(call, req["RoleName"])
    roles.update_role(call.tx, role.arn, trust_policy=_trust(req["PolicyDocument"]))


@operation("DeleteRole", service="iam")
def delete_role(call: Call, req: Request) -> None:
    """The role is gone, and its sessions; policies must be gone before. Source: IAM model `DeleteRole`."""
    role = iam.role(call, req["RoleName"])
    iam.refuse_while_allowed(call, role.arn)
    access_keys.delete_issued_by(call.tx, role.arn)
    tags.delete_all(call.tx, role.arn)
    roles.delete_role(call.tx, role.arn)


@operation("TagRole", service="iam")
def tag_role(call: Call, req: Request) -> None:
    """Source: IAM model `TagRole`."""
    iam.add_tags(call, iam.role(call, req["RoleName"]).arn, req["Tags"])


@operation("UntagRole", service="iam")
def untag_role(call: Call, req: Request) -> None:
    """Source: IAM model `UntagRole`."""
    tags.delete(call.tx, iam.role(call, req["RoleName"]).arn, req["TagKeys"])


@operation("ListRoleTags", service="iam")
def list_role_tags(call: Call, req: Request) -> Answer:
    """Source: IAM model `ListRoleTags`."""
    return iam.page_of_tags(call, req, iam.role(call, req["RoleName"]).arn)


@operation("ListInstanceProfilesForRole", service="iam")
def list_instance_profiles_for_role(call: Call, req: Request) -> Answer:
    """None: there are no instances here. Tools ask before they delete a role."""
    iam.role(call, req["RoleName"])
    return {"InstanceProfiles": [], "IsTruncated": False}


def _trust(text: str) -> dict[str, Any]:
    return read_document(text, most_chars=MAX_TRUST_CHARS, is_trust=True)


def _listed(role: Role) -> Answer:
    shown: Answer = {
        "Path": role.path,
        "RoleName": role.name,
        "RoleId": role.role_id,
        "Arn": role.arn,
        "CreateDate": role.created_at,
        "AssumeRolePolicyDocument": iam.shown_document(json.dumps(role.trust_policy)),
        "MaxSessionDuration": role.max_session_seconds,
    }
    return shown if role.description is None else shown | {"Description": role.description}


def _shown(call: Call, role: Role) -> Answer:
    found = iam.shown_tags(call, role.arn)
    return _listed(role) | ({"Tags": found} if found else {})
