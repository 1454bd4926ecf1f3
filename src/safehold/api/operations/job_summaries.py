"""How many jobs there were: by day or in one number, apart by what the caller wants to see apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from safehold.api.call import Call, operation
from safehold.api.pages import Position, page
from safehold.domain.jobs import JobKind
from safehold.records.job_summaries import JobCount, SummaryQuery, count_jobs

Request = Mapping[str, Any]
Answer = dict[str, Any]

ANY, ALL = "ANY", "AGGREGATE_ALL"  # each value apart; all of them in one number
PERIODS = {"ONE_DAY": 14, "SEVEN_DAYS": 7, "FOURTEEN_DAYS": 14}  # days looked at
MAX_RESULTS = 500  # Source: model 2018-11-15 `ListBackupJobSummaries`, its documentation
MEMBERS = {
    "state": "State",
    "resource_type": "ResourceType",
    "message_category": "MessageCategory",
    "scan_state": "State",
    "scan_result": "ScanResultStatus",
}
_OF_JOBS = ("state", "resource_type", "message_category")
_OF_SCANS = ("scan_state", "resource_type", "scan_result")
SCANNER = "GUARDDUTY"  # the one name that the model has


@operation("ListBackupJobSummaries")
def list_backup_job_summaries(call: Call, req: Request) -> Answer:
    """Counts of backup jobs. Source: model `ListBackupJobSummaries`; docs/parity/job-summaries.md."""
    return _summaries(call, req, JobKind.BACKUP, _OF_JOBS, answer="BackupJobSummaries")


@operation("ListCopyJobSummaries")
def list_copy_job_summaries(call: Call, req: Request) -> Answer:
    """Counts of copy jobs. Source: model `ListCopyJobSummaries`; docs/parity/job-summaries.md."""
    return _summaries(call, req, JobKind.COPY, _OF_JOBS, answer="CopyJobSummaries")


@operation("ListRestoreJobSummaries")
def list_restore_job_summaries(call: Call, req: Request) -> Answer:
    """Counts of restore jobs. Source: model `ListRestoreJobSummaries`; docs/parity/job-summaries.md."""
    return _summaries(call, req, JobKind.RESTORE, _OF_JOBS[:2], answer="RestoreJobSummaries")


@operation("ListScanJobSummaries")
def list_scan_job_summaries(call: Call, req: Request) -> Answer:
    """Counts of scan jobs. Source: model `ListScanJobSummaries`; docs/parity/job-summaries.md."""
    found = _summaries(call, req, JobKind.SCAN, _OF_SCANS, answer="ScanJobSummaries")
    return found | {
        "ScanJobSummaries": [{**row, "MalwareScanner": SCANNER} for row in found["ScanJobSummaries"]]
    }


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a request asks for, by dimension: ANY, ALL, or a value."""

    account: str
    period: str
    dimensions: Mapping[str, str]

    @property
    def is_by_day(self) -> bool:
        return self.period == "ONE_DAY"


def _summaries(call: Call, req: Request, kind: str, dimensions: Sequence[str], *, answer: str) -> Answer:
    wanted = _Wanted(
        account=req.get("AccountId") or call.account_id,
        period=req.get("AggregationPeriod") or "ONE_DAY",
        dimensions={name: req.get(MEMBERS[name]) or ALL for name in dimensions},
    )
    tomorrow = call.now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    since = tomorrow - timedelta(days=PERIODS[wanted.period])
    rows = _ordered(_counted(call, wanted, kind, since, tomorrow))

    def fetch(after: Position | None, limit: int) -> list[JobCount]:
        return [row for row in rows if after is None or _position(row) > after][:limit]

    asked = {**req, "MaxResults": min(req.get("MaxResults") or MAX_RESULTS, MAX_RESULTS)}
    found, token = page(call, asked, fetch, position=_position)
    shown = [_shown(call, wanted, row, since=since, until=tomorrow) for row in found]
    return {answer: shown, "AggregationPeriod": wanted.period, "NextToken": token}


def _counted(call: Call, wanted: _Wanted, kind: str, since: datetime, until: datetime) -> list[JobCount]:
    if wanted.account not in (call.account_id, ANY, ALL, "*"):  # no other account's jobs are ours to tell
        return []
    query = SummaryQuery(
        account_id=call.account_id,
        site=call.site,
        kind=kind,
        since=since,
        until=until,
        by_day=wanted.is_by_day,
        apart=frozenset(name for name, value in wanted.dimensions.items() if value == ANY),
        only={name: value for name, value in wanted.dimensions.items() if value not in (ANY, ALL)},
    )
    return count_jobs(call.tx, query)


def _ordered(rows: Sequence[JobCount]) -> list[JobCount]:
    """By day, then by what is told apart. There are at most a few thousand."""
    return sorted(rows, key=_position)


def _position(row: JobCount) -> Position:
    return (row.day, *(row.values[name] or "" for name in sorted(row.values)))


def _shown(call: Call, wanted: _Wanted, row: JobCount, *, since: datetime, until: datetime) -> Answer:
    start = since + timedelta(days=row.day)
    values = {name: row.values.get(name, value) for name, value in wanted.dimensions.items()}
    return {
        "Region": call.site,
        "AccountId": ALL if wanted.account == ALL else call.account_id,
        **{MEMBERS[name]: value for name, value in values.items()},
        "Count": row.count,
        "StartTime": start,
        "EndTime": start + timedelta(days=1) if wanted.is_by_day else until,
    }
