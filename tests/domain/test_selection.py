"""Which resources a selection takes."""

from __future__ import annotations

import fnmatch
import json
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.core.errors import InvalidParameterValue, LimitExceeded
from safehold.domain.limits import AwsLimits
from safehold.domain.selection import (
    Candidate,
    Condition,
    Operator,
    Selection,
    SelectionDocument,
    TagEntry,
    choose,
    judge,
    matches,
)
from safehold.domain.selection_checks import check_selection

VOLUME = "arn:aws:ec2:us-east-1:123456789012:volume/vol-1"
CLUSTER = "arn:aws:rds:us-east-1:123456789012:cluster:c"
BUCKET = "arn:aws:s3:::pictures"
NOW = datetime(2030, 1, 1, tzinfo=UTC)


def a_candidate(arn: str = VOLUME, kind: str = "EBS", name: str = "vol-1", **tags: str) -> Candidate:
    return Candidate(arn, kind, name, tags)


def a_document(*resources: str, tags: tuple[TagEntry, ...] = (), **more: object) -> SelectionDocument:
    return SelectionDocument("s", "role", resources, tags=tags, **more)  # type: ignore[arg-type]


def a_condition(operator: Operator, key: str, value: str) -> Condition:
    return Condition(operator, f"aws:ResourceTag/{key}", value)


def everything_if(operator: Operator, key: str, value: str) -> SelectionDocument:
    return a_document("*", conditions=(a_condition(operator, key, value),))


EQ, NE, LIKE, NLIKE = Operator.EQUALS, Operator.NOT_EQUALS, Operator.LIKE, Operator.NOT_LIKE
ENV = TagEntry("env", "prod")
PRODUCTION = a_candidate(env="prod")
TEST_RESTORE = a_candidate(name="awsbackup-restore-test-1")

VERDICTS = {
    "its ARN": (a_document(VOLUME), a_candidate(), True),
    "another ARN": (a_document(VOLUME + "2"), a_candidate(), False),
    "everything": (a_document("*"), a_candidate(), True),
    "every volume of any site": (a_document("arn:aws:ec2:*:*:volume/*"), a_candidate(), True),
    "every instance": (a_document("arn:aws:ec2:*:*:instance/*"), a_candidate(), False),
    "a service": (a_document("arn:aws:ec2:*"), a_candidate(), True),
    "its tag": (a_document(tags=(ENV,)), a_candidate(env="prod"), True),
    "its tag with another value": (a_document(tags=(ENV,)), a_candidate(env="dev"), False),
    "its tag in another case": (a_document(tags=(ENV,)), a_candidate(Env="prod"), False),
    "one tag of two": (a_document(tags=(ENV, TagEntry("a", "b"))), a_candidate(a="b"), True),
    "tags add to resources": (a_document(BUCKET, tags=(ENV,)), a_candidate(env="prod"), True),
    "resources add to tags": (a_document(VOLUME, tags=(ENV,)), a_candidate(), True),
    "conditions restrict resources": (
        a_document(VOLUME, conditions=(a_condition(EQ, "env", "prod"),)), a_candidate(), False,
    ),
    "all conditions must hold": (
        a_document("*", conditions=(a_condition(EQ, "a", "1"), a_condition(EQ, "b", "2"))),
        a_candidate(a="1", b="3"), False,
    ),
    "all conditions hold": (
        a_document("*", conditions=(a_condition(EQ, "a", "1"), a_condition(LIKE, "b", "2*"))),
        a_candidate(a="1", b="23"), True,
    ),
    "equals knows no star": (everything_if(EQ, "a", "1*"), a_candidate(a="12"), False),
    "not equals": (everything_if(NE, "a", "1"), a_candidate(a="1"), False),
    "an absent tag is not equal": (everything_if(NE, "a", "1"), a_candidate(), True),
    "an absent tag is not like": (everything_if(NLIKE, "a", "*"), a_candidate(), True),
    "an absent tag is like nothing": (everything_if(LIKE, "a", "*"), a_candidate(), False),
    "not like": (everything_if(NLIKE, "a", "x*"), a_candidate(a="xy"), False),
    "excluded": (a_document("*", not_resources=("arn:aws:ec2:*",)), a_candidate(), False),
    "excluded though tagged": (a_document(tags=(ENV,), not_resources=(VOLUME,)), PRODUCTION, False),
    "another is excluded": (a_document("*", not_resources=(BUCKET,)), a_candidate(), True),
    "a restore test's leftovers, by tag": (
        a_document("*"), Candidate(VOLUME, "EBS", "v", {"awsbackup-restore-test": "x"}), False,
    ),
    "a restore test's leftovers, by name": (a_document("*"), TEST_RESTORE, False),
}  # fmt: skip


