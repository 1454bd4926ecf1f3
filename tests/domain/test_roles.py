"""Who may assume a role."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from safehold.core.errors import InvalidParameterValue
from safehold.domain.roles import BACKUP_SERVICE, Document, Role, check_assumable, may_be_assumed_by, trust

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
