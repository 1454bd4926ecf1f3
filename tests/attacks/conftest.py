"""A house whose vault is locked and holds two points, and all means of its attackers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from safehold.api.call import ApiConfig, Principal
from safehold.api.local import LocalClient
from safehold.domain import arns
from safehold.domain.backup_requests import BackupRequest
from safehold.domain.jobs import Job
from safehold.domain.lifecycle import Lifecycle
from safehold.jobs.lock_keeping import LockKeeping
from safehold.records import settings, tables
from tests.jobs.test_runners import SITE, House, contents, fill
from tests.jobs.test_runners import house as house

DAY = timedelta(days=1)
NEVER_PAGED = ApiConfig(page_key=b"k" * 32)


class Besieged:
    """A house under attack. `before`: what the tree was like when each point was taken."""

    def __init__(self, house: House, storage_url: str | None = None) -> None:
        self.house = house
        if storage_url is not None:
            with house.catalog.begin() as tx:
                tx.execute(update(tables.site).values(storage_url=storage_url))
        fill(house.tree)
        self.points: list[Job] = []
        self.before: list[dict[str, bytes | str]] = []
        self._restores = 0
        self.back_up()
        (house.tree / "since").write_bytes(b"since")
        self.back_up()

    def back_up(self) -> None:
        job = self.house.back_up(BackupRequest(lifecycle=Lifecycle(delete_after_days=35)))
        assert job.state == "COMPLETED", job.status_message
        self.points.append(job)
        self.before.append(contents(self.house.tree))

    def client(self) -> LocalClient:
        """As the account's root, with whom no policy and no role stands in the way."""
        account = self.house.account_id
        root = Principal(account_id=account, arn=arns.root_arn(account), user_id=account)
        return LocalClient(self.house.catalog, NEVER_PAGED, principal=root, site=SITE, clock=self.house.clock)

    def lock(self, **wanted: int) -> None:
        """As its owner does: the keys are kept elsewhere, the lock is put, workers do their part."""
        with self.house.catalog.begin() as tx:
            settings.put_key_export(tx, self.house.vault, is_proved=True, now=self.house.clock.at)
        self.client().call("PutBackupVaultLockConfiguration", BackupVaultName="Default", **wanted)
        self.keep()

    def lock_for_ever(self) -> None:
        self.lock(ChangeableForDays=3)
        self.house.clock.at += 3 * DAY
        self.keep()

    def keep(self) -> None:
        LockKeeping(self.house.catalog, self.house.access, self.house.clock).work()

    def named(self, number: int = 0) -> dict[str, Any]:
        """The request members that name a point."""
        return {"BackupVaultName": "Default", "RecoveryPointArn": self.points[number].recovery_point_arn}

    def assert_restores(self) -> None:
        """Both points are listed and come back as the tree was."""
        listed = self.client().call("ListRecoveryPointsByBackupVault", BackupVaultName="Default")
        statuses = {each["RecoveryPointArn"]: each["Status"] for each in listed["RecoveryPoints"]}
        assert statuses == {job.recovery_point_arn: "COMPLETED" for job in self.points}
        for number, job in enumerate(self.points):
            self._restores += 1
            restored = self.house.restore(job, CreationToken=str(self._restores))
            assert (restored.state, restored.status_message) == ("COMPLETED", None)
            assert contents(self.house.writable / str(self._restores)) == self.before[number]


@pytest.fixture
def besieged(house: House, mortal: None) -> Besieged:
    """In a local folder, not locked yet."""
    return Besieged(house)
