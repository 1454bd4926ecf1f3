"""Which policies a vault takes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from safehold.core.errors import InvalidParameterValue
from safehold.domain.vault_policies import check_policy

ROLE = "arn:aws:iam::123456789012:role/service-role/backup"
STATEMENT: dict[str, Any] = {
    "Sid": "never",
    "Effect": "Deny",
    "Principal": {"AWS": "*"},
    "Action": ["backup:DeleteRecoveryPoint", "backup:DeleteBackupVault"],
    "Resource": "*",
}


def policy(**changes: Any) -> str:
    statement = {name: value for name, value in (STATEMENT | changes).items() if value is not None}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="a denial to everybody"),
        pytest.param({"Principal": "*"}, id="everybody in short"),
        pytest.param({"Principal": {"AWS": ["123456789012", ROLE]}}, id="accounts and roles"),
        pytest.param({"Principal": {"Service": "backup.amazonaws.com"}}, id="a service"),
        pytest.param({"Principal": None, "NotPrincipal": {"AWS": ROLE}}, id="everybody else"),
        pytest.param({"Resource": "arn:aws:ec2:*:*:snapshot/*"}, id="points by type"),
        pytest.param({"Effect": "Allow", "Action": "backup:CopyIntoBackupVault"}, id="a permission"),
        pytest.param({"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}}, id="a condition"),
    ],
)
def test_policies_that_are_taken(changes: dict[str, Any]) -> None:
    check_policy(policy(**changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"Action": "backup:*"}, "wildcards are not allowed", id="a wildcard"),
        pytest.param({"Action": "*"}, "wildcards are not allowed", id="all actions"),
        pytest.param({"Action": "s3:GetObject"}, "no action of AWS Backup", id="another service's action"),
        pytest.param({"Action": []}, "Action", id="no action"),
        pytest.param({"Principal": None}, "Principal", id="nobody named"),
        pytest.param({"Principal": {"AWS": "bob"}}, "principal is not valid", id="an unknown principal"),
        pytest.param({"Principal": {"Who": "*"}}, "principal is not valid", id="an unknown kind"),
        pytest.param({"Principal": {"Service": "ftp"}}, "principal is not valid", id="no service"),
        pytest.param({"Resource": None}, "Resource", id="no resource"),
        pytest.param({"Resource": "vault"}, "no ARN", id="a name for a resource"),
        pytest.param({"Effect": "Maybe"}, "Effect", id="no effect"),
        pytest.param({"Condition": "x"}, "Condition", id="no condition"),
        pytest.param({"Extra": 1}, "unknown members", id="an unknown member"),
    ],
)
def test_policies_that_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidParameterValue, match=message):
        check_policy(policy(**changes))


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "1", '{"Version":"2012-10-17"}', '{"Statement":[]}', '{"Statement":["x"]}', "[" * 20_000],
    ids=lambda text: text[:20] or "empty",
)
def test_what_is_no_policy_at_all(text: str) -> None:
    with pytest.raises(InvalidParameterValue):
        check_policy(text)


def test_a_policy_of_another_version_or_too_long_is_refused() -> None:
    with pytest.raises(InvalidParameterValue, match="Version"):
        check_policy(json.dumps({"Version": "2011-01-01", "Statement": STATEMENT}))
    with pytest.raises(InvalidParameterValue, match="longer than"):
        check_policy(policy(Sid="x" * 20_480))


def test_roles_are_told_so_that_they_can_be_looked_for() -> None:
    assert check_policy(policy(Principal={"AWS": [ROLE, "*"]})) == [ROLE]
