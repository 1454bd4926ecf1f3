"""Who am I, and keys for a while: the operations of `sts`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from safehold.api.call import Call, operation
from safehold.core import ids
from safehold.core.errors import AccessDenied, InvalidParameterValue
from safehold.domain import arns
from safehold.domain.access_keys import AccessKey
from safehold.domain.roles import Caller, Role, may_be_assumed_by_caller
from safehold.records import access_keys, roles

CHAINED_SECONDS = 3600  # of a role assumed by a session of a role; Source: IAM guide, "Role chaining"
ROOT_SECONDS = 3600  # Source: sts model `GetSessionToken`: for an account's root at most an hour
DEFAULT_TOKEN_SECONDS = 43_200
DEFAULT_ROLE_SECONDS = 3600
KEPT = timedelta(days=1)  # how long an expired key is still told to be expired, not unknown


@operation("GetCallerIdentity", service="sts")
def get_caller_identity(call: Call, _: Mapping[str, object]) -> Mapping[str, str]:
    """Answer whose access key signed this request. Needs no permission.

    Source: sts model 2011-06-15 `GetCallerIdentity`.
    """
    caller = call.principal
    return {"UserId": caller.user_id, "Account": caller.account_id, "Arn": caller.arn}


@operation("AssumeRole", service="sts")
def assume_role(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """Keys that speak for a session of the role until they expire, if its trust policy names the caller.

    Source: sts model 2011-06-15 `AssumeRole`; docs/parity/sts.md.
    """
    if req.get("TokenCode") or req.get("SerialNumber"):
        raise AccessDenied("MultiFactorAuthentication failed: there are no MFA devices here.")
    arn, session = req["RoleArn"], req["RoleSessionName"]
    role = roles.find(call.tx, arn)
    caller = Caller(call.account_id, call.principal.arn, _own_role_arn(call), req.get("ExternalId"))
    if role is None or not may_be_assumed_by_caller(role, caller):
        raise AccessDenied(
            f"User: {call.principal.arn} is not authorized to perform: sts:AssumeRole on resource: {arn}"
        )
    session_arn = f"arn:{arns.PARTITION}:sts::{role.account_id}:assumed-role/{role.name}/{session}"
    key = _temporary_key(
        call,
        account_id=role.account_id,
        principal_arn=session_arn,
        user_id=role.role_id,
        issuer_arn=role.arn,
        expires_at=call.now + timedelta(seconds=_role_seconds(req, role, caller)),
    )
    answer: dict[str, Any] = {
        "Credentials": _credentials(key),
        "AssumedRoleUser": {"AssumedRoleId": key.caller_id, "Arn": session_arn},
    }
    source = req.get("SourceIdentity")
    return answer if source is None else answer | {"SourceIdentity": source}


@operation("GetSessionToken", service="sts")
def get_session_token(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """Keys that speak for the caller itself until they expire.

    Source: sts model 2011-06-15 `GetSessionToken`.
    """
    if req.get("TokenCode") or req.get("SerialNumber"):
        raise AccessDenied("MultiFactorAuthentication failed: there are no MFA devices here.")
    if ":assumed-role/" in call.principal.arn:
        raise AccessDenied("Cannot call GetSessionToken with session credentials")
    seconds = req.get("DurationSeconds", DEFAULT_TOKEN_SECONDS)
    is_root = call.principal.arn == arns.root_arn(call.account_id)
    key = _temporary_key(
        call,
        account_id=call.account_id,
        principal_arn=call.principal.arn,
        user_id=call.principal.user_id,
        issuer_arn=call.principal.arn,
        expires_at=call.now + timedelta(seconds=min(seconds, ROOT_SECONDS) if is_root else seconds),
    )
    return {"Credentials": _credentials(key)}


def _own_role_arn(call: Call) -> str | None:
    """The role that the caller is a session of; None when it is none."""
    parsed = arns.parse(call.principal.arn)
    kind, _, rest = parsed.resource.partition("/")
    if kind != "assumed-role":
        return None
    name = rest.partition("/")[0]
    role = roles.find_by_name(call.tx, account_id=call.account_id, name=name)
    return None if role is None else role.arn


def _role_seconds(req: Mapping[str, Any], role: Role, caller: Caller) -> int:
    """How long the session lasts. Raises InvalidParameterValue for longer than it may."""
    asked: int | None = req.get("DurationSeconds")
    if asked is None:
        return min(DEFAULT_ROLE_SECONDS, role.max_session_seconds)
    if asked > role.max_session_seconds:
        raise InvalidParameterValue(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
        )
    if caller.role_arn is not None and asked > CHAINED_SECONDS:
        raise InvalidParameterValue(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role"
            " chaining"
        )
    return asked


def _temporary_key(
    call: Call, *, account_id: str, principal_arn: str, user_id: str, issuer_arn: str, expires_at: datetime
) -> AccessKey:
    """A new key, stored; keys that expired long ago go."""
    key = AccessKey(
        id=ids.new_temporary_key_id(),
        account_id=account_id,
        principal_arn=principal_arn,
        user_id=user_id,
        secret=ids.new_secret_access_key(),
        created_at=call.now,
        expires_at=expires_at,
        session_token=ids.new_session_token(),
        issuer_arn=issuer_arn,
    )
    assert call.config.key_box is not None
    access_keys.delete_expired(call.tx, before=call.now - KEPT)
    access_keys.insert_key(call.tx, key, sealed_by=call.config.key_box)
    return key


def _credentials(key: AccessKey) -> dict[str, object]:
    return {
        "AccessKeyId": key.id,
        "SecretAccessKey": key.secret,
        "SessionToken": key.session_token,
        "Expiration": key.expires_at,
    }
