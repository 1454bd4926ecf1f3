"""ARNs: the names of everything, built and taken apart.

Source: AWS Service Authorization Reference, "AWS Backup", resource types; AWS Backup Developer Guide, "Access
control", table of recovery-point ARNs by resource type; docs/parity/recovery-points.md.
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from safehold.core.errors import InvalidParameterValue

PARTITION = "aws"


@dataclass(frozen=True, slots=True)
class Arn:
    """region and account_id are "" where the service leaves them out, as S3 does."""

    partition: str
    service: str
    region: str
    account_id: str
    resource: str


def parse(arn: str) -> Arn:
    """Take an ARN apart. Raises InvalidParameterValue."""
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn" or not (parts[1] and parts[2] and parts[5]) or "\0" in arn:
        raise InvalidParameterValue(f"Invalid ARN: {arn}")
    return Arn(*parts[1:])


def vault_arn(site: str, account_id: str, name: str) -> str:
    return _backup_arn(site, account_id, f"backup-vault:{name}")


def plan_arn(site: str, account_id: str, plan_id: str) -> str:
    return _backup_arn(site, account_id, f"backup-plan:{plan_id}")


def role_arn(account_id: str, path: str, name: str) -> str:
    return f"arn:{PARTITION}:iam::{account_id}:role{path}{name}"


def root_arn(account_id: str) -> str:
    """The account's own principal, who may do everything."""
    return f"arn:{PARTITION}:iam::{account_id}:root"


@lru_cache(maxsize=1024)  # each point of a list names its vault's key
def default_key_arn(site: str, account_id: str) -> str:
    """What stands for a site's own key, where AWS has the alias `aws/backup`; always the same one."""
    key_id = uuid.uuid5(uuid.NAMESPACE_URL, f"safehold:default-key:{site}:{account_id}")
    return f"arn:{PARTITION}:kms:{site}:{account_id}:key/{key_id}"


_TYPES_BY_PREFIX = (  # (service, what the resource begins with, resource type)
    ("elasticfilesystem", "file-system/", "EFS"),
    ("fsx", "file-system/", "FSx"),
    ("fsx", "volume/", "FSx"),
    ("ec2", "volume/", "EBS"),
    ("ec2", "instance/", "EC2"),
    ("rds", "db:", "RDS"),
    ("rds", "cluster:", "Aurora"),  # DocumentDB and Neptune too: the ARN does not tell them apart
    ("dsql", "cluster/", "Aurora DSQL"),
    ("dynamodb", "table/", "DynamoDB"),
    ("s3", "", "S3"),
    ("storagegateway", "gateway/", "Storage Gateway"),
    ("backup-gateway", "vm/", "VirtualMachine"),
    ("cloudformation", "stack/", "CloudFormation"),
    ("redshift", "cluster:", "Redshift"),
    ("redshift-serverless", "namespace/", "Redshift Serverless"),
    ("timestream", "database/", "Timestream"),
    ("ssm-sap", "HANA/", "SAP HANA on Amazon EC2"),
    ("eks", "cluster/", "EKS"),
)


def resource_type_of(arn: str) -> str | None:
    """The type of the resource with that ARN; None for an ARN that no type of AWS Backup has.

    Raises InvalidParameterValue for what is no ARN.
    """
    parsed = parse(arn)
    for service, prefix, resource_type in _TYPES_BY_PREFIX:
        if parsed.service == service and parsed.resource.startswith(prefix):
            return resource_type
    return None


def recovery_point_arn(
    resource_type: str, resource_arn: str, *, site: str, account_id: str, point_id: str, created_at: datetime
) -> str:
    """The ARN of a snapshot's recovery point, in the form that AWS gives to points of that type.

    The same arguments give the same ARN, so that a step that runs twice names one point.
    point_id  a UUID; its letters are lowered, as AWS lowers job ids here
    """
    point = point_id.lower()
    short = hashlib.sha256(point.encode()).hexdigest()
    resource = parse(resource_arn).resource
    tail = resource.rpartition(":")[2].rpartition("/")[2]
    match resource_type:
        case "EBS" | "Storage Gateway":
            return f"arn:{PARTITION}:ec2:{site}::snapshot/snap-{short[:17]}"
        case "EC2":
            return f"arn:{PARTITION}:ec2:{site}::image/ami-{short[:17]}"
        case "RDS" if resource.startswith("db:"):
            return f"arn:{PARTITION}:rds:{site}:{account_id}:snapshot:awsbackup:job-{point}"
        case "RDS" | "Aurora" | "DocumentDB" | "Neptune":
            return f"arn:{PARTITION}:rds:{site}:{account_id}:cluster-snapshot:awsbackup:job-{point}"
        case "FSx":
            return f"arn:{PARTITION}:fsx:{site}:{account_id}:backup/backup-{short[:17]}"
        case "Redshift":
            return f"arn:{PARTITION}:redshift:{site}:{account_id}:snapshot:{tail}/awsbackup:job-{point}"
        case "Redshift Serverless":
            return f"arn:{PARTITION}:redshift-serverless:{site}:{account_id}:snapshot/{point}"
        case "S3":
            name = f"{tail}-{created_at:%Y%m%d%H%M%S}-{short[:8]}"
        case "Timestream":
            name = f"{point}_beta"
        case "EKS":
            name = f"composite:eks/{tail}-{point}"
        case _:
            name = point
    return _backup_arn(site, account_id, f"recovery-point:{name}")


def own_point_arn(site: str, account_id: str, point_id: str) -> str:
    """The ARN of a point of AWS Backup's own, as every point in a logically air-gapped vault has it."""
    return _backup_arn(site, account_id, f"recovery-point:{point_id.lower()}")


def _backup_arn(site: str, account_id: str, resource: str) -> str:
    return f"arn:{PARTITION}:backup:{site}:{account_id}:{resource}"
