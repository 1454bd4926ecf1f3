"""The store's administrator against a locked vault: whatever the bucket's keys can do, points restore."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from safehold.store.backends.contract import LockMode, Retention
from safehold.store.backends.places import open_place
from safehold.store.backends.retention import generation_end
from safehold.store.custody.point_locks import hold_point
from safehold.store.points.locking import PointLock, repair_versions
from safehold.store.soundness.verify import verify
from safehold.store.vault_store import VaultStore
from tests.fixtures.seaweed import Seaweed
from tests.store.vaults import Tree, back_up, flat, open_store, restore

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

NOW = datetime.now(UTC)
KEPT = Retention(LockMode.COMPLIANCE, generation_end(NOW + timedelta(days=1)))
FIRST: Tree = {
    b"small": b"few bytes",
    b"folder": {b"%d" % n: b"%d" % n * 100 for n in range(50)},
    b"large": bytes(range(256)) * (8 << 10) + b"end",
}
SECOND: Tree = {**FIRST, b"new": b"since then", b"folder": {b"0": b"changed"}}


class Attacker:
    """Everything that the administrator of the store can do to what lies under a prefix."""

    def __init__(self, client: S3Client, bucket: str, prefix: str) -> None:
        self.client = client
        self.bucket = bucket
        self.prefix = prefix
        self.refused: list[str] = []

    def keys(self) -> list[str]:
        listed = self.client.list_object_versions(Bucket=self.bucket, Prefix=self.prefix)
        return sorted({version["Key"] for version in listed["Versions"]})

    def versions(self) -> Iterator[tuple[str, str]]:
        listed = self.client.list_object_versions(Bucket=self.bucket, Prefix=self.prefix)
        for entry in [*listed.get("Versions", []), *listed.get("DeleteMarkers", [])]:
            yield entry["Key"], entry["VersionId"]

    def attempt(self, operation: str, **arguments: object) -> None:
        try:
            getattr(self.client, operation)(Bucket=self.bucket, **arguments)
        except ClientError:
            self.refused.append(operation)

    def delete_and_overwrite_everything(self) -> None:
        for key in self.keys():
            self.attempt("put_object", Key=key, Body=b"gone")
            self.attempt("delete_object", Key=key)
            self.attempt("put_object", Key=key, Body=b"SAFEHOLD" + bytes(3000))

    def mark_everything(self) -> None:
        for key in self.keys():
            self.attempt("delete_object", Key=key)

    def weaken_everything(self) -> None:
        soon = datetime.now(UTC) + timedelta(seconds=2)
        weaker = [{"Mode": mode, "RetainUntilDate": soon} for mode in ("GOVERNANCE", "COMPLIANCE")]
        for (key, version), retention, bypass in product(list(self.versions()), [*weaker, {}], (False, True)):
            self.attempt(
                "put_object_retention",
                Key=key,
                VersionId=version,
                Retention=retention,
                BypassGovernanceRetention=bypass,
            )

    def delete_every_version(self) -> None:
        for key, version in list(self.versions()):
            for bypass in (False, True):
                self.attempt("delete_object", Key=key, VersionId=version, BypassGovernanceRetention=bypass)


@pytest.fixture
def vault() -> str:
    return uuid.uuid4().hex


@pytest.fixture
def url(seaweed: Seaweed, locking_bucket: str) -> str:
    return seaweed.url(locking_bucket, "site")


@pytest.fixture
def attacker(seaweed: Seaweed, locking_bucket: str, vault: str) -> Attacker:
    return Attacker(seaweed.client(), locking_bucket, f"site/{vault}/")


def opened(url: str, vault: str, *, create: bool = False) -> VaultStore:
    return open_store(open_place(url, vault, create=create))


def fill(url: str, vault: str) -> None:
    """Two points, the second builds on the first."""
    store = opened(url, vault, create=True)
    back_up(store, "first", FIRST, lock=PointLock(KEPT, None))
    parent = store.point("first")
    back_up(opened(url, vault), "second", SECOND, previous="first", lock=PointLock(KEPT, parent))


def assert_restores(url: str, vault: str) -> None:
    store = opened(url, vault)
    assert list(store.points()) == ["first", "second"]
    assert restore(store, "first") == flat(FIRST)
    assert restore(opened(url, vault), "second") == flat(SECOND)


def test_all_points_restore_whatever_the_stores_administrator_does(
    url: str, vault: str, attacker: Attacker
) -> None:
    fill(url, vault)
    for _ in range(2):
        attacker.weaken_everything()
        attacker.delete_every_version()
        attacker.delete_and_overwrite_everything()
        attacker.mark_everything()
    assert {"put_object_retention", "delete_object"} <= set(attacker.refused)
    assert_restores(url, vault)
    report = verify(opened(url, vault), read_data=True)
    assert report.problem_count == 0
    assert report.intruder_count > 10
    assert not report.is_well


def test_repairing_versions_takes_away_what_others_put_there_and_nothing_else(
    url: str, vault: str, attacker: Attacker
) -> None:
    fill(url, vault)
    before = set(attacker.versions())
    attacker.delete_and_overwrite_everything()
    attacker.mark_everything()
    added = set(attacker.versions()) - before
    told = repair_versions(opened(url, vault).backend)
    assert (told.removed, told.kept) == (len(added), 0)
    assert set(attacker.versions()) == before
    assert verify(opened(url, vault), read_data=True).is_well
    assert_restores(url, vault)


def test_backups_go_on_in_a_vault_that_was_attacked(url: str, vault: str, attacker: Attacker) -> None:
    fill(url, vault)
    attacker.delete_and_overwrite_everything()
    attacker.mark_everything()
    store = opened(url, vault)
    back_up(store, "third", FIRST, previous="second", lock=PointLock(KEPT, store.point("second")))
    attacker.mark_everything()
    assert restore(opened(url, vault), "third") == flat(FIRST)


def test_garbage_that_was_there_before_a_point_does_not_pass_for_it(
    url: str, vault: str, attacker: Attacker
) -> None:
    store = opened(url, vault, create=True)
    back_up(store, "first", FIRST, lock=PointLock(KEPT, None))
    key = f"{attacker.prefix}points/second"
    attacker.attempt("put_object", Key=key, Body=b"SAFEHOLD" + bytes(3000))
    attacker.attempt("delete_object", Key=key)
    back_up(
        opened(url, vault), "second", SECOND, previous="first", lock=PointLock(KEPT, store.point("first"))
    )
    assert_restores(url, vault)
    assert repair_versions(opened(url, vault).backend).removed == 2
    assert_restores(url, vault)


def test_a_held_point_restores_although_nothing_else_keeps_it(
    url: str, vault: str, attacker: Attacker
) -> None:
    store = opened(url, vault, create=True)
    back_up(store, "first", FIRST)
    hold_point(store, "first")
    attacker.delete_every_version()
    attacker.mark_everything()
    assert restore(opened(url, vault), "first") == flat(FIRST)


def test_without_a_lock_the_same_attack_destroys_the_vault(url: str, vault: str, attacker: Attacker) -> None:
    back_up(opened(url, vault, create=True), "first", FIRST)
    attacker.delete_every_version()
    assert list(attacker.versions()) == []
