"""IAM's operations on policies: those inside users and roles, those of their own, and AWS's."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from safehold.api import iam
from safehold.api.call import Call, operation
from safehold.api.iam import Answer, Request
from safehold.core import ids
from safehold.core.errors import ServiceRefusal
from safehold.domain.aws_policies import AWS_POLICIES, SINCE, AwsPolicy
from safehold.domain.identities import (
    MAX_INLINE_CHARS,
    MAX_MANAGED_CHARS,
    MAX_VERSIONS,
    ManagedPolicy,
    PolicyVersion,
    policy_arn,
    read_document,
)
from safehold.records import identities, tags
from safehold.records.dialect import take_turns


@dataclass(frozen=True, slots=True)
class _Kind:
    """What policies can be attached to: `User` or `Role`, in the names of operations and members."""

    word: str
    arn: Callable[[Call, str], str]

    @property
    def member(self) -> str:
        return f"{self.word}Name"

    def owner(self, call: Call, req: Request) -> str:
        return self.arn(call, req[self.member])


_KINDS = (
    _Kind("User", lambda call, name: iam.user(call, name).arn),
    _Kind("Role", lambda call, name: iam.role(call, name).arn),
)


def _register(kind: _Kind) -> None:
    """The seven operations on the policies of a user or role. Source: IAM model, `PutRolePolicy`..."""

    @operation(f"Put{kind.word}Policy", service="iam")
    def put(call: Call, req: Request) -> None:
        owner = kind.owner(call, req)
        read_document(req["PolicyDocument"], most_chars=MAX_INLINE_CHARS)
        identities.put_inline(call.tx, owner, req["PolicyName"], req["PolicyDocument"])

    @operation(f"Get{kind.word}Policy", service="iam")
    def get(call: Call, req: Request) -> Answer:
        document = identities.find_inline(call.tx, kind.owner(call, req), req["PolicyName"])
        if document is None:
            raise _no_inline(kind, req)
        return {
            kind.member: req[kind.member],
            "PolicyName": req["PolicyName"],
            "PolicyDocument": iam.shown_document(document),
        }

    @operation(f"List{kind.word}Policies", service="iam")
    def list_inline(call: Call, req: Request) -> Answer:
        names = identities.inline_names(call.tx, kind.owner(call, req))
        return iam.page_of_names(call, req, "PolicyNames", names)

    @operation(f"Delete{kind.word}Policy", service="iam")
    def delete(call: Call, req: Request) -> None:
        if not identities.delete_inline(call.tx, kind.owner(call, req), req["PolicyName"]):
            raise _no_inline(kind, req)

    @operation(f"Attach{kind.word}Policy", service="iam")
    def attach(call: Call, req: Request) -> None:
        owner = kind.owner(call, req)
        if not _is_there(call, req["PolicyArn"]):
            raise ServiceRefusal(
                "NoSuchEntity",
                f"Policy {req['PolicyArn']} does not exist or is not attachable.",
                http_status=404,
            )
        identities.attach(call.tx, [owner], [req["PolicyArn"]])

    @operation(f"Detach{kind.word}Policy", service="iam")
    def detach(call: Call, req: Request) -> None:
        if not identities.detach(call.tx, kind.owner(call, req), req["PolicyArn"]):
            raise ServiceRefusal("NoSuchEntity", f"Policy {req['PolicyArn']} was not found.", http_status=404)

    @operation(f"ListAttached{kind.word}Policies", service="iam")
    def list_attached(call: Call, req: Request) -> Answer:
        prefix = req.get("PathPrefix", "/")
        every = identities.attached(call.tx, kind.owner(call, req))

        def fetch(after: str | None, limit: int) -> list[str]:
            fitting = (arn for arn in every if _path_in(arn).startswith(prefix))
            return [arn for arn in fitting if arn > (after or "")][:limit]

        def show(arn: str) -> Answer:
            return {"PolicyName": arn.rpartition("/")[2], "PolicyArn": arn}

        return iam.page_of(call, req, "AttachedPolicies", fetch, key=str, show=show)


for _kind in _KINDS:
    _register(_kind)


@operation("CreatePolicy", service="iam")
def create_policy(call: Call, req: Request) -> Answer:
    """A new policy, attached to nobody yet. Source: IAM model `CreatePolicy`."""
    path, name = iam.path_of(req), req["PolicyName"]
    read_document(req["PolicyDocument"], most_chars=MAX_MANAGED_CHARS)
    made = ManagedPolicy(
        arn=policy_arn(call.account_id, path, name),
        account_id=call.account_id,
        policy_id=ids.new_policy_id(),
        path=path,
        name=name,
        description=req.get("Description"),
        default_version=1,
        last_version=1,
        created_at=call.now,
        updated_at=call.now,
    )
    if not identities.insert_policy(call.tx, made, req["PolicyDocument"]):
        raise iam.taken("A policy called", name)
    tags.put(call.tx, made.arn, iam.read_tags(req.get("Tags")))
    return {"Policy": _shown(call, made)}


@operation("GetPolicy", service="iam")
def get_policy(call: Call, req: Request) -> Answer:
    """The account's policy, or AWS's. Source: IAM model `GetPolicy`."""
    found = _policy(call, req)
    with_tags = {"Tags": iam.shown_tags(call, found.arn)}
    description = {} if not found.description else {"Description": found.description}
    return {"Policy": _shown(call, found) | description | with_tags}


@operation("ListPolicies", service="iam")
def list_policies(call: Call, req: Request) -> Answer:
    """Policies by ARN, the account's before AWS's. Source: IAM model `ListPolicies`."""
    scope, prefix = req.get("Scope", "All"), req.get("PathPrefix", "/")
    if req.get("PolicyUsageFilter") == "PermissionsBoundary":
        return {"Policies": [], "IsTruncated": False}  # there are no boundaries here

    def fetch(after: str | None, limit: int) -> list[ManagedPolicy | AwsPolicy]:
        found: list[ManagedPolicy | AwsPolicy] = []
        if scope != "AWS":
            found += _own(call, prefix, after, limit, only_attached=bool(req.get("OnlyAttached")))
        if scope != "Local":
            fitting = (policy for policy in AWS_POLICIES.values() if policy.path.startswith(prefix))
            ordered = sorted((p for p in fitting if p.arn > (after or "")), key=lambda p: p.arn)
            found += [p for p in ordered if not req.get("OnlyAttached") or _attachments(call, p.arn)]
        return found[:limit]

    return iam.page_of(
        call, req, "Policies", fetch, key=lambda policy: policy.arn, show=lambda policy: _shown(call, policy)
    )


@operation("DeletePolicy", service="iam")
def delete_policy(call: Call, req: Request) -> None:
    """The policy is gone; it must be attached to nobody and have one version left.

    Source: IAM model `DeletePolicy`.
    """
    found = _own_policy(call, req)
    if _attachments(call, found.arn):
        raise iam.in_use("Cannot delete a policy attached to entities.")
    if len(identities.versions(call.tx, found.arn)) > 1:
        raise iam.in_use(
            "This policy has more than one version. Before you delete a policy, you must delete the policy's"
            " versions. The default version is deleted with the policy."
        )
    tags.delete_all(call.tx, found.arn)
    identities.delete_policy(call.tx, found.arn)


@operation("CreatePolicyVersion", service="iam")
def create_policy_version(call: Call, req: Request) -> Answer:
    """The policy says this too, or from now on. Source: IAM model `CreatePolicyVersion`."""
    read_document(req["PolicyDocument"], most_chars=MAX_MANAGED_CHARS)
    found = _own_policy(call, req)
    if len(identities.versions(call.tx, found.arn)) >= MAX_VERSIONS:
        raise ServiceRefusal(
            "LimitExceeded",
            f"A managed policy can have up to {MAX_VERSIONS} versions. Before you create a new version, you"
            " must delete an existing version.",
            http_status=409,
        )
    version = PolicyVersion(found.last_version + 1, req["PolicyDocument"], call.now)
    is_default = bool(req.get("SetAsDefault"))
    identities.add_version(call.tx, found.arn, version, is_default=is_default)
    return {"PolicyVersion": _version(version, is_default=is_default)}


@operation("GetPolicyVersion", service="iam")
def get_policy_version(call: Call, req: Request) -> Answer:
    """Source: IAM model `GetPolicyVersion`."""
    found = _policy(call, req)
    version = _find_version(call, found, req["VersionId"])
    shown = _version(version, is_default=version.number == _default(found))
    return {"PolicyVersion": shown | {"Document": iam.shown_document(version.document)}}


@operation("ListPolicyVersions", service="iam")
def list_policy_versions(call: Call, req: Request) -> Answer:
    """Newest first; there are five at most. Source: IAM model `ListPolicyVersions`."""
    found = _policy(call, req)
    shown = [_version(each, is_default=each.number == _default(found)) for each in _versions(call, found)]
    return {"Versions": shown, "IsTruncated": False}


@operation("DeletePolicyVersion", service="iam")
def delete_policy_version(call: Call, req: Request) -> None:
    """Source: IAM model `DeletePolicyVersion`."""
    found = _own_policy(call, req)
    version = _find_version(call, found, req["VersionId"])
    if version.number == found.default_version:
        raise iam.in_use("Cannot delete the default version of a policy.")
    identities.delete_version(call.tx, found.arn, version.number)


@operation("SetDefaultPolicyVersion", service="iam")
def set_default_policy_version(call: Call, req: Request) -> None:
    """Source: IAM model `SetDefaultPolicyVersion`."""
    found = _own_policy(call, req)
    version = _find_version(call, found, req["VersionId"])
    identities.set_default_version(call.tx, found.arn, version.number)


@operation("TagPolicy", service="iam")
def tag_policy(call: Call, req: Request) -> None:
    """Source: IAM model `TagPolicy`."""
    iam.add_tags(call, _own_policy(call, req).arn, req["Tags"])


@operation("UntagPolicy", service="iam")
def untag_policy(call: Call, req: Request) -> None:
    """Source: IAM model `UntagPolicy`."""
    tags.delete(call.tx, _own_policy(call, req).arn, req["TagKeys"])


@operation("ListPolicyTags", service="iam")
def list_policy_tags(call: Call, req: Request) -> Answer:
    """Source: IAM model `ListPolicyTags`."""
    return iam.page_of_tags(call, req, _policy(call, req).arn)


def _own(
    call: Call, prefix: str, after: str | None, limit: int, *, only_attached: bool
) -> list[ManagedPolicy]:
    """The account's own policies, at most `limit` that count."""
    found: list[ManagedPolicy] = []
    while len(found) < limit:
        batch = identities.page_of_policies(
            call.tx, account_id=call.account_id, path_prefix=prefix, after=after, limit=limit
        )
        found += [policy for policy in batch if not only_attached or _attachments(call, policy.arn)]
        if len(batch) < limit:
            break
        after = batch[-1].arn
    return found[:limit]


