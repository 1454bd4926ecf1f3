"""The kinds of resource: what AWS Backup knows, and what there is a connector for."""

from __future__ import annotations

# Source: AWS Backup Developer Guide, "Supported resources"; the keys of DescribeRegionSettings' maps.
AWS_TYPES = (
    "Aurora",
    "Aurora DSQL",
    "CloudFormation",
    "DocumentDB",
    "DynamoDB",
    "EBS",
    "EC2",
    "EFS",
    "EKS",
    "FSx",
    "Neptune",
    "RDS",
    "Redshift",
    "Redshift Serverless",
    "S3",
    "SAP HANA on Amazon EC2",
    "Storage Gateway",
    "Timestream",
    "VirtualMachine",
)

# What can be backed up here; grows with the connectors, and a test compares it with them.
SUPPORTED_TYPES = ("EFS", "FSx")

# Types for which AWS lets one choose whether AWS Backup manages points wholly; the defaults of a new account.
MANAGEMENT_CHOICES = {"DynamoDB": True, "EFS": True}


def is_supported(resource_type: str) -> bool:
    return resource_type in SUPPORTED_TYPES
