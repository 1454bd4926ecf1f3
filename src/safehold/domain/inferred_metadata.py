"""What a test restores a point with, unless somebody says otherwise: as little as makes a whole resource.

Names begin with what tells a test's resources from everything else. Pure: what makes a name unique is given.
Source: AWS Backup Developer Guide, "Restore testing inferred metadata"; docs/parity/restore-testing.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from safehold.domain import arns
from safehold.domain.recovery_points import RecoveryPoint

NAME_PREFIX = "awsbackup-restore-test-"

# Keys that a selection may put in place of what is inferred, by type; case makes no difference.
_CLUSTER = frozenset(
    {
        "availabilityZones",
        "databaseName",
        "dbClusterParameterGroupName",
        "dbSubnetGroupName",
        "enableCloudwatchLogsExports",
        "enableIamDatabaseAuthentication",
        "engine",
        "engineMode",
        "engineVersion",
        "kmskeyId",
        "port",
        "optionGroupName",
        "scalingConfiguration",
        "vpcSecurityGroupIds",
    }
)
_INSTANCE = frozenset(
    {
        "allocatedStorage",
        "availabilityZones",
        "dbInstanceClass",
        "dbName",
        "dbParameterGroupName",
        "dbSubnetGroupName",
        "domain",
        "domainIamRoleName",
        "enableCloudwatchLogsExports",
        "enableIamDatabaseAuthentication",
        "iops",
        "licensemodel",
        "multiAz",
        "optionGroupName",
        "port",
        "processorFeatures",
        "publiclyAccessible",
        "storageType",
        "vpcSecurityGroupIds",
    }
)
OVERRIDABLE: Mapping[str, frozenset[str]] = {
    "Aurora": _CLUSTER,
    "DocumentDB": _CLUSTER,
    "DynamoDB": frozenset({"encryptionType", "kmsMasterKeyArn"}),
    "EBS": frozenset({"availabilityZone", "iops", "kmsKeyId", "throughput", "volumesize", "volumetype"}),
    "EC2": frozenset(
        {"iamInstanceProfileName", "instanceType", "requireImdsV2", "securityGroupIds", "subnetId"}
    ),
    "EFS": frozenset({"kmsKeyId", "performanceMode"}),
    "FSx": frozenset(
        {
            "deploymentType",
            "diskIopsConfiguration",
            "kmsKeyId",
            "lustreConfiguration",
            "ontapConfiguration",
            "securityGroupIds",
            "subnetIds",
            "throughputCapacity",
            "windowsConfiguration",
        }
    ),
    "Neptune": _CLUSTER,
    "RDS": _CLUSTER | _INSTANCE,
    "S3": frozenset({"encryptionType", "kmsKey"}),
}


def inferred_metadata(point: RecoveryPoint, *, unique: str) -> dict[str, str]:
    """The metadata of a test restore of that point; `unique` ends the name of what it makes."""
    name = NAME_PREFIX + unique
    match point.resource_type:
        case "EFS" | "FSx":  # both are file trees here, and restored alike
            return {
                "encrypted": "true",
                "file-system-id": arns.parse(point.resource_arn).resource.rpartition("/")[2],
                "kmsKeyId": "alias/aws/elasticfilesystem",
                "newFileSystem": "true",
                "performanceMode": "generalPurpose",
                "creationToken": name,
            }
        case "EBS":
            return {"availabilityZone": f"{point.site}a", "encrypted": "true"}
        case "EC2":
            kind = point.restore_metadata.get("InstanceType", "")
            return {"disableApiTermination": "false", "instanceType": kind, "requiredImdsV2": "true"}
        case "DynamoDB":
            return {"deletionProtection": "false", "encryptionType": "Default", "targetTableName": name}
        case "S3":
            return {
                "destinationBucketName": name,
                "encrypted": "true",
                "encryptionType": "SSE-S3",
                "newBucket": "true",
            }
        case "RDS" if ":db:" in point.resource_arn:
            return {
                "dbInstanceIdentifier": name,
                "deletionProtection": "false",
                "multiAz": "false",
                "publiclyAccessible": "false",
            }
        case "RDS" | "Aurora" | "DocumentDB" | "Neptune":
            zones = [f"{point.site}{letter}" for letter in "abc"]
            engine = point.restore_metadata.get("Engine", "")
            return {"availabilityZones": json.dumps(zones), "dbClusterIdentifier": name, "engine": engine}
    return dict(point.restore_metadata)
