"""Write the published service models, stripped of prose, into `src/safehold/api/model/data`.

Run with the botocore to take them from installed: `python tools/vendor_models.py`. The models are botocore's
(Apache-2.0); what is dropped is documentation only, and, for services of which a part is served,
the operations that are not in `TAKEN`.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import botocore

TAKEN: dict[str, tuple[str, str | None]] = {  # version, and names of operations; None: all
    "backup": ("2018-11-15", None),
    "backupsearch": ("2018-05-10", None),
    "iam": (
        "2010-05-08",
        """
        CreateUser GetUser ListUsers DeleteUser TagUser UntagUser ListUserTags CreateAccessKey
        ListAccessKeys UpdateAccessKey DeleteAccessKey GetAccessKeyLastUsed CreateRole GetRole
        ListRoles UpdateRole DeleteRole UpdateAssumeRolePolicy TagRole UntagRole ListRoleTags
        ListInstanceProfilesForRole PutUserPolicy GetUserPolicy ListUserPolicies DeleteUserPolicy
        PutRolePolicy GetRolePolicy ListRolePolicies DeleteRolePolicy CreatePolicy GetPolicy
        ListPolicies DeletePolicy CreatePolicyVersion GetPolicyVersion ListPolicyVersions
        DeletePolicyVersion SetDefaultPolicyVersion TagPolicy UntagPolicy ListPolicyTags
        AttachUserPolicy DetachUserPolicy ListAttachedUserPolicies AttachRolePolicy DetachRolePolicy
        ListAttachedRolePolicies
        """,
    ),
    "kms": ("2014-11-01", "ListKeys ListAliases DescribeKey"),
    "organizations": (
        "2016-11-28",
        """
        CreateOrganization DescribeOrganization DeleteOrganization CreateAccount
        DescribeCreateAccountStatus ListAccounts ListAccountsForParent DescribeAccount MoveAccount
        ListRoots ListParents ListChildren CreateOrganizationalUnit DescribeOrganizationalUnit
        UpdateOrganizationalUnit DeleteOrganizationalUnit ListOrganizationalUnitsForParent
        EnablePolicyType DisablePolicyType CreatePolicy DescribePolicy UpdatePolicy DeletePolicy
        ListPolicies AttachPolicy DetachPolicy ListPoliciesForTarget ListTargetsForPolicy
        DescribeEffectivePolicy
        """,
    ),
    "resourcegroupstaggingapi": (
        "2017-01-26",
        "GetResources TagResources UntagResources GetTagKeys GetTagValues",
    ),
    "sts": ("2011-06-15", "GetCallerIdentity AssumeRole GetSessionToken"),
}
TARGET = Path(__file__).resolve().parents[1] / "src/safehold/api/model/data"
DROPPED = {"documentation", "examples"}


def original(service: str, version: str) -> bytes:
    """The model file as published, unpacked."""
    path = Path(botocore.__file__).parent / "data" / service / version / "service-2.json"
    packed = path.with_name(path.name + ".gz")
    return gzip.decompress(packed.read_bytes()) if packed.exists() else path.read_bytes()


def without_prose(node: Any, *, names_are_data: bool = False) -> Any:
    """`node` without documentation; a key of `members`, `shapes` or `operations` is a name, never prose."""
    if isinstance(node, list):
        return [without_prose(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: without_prose(value, names_are_data=key in {"members", "shapes", "operations"})
        for key, value in node.items()
        if names_are_data or key not in DROPPED
    }


def referenced(node: Any) -> set[str]:
    """Names of the shapes that `node` refers to directly."""
    if isinstance(node, list):
        return set().union(*map(referenced, node))
    if not isinstance(node, dict):
        return set()
    own = {node["shape"]} if isinstance(node.get("shape"), str) else set()
    return own.union(*(referenced(value) for value in node.values()))


def only(model: dict[str, Any], operations: list[str]) -> dict[str, Any]:
    """`model` with these operations and the shapes they need."""
    kept = {name: model["operations"][name] for name in operations}
    wanted, waiting = set(), referenced(list(kept.values()))
    while waiting:
        wanted |= waiting
        waiting = set().union(*(referenced(model["shapes"][name]) for name in waiting)) - wanted
    shapes = {name: shape for name, shape in model["shapes"].items() if name in wanted}
    return model | {"operations": kept, "shapes": shapes}


def main() -> None:
    TARGET.mkdir(parents=True, exist_ok=True)
    for service, (version, operations) in TAKEN.items():
        raw = original(service, version)
        model = without_prose(json.loads(raw))
        if operations is not None:
            model = only(model, operations.split())
        model["provenance"] = {
            "from": f"botocore {botocore.__version__}, data/{service}/{version}/service-2.json",
            "license": "Apache-2.0",
            "sha256": hashlib.sha256(raw).hexdigest(),
            "changed": "documentation removed"
            + ("" if operations is None else "; only some operations kept"),
        }
        (TARGET / f"{service}-{version}.json").write_text(json.dumps(model, indent=1) + "\n")


if __name__ == "__main__":
    main()
