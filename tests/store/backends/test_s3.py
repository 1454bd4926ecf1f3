from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ReadTimeoutError

from safehold.core.errors import ConfigError, Damaged, ObjectExists, ObjectMissing, StoreUnavailable
from safehold.store.backends.contract import Backend
from safehold.store.backends.places import check_storage, open_place
from safehold.store.backends.s3 import S3Backend
from safehold.store.backends.s3_connection import S3Place, parse_place
from safehold.store.soundness.verify import verify
from tests.fixtures.seaweed import Seaweed
from tests.store.backends.contract import BackendContract
from tests.store.vaults import Tree, back_up, flat, open_store, restore

Call = Callable[..., object]


@pytest.fixture
def place(seaweed: Seaweed, plain_bucket: str) -> S3Place:
    """A prefix of the test's own."""
    return parse_place(seaweed.url(plain_bucket, uuid.uuid4().hex))


@pytest.fixture
def backend(place: S3Place) -> S3Backend:
    return S3Backend.open(place)


class TestS3Backend(BackendContract):
    @pytest.fixture(autouse=True)
    def _place(self, place: S3Place) -> None:
        self.place = place

    def make(self, folder: Path) -> Backend:
        return S3Backend.open(self.place)


@pytest.mark.real
class TestS3BackendInParts(BackendContract):
    """Everything as a multipart upload, as objects are that are too large for one request."""

    @pytest.fixture(autouse=True)
    def _place(self, place: S3Place) -> None:
        self.place = place

    def make(self, folder: Path) -> Backend:
        opened = S3Backend.open(self.place)
        return S3Backend(opened.place, opened.client, multipart_bytes=1)


@contextmanager
def answers_lost(backend: S3Backend, operation: str, *, arrives: bool) -> Iterator[list[str]]:
    """The next request of that kind gets no answer, though it may have arrived."""
    lost: list[str] = []

    def lose(**details: object) -> None:
        if not lost:
            lost.append(operation)
            raise ReadTimeoutError(endpoint_url="the store")

    events = backend.client.meta.events
    # Before anything is sent, or when the answer is there.
    event = f"{'needs-retry' if arrives else 'before-send'}.s3.{operation}"
    events.register_first(event, lose)
    try:
        yield lost
    finally:
        events.unregister(event, lose)


@pytest.mark.parametrize(
    ("operation", "size"), [("PutObject", 10), ("CompleteMultipartUpload", 100)], ids=["whole", "in parts"]
)
def test_a_put_that_arrived_although_no_answer_came_is_done(
    place: S3Place, operation: str, size: int
) -> None:
    backend = S3Backend(place, S3Backend.open(place).client, multipart_bytes=50)
    with answers_lost(backend, operation, arrives=True) as lost:
        backend.put("packs/a", [b"x" * size])
    assert lost
    assert backend.get("packs/a") == b"x" * size


def test_a_put_that_never_arrived_is_told_and_leaves_nothing(backend: S3Backend) -> None:
    with answers_lost(backend, "PutObject", arrives=False), pytest.raises(StoreUnavailable):
        backend.put("packs/a", [b"x"])
    with pytest.raises(ObjectMissing):
        backend.size("packs/a")


def test_a_put_without_an_answer_never_takes_anothers_object_for_its_own(backend: S3Backend) -> None:
    backend.put("points/p", [b"theirs"])
    with answers_lost(backend, "PutObject", arrives=True), pytest.raises(ObjectExists):
        backend.put("points/p", [b"ours.."])
    assert backend.get("points/p") == b"theirs"


def test_names_that_others_may_want_are_never_put_in_parts(place: S3Place) -> None:
    backend = S3Backend(place, S3Backend.open(place).client, multipart_bytes=50)
    for name in ("points/p", "amendments/p/00000001", "keys/1", "intents/x"):
        with answers_lost(backend, "CreateMultipartUpload", arrives=True) as lost:
            backend.put(name, [b"x" * 100])
        assert not lost


def test_an_upload_in_parts_that_fails_leaves_no_parts_behind(place: S3Place) -> None:
    backend = S3Backend(place, S3Backend.open(place).client, multipart_bytes=50)
    with answers_lost(backend, "UploadPart", arrives=False), pytest.raises(StoreUnavailable):
        backend.put("packs/a", [b"x" * 100])
    uploads = backend.client.list_multipart_uploads(Bucket=place.bucket, Prefix=place.prefix)
    assert uploads.get("Uploads", []) == []


def test_a_body_that_was_changed_on_its_way_is_refused(
    backend: S3Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("safehold.store.backends.s3._checksum", lambda data: "A" * 43 + "=")
    with pytest.raises(StoreUnavailable):
        backend.put("packs/a", [b"x"])
    with pytest.raises(ObjectMissing):
        backend.size("packs/a")


def test_bytes_that_do_not_fit_the_stored_checksum_are_damaged(backend: S3Backend) -> None:
    backend.put("keys/0", [b"the keys"])
    told: list[str] = []
    session = backend.client._endpoint.http_session
    send = session.send

    def lying(request: AWSPreparedRequest) -> AWSResponse:
        response = send(request)
        told.append(response.headers["x-amz-checksum-sha256"])
        response.headers["x-amz-checksum-sha256"] = "A" * 43 + "="
        return response

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "send", lying)
        with pytest.raises(Damaged):
            backend.get("keys/0")
    assert len(told) == 2
    assert backend.get("keys/0") == b"the keys"


