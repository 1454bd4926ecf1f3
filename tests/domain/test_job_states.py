"""The ways of a job: every state with every event."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from safehold.domain.job_states import (
    ACTIVE,
    ENDED,
    JobEvent,
    JobState,
    ending,
    exclusive_key,
    follow,
    has_ended,
)
from safehold.domain.jobs import Job, JobKind

# Columns: claim, run, complete, complete partly, fail, expire, request abort, abort
BACKUP = {
    "CREATED": "PENDING - - - FAILED EXPIRED ABORTING ABORTED",
    "PENDING": "PENDING RUNNING - - FAILED EXPIRED ABORTING ABORTED",
    "RUNNING": "RUNNING RUNNING COMPLETED PARTIAL FAILED EXPIRED ABORTING ABORTED",
    "ABORTING": "ABORTING ABORTING COMPLETED PARTIAL FAILED EXPIRED ABORTING ABORTED",
}
RESTORE = {
    "CREATED": "PENDING - - - FAILED FAILED CREATED ABORTED",
    "PENDING": "PENDING RUNNING - - FAILED FAILED PENDING ABORTED",
    "RUNNING": "RUNNING RUNNING COMPLETED COMPLETED FAILED FAILED RUNNING ABORTED",
    "ABORTING": "- - - - - - - -",
}
COPY = {
    "CREATED": "CREATED RUNNING - - FAILED FAILED CREATED FAILED",
    "RUNNING": "RUNNING RUNNING COMPLETED PARTIAL FAILED FAILED RUNNING FAILED",
}
NEVER = "- - - - - - - -"


@pytest.mark.parametrize(
    ("kind", "table"), [(JobKind.BACKUP, BACKUP), (JobKind.RESTORE, RESTORE), (JobKind.COPY, COPY)]
)
def test_the_state_after_an_event(kind: JobKind, table: dict[str, str]) -> None:
    for state in JobState:
        for event, after in zip(JobEvent, table.get(state, NEVER).split(), strict=True):
            wanted = None if after == "-" else after
            assert follow(kind, state, event) == wanted, f"{kind} {state}, {event.name}"


def test_a_job_that_has_ended_stays_as_it_is() -> None:
    assert set(ACTIVE) | set(ENDED) == set(JobState)
    assert all(has_ended(state) for state in ENDED)
    assert not any(follow(kind, state, event) for kind in JobKind for state in ENDED for event in JobEvent)


def test_every_end_has_its_event_and_no_other_state_has() -> None:
    assert {follow(JobKind.BACKUP, "RUNNING", ending(state)) for state in ENDED} == set(ENDED)
    with pytest.raises(KeyError):
        ending(JobState.RUNNING)


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        (JobKind.BACKUP, "arn:r"),
        (JobKind.RESTORE, None),
        (JobKind.INDEX, "index arn:p"),
        (JobKind.COPY, "copy arn:r arn:v"),
    ],
)
def test_what_a_job_keeps_to_itself(kind: JobKind, key: str | None) -> None:
    now = datetime(2030, 1, 1, tzinfo=UTC)
    own = {"recovery_point_arn": "arn:p", "vault_arn": "arn:v"}
    job = Job("j", kind, "1" * 12, "us-east-1", "CREATED", "arn:r", "EFS", now, {}, **own)
    assert exclusive_key(job) == key
