"""Which events of a vault can be subscribed to. Pure. Source: AWS Backup Developer Guide, "Notifications"."""

from __future__ import annotations

import re
from collections.abc import Sequence

from safehold.core.errors import InvalidParameterValue
from safehold.domain import arns

# In the order of AWS's own message. The model has seven more, which are deprecated.
SUBSCRIBABLE = (
    *("BACKUP_JOB_STARTED", "BACKUP_JOB_COMPLETED", "CONTINUOUS_BACKUP_INTERRUPTED", "COPY_JOB_STARTED"),
    *("COPY_JOB_SUCCESSFUL", "COPY_JOB_FAILED", "RESTORE_JOB_STARTED", "RESTORE_JOB_COMPLETED"),
    *("RECOVERY_POINT_MODIFIED", "RECOVERY_POINT_INDEX_COMPLETED", "RECOVERY_POINT_INDEX_DELETED"),
    *("RECOVERY_POINT_INDEXING_FAILED", "S3_BACKUP_OBJECT_FAILED", "S3_RESTORE_OBJECT_FAILED"),
    *("EKS_BACKUP_OBJECT_FAILED", "EKS_RESTORE_OBJECT_FAILED", "EKS_RESTORE_OBJECT_SKIPPED"),
    *("EKS_RESTORE_MODIFICATION_SUCCESS", "EKS_RESTORE_MODIFICATION_FAILED", "ACCESS_POINT_AVAILABLE"),
    *("ACCESS_POINT_CREATION_FAILED", "ACCESS_POINT_DELETED", "ACCESS_POINT_DELETION_FAILED"),
    *("ACCESS_POINT_EXPIRED", "ACCESS_POINT_DISASSOCIATED"),
)
TOPIC_NAME = re.compile(r"[A-Za-z0-9_-]{1,256}(\.fifo)?")


def check_events(events: Sequence[str]) -> None:
    """Raises InvalidParameterValue in AWS's words for an event that nobody is told of, and for none."""
    if not events or any(event not in SUBSCRIBABLE for event in events):
        raise InvalidParameterValue(
            f"Please select from the following list of notifications {', '.join(SUBSCRIBABLE)}"
        )


def check_topic(arn: str, *, site: str, account_id: str) -> None:
    """Raises InvalidParameterValue for what is no topic of this account and site."""
    parsed = arns.parse(arn)
    is_ours = (parsed.service, parsed.region, parsed.account_id) == ("sns", site, account_id)
    if not is_ours or TOPIC_NAME.fullmatch(parsed.resource) is None:
        raise InvalidParameterValue(f"Invalid SNS topic: {arn} is no topic of this account and Region")