@pytest.mark.parametrize(("document", "candidate", "is_chosen"), VERDICTS.values(), ids=VERDICTS)
def test_what_is_chosen(document: SelectionDocument, candidate: Candidate, is_chosen: bool) -> None:
    verdict = judge(document, candidate)
    assert verdict.is_chosen is is_chosen, verdict.reason
    assert verdict.reason


# Does the selection still take the resource when its type is opted out?
OPTED_OUT = {
    "everything": ("*", VOLUME, "EBS", False),
    "a service": ("arn:aws:ec2:*", VOLUME, "EBS", False),
    "a service with all fields": ("arn:aws:ec2:*:*:*", VOLUME, "EBS", False),
    "a type": ("arn:aws:ec2:*:*:volume/*", VOLUME, "EBS", True),
    "the resource": (VOLUME, VOLUME, "EBS", True),
    "buckets": ("arn:aws:s3:::*", BUCKET, "S3", True),
    "all of S3": ("arn:aws:s3:*", BUCKET, "S3", False),
    "clusters may be of several types": ("arn:aws:rds:*:*:cluster:*", CLUSTER, "Aurora", False),
    "one cluster": (CLUSTER, CLUSTER, "Aurora", True),
}


@pytest.mark.parametrize(("pattern", "arn", "kind", "is_chosen"), OPTED_OUT.values(), ids=OPTED_OUT)
def test_types_that_are_opted_out(pattern: str, arn: str, kind: str, is_chosen: bool) -> None:
    assert judge(a_document(pattern), a_candidate(arn, kind), opted_out={kind}).is_chosen is is_chosen


def test_a_tag_does_not_overrule_opting_out() -> None:
    assert not judge(a_document(tags=(ENV,)), a_candidate(env="prod"), opted_out={"EBS"}).is_chosen


def test_a_resource_of_two_selections_goes_with_the_first() -> None:
    first, second = (Selection(name, "p", a_document("*"), NOW) for name in ("first", "second"))
    candidates = [a_candidate(), a_candidate(BUCKET, "S3")]
    assert [(s.id, c.arn) for s, c in choose([first, second], candidates)] == [
        ("first", VOLUME),
        ("first", BUCKET),
    ]


@given(pattern=st.text("ab*", max_size=8), text=st.text("ab", max_size=10))
def test_a_star_is_what_it_is_in_a_shell(pattern: str, text: str) -> None:
    assert matches(pattern, text) == fnmatch.fnmatchcase(text, pattern)


def test_a_hostile_pattern_costs_no_time() -> None:
    started = time.perf_counter()
    matches("*a" * 500 + "b", "a" * 2000)
    assert time.perf_counter() - started < 0.5


REFUSED = {
    "nothing": a_document(),
    "only conditions": a_document(conditions=(a_condition(EQ, "a", "b"),)),
    "no ARN": a_document("my-folder"),
    "no ARN to exclude": a_document("*", not_resources=("x",)),
    "another condition type": a_document(tags=(TagEntry("a", "b", "STRINGLIKE"),)),
    "a condition on a bare key": a_document("*", conditions=(Condition(EQ, "env", "prod"),)),
}


@pytest.mark.parametrize("document", REFUSED.values(), ids=REFUSED)
def test_what_a_selection_may_not_say(document: SelectionDocument) -> None:
    with pytest.raises(InvalidParameterValue):
        check_selection(document, AwsLimits.EXTENDED)


def test_either_spelling_of_the_condition_type_is_fine() -> None:
    for spelling in ("STRINGEQUALS", "StringEquals"):
        check_selection(a_document(tags=(TagEntry("a", "b", spelling),)), AwsLimits.STRICT)


def test_quotas_are_awss_when_strict() -> None:
    many = a_document(*(f"arn:aws:s3:::{n}*" for n in range(31)))
    check_selection(many, AwsLimits.EXTENDED)
    with pytest.raises(LimitExceeded):
        check_selection(many, AwsLimits.STRICT)


def test_a_document_survives_json() -> None:
    document = a_document("*", tags=(ENV,), conditions=(a_condition(LIKE, "a", "b*"),))
    assert SelectionDocument.from_json(json.loads(json.dumps(document.to_json()))) == document
