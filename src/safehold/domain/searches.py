"""Search jobs: what they look through, what they are after, and how their states are told. Pure.

Source: model backupsearch 2018-05-10; docs/parity/search.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from safehold.core.errors import InvalidParameterValue
from safehold.domain.item_filters import Criteria
from safehold.domain.item_rows import BUCKET_TYPE
from safehold.domain.job_states import JobState
from safehold.domain.jobs import Job, JobKind
from safehold.domain.limits import AwsLimits
from safehold.domain.point_indexes import STRICT_INDEXED_TYPES

KEPT = timedelta(days=7)  # Source: model, `GetSearchResultExportJob`: "scheduled retention of 7 days"
VAULT_TAG = "safehold:vault"  # in a scope's tags: the vault's name, which AWS has no member for
STRICT_MAX_RUNNING = 10  # Source: AWS Backup Developer Guide, "Quotas"
JOB_TYPE, EXPORT_TYPE = "search-job", "search-export-job"

_STATES: Mapping[str, str] = {
    JobState.CREATED: "RUNNING",
    JobState.PENDING: "RUNNING",
    JobState.RUNNING: "RUNNING",
    JobState.ABORTING: "STOPPING",
    JobState.ABORTED: "STOPPED",
    JobState.COMPLETED: "COMPLETED",
    JobState.PARTIAL: "COMPLETED",
    JobState.FAILED: "FAILED",
    JobState.EXPIRED: "FAILED",
}


class SearchScope(msgspec.Struct, frozen=True, kw_only=True):
    """Which points are looked through: those that satisfy all of it. Times are exclusive."""

    resource_types: tuple[str, ...]
    created_after: datetime | None = None
    created_before: datetime | None = None
    resource_arns: tuple[str, ...] = ()
    point_arns: tuple[str, ...] = ()
    tags: dict[str, str] = {}

    @property
    def vault_name(self) -> str | None:
        return self.tags.get(VAULT_TAG)

    @property
    def point_tags(self) -> dict[str, str]:
        """Those that a point itself must have."""
        return {key: value for key, value in self.tags.items() if key != VAULT_TAG}


class SearchRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a search job was asked. files, objects: None when no filter is about such items.

    shown  scope and filters as the client wrote them
    """

    scope: SearchScope
    name: str | None = None
    encryption_key_arn: str | None = None
    files: list[Any] | None = None
    objects: list[Any] | None = None
    shown: dict[str, Any] = {}

    def criteria(self, resource_type: str) -> Criteria | None:
        """What an item of such a point has to satisfy; None when nothing of that type is wanted.

        Without any filter everything is; with filters for one kind of items, those of the other are not.
        """
        mine, other = (
            (self.objects, self.files) if resource_type == BUCKET_TYPE else (self.files, self.objects)
        )
        if mine is None:
            return None if other is not None else Criteria()
        return Criteria.from_json(mine)

    def to_json(self) -> dict[str, Any]:
        plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        return plain

    @staticmethod
    def from_json(request: Mapping[str, Any]) -> SearchRequest:
        return msgspec.convert(dict(request), SearchRequest)


class ExportRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Where the results of a search shall go. prefix: None or without a slash at its end."""

    search_job_id: str
    bucket: str
    prefix: str | None = None

    def to_json(self) -> dict[str, Any]:
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain

    @staticmethod
    def from_json(request: Mapping[str, Any]) -> ExportRequest:
        return msgspec.convert(dict(request), ExportRequest)


def check_scope(scope: SearchScope, limits: AwsLimits) -> None:
    """Raise what StartSearchJob answers to a scope that cannot be."""
    if limits is not AwsLimits.STRICT:
        return
    unknown = set(scope.resource_types) - STRICT_INDEXED_TYPES
    if unknown or len(scope.resource_types) > 1:
        raise InvalidParameterValue("BackupResourceTypes must hold one of EBS and S3")


def check_filters(scope: SearchScope, *, has_files: bool, has_objects: bool) -> None:
    """Raise what StartSearchJob answers when a filter is about items that no type of the scope has."""
    has_bucket = BUCKET_TYPE in scope.resource_types
    if has_objects and not has_bucket:
        raise InvalidParameterValue("S3ItemFilters need the resource type S3")
    if has_files and set(scope.resource_types) == {BUCKET_TYPE}:
        raise InvalidParameterValue("EBSItemFilters need a resource type other than S3")


def search_job(
    job_id: str, arn: str, request: SearchRequest, *, account_id: str, site: str, now: datetime
) -> Job:
    return Job(
        id=job_id,
        kind=JobKind.SEARCH,
        account_id=account_id,
        site=site,
        state="CREATED",
        resource_arn=arn,
        resource_type=JOB_TYPE,
        created_at=now,
        request=request.to_json(),
    )


def export_job(job_id: str, arn: str, request: ExportRequest, search: Job, *, now: datetime) -> Job:
    return Job(
        id=job_id,
        kind=JobKind.EXPORT,
        account_id=search.account_id,
        site=search.site,
        state="CREATED",
        resource_arn=arn,
        resource_type=EXPORT_TYPE,
        parent_job_id=search.id,
        created_at=now,
        request=request.to_json(),
    )


def shown_state(state: str) -> str:
    """A search job's state as the API tells it."""
    return _STATES[state]


def states_of(shown: str) -> tuple[str, ...]:
    """All job states that are told as this one."""
    return tuple(state for state, told in _STATES.items() if told == shown)


def shown_export_state(state: str) -> str:
    """An export job's: it is running until it is done."""
    told = _STATES[state]
    return {"STOPPING": "RUNNING", "STOPPED": "FAILED"}.get(told, told)


def export_states_of(shown: str) -> tuple[str, ...]:
    return tuple(state for state in _STATES if shown_export_state(state) == shown)
