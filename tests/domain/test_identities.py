"""What a policy document may be."""

import json

import pytest

from safehold.core.errors import ServiceRefusal
from safehold.domain.identities import read_document
from safehold.domain.roles import trust

DOCUMENT = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
TRUST = trust("backup.amazonaws.com")


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ("{", "MalformedPolicyDocument"),
        ("[]", "MalformedPolicyDocument"),
        ('{"Statement": []}', "MalformedPolicyDocument"),
        ('{"Statement": [{"Effect": "Maybe"}]}', "MalformedPolicyDocument"),
        ('{"Statement": {"Effect": "Allow", "Action": "*"}}', "MalformedPolicyDocument"),
        (json.dumps(TRUST), "MalformedPolicyDocument"),
        (json.dumps(DOCUMENT | {"Version": "2030-01-01"}), "MalformedPolicyDocument"),
        (json.dumps(DOCUMENT | {"Id": "x" * 7000}), "LimitExceeded"),
    ],
    ids=lambda value: value[:40],
)
def test_a_document_that_is_none_is_refused(document: str, code: str) -> None:
    with pytest.raises(ServiceRefusal) as refused:
        read_document(document, most_chars=6_144)
    assert refused.value.wire_code == code


def test_who_may_assume_a_role_is_said_in_a_document_of_its_own_kind() -> None:
    assert read_document(json.dumps(TRUST), most_chars=8_192, is_trust=True) == TRUST
    for wrong in (DOCUMENT, {"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole"}}):
        with pytest.raises(ServiceRefusal):
            read_document(json.dumps(wrong), most_chars=8_192, is_trust=True)


def test_blanks_do_not_count_for_the_size() -> None:
    assert read_document(json.dumps(DOCUMENT) + " " * 10_000, most_chars=200) == DOCUMENT
