"""IAM's operations on users and on access keys.

Names are compared as they are written: AWS takes `Anna` and `anna` for one, see docs/parity/iam.md.
"""

from __future__ import annotations

from safehold.api import iam
from safehold.api.call import Call, operation
from safehold.api.iam import Answer, Request
from safehold.api.pages import among
from safehold.core import ids
from safehold.core.errors import InvalidParameterValue, ServiceRefusal
from safehold.domain import arns
from safehold.domain.access_keys import ACTIVE, MAX_KEYS, AccessKey
from safehold.domain.identities import User, user_arn
from safehold.records import access_keys, identities, tags
from safehold.records.access_keys import KeyFacts
from safehold.records.dialect import take_turns

ROOT = "<root_account>"


@operation("CreateUser", service="iam")
def create_user(call: Call, req: Request) -> Answer:
    """A new user without any key or policy. Source: IAM model `CreateUser`."""
    path, name = iam.path_of(req), req["UserName"]
    made = User(
        arn=user_arn(call.account_id, path, name),
        account_id=call.account_id,
        user_id=ids.new_user_id(),
        path=path,
        name=name,
        created_at=call.now,
    )
    if not identities.insert_user(call.tx, made):
        raise iam.taken("User", name)
    tags.put(call.tx, made.arn, iam.read_tags(req.get("Tags")))
    return {"User": _shown(call, made)}


@operation("GetUser", service="iam")
def get_user(call: Call, req: Request) -> Answer:
    """The user, or without a name the one who asks. Source: IAM model `GetUser`."""
    name = req.get("UserName") or _own_name(call)
    if name is None:
        return {"User": _root(call)}
    return {"User": _shown(call, iam.user(call, name))}


@operation("ListUsers", service="iam")
def list_users(call: Call, req: Request) -> Answer:
    """Users by name. Source: IAM model `ListUsers`."""

    def fetch(after: str | None, limit: int) -> list[User]:
        prefix = req.get("PathPrefix", "/")
        return identities.page_of_users(
            call.tx, account_id=call.account_id, path_prefix=prefix, after=after, limit=limit
        )

    return iam.page_of(call, req, "Users", fetch, key=lambda user: user.name, show=_listed)


@operation("DeleteUser", service="iam")
def delete_user(call: Call, req: Request) -> None:
    """The user is gone, and temporary keys from it; keys and policies must be gone before.

    Source: IAM model `DeleteUser`.
    """
    found = iam.user(call, req["UserName"])
    if access_keys.lasting(call.tx, found.arn):
        raise iam.in_use("Cannot delete entity, must delete access keys first.")
    iam.refuse_while_allowed(call, found.arn)
    access_keys.delete_issued_by(call.tx, found.arn)
    tags.delete_all(call.tx, found.arn)
    identities.delete_user(call.tx, found.arn)


@operation("TagUser", service="iam")
def tag_user(call: Call, req: Request) -> None:
    """Source: IAM model `TagUser`."""
    iam.add_tags(call, iam.user(call, req["UserName"]).arn, req["Tags"])


@operation("UntagUser", service="iam")
def untag_user(call: Call, req: Request) -> None:
    """Source: IAM model `UntagUser`."""
    tags.delete(call.tx, iam.user(call, req["UserName"]).arn, req["TagKeys"])


@operation("ListUserTags", service="iam")
def list_user_tags(call: Call, req: Request) -> Answer:
    """Source: IAM model `ListUserTags`."""
    return iam.page_of_tags(call, req, iam.user(call, req["UserName"]).arn)


@operation("CreateAccessKey", service="iam")
def create_access_key(call: Call, req: Request) -> Answer:
    """A new key of the user, or of the one who asks; its secret is told this once.

    Source: IAM model `CreateAccessKey`.
    """
    owner_arn, user_id, name = _owner(call, req)
    take_turns(call.tx, f"keys of {owner_arn}")
    if len(access_keys.lasting(call.tx, owner_arn)) >= MAX_KEYS:
        raise ServiceRefusal(
            "LimitExceeded", f"Cannot exceed quota for AccessKeysPerUser: {MAX_KEYS}", http_status=409
        )
    key = AccessKey(
        id=ids.new_access_key_id(),
        account_id=call.account_id,
        principal_arn=owner_arn,
        user_id=user_id,
        secret=ids.new_secret_access_key(),
        created_at=call.now,
    )
    assert call.config.key_box is not None
    access_keys.insert_key(call.tx, key, sealed_by=call.config.key_box)
    shown = {"UserName": name, "AccessKeyId": key.id, "Status": ACTIVE, "CreateDate": key.created_at}
    return {"AccessKey": shown | {"SecretAccessKey": key.secret}}


