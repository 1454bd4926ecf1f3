"""ARNs, built and taken apart."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from safehold.core.errors import InvalidParameterValue
from safehold.domain import arns
from safehold.domain.resource_types import AWS_TYPES, SUPPORTED_TYPES

ACCOUNT, SITE = "123456789012", "eu-central-1"
POINT = "E0AD48A9-0560-B668-3EF0-941FDC0AD6B1"
NOW = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
HEX = "[0-9a-f]"

# Source: AWS Backup Developer Guide, "Access control", recovery-point ARNs by resource type
RESOURCES = {
    "EFS": ("elasticfilesystem:R:A:file-system/fs-1", f"backup:R:A:recovery-point:{POINT.lower()}"),
    "FSx": ("fsx:R:A:file-system/fs-1", f"fsx:R:A:backup/backup-{HEX}{{17}}"),
    "EBS": ("ec2:R:A:volume/vol-1", f"ec2:R::snapshot/snap-{HEX}{{17}}"),
    "EC2": ("ec2:R:A:instance/i-1", f"ec2:R::image/ami-{HEX}{{17}}"),
    "RDS": ("rds:R:A:db:x", f"rds:R:A:snapshot:awsbackup:job-{POINT.lower()}"),
    "Aurora": ("rds:R:A:cluster:x", f"rds:R:A:cluster-snapshot:awsbackup:job-{POINT.lower()}"),
    "DynamoDB": ("dynamodb:R:A:table/T", f"backup:R:A:recovery-point:{POINT.lower()}"),
    "S3": ("s3:::bucket", f"backup:R:A:recovery-point:bucket-20300102030405-{HEX}{{8}}"),
    "Timestream": ("timestream:R:A:database/d/table/t", f"backup:R:A:recovery-point:{POINT.lower()}_beta"),
    "Redshift": ("redshift:R:A:cluster:x", f"redshift:R:A:snapshot:x/awsbackup:job-{POINT.lower()}"),
    "EKS": ("eks:R:A:cluster/x", f"backup:R:A:recovery-point:composite:eks/x-{POINT.lower()}"),
}


def here(text: str) -> str:
    return "arn:aws:" + text.replace(":R:", f":{SITE}:").replace(":A:", f":{ACCOUNT}:")


@pytest.mark.parametrize("resource_type", RESOURCES)
def test_a_point_has_the_arn_that_its_type_has_on_aws(resource_type: str) -> None:
    resource, pattern = (here(text) for text in RESOURCES[resource_type])
    assert arns.resource_type_of(resource) == resource_type
    arn = arns.recovery_point_arn(
        resource_type, resource, site=SITE, account_id=ACCOUNT, point_id=POINT, created_at=NOW
    )
    assert re.fullmatch(pattern, arn)


@pytest.mark.parametrize(
    "bad", ["", "arn", "arn:aws:s3", "arn:aws::r:a:x", "nra:aws:s3:::b", "arn:aws:s3:::", "arn:aws:s3:::\0"]
)
def test_what_is_no_arn_is_refused(bad: str) -> None:
    with pytest.raises(InvalidParameterValue):
        arns.parse(bad)


def test_colons_and_slashes_stay_in_the_resource() -> None:
    parsed = arns.parse("arn:aws:rds:r:a:snapshot:awsbackup:job-1")
    assert parsed == arns.Arn("aws", "rds", "r", "a", "snapshot:awsbackup:job-1")


def test_the_arn_of_a_point_has_no_type() -> None:
    assert arns.resource_type_of("arn:aws:ec2:r::snapshot/snap-1") is None


def test_a_sites_own_key_is_always_the_same_one_and_nobody_elses() -> None:
    assert arns.default_key_arn(SITE, ACCOUNT) == arns.default_key_arn(SITE, ACCOUNT)
    assert arns.default_key_arn("us-east-1", ACCOUNT) != arns.default_key_arn(SITE, ACCOUNT)


def test_every_supported_type_is_one_that_aws_knows() -> None:
    assert set(SUPPORTED_TYPES) <= set(AWS_TYPES)