def test_an_object_larger_than_a_part_comes_back_whole(
    place: S3Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("safehold.store.backends.s3.PART_BYTES", 5 << 20)
    backend = S3Backend(place, S3Backend.open(place).client, multipart_bytes=6 << 20)
    data = bytes(range(256)) * (26 << 10)
    backend.put("packs/a", [data[:1000], data[1000:]])
    assert backend.get("packs/a") == data
    assert backend.get("packs/a", offset=(5 << 20) - 3, length=6) == data[(5 << 20) - 3 :][:6]


def test_a_listing_of_more_than_a_page_is_whole(backend: S3Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"packs/{number:02}" for number in range(7)]
    for name in names:
        backend.put(name, [b"x"])
    asked = backend.client.get_paginator("list_objects_v2").paginate

    def three_a_page(**arguments: object) -> object:
        return asked(**arguments, PaginationConfig={"PageSize": 3})  # type: ignore[arg-type]

    paginator = type("Paginator", (), {"paginate": staticmethod(three_a_page)})
    monkeypatch.setattr(backend.client, "get_paginator", lambda operation: paginator)
    assert [info.name for info in backend.list("packs/")] == names


def test_a_store_that_does_not_answer_is_unavailable() -> None:
    backend = S3Backend.open(parse_place("s3://b/p?endpoint=http://127.0.0.1:1&region=x"))
    calls: list[Call] = [
        lambda: backend.put("packs/a", [b"x"]),
        lambda: backend.get("packs/a"),
        lambda: backend.get("packs/a", length=1),
        lambda: backend.size("packs/a"),
        lambda: list(backend.list("packs/")),
        lambda: backend.delete("packs/a"),
        lambda: backend.check(),
    ]
    for call in calls:
        with pytest.raises(StoreUnavailable):
            call()


def test_a_bucket_that_is_not_there_is_told_with_what_to_do(seaweed: Seaweed) -> None:
    for call in (
        lambda: check_storage(seaweed.url("no-such-bucket")),
        lambda: open_place(seaweed.url("no-such-bucket"), "v", create=True),
    ):
        with pytest.raises(StoreUnavailable, match="NoSuchBucket") as told:
            call()
        assert "Make the bucket" in told.value.hint


def test_keys_that_may_not_are_told_with_what_to_do(
    seaweed: Seaweed, plain_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    # A region of its own, so that no client made before is used again.
    url = seaweed.url(plain_bucket).replace("us-east-1", "eu-test-1")
    with pytest.raises(StoreUnavailable) as told:
        check_storage(url)
    assert "AWS_ACCESS_KEY_ID" in told.value.hint
    assert "wrong" not in str(told.value)


def test_a_prefix_without_objects_is_no_empty_vault(seaweed: Seaweed, plain_bucket: str) -> None:
    with pytest.raises(StoreUnavailable, match="nothing of the vault"):
        open_place(seaweed.url(plain_bucket, "nothing"), "v", create=False)


def test_a_vault_on_it_takes_backups_and_gives_them_back(seaweed: Seaweed, plain_bucket: str) -> None:
    url, vault = seaweed.url(plain_bucket, "site"), uuid.uuid4().hex
    tree: Tree = {b"small": b"few bytes", b"folder": {b"large": bytes(range(256)) * 8192}}
    back_up(open_store(open_place(url, vault, create=True)), "p", tree)
    back_up(open_store(open_place(url, vault, create=False)), "q", {**tree, b"new": b"x"}, previous="p")
    store = open_store(open_place(url, vault, create=False))
    assert restore(store, "p") == flat(tree)
    assert verify(store, read_data=True).is_well


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("s3://b", S3Place("b", "")),
        ("s3://b/", S3Place("b", "")),
        ("s3://b/p/q/", S3Place("b", "p/q/")),
        ("s3://b/p?region=eu-west-1", S3Place("b", "p/", region="eu-west-1")),
        ("s3://b/p?endpoint=http://h:1", S3Place("b", "p/", endpoint="http://h:1", addressing="path")),
        (
            "s3://b/p?endpoint=https://h&addressing=virtual",
            S3Place("b", "p/", endpoint="https://h", addressing="virtual"),
        ),
        (
            "s3://b?bytes_per_second=5e6&requests_per_second=100",
            S3Place("b", "", bytes_per_second=5e6, requests_per_second=100),
        ),
    ],
)
def test_a_url_names_a_place(url: str, expected: S3Place) -> None:
    assert parse_place(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "s3://",
        "s3:///p",
        "s3://key:secret@b/p",
        "s3://b/p?endpiont=http://h",
        "s3://b/p?addressing=x",
        "s3://b/p?bytes_per_second=fast",
        "s3://b/p?requests_per_second=-1",
    ],
)
def test_a_url_that_names_no_place_is_refused_without_telling_secrets(url: str) -> None:
    with pytest.raises(ConfigError) as told:
        check_storage(url)
    assert told.value.hint
    assert "secret" not in str(told.value)