def _no_inline(kind: _Kind, req: Request) -> ServiceRefusal:
    name = req["PolicyName"]
    message = f"The {kind.word.lower()} policy with name {name} cannot be found."
    return ServiceRefusal("NoSuchEntity", message, http_status=404)


def _is_there(call: Call, arn: str) -> bool:
    found = identities.find_policy(call.tx, arn)
    return arn in AWS_POLICIES or (found is not None and found.account_id == call.account_id)


def _policy(call: Call, req: Request) -> ManagedPolicy | AwsPolicy:
    known = AWS_POLICIES.get(req["PolicyArn"])
    return known if known is not None else _own_policy(call, req)


def _own_policy(call: Call, req: Request) -> ManagedPolicy:
    """Whoever changes a policy is alone with it until the request is done."""
    arn = req["PolicyArn"]
    if arn in AWS_POLICIES:
        raise ServiceRefusal("AccessDenied", "Policies of AWS itself cannot be changed.", http_status=403)
    if not call.operation.startswith(("Get", "List")):
        take_turns(call.tx, f"policy {arn}")
    found = identities.find_policy(call.tx, arn)
    if found is None or found.account_id != call.account_id:
        raise ServiceRefusal("NoSuchEntity", f"Policy {arn} was not found.", http_status=404)
    return found


