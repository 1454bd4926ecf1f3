"""The policies that AWS itself keeps, as far as tools for backups attach them, and what they allow.

The documents are ours and short: they name the same services, not each action, since what is here is no
cloud of thirty services. Source of names: AWS Backup Developer Guide, "Managed policies for AWS Backup".
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from safehold.domain.arns import PARTITION

SINCE = datetime(2019, 1, 1, tzinfo=UTC)  # one day for all of them: when AWS Backup was published


@dataclass(frozen=True, slots=True)
class AwsPolicy:
    """path begins and ends with "/"."""

    name: str
    path: str
    description: str
    actions: tuple[str, ...]

    @property
    def arn(self) -> str:
        return f"arn:{PARTITION}:iam::aws:policy{self.path}{self.name}"

    @property
    def policy_id(self) -> str:
        return "ANPA" + hashlib.sha256(self.arn.encode()).hexdigest()[:16].upper()

    @property
    def document(self) -> str:
        statement = {"Effect": "Allow", "Action": list(self.actions), "Resource": "*"}
        return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


_SERVICE = "/service-role/"
_LIST = (
    AwsPolicy(
        "AWSBackupServiceRolePolicyForBackup", _SERVICE, "Backups on one's behalf", ("backup:*", "tag:*")
    ),
    AwsPolicy(
        "AWSBackupServiceRolePolicyForRestores", _SERVICE, "Restores on one's behalf", ("backup:*", "tag:*")
    ),
    AwsPolicy("AWSBackupServiceRolePolicyForIndexing", "/", "Search indexes of backups", ("backup:*",)),
    AwsPolicy("AWSBackupServiceRolePolicyForItemRestores", "/", "Restores of items", ("backup:*", "s3:*")),
    AwsPolicy("AWSBackupServiceRolePolicyForS3Backup", "/", "Backups of buckets", ("s3:*", "backup:*")),
    AwsPolicy("AWSBackupServiceRolePolicyForS3Restore", "/", "Restores of buckets", ("s3:*", "backup:*")),
    AwsPolicy("AWSBackupServiceRolePolicyForScans", "/", "Scans of backups", ("backup:*", "guardduty:*")),
    AwsPolicy("AWSBackupGuardDutyRolePolicyForScans", "/", "Reading backups to scan them", ("backup:*",)),
    AwsPolicy(
        "AWSBackupFullAccess",
        "/",
        "Everything of backups",
        ("backup:*", "backup-storage:*", "tag:*", "kms:*"),
    ),
    AwsPolicy(
        "AWSBackupOperatorAccess",
        "/",
        "Running backups",
        (
            "backup:Describe*",
            "backup:Get*",
            "backup:List*",
            "backup:CreateBackupSelection",
            "backup:DeleteBackupSelection",
            "backup:StartBackupJob",
            "backup:StartCopyJob",
            "backup:StartRestoreJob",
            "backup:StartScanJob",
        ),
    ),
    AwsPolicy(
        "AWSBackupAuditAccess",
        "/",
        "Frameworks and reports",
        ("backup:*Framework*", "backup:*Report*", "backup:List*", "backup:Describe*", "backup:Get*"),
    ),
    AwsPolicy(
        "AWSBackupOrganizationAdminAccess", "/", "Backups of an organization", ("backup:*", "organizations:*")
    ),
    AwsPolicy("AWSBackupSearchOperatorAccess", "/", "Searching backups", ("backup-search:*", "backup:List*")),
    AwsPolicy(
        "AWSBackupAccessPointOperatorAccess",
        "/",
        "Access points to backups",
        ("backup:*AccessPoint*", "backup:List*"),
    ),
    AwsPolicy("AdministratorAccess", "/", "Everything", ("*",)),
    AwsPolicy("ReadOnlyAccess", "/", "Looking at everything", ("*:Describe*", "*:Get*", "*:List*")),
)
AWS_POLICIES: Mapping[str, AwsPolicy] = {policy.arn: policy for policy in _LIST}
OF_DEFAULT_ROLE = (_LIST[0].arn, _LIST[1].arn)
