"""Who may assume a role."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from safehold.core.errors import InvalidParameterValue
from safehold.domain.roles import (
    BACKUP_SERVICE,
    Caller,
    Document,
    Role,
    check_assumable,
    may_be_assumed_by,
    may_be_assumed_by_caller,
    trust,
)

ALLOW = {
    "Effect": "Allow",
    "Principal": {"Service": ["ec2.amazonaws.com", BACKUP_SERVICE]},
    "Action": "sts:*",
}
DENY = {"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole"}


def a_role(policy: Document) -> Role:
    return Role("arn:r", "1" * 12, "AROA", "/", "r", policy, datetime(2030, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        pytest.param(trust(BACKUP_SERVICE), True, id="the service is named"),
        pytest.param(trust("ec2.amazonaws.com"), False, id="another service is named"),
        pytest.param({"Statement": ALLOW}, True, id="one statement, several services"),
        pytest.param({"Statement": [ALLOW, DENY]}, False, id="deny wins"),
        pytest.param({"Statement": [{**ALLOW, "Action": "s3:*"}]}, False, id="another action"),
        pytest.param({}, False, id="an empty policy lets nobody"),
    ],
)
def test_may_be_assumed_by_backup(policy: Document, expected: bool) -> None:
    assert may_be_assumed_by(a_role(policy), BACKUP_SERVICE) is expected


def test_a_missing_role_is_refused_in_the_words_that_clients_know() -> None:
    with pytest.raises(InvalidParameterValue, match="IAM Role arn:x cannot be assumed by AWS Backup"):
        check_assumable(None, "arn:x")


OF_ACCOUNT = {"AWS": "arn:aws:iam::123456789012:root"}
ACCOUNT = "123456789012"


@pytest.mark.parametrize(
    ("principal", "more", "external_id", "is_allowed"),
    [
        (OF_ACCOUNT, {}, None, True),
        ({"AWS": ACCOUNT}, {}, None, True),
        ({"AWS": "*"}, {}, None, True),
        ({"AWS": "arn:aws:iam::210987654321:root"}, {}, None, False),
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:user/other"}, {}, None, False),
        ({"Service": "backup.amazonaws.com"}, {}, None, False),
        (OF_ACCOUNT, {"Effect": "Deny"}, None, False),
        (OF_ACCOUNT, {"Action": "sts:TagSession"}, None, False),
        (OF_ACCOUNT, {"Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}, None, False),
        (OF_ACCOUNT, {"Condition": {"StringEquals": {"sts:ExternalId": "42"}}}, "42", True),
        (OF_ACCOUNT, {"Condition": {"StringEquals": {"sts:ExternalId": "42"}}}, "43", False),
        (OF_ACCOUNT, {"Condition": {"StringEquals": {"sts:ExternalId": "42"}}}, None, False),
    ],
    ids=str,
)
def test_the_trust_policy_says_who_may_assume_a_role(
    principal: Any, more: Any, external_id: str | None, is_allowed: bool
) -> None:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"} | more
    role = a_role({"Statement": [statement]})
    caller = Caller(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/anna", external_id=external_id)
    assert may_be_assumed_by_caller(role, caller) == is_allowed


def test_a_role_that_another_ones_sessions_may_assume() -> None:
    first = f"arn:aws:iam::{ACCOUNT}:role/first"
    statement = {"Effect": "Allow", "Principal": {"AWS": [first]}, "Action": ["sts:AssumeRole"]}
    role = a_role({"Statement": statement})
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/first/s"
    assert may_be_assumed_by_caller(role, Caller(ACCOUNT, session, role_arn=first))
    assert not may_be_assumed_by_caller(role, Caller(ACCOUNT, session, role_arn=first + "er"))
