from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from safehold.core.errors import ObjectExists
from safehold.store.backends.cache import CacheBackend
from safehold.store.backends.contract import Backend, LockingBackend, locking
from safehold.store.backends.first_written import FirstWritten
from safehold.store.backends.s3 import S3Backend
from safehold.store.backends.s3_connection import S3Place, parse_place
from safehold.store.backends.s3_locks import LockingS3Backend, open_s3
from tests.fixtures.seaweed import Seaweed
from tests.store.backends.locking_contract import GOVERNANCE, SOON, LockingContract, Retention


@pytest.fixture
def place(seaweed: Seaweed, locking_bucket: str) -> S3Place:
    return parse_place(seaweed.url(locking_bucket, uuid.uuid4().hex))


@pytest.fixture
def backend(place: S3Place) -> LockingS3Backend:
    opened = open_s3(place)
    assert isinstance(opened, LockingS3Backend)
    return opened


class TestLockingS3Backend(LockingContract):
    @pytest.fixture(autouse=True)
    def _place(self, place: S3Place) -> None:
        self.place = place

    def make(self, folder: Path) -> LockingBackend:
        found = locking(open_s3(self.place))
        assert found is not None
        return found


class TestFirstWritten(LockingContract):
    """Where nobody else was, what was written first is what is there."""

    @pytest.fixture(autouse=True)
    def _place(self, place: S3Place) -> None:
        self.place = place

    def make(self, folder: Path) -> LockingBackend:
        return FirstWritten(CacheBackend(open_s3(self.place)), lambda backend, name: True)


@pytest.mark.real
class TestLockingS3BackendInParts(LockingContract):
    @pytest.fixture(autouse=True)
    def _place(self, place: S3Place) -> None:
        self.place = place

    def make(self, folder: Path) -> LockingBackend:
        client = S3Backend.open(self.place).client
        return LockingS3Backend(self.place, client, can_lock=True, multipart_bytes=1)


def test_a_bucket_is_taken_for_what_it_is(seaweed: Seaweed, plain_bucket: str, locking_bucket: str) -> None:
    plain: Backend = open_s3(parse_place(seaweed.url(plain_bucket)))
    assert locking(plain) is None
    assert locking(open_s3(parse_place(seaweed.url(locking_bucket)))) is not None
    client = seaweed.client()
    versioned = f"versioned-{uuid.uuid4().hex[:8]}"
    client.create_bucket(Bucket=versioned)
    client.put_bucket_versioning(Bucket=versioned, VersioningConfiguration={"Status": "Enabled"})
    opened = open_s3(parse_place(seaweed.url(versioned)))
    assert isinstance(opened, LockingS3Backend)
    assert locking(opened) is None
    opened.put("packs/a", [b"x"])
    opened.delete("packs/a")
    assert list(opened.versions("")) == []


def test_what_others_did_to_a_name_shows_oldest_first(backend: LockingS3Backend, seaweed: Seaweed) -> None:
    attacker, key = seaweed.client(), f"{backend.place.prefix}packs/a"
    backend.put_locked("packs/a", [b"ours"], Retention(GOVERNANCE, SOON))
    attacker.put_object(Bucket=backend.place.bucket, Key=key, Body=b"theirs")
    attacker.delete_object(Bucket=backend.place.bucket, Key=key)
    attacker.put_object(Bucket=backend.place.bucket, Key=key, Body=b"again")
    found = list(backend.versions("packs/"))
    assert [version.is_marker for version in found if version.is_marker] == [True]
    kept = [version for version in found if not version.is_marker]
    assert [backend.get_version(version) for version in kept] == [b"ours", b"theirs", b"again"]


def test_our_deletion_leaves_neither_versions_nor_marks(backend: LockingS3Backend, seaweed: Seaweed) -> None:
    attacker, key = seaweed.client(), f"{backend.place.prefix}packs/a"
    backend.put("packs/a", [b"ours"])
    backend.put("packs/ab", [b"another"])
    attacker.put_object(Bucket=backend.place.bucket, Key=key, Body=b"theirs")
    attacker.delete_object(Bucket=backend.place.bucket, Key=key)
    backend.delete("packs/a")
    assert [version.name for version in backend.versions("packs/")] == ["packs/ab"]


def test_a_put_locked_that_arrived_without_an_answer_is_done_and_locked(backend: LockingS3Backend) -> None:
    from tests.store.backends.test_s3 import answers_lost

    with answers_lost(backend, "PutObject", arrives=True) as lost:
        backend.put_locked("packs/a", [b"x"], Retention(GOVERNANCE, SOON))
    assert lost
    (version,) = backend.versions_of("packs/a")
    assert backend.retention(version) == Retention(GOVERNANCE, SOON)
    with pytest.raises(ObjectExists):
        backend.put("packs/a", [b"x"])
