"""Vault access policies: which documents AWS takes. Pure. They are kept and shown, not evaluated yet.

Source: AWS Backup Developer Guide, "Vault access policies"; docs/parity/vault-policies.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from safehold.core.errors import InvalidParameterValue

MAX_CHARACTERS = 20_480  # as for other services' resource policies
VERSIONS = ("2012-10-17", "2008-10-17")
ACTION = re.compile(r"(backup|backup-storage):[A-Za-z]+")
PRINCIPAL_KINDS = {"AWS", "Service", "Federated", "CanonicalUser"}
AWS_PRINCIPAL = re.compile(
    r"\*|\d{12}|arn:aws[\w-]*:iam::\d{12}:(root|(user|role|group)/[\w+=,.@/-]+)"
    r"|arn:aws[\w-]*:sts::\d{12}:assumed-role/[\w+=,.@/-]+"
)
SERVICE_PRINCIPAL = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.amazonaws\.com")
MEMBERS = {"Version", "Id", "Statement"}
STATEMENT_MEMBERS = {
    *("Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource"),
    "Condition",
}


def check_policy(text: str) -> list[str]:
    """The roles' ARNs that the document names, which must exist. Raises InvalidParameterValue."""
    document = _parsed(text)
    unknown = sorted(set(document) - MEMBERS)
    if unknown:
        raise _invalid(f"unknown members {', '.join(unknown)}")
    if document.get("Version", VERSIONS[0]) not in VERSIONS:
        raise _invalid(f"Version must be {VERSIONS[0]}")
    statements = document.get("Statement")
    if isinstance(statements, Mapping):
        statements = [statements]
    if not isinstance(statements, list) or not statements:
        raise _invalid("Statement is missing")
    return [arn for statement in statements for arn in _check_statement(statement)]


def _parsed(text: str) -> Mapping[str, Any]:
    if len(text) > MAX_CHARACTERS:
        raise _invalid(f"it is longer than {MAX_CHARACTERS} characters")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _invalid("it is no JSON") from error
    if not isinstance(document, Mapping):
        raise _invalid("it is no JSON object")
    return document


def _check_statement(statement: Any) -> Iterator[str]:
    if not isinstance(statement, Mapping):
        raise _invalid("a statement is a JSON object")
    unknown = sorted(set(statement) - STATEMENT_MEMBERS)
    if unknown:
        raise _invalid(f"unknown members {', '.join(unknown)} in a statement")
    if statement.get("Effect") not in ("Allow", "Deny"):
        raise _invalid("Effect is Allow or Deny")
    for name in ("Principal", "Action", "Resource"):
        if (name in statement) == (f"Not{name}" in statement):
            raise _invalid(f"a statement has either {name} or Not{name}")
    for action in _texts(statement.get("Action", statement.get("NotAction")), "Action"):
        if ACTION.fullmatch(action) is None:
            raise _invalid(f"{action!r} is no action of AWS Backup; wildcards are not allowed in Action")
    for resource in _texts(statement.get("Resource", statement.get("NotResource")), "Resource"):
        if resource != "*" and not resource.startswith("arn:"):
            raise _invalid(f"{resource!r} is no ARN")
    if not isinstance(statement.get("Condition", {}), Mapping):
        raise _invalid("Condition is a JSON object")
    yield from _roles(statement.get("Principal", statement.get("NotPrincipal")))


def _roles(principal: Any) -> Iterator[str]:
    """Raises InvalidParameterValue in AWS's words for who cannot be."""
    if principal == "*":
        return
    if not isinstance(principal, Mapping) or not principal or set(principal) - PRINCIPAL_KINDS:
        raise _unknown_principal()
    for kind, named in principal.items():
        for who in _texts(named, "Principal"):
            if kind == "AWS" and AWS_PRINCIPAL.fullmatch(who) is None:
                raise _unknown_principal()
            if kind == "Service" and SERVICE_PRINCIPAL.fullmatch(who) is None:
                raise _unknown_principal()
            if ":role/" in who:
                yield who


def _texts(value: Any, name: str) -> list[str]:
    values = value if isinstance(value, list) else [value]
    if not values or not all(isinstance(each, str) and each for each in values):
        raise _invalid(f"{name} is text, or a list of texts")
    return values


def _unknown_principal() -> InvalidParameterValue:
    return InvalidParameterValue("Provided principal is not valid")


def _invalid(why: str) -> InvalidParameterValue:
    return InvalidParameterValue(f"The specified policy is invalid: {why}")
