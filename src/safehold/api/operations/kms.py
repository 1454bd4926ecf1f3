"""KMS, as far as tools for backups look at it: the site's own key with its alias, and keys that vaults name.

Source: KMS model 2014-11-01; docs/parity/kms.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from safehold.api.call import Call, operation
from safehold.api.pages import among, page_by_name
from safehold.core.errors import InvalidParameterValue, ServiceRefusal
from safehold.domain import arns
from safehold.records import installation, vaults

ALIAS = "alias/aws/backup"
DEFAULT_PAGE = 100

Request = Mapping[str, Any]
Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Key:
    """name: the part of the ARN behind `key/`; is_own: the site's own, which wraps what names no other."""

    arn: str
    name: str
    created_at: datetime
    is_own: bool


@operation("ListKeys", service="kms")
def list_keys(call: Call, req: Request) -> Answer:
    """Keys by their ids. Source: KMS model `ListKeys`."""
    keys = {key.name: {"KeyId": key.name, "KeyArn": key.arn} for key in _keys(call)}
    return _page(call, req, "Keys", list(keys), show=keys.__getitem__)


@operation("ListAliases", service="kms")
def list_aliases(call: Call, req: Request) -> Answer:
    """There is one: the name of the site's own key. Source: KMS model `ListAliases`."""
    own = _keys(call)[0]
    wanted = req.get("KeyId")
    has_it = wanted is None or _find(call, wanted).arn == own.arn
    alias = {
        "AliasName": ALIAS,
        "AliasArn": _arn(call, ALIAS),
        "TargetKeyId": own.name,
        "CreationDate": own.created_at,
        "LastUpdatedDate": own.created_at,
    }
    return _page(call, req, "Aliases", [ALIAS] if has_it else [], show=lambda _: alias)


@operation("DescribeKey", service="kms")
def describe_key(call: Call, req: Request) -> Answer:
    """The key of that id, ARN or alias. Source: KMS model `DescribeKey`."""
    key = _find(call, req["KeyId"])
    return {
        "KeyMetadata": {
            "AWSAccountId": call.account_id,
            "KeyId": key.name,
            "Arn": key.arn,
            "CreationDate": key.created_at,
            "Enabled": True,
            "Description": "Wraps the keys of vaults that name no other"
            if key.is_own
            else "Named by a vault, wrapped by what the installation's keys_url names",
            "KeyUsage": "ENCRYPT_DECRYPT",
            "KeyState": "Enabled",
            "Origin": "AWS_KMS" if key.is_own else "EXTERNAL",
            "KeyManager": "AWS" if key.is_own else "CUSTOMER",
            "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
            "KeySpec": "SYMMETRIC_DEFAULT",
            "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
            "MultiRegion": False,
        }
    }


def _keys(call: Call) -> list[_Key]:
    """The site's own key first, then those that vaults of this account and site name by id."""
    since = installation.account_created_at(call.tx, call.account_id) or call.now
    own_arn = arns.default_key_arn(call.site, call.account_id)
    found = {own_arn: _Key(own_arn, _name(own_arn), since, is_own=True)}
    for arn, created_at in vaults.key_arns(call.tx, account_id=call.account_id, site=call.site):
        if arn not in found and arns.parse(arn).resource.startswith("key/"):
            found[arn] = _Key(arn, _name(arn), created_at, is_own=False)
    return list(found.values())


def _find(call: Call, wanted: str) -> _Key:
    """The key of an id, of an alias, or of the ARN of either. Raises ServiceRefusal."""
    name = wanted
    if wanted.startswith("arn:"):
        try:
            name = arns.parse(wanted).resource.removeprefix("key/")
        except InvalidParameterValue as error:
            raise ServiceRefusal("InvalidArnException", f"Invalid arn {wanted[:200]}") from error
        if wanted not in (_arn(call, f"key/{name}"), _arn(call, name)):
            raise _missing(wanted)
    keys = _keys(call)
    if name == ALIAS:
        return keys[0]
    found = next((key for key in keys if key.name == name), None)
    if found is None:
        raise _missing(wanted)
    return found


def _missing(wanted: str) -> ServiceRefusal:
    what = "Alias" if "alias/" in wanted else "Key"
    return ServiceRefusal("NotFoundException", f"{what} '{wanted[:200]}' does not exist")


def _page(
    call: Call, req: Request, member: str, names: Sequence[str], *, show: Callable[[str], Answer]
) -> Answer:
    filters = {name: value for name, value in req.items() if name not in ("Limit", "Marker")}
    asked = filters | {"MaxResults": req.get("Limit", DEFAULT_PAGE), "NextToken": req.get("Marker")}
    shown, token = page_by_name(call, asked, among(names, name=str), name=str)
    answer: Answer = {member: [show(name) for name in shown], "Truncated": token is not None}
    return answer if token is None else answer | {"NextMarker": token}


def _name(arn: str) -> str:
    return arn.partition(":key/")[2]


def _arn(call: Call, resource: str) -> str:
    return f"arn:{arns.PARTITION}:kms:{call.site}:{call.account_id}:{resource}"