def _versions(call: Call, policy: ManagedPolicy | AwsPolicy) -> list[PolicyVersion]:
    if isinstance(policy, AwsPolicy):
        return [PolicyVersion(1, policy.document, SINCE)]
    return identities.versions(call.tx, policy.arn)


def _find_version(call: Call, policy: ManagedPolicy | AwsPolicy, version_id: str) -> PolicyVersion:
    is_of_form = re.fullmatch(r"v[1-9][0-9]{0,8}", version_id, re.ASCII)
    number = int(version_id[1:]) if is_of_form else 0
    found = next((each for each in _versions(call, policy) if each.number == number), None)
    if found is None:
        message = f"Policy {policy.arn} version {version_id} does not exist or is not attachable."
        raise ServiceRefusal("NoSuchEntity", message, http_status=404)
    return found


def _default(policy: ManagedPolicy | AwsPolicy) -> int:
    return policy.default_version if isinstance(policy, ManagedPolicy) else 1


def _attachments(call: Call, arn: str) -> int:
    return identities.count_attachments(call.tx, arn, account_id=call.account_id)


def _version(version: PolicyVersion, *, is_default: bool) -> Answer:
    return {
        "VersionId": f"v{version.number}",
        "IsDefaultVersion": is_default,
        "CreateDate": version.created_at,
    }


def _shown(call: Call, policy: ManagedPolicy | AwsPolicy) -> Answer:
    made, changed = (
        (SINCE, SINCE) if isinstance(policy, AwsPolicy) else (policy.created_at, policy.updated_at)
    )
    return {
        "PolicyName": policy.name,
        "PolicyId": policy.policy_id,
        "Arn": policy.arn,
        "Path": policy.path,
        "DefaultVersionId": f"v{_default(policy)}",
        "AttachmentCount": _attachments(call, policy.arn),
        "PermissionsBoundaryUsageCount": 0,
        "IsAttachable": True,
        "CreateDate": made,
        "UpdateDate": changed,
    }


def _path_in(arn: str) -> str:
    """`/service-role/` of `...:policy/service-role/Name`."""
    return arn.split(":", 5)[5].removeprefix("policy").rpartition("/")[0] + "/"
