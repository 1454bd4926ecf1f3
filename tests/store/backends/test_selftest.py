"""A store shows what it can before a vault is put there."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from safehold.core.errors import ConfigError
from safehold.store.backends.places import check_storage, lock_trouble, open_place
from safehold.store.backends.s3_connection import S3Place, connect, parse_place
from safehold.store.backends.selftest import Abilities, require, self_test
from tests.fixtures.seaweed import Seaweed

PLAIN = Abilities()
LOCKING = Abilities(keeps_versions=True, says_it_locks=True, locks=True)


def site(seaweed: Seaweed, bucket: str) -> S3Place:
    return parse_place(seaweed.url(bucket, uuid.uuid4().hex))


@contextmanager
def changed(place: S3Place, operation: str, change: Callable[[dict[str, object]], object]) -> Iterator[None]:
    """A store that does not see a part of what it is asked: the request goes there without it."""
    events, event = connect(place).meta.events, f"provide-client-params.s3.{operation}"

    def apply(params: dict[str, object], **details: object) -> dict[str, object]:
        asked = dict(params)
        change(asked)
        return asked

    events.register(event, apply)
    try:
        yield
    finally:
        events.unregister(event, apply)


def test_a_plain_bucket_can_all_but_lock(seaweed: Seaweed, plain_bucket: str) -> None:
    place = site(seaweed, plain_bucket)
    assert self_test(place) == PLAIN
    listed = seaweed.client().list_objects_v2(Bucket=plain_bucket, Prefix=place.prefix)
    assert listed.get("Contents", []) == []


def test_a_bucket_with_object_lock_can_all_and_keeps_one_object_for_a_while(
    seaweed: Seaweed, locking_bucket: str
) -> None:
    place = site(seaweed, locking_bucket)
    assert self_test(place) == LOCKING
    versions = seaweed.client().list_object_versions(Bucket=locking_bucket, Prefix=place.prefix)
    assert len(versions.get("Versions", [])) == 1
    assert versions.get("DeleteMarkers", []) == []


def test_a_store_that_ignores_conditions_is_found_out(seaweed: Seaweed, plain_bucket: str) -> None:
    place = site(seaweed, plain_bucket)
    with changed(place, "PutObject", lambda asked: asked.pop("IfNoneMatch", None)):
        assert self_test(place) == replace(PLAIN, decides_races=False)


def test_a_store_that_ignores_ranges_is_found_out(seaweed: Seaweed, plain_bucket: str) -> None:
    place = site(seaweed, plain_bucket)
    with changed(place, "GetObject", lambda asked: asked.pop("Range", None)):
        assert self_test(place) == replace(PLAIN, reads_ranges=False)


def test_a_store_that_ignores_checksums_is_told(seaweed: Seaweed, plain_bucket: str) -> None:
    place = site(seaweed, plain_bucket)
    with changed(place, "PutObject", lambda asked: asked.pop("ChecksumSHA256", None)):
        found = self_test(place)
    assert found == replace(PLAIN, checks_bytes=False)
    require(found, place)  # frames authenticate by themselves


def test_a_store_that_lists_late_is_found_out(seaweed: Seaweed, plain_bucket: str) -> None:
    place = site(seaweed, plain_bucket)
    with changed(place, "ListObjectsV2", lambda asked: asked.update(Prefix="elsewhere/")):
        assert self_test(place) == replace(PLAIN, lists_at_once=False)


def test_a_store_that_says_it_locks_and_does_not_is_found_out(seaweed: Seaweed, locking_bucket: str) -> None:
    place = site(seaweed, locking_bucket)

    def forget(asked: dict[str, object]) -> None:
        asked.pop("ObjectLockMode", None)
        asked.pop("ObjectLockRetainUntilDate", None)

    with changed(place, "PutObject", forget):
        found = self_test(place)
    assert found == replace(LOCKING, locks=False)


def test_a_bucket_that_locks_everything_by_itself_is_refused_before_anything_is_put(seaweed: Seaweed) -> None:
    client, bucket = seaweed.client(), f"default-{uuid.uuid4().hex[:8]}"
    client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 30}}
    client.put_object_lock_configuration(
        Bucket=bucket,
        ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule},  # type: ignore[typeddict-item]
    )
    url = seaweed.url(bucket, "site")
    for ask in (lambda: check_storage(url), lambda: open_place(url, "v", create=True)):
        with pytest.raises(ConfigError, match="GOVERNANCE 30 days") as told:
            ask()
        assert "default retention" in told.value.hint
    assert client.list_object_versions(Bucket=bucket).get("Versions", []) == []


def test_whether_a_vaults_place_still_locks_is_asked_again(
    seaweed: Seaweed, locking_bucket: str, plain_bucket: str
) -> None:
    """A bucket that was right when the vault was put there may be set otherwise since."""
    assert lock_trouble(seaweed.url(locking_bucket, "site"), "v") is None
    assert lock_trouble(seaweed.url(plain_bucket, "site"), "v") == "its bucket has no object lock"
    client, bucket = seaweed.client(), f"later-{uuid.uuid4().hex[:8]}"
    client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    assert lock_trouble(seaweed.url(bucket, "site"), "v") is None
    rule = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 3}}
    client.put_object_lock_configuration(
        Bucket=bucket,
        ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule},  # type: ignore[typeddict-item]
    )
    told = lock_trouble(seaweed.url(bucket, "site"), "v")
    assert told == "its bucket locks every object by itself (COMPLIANCE 3 days)"


@pytest.mark.parametrize(
    ("lacking", "told"),
    [
        (replace(PLAIN, decides_races=False), "races"),
        (replace(PLAIN, reads_ranges=False), "parts"),
        (replace(PLAIN, lists_at_once=False), "list"),
        (replace(LOCKING, locks=False), "lets them go"),
        (replace(LOCKING, default_retention="COMPLIANCE 1 years"), "COMPLIANCE 1 years"),
    ],
)
def test_what_is_lacking_is_told_with_what_to_do(lacking: Abilities, told: str) -> None:
    with pytest.raises(ConfigError, match=told) as error:
        require(lacking, S3Place("b", "p/"))
    assert error.value.hint


@pytest.mark.parametrize("found", [PLAIN, LOCKING, replace(PLAIN, keeps_versions=True)])
def test_a_store_that_can_what_vaults_need_is_taken(found: Abilities) -> None:
    require(found, S3Place("b", "p/"))