@operation("ListAccessKeys", service="iam")
def list_access_keys(call: Call, req: Request) -> Answer:
    """Keys of the user, or of the one who asks, without secrets. Source: IAM model `ListAccessKeys`."""
    owner_arn, _, name = _owner(call, req)
    every = access_keys.lasting(call.tx, owner_arn)

    def show(key: KeyFacts) -> Answer:
        facts = {"AccessKeyId": key.id, "Status": key.status, "CreateDate": key.created_at}
        return facts if name == ROOT else facts | {"UserName": name}

    fetch = among(every, name=lambda key: key.id)
    return iam.page_of(call, req, "AccessKeyMetadata", fetch, key=lambda key: key.id, show=show)


@operation("UpdateAccessKey", service="iam")
def update_access_key(call: Call, req: Request) -> None:
    """The key may be used, or may not. Source: IAM model `UpdateAccessKey`."""
    key = _key(call, req)
    _check_not_last(call, key, is_going=req["Status"] != ACTIVE)
    access_keys.set_status(call.tx, key.id, req["Status"])


@operation("DeleteAccessKey", service="iam")
def delete_access_key(call: Call, req: Request) -> None:
    """Nobody can use the key again. Source: IAM model `DeleteAccessKey`."""
    key = _key(call, req)
    _check_not_last(call, key, is_going=True)
    access_keys.delete_key(call.tx, key.id)


@operation("GetAccessKeyLastUsed", service="iam")
def get_access_key_last_used(call: Call, req: Request) -> Answer:
    """When, where and for what the key was used last, to a quarter of an hour.

    Source: IAM model `GetAccessKeyLastUsed`.
    """
    key = access_keys.facts(call.tx, req["AccessKeyId"])
    if key is None or key.account_id != call.account_id:
        raise iam.missing("Access Key", req["AccessKeyId"])
    used = {"ServiceName": key.last_used_service or "N/A", "Region": key.last_used_site or "N/A"}
    if key.last_used_at is not None:
        return {
            "UserName": _name_in(key.principal_arn),
            "AccessKeyLastUsed": used | {"LastUsedDate": key.last_used_at},
        }
    return {"UserName": _name_in(key.principal_arn), "AccessKeyLastUsed": used}


def _owner(call: Call, req: Request) -> tuple[str, str, str]:
    """Whose keys are meant: ARN, id and name."""
    name = req.get("UserName") or _own_name(call)
    if name is None:
        return arns.root_arn(call.account_id), call.account_id, ROOT
    found = iam.user(call, name)
    return found.arn, found.user_id, found.name


def _own_name(call: Call) -> str | None:
    """Name of the user who asks; None for the account's root. Raises InvalidParameterValue for a session."""
    if call.principal.arn == arns.root_arn(call.account_id):
        return None
    found = identities.find_user_by_arn(call.tx, call.principal.arn)
    if found is None:
        raise InvalidParameterValue("Must specify userName when calling with non-User credentials")
    return found.name


def _key(call: Call, req: Request) -> KeyFacts:
    owner_arn, _, _ = _owner(call, req)
    key_id = req["AccessKeyId"]
    found = {key.id: key for key in access_keys.lasting(call.tx, owner_arn)}
    if key_id not in found:
        raise iam.missing("Access Key", key_id)
    return found[key_id]


def _check_not_last(call: Call, key: KeyFacts, *, is_going: bool) -> None:
    """The root's last key stays: there is no other way in, since nobody signs in with a password here."""
    root = arns.root_arn(call.account_id)
    if not is_going or key.principal_arn != root:
        return
    take_turns(call.tx, f"keys of {root}")
    others = (other for other in access_keys.lasting(call.tx, root) if other.id != key.id)
    if not any(other.status == ACTIVE for other in others):
        raise iam.in_use("This is the account's last usable root key: make another one first.")


def _name_in(principal_arn: str) -> str:
    resource = arns.parse(principal_arn).resource
    return ROOT if resource == "root" else resource.rpartition("/")[2]


def _root(call: Call) -> Answer:
    return {
        "Path": "/",
        "UserName": ROOT,
        "UserId": call.account_id,
        "Arn": arns.root_arn(call.account_id),
        "CreateDate": call.now,
    }


def _listed(user: User) -> Answer:
    return {
        "Path": user.path,
        "UserName": user.name,
        "UserId": user.user_id,
        "Arn": user.arn,
        "CreateDate": user.created_at,
    }


def _shown(call: Call, user: User) -> Answer:
    found = iam.shown_tags(call, user.arn)
    return _listed(user) | ({"Tags": found} if found else {})
