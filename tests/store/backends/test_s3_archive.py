"""What S3 answers about archived objects, as its reference says, and what a store without an archive does."""

from __future__ import annotations

import base64
import io
import uuid
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from safehold.core.errors import ConfigError, NotRetrieved, ObjectMissing, StoreUnavailable
from safehold.store.backends.contract import Availability, Reading
from safehold.store.backends.places import check_storage, open_cold_place, open_place
from safehold.store.backends.retry import RetryBackend
from safehold.store.backends.s3 import S3Backend
from safehold.store.backends.s3_connection import S3Place, parse_place
from safehold.store.backends.s3_locks import open_s3
from safehold.store.cold.cold import cool
from safehold.store.collect.collection import Collection
from safehold.store.collect.settings import CollectionSettings
from safehold.store.soundness.verify import verify
from tests.fixtures.seaweed import Seaweed
from tests.store.archives import two_places
from tests.store.cold.test_cold import TREES
from tests.store.collect.worlds import VaultWorld
from tests.store.vaults import back_up, flat, restore

PLACE = S3Place("archive", "v/", storage_class="GLACIER", retrieval_days=3, retrieval_tier="Bulk")
OBJECT = {"Bucket": "archive", "Key": "v/cold/a"}


@pytest.fixture
def stub() -> Iterator[Stubber]:
    client = boto3.session.Session().client(
        "s3", region_name="us-east-1", aws_access_key_id="k", aws_secret_access_key="s"
    )
    with Stubber(client) as stub:
        yield stub
        stub.assert_no_pending_responses()


@pytest.fixture
def backend(stub: Stubber) -> S3Backend:
    return S3Backend(PLACE, stub.client)


def say(stub: Stubber, **answer: Any) -> None:
    stub.add_response("head_object", {"ContentLength": 5, **answer}, OBJECT)


def test_an_archived_object_is_asked_for_comes_and_goes_again(stub: Stubber, backend: S3Backend) -> None:
    assert backend.reading is Reading.ASKED
    part = {**OBJECT, "Range": "bytes=0-0"}
    say(stub, StorageClass="GLACIER")
    stub.add_client_error("get_object", "InvalidObjectState", http_status_code=403, expected_params=part)
    assert backend.availability("cold/a") is Availability.ARCHIVED
    wanted = {"Days": 3, "GlacierJobParameters": {"Tier": "Bulk"}}
    stub.add_response("restore_object", {}, {**OBJECT, "RestoreRequest": wanted})
    backend.retrieve("cold/a")
    say(stub, StorageClass="GLACIER", Restore='ongoing-request="true"')
    assert backend.availability("cold/a") is Availability.COMING
    expiry = 'ongoing-request="false", expiry-date="Fri, 21 Dec 2012 00:00:00 GMT"'
    say(stub, StorageClass="GLACIER", Restore=expiry)
    assert backend.availability("cold/a") is Availability.READABLE


@pytest.mark.parametrize(
    ("told", "is_asked"),
    [({}, False), ({"StorageClass": "GLACIER_IR"}, False), ({"StorageClass": "NEWER"}, False)],
)
def test_other_classes_are_read_at_once(
    stub: Stubber, backend: S3Backend, told: dict[str, str], is_asked: bool
) -> None:
    say(stub, **told)
    assert (backend.availability("cold/a") is not Availability.READABLE) is is_asked


def test_a_store_that_notes_the_class_and_reads_all_the_same_is_read(
    stub: Stubber, backend: S3Backend
) -> None:
    say(stub, StorageClass="DEEP_ARCHIVE")
    stub.add_response("get_object", {"Body": io.BytesIO(b"x")}, {**OBJECT, "Range": "bytes=0-0"})
    assert backend.availability("cold/a") is Availability.READABLE


@pytest.mark.parametrize("code", ["RestoreAlreadyInProgress", "ObjectAlreadyInActiveTierError"])
def test_what_was_asked_for_before_is_on_its_way(stub: Stubber, backend: S3Backend, code: str) -> None:
    stub.add_client_error("restore_object", code, http_status_code=409)
    backend.retrieve("cold/a")
    stub.assert_no_pending_responses()


@pytest.mark.slow
def test_an_archive_without_room_for_requests_is_a_trouble_that_passes(
    stub: Stubber, backend: S3Backend
) -> None:
    stub.add_client_error("restore_object", "GlacierExpeditedRetrievalNotAvailable", http_status_code=503)
    with pytest.raises(StoreUnavailable):
        backend.retrieve("cold/a")
    stub.add_client_error("head_object", "404", http_status_code=404)
    with pytest.raises(ObjectMissing):
        backend.availability("cold/a")


