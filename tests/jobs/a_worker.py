"""A worker process whose jobs only pass time: `python a_worker.py CATALOG_URL JOBS_URL LEASE [LIFELINES]`.

A job's request says for how many `seconds` it runs, in all attempts together, and for which `gate`, a file,
it waits before that, parked. Of restore jobs one runs at a time. It prints `ready` when it is.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from safehold.core import log
from safehold.core.clock import SystemClock
from safehold.domain.job_states import JobState
from safehold.domain.jobs import JobKind
from safehold.jobs.context import JobContext, Runner
from safehold.jobs.engine import EngineSettings
from safehold.jobs.outcome import Outcome
from safehold.jobs.worker import Worker, WorkerSettings, work_until_told
from safehold.records.engine import Catalog

PIECE_SECONDS = 0.05
PARKED_SECONDS = 0.2
LIMITS = dict.fromkeys(JobKind, 2) | {JobKind.RESTORE: 1}


def run(context: JobContext) -> Outcome:
    gate = context.job.request.get("gate")
    if gate is not None and not Path(gate).exists():
        context.park(PARKED_SECONDS, "Waiting for the gate.")
    pieces = round(context.job.request["seconds"] / PIECE_SECONDS)
    first = context.find_checkpoint("done") or 0
    for done in range(first, pieces):
        context.progress(done, pieces)
        time.sleep(PIECE_SECONDS)
        context.put_checkpoint("done", done + 1)
    return Outcome(JobState.COMPLETED, facts={"went_on_at": first})


def main(catalog_url: str, jobs_url: str, lease: str, lifelines: str = "") -> None:
    log.configure()
    settings = WorkerSettings(
        EngineSettings(jobs_url, LIMITS), float(lease), lifelines=Path(lifelines) if lifelines else None
    )
    worker = Worker(settings, Catalog(catalog_url), dict.fromkeys(JobKind, Runner(run)), SystemClock())
    ending = work_until_told(worker, ready=lambda node_id: print("ready", node_id, flush=True))
    os._exit(ending)


if __name__ == "__main__":
    main(*sys.argv[1:])
