"""Operations of the model that have no handler yet, and why; `docs/parity/operations.md` is the same list.

Calling one answers `NotImplementedException` (501) with the reason. An operation leaves this list in the
commit that gives it a handler.
"""

from __future__ import annotations

from collections.abc import Mapping

_FAMILIES: tuple[tuple[str, str], ...] = (
    (
        "access points come with the S3 source",
        """CreateBackupAccessPoint DescribeBackupAccessPoint DeleteBackupAccessPoint ListBackupAccessPoints
        ListBackupAccessPointsByRecoveryPoint ListBackupAccessPointsByResource""",
    ),
)

NOT_BUILT: Mapping[str, str] = {name: reason for reason, names in _FAMILIES for name in names.split()}