def test_what_was_not_asked_for_is_not_tried_again(stub: Stubber, backend: S3Backend) -> None:
    stub.add_client_error("get_object", "InvalidObjectState", http_status_code=403)
    with pytest.raises(NotRetrieved) as refused:
        RetryBackend(backend).get("cold/a")
    assert "restore job" in refused.value.hint


@pytest.mark.parametrize(
    ("told", "is_known"),
    [
        (base64.b64encode(sha256(b"hello").digest()).decode(), True),
        ("", False),
        (base64.b64encode(sha256(b"hello").digest()).decode() + "-2", False),
        ("AAAA", False),
    ],
    ids=["whole", "none", "of parts", "short"],
)
def test_a_checksum_counts_when_it_is_of_the_whole_object(
    stub: Stubber, backend: S3Backend, told: str, is_known: bool
) -> None:
    answer = {"ContentLength": 5, **({"ChecksumSHA256": told} if told else {})}
    stub.add_response("head_object", answer, {**OBJECT, "ChecksumMode": "ENABLED"})
    assert backend.digest("cold/a") == (sha256(b"hello").digest() if is_known else None)


def test_the_class_stands_in_every_put(stub: Stubber, backend: S3Backend) -> None:
    checksum = base64.b64encode(sha256(b"hello").digest()).decode()
    expected = {**OBJECT, "Body": b"hello", "IfNoneMatch": "*", "ChecksumSHA256": checksum}
    stub.add_response("put_object", {}, {**expected, "StorageClass": "GLACIER"})
    backend.put("cold/a", [b"hello"])


# -- how it is written down


def test_a_cold_place_is_written_with_its_class() -> None:
    url = "s3://b/p?storage_class=DEEP_ARCHIVE&retrieval_days=10&retrieval_tier=Bulk&region=eu-1"
    place = parse_place(url)
    assert (place.storage_class, place.retrieval_days, place.retrieval_tier) == ("DEEP_ARCHIVE", 10, "Bulk")
    assert place.reading is Reading.ASKED
    assert parse_place("s3://b/p").reading is Reading.FREE
    assert parse_place("s3://b/p?storage_class=GLACIER_IR").reading is Reading.PAID


@pytest.mark.parametrize(
    "option",
    [
        "storage_class=COLDEST",
        "retrieval_days=0",
        "retrieval_days=1000",
        "retrieval_days=x",
        "retrieval_tier=Fast",
    ],
)
def test_what_no_store_knows_is_refused_with_what_to_write(option: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_place(f"s3://b/p?{option}")
    assert refused.value.hint


def test_a_warm_place_has_no_storage_class() -> None:
    for ask in (lambda url: check_storage(url), lambda url: open_place(url, "v", create=False)):
        with pytest.raises(ConfigError, match="no storage class of its own"):
            ask("s3://b/p?storage_class=GLACIER")


# -- on a real store


def test_a_bucket_of_its_own_with_a_class_takes_points_and_gives_them_back(
    seaweed: Seaweed, plain_bucket: str, locking_bucket: str
) -> None:
    vault_id = uuid.uuid4().hex
    warm = open_place(seaweed.url(plain_bucket, "warm"), vault_id, create=True)
    url = seaweed.url(locking_bucket, "cold") + "&storage_class=DEEP_ARCHIVE"
    assert open_cold_place(url, vault_id, False) is None
    cold = open_cold_place(url, vault_id, True)
    assert cold is not None
    world = VaultWorld(two_places(warm, cold))
    back_up(world.store(), "old", TREES["old"])
    back_up(world.store(), "new", TREES["new"], previous="old")
    cool(world.store(), "old", now=world.now)
    settings = CollectionSettings(grace_seconds=0, trash_seconds=0, most_dead_percent=100.0)
    for _ in range(4):
        Collection(world.store(), world.clock, settings=settings, fence=world.fence).run()
    names = [info.name for info in cold.list("")]
    assert names
    assert {name.split("/")[0] for name in names} == {"cold"}
    place = replace(parse_place(url).below(vault_id))
    head = seaweed.client().head_object(Bucket=place.bucket, Key=place.prefix + names[0])
    assert head["StorageClass"] == "DEEP_ARCHIVE"
    assert open_s3(place).availability(names[0]) is Availability.READABLE  # this store keeps no archive
    assert verify(world.store(), read_data=True).problems == []
    for point in ("old", "new"):
        assert restore(world.store(), point) == flat(TREES[point])
    again = open_cold_place(url, vault_id, False)
    assert again is not None
    assert [info.name for info in again.list("")] == names
