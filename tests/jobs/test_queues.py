from __future__ import annotations

import threading
from typing import Any

from safehold.domain.jobs import JobKind
from safehold.jobs.queues import Bell, Queues, Ringing, seconds_between


def test_a_bell_wakes_whoever_waits_and_only_setting_it_ends_the_waiting() -> None:
    bell = Bell()
    bell.ring()
    assert bell.wait(3600) is False, "a ring from before the waiting is heard"
    assert bell.wait(0.001) is False, "it is heard once"
    bell.set()
    assert bell.wait(3600) is True
    assert bell.wait(3600) is True


def test_queues_are_told_of_a_change_at_once_and_again_only_after_their_time() -> None:
    ringing = Ringing({JobKind.BACKUP: 0.1, JobKind.COPY: 0.4})
    assert ringing.due(10.0, is_changed=False) == []
    assert set(ringing.due(10.0, is_changed=True)) == {JobKind.BACKUP, JobKind.COPY}
    assert ringing.due(10.05, is_changed=True) == []
    assert ringing.due(10.2, is_changed=False) == [JobKind.BACKUP], "a change in between is not forgotten"
    assert ringing.due(10.3, is_changed=False) == []
    assert ringing.due(10.5, is_changed=False) == [JobKind.COPY]
    assert ringing.due(99.0, is_changed=False) == []


def test_kinds_that_people_wait_for_are_looked_into_more_often() -> None:
    assert seconds_between(JobKind.RESTORE, 0.1) < seconds_between(JobKind.COPY, 0.1)


def test_one_queue_is_rung_for_its_jobs_and_all_end_together() -> None:
    looks: dict[Any, list[str]] = {kind: [] for kind in JobKind}
    looked = {kind: threading.Semaphore(0) for kind in JobKind}
    threads = []

    def look(bell: threading.Event, queue: Any) -> None:
        threads.append(threading.current_thread())
        while not bell.wait(3600):
            looks[queue].append("look")
            looked[queue].release()

    queues = Queues("postgresql://a.server/of-somebody", 0.12)
    queues.start({kind: kind for kind in JobKind}, look)  # type: ignore[misc]
    queues.ring(JobKind.RESTORE)
    assert looked[JobKind.RESTORE].acquire(timeout=30)
    queues.stop()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert looks == {kind: ["look"] if kind is JobKind.RESTORE else [] for kind in JobKind}


def test_a_server_is_asked_again_and_again_and_a_file_tells_by_itself() -> None:
    server, file = Queues("postgresql://a.server/jobs", 0.12), Queues("sqlite:////tmp/jobs.db", 0.12)
    assert server.poll_seconds(JobKind.BACKUP) == 0.12
    assert file.poll_seconds(JobKind.BACKUP) > 1
