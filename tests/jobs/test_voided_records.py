"""A job whose attempt was revoked after it had written its record makes no point of it, and says so."""

from __future__ import annotations

import shutil

from safehold.store.writers.intent_folder import IntentFolder, Revocation
from tests.jobs.test_runners import House, contents, die_before_the_row, fill, house, restored

__all__ = ["house"]


def test_a_record_that_was_voided_is_not_taken_for_the_jobs_own(house: House) -> None:
    fill(house.tree)
    before = contents(house.tree)
    backup = house.back_up()
    store = house.access.for_reading(house.vault)
    intent_id = store.point(backup.id.lower()).intent_id
    assert intent_id is not None
    revocation = Revocation(version=1, intent_id=intent_id, admitted=[], written_at=1)
    IntentFolder(store.backend, store.keys, store.vault_id).revoke(revocation)
    die_before_the_row(house, backup)
    house.attempt(backup.id)
    job = house.job(backup.id)
    assert (job.state, job.message_category) == ("FAILED", "WriterRevoked")
    assert "Start the job again" in (job.status_message or "")
    assert house.vault.point_count == 0
    again = house.back_up()
    assert again.state == "COMPLETED"
    shutil.rmtree(house.tree)
    assert house.restore(again).state == "COMPLETED"
    assert contents(restored(house)) == before
