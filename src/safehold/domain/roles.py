"""A role: what a job runs as."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from safehold.core.errors import InvalidParameterValue

Document: TypeAlias = Mapping[str, object]

BACKUP_SERVICE = "backup.amazonaws.com"
DEFAULT_ROLE_PATH = "/service-role/"
DEFAULT_ROLE_NAME = "AWSBackupDefaultServiceRole"


@dataclass(frozen=True, slots=True)
class Role:
    """path begins and ends with "/"; trust_policy is an IAM policy document."""

    arn: str
    account_id: str
    role_id: str
    path: str
    name: str
    trust_policy: Document
    created_at: datetime


def trust(service: str) -> Document:
    """The trust policy that lets one service assume a role."""
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [statement]}


def may_be_assumed_by(role: Role, service: str) -> bool:
    """Does the trust policy let that service assume the role? A Deny for it wins; conditions never hold."""
    statements = role.trust_policy.get("Statement", ())
    listed = [statements] if isinstance(statements, Mapping) else statements
    assert isinstance(listed, list | tuple)
    effects = {item.get("Effect") for item in listed if _names(item, service)}
    return effects == {"Allow"}


def _names(statement: Document, service: str) -> bool:
    principal = statement.get("Principal")
    services = principal.get("Service", ()) if isinstance(principal, Mapping) else principal
    actions = _as_list(statement.get("Action"))
    is_assumed = bool({"*", "sts:*", "sts:AssumeRole"} & set(actions))
    return is_assumed and bool({"*", service} & set(_as_list(services))) and "Condition" not in statement


def _as_list(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [str(item) for item in value] if isinstance(value, list | tuple) else []


def check_assumable(role: Role | None, arn: str) -> None:
    """Raise InvalidParameterValue, in AWS's words, unless Backup can run jobs as that role."""
    if role is None or not may_be_assumed_by(role, BACKUP_SERVICE):
        raise InvalidParameterValue(f"IAM Role {arn} cannot be assumed by AWS Backup")
