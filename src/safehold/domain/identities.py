"""Users and policies of IAM: what they are, and what their names and documents may be. Pure.

Source: IAM guide, "IAM identifiers", "IAM and AWS STS quotas"; IAM model 2010-05-08.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from safehold.core.errors import ServiceRefusal
from safehold.domain.arns import PARTITION

MAX_VERSIONS = 5
MAX_INLINE_CHARS = 10_240
MAX_MANAGED_CHARS = 6_144
MAX_TRUST_CHARS = 8_192


@dataclass(frozen=True, slots=True)
class User:
    """path begins and ends with "/"."""

    arn: str
    account_id: str
    user_id: str
    path: str
    name: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ManagedPolicy:
    """A policy of its own, attached to whom it shall hold for. Versions are numbers from 1 on."""

    arn: str
    account_id: str
    policy_id: str
    path: str
    name: str
    description: str | None
    default_version: int
    last_version: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    number: int
    document: str
    created_at: datetime


def user_arn(account_id: str, path: str, name: str) -> str:
    return f"arn:{PARTITION}:iam::{account_id}:user{path}{name}"


def policy_arn(account_id: str, path: str, name: str) -> str:
    return f"arn:{PARTITION}:iam::{account_id}:policy{path}{name}"


def read_document(text: str, *, most_chars: int, is_trust: bool = False) -> dict[str, Any]:
    """A policy document. Raises ServiceRefusal (MalformedPolicyDocument, LimitExceeded).

    Its form alone is looked at: statements with an effect and actions, and a principal exactly where the
    document says who may assume a role. Blanks do not count for its size.
    """
    if len("".join(text.split())) > most_chars:
        raise ServiceRefusal(
            "LimitExceeded", f"Cannot exceed quota for policy size: {most_chars}", http_status=409
        )
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise malformed("This policy contains invalid Json") from error
    if not isinstance(document, dict):
        raise malformed("Syntax errors in policy.")
    if document.get("Version", "2008-10-17") not in ("2012-10-17", "2008-10-17"):
        raise malformed("Policy document must be version 2012-10-17 or greater.")
    statements = document.get("Statement")
    listed = [statements] if isinstance(statements, dict) else statements
    if not isinstance(listed, list) or not listed:
        raise malformed("Syntax errors in policy.")
    for statement in listed:
        _check_statement(statement, is_trust=is_trust)
    return document


def _check_statement(statement: object, *, is_trust: bool) -> None:
    if not isinstance(statement, dict) or statement.get("Effect") not in ("Allow", "Deny"):
        raise malformed("Syntax errors in policy.")
    if not {"Action", "NotAction"} & statement.keys():
        raise malformed("Policy statement must contain actions.")
    has_principal = bool({"Principal", "NotPrincipal"} & statement.keys())
    has_resource = bool({"Resource", "NotResource"} & statement.keys())
    if is_trust and not has_principal:
        raise malformed("AssumeRole policy must contain a principal.")
    if is_trust and has_resource:
        raise malformed("Has prohibited field Resource.")
    if not is_trust and has_principal:
        raise malformed("Policy document should not specify a principal.")
    if not is_trust and not has_resource:
        raise malformed("Policy statement must contain resources.")


def malformed(message: str) -> ServiceRefusal:
    return ServiceRefusal("MalformedPolicyDocument", message)
