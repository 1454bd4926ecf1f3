"""A role: what a job runs as."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from safehold.core.errors import InvalidParameterValue
from safehold.domain.arns import PARTITION

Document: TypeAlias = Mapping[str, object]

BACKUP_SERVICE = "backup.amazonaws.com"
DEFAULT_SESSION_SECONDS = 3600
DEFAULT_ROLE_PATH = "/service-role/"
DEFAULT_ROLE_NAME = "AWSBackupDefaultServiceRole"


@dataclass(frozen=True, slots=True)
class Role:
    """path begins and ends with "/"; trust_policy is an IAM policy document.

    max_session_seconds  how long temporary keys of it are good at most
    """

    arn: str
    account_id: str
    role_id: str
    path: str
    name: str
    trust_policy: Document
    created_at: datetime
    description: str | None = None
    max_session_seconds: int = DEFAULT_SESSION_SECONDS


def trust(service: str) -> Document:
    """The trust policy that lets one service assume a role."""
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [statement]}


def may_be_assumed_by(role: Role, service: str) -> bool:
    """Does the trust policy let that service assume the role? A Deny for it wins; conditions never hold."""
    effects = {item.get("Effect") for item in _statements(role) if _names(item, service)}
    return effects == {"Allow"}


def may_be_assumed_by_caller(role: Role, caller: Caller) -> bool:
    """Does the trust policy let that caller assume the role? A Deny wins.

    Of conditions only `StringEquals` on `sts:ExternalId` can hold; a Deny with any other one counts as one
    that holds.
    """
    effects = {item.get("Effect") for item in _statements(role) if _names_caller(item, caller)}
    return effects == {"Allow"}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who wants to assume a role. role_arn: the role that it is a session of already, if it is one."""

    account_id: str
    arn: str
    role_arn: str | None = None
    external_id: str | None = None

    @property
    def names(self) -> frozenset[str]:
        """Everything by which a trust policy may mean it."""
        own = {self.account_id, f"arn:{PARTITION}:iam::{self.account_id}:root", self.arn, "*"}
        return frozenset(own if self.role_arn is None else own | {self.role_arn})


def _statements(role: Role) -> list[Document]:
    statements = role.trust_policy.get("Statement", ())
    listed = [statements] if isinstance(statements, Mapping) else statements
    assert isinstance(listed, list | tuple)
    return list(listed)


def _names_caller(statement: Document, caller: Caller) -> bool:
    principal = statement.get("Principal")
    named = principal.get("AWS", ()) if isinstance(principal, Mapping) else principal
    is_named = bool(caller.names & set(_as_list(named)))
    return is_named and _is_about_assuming(statement) and _condition_holds(statement, caller)


def _condition_holds(statement: Document, caller: Caller) -> bool:
    condition = statement.get("Condition")
    if not condition:
        return True
    is_known = isinstance(condition, Mapping) and set(condition) == {"StringEquals"}
    wanted = condition["StringEquals"] if is_known and isinstance(condition, Mapping) else None
    if not isinstance(wanted, Mapping) or set(wanted) != {"sts:ExternalId"}:
        return statement.get("Effect") == "Deny"
    return caller.external_id in _as_list(wanted["sts:ExternalId"])


def _is_about_assuming(statement: Document) -> bool:
    return bool({"*", "sts:*", "sts:AssumeRole"} & set(_as_list(statement.get("Action"))))


def _names(statement: Document, service: str) -> bool:
    principal = statement.get("Principal")
    services = principal.get("Service", ()) if isinstance(principal, Mapping) else principal
    is_named = bool({"*", service} & set(_as_list(services)))
    return is_named and _is_about_assuming(statement) and "Condition" not in statement


def _as_list(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [str(item) for item in value] if isinstance(value, list | tuple) else []


def check_assumable(role: Role | None, arn: str) -> None:
    """Raise InvalidParameterValue, in AWS's words, unless Backup can run jobs as that role."""
    if role is None or not may_be_assumed_by(role, BACKUP_SERVICE):
        raise InvalidParameterValue(f"IAM Role {arn} cannot be assumed by AWS Backup")
