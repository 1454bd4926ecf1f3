"""A report plan: what is told, how, and where to; and a report job, the telling. Pure.

Source: AWS Backup Developer Guide, "Working with audit reports"; model 2018-11-15; docs/parity/reports.md.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from safehold.core.errors import InvalidParameterValue
from safehold.domain.frameworks import DeploymentStatus

TEMPLATES = (
    "BACKUP_JOB_REPORT",
    "COPY_JOB_REPORT",
    "RESTORE_JOB_REPORT",
    "RESOURCE_COMPLIANCE_REPORT",
    "CONTROL_COMPLIANCE_REPORT",
    "SCAN_JOB_REPORT",
)
OF_COMPLIANCE = frozenset({"RESOURCE_COMPLIANCE_REPORT", "CONTROL_COMPLIANCE_REPORT"})
FORMATS = ("CSV", "JSON")
MAX_PREFIX = 900  # with a report's own name below S3's 1024 bytes for a key
_BUCKET = re.compile(r"(?!xn--)[a-z0-9][a-z0-9.\-]{1,61}[a-z0-9]", re.ASCII)
_ACCOUNT = re.compile(r"[0-9]{12}|ROOT", re.ASCII)
_UNIT = re.compile(r"(ou-[0-9a-z]{4,32}-[a-z0-9]{8,32})|(r-[0-9a-z]{4,32})", re.ASCII)
_REGION = re.compile(r"\*|[a-z0-9][a-z0-9-]{0,62}", re.ASCII)


@dataclass(frozen=True, slots=True)
class DeliveryChannel:
    bucket: str
    prefix: str | None = None
    formats: tuple[str, ...] = ("CSV",)


@dataclass(frozen=True, slots=True)
class ReportSetting:
    """None: was not given."""

    template: str
    framework_arns: tuple[str, ...] | None = None
    framework_count: int | None = None
    accounts: tuple[str, ...] | None = None
    organization_units: tuple[str, ...] | None = None
    regions: tuple[str, ...] | None = None

    @property
    def is_of_several(self) -> bool:
        """Does it tell of more than one account and Region?"""
        return bool(self.accounts or self.organization_units or self.regions)


@dataclass(frozen=True, slots=True)
class ReportPlan:
    """One row of the table of report plans."""

    id: str
    account_id: str
    site: str
    name: str
    arn: str
    channel: DeliveryChannel
    setting: ReportSetting
    deployment_status: DeploymentStatus
    created_at: datetime
    description: str | None = None
    updated_at: datetime | None = None
    attempted_at: datetime | None = None
    succeeded_at: datetime | None = None


class ReportJobStatus(StrEnum):
    """Source: model 2018-11-15 `ReportJob`, its documentation."""

    CREATED = "CREATED"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class ReportJob:
    """One row of the table of report jobs; it outlives its plan. keys: what was written, in the bucket."""

    id: str
    account_id: str
    site: str
    plan_name: str
    plan_arn: str
    template: str
    status: ReportJobStatus
    created_at: datetime
    completed_at: datetime | None = None
    status_message: str | None = None
    bucket: str | None = None
    keys: tuple[str, ...] | None = None


def check_report_plan(channel: DeliveryChannel, setting: ReportSetting) -> None:
    """Raise InvalidParameterValue unless a report plan can say this. Frameworks are not looked up."""
    _check_channel(channel)
    if setting.template not in TEMPLATES:
        raise InvalidParameterValue(
            f"Invalid ReportTemplate: {setting.template[:100]}. It must be one of {', '.join(TEMPLATES)}"
        )
    is_of_frameworks = setting.framework_arns or setting.framework_count
    if is_of_frameworks and setting.template not in OF_COMPLIANCE:
        raise InvalidParameterValue(
            f"A {setting.template} is not about frameworks: FrameworkArns must be empty"
        )
    count, arns = setting.framework_count, setting.framework_arns or ()
    if count is not None and count != len(arns) and (count < 0 or arns):
        raise InvalidParameterValue(f"NumberOfFrameworks is {count}, FrameworkArns holds {len(arns)}")
    _check_each("Accounts", setting.accounts, _ACCOUNT)
    _check_each("OrganizationUnits", setting.organization_units, _UNIT)
    _check_each("Regions", setting.regions, _REGION)
    if setting.is_of_several and "JSON" in channel.formats:
        raise InvalidParameterValue("Reports of several accounts or Regions are written as CSV only")


def _check_channel(channel: DeliveryChannel) -> None:
    if not _BUCKET.fullmatch(channel.bucket) or ".." in channel.bucket:
        raise InvalidParameterValue(f"S3BucketName is not the name of a bucket: {channel.bucket[:70]!r}")
    if len((channel.prefix or "").encode()) > MAX_PREFIX:
        raise InvalidParameterValue(f"S3KeyPrefix has more than {MAX_PREFIX} bytes")
    if not channel.formats:
        raise InvalidParameterValue("Formats must hold CSV, JSON or both")
    for wanted in channel.formats:
        if wanted not in FORMATS:
            raise InvalidParameterValue(f"Invalid report format: {wanted[:50]!r}. It is CSV or JSON")


def _check_each(name: str, items: Sequence[str] | None, pattern: re.Pattern[str]) -> None:
    for item in items or ():
        if not pattern.fullmatch(item):
            raise InvalidParameterValue(f"Invalid value in {name}: {item[:70]!r}")
