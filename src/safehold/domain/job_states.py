"""Which states a job passes through. Pure: a table of states and events for each kind of job.

Source: AWS Backup Developer Guide, "Job statuses"; model 2018-11-15, `BackupJobState`, `RestoreJobStatus`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from safehold.domain.jobs import Job, JobKind


class JobState(StrEnum):
    CREATED = "CREATED"  # accepted; waits inside its start window
    PENDING = "PENDING"  # a worker has it and is about to run it
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    PARTIAL = "PARTIAL"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"
    ABORTING = "ABORTING"
    ABORTED = "ABORTED"


class JobEvent(StrEnum):
    CLAIM = "a worker takes it, for the first time or again"
    RUN = "its work begins, or goes on after a crash"
    COMPLETE = "all was done"
    COMPLETE_PARTLY = "some of it was lost"
    FAIL = "it cannot be done"
    EXPIRE = "a window of time has ended"
    REQUEST_ABORT = "somebody asks to stop it"
    ABORT = "it has stopped"


_ENDINGS = {
    JobEvent.COMPLETE: JobState.COMPLETED,
    JobEvent.COMPLETE_PARTLY: JobState.PARTIAL,
    JobEvent.FAIL: JobState.FAILED,
    JobEvent.EXPIRE: JobState.EXPIRED,
    JobEvent.ABORT: JobState.ABORTED,
}
_UNSTARTED = {event: state for event, state in _ENDINGS.items() if "COMPLETE" not in event.name}

_BACKUP: Mapping[JobState, Mapping[JobEvent, JobState]] = {
    JobState.CREATED: _UNSTARTED
    | {JobEvent.CLAIM: JobState.PENDING, JobEvent.REQUEST_ABORT: JobState.ABORTING},
    JobState.PENDING: _UNSTARTED
    | {
        JobEvent.CLAIM: JobState.PENDING,
        JobEvent.RUN: JobState.RUNNING,
        JobEvent.REQUEST_ABORT: JobState.ABORTING,
    },
    # A job never goes back: the attempt after a crash is still RUNNING to those who watch.
    JobState.RUNNING: _ENDINGS
    | {
        JobEvent.CLAIM: JobState.RUNNING,
        JobEvent.RUN: JobState.RUNNING,
        JobEvent.REQUEST_ABORT: JobState.ABORTING,
    },
    # What was done before the request was seen stays done.
    JobState.ABORTING: _ENDINGS
    | {
        JobEvent.CLAIM: JobState.ABORTING,
        JobEvent.RUN: JobState.ABORTING,
        JobEvent.REQUEST_ABORT: JobState.ABORTING,
    },
}

# Restore jobs know neither PARTIAL, EXPIRED nor ABORTING.
_RESTORE_INSTEAD = {
    JobState.PARTIAL: JobState.COMPLETED,
    JobState.EXPIRED: JobState.FAILED,
}
_RESTORE: Mapping[JobState, Mapping[JobEvent, JobState]] = {
    state: {
        event: state if event is JobEvent.REQUEST_ABORT else _RESTORE_INSTEAD.get(after, after)
        for event, after in table.items()
    }
    for state, table in _BACKUP.items()
    if state is not JobState.ABORTING
}

# Nobody stops a copy, and it has no window: it waits, runs, and ends well or not.
_COPY_INSTEAD = {
    JobState.PENDING: JobState.CREATED,
    JobState.EXPIRED: JobState.FAILED,
    JobState.ABORTED: JobState.FAILED,
}
_COPY: Mapping[JobState, Mapping[JobEvent, JobState]] = {
    state: {
        event: state if event is JobEvent.REQUEST_ABORT else _COPY_INSTEAD.get(after, after)
        for event, after in table.items()
    }
    for state, table in (
        (JobState.CREATED, _BACKUP[JobState.PENDING]),
        (JobState.RUNNING, _BACKUP[JobState.RUNNING]),
    )
}

_TABLES = {
    JobKind.BACKUP: _BACKUP,
    JobKind.RESTORE: _RESTORE,
    JobKind.COPY: _COPY,
    JobKind.INDEX: _RESTORE,
    JobKind.SEARCH: _BACKUP,
    JobKind.SCAN: _BACKUP,
    JobKind.EXPORT: _RESTORE,
}

ACTIVE = (JobState.CREATED, JobState.PENDING, JobState.RUNNING, JobState.ABORTING)
ENDED = tuple(state for state in JobState if state not in ACTIVE)


def follow(kind: JobKind, state: str, event: JobEvent) -> JobState | None:
    """The state after the event, or None when nothing may come of it (the job has ended)."""
    return _TABLES[kind].get(JobState(state), {}).get(event)


def has_ended(state: str) -> bool:
    return state in ENDED


def ending(state: JobState) -> JobEvent:
    """The event that ends a job in `state`. Raises KeyError for a state that is no end."""
    return {after: event for event, after in _ENDINGS.items()}[state]


def exclusive_key(job: Job) -> str | None:
    """What only one job at a time may hold, or None. A resource has one backup job; restores keep off nobody.

    A point is indexed by one job at a time, and scanned by one.
    A resource's points are copied to one vault one after the other,
    so that each builds on the one before; copies keep no backup waiting.
    Source: AWS Backup Developer Guide, "Quotas": one concurrent backup or copy job per resource.
    """
    if job.kind in (JobKind.INDEX, JobKind.SCAN):
        return f"{job.kind} {job.recovery_point_arn}"
    if job.kind is JobKind.COPY:
        return f"copy {job.resource_arn} {job.vault_arn}"
    return job.resource_arn if job.kind is JobKind.BACKUP else None
