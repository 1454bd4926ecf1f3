"""What a job says about its end, in AWS's words where AWS has words for it.

Source: AWS Backup Developer Guide, "Backup dashboards", "Monitoring events using EventBridge".
"""

from __future__ import annotations

from collections.abc import Mapping

from safehold.domain.jobs import JobKind

BUSY_RESOURCE = "Backup job failed because there was a running job for the same resource."
NOT_STARTED: Mapping[JobKind, str] = {
    JobKind.BACKUP: "Backup job expired before completion.",
    JobKind.RESTORE: "Restore job was unable to start within the specified start window. "
    "Try increasing your start window.",
    JobKind.INDEX: "The search index was not begun in time.",
    JobKind.COPY: "Copy job expired before completion.",
    JobKind.SEARCH: "The search was not begun in time.",
    JobKind.SCAN: "The scan was not begun in time.",
    JobKind.EXPORT: "The export was not begun in time.",
}
NOT_COMPLETED: Mapping[JobKind, str] = {
    JobKind.BACKUP: "Backup job expired before completion.",
    JobKind.RESTORE: "Restore job expired before completion.",
    JobKind.INDEX: "The search index was not done in time.",
    JobKind.COPY: "Copy job expired before completion.",
    JobKind.SEARCH: "The search was not done in time.",
    JobKind.SCAN: "The scan was not done in time.",
    JobKind.EXPORT: "The export was not done in time.",
}
STOPPED: Mapping[JobKind, str] = {
    JobKind.BACKUP: "Backup job was stopped by user.",
    JobKind.RESTORE: "Restore job was stopped by user.",
    JobKind.INDEX: "The making of the search index was stopped.",
    JobKind.COPY: "Copy job was stopped.",
    JobKind.SCAN: "The scan was stopped.",
    JobKind.SEARCH: "The search was stopped; what it had found until then is kept.",
    JobKind.EXPORT: "The export was stopped.",
}


def missing_vault(vault_arn: str) -> str:
    return f"Backup job failed because backup vault {vault_arn} does not exist."
